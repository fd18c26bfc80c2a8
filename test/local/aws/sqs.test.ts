import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT, queueArn, queueUrl } from '../../../local/aws/local-account.ts';
import { type EmbeddedAws, embeddedAws, sqsClient } from './embedded-aws.ts';

// Each rule names its page below docs.aws.amazon.com/AWSSimpleQueueService/latest/: API = APIReference/, GUIDE = SQSDeveloperGuide/.

let aws: EmbeddedAws;
let client: ReturnType<typeof sqsClient>;
let queueNumber = 0;

beforeAll(async () => {
  aws = await embeddedAws();
  client = sqsClient(aws);
});
afterAll(async () => {
  client.destroy();
  await aws.close();
});

function freshQueue(attributes: Record<string, string> = {}): { name: string; url: string; arn: string } {
  const name = `queue-${++queueNumber}`;
  aws.sqs.ensureQueue(name, attributes);
  return { name, url: queueUrl(aws.gateway.url, LOCAL_ACCOUNT, name), arn: queueArn(LOCAL_ACCOUNT, name) };
}

function queueWithDeadLetters(maxReceiveCount: number) {
  const deadLetters = freshQueue();
  const redrive = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount }) };
  return { deadLetters, queue: freshQueue({ VisibilityTimeout: '0', ...redrive }) };
}

const send = (url: string, MessageBody: string, more: object = {}) =>
  client.send(new SendMessageCommand({ QueueUrl: url, MessageBody, ...more }));

async function receive(url: string, more: object = {}): Promise<Message[]> {
  const answer = await client.send(
    new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], ...more }),
  );
  return answer.Messages ?? [];
}
const bodies = (messages: readonly Message[]) => messages.map((message) => message.Body).sort();

describe('a queue', () => {
  it('is created once: the same settings give the same URL, other settings are refused (API_CreateQueue)', async () => {
    const create = (attributes: Record<string, string>) =>
      client.send(new CreateQueueCommand({ QueueName: 'created', Attributes: attributes }));
    const first = await create({ VisibilityTimeout: '90' });
    expect((await create({ VisibilityTimeout: '90' })).QueueUrl).toBe(first.QueueUrl);
    await expect(create({ VisibilityTimeout: '91' })).rejects.toMatchObject({ name: 'QueueNameExists' });
  });

  it('has a URL at the gateway, or else the SDK would call another host', async () => {
    const { name } = freshQueue();
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
    expect(QueueUrl).toBe(`${aws.gateway.url}/000000000000/${name}`);
  });

  it('that does not exist is refused by its modelled error (API_GetQueueUrl)', async () => {
    await expect(client.send(new GetQueueUrlCommand({ QueueName: 'nowhere' }))).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
      Code: 'AWS.SimpleQueueService.NonExistentQueue',
    });
  });

  it('is listed by prefix (API_ListQueues)', async () => {
    aws.sqs.ensureQueue('listed-a');
    aws.sqs.ensureQueue('listed-b');
    const { QueueUrls } = await client.send(new ListQueuesCommand({ QueueNamePrefix: 'listed-' }));
    expect(QueueUrls).toHaveLength(2);
  });

  it('shows the documented defaults (API_SetQueueAttributes)', async () => {
    const { url } = freshQueue();
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
    expect(Attributes).toMatchObject({
      VisibilityTimeout: '30',
      DelaySeconds: '0',
      MessageRetentionPeriod: '345600',
      MaximumMessageSize: '1048576',
      ReceiveMessageWaitTimeSeconds: '0',
      ApproximateNumberOfMessages: '0',
    });
  });

  it('refuses settings out of range and names that do not exist (API_SetQueueAttributes)', async () => {
    const { url } = freshQueue();
    const set = (Attributes: Record<string, string>) => client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    await expect(set({ VisibilityTimeout: '43201' })).rejects.toMatchObject({ name: 'InvalidAttributeValue' });
    await expect(set({ Colour: 'red' })).rejects.toMatchObject({ name: 'InvalidAttributeName' });
    await set({ VisibilityTimeout: '43200' });
  });

  it('cannot be a FIFO queue here, and says so', () => {
    expect(() => aws.sqs.ensureQueue('orders.fifo', { FifoQueue: 'true' })).toThrow(/standard queues only/);
    expect(() => aws.sqs.ensureQueue('orders', { FifoQueue: 'true' })).toThrow(/standard queues only/);
  });
});

