import {
  BatchExecuteStatementCommand,
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dynamoClient, type EmbeddedAws, embeddedAws, RECORDS_TABLE } from './embedded-aws.ts';

let aws: EmbeddedAws;
let root: DynamoDBClient;

beforeAll(async () => {
  aws = await embeddedAws();
  await aws.dynamodb.ensureTable('Records', RECORDS_TABLE);
  root = dynamoClient(aws);
});
afterAll(async () => {
  root.destroy();
  await aws.close();
});
beforeEach(() => {
  aws.gateway.inject(undefined);
  aws.gateway.resetUsage();
});

const put = (pk: string, more: object = {}) =>
  root.send(new PutItemCommand({ TableName: 'Records', Item: { pk: { S: pk }, sk: { S: 'record' }, v: { N: '1' }, ...more } }));

async function get(pk: string): Promise<Record<string, unknown> | undefined> {
  const answer = await root.send(
    new GetItemCommand({ TableName: 'Records', Key: { pk: { S: pk }, sk: { S: 'record' } }, ConsistentRead: true }),
  );
  return answer.Item;
}

const update = (pk: string, version: string) => ({
  Statement: 'UPDATE "Records" SET "name"=? SET "v"=? REMOVE "claim" REMOVE "receipt" WHERE "pk"=? AND "sk"=? AND "v"=?',
  Parameters: [{ S: 'Ada' }, { N: String(Number(version) + 1) }, { S: pk }, { S: 'record' }, { N: version }],
});

describe('a PartiQL batch', () => {
  it('commits each record only at the version it was read at', async () => {
    await put('batch-a', { claim: { S: 'x' } });
    await put('batch-b');
    const { Responses } = await root.send(
      new BatchExecuteStatementCommand({
        Statements: [update('batch-a', '1'), update('batch-b', '9'), update('batch-none', '1')],
      }),
    );
    expect(Responses?.map((response) => response.Error?.Code)).toEqual([
      undefined,
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ]);
    expect(await get('batch-a')).toEqual({ pk: { S: 'batch-a' }, sk: { S: 'record' }, v: { N: '2' }, name: { S: 'Ada' } });
    expect(await get('batch-b')).toMatchObject({ v: { N: '1' } });
    expect(await get('batch-none')).toBeUndefined();
  });

  it('is charged to its caller, conditional failures aside', async () => {
    await put('units-a');
    aws.gateway.resetUsage();
    await root.send(new BatchExecuteStatementCommand({ Statements: [update('units-a', '1')] }));
    expect(aws.gateway.usage()).toMatchObject([
      {
        caller: 'root',
        service: 'dynamodb',
        operation: 'BatchExecuteStatement',
        calls: 1,
        errors: 0,
        readUnits: 0,
        writeUnits: 1,
      },
    ]);
  });
});

describe('consumed capacity', () => {
  it('is summed by table and index, doubled in a transaction', async () => {
    await put('capacity', { owner: { S: 'me' } });
    await root.send(
      new TransactWriteItemsCommand({
        TransactItems: [{ Put: { TableName: 'Records', Item: { pk: { S: 'capacity-2' }, sk: { S: 'record' } } } }],
      }),
    );
    await get('capacity');
    const usage = aws.gateway.usage();
    expect(usage.find((one) => one.operation === 'PutItem')).toMatchObject({
      writeUnits: 2,
      unitsByResource: { Records: 1, 'Records/index/byOwner': 1 },
    });
    expect(usage.find((one) => one.operation === 'TransactWriteItems')).toMatchObject({ writeUnits: 2 });
    expect(usage.find((one) => one.operation === 'GetItem')).toMatchObject({ readUnits: 1, writeUnits: 0 });
  });

  it('is still shown to a caller that asks for it in its own way', async () => {
    const { ConsumedCapacity } = await root.send(
      new GetItemCommand({ TableName: 'Records', Key: { pk: { S: 'x' }, sk: { S: 'x' } }, ReturnConsumedCapacity: 'TOTAL' }),
    );
    expect(ConsumedCapacity).toEqual({ TableName: 'Records', CapacityUnits: 0.5 });
  });
});

