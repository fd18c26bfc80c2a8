import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { approved, kept, paused, resumed, stopped } from '../../../shared/sync/guards/guard-stops.ts';
import {
  type GuardLimits,
  reserve,
  type StopCause,
  settle,
  UNTOUCHED,
  type WriteAsk,
  type WriteGuard,
} from '../../../shared/sync/guards/write-guard.ts';
import { windowCounts } from '../../../shared/sync/guards/write-window.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_800_000_000_000;
const limits: GuardLimits = { deletesPercent: 5, altersPercent: 30, firstSyncApproval: 'auto' };
const idOf = (cause: StopCause) => `contacts-hubspot-${cause}-1`;
const by = { by: 'ada', reason: 'meant' };
const none: WriteAsk = { deletes: 0, alters: 0, creates: 0 };

/** A guard of a sync that went live days ago. */
const settled = (linked: number): WriteGuard => ({ ...UNTOUCHED, linked, firstWriteAtMs: NOW - 3 * DAY });
const ask = (guard: WriteGuard, asked: Partial<WriteAsk>, nowMs = NOW, given = limits) =>
  reserve(guard, { ...none, ...asked }, given, nowMs, idOf);

describe('G1: a batch', () => {
  it('within the limits may be written, and counts', () => {
    const { next, said, linkedBy } = ask(settled(1_000), { deletes: 50, alters: 300, creates: 7 });
    expect(said.kind).toBe('go');
    expect(windowCounts(next.window, NOW)).toEqual({ altered: 300, deleted: 50 });
    expect({ linkedBy, linked: next.linked }).toEqual({ linkedBy: -43, linked: 957 });
  });

  it.each([
    { deletes: 51, cause: 'deletes' },
    { alters: 301, cause: 'alters' },
  ])('beyond them stops everything and counts nothing: $cause', ({ cause, ...asked }) => {
    const { next, said, linkedBy } = ask(settled(1_000), asked);
    expect(said).toMatchObject({ kind: 'stopped', cause });
    expect(next).toMatchObject({ window: [], linked: 1_000, stops: [{ cause }] });
    expect(linkedBy).toBe(0);
    expect(ask(next, { alters: 1 }, NOW + 30 * DAY).said).toMatchObject({ kind: 'stopped', cause });
  });

  it('that was not written after all is given back, so that the same batch fits again', () => {
    const { next, said } = ask(settled(1_000), { deletes: 50, creates: 3 });
    if (said.kind !== 'go') throw new Error('it may be written');
    const back = settle(next, said.reservation, { deletes: 50, alters: 0, creates: 3 });
    expect(back.next.linked).toBe(1_000);
    expect(windowCounts(back.next.window, NOW)).toEqual({ altered: 0, deleted: 0 });
    expect(ask(back.next, { deletes: 50 }).said.kind).toBe('go');
  });

  it('no order of batches deletes or alters more than the limits within 24 hours', () => {
    const batch = fc.record({
      waitMs: fc.integer({ min: 0, max: 9 * HOUR }),
      deletes: fc.nat(8),
      alters: fc.nat(60),
      unwritten: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 30, max: 400 }), fc.array(batch, { maxLength: 60 }), (linked, batches) => {
        let guard = settled(linked);
        let nowMs = NOW;
        const log: { atMs: number; deletes: number; alters: number; size: number }[] = [];
        for (const { waitMs, deletes, alters, unwritten } of batches) {
          nowMs += waitMs;
          const { next, said } = ask(guard, { deletes, alters }, nowMs);
          const size = guard.linked + windowCounts(guard.window, nowMs).deleted;
          guard = next;
          if (said.kind === 'stopped') guard = resumed(guard, said.stopId, by, nowMs) ?? guard;
          else if (unwritten) guard = settle(guard, said.reservation, { deletes, alters, creates: 0 }).next;
          else log.push({ atMs: nowMs, deletes, alters, size });
        }
        for (const { atMs, size } of log) {
          const within = log.filter((one) => one.atMs <= atMs && atMs - one.atMs <= DAY);
          const deleted = within.reduce((sum, one) => sum + one.deletes, 0);
          const altered = within.reduce((sum, one) => sum + one.alters, 0);
          if (within.at(-1)?.deletes) expect(deleted).toBeLessThanOrEqual(Math.max(size * 0.05, size <= 25 ? size / 2 : 0));
          if (within.at(-1)?.alters && size > 200) expect(altered).toBeLessThanOrEqual(size * 0.3);
        }
      }),
    );
  });
});

