import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatherMessages } from '../../shared/queue/message-batch.ts';
import { messageSender } from '../../shared/queue/message-sender.ts';

// What shared/queue and the event source mappings rely on in SQS. The model of the simulator and the emulator of local/aws both keep it.

/** As the queues below are made. */
export const VISIBILITY_MS = 30_000;
export const RECEIVES_MAX = 3;
export const RETENTION_MS = 3_600_000;
/** The emulator's clock goes on by itself: its calls take less than this. */
const SLOW_MS = 10_000;

export interface QueueBackend {
  readonly client: SQSClient;
  /** A new queue with dead letters, both empty. */
  queue(): { readonly url: string; readonly deadLetterUrl: string };
  advance(ms: number): void;
  close(): Promise<void>;
}

export function queueContract(name: string, open: () => Promise<QueueBackend>): void {
  describe(`${name}`, () => {
    let backend: QueueBackend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.close());

    const send = (QueueUrl: string, Entries: SendMessageBatchRequestEntry[]) =>
      backend.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    const entry = (body: string, more: object = {}): SendMessageBatchRequestEntry => ({
      Id: `e${body}`,
      MessageBody: body,
      ...more,
    });
    const receive = async (QueueUrl: string, max = 10): Promise<Message[]> => {
      const input = { QueueUrl, MaxNumberOfMessages: max, WaitTimeSeconds: 0, MessageSystemAttributeNames: ['All' as const] };
      return (await backend.client.send(new ReceiveMessageCommand(input))).Messages ?? [];
    };
    const remove = (QueueUrl: string, messages: readonly Message[]) =>
      backend.client.send(
        new DeleteMessageBatchCommand({
          QueueUrl,
          Entries: messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle })),
        }),
      );
    const bodies = (messages: readonly Message[]) => messages.map(({ Body: body }) => body).toSorted();

    describe('a message', () => {
      it('is in one pair of hands until its visibility timeout has passed, and is then handed over again', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a')]);
        const [first] = await receive(url);
        expect(first?.Attributes?.ApproximateReceiveCount).toBe('1');
        backend.advance(VISIBILITY_MS - SLOW_MS);
        expect(await receive(url)).toEqual([]);
        backend.advance(SLOW_MS);
        const [second] = await receive(url);
        expect([second?.MessageId, second?.Body, second?.Attributes?.ApproximateReceiveCount]).toEqual([
          first?.MessageId,
          'a',
          '2',
        ]);
        expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
        expect(second?.Attributes?.SentTimestamp).toBe(first?.Attributes?.SentTimestamp);
        expect(second?.Attributes?.ApproximateFirstReceiveTimestamp).toBe(first?.Attributes?.ApproximateFirstReceiveTimestamp);
      });

      it('is deleted by whoever had it last, also after its timeout', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a')]);
        const first = await receive(url);
        backend.advance(VISIBILITY_MS);
        const second = await receive(url);
        expect((await remove(url, first)).Failed).toBeUndefined(); // succeeds, and does nothing
        backend.advance(VISIBILITY_MS);
        expect((await remove(url, second)).Successful).toHaveLength(1);
        expect(await receive(url)).toEqual([]);
        expect((await remove(url, second)).Failed).toBeUndefined();
      });

      it('that is delayed is not handed over before', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a', { DelaySeconds: 20 }), entry('b', { DelaySeconds: 0 })]);
        expect(bodies(await receive(url))).toEqual(['b']);
        backend.advance(20_000 - SLOW_MS);
        expect(await receive(url)).toEqual([]);
        backend.advance(SLOW_MS);
        expect(bodies(await receive(url))).toEqual(['a']);
      });

      it('goes to the dead letters instead of being received once too often, with its age and its count', async () => {
        const { url, deadLetterUrl } = backend.queue();
        await send(url, [entry('poison')]);
        let last: Message | undefined;
        for (let receives = 1; receives <= RECEIVES_MAX; receives += 1) {
          [last] = await receive(url);
          expect(last?.Attributes?.ApproximateReceiveCount).toBe(String(receives));
          backend.advance(VISIBILITY_MS);
        }
        expect(await receive(deadLetterUrl)).toEqual([]);
        expect(await receive(url)).toEqual([]);
        const [dead] = await receive(deadLetterUrl);
        expect([dead?.MessageId, dead?.Body]).toEqual([last?.MessageId, 'poison']);
        expect(dead?.Attributes?.SentTimestamp).toBe(last?.Attributes?.SentTimestamp);
        expect(dead?.Attributes?.ApproximateReceiveCount).toBe(String(RECEIVES_MAX + 1));
        backend.advance(VISIBILITY_MS);
        expect(await receive(url)).toEqual([]);
      });

      it('is forgotten when it has been kept as long as the queue keeps any', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a')]);
        backend.advance(RETENTION_MS);
        expect(await receive(url)).toEqual([]);
      });

      it('becomes visible when whoever has it says so, and stays hidden as long as they say', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a')]);
        const change = (message: Message | undefined, VisibilityTimeout: number) =>
          backend.client.send(
            new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout }),
          );
        const [first] = await receive(url);
        await change(first, 0);
        const [second] = await receive(url);
        expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
        await change(second, 100);
        backend.advance(100_000 - SLOW_MS);
        expect(await receive(url)).toEqual([]);
        await expect(change(second, 43_201)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
        backend.advance(SLOW_MS);
        await expect(change(second, 10)).rejects.toMatchObject({ name: 'MessageNotInflight' });
        expect(await receive(url)).toHaveLength(1);
      });
    });

    describe('a batch', () => {
      it('is sent, received and deleted ten messages at a time', async () => {
        const { url } = backend.queue();
        const entries = Array.from({ length: 25 }, (_, at) => entry(String(at)));
        for (let start = 0; start < 25; start += 10) {
          const { Successful: sent = [] } = await send(url, entries.slice(start, start + 10));
          expect(sent.map(({ Id: id }) => id)).toEqual(entries.slice(start, start + 10).map(({ Id: id }) => id));
        }
        const taken: Message[] = [];
        for (let calls = 0; calls < 3; calls += 1) taken.push(...(await receive(url)));
        expect(bodies(taken)).toEqual(entries.map(({ MessageBody: body }) => body).toSorted());
        for (let start = 0; start < 25; start += 10) await remove(url, taken.slice(start, start + 10));
        backend.advance(VISIBILITY_MS);
        expect(await receive(url)).toEqual([]);
      });

      it.each<[string, SendMessageBatchRequestEntry[]]>([
        ['EmptyBatchRequest', []],
        ['TooManyEntriesInBatchRequest', Array.from({ length: 11 }, (_, at) => ({ Id: `e${at}`, MessageBody: 'a' }))],
        ['BatchEntryIdsNotDistinct', [1, 2].map((at) => ({ Id: 'same', MessageBody: `${at}` }))],
        ['InvalidBatchEntryId', [{ Id: 'not/good', MessageBody: 'a' }]],
        ['BatchRequestTooLong', [1, 2].map((at) => ({ Id: `e${at}`, MessageBody: 'x'.repeat(600_000) }))],
      ])('is refused as a whole with %s', async (error, entries) => {
        const { url } = backend.queue();
        await expect(send(url, entries)).rejects.toMatchObject({ name: error });
        expect(await receive(url)).toEqual([]);
      });

      it('takes its messages one by one: what SQS will never take fails alone, by the sender’s fault', async () => {
        const { url } = backend.queue();
        const { Successful: sent = [], Failed: failed = [] } = await send(url, [
          entry('good'),
          { Id: 'noncharacter', MessageBody: 'a\uffff' },
          { Id: 'control', MessageBody: 'a\u0000' },
          { Id: 'late', MessageBody: 'a', DelaySeconds: 901 },
        ]);
        expect(sent.map(({ Id: id }) => id)).toEqual(['egood']);
        expect(failed.map(({ Id: id, Code: code, SenderFault: fault }) => [id, code, fault])).toEqual([
          ['noncharacter', 'InvalidMessageContents', true],
          ['control', 'InvalidMessageContents', true],
          ['late', 'InvalidParameterValue', true],
        ]);
        expect(bodies(await receive(url))).toEqual(['good']);
      });

      it('of one message has 1 MiB at most', async () => {
        const { url } = backend.queue();
        const { Failed: failed = [] } = await send(url, [entry('x'.repeat(1_048_577), { Id: 'large' })]);
        expect(failed.map(({ Code: code }) => code)).toEqual(['InvalidParameterValue']);
        await send(url, [entry('x'.repeat(1_048_576), { Id: 'fits' })]);
        expect(await receive(url)).toHaveLength(1);
      });

      it('of deletions tells of a handle that is none', async () => {
        const { url } = backend.queue();
        await send(url, [entry('a')]);
        const taken = await receive(url);
        const { Successful: done, Failed: failed } = await remove(url, [...taken, { ReceiptHandle: 'nonsense' }]);
        expect([done?.length, failed?.map(({ Code: code }) => code)]).toEqual([1, ['ReceiptHandleIsInvalid']]);
      });

      it.each([0, 11])('of %i messages cannot be received', async (max) => {
        await expect(receive(backend.queue().url, max)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
      });

      it('needs a queue', async () => {
        const { url } = backend.queue();
        await expect(receive(`${url}-elsewhere`)).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
      });
    });

    it('what is sent is gathered, and what was handled is gone', async () => {
      const { url } = backend.queue();
      await messageSender(backend.client, url).send(Array.from({ length: 37 }, (_, at) => ({ body: `b${at}` })));
      const handed = (await receive(url)).map(
        ({ MessageId: messageId = '', Body: body = '', ReceiptHandle: receiptHandle = '' }) => ({
          messageId,
          body,
          receiptHandle,
          attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: '', ApproximateFirstReceiveTimestamp: '0' },
          messageAttributes: {},
          md5OfBody: '',
          eventSource: 'aws:sqs',
          eventSourceARN: 'arn',
          awsRegion: 'eu-west-1',
        }),
      );
      const batch = await gatherMessages(backend.client, url, handed, 25);
      expect(batch.messages).toHaveLength(35);
      const failed = batch.messages.filter((_, at) => at === 3 || at === 30).map(({ id }) => id);
      const { batchItemFailures } = await batch.settle(new Set(failed));
      expect(batchItemFailures).toEqual(failed.slice(0, 1).map((itemIdentifier) => ({ itemIdentifier })));
      backend.advance(VISIBILITY_MS);
      const rest = [...(await receive(url)), ...(await receive(url))];
      // 10 handed over, which Lambda deletes; 1 drained that failed; 2 that were never taken.
      expect(rest).toHaveLength(13);
    });
  });
}
