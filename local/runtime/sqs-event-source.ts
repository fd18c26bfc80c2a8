import * as z from 'zod';
import type { LocalFunction } from './functions.ts';
import { queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import type { ReceivedMessage } from '../aws/sqs-message.ts';

/** Lambda's own bound on a batch of a standard queue. docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const BATCH_MAX = 10_000;
const RECEIVE_MAX = 10;
const POLL_MS = 20_000;
/** Without a setting, Lambda begins with five concurrent batches. docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const CONCURRENCY_DEFAULT = 5;

const mappingSchema = z.object({
  EventSourceArn: z.string(),
  BatchSize: z.coerce.number().int().min(1).max(BATCH_MAX).default(10),
  MaximumBatchingWindowInSeconds: z.coerce.number().int().min(0).max(300).default(0),
  FunctionResponseTypes: z.array(z.string()).default([]),
  ScalingConfig: z.object({ MaximumConcurrency: z.coerce.number().int().min(2) }).optional(),
});

const failuresSchema = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })) });

/** Something that feeds a function, and can be told to rest. */
export interface EventSource {
  /** Stops taking; what is in hand is finished. */
  close(): Promise<void>;
}

export interface SqsEventSourceOptions {
  readonly properties: unknown; // of the AWS::Lambda::EventSourceMapping
  readonly target: LocalFunction;
  readonly sqs: Sqs;
  readonly region: string;
  /** Resolves when event sources may take messages: at once, unless the stack is paused. */
  readonly mayTake: () => Promise<void>;
  readonly warn: (message: string) => void;
}

/** How many batches of a queue are in hand at once: the function needs as many instances. */
export function concurrencyOf(properties: unknown): number {
  return mappingSchema.parse(properties).ScalingConfig?.MaximumConcurrency ?? CONCURRENCY_DEFAULT;
}

/** Polls a queue as Lambda does: batches go to the function, handled messages are deleted, failed ones come back by visibility. */
export function sqsEventSource(options: SqsEventSourceOptions): EventSource {
  const mapping = mappingSchema.parse(options.properties);
  if (mapping.BatchSize > RECEIVE_MAX && mapping.MaximumBatchingWindowInSeconds === 0) {
    throw new Error('A batch size above 10 needs a batching window of at least 1 second, as on AWS.');
  }
  const { sqs, target } = options;
  const queue = queueNameOf(mapping.EventSourceArn);
  const partial = mapping.FunctionResponseTypes.includes('ReportBatchItemFailures');
  const stopping = new AbortController();

  async function take(): Promise<ReceivedMessage[]> {
    const first = await sqs.receive(queue, {
      max: Math.min(RECEIVE_MAX, mapping.BatchSize),
      waitMs: POLL_MS,
      signal: stopping.signal,
    });
    const batch = [...first];
    const until = Date.now() + mapping.MaximumBatchingWindowInSeconds * 1_000;
    while (batch.length > 0 && batch.length < mapping.BatchSize && Date.now() < until && !stopping.signal.aborted) {
      const max = Math.min(RECEIVE_MAX, mapping.BatchSize - batch.length);
      batch.push(...(await sqs.receive(queue, { max, waitMs: until - Date.now(), signal: stopping.signal })));
    }
    return batch;
  }

  async function handle(batch: readonly ReceivedMessage[]): Promise<void> {
    const result = await target.invoke({
      Records: batch.map((message) => eventRecord(message, mapping.EventSourceArn, options.region)),
    });
    if (!result.ok) {
      options.warn(`${target.spec.name}: ${result.error.type}: ${result.error.message}`);
      return; // all come back
    }
    const failed = partial ? failedIds(result.payload, batch) : new Set<string>();
    const handled = batch.filter((message) => !failed.has(message.messageId)).map((message) => message.receiptHandle);
    for (let start = 0; start < handled.length; start += RECEIVE_MAX)
      await sqs.remove(queue, handled.slice(start, start + RECEIVE_MAX));
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      await options.mayTake();
      const batch = await take();
      // What was taken while stopping comes back by visibility, as after a crash.
      if (batch.length > 0 && !stopping.signal.aborted) await handle(batch);
    }
  }

  const pollers = Array.from({ length: concurrencyOf(mapping) }, poll);
  return {
    async close() {
      stopping.abort();
      await Promise.allSettled(pollers);
    },
  };
}

/** A malformed answer, an empty id or an unknown one fails the whole batch. docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
function failedIds(payload: unknown, batch: readonly ReceivedMessage[]): Set<string> {
  const all = new Set(batch.map((message) => message.messageId));
  if (payload === null || payload === undefined) return new Set();
  const answer = failuresSchema.safeParse(payload);
  if (!answer.success) return typeof payload === 'object' && !('batchItemFailures' in payload) ? new Set() : all;
  const ids = answer.data.batchItemFailures.map((failure) => failure.itemIdentifier);
  return ids.every((id) => all.has(id)) ? new Set(ids) : all;
}

function eventRecord(message: ReceivedMessage, eventSourceARN: string, awsRegion: string) {
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: message.attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(message.messageAttributes ?? {}).map(([name, value]) => [
        name,
        {
          dataType: value.DataType,
          stringValue: value.StringValue,
          binaryValue: value.BinaryValue,
          stringListValues: [],
          binaryListValues: [],
        },
      ]),
    ),
    md5OfBody: message.md5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion,
  };
}
