import { describe, expect, it } from 'vitest';
import { BLAST_LIMITS, blastCeilings, judgeBlast } from '../../../shared/sync/guards/blast-radius.ts';

const counts = (linked: number, deleted = 0, altered = 0) => ({ linked, deleted, altered });
const judge = (at: ReturnType<typeof counts>, ask: { deletes?: number; alters?: number }) =>
  judgeBlast(at, { deletes: 0, alters: 0, ...ask }, BLAST_LIMITS).map(({ cause, over }) => ({ cause, over }));

describe('G1: within 24 hours', () => {
  it.each([
    { linked: 3, most: undefined },
    { linked: 4, most: 2 },
    { linked: 25, most: 12 },
    { linked: 26, most: 1 },
    { linked: 1_000, most: 50 },
  ])('of $linked linked objects $most may be deleted', ({ linked, most }) => {
    expect(blastCeilings(counts(linked), BLAST_LIMITS).deletes).toBe(most);
    if (most === undefined) return expect(judge(counts(linked), { deletes: linked })).toEqual([]);
    expect(judge(counts(linked), { deletes: most })).toEqual([]);
    expect(judge(counts(linked), { deletes: most + 1 })).toEqual([{ cause: 'deletes', over: 1 }]);
  });

  it.each([
    { linked: 200, most: undefined },
    { linked: 201, most: 60 },
    { linked: 1_000, most: 300 },
  ])('of $linked linked objects $most may be altered', ({ linked, most }) => {
    expect(blastCeilings(counts(linked), BLAST_LIMITS).alters).toBe(most);
    if (most === undefined) return expect(judge(counts(linked), { alters: linked })).toEqual([]);
    expect(judge(counts(linked), { alters: most })).toEqual([]);
    expect(judge(counts(linked), { alters: most + 10 })).toEqual([{ cause: 'alters', over: 10 }]);
  });

  it('what was deleted before counts, and the set is measured as it was before that', () => {
    expect(judge(counts(980, 20), { deletes: 30 })).toEqual([]);
    expect(judge(counts(980, 20), { deletes: 31 })).toEqual([{ cause: 'deletes', over: 1 }]);
    expect(judge(counts(2, 2), { deletes: 1 })).toEqual([{ cause: 'deletes', over: 1 }]);
  });

  it('a batch that deletes nothing is not held against deletes of before', () => {
    expect(judge(counts(10, 90), { alters: 5 })).toEqual([]);
  });

  it('the reason tells the numbers', () => {
    expect(judgeBlast(counts(100), { deletes: 40, alters: 0 }, BLAST_LIMITS)[0]?.reason).toBe(
      '40 of 100 linked objects would be deleted within 24 hours; 5 may be without an approval',
    );
  });
});
