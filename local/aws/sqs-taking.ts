import * as z from 'zod';
import type { Clock } from './clock.ts';
import { type MessageAttributes, md5, type ReceivedMessage } from './sqs-message.ts';
import { type Queue, wake } from './sqs-queue.ts';
import type { SqsStore, StoredMessage } from './sqs-store.ts';

/** Old messages are looked for at most this often per queue. */
const EXPIRY_INTERVAL_MS = 60_000;
/** A receive stops clearing away dead letters and expired messages after so many rounds; the next one goes on. */
const CLEARING_ROUNDS_MAX = 20;
/** An unkind receive picks among so many due messages. */
const REORDER_WINDOW = 100;

const messageAttributesSchema = z.record(
  z.string(),
  z.object({ DataType: z.string(), StringValue: z.string().optional(), BinaryValue: z.string().optional() }),
);

/** Hands out what is due; on the way, expired messages go and those received too often become dead letters. */
export type TakeDue = (queue: Queue, max: number, visibilityMs: number) => ReceivedMessage[];

/** @param shell.shuffle - random numbers to pick by, where queues are unkind; undefined: the longest due first. */
export function takingFrom(shell: {
  readonly store: SqsStore;
  readonly clock: Clock;
  readonly shuffle: (() => number) | undefined;
  readonly deadLettersOf: (queue: Queue) => Queue | undefined;
}): TakeDue {
  const { store, clock, shuffle } = shell;

  function takeDue(queue: Queue, max: number, visibilityMs: number): ReceivedMessage[] {
    const now = clock.now();
    expireOld(queue, now);
    const deadLetters = shell.deadLettersOf(queue);
    const maxReceives = queue.settings.redrive?.maxReceiveCount ?? Number.POSITIVE_INFINITY;
    const taken: ReceivedMessage[] = [];
    for (let round = 0; round < CLEARING_ROUNDS_MAX && taken.length < max; round++) {
      const candidates = pick(queue, now, max - taken.length);
      let cleared = 0;
      for (const message of candidates) {
        if (message.sent_at + queue.settings.retentionMs <= now) {
          store.drop(queue.id, message.seq);
          cleared++;
        } else if (deadLetters !== undefined && message.receives >= maxReceives) {
          store.deadLetter(message.seq, queue.id, deadLetters.id, queue.arn, now);
          wake(deadLetters, 1);
          cleared++;
        } else {
          taken.push(hand(message, now, visibilityMs));
        }
      }
      if (cleared === 0) break;
    }
    return taken;
  }

  function pick(queue: Queue, now: number, count: number): StoredMessage[] {
    if (shuffle === undefined) return store.due(queue.id, now, count);
    const window = store.due(queue.id, now, REORDER_WINDOW);
    for (let last = window.length - 1; last > 0; last--) {
      const other = Math.floor(shuffle() * (last + 1));
      const [a, b] = [window[last], window[other]];
      if (a !== undefined && b !== undefined) [window[last], window[other]] = [b, a];
    }
    return window.slice(0, count);
  }

  function hand(message: StoredMessage, now: number, visibilityMs: number): ReceivedMessage {
    const receiptHandle = store.take(message, now, now + visibilityMs);
    return { ...view(message, message.receives + 1, message.first_received_at ?? now), receiptHandle };
  }

  function expireOld(queue: Queue, now: number): void {
    if (now - queue.expiredAt < EXPIRY_INTERVAL_MS) return;
    queue.expiredAt = now;
    store.expire(queue.id, now - queue.settings.retentionMs);
  }

  return takeDue;
}

/** The message as a receiver sees it, but for the handle. */
export function view(
  message: StoredMessage,
  receives: number,
  firstReceivedAt: number | null,
): Omit<ReceivedMessage, 'receiptHandle'> {
  const attributes: Record<string, string> = {
    SenderId: 'AIDAEMBEDDEDSQSSENDER',
    SentTimestamp: String(message.sent_at),
    ApproximateReceiveCount: String(receives),
  };
  if (firstReceivedAt !== null) attributes.ApproximateFirstReceiveTimestamp = String(firstReceivedAt);
  if (message.source_arn !== null) attributes.DeadLetterQueueSourceArn = message.source_arn;
  if (message.trace_header !== null) attributes.AWSTraceHeader = message.trace_header;
  const messageAttributes: MessageAttributes =
    message.attributes === null ? {} : messageAttributesSchema.parse(JSON.parse(message.attributes));
  return { messageId: message.message_id, body: message.body, md5OfBody: md5(message.body), attributes, messageAttributes };
}
