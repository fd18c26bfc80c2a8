import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { drainAllowance } from '../../functions/message-settlement.ts';
import { LOCAL_ACCOUNT, queueUrl } from '../../local/aws/local-account.ts';
import { gatherMessages } from '../../shared/queue/message-batch.ts';
import { type EmbeddedAws, embeddedAws, sqsClient } from '../local/aws/embedded-aws.ts';
import { scriptedSqs } from './scripted-sqs.ts';

let aws: EmbeddedAws;
let sqs: ReturnType<typeof sqsClient>;
let name = '';
let url = '';
let queues = 0;

beforeAll(async () => {
  aws = await embeddedAws();
  sqs = sqsClient(aws);
});
beforeEach(() => {
  queues += 1;
  name = `changes-${queues}`;
  url = queueUrl(aws.gateway.url, LOCAL_ACCOUNT, name);
  aws.sqs.ensureQueue(name, { VisibilityTimeout: '60' });
});
afterAll(async () => {
  sqs.destroy();
  await aws.close();
});

/** Puts so many messages on the queue behind those that Lambda handed over. */
async function backlog(count: number): Promise<void> {
  for (let start = 0; start < count; start += 10) {
    const size = Math.min(10, count - start);
    const entries = Array.from({ length: size }, (_, n) => ({ Id: String(n), MessageBody: `waiting ${start + n}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }));
  }
}

const handedOver = (count: number): SQSRecord[] =>
  Array.from({ length: count }, (_, n) => ({
    messageId: `handed-${n}`,
    receiptHandle: `handle-${n}`,
    body: `handed ${n}`,
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: 'x', ApproximateFirstReceiveTimestamp: '0' },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:000000000000:changes',
    awsRegion: 'eu-west-1',
  }));

const nothingFailed: ReadonlySet<string> = new Set();

describe('a batch of messages', () => {
  it('is what Lambda handed over, when that was no full batch: a single edit waits for nobody', async () => {
    await backlog(5);
    aws.sqs.resetRequests();
    const batch = await gatherMessages(sqs, url, handedOver(9), 100);
    expect(batch.messages.map(({ body }) => body)).toEqual(handedOver(9).map(({ body }) => body));
    expect(aws.sqs.requests()).toEqual({});
  });

  it('grows with the backlog behind a full one', async () => {
    await backlog(45);
    const batch = await gatherMessages(sqs, url, handedOver(10), 100);
    expect(new Set(batch.messages.map(({ id }) => id)).size).toBe(55);
    await batch.settle(nothingFailed);
    expect(aws.sqs.counts(name)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('grows with the backlog behind a small one too, when it had to wait for its turn', async () => {
    await backlog(15);
    const batch = await gatherMessages(sqs, url, handedOver(1), 100, true);
    expect(batch.messages).toHaveLength(16);
  });

  it.each([0, 1, 5, 15, 40])('takes %i more at most when it may take no more', async (drainMax) => {
    await backlog(50);
    const batch = await gatherMessages(sqs, url, handedOver(10), drainMax);
    expect(batch.messages).toHaveLength(10 + drainMax);
    expect(aws.sqs.counts(name)).toEqual({ visible: 50 - drainMax, inFlight: drainMax, delayed: 0 });
  });

  it('F31: is no larger when the queue shows the same messages again and again', async () => {
    const same = Array.from({ length: 10 }, (_, n) => ({ MessageId: `m${n}`, ReceiptHandle: `h${n}`, Body: 'again' }));
    const forgetful = scriptedSqs(() => ({ Messages: same }));
    const batch = await gatherMessages(forgetful, url, handedOver(10), 50);
    expect(batch.messages.length).toBeLessThanOrEqual(60);
  });
});

describe('settling a batch', () => {
  it('F32: removes what was handled; what failed comes back, each by itself', async () => {
    await backlog(12);
    const batch = await gatherMessages(sqs, url, handedOver(10), 100);
    const drained = batch.messages.filter(({ id }) => !id.startsWith('handed'));
    const failed = new Set(['handed-3', ...drained.slice(0, 2).map(({ id }) => id)]);
    expect(await batch.settle(failed)).toEqual({ batchItemFailures: [{ itemIdentifier: 'handed-3' }] });
    expect(aws.sqs.counts(name)).toEqual({ visible: 0, inFlight: 2, delayed: 0 });
    aws.clock.advance(61_000);
    expect(aws.sqs.counts(name)).toEqual({ visible: 2, inFlight: 0, delayed: 0 });
  });

  it('I2: fails when SQS cannot be told, so that the handed-over messages come back too', async () => {
    const mute = scriptedSqs((command) => {
      if (command === 'DeleteMessageBatch') throw new Error('the connection broke');
      return { Messages: [{ MessageId: 'm1', ReceiptHandle: 'h1', Body: 'x' }] };
    });
    const batch = await gatherMessages(mute, url, handedOver(10), 100);
    await expect(batch.settle(nothingFailed)).rejects.toThrow('the connection broke');
  });
});

describe('what an invocation may drain', () => {
  const carrying = (items: number, messages = 10) =>
    handedOver(messages).map((record) => ({ ...record, body: '"objectId":"1",'.repeat(items) }));

  it('is much when each message holds one item, and little when each holds many', () => {
    expect(drainAllowance(carrying(1), '"objectId"')).toBe(190);
    expect(drainAllowance(carrying(20), '"objectId"')).toBe(20);
    expect(drainAllowance(carrying(60), '"objectId"')).toBe(0);
    expect(drainAllowance(carrying(100), '"objectId"')).toBe(0);
    expect(drainAllowance([], '"objectId"')).toBe(0);
  });
});
