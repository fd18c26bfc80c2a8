import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  ThrottlingException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import type { Item } from '../../shared/store/table.ts';
import { ModelTable, type ModelTableOptions } from '../simulation/ports/model-table.ts';
import { atOnce, type PortCall } from '../simulation/ports/port-call.ts';
import { tableClient } from '../simulation/ports/table-client.ts';

// What a run asks of the model beyond the contract that it shares with the emulator: DynamoDB at its worst.

const TableName = 'records';
const keyOf = (pk: string) => ({ pk: { S: pk }, sk: { S: 'R' } });
const version = (v: number) => ({ v: { N: String(v) } });

function tableWith(options: Partial<ModelTableOptions> = {}) {
  const clock = { nowMs: 1_000_000 };
  const table = new ModelTable({ now: () => clock.nowMs, ...options });
  const client = tableClient(table, atOnce);
  const put = (item: Item) => client.send(new PutItemCommand({ TableName, Item: item }));
  const get = async (pk: string, ConsistentRead: boolean) =>
    (await client.send(new GetItemCommand({ TableName, Key: keyOf(pk), ConsistentRead }))).Item;
  return { clock, table, client, put, get };
}

describe('a reader that lags', () => {
  it('sees an item as it was, until the lag has passed, and one that is consistent does not', async () => {
    let lagMs = 0;
    const { clock, client, put, get } = tableWith({ lag: () => lagMs });
    await put({ ...keyOf('a'), ...version(1) });
    clock.nowMs += 100;
    await put({ ...keyOf('a'), ...version(2) });
    clock.nowMs += 50;
    lagMs = 60;
    expect((await get('a', false))?.v).toEqual({ N: '1' });
    expect((await get('a', true))?.v).toEqual({ N: '2' });
    lagMs = 151;
    expect(await get('a', false)).toBeUndefined();
    lagMs = 50;
    expect((await get('a', false))?.v).toEqual({ N: '2' });

    lagMs = 60;
    const Keys = [keyOf('a')];
    const answer = await client.send(new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys } } }));
    expect(answer.Responses?.[TableName]?.[0]?.v).toEqual({ N: '1' });
    const all = { TableName, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: 'a' } } };
    expect((await client.send(new QueryCommand(all))).Items?.[0]?.v).toEqual({ N: '1' });
    expect((await client.send(new QueryCommand({ ...all, ConsistentRead: true }))).Items?.[0]?.v).toEqual({ N: '2' });
  });

  it('finds in an index what has left it, and not yet what has come', async () => {
    let lagMs = 0;
    const asked: string[] = [];
    const { clock, client, put } = tableWith({
      lag(kind) {
        asked.push(kind);
        return lagMs;
      },
    });
    const dirty = async () => {
      const values = { ':dk': { S: 't#D#0' } };
      const input = { TableName, IndexName: 'dirty', KeyConditionExpression: 'dk = :dk', ExpressionAttributeValues: values };
      return (await client.send(new QueryCommand(input))).Items?.map((item) => item.pk?.S);
    };
    const entry = { dk: { S: 't#D#0' }, ds: { N: '1' } };
    await put({ ...keyOf('leaves'), ...entry });
    clock.nowMs += 1_000;
    await put(keyOf('leaves'));
    await put({ ...keyOf('comes'), ...entry });
    clock.nowMs += 10;
    lagMs = 20;
    expect(await dirty()).toEqual(['leaves']);
    lagMs = 0;
    expect(await dirty()).toEqual(['comes']);
    expect(new Set(asked)).toEqual(new Set(['index']));
    clock.nowMs += 600_000;
    asked.length = 0;
    lagMs = 300_000;
    expect(await dirty()).toEqual(['comes']);
    expect(asked).toEqual([]); // nothing changed of late
  });

  it('still finds what was deleted a moment ago', async () => {
    let lagMs = 0;
    const { clock, client, put, get } = tableWith({ lag: () => lagMs });
    await put(keyOf('a'));
    clock.nowMs += 10;
    await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: [{ DeleteRequest: { Key: keyOf('a') } }] } }));
    clock.nowMs += 10;
    lagMs = 15;
    expect(await get('a', false)).toEqual(keyOf('a'));
    expect(await get('a', true)).toBeUndefined();
  });
});

