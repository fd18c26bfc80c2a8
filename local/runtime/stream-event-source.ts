import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { DynamoDb } from '../aws/dynamodb.ts';
import { compileEventPattern } from '../aws/event-pattern.ts';
import type { LocalFunction } from './functions.ts';
import { queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import type { EventSource } from './sqs-event-source.ts';

const mappingSchema = z.object({
  BatchSize: z.coerce.number().int().min(1).max(10_000).default(100),
  MaximumBatchingWindowInSeconds: z.coerce.number().int().min(0).max(300).default(0),
  MaximumRetryAttempts: z.coerce.number().int().min(-1).default(-1), // -1: until the records expire
  BisectBatchOnFunctionError: z.boolean().default(false),
  FunctionResponseTypes: z.array(z.string()).default([]),
  FilterCriteria: z.object({ Filters: z.array(z.object({ Pattern: z.string() })) }).optional(),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).optional(),
});
const failuresSchema = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })) });

type StreamRecord = Awaited<ReturnType<DynamoDb['readStream']>>[number];

/** A wake-up may be missed (a write by another process): the stream is looked at anyway now and then. */
const IDLE_POLL_MS = 1_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;
/** A record that always fails would otherwise be tried for a day. */
const RETRIES_WITHOUT_SETTING = 10_000;

/** Where each mapping stands in its stream, kept over restarts. */
export interface Checkpoints {
  get(mapping: string): string | undefined;
  set(mapping: string, sequence: string): void;
  close(): void;
}

export function openCheckpoints(file: string): Checkpoints {
  const db = new DatabaseSync(file);
  db.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS checkpoints(mapping TEXT PRIMARY KEY, sequence TEXT NOT NULL)',
  );
  const read = db.prepare('SELECT sequence FROM checkpoints WHERE mapping = ?');
  const write = db.prepare(
    'INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT(mapping) DO UPDATE SET sequence = excluded.sequence',
  );
  return {
    get: (mapping) => z.object({ sequence: z.string() }).optional().parse(read.get(mapping))?.sequence,
    set: (mapping, sequence) => void write.run(mapping, sequence),
    close: () => db.close(),
  };
}

export interface StreamEventSourceOptions {
  readonly mapping: string; // logical id
  readonly properties: unknown;
  readonly tableName: string;
  readonly target: LocalFunction;
  readonly dynamodb: DynamoDb;
  readonly sqs: Sqs;
  readonly checkpoints: Checkpoints;
  /**
   * How soon a write is looked at, ms. AWS polls an idle shard about four times a second
   * (docs.aws.amazon.com/lambda/latest/dg/with-ddb.html) and a busy one without a pause.
   */
  readonly pollMs: number;
  readonly mayTake: () => Promise<void>;
  readonly warn: (message: string) => void;
}

export interface StreamEventSource extends EventSource {
  /** True when everything written so far was handed over. */
  drained(): boolean;
}

