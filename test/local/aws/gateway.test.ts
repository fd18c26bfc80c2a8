import { type DynamoDBClient, ExecuteStatementCommand, ExecuteTransactionCommand } from '@aws-sdk/client-dynamodb';
import {
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT, queueArn, queueUrl } from '../../../local/aws/local-account.ts';
import { dynamoClient, type EmbeddedAws, embeddedAws, RECORDS_TABLE, sqsClient } from './embedded-aws.ts';

let aws: EmbeddedAws;
let root: DynamoDBClient;
let url: string;
beforeAll(async () => {
  aws = await embeddedAws();
  root = dynamoClient(aws);
  await aws.dynamodb.ensureTable('Records', RECORDS_TABLE);
  aws.sqs.ensureQueue('changes');
  url = queueUrl(aws.gateway.url, LOCAL_ACCOUNT, 'changes');
});
afterAll(async () => {
  root.destroy();
  await aws.close();
});
beforeEach(() => {
  aws.gateway.inject(undefined);
  aws.gateway.resetUsage();
});

function caller(accessKey: string, ...Action: string[]) {
  const Resource = queueArn(LOCAL_ACCOUNT, 'changes');
  aws.gateway.admit(accessKey, { name: accessKey.slice(2), documents: [{ Statement: { Effect: 'Allow', Action, Resource } }] });
  return sqsClient(aws, accessKey);
}
const entries = [{ Id: 'a', MessageBody: 'x' }];
const denied = { name: 'AccessDeniedException' };

describe('a queue’s callers', () => {
  it('may send batches if they may send (sqs-api-permissions-reference)', async () => {
    const sender = caller('FNsend', 'sqs:SendMessage');
    await sender.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }));
    await expect(sender.send(new ReceiveMessageCommand({ QueueUrl: url }))).rejects.toMatchObject(denied);
    await expect(sender.send(new GetQueueUrlCommand({ QueueName: 'changes' }))).rejects.toMatchObject(denied);
    sender.destroy();
  });

  it('need leave to read and delete dead letters before they may redrive them', async () => {
    const operator = caller('FNredrive', 'sqs:StartMessageMoveTask', 'sqs:ReceiveMessage');
    const start = new StartMessageMoveTaskCommand({ SourceArn: queueArn(LOCAL_ACCOUNT, 'changes') });
    await expect(operator.send(start)).rejects.toMatchObject(denied);
    expect(aws.gateway.denied.at(-1)).toMatchObject({ caller: 'redrive', action: 'sqs:DeleteMessage' });
    operator.destroy();
  });

  it('are counted apart', async () => {
    const sender = caller('FNcounted', 'sqs:SendMessage');
    await sender.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x' }));
    await expect(sender.send(new ReceiveMessageCommand({ QueueUrl: url }))).rejects.toMatchObject(denied);
    expect(aws.gateway.usage()).toMatchObject([
      { caller: 'counted', service: 'sqs', operation: 'SendMessage', calls: 1, errors: 0 },
      { caller: 'counted', service: 'sqs', operation: 'ReceiveMessage', calls: 1, errors: 1 },
    ]);
    sender.destroy();
  });
});

describe('a single PartiQL statement, or a transaction of them', () => {
  const insert = (pk: string) => ({ Statement: `INSERT INTO "Records" VALUE {'pk': ?, 'sk': 's'}`, Parameters: [{ S: pk }] });
  const change = (pk: string) => ({
    Statement: `UPDATE "Records" SET "a"=? SET "b"=? WHERE "pk"=? AND "sk"='s'`,
    Parameters: [{ S: '1' }, { S: '2' }, { S: pk }],
  });

  it('passes in the documented form, is charged, and wakes the stream’s readers', async () => {
    let woken = 0;
    const stop = aws.dynamodb.onStreamWrite('Records', () => woken++);
    await root.send(new ExecuteStatementCommand(insert('one')));
    await root.send(new ExecuteStatementCommand(change('one')));
    await root.send(new ExecuteTransactionCommand({ TransactStatements: [change('one'), insert('two')] }));
    stop();
    expect(woken).toBe(3);
    expect(aws.gateway.usage()).toMatchObject([
      { operation: 'ExecuteStatement', calls: 2, writeUnits: 2 },
      { operation: 'ExecuteTransaction', calls: 1, writeUnits: 4 },
    ]);
  });
});

describe('an unknown request', () => {
  const post = (target: string, body: string) =>
    fetch(aws.gateway.url, {
      method: 'POST',
      headers: { 'x-amz-target': target, authorization: 'AWS4-HMAC-SHA256 Credential=root/20260101/eu-west-1/sqs/aws4_request' },
      body,
    });

  it('is refused in the way of its service', async () => {
    expect(await (await post('AmazonSQS.MakeCoffee', '{}')).json()).toMatchObject({ __type: 'UnsupportedOperation' });
    expect(await (await post('GroundStation.Launch', '{}')).json()).toMatchObject({ __type: 'UnknownOperationException' });
    expect(await (await post('AmazonSQS.SendMessage', '{')).json()).toMatchObject({ __type: 'SerializationException' });
    expect(await (await post('AmazonSQS.SendMessage', '{"QueueUrl": 5}')).json()).toMatchObject({
      __type: 'ValidationException',
    });
  });
});