describe('a fault', () => {
  it('of a call keeps it from doing anything', async () => {
    const throttled = new ThrottlingException({ message: 'slow down', $metadata: {} });
    const { table, put } = tableWith({ fault: (command) => (command === 'PutItemCommand' ? throttled : undefined) });
    await expect(put(keyOf('a'))).rejects.toBe(throttled);
    expect([...table.everything()]).toEqual([]);
  });

  it('of a part of a batch leaves the others done', async () => {
    let part = 0;
    const { client, table, put } = tableWith({ partFault: () => (part++ % 2 === 0 ? 'throttled' : undefined) });
    const requests = ['a', 'b'].map((pk) => ({ PutRequest: { Item: { ...keyOf(pk), ...version(1) } } }));
    const written = await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: requests } }));
    expect(written.UnprocessedItems?.[TableName]).toEqual(requests.slice(0, 1));
    await put({ ...keyOf('a'), ...version(1) });

    const asked = { Keys: [keyOf('a'), keyOf('b')], ConsistentRead: true };
    const read = await client.send(new BatchGetItemCommand({ RequestItems: { [TableName]: asked } }));
    expect(read.Responses?.[TableName]).toEqual([{ ...keyOf('b'), ...version(1) }]);
    expect(read.UnprocessedKeys).toEqual({ [TableName]: { ...asked, Keys: [keyOf('a')] } });

    const statements = ['a', 'b'].map((pk) => ({
      Statement: `UPDATE "${TableName}" SET v=? WHERE pk=? AND sk=? AND v=?`,
      Parameters: [{ N: '2' }, { S: pk }, { S: 'R' }, { N: '1' }],
    }));
    const answers = await client.send(new BatchExecuteStatementCommand({ Statements: statements }));
    expect(answers.Responses?.map(({ Error: error }) => error?.Code)).toEqual(['ThrottlingError', undefined]);
    expect([...table.everything()].map((item) => item.v?.N).toSorted()).toEqual(['1', '2']);
  });

  it('may hide that a statement was done', async () => {
    const { client, put, get } = tableWith({ partFault: () => 'done-unanswered' });
    await put({ ...keyOf('a'), ...version(1) });
    const Statement = `UPDATE "${TableName}" SET v=? WHERE pk=? AND sk=? AND v=?`;
    const Parameters = [{ N: '2' }, { S: 'a' }, { S: 'R' }, { N: '1' }];
    const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements: [{ Statement, Parameters }] }));
    expect(Responses?.[0]?.Error?.Code).toBe('InternalServerError');
    expect((await get('a', true))?.v).toEqual({ N: '2' });
  });

  it('of all parts is one of the call', async () => {
    const { client } = tableWith({ partFault: () => 'throttled' });
    const get = new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys: [keyOf('a')] } } });
    await expect(client.send(get)).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  });
});

describe('a client', () => {
  it('that sends a transaction again by itself repeats its token, so it happens once', async () => {
    const { table } = tableWith();
    const twice: PortCall = async (_, effect) => {
      effect();
      return effect();
    };
    const client = tableClient(table, twice);
    const add = { TableName, Key: keyOf('a'), UpdateExpression: 'ADD c :one', ExpressionAttributeValues: { ':one': { N: '1' } } };
    await client.send(new TransactWriteItemsCommand({ TransactItems: [{ Update: add }] }));
    await client.send(new TransactWriteItemsCommand({ TransactItems: [{ Update: add }] }));
    expect([...table.everything()][0]?.c).toEqual({ N: '2' });
    await client.send(new UpdateItemCommand(add));
    expect([...table.everything()][0]?.c).toEqual({ N: '4' });
  });

  it('calls the port by the name of the command', async () => {
    const ports: string[] = [];
    const named: PortCall = async (port, effect) => {
      ports.push(port);
      return effect();
    };
    await tableClient(tableWith().table, named).send(new GetItemCommand({ TableName, Key: keyOf('a') }));
    expect(ports).toEqual(['table GetItem']);
  });
});