describe('an approval', () => {
  const tripped = ask(settled(1_000), { deletes: 200 }).next;
  const stopId = tripped.stops[0]?.id ?? '';
  const approve = (allow: number | 'run', untilMs = NOW + DAY) =>
    approved(tripped, stopId, { ...by, allow, untilMs }, NOW) ?? UNTOUCHED;

  it('names the stop: another id approves nothing', () => {
    expect(approved(tripped, 'contacts-hubspot-deletes-9', { ...by, allow: 'run', untilMs: NOW + DAY }, NOW)).toBeUndefined();
  });

  it('lets as many pass beyond the limit as it says, and no more', () => {
    const first = ask(approve(150), { deletes: 200 });
    expect(first.said.kind).toBe('go');
    expect(ask(first.next, { deletes: 1 }).said).toMatchObject({ kind: 'stopped', cause: 'deletes' });
    expect(ask(approve(149), { deletes: 200 }).said.kind).toBe('stopped');
  });

  it('of the run lets all pass until its time is over', () => {
    expect(ask(approve('run'), { deletes: 900 }, NOW + HOUR).said.kind).toBe('go');
    expect(ask(approve('run', NOW + HOUR), { deletes: 900 }, NOW + HOUR).said.kind).toBe('stopped');
    expect(ask(approve('run', NOW + 99 * DAY), { deletes: 900 }, NOW + 8 * DAY).said.kind).toBe('stopped');
  });

  it('of deletes is none of alterations', () => {
    expect(ask(approve('run'), { alters: 301 }).said).toMatchObject({ kind: 'stopped', cause: 'alters' });
  });

  it('that was paid with for what was not written is good for it again', () => {
    const { next, said } = ask(approve(160), { deletes: 200 });
    if (said.kind !== 'go') throw new Error('it may be written');
    expect(ask(settle(next, said.reservation, { deletes: 200, alters: 0, creates: 0 }).next, { deletes: 200 }).said.kind).toBe(
      'go',
    );
  });

  it('of altered objects does not make room for others that are altered after them', () => {
    const over = ask(settled(1_000), { alters: 500 }).next;
    const free = approved(over, over.stops[0]?.id ?? '', { ...by, allow: 200, untilMs: NOW + DAY }, NOW) ?? UNTOUCHED;
    const { next, said } = ask(free, { alters: 500 });
    expect(said.kind).toBe('go');
    expect(windowCounts(next.window, NOW).altered).toBe(300);
    // Altering the same ones again is no news; one more is.
    const again = Array.from({ length: 500 }, () => NOW);
    expect(ask(next, { again }, NOW + HOUR).said.kind).toBe('go');
    expect(ask(next, { alters: 1 }, NOW + HOUR).said.kind).toBe('stopped');
  });

  it('is kept with who gave it and why', () => {
    expect(approve(1).acts).toEqual([{ act: 'approved', stopId, ...by, atMs: NOW }]);
  });
});

describe('a first sync', () => {
  it('alters what it must in its first 24 hours, which is nothing that counts later', () => {
    const { next, said } = ask({ ...UNTOUCHED, linked: 1_000 }, { alters: 1_000 });
    expect(said.kind).toBe('go');
    expect(windowCounts(next.window, NOW).altered).toBe(0);
    expect(ask(next, { alters: 300 }, NOW + DAY).said.kind).toBe('go');
    expect(ask(next, { alters: 301 }, NOW + DAY).said.kind).toBe('stopped');
  });

  it('deletes no more than any other day', () => {
    expect(ask({ ...UNTOUCHED, linked: 1_000 }, { deletes: 51 }).said.kind).toBe('stopped');
  });

  it('waits for an approval where the config says ask', () => {
    const careful: GuardLimits = { ...limits, firstSyncApproval: 'ask' };
    const { next, said } = ask(UNTOUCHED, { creates: 1 }, NOW, careful);
    expect(said).toMatchObject({ kind: 'stopped', cause: 'first-sync' });
    const free = approved(next, next.stops[0]?.id ?? '', { ...by, allow: 'run', untilMs: NOW + DAY }, NOW) ?? UNTOUCHED;
    const begun = ask(free, { creates: 500, alters: 400 }, NOW, careful);
    expect(begun.said.kind).toBe('go');
    expect(ask(begun.next, { creates: 1 }, NOW + 2 * DAY, careful).said.kind).toBe('go');
  });
});

describe('a stop', () => {
  it('of one cause is made once, and others stand beside it', () => {
    const first = stopped(settled(10), 'canary', 'late', NOW, idOf);
    expect(stopped(first.next, 'canary', 'still late', NOW + HOUR, idOf)).toMatchObject({
      next: first.next,
      said: { reason: 'late' },
    });
    const both = stopped(first.next, 'listing', 'another account', NOW, idOf).next;
    const one = resumed(both, first.said.id, by, NOW) ?? UNTOUCHED;
    expect(one.stops.map(({ cause }) => cause)).toEqual(['listing']);
    expect(ask(one, { creates: 1 }).said.kind).toBe('stopped');
  });

  it('that is resumed approves nothing: what tripped it trips it again', () => {
    const tripped = ask(settled(1_000), { deletes: 200 }).next;
    const free = resumed(tripped, tripped.stops[0]?.id ?? '', by, NOW) ?? UNTOUCHED;
    expect(ask(free, { deletes: 50 }).said.kind).toBe('go');
    expect(ask(free, { deletes: 200 }).said.kind).toBe('stopped');
  });

  it('that is to stand stands quietly, and so does a pause', () => {
    const { next, said } = stopped(settled(10), 'canary', 'late', NOW, idOf);
    const quiet = kept(next, said.id, by, NOW) ?? UNTOUCHED;
    expect(quiet.stops).toMatchObject([{ kept: true }]);
    expect(ask(quiet, { alters: 1 }).said.kind).toBe('stopped');
    expect(paused(settled(10), by, NOW, idOf).next.stops).toMatchObject([{ cause: 'pause', kept: true, reason: 'meant' }]);
  });
});
