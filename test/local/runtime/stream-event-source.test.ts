import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { LOCAL_ACCOUNT, queueArn, streamArn } from '../../../local/aws/local-account.ts';
import { type Checkpoints, openCheckpoints } from '../../../local/runtime/checkpoints.ts';
import { type Intake, intake } from '../../../local/runtime/intake.ts';
import { type StreamEventSource, streamEventSource } from '../../../local/runtime/stream-event-source.ts';
import { type EmbeddedAws, embeddedAws, RECORDS_TABLE } from '../aws/embedded-aws.ts';
import { FUNCTION_ARN, type ScriptedFunction, scriptedFunction, until } from './scripted-function.ts';

let aws: EmbeddedAws;
let checkpoints: Checkpoints;
let tableNumber = 0;
const open: { readonly taking: Intake; readonly source: StreamEventSource }[] = [];

beforeAll(async () => {
  aws = await embeddedAws();
  checkpoints = openCheckpoints(`${aws.dataDir}/checkpoints.sqlite`);
});
afterEach(closeAll);
afterAll(async () => {
  checkpoints.close();
  await aws.close();
});

async function closeAll(): Promise<void> {
  for (const { taking, source } of open.splice(0)) {
    taking.close();
    await source.ended;
  }
}

const eventSchema = z.object({
  Records: z.array(
    z.looseObject({
      eventID: z.string(),
      dynamodb: z.looseObject({ SequenceNumber: z.string(), Keys: z.object({ sk: z.object({ S: z.string() }) }) }),
    }),
  ),
});
const recordsOf = (event: unknown) => eventSchema.parse(event).Records;
const keysOf = (event: unknown): string[] => recordsOf(event).map((record) => record.dynamodb.Keys.sk.S);
const failuresOf = (event: unknown, key: string) => ({
  batchItemFailures: recordsOf(event).flatMap(({ dynamodb }) =>
    dynamodb.Keys.sk.S === key ? [{ itemIdentifier: dynamodb.SequenceNumber }] : [],
  ),
});

async function freshTable(): Promise<string> {
  const table = `table-${++tableNumber}`;
  await aws.dynamodb.ensureTable(table, RECORDS_TABLE);
  return table;
}

async function write(table: string, keys: readonly string[], more: object = {}): Promise<void> {
  for (const key of keys)
    await aws.dynamodb.call('PutItem', { TableName: table, Item: { pk: { S: 'one' }, sk: { S: key }, ...more } });
  aws.dynamodb.noteWrite(table);
}

function read(table: string, target: ScriptedFunction, properties: object = {}): StreamEventSource & { taking: Intake } {
  const taking = intake();
  const source = streamEventSource({
    logicalId: `From${table}`,
    properties: {
      EventSourceArn: streamArn(LOCAL_ACCOUNT, table),
      FunctionName: 'scripted',
      StartingPosition: 'TRIM_HORIZON',
      ...properties,
    },
    tableName: table,
    target,
    dynamodb: aws.dynamodb,
    sqs: aws.sqs,
    checkpoints,
    pollMs: 1,
    intake: taking,
    warn: () => undefined,
  });
  open.push({ taking, source });
  return { ...source, taking };
}

const letters = (count: number): string[] => Array.from({ length: count }, (_, at) => `item ${String(at).padStart(2, '0')}`);
const PARTIAL = { FunctionResponseTypes: ['ReportBatchItemFailures'] };

function freshQueue(): { readonly queue: string; readonly destination: object } {
  const queue = `gave-up-${++tableNumber}`;
  aws.sqs.ensureQueue(queue);
  return { queue, destination: { DestinationConfig: { OnFailure: { Destination: queueArn(LOCAL_ACCOUNT, queue) } } } };
}
const gaveUp = (queue: string): unknown[] => aws.sqs.peek(queue, 10).map((message) => JSON.parse(message.body));

