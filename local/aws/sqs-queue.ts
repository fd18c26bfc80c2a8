import type { Clock } from './clock.ts';
import type { QueueAttributes, QueueSettings } from './sqs-attributes.ts';
import type { SqsStore } from './sqs-store.ts';

/** A queue as it lives in this process: its settings, and the receives that wait at it. */
export interface Queue {
  readonly id: number;
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  modifiedAt: number;
  attributes: QueueAttributes;
  settings: QueueSettings;
  expiredAt: number; // when old messages were last looked for
  readonly waiting: Set<() => void>; // receives that wait for a message, longest first
}

/** Timers fire a little early at times: waiting less than this for a message would spin. */
const WAKE_AFTER_MS_MIN = 2;

/** Lets the longest waiting receives look again. */
export function wake(queue: Queue, count: number): void {
  let left = count;
  for (const resume of queue.waiting) {
    if (left-- <= 0) return;
    resume(); // takes itself out of the set
  }
}

/** Settles when a message may have come, at the latest after `leftMs`. */
export function arrival(
  queue: Queue,
  store: SqsStore,
  clock: Clock,
  leftMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const now = clock.now();
    // Something may be due already: sent while the last look was being committed, or left by a look that cleared away enough.
    const dueAt = store.anyDue(queue.id, now) ? now : store.nextDueAt(queue.id, now);
    const untilDueMs = dueAt === undefined ? Number.POSITIVE_INFINITY : Math.max(dueAt - now, WAKE_AFTER_MS_MIN);
    const timer = setTimeout(resume, Math.min(leftMs, untilDueMs));
    function resume(): void {
      clearTimeout(timer);
      queue.waiting.delete(resume);
      signal?.removeEventListener('abort', resume);
      resolve();
    }
    queue.waiting.add(resume);
    signal?.addEventListener('abort', resume, { once: true });
  });
}
