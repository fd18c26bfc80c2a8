import { describe, expect, it } from 'vitest';
import {
  isReaction,
  LOOP_LIMITS,
  talliedReaction,
  talliedWrite,
  trippedBy,
  type WriteTally,
} from '../../../shared/sync/guards/write-tally.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const tripped = (tally: WriteTally | undefined) => trippedBy(tally, LOOP_LIMITS);

/** The same value written `times` times, every `everyMs`. */
function writes(times: number, everyMs: number, before?: WriteTally): WriteTally | undefined {
  let tally = before;
  for (let n = 0; n < times; n += 1) {
    const repeated = n > 0 || before !== undefined;
    tally = talliedWrite(tally, [{ field: 'city', repeated }], NOW + n * everyMs);
  }
  return tally;
}

function reactions(times: number, everyMs: number): WriteTally | undefined {
  let tally: WriteTally | undefined;
  for (let n = 0; n < times; n += 1) tally = talliedReaction(tally, NOW + n * everyMs);
  return tally;
}

describe('G2: the loop breaker', () => {
  it('lets the same value be written five times within an hour, and trips at the sixth', () => {
    expect(tripped(writes(5, MINUTE))).toBeUndefined();
    expect(tripped(writes(6, MINUTE))).toBe('the same value of city was written 6 times within an hour');
  });

  it('counts anew when somebody edits the field between', () => {
    const edited = talliedWrite(writes(5, MINUTE), [{ field: 'city', repeated: false }], NOW + 6 * MINUTE);
    expect(edited).toBeUndefined();
    expect(tripped(writes(4, MINUTE, edited))).toBeUndefined();
  });

  it('lets a value that is put back now and then be put back', () => {
    expect(tripped(writes(100, 16 * MINUTE))).toBeUndefined();
  });

  it('tells the fields apart, and the one that loops', () => {
    const tally = talliedWrite(
      writes(5, MINUTE),
      [
        { field: 'phone', repeated: true },
        { field: 'city', repeated: true },
      ],
      NOW,
    );
    expect(tripped(tally)).toContain('city');
  });

  it('F29: trips when writes are answered at once by other edits, the 21st time in a day', () => {
    expect(tripped(reactions(20, MINUTE))).toBeUndefined();
    expect(tripped(reactions(21, MINUTE))).toContain("21 of Concord's writes were answered at once");
    expect(tripped(reactions(60, 90 * MINUTE))).toBeUndefined();
  });

  it('takes an edit for an answer only within half a minute of our own write to that very object', () => {
    expect(isReaction(NOW, NOW + 29_999)).toBe(true);
    expect(isReaction(NOW, NOW + 30_000)).toBe(false);
    expect(isReaction(undefined, NOW)).toBe(false);
  });

  it('keeps nothing of a record that people merely edit all day', () => {
    let tally: WriteTally | undefined;
    for (let n = 0; n < 200; n += 1) tally = talliedWrite(tally, [{ field: 'city', repeated: false }], NOW + n * MINUTE);
    expect(tally).toBeUndefined();
  });
});
