import { describe, expect, it } from 'vitest';
import { timeShares } from '../../functions/poll-changes/time-shares.ts';

const MINUTE_MS = 60_000;

describe('the time of a poll', () => {
  it('is divided among the syncs: one that lists a whole system leaves the others their part', () => {
    let nowMs = 0;
    const deadline = timeShares(4 * MINUTE_MS, 3, () => nowMs);
    const shares = [1, 2, 3].map(() => {
      const untilMs = deadline();
      const share = untilMs - nowMs;
      nowMs = untilMs;
      return share;
    });
    expect(shares).toEqual([80_000, 80_000, 80_000]);
    expect(nowMs).toBe(4 * MINUTE_MS);
  });

  it('that a sync did not need is there for the next ones', () => {
    let nowMs = 0;
    const deadline = timeShares(4 * MINUTE_MS, 3, () => nowMs);
    deadline();
    nowMs = 1_000;
    expect(deadline()).toBe(1_000 + 119_500);
    nowMs = 2_000;
    expect(deadline()).toBe(4 * MINUTE_MS);
  });

  it('is over for whoever comes late: it begins nothing more', () => {
    let nowMs = 0;
    const deadline = timeShares(4 * MINUTE_MS, 2, () => nowMs);
    deadline();
    nowMs = 5 * MINUTE_MS;
    expect(deadline()).toBe(nowMs);
  });
});