// docs.aws.amazon.com/lambda/latest/dg/with-ddb.html and services-dynamodb-errors.html
describe('A stream that feeds a function', () => {
  it('hands over every change, in order, in batches of at most BatchSize', async () => {
    const table = await freshTable();
    await write(table, letters(25));
    const target = scriptedFunction(() => null);
    const source = read(table, target, { BatchSize: 10 });
    expect(source.drained()).toBe(false);
    await until(source.drained, 'the end of the stream');
    expect(target.events.map((event) => recordsOf(event).length)).toEqual([10, 10, 5]);
    expect(target.events.flatMap(keysOf)).toEqual(letters(25));
    await write(table, ['one more']);
    expect(source.drained()).toBe(false);
    await until(source.drained, 'the end of the stream');
    expect(target.events.flatMap(keysOf).at(-1)).toBe('one more');
  });

  it('leaves out what no filter wants, and calls nobody for it', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b'], { state: { S: 'old' } });
    await write(table, ['c'], { state: { S: 'new' } });
    const target = scriptedFunction(() => null);
    const source = read(table, target, {
      BatchSize: 2,
      FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"NewImage":{"state":{"S":["new"]}}}}' }] },
    });
    await until(source.drained, 'the end of the stream');
    expect(target.events.map(keysOf)).toEqual([['c']]);
  });

  it('tries a failed batch again, and lets nothing overtake it', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b', 'c']);
    const target = scriptedFunction((_, invocation) => {
      if (invocation <= 2) throw new Error('not now');
    });
    const source = read(table, target, { BatchSize: 2 });
    await until(source.drained, 'the end of the stream');
    expect(target.events.map(keysOf)).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], ['c']]);
  });

  it('waits between tries, however much is written meanwhile', async () => {
    const table = await freshTable();
    await write(table, ['a']);
    const target = scriptedFunction((_, invocation) => {
      if (invocation <= 2) throw new Error('not now');
    });
    const source = read(table, target);
    await until(() => target.events.length === 1);
    const failedAt = performance.now();
    while (target.events.length === 1) {
      aws.dynamodb.noteWrite(table);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(performance.now() - failedAt).toBeGreaterThan(150);
    await until(source.drained, 'the end of the stream');
  });

  it('divides a batch that fails until the bad record stands alone, gives it up and tells where it lies', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b', 'bad', 'c', 'd']);
    const { queue, destination } = freshQueue();
    const target = scriptedFunction((event) => {
      if (keysOf(event).includes('bad')) throw new Error('cannot read this');
    });
    const source = read(table, target, { BisectBatchOnFunctionError: true, MaximumRetryAttempts: 1, ...destination });
    await until(source.drained, 'the end of the stream');
    const passed = target.events.map(keysOf).filter((keys) => !keys.includes('bad'));
    expect(passed.flat()).toEqual(['a', 'b', 'c', 'd']);
    const bad = target.events.flatMap(recordsOf).find((record) => record.dynamodb.Keys.sk.S === 'bad');
    expect(gaveUp(queue)).toEqual([
      {
        requestContext: {
          requestId: expect.any(String),
          functionArn: FUNCTION_ARN,
          condition: 'RetryAttemptsExhausted',
          approximateInvokeCount: expect.any(Number),
        },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        version: '1.0',
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        DDBStreamBatchInfo: {
          shardId: expect.any(String),
          startSequenceNumber: bad?.dynamodb.SequenceNumber,
          endSequenceNumber: bad?.dynamodb.SequenceNumber,
          approximateArrivalOfFirstRecord: expect.stringMatching(/Z$/),
          approximateArrivalOfLastRecord: expect.stringMatching(/Z$/),
          batchSize: 1,
          streamArn: streamArn(LOCAL_ACCOUNT, table),
        },
      },
    ]);
    expect(JSON.stringify(gaveUp(queue))).not.toContain('bad'); // where it lies, not what it holds
  });

  it('goes on at the first record that the function names', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b', 'c', 'd']);
    const target = scriptedFunction((event, invocation) => (invocation === 1 ? failuresOf(event, 'c') : null));
    const source = read(table, target, PARTIAL);
    await until(source.drained, 'the end of the stream');
    expect(target.events.map(keysOf)).toEqual([
      ['a', 'b', 'c', 'd'],
      ['c', 'd'],
    ]);
  });

  it('tries everything again after a malformed answer', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b']);
    const target = scriptedFunction((_, invocation) =>
      invocation === 1 ? { batchItemFailures: [{ itemIdentifier: '' }] } : null,
    );
    const source = read(table, target, PARTIAL);
    await until(source.drained, 'the end of the stream');
    expect(target.events.map(keysOf)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('after a restart goes on behind what passed, even within a batch', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b', 'c']);
    const before = scriptedFunction((event) => failuresOf(event, 'b'));
    read(table, before, PARTIAL);
    await until(() => before.events.length >= 2);
    await closeAll();
    await write(table, ['d']);
    const after = scriptedFunction(() => null);
    const source = read(table, after, PARTIAL);
    await until(source.drained, 'the end of the stream');
    expect(after.events.flatMap(keysOf)).toEqual(['b', 'c', 'd']);
  });

  it('gives up records that have become too old', async () => {
    const table = await freshTable();
    await write(table, ['a', 'b']);
    const { queue, destination } = freshQueue();
    const target = scriptedFunction(() => {
      throw new Error('not now');
    });
    const source = read(table, target, { MaximumRecordAgeInSeconds: 60, ...destination });
    await until(() => target.events.length >= 1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 90_000 });
    try {
      await until(source.drained, 'the end of the stream');
    } finally {
      vi.useRealTimers();
    }
    expect(gaveUp(queue)).toMatchObject([
      { requestContext: { condition: 'RecordAgeExceeded' }, DDBStreamBatchInfo: { batchSize: 2 } },
    ]);
  });

  it('is left alone while the intake is paused', async () => {
    const table = await freshTable();
    const target = scriptedFunction(() => null);
    const source = read(table, target);
    await until(source.drained, 'the end of the stream');
    source.taking.pause();
    await write(table, ['for later']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(target.events).toEqual([]);
    expect(source.drained()).toBe(false);
    source.taking.resume();
    await until(source.drained, 'the end of the stream');
    expect(target.events.flatMap(keysOf)).toEqual(['for later']);
  });

  it('refuses to begin at LATEST, where writes could be lost', async () => {
    const table = await freshTable();
    expect(() =>
      read(
        table,
        scriptedFunction(() => null),
        { StartingPosition: 'LATEST' },
      ),
    ).toThrow(/only TRIM_HORIZON is run here/);
  });

  it('ends at once when nothing is in hand', async () => {
    const table = await freshTable();
    const source = read(
      table,
      scriptedFunction(() => null),
    );
    await until(source.drained, 'the end of the stream');
    const closedAt = performance.now();
    await closeAll();
    expect(performance.now() - closedAt).toBeLessThan(300);
  });
});
