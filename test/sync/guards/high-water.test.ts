import { describe, expect, it } from 'vitest';
import { type HighWater, judgeListing, type ListingFacts, raisedMark } from '../../../shared/sync/guards/high-water.ts';

const NOW = 1_800_000_000_000;
const SECOND = 1_000;
const rows = [
  { objectId: 'c', stampMs: NOW },
  { objectId: 'b', stampMs: NOW - 10 * SECOND },
  { objectId: 'a', stampMs: NOW - 20 * SECOND },
];
const mark: HighWater = { accountId: 'org-1', listed: 100, newest: rows, atMs: NOW };
const judge = (facts: ListingFacts) => judgeListing(mark, facts, SECOND);
const shown = (...standing: readonly (number | 'gone' | 'missing')[]) =>
  new Map(standing.map((one, index) => [rows[index]?.objectId ?? '', one] as const));

describe('G3: a system', () => {
  it('that was never looked at is judged by nothing', () => {
    expect(judgeListing(undefined, { accountId: 'org-2', listed: 0, newest: shown('missing') }, SECOND)).toBeUndefined();
  });

  it('F12: that is another account is not the one it was', () => {
    expect(judge({ accountId: 'org-2' })).toContain('account org-2, not for org-1');
    expect(judge({ accountId: 'org-1' })).toBeUndefined();
    expect(judge({})).toBeUndefined();
  });

  it.each([
    { listed: 0, stops: true },
    { listed: 49, stops: true },
    { listed: 50, stops: false },
    { listed: 300, stops: false },
  ])('F12: that lists $listed objects where it listed 100: stops $stops', ({ listed, stops }) => {
    expect(judge({ listed }) !== undefined).toBe(stops);
  });

  it('F15: whose object went back in time was restored', () => {
    expect(judge({ newest: shown(NOW - SECOND, NOW - 10 * SECOND, NOW) })).toContain('went back in time');
    expect(judge({ newest: shown(NOW - SECOND + 1, NOW, NOW) })).toBeUndefined();
  });

  it('F15: whose newest objects are all missing without a tombstone was restored; one of them may have been purged', () => {
    expect(judge({ newest: shown('missing', 'missing', 'missing') })).toContain('are not there, and were not deleted');
    expect(judge({ newest: shown('missing', 'missing', 'gone') })).toBeUndefined();
    expect(judge({ newest: shown('gone', 'gone', 'gone') })).toBeUndefined();
    const alone = { ...mark, newest: rows.slice(0, 1) };
    expect(judgeListing(alone, { newest: shown('missing') }, SECOND)).toBeUndefined();
  });
});

describe('the mark', () => {
  it('rises with what was changed, keeps the newest three, and forgets what is gone', () => {
    const newest = shown('gone', NOW + 5 * SECOND, NOW - 20 * SECOND);
    const raised = raisedMark(mark, { newest }, [{ objectId: 'd', stampMs: NOW + SECOND }], NOW + 9);
    expect(raised).toEqual({
      accountId: 'org-1',
      listed: 100,
      newest: [
        { objectId: 'b', stampMs: NOW + 5 * SECOND },
        { objectId: 'd', stampMs: NOW + SECOND },
        { objectId: 'a', stampMs: NOW - 20 * SECOND },
      ],
      atMs: NOW + 9,
    });
  });

  it('pins the account that was seen first', () => {
    expect(raisedMark(undefined, { accountId: 'org-1' }, [], NOW).accountId).toBe('org-1');
    expect(raisedMark(mark, { accountId: 'org-2' }, [], NOW).accountId).toBe('org-1');
  });
});