describe('a message', () => {
  it('comes with its attributes and counts, and the SDK finds its digests right (API_ReceiveMessage)', async () => {
    const { url } = freshQueue();
    await send(url, 'héllo ✓', {
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'greeting' },
        raw: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 3]) },
      },
    });
    const [message] = await receive(url, { MessageAttributeNames: ['All'] });
    expect(message?.Body).toBe('héllo ✓');
    expect(message?.MessageAttributes?.kind?.StringValue).toBe('greeting');
    expect([...(message?.MessageAttributes?.raw?.BinaryValue ?? [])]).toEqual([1, 2, 3]);
    expect(message?.Attributes).toMatchObject({ ApproximateReceiveCount: '1' });
  });

  it('shows no attribute that was not asked for (API_ReceiveMessage)', async () => {
    const { url } = freshQueue();
    await send(url, 'x', { MessageAttributes: { kind: { DataType: 'String', StringValue: 'a' } } });
    const [message] = await receive(url, { MessageSystemAttributeNames: [] });
    expect(message?.Attributes).toBeUndefined();
    expect(message?.MessageAttributes).toBeUndefined();
  });

  it('is hidden while in flight and comes back after the visibility timeout (GUIDE sqs-visibility-timeout)', async () => {
    const { url, name } = freshQueue({ VisibilityTimeout: '30' });
    await send(url, 'job');
    expect(bodies(await receive(url))).toEqual(['job']);
    expect(await receive(url)).toEqual([]);
    expect(aws.sqs.counts(name)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    aws.clock.advance(30_000);
    const [again] = await receive(url);
    expect(again?.Attributes?.ApproximateReceiveCount).toBe('2');
  });

  it('is gone for good once deleted (API_DeleteMessage)', async () => {
    const { url, name } = freshQueue({ VisibilityTimeout: '1' });
    await send(url, 'job');
    const [message] = await receive(url);
    await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }));
    aws.clock.advance(2_000);
    expect(await receive(url)).toEqual([]);
    expect(aws.sqs.counts(name)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('is not deleted by the handle of an earlier receive, though that succeeds (API_DeleteMessage)', async () => {
    const { url, name } = freshQueue({ VisibilityTimeout: '1' });
    await send(url, 'job');
    const [first] = await receive(url);
    aws.clock.advance(1_000);
    await receive(url, { VisibilityTimeout: 30 });
    await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: first?.ReceiptHandle }));
    expect(aws.sqs.counts(name).inFlight).toBe(1);
  });

  it('cannot be deleted by a handle that SQS never gave (API_DeleteMessage)', async () => {
    const { url } = freshQueue();
    await expect(client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: 'made up' }))).rejects.toMatchObject({
      name: 'ReceiptHandleIsInvalid',
    });
  });

  it('waits for its delay: its own before the queue’s (API_SendMessage)', async () => {
    const { url, name } = freshQueue({ DelaySeconds: '60' });
    await send(url, 'by queue');
    await send(url, 'by message', { DelaySeconds: 5 });
    expect(aws.sqs.counts(name)).toEqual({ visible: 0, inFlight: 0, delayed: 2 });
    aws.clock.advance(5_000);
    expect(bodies(await receive(url))).toEqual(['by message']);
    aws.clock.advance(55_000);
    expect(bodies(await receive(url))).toContain('by queue');
    await expect(send(url, 'too late', { DelaySeconds: 901 })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  it('is dropped after the retention period (API_SetQueueAttributes MessageRetentionPeriod)', async () => {
    const { url, name } = freshQueue({ MessageRetentionPeriod: '60' });
    await send(url, 'old');
    aws.clock.advance(60_001);
    expect(await receive(url)).toEqual([]);
    expect(aws.sqs.counts(name).visible).toBe(0);
  });

  it('has up to 1 MiB, attributes included, and only characters that XML admits (API_SendMessage)', async () => {
    const { url } = freshQueue();
    const mebibyte = 'x'.repeat(1_048_576);
    await send(url, mebibyte);
    await expect(send(url, `${mebibyte}x`)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    const attribute = { MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } } };
    await expect(send(url, mebibyte, attribute)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    await expect(send(url, 'bell \u0007')).rejects.toMatchObject({ name: 'InvalidMessageContents' });
  });
});

describe('visibility', () => {
  it('is changed from now on, and zero gives the message back at once (API_ChangeMessageVisibility)', async () => {
    const { url } = freshQueue({ VisibilityTimeout: '30' });
    await send(url, 'job');
    const change = (message: Message | undefined, VisibilityTimeout: number) =>
      client.send(
        new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout }),
      );
    const [first] = await receive(url);
    await change(first, 100);
    aws.clock.advance(99_000);
    expect(await receive(url)).toEqual([]);
    await change(first, 0);
    expect(bodies(await receive(url))).toEqual(['job']);
    aws.clock.advance(30_000);
    await expect(change(first, 10)).rejects.toMatchObject({ name: 'MessageNotInflight' });
  });

  it('lasts at most 12 hours from the receive (API_ChangeMessageVisibility)', async () => {
    const { url } = freshQueue({ VisibilityTimeout: '7200' });
    await send(url, 'job');
    const [message] = await receive(url);
    aws.clock.advance(3_600_000);
    const change = new ChangeMessageVisibilityCommand({
      QueueUrl: url,
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout: 43_200,
    });
    await expect(client.send(change)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });
});

