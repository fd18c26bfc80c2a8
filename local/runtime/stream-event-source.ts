import * as z from 'zod';
import type { DynamoDb } from '../aws/dynamodb.ts';
import { compileEventPattern } from '../aws/event-pattern.ts';
import { queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import { failedItems } from './batch-response.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { InvocationResult, LocalFunction } from './functions.ts';
import type { EventSource, Intake } from './intake.ts';
import { TemplateError } from './template-error.ts';

const BATCH_MAX = 1_000; // what one read of the stream gives; Lambda's own bound is 10,000

/** Defaults as in docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html */
const mappingSchema = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  Enabled: z.boolean().default(true),
  StartingPosition: z.literal('TRIM_HORIZON', {
    error: 'only TRIM_HORIZON is run here: with LATEST, what is written before the first read would be lost',
  }),
  BatchSize: z.coerce.number().int().min(1).max(BATCH_MAX).default(100),
  MaximumBatchingWindowInSeconds: z.coerce.number().int().min(0).max(300).default(0),
  MaximumRetryAttempts: z.coerce.number().int().min(-1).max(10_000).default(-1), // -1: until the records are too old
  MaximumRecordAgeInSeconds: z.coerce.number().int().min(-1).max(604_800).default(-1), // -1: as long as the stream keeps them
  BisectBatchOnFunctionError: z.boolean().default(false),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  FilterCriteria: z.strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) }).optional(),
  DestinationConfig: z
    .strictObject({ OnFailure: z.strictObject({ Destination: z.string().regex(/^arn:[^:]+:sqs:/, { error: 'only a queue' }) }) })
    .optional(),
  ParallelizationFactor: z.unknown().optional(),
  Tags: z.unknown().optional(),
});

type StreamRecord = Awaited<ReturnType<DynamoDb['readStream']>>[number];

/** A wake-up may be missed (a write past the gateway): the stream is looked at anyway now and then. */
const IDLE_POLL_MS = 1_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;
/** DynamoDB keeps a stream's records for a day: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html */
const RECORD_AGE_SECONDS_MAX = 86_400;

export interface StreamEventSourceOptions {
  readonly logicalId: string;
  readonly properties: unknown; // of the AWS::Lambda::EventSourceMapping
  readonly tableName: string;
  readonly target: LocalFunction;
  readonly dynamodb: DynamoDb;
  readonly sqs: Sqs;
  readonly checkpoints: Checkpoints;
  /**
   * How long writes are gathered before they are looked at, ms. AWS polls an idle shard about four times a second
   * (docs.aws.amazon.com/lambda/latest/dg/with-ddb.html) and a busy one without a pause.
   */
  readonly pollMs: number;
  readonly intake: Intake;
  readonly warn: (message: string) => void;
}

export interface StreamEventSource extends EventSource {
  /** True when everything written so far was handed over. */
  drained(): boolean;
}

/** What became of the records that were tried: so many of the first ones passed. */
interface Attempt {
  readonly passed: number;
  readonly result: InvocationResult;
}

