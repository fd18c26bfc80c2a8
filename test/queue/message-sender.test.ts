import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { messageSender, type OutgoingMessage } from '../../shared/queue/message-sender.ts';
import { scriptedSqs } from './scripted-sqs.ts';

const entrySchema = z.object({ Id: z.string(), MessageBody: z.string(), DelaySeconds: z.number().optional() });
const batchSchema = z.object({ QueueUrl: z.string(), Entries: z.array(entrySchema) });
type Entry = z.infer<typeof entrySchema>;
type Refusal = { Id: string; Code: string; SenderFault: boolean };

/** A queue that refuses what `refuse` says; `batches` are the calls it got. */
function queue(refuse: (entry: Entry, call: number) => Omit<Refusal, 'Id'> | undefined = () => undefined) {
  const batches: Entry[][] = [];
  const sqs = scriptedSqs((_, input) => {
    const { Entries: entries } = batchSchema.parse(input);
    batches.push(entries);
    const failed = entries.flatMap((entry): Refusal[] => {
      const refusal = refuse(entry, batches.length);
      return refusal === undefined ? [] : [{ Id: entry.Id, ...refusal }];
    });
    return { Successful: [], Failed: failed };
  });
  return { batches, sender: messageSender(sqs, 'https://sqs.example.test/changes') };
}

const messages = (count: number, size = 10): OutgoingMessage[] =>
  Array.from({ length: count }, (_, n) => ({ body: `${n} `.padEnd(size, 'x') }));
const bodies = (batches: readonly Entry[][]) => batches.flat().map((entry) => entry.MessageBody);
const busy = { Code: 'ServiceUnavailable', SenderFault: false };

describe('sending', () => {
  it('takes ten messages to a call, each once', async () => {
    const { batches, sender } = queue();
    const sent = messages(25);
    await sender.send(sent);
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 5]);
    expect(bodies(batches)).toEqual(sent.map(({ body }) => body));
    for (const batch of batches) expect(new Set(batch.map(({ Id: id }) => id)).size).toBe(batch.length);
  });

  it('F34: takes no more bytes to a call than SQS does', async () => {
    const { batches, sender } = queue();
    await sender.send(messages(7, 100_000));
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2, 1]);
  });

  it('costs no call when there is nothing to send', async () => {
    const { batches, sender } = queue();
    await sender.send([]);
    expect(batches).toEqual([]);
  });

  it('rounds a delay up to seconds, a quarter of an hour at most', async () => {
    const { batches, sender } = queue();
    await sender.send([
      { body: 'a' },
      { body: 'b', delayMs: 0 },
      { body: 'c', delayMs: 1_001 },
      { body: 'd', delayMs: 86_400_000 },
    ]);
    expect(batches.flat().map(({ DelaySeconds: seconds }) => seconds)).toEqual([undefined, 0, 2, 900]);
  });

  it('F31: repeats what SQS could not take just now, and only that', async () => {
    const { batches, sender } = queue(({ Id: id }, call) => (call === 1 && id === '3' ? busy : undefined));
    const sent = messages(5);
    await sender.send(sent);
    expect(batches.map((batch) => batch.length)).toEqual([5, 1]);
    expect(batches[1]?.[0]?.MessageBody).toBe(sent[3]?.body);
  });

  it('F31: gives up after three tries, and says why', async () => {
    const { batches, sender } = queue(({ Id: id }) => (id === '0' ? busy : undefined));
    await expect(sender.send(messages(2))).rejects.toThrow('SQS refused 1 of 2 messages (ServiceUnavailable)');
    expect(batches).toHaveLength(3);
  });

  it('F32: does not repeat what SQS will never take', async () => {
    const { batches, sender } = queue(() => ({ Code: 'InvalidMessageContents', SenderFault: true }));
    await expect(sender.send(messages(1))).rejects.toThrow('InvalidMessageContents');
    expect(batches).toHaveLength(1);
  });

  it('I2: fails as a whole when one of its calls does, so that nobody acknowledges what is not durable', async () => {
    const { sender } = queue((_, call) => (call === 2 ? { Code: 'InvalidMessageContents', SenderFault: true } : undefined));
    await expect(sender.send(messages(20))).rejects.toThrow('SQS refused');
  });
});