describe('a receive', () => {
  it('gives at most ten messages (API_ReceiveMessage)', async () => {
    const { url, name } = freshQueue();
    for (let batch = 0; batch < 2; batch++)
      await aws.sqs.send(
        name,
        Array.from({ length: 10 }, (_, at) => ({ body: `${batch}-${at}` })),
      );
    expect(await receive(url)).toHaveLength(10);
    await expect(receive(url, { MaxNumberOfMessages: 11 })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  it('waits for a message that is sent meanwhile (GUIDE sqs-short-and-long-polling)', async () => {
    const { url } = freshQueue();
    const waiting = receive(url, { WaitTimeSeconds: 5 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await send(url, 'just in time');
    expect(bodies(await waiting)).toEqual(['just in time']);
  });

  it('waits for a message whose delay ends meanwhile', async () => {
    const { url } = freshQueue();
    await send(url, 'soon', { DelaySeconds: 1 });
    expect(bodies(await receive(url, { WaitTimeSeconds: 5 }))).toEqual(['soon']);
  });

  it('in the same process ends at once when it is told to', async () => {
    const { name } = freshQueue();
    const stop = new AbortController();
    const waiting = aws.sqs.receive(name, { max: 10, waitMs: 20_000, signal: stop.signal });
    stop.abort();
    expect(await waiting).toEqual([]);
  });

  it('never hands one message to two receivers', async () => {
    const { name } = freshQueue();
    const receivers = Array.from({ length: 8 }, () => aws.sqs.receive(name, { max: 10, waitMs: 300 }));
    await aws.sqs.send(name, [{ body: 'only once' }]);
    expect((await Promise.all(receivers)).flat()).toHaveLength(1);
  });
});

describe('a batch', () => {
  it('reports per entry (API_DeleteMessageBatch)', async () => {
    const { url } = freshQueue();
    await send(url, 'job');
    const [message] = await receive(url);
    const answer = await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: 'good', ReceiptHandle: message?.ReceiptHandle },
          { Id: 'bad', ReceiptHandle: 'made up' },
        ],
      }),
    );
    expect(answer.Successful).toEqual([{ Id: 'good' }]);
    expect(answer.Failed).toMatchObject([{ Id: 'bad', SenderFault: true, Code: 'ReceiptHandleIsInvalid' }]);
  });

  it('has 1 to 10 entries with different ids, and 1 MiB in all (API_SendMessageBatch)', async () => {
    const { url } = freshQueue();
    const sendBatch = (entries: { Id: string; MessageBody: string }[]) =>
      client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }));
    const entry = (id: string, body = 'x') => ({ Id: id, MessageBody: body });
    await expect(sendBatch([])).rejects.toMatchObject({ name: 'EmptyBatchRequest' });
    await expect(sendBatch(Array.from({ length: 11 }, (_, at) => entry(String(at))))).rejects.toMatchObject({
      name: 'TooManyEntriesInBatchRequest',
    });
    await expect(sendBatch([entry('a'), entry('a')])).rejects.toMatchObject({ name: 'BatchEntryIdsNotDistinct' });
    await expect(sendBatch([entry('not an id')])).rejects.toMatchObject({ name: 'InvalidBatchEntryId' });
    const half = 'x'.repeat(524_289);
    await expect(sendBatch([entry('a', half), entry('b', half)])).rejects.toMatchObject({ name: 'BatchRequestTooLong' });
  });
});

