import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countedWrites,
  hourOf,
  uncountedWrites,
  type WriteWindow,
  windowCounts,
} from '../../../shared/sync/guards/write-window.ts';

const HOUR = 3_600_000;
const T0 = hourOf(1_800_000_000_000) * HOUR;
const none = { deletes: 0, alters: 0, creates: 0, excused: 0, again: [] };

describe('the writes of the last 24 hours', () => {
  it('are forgotten when the hour they fell into is more than 24 hours ago', () => {
    const { window } = countedWrites([], T0, { ...none, deletes: 3, alters: 4 });
    expect(windowCounts(window, T0 + 24 * HOUR)).toEqual({ altered: 4, deleted: 3 });
    expect(windowCounts(window, T0 + 25 * HOUR)).toEqual({ altered: 0, deleted: 0 });
  });

  it('count no object that was created within them, also when it is altered after', () => {
    const { window } = countedWrites([], T0, { ...none, creates: 5 });
    const after = countedWrites(window, T0 + HOUR, { ...none, again: [T0, T0] });
    expect(after.fresh).toBe(0);
    expect(windowCounts(after.window, T0 + HOUR)).toEqual({ altered: 0, deleted: 0 });
  });

  it('are as they were when all of a batch is given back', () => {
    const before = countedWrites([], T0, { ...none, deletes: 1, alters: 2, creates: 3 }).window;
    const { window } = countedWrites(before, T0, { ...none, deletes: 4, alters: 5, creates: 6, excused: 2 });
    expect(uncountedWrites(window, hourOf(T0), { deletes: 4, alters: 5, creates: 6, excused: 2 })).toEqual(before);
  });

  it('count each object once however often it is altered, and never miss one', () => {
    const batches = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 20 * HOUR }), objects: fc.uniqueArray(fc.nat(30), { maxLength: 12 }) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(batches, (steps) => {
        let nowMs = T0;
        let window: WriteWindow = [];
        const lastMs = new Map<number, number>();
        for (const { waitMs, objects } of steps) {
          nowMs += waitMs;
          const lately = objects.filter((one) => nowMs - (lastMs.get(one) ?? 0) <= 24 * HOUR);
          window = countedWrites(window, nowMs, {
            ...none,
            alters: objects.length - lately.length,
            again: lately.map((one) => lastMs.get(one) ?? 0),
          }).window;
          for (const one of objects) lastMs.set(one, nowMs);
          const within = [...lastMs.values()].filter((atMs) => nowMs - atMs <= 24 * HOUR).length;
          const withinHours = [...lastMs.values()].filter((atMs) => hourOf(atMs) >= hourOf(nowMs) - 24).length;
          const { altered } = windowCounts(window, nowMs);
          expect(altered).toBeGreaterThanOrEqual(within);
          expect(altered).toBeLessThanOrEqual(Math.max(within, withinHours + objects.length));
          expect(window.length).toBeLessThanOrEqual(25);
        }
      }),
    );
  });
});