/** Reads a table's stream in order and hands it to the function, retrying a failed batch until it passes or is given up. */
export function streamEventSource(options: StreamEventSourceOptions): StreamEventSource {
  const mapping = mappingSchema.parse(options.properties);
  const { dynamodb, target, checkpoints } = options;
  const filters = mapping.FilterCriteria?.Filters.map((filter) => compileEventPattern(JSON.parse(filter.Pattern)));
  const stopping = new AbortController();
  let writes = 1; // the stream may hold records from a former run
  let handledWrites = 0;
  let wake: () => void = () => undefined;
  const unlisten = dynamodb.onStreamWrite(options.tableName, () => {
    writes += 1;
    wake();
  });

  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        stopping.signal.removeEventListener('abort', done);
        wake = () => undefined;
        resolve();
      }
      wake = done;
      stopping.signal.addEventListener('abort', done, { once: true });
    });
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await options.mayTake();
      const noted = writes;
      const records = await read();
      if (records.length > 0) await handOver(records);
      else {
        handledWrites = noted;
        if (noted === writes) await rest(IDLE_POLL_MS);
        if (!stopping.signal.aborted && options.pollMs > 0) await new Promise((resolve) => setTimeout(resolve, options.pollMs));
      }
    }
  }

  async function read(): Promise<StreamRecord[]> {
    const from = checkpoints.get(options.mapping);
    const records = await dynamodb.readStream(options.tableName, from, mapping.BatchSize);
    if (records.length === 0 || records.length >= mapping.BatchSize || mapping.MaximumBatchingWindowInSeconds === 0)
      return records;
    await new Promise((resolve) => setTimeout(resolve, mapping.MaximumBatchingWindowInSeconds * 1_000));
    return dynamodb.readStream(options.tableName, from, mapping.BatchSize);
  }

  async function handOver(records: readonly StreamRecord[]): Promise<void> {
    const wanted = filters === undefined ? records : records.filter((record) => filters.some((matches) => matches(record)));
    if (!(await passed(wanted, 0))) return; // stopping: the checkpoint stays
    const last = records.at(-1);
    if (last !== undefined) checkpoints.set(options.mapping, sequenceOf(last));
  }

  /** Returns false when the source stops before the records are through. */
  async function passed(records: readonly StreamRecord[], attempts: number): Promise<boolean> {
    let open = records;
    let tried = attempts;
    const retriesMax = mapping.MaximumRetryAttempts < 0 ? RETRIES_WITHOUT_SETTING : mapping.MaximumRetryAttempts;
    while (open.length > 0) {
      if (stopping.signal.aborted) return false;
      const result = await target.invoke({ Records: open });
      const failedAt = result.ok ? firstFailure(result.payload, open) : 0;
      if (failedAt === undefined) return true;
      if (!result.ok) options.warn(`${target.spec.name}: ${result.error.type}: ${result.error.message}`);
      if (stopping.signal.aborted) return false;
      open = open.slice(failedAt);
      if (failedAt === 0 && mapping.BisectBatchOnFunctionError && open.length > 1) {
        const middle = Math.ceil(open.length / 2);
        if (!(await passed(open.slice(0, middle), tried))) return false;
        open = open.slice(middle);
        continue;
      }
      tried += 1;
      if (tried > retriesMax) {
        await giveUp(open);
        return true;
      }
      await rest(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(tried, 10)));
    }
    return true;
  }

  function firstFailure(payload: unknown, open: readonly StreamRecord[]): number | undefined {
    if (!mapping.FunctionResponseTypes.includes('ReportBatchItemFailures')) return undefined;
    const answer = failuresSchema.safeParse(payload);
    if (!answer.success) return payload === null || payload === undefined ? undefined : 0;
    const positions = answer.data.batchItemFailures.map((failure) =>
      open.findIndex((record) => sequenceOf(record) === failure.itemIdentifier),
    );
    if (positions.length === 0) return undefined;
    return positions.includes(-1) ? 0 : Math.min(...positions);
  }

  /** The metadata that AWS sends: where the records lie, not what they hold. docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
  async function giveUp(records: readonly StreamRecord[]): Promise<void> {
    const destination = mapping.DestinationConfig?.OnFailure?.Destination;
    const [first] = records;
    const last = records.at(-1);
    options.warn(`${target.spec.name}: gave up on ${records.length} stream records`);
    if (destination === undefined || first === undefined || last === undefined) return;
    const body = {
      requestContext: {
        functionArn: target.spec.arn,
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: mapping.MaximumRetryAttempts + 1,
      },
      version: '1.0',
      timestamp: new Date().toISOString(),
      DDBStreamBatchInfo: {
        shardId: 'shardId-00000001',
        startSequenceNumber: sequenceOf(first),
        endSequenceNumber: sequenceOf(last),
        batchSize: records.length,
        streamArn: first.eventSourceARN,
      },
    };
    await options.sqs.send(queueNameOf(destination), [{ body: JSON.stringify(body) }]);
  }

  const running = loop();
  return {
    drained: () => handledWrites === writes,
    async close() {
      stopping.abort();
      unlisten();
      wake();
      await running;
    },
  };
}

function sequenceOf(record: StreamRecord): string {
  return String(record.dynamodb.SequenceNumber);
}
