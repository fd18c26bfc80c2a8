import type { SQSRecord } from 'aws-lambda';

/** Items (hints, deliveries) that one invocation takes on at most: a few calls' worth, done well before the timeout. */
const ITEMS_MAX = 600;
const MESSAGES_MAX = 190;

/**
 * How many more messages an invocation may drain, judged by how many items those in hand carry.
 *
 * @param marker - text that occurs once per item in a message's body.
 */
export function drainAllowance(records: readonly SQSRecord[], marker: string): number {
  if (records.length === 0) return 0;
  const items = records.reduce((sum, record) => sum + Math.max(1, record.body.split(marker).length - 1), 0);
  const perMessage = items / records.length;
  return Math.max(0, Math.min(MESSAGES_MAX, Math.floor((ITEMS_MAX - items) / perMessage)));
}

/** When a put-back item has waited this long in all, it is a dead letter: nothing retries for ever. */
export const PATIENCE_MS = 24 * 3_600_000;

/** Doubles from 2 s to 15 minutes, with jitter so that a recovered system is not met by a crowd. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return Math.min(900_000, 2_000 * 2 ** Math.min(attempt, 10)) * (0.75 + random() / 4);
}