/** Reads a table's stream in order and hands it to the function, retrying a failed batch until it passes or is given up. */
export function streamEventSource(options: StreamEventSourceOptions): StreamEventSource {
  const { dynamodb, target, checkpoints, intake, logicalId } = options;
  const parsed = mappingSchema.safeParse(options.properties);
  if (!parsed.success)
    throw new TemplateError(`${logicalId}, which feeds a function from a stream: ${z.prettifyError(parsed.error)}`);
  const mapping = parsed.data;
  const filters = mapping.FilterCriteria?.Filters.map((filter) => compileEventPattern(JSON.parse(filter.Pattern)));
  const retriesMax = mapping.MaximumRetryAttempts < 0 ? Number.POSITIVE_INFINITY : mapping.MaximumRetryAttempts;
  const ageMaxMs = 1_000 * (mapping.MaximumRecordAgeInSeconds < 0 ? RECORD_AGE_SECONDS_MAX : mapping.MaximumRecordAgeInSeconds);

  let writes = 1; // the stream may hold records from a former run
  let handledWrites = 0;
  let wake: () => void = () => undefined;
  const unlisten = dynamodb.onStreamWrite(options.tableName, () => {
    writes += 1;
    wake();
  });
  const stopSleeping = new Set<() => void>();
  intake.onPause(() => {
    for (const stop of stopSleeping) stop();
  });

  /** Sleeps, at most until the intake pauses. @param wakeable - also until somebody writes. */
  function rest(ms: number, wakeable = false): Promise<void> {
    if (!intake.isOpen()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        stopSleeping.delete(done);
        if (wakeable) wake = () => undefined;
        resolve();
      }
      stopSleeping.add(done);
      if (wakeable) wake = done;
    });
  }

  async function loop(): Promise<void> {
    while (await intake.whenOpen()) {
      try {
        const noted = writes;
        const records = await read();
        if (records.length > 0) {
          await handOver(records);
          continue;
        }
        handledWrites = noted;
        if (noted === writes) await rest(IDLE_POLL_MS, true);
        if (options.pollMs > 0) await rest(options.pollMs);
      } catch (error) {
        options.warn(`${logicalId}: ${String(error)}`);
        await rest(IDLE_POLL_MS);
      }
    }
    unlisten();
  }

  async function read(): Promise<StreamRecord[]> {
    const from = checkpoints.get(logicalId);
    const records = await dynamodb.readStream(options.tableName, from, mapping.BatchSize);
    if (records.length === 0 || records.length >= mapping.BatchSize || mapping.MaximumBatchingWindowInSeconds === 0)
      return records;
    await rest(mapping.MaximumBatchingWindowInSeconds * 1_000);
    return dynamodb.readStream(options.tableName, from, mapping.BatchSize);
  }

  /** The checkpoint follows what passed or was given up; it stays where the intake closed before that. */
  async function handOver(records: readonly StreamRecord[]): Promise<void> {
    const wanted = filters === undefined ? records : records.filter((record) => filters.some((matches) => matches(record)));
    if (await through(wanted, { retries: 0, invokes: 0 })) settle(records);
  }

  function settle(records: readonly StreamRecord[]): void {
    const last = records.at(-1);
    if (last !== undefined) checkpoints.set(logicalId, sequenceOf(last));
  }

  /** Gets the records through, whole or in parts. @returns false when the intake closed before. */
  async function through(records: readonly StreamRecord[], tried: { retries: number; invokes: number }): Promise<boolean> {
    let open = records;
    let { retries, invokes } = tried;
    // Each round passes, divides or gives up some records, or counts a retry; the records' age bounds those.
    while (open.length > 0) {
      const firstYoung = open.findIndex((record) => ageMs(record) <= ageMaxMs);
      if (firstYoung !== 0) {
        const expired = firstYoung < 0 ? open : open.slice(0, firstYoung);
        await giveUp(expired, 'RecordAgeExceeded', invokes);
        open = open.slice(expired.length);
        continue;
      }
      if (!(await intake.whenOpen())) return false;
      const { passed, result } = await attempt(open);
      invokes += 1;
      settle(open.slice(0, passed));
      open = open.slice(passed);
      if (open.length === 0) return true;
      // An error divides the batch, which is no retry; a partial answer has divided it already.
      // docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html and services-ddb-batchfailurereporting.html
      if (!result.ok && mapping.BisectBatchOnFunctionError && open.length > 1) {
        const half = Math.ceil(open.length / 2);
        if (!(await through(open.slice(0, half), { retries, invokes }))) return false;
        open = open.slice(half);
        continue;
      }
      retries += 1;
      if (retries > retriesMax) {
        await giveUp(open, 'RetryAttemptsExhausted', invokes, result);
        return true;
      }
      await rest(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(retries, 10)));
    }
    return true;
  }

  async function attempt(records: readonly StreamRecord[]): Promise<Attempt> {
    const result = await target.invoke({ Records: records });
    if (!result.ok) {
      options.warn(`${target.spec.name}: ${result.error.type}: ${result.error.message}`);
      return { passed: 0, result };
    }
    if (mapping.FunctionResponseTypes.length === 0) return { passed: records.length, result };
    const sequences = records.map(sequenceOf);
    const failed = failedItems(result.payload, sequences);
    if (failed === 'all') return { passed: 0, result };
    // The lowest sequence number is where it goes on: what comes after it is tried again too.
    const first = sequences.findIndex((sequence) => failed.has(sequence));
    return { passed: first < 0 ? records.length : first, result };
  }

  /** Sends what AWS sends: where the records lie, not what they hold. docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
  async function giveUp(
    records: readonly StreamRecord[],
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded',
    invokes: number,
    result?: InvocationResult,
  ): Promise<void> {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    options.warn(`${target.spec.name}: gave up on ${records.length} stream records (${condition})`);
    const body = {
      requestContext: { requestId: first.eventID, functionArn: target.spec.arn, condition, approximateInvokeCount: invokes },
      ...(result !== undefined && {
        responseContext: { statusCode: 200, executedVersion: '$LATEST', ...(!result.ok && { functionError: 'Unhandled' }) },
      }),
      version: '1.0',
      timestamp: new Date().toISOString(),
      DDBStreamBatchInfo: {
        shardId: 'shardId-00000000000000000000-local',
        startSequenceNumber: sequenceOf(first),
        endSequenceNumber: sequenceOf(last),
        approximateArrivalOfFirstRecord: new Date(createdAtMs(first)).toISOString(),
        approximateArrivalOfLastRecord: new Date(createdAtMs(last)).toISOString(),
        batchSize: records.length,
        streamArn: first.eventSourceARN,
      },
    };
    const destination = mapping.DestinationConfig?.OnFailure.Destination;
    if (destination !== undefined) await options.sqs.send(queueNameOf(destination), [{ body: JSON.stringify(body) }]);
    settle(records);
  }

  return { drained: () => handledWrites === writes, ended: loop() };
}

const sequenceOf = (record: StreamRecord): string => record.dynamodb.SequenceNumber;
const createdAtMs = (record: StreamRecord): number => record.dynamodb.ApproximateCreationDateTime * 1_000;
/** By the system's clock, which stamped the record. */
const ageMs = (record: StreamRecord): number => Date.now() - createdAtMs(record);