describe('a dead-letter queue', () => {
  it('takes a message that was received too often, and keeps where it came from (GUIDE sqs-dead-letter-queues)', async () => {
    const { queue, deadLetters } = queueWithDeadLetters(2);
    await send(queue.url, 'poison');
    expect(await receive(queue.url)).toHaveLength(1);
    expect(await receive(queue.url)).toHaveLength(1);
    expect(await receive(queue.url)).toEqual([]);
    const [dead] = await receive(deadLetters.url);
    expect(dead?.Body).toBe('poison');
    expect(dead?.Attributes?.DeadLetterQueueSourceArn).toBe(queue.arn);
  });

  it('knows its sources (API_ListDeadLetterSourceQueues)', async () => {
    const { queue, deadLetters } = queueWithDeadLetters(1);
    const { queueUrls } = await client.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: deadLetters.url }));
    expect(queueUrls).toEqual([queue.url]);
  });

  it('must exist before a queue names it', () => {
    const redrive = {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn(LOCAL_ACCOUNT, 'nowhere'), maxReceiveCount: 3 }),
    };
    expect(() => freshQueue(redrive)).toThrow(/Dead letter target does not exist/);
  });

  it('gives its messages back to where they came from, as new messages (GUIDE sqs-configure-dead-letter-queue-redrive)', async () => {
    const { queue, deadLetters } = queueWithDeadLetters(1);
    const { MessageId } = await send(queue.url, 'poison');
    await receive(queue.url);
    await receive(queue.url);
    expect(aws.sqs.counts(deadLetters.name).visible).toBe(1);
    await client.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetters.arn }));
    const [again] = await receive(queue.url, { WaitTimeSeconds: 5 });
    expect(again).toMatchObject({ Body: 'poison', Attributes: { ApproximateReceiveCount: '1' } });
    expect(again?.MessageId).not.toBe(MessageId);
    const { Results } = await client.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetters.arn }));
    expect(Results).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }]);
  });

  it('is the only kind of queue that can be redriven (API_StartMessageMoveTask)', async () => {
    const { arn } = freshQueue();
    await expect(client.send(new StartMessageMoveTaskCommand({ SourceArn: arn }))).rejects.toThrow(/Dead Letter Queue/);
    await expect(client.send(new StartMessageMoveTaskCommand({ SourceArn: `${arn}-nowhere` }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('can be looked at without receiving', async () => {
    const { name } = freshQueue();
    await aws.sqs.send(name, [{ body: 'seen' }]);
    expect(aws.sqs.peek(name, 10).map((message) => message.body)).toEqual(['seen']);
    expect(aws.sqs.counts(name).visible).toBe(1);
  });
});

describe('housekeeping', () => {
  it('purges a queue, and not again within 60 seconds (API_PurgeQueue)', async () => {
    const { url, name } = freshQueue();
    await send(url, 'x');
    await client.send(new PurgeQueueCommand({ QueueUrl: url }));
    expect(aws.sqs.counts(name).visible).toBe(0);
    await expect(client.send(new PurgeQueueCommand({ QueueUrl: url }))).rejects.toMatchObject({ name: 'PurgeQueueInProgress' });
  });

  it('counts requests by queue and operation, empty receives apart', async () => {
    const { url, name } = freshQueue();
    await send(url, 'x');
    await receive(url);
    await receive(url);
    expect(aws.sqs.requests()[name]).toEqual({ SendMessage: 1, ReceiveMessage: 2, EmptyReceive: 1 });
  });
});
