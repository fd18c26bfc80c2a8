import type { Chooser } from './choice-tape.ts';
import { TraceHash } from './trace-hash.ts';
import { realSetImmediate } from './traps.ts';

interface Due {
  readonly atMs: number;
  readonly tie: number;
  readonly sequence: number;
  readonly label: string;
  readonly act: () => void;
}

/** Events of one instant may come in any order; so many orders are enough to meet every pair both ways round. */
const TIES = 4;

/**
 * Virtual time. Events run one after another, keyed (time, drawn tie-break, sequence); after each one every promise that it
 * settled is followed up, before the next event is taken.
 */
export class Scheduler {
  readonly trace = new TraceHash();
  /** Events run so far. */
  executed = 0;
  private readonly chooser: Chooser;
  private readonly heap: Due[] = [];
  private nowMs: number;
  private sequence = 0;
  private stopped = false;

  constructor(chooser: Chooser, startMs: number) {
    this.chooser = chooser;
    this.nowMs = startMs;
  }

  now(): number {
    return this.nowMs;
  }

  /** Not before now: what is due in the past happens next. */
  at(ms: number, label: string, act: () => void): void {
    const atMs = Math.max(this.nowMs, Math.ceil(ms));
    const tie = this.chooser.choose(TIES, 'order');
    push(this.heap, { atMs, tie, sequence: this.sequence++, label, act });
  }

  /** When the next event is due; undefined when there is none. */
  nextAtMs(): number | undefined {
    return this.heap[0]?.atMs;
  }

  /** Ends the run after the event in hand: something is proved, and nothing further matters. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Runs every event that is due by `ms`, then lets the clock stand there.
   *
   * @param eventsMax - a run that needs more is out of hand.
   * @throws Error then.
   */
  async runUntil(ms: number, eventsMax = Number.POSITIVE_INFINITY): Promise<void> {
    while (!this.stopped) {
      const due = this.heap[0];
      if (due === undefined || due.atMs > ms) break;
      pop(this.heap);
      this.nowMs = due.atMs;
      this.executed += 1;
      if (this.executed > eventsMax) throw new Error(`the run took more than ${eventsMax} events; the last was ${due.label}`);
      this.trace.add(due.atMs, due.label);
      due.act();
      await microtasksDone();
    }
    if (!this.stopped) this.nowMs = Math.max(this.nowMs, ms);
  }
}

/** A macrotask begins only when no microtask is left. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    realSetImmediate(resolve);
  });
}

function isBefore(a: Due, b: Due): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie === b.tie ? a.sequence < b.sequence : a.tie < b.tie;
}

function push(heap: Due[], due: Due): void {
  let index = heap.length;
  heap.push(due);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(due, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const one = heap[left];
    if (one === undefined) break;
    const other = heap[left + 1];
    const smaller = other !== undefined && isBefore(other, one) ? left + 1 : left;
    const below = heap[smaller];
    if (below === undefined || !isBefore(below, last)) break;
    heap[index] = below;
    index = smaller;
  }
  heap[index] = last;
}
