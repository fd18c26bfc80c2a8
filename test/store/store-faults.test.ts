import {
  type AttributeValue,
  DynamoDBClient,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { SystemUnavailableError } from '../../shared/errors.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { itemOf } from '../../shared/store/record-item.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import type { StoreContext } from '../../shared/store/table.ts';
import { edited, sampleNote, sampleRecord } from './sample-record.ts';

// What the emulator never does: throttle a part of a batch, lose an answer, let transactions collide.

type Answer = ServiceOutputTypes | Error;

/** A DynamoDB that gives the scripted answers, one per call, the last one again and again. */
function scripted(...answers: ((input: ServiceInputTypes) => Answer)[]) {
  const client = new DynamoDBClient({ region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  const calls: ServiceInputTypes[] = [];
  const waits: number[] = [];
  client.middlewareStack.add(
    () => async (args) => {
      const answer = answers[Math.min(calls.length, answers.length - 1)]?.(args.input);
      calls.push(args.input);
      if (answer === undefined || answer instanceof Error) throw answer;
      return { output: answer, response: {} };
    },
    { step: 'initialize' },
  );
  const context: StoreContext = {
    client,
    tableName: 'T',
    tenant: 'acme',
    now: () => 0,
    sleep: async (ms) => {
      waits.push(ms);
    },
    random: () => 1,
  };
  return { context, calls, waits };
}

const $metadata = {};
type StatementCode = 'ThrottlingError' | 'InternalServerError' | 'ConditionalCheckFailed' | 'ValidationError';
const statements = (...codes: (StatementCode | undefined)[]) => ({
  $metadata,
  Responses: codes.map((Code) => (Code === undefined ? {} : { Error: { Code, Message: 'contains ada@example.com' } })),
});
const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({ message: 'cancelled', $metadata, CancellationReasons: codes.map((Code) => ({ Code })) });
const commits = ['a', 'b', 'c'].map((id) => edited(sampleRecord(id)));

describe('a throttled commit', () => {
  it('is repeated alone, later and later', async () => {
    const { context, calls, waits } = scripted(
      () => statements(undefined, 'ThrottlingError', 'ConditionalCheckFailed'),
      () => statements('ThrottlingError'),
      () => statements(undefined),
    );
    expect(await recordStore(context).commitMany(commits)).toEqual(['committed', 'committed', 'conflict']);
    expect(calls.map((input) => ('Statements' in input ? input.Statements?.length : 0))).toEqual([3, 1, 1]);
    expect(waits).toEqual([50, 100]);
  });

  it('is given up in the end, and says when to try again', async () => {
    const { context, calls } = scripted((input) =>
      statements(...('Statements' in input ? (input.Statements ?? []) : []).map(() => 'ThrottlingError' as const)),
    );
    const failure = recordStore(context).commitMany(commits);
    await expect(failure).rejects.toThrow(SystemUnavailableError);
    await expect(failure).rejects.toMatchObject({ retryable: true, retryAfterMs: 2_000 });
    expect(calls).toHaveLength(8);
  });
});

describe('a refused commit', () => {
  it('says which record, and shows no value', async () => {
    const { context } = scripted(() => statements(undefined, 'ValidationError', undefined));
    const failure = recordStore(context).commitMany(commits);
    await expect(failure).rejects.toThrow('DynamoDB refuses to commit record b (ValidationError)');
    await expect(failure).rejects.not.toThrow(/ada/);
  });
});

describe('a commit whose answer was lost', () => {
  const [commit = edited(sampleRecord('a'))] = commits;
  const found = (context: StoreContext, change: Record<string, AttributeValue> = {}) => ({
    $metadata,
    Responses: [{ Error: { Code: 'ConditionalCheckFailed' as const, Item: { ...itemOf(context, commit), ...change } } }],
  });

  it('is known again when the repeat meets it', async () => {
    const { context } = scripted(() => found(context));
    expect(await recordStore(context).commitMany([commit])).toEqual(['committed']);
  });

  it('is not mistaken for another one of the same version', async () => {
    const changes: Record<string, AttributeValue>[] = [{ b: { S: '{}' } }, { v: { N: '3' } }, { o: { S: '{}' } }];
    for (const change of changes) {
      const { context } = scripted(() => found(context, change));
      expect(await recordStore(context).commitMany([commit])).toEqual(['conflict']);
    }
  });
});

describe('transactions that collide', () => {
  const create = (context: StoreContext) =>
    recordStore(context).createRecord({ commit: { record: sampleRecord('r'), dirty: false }, identities: [], matchKeys: [] });

  it('are repeated', async () => {
    const { context, calls } = scripted(
      () => cancelled('None', 'TransactionConflict'),
      () => cancelled('ThrottlingError'),
      () => ({ $metadata }),
    );
    expect(await create(context)).toBe('created');
    expect(calls).toHaveLength(3);
  });

  it('are not repeated when a condition failed too', async () => {
    const { context, calls } = scripted(() => cancelled('ConditionalCheckFailed', 'TransactionConflict'));
    expect(await create(context)).toEqual({ existing: [{ what: 'record' }] });
    expect(calls).toHaveLength(1);
  });

  it('that fail for another reason are a bug, and thrown', async () => {
    const { context } = scripted(() => cancelled('ValidationError'));
    await expect(create(context)).rejects.toThrow(TransactionCanceledException);
  });
});

describe('a batch that is done in part', () => {
  it('is read on until nothing is left', async () => {
    const { context, calls } = scripted(
      (input) => ({
        $metadata,
        Responses: { T: [itemOf(context, { record: sampleRecord('a'), dirty: false })] },
        UnprocessedKeys: { T: { Keys: 'RequestItems' in input ? [{ pk: { S: 'acme#R#b' }, sk: { S: 'R' } }] : [] } },
      }),
      () => ({ $metadata, Responses: { T: [itemOf(context, { record: sampleRecord('b'), dirty: false })] } }),
    );
    const found = await recordStore(context).getMany(['a', 'b'], { consistent: true });
    expect([...found.keys()]).toEqual(['a', 'b']);
    expect(calls).toHaveLength(2);
  });

  it('is given up in the end when it is never written', async () => {
    const { context, calls } = scripted(() => ({
      $metadata,
      UnprocessedItems: { T: [{ PutRequest: { Item: { pk: { S: 'acme#R#a' } } } }] },
    }));
    await expect(ledgerStore(context).putMany([{ ...sampleNote, recordId: 'a', version: 2 }])).rejects.toThrow(
      /could not be written in 8 tries/,
    );
    expect(calls).toHaveLength(8);
  });
});
