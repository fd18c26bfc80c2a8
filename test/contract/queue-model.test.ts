import { describe, expect, it } from 'vitest';
import { ModelQueue, type ModelQueueOptions } from '../simulation/ports/model-queue.ts';

// What a run asks of the model beyond the contract that it shares with the emulator: a standard queue at its worst.

const VISIBILITY_MS = 30_000;

function queueWith(options: Partial<ModelQueueOptions> = {}) {
  const clock = { nowMs: 1_000 };
  const queue = new ModelQueue({ now: () => clock.nowMs, visibilityTimeoutMs: VISIBILITY_MS, ...options });
  const bodies = (max = 10) => queue.receive(max).map(({ body }) => body);
  return { clock, queue, bodies };
}

const first = () => 0;

describe('a standard queue', () => {
  it('hands over in the order it was told to choose', () => {
    const asked: number[] = [];
    const { queue, bodies } = queueWith({
      order(n) {
        asked.push(n);
        return n - 1;
      },
    });
    for (const body of ['a', 'b', 'c']) queue.send({ body });
    expect(bodies()).toEqual(['c', 'b', 'a']);
    expect(asked).toEqual([3, 2]);
  });

  it('shows a message that is in hand to somebody else, whose deletion then counts', () => {
    const { queue } = queueWith();
    expect(queue.showAgain(first)).toBe(false);
    queue.send({ body: 'a' });
    const [one] = queue.receive(10);
    expect(queue.showAgain(first)).toBe(true);
    const [other] = queue.receive(10);
    if (one === undefined || other === undefined) throw new Error('two receives expected');
    expect([other.id, other.receives]).toEqual([one.id, 2]);
    queue.delete(one.id, one.receipt);
    expect(queue.length).toBe(1);
    queue.delete(other.id, other.receipt);
    expect(queue.length).toBe(0);
  });

  it('may hand over two copies of a message at once, each to be deleted', () => {
    const { queue } = queueWith();
    queue.send({ body: 'a' });
    expect(queue.duplicate(first)).toBe(true);
    const taken = queue.receive(10);
    expect(taken.map(({ id }) => id)).toEqual(['m1', 'm1']);
    for (const { id, receipt } of taken.slice(1)) queue.delete(id, receipt);
    expect(queue.length).toBe(1);
  });

  it('may bring back what was deleted', () => {
    const { queue, bodies } = queueWith();
    queue.send({ body: 'a' });
    for (const { id, receipt } of queue.receive(1)) queue.delete(id, receipt);
    expect(queue.bringBack(first)).toBe(true);
    expect(bodies()).toEqual(['a']);
    expect(queue.bringBack(first)).toBe(false);
  });

  it('knows when its next message is due', () => {
    const { clock, queue } = queueWith();
    expect(queue.nextVisibleMs()).toBeUndefined();
    queue.send({ body: 'late', delayMs: 4_001 });
    expect(queue.nextVisibleMs()).toBe(6_000); // SQS counts in seconds
    queue.send({ body: 'now' });
    expect(queue.nextVisibleMs()).toBe(1_000);
    const [now] = queue.receive(1);
    expect(queue.nextVisibleMs()).toBe(6_000);
    clock.nowMs = 6_000;
    expect(queue.counts()).toEqual({ visible: 1, inFlight: 1, delayed: 0 });
    for (const { id, receipt } of queue.receive(1)) queue.delete(id, receipt);
    expect(queue.nextVisibleMs()).toBe(31_000);
    expect(queue.changeVisibility(now?.id ?? '', now?.receipt ?? 0, 60_000)).toBe(true);
    expect(queue.nextVisibleMs()).toBe(66_000);
    clock.nowMs = 31_000;
    expect(queue.receive(1)).toEqual([]);
  });

  it('keeps its dead letters itself where it was given no queue for them', () => {
    const { clock, queue } = queueWith({ maxReceiveCount: 2 });
    queue.send({ body: 'poison' });
    for (let receives = 0; receives < 3; receives += 1) {
      queue.receive(10);
      clock.nowMs += VISIBILITY_MS;
    }
    expect([queue.length, queue.deadLetters.map(({ body, receives }) => [body, receives])]).toEqual([0, [['poison', 2]]]);
  });

  it('stays quick with a large backlog', () => {
    const { clock, queue } = queueWith();
    for (let at = 0; at < 20_000; at += 1) queue.send({ body: `${at}`, delayMs: (at % 900) * 1_000 });
    clock.nowMs += 900_000;
    let taken = 0;
    for (let received = queue.receive(10); received.length > 0; received = queue.receive(10)) {
      taken += received.length;
      queue.nextVisibleMs();
      for (const { id, receipt } of received) queue.delete(id, receipt);
    }
    expect([taken, queue.length]).toEqual([20_000, 0]);
  });
});