describe('the model', () => {
  it('refuses what it does not know, and remembers that it was asked', async () => {
    const { client, table } = tableWith();
    const unknown = [
      new ScanCommand({ TableName }),
      new GetItemCommand({ TableName, Key: keyOf('a'), ProjectionExpression: 'b' }),
      new PutItemCommand({ TableName, Item: { ...keyOf('a'), m: { M: {} } } }),
      new PutItemCommand({ TableName, Item: keyOf('a'), ConditionExpression: 'contains(a, b)' }),
      new PutItemCommand({ TableName, Item: keyOf('a'), ConditionExpression: 'attribute_exists(a.b)' }),
      new UpdateItemCommand({ TableName, Key: keyOf('a'), UpdateExpression: 'DELETE a b' }),
      new BatchExecuteStatementCommand({ Statements: [{ Statement: 'SELECT * FROM "records"' }] }),
    ];
    // One overload per command: the client is asked as the model's caller would.
    for (const command of unknown) expect(() => table.execute(command)).toThrow(/the model of DynamoDB does not know/);
    expect(table.complaints).toHaveLength(unknown.length);
    await expect(client.send(new PutItemCommand({ TableName, Item: { pk: { S: 'a' } } }))).rejects.toThrow('Missing the key sk');
    expect(table.complaints.at(-1)).toContain('PutItemCommand: ');
    const { put } = tableWith();
    await put(keyOf('a'));
  });

  it('keeps what it was given, and shows what nobody can change', async () => {
    const { put, get } = tableWith();
    const item = { ...keyOf('a'), b: { B: Uint8Array.of(1) }, x: { S: 'x' } };
    await put(item);
    item.b.B[0] = 2;
    item.x.S = 'y';
    const read = await get('a', true);
    expect(read).toEqual({ ...keyOf('a'), b: { B: Uint8Array.of(1) }, x: { S: 'x' } });
    read?.b?.B?.fill(3);
    expect((await get('a', true))?.b).toEqual({ B: Uint8Array.of(1) });
    await put({ ...keyOf('b'), x: { S: 'x' } });
    expect(Object.isFrozen(await get('b', true))).toBe(true);
  });

  it('deletes what has expired when it is told to, and says so in the stream', async () => {
    const { clock, table, put, get } = tableWith();
    await put({ ...keyOf('a'), ttl: { N: '1001' } });
    await put({ ...keyOf('b'), ttl: { N: '2000' } });
    await put(keyOf('c'));
    clock.nowMs = 1_001_001;
    expect(await get('a', true)).toBeDefined();
    table.drainStream();
    expect(table.deleteExpired()).toBe(1);
    expect([...table.everything()].map((item) => item.pk?.S)).toEqual(['b', 'c']);
    expect(table.drainStream()).toMatchObject([
      { eventName: 'REMOVE', userIdentity: { principalId: 'dynamodb.amazonaws.com' }, dynamodb: { Keys: keyOf('a') } },
    ]);
  });

  it('hands out its stream in batches', async () => {
    const { table, put } = tableWith();
    for (const pk of ['a', 'b', 'c']) await put(keyOf(pk));
    const pks = (max: number) => table.drainStream(max).map(({ dynamodb }) => dynamodb?.Keys?.pk?.S);
    expect([pks(2), pks(2), pks(2), table.streamLength]).toEqual([['a', 'b'], ['c'], [], 0]);
  });
});