describe('a role', () => {
  const onRecords = 'arn:aws:dynamodb:eu-west-1:000000000000:table/Records';
  const admit = (accessKey: string, ...Statement: object[]): DynamoDBClient => {
    aws.gateway.admit(accessKey, { name: accessKey, documents: [{ Version: '2012-10-17', Statement }] });
    return dynamoClient(aws, accessKey);
  };
  const lastDenied = () => aws.gateway.denied.at(-1);

  it('may do what it was granted, and nothing else', async () => {
    const reader = admit('FNreader', { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: onRecords });
    await reader.send(new GetItemCommand({ TableName: 'Records', Key: { pk: { S: 'x' }, sk: { S: 'x' } } }));
    await expect(reader.send(new ScanCommand({ TableName: 'Records' }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('is not authorized to perform: dynamodb:Scan on resource'),
    });
    expect(lastDenied()).toEqual({
      caller: 'FNreader',
      action: 'dynamodb:Scan',
      resource: onRecords,
      verdict: 'ImplicitlyDenied',
    });
  });

  it('needs leave for each part of a transaction', async () => {
    const writer = admit('FNwriter', { Effect: 'Allow', Action: ['dynamodb:PutItem'], Resource: onRecords });
    const key = { pk: { S: 'x' }, sk: { S: 'x' } };
    const transaction = new TransactWriteItemsCommand({
      TransactItems: [
        { Put: { TableName: 'Records', Item: key } },
        {
          ConditionCheck: { TableName: 'Records', Key: { ...key, sk: { S: 'y' } }, ConditionExpression: 'attribute_exists(pk)' },
        },
      ],
    });
    await expect(writer.send(transaction)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(lastDenied()?.action).toBe('dynamodb:ConditionCheckItem');
  });

  it('needs leave for an index apart from its table', async () => {
    const querier = admit('FNquerier', { Effect: 'Allow', Action: 'dynamodb:Query', Resource: onRecords });
    const query = new QueryCommand({
      TableName: 'Records',
      IndexName: 'byOwner',
      KeyConditionExpression: '#o = :o',
      ExpressionAttributeNames: { '#o': 'owner' },
      ExpressionAttributeValues: { ':o': { S: 'me' } },
    });
    await expect(querier.send(query)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(lastDenied()?.resource).toBe(`${onRecords}/index/byOwner`);
  });

  it('needs the PartiQL action of each statement, not those of the item operations', async () => {
    const updater = admit('FNupdater', { Effect: 'Allow', Action: 'dynamodb:PartiQLUpdate', Resource: onRecords });
    await updater.send(new BatchExecuteStatementCommand({ Statements: [update('nobody', '1')] }));
    const read = new BatchExecuteStatementCommand({
      Statements: [{ Statement: 'SELECT * FROM "Records" WHERE pk=? AND sk=?', Parameters: [{ S: 'a' }, { S: 'b' }] }],
    });
    await expect(updater.send(read)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(lastDenied()?.action).toBe('dynamodb:PartiQLSelect');
  });

  it('can be held to the keys of one tenant', async () => {
    const tenant = admit('FNtenant', {
      Effect: 'Allow',
      Action: ['dynamodb:GetItem', 'dynamodb:BatchWriteItem', 'dynamodb:Query', 'dynamodb:PartiQLUpdate'],
      Resource: onRecords,
      Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['acme#*'] } },
    });
    const read = (pk: string) =>
      tenant.send(new GetItemCommand({ TableName: 'Records', Key: { pk: { S: pk }, sk: { S: 'record' } } }));
    const write = (...pks: string[]) =>
      tenant.send(
        new BatchWriteItemCommand({
          RequestItems: { Records: pks.map((pk) => ({ PutRequest: { Item: { pk: { S: pk }, sk: { S: 'record' } } } })) },
        }),
      );
    const query = (pk: string) =>
      tenant.send(
        new QueryCommand({
          TableName: 'Records',
          KeyConditionExpression: 'pk = :p',
          ExpressionAttributeValues: { ':p': { S: pk } },
        }),
      );
    const change = (pk: string) => tenant.send(new BatchExecuteStatementCommand({ Statements: [update(pk, '1')] }));
    const denied = { name: 'AccessDeniedException' };
    await read('acme#1');
    await expect(read('other#1')).rejects.toMatchObject(denied);
    await write('acme#1', 'acme#2');
    await expect(write('acme#3', 'other#3')).rejects.toMatchObject(denied);
    await query('acme#1');
    await expect(query('other#1')).rejects.toMatchObject(denied);
    await change('acme#1');
    await expect(change('other#1')).rejects.toMatchObject(denied);
  });

  it('must be known: other keys are refused', async () => {
    await expect(dynamoClient(aws, 'FNstranger').send(new ScanCommand({ TableName: 'Records' }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
  });
});

describe('an injected fault', () => {
  it('can drop the connection after the write took effect', async () => {
    aws.gateway.inject((call) => (call.operation === 'PutItem' ? 'dropAfterEffect' : undefined));
    await expect(put('ambiguous')).rejects.toThrow();
    expect(await get('ambiguous')).toBeDefined();
  });

  it('can be an error of DynamoDB, which the SDK retries', async () => {
    let struck = 0;
    aws.gateway.inject(() => {
      if (struck++ > 0) return undefined;
      return { status: 400, body: { __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException', message: 'slow down' } };
    });
    const patient = new DynamoDBClient({ ...aws.client(), maxAttempts: 3 });
    await expect(patient.send(new ScanCommand({ TableName: 'Records', Limit: 1 }))).resolves.toBeDefined();
    patient.destroy();
    expect(aws.gateway.usage()).toMatchObject([{ operation: 'Scan', calls: 2, errors: 1 }]);
  });
});

describe('the stream', () => {
  const newRecords = async (after: string | undefined) => await aws.dynamodb.readStream('Records', after, 1_000);
  const latest = async () => (await newRecords(undefined)).at(-1)?.dynamodb.SequenceNumber;

  it('tells of each write in order, as Lambda would hand it on, and wakes its reader', async () => {
    const before = await latest();
    let woken = 0;
    const stop = aws.dynamodb.onStreamWrite('Records', () => woken++);
    await put('stream');
    await root.send(new BatchExecuteStatementCommand({ Statements: [update('stream', '1')] }));
    stop();
    expect(woken).toBe(2);
    const records = await newRecords(before);
    expect(records.map((record) => record.eventName)).toEqual(['INSERT', 'MODIFY']);
    expect(records[1]).toMatchObject({
      eventSource: 'aws:dynamodb',
      eventSourceARN: 'arn:aws:dynamodb:eu-west-1:000000000000:table/Records/stream/local',
      dynamodb: { Keys: { pk: { S: 'stream' } }, OldImage: { v: { N: '1' } }, NewImage: { v: { N: '2' } } },
    });
    expect(await newRecords(records[0]?.dynamodb.SequenceNumber)).toEqual([records[1]]);
    expect(await newRecords(records[1]?.dynamodb.SequenceNumber)).toEqual([]);
  });

  it('has no record of a write that changed nothing', async () => {
    await put('same');
    const before = await latest();
    await put('same');
    expect(await newRecords(before)).toEqual([]);
    await put('same', { owner: { S: 'me' } });
    expect(await newRecords(before)).toMatchObject([{ eventName: 'MODIFY' }]);
  });

  it('marks what TTL removed, by the clock of the embedded AWS', async () => {
    const soon = Math.floor(aws.clock.now() / 1_000) + 60;
    await put('expiring', { expiresAt: { N: String(soon) } });
    await put('staying', { expiresAt: { N: String(soon + 3_600) } });
    const before = await latest();
    expect(await aws.dynamodb.sweepTtl()).toBe(0);
    aws.clock.advance(120_000);
    expect(await aws.dynamodb.sweepTtl()).toBe(1);
    expect(await get('expiring')).toBeUndefined();
    expect(await get('staying')).toBeDefined();
    expect(await newRecords(before)).toMatchObject([
      { eventName: 'REMOVE', userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } },
    ]);
  });

  it('can forget what all readers have behind them, and goes on counting', async () => {
    await put('trim-1');
    await put('trim-2');
    const last = await latest();
    expect(await aws.dynamodb.trimStream('Records', last ?? '')).toBeGreaterThan(1);
    expect(await newRecords(undefined)).toHaveLength(1); // the newest stays
    await put('trim-3');
    expect(await newRecords(last)).toHaveLength(1);
  });
});

describe('a template that changes', () => {
  it('keeps the data, gains and loses indexes, and refuses other keys', async () => {
    const { GlobalSecondaryIndexes, ...plain } = RECORDS_TABLE;
    const keys = { ...plain, AttributeDefinitions: RECORDS_TABLE.AttributeDefinitions.slice(0, 2) };
    await aws.dynamodb.ensureTable('Changing', keys);
    await root.send(new PutItemCommand({ TableName: 'Changing', Item: { pk: { S: 'a' }, sk: { S: 'b' }, owner: { S: 'me' } } }));
    await aws.dynamodb.ensureTable('Changing', RECORDS_TABLE);
    await aws.dynamodb.ensureTable('Changing', RECORDS_TABLE);
    const found = await root.send(new ScanCommand({ TableName: 'Changing', IndexName: GlobalSecondaryIndexes[0]?.IndexName }));
    expect(found.Count).toBe(1);
    await aws.dynamodb.ensureTable('Changing', keys);
    await expect(root.send(new ScanCommand({ TableName: 'Changing', IndexName: 'byOwner' }))).rejects.toThrow(/index/);
    const otherKeys = { ...keys, KeySchema: [{ AttributeName: 'sk', KeyType: 'HASH' }] };
    await expect(aws.dynamodb.ensureTable('Changing', otherKeys)).rejects.toThrow(/start on an empty data directory/);
  });
});
