import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { compileEventPattern } from '../aws/event-pattern.ts';
import { queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import type { ReceivedMessage } from '../aws/sqs-message.ts';
import { failedItems } from './batch-response.ts';
import type { LocalFunction } from './functions.ts';
import type { EventSource, Intake } from './intake.ts';
import { TemplateError } from './template-error.ts';

/** Lambda's own bound on a batch of a standard queue. docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const BATCH_MAX = 10_000;
const RECEIVE_MAX = 10;
const POLL_MS = 20_000;
/** Without a setting, Lambda begins with five concurrent batches. docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const CONCURRENCY_DEFAULT = 5;
/** After a failure of the queue itself, not of the function. */
const TROUBLE_MS = 1_000;

const mappingSchema = z
  .strictObject({
    EventSourceArn: z.string(),
    FunctionName: z.string(),
    Enabled: z.boolean().default(true),
    BatchSize: z.coerce.number().int().min(1).max(BATCH_MAX).default(10),
    MaximumBatchingWindowInSeconds: z.coerce.number().int().min(0).max(300).default(0),
    FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
    ScalingConfig: z.strictObject({ MaximumConcurrency: z.coerce.number().int().min(2).max(1_000) }).optional(),
    FilterCriteria: z.strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) }).optional(),
    Tags: z.unknown().optional(),
  })
  .refine((mapping) => mapping.BatchSize <= RECEIVE_MAX || mapping.MaximumBatchingWindowInSeconds > 0, {
    error: 'a BatchSize above 10 needs a MaximumBatchingWindowInSeconds of at least 1, as on AWS',
  });
type SqsMapping = z.infer<typeof mappingSchema>;

/** @throws TemplateError naming the mapping when Lambda would refuse its properties. */
export function sqsMapping(logicalId: string, properties: unknown): SqsMapping {
  const parsed = mappingSchema.safeParse(properties);
  if (parsed.success) return parsed.data;
  throw new TemplateError(`${logicalId}, which feeds a function from a queue: ${z.prettifyError(parsed.error)}`);
}

/** How many batches of a queue are in hand at once: the function needs as many instances. */
export const concurrencyOf = (mapping: SqsMapping): number => mapping.ScalingConfig?.MaximumConcurrency ?? CONCURRENCY_DEFAULT;

export interface SqsEventSourceOptions {
  readonly logicalId: string;
  readonly properties: unknown; // of the AWS::Lambda::EventSourceMapping
  readonly target: LocalFunction;
  readonly sqs: Sqs;
  readonly region: string;
  readonly intake: Intake;
  readonly warn: (message: string) => void;
}

/** Polls a queue as Lambda does: batches go to the function, handled messages are deleted, failed ones come back by visibility. */
export function sqsEventSource(options: SqsEventSourceOptions): EventSource {
  const mapping = sqsMapping(options.logicalId, options.properties);
  const { sqs, target, intake } = options;
  const queue = queueNameOf(mapping.EventSourceArn);
  const partial = mapping.FunctionResponseTypes.length > 0;
  const filters = mapping.FilterCriteria?.Filters.map(({ Pattern }) => compileEventPattern(JSON.parse(Pattern)));

  async function take(): Promise<ReceivedMessage[]> {
    const interrupted = new AbortController();
    const forget = intake.onPause(() => interrupted.abort());
    const { signal } = interrupted;
    try {
      const batch = await sqs.receive(queue, { max: Math.min(RECEIVE_MAX, mapping.BatchSize), waitMs: POLL_MS, signal });
      const until = performance.now() + mapping.MaximumBatchingWindowInSeconds * 1_000;
      while (batch.length > 0 && batch.length < mapping.BatchSize && performance.now() < until && !signal.aborted) {
        const max = Math.min(RECEIVE_MAX, mapping.BatchSize - batch.length);
        batch.push(...(await sqs.receive(queue, { max, waitMs: until - performance.now(), signal })));
      }
      return batch;
    } finally {
      forget();
    }
  }

  async function handle(taken: readonly ReceivedMessage[]): Promise<void> {
    const batch =
      filters === undefined ? taken : taken.filter((message) => filters.some((matches) => matches(filterable(message))));
    // What no filter wants is deleted unseen: docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
    const handled = taken.filter((message) => !batch.includes(message));
    if (batch.length > 0) {
      const Records = batch.map((message) => eventRecord(message, mapping.EventSourceArn, options.region));
      const result = await target.invoke({ Records });
      if (!result.ok) options.warn(`${target.spec.name}: ${result.error.type}: ${result.error.message}`);
      const identifiers = batch.map((message) => message.messageId);
      const failed = !result.ok ? 'all' : partial ? failedItems(result.payload, identifiers) : new Set<string>();
      if (failed !== 'all') handled.push(...batch.filter((message) => !failed.has(message.messageId)));
    }
    const handles = handled.map((message) => message.receiptHandle);
    for (let start = 0; start < handles.length; start += RECEIVE_MAX)
      await sqs.remove(queue, handles.slice(start, start + RECEIVE_MAX));
  }

  async function poll(): Promise<void> {
    while (await intake.whenOpen()) {
      try {
        const batch = await take();
        if (batch.length > 0) await handle(batch);
      } catch (error) {
        options.warn(`${options.logicalId}: ${String(error)}`);
        await sleep(TROUBLE_MS);
      }
    }
  }

  const pollers = Array.from({ length: concurrencyOf(mapping) }, poll);
  return { ended: Promise.all(pollers).then(() => undefined) };
}

/** The message as filters see it: a body that is JSON can be looked into. */
function filterable(message: ReceivedMessage): object {
  let body: unknown = message.body;
  try {
    body = JSON.parse(message.body);
  } catch {
    // Plain text: a pattern may still match it whole.
  }
  return { ...message, body };
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
