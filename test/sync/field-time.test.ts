import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareEarliness, compareEdits, type FieldEdit, isTimeUncertain } from '../../shared/sync/field-time.ts';

const systems = ['salesforce', 'hubspot', 'shop'];
const rankOf = (system: string) => systems.indexOf(system);
const edit: fc.Arbitrary<FieldEdit> = fc
  .tuple(fc.nat({ max: 3 }), fc.option(fc.nat({ max: 3 })), fc.constantFrom(...systems), fc.constantFrom('a', 'b', 1, null))
  .map(([atMs, blur, by, value]) => ({ atMs, by, value, ...(blur !== null && { fromMs: atMs - 1 - blur }) }));

describe.each([
  ['the later edit', compareEdits],
  ['the earlier edit', compareEarliness],
])('the order that finds %s', (_, compare) => {
  it('is total: two edits compare as equal only when nothing tells them apart', () => {
    fc.assert(
      fc.property(edit, edit, (a, b) => {
        const order = compare(a, b, rankOf);
        expect(compare(b, a, rankOf)).toBe(order === 0 ? 0 : -order);
        expect(order === 0).toBe(a.atMs === b.atMs && a.by === b.by && a.value === b.value);
      }),
    );
  });

  it('passes on: who beats the winner beats the loser too', () => {
    fc.assert(
      fc.property(edit, edit, edit, (a, b, c) => {
        if (compare(a, b, rankOf) >= 0 && compare(b, c, rankOf) >= 0) expect(compare(a, c, rankOf)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('edits in time', () => {
  it('are never turned round where one was surely first', () => {
    fc.assert(
      fc.property(edit, edit, (a, b) => {
        if ((a.fromMs ?? a.atMs) >= b.atMs && a.atMs > b.atMs) expect(compareEdits(a, b, rankOf)).toBe(1);
      }),
    );
  });

  it('are uncertain only where one may lie inside the other', () => {
    expect(isTimeUncertain({ atMs: 10, fromMs: 5 }, { atMs: 7 })).toBe(true);
    expect(isTimeUncertain({ atMs: 10, fromMs: 5 }, { atMs: 5 })).toBe(false);
    expect(isTimeUncertain({ atMs: 10 }, { atMs: 7 })).toBe(false);
    expect(isTimeUncertain({ atMs: 7 }, { atMs: 10 })).toBe(false);
    expect(isTimeUncertain({ atMs: 7 }, { atMs: 10, fromMs: 5 })).toBe(true);
  });

  it('tie by the order of the config, also for the earlier one', () => {
    const [first, second] = [
      { atMs: 1, by: 'salesforce', value: 'a' },
      { atMs: 1, by: 'hubspot', value: 'b' },
    ];
    expect(compareEdits(first, second, rankOf)).toBe(1);
    expect(compareEarliness(first, second, rankOf)).toBe(1);
  });
});
