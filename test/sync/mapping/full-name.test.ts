import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinFullName, splitFullName } from '../../../shared/sync/mapping/full-name.ts';

describe('a full name', () => {
  it.each([
    ['Ada King Lovelace', 'Ada King', 'Lovelace'],
    ['  Ada \t Lovelace ', 'Ada', 'Lovelace'],
    ['Lovelace', null, 'Lovelace'],
    ['', null, null],
  ])('"%s" is %s + %s', (full, first, last) => {
    expect(splitFullName(full)).toEqual({ first, last });
  });

  it('has no way back where the last name is two words, which is why it travels one way', () => {
    expect(splitFullName(joinFullName({ first: 'Ada', last: 'van Lovelace' }))).not.toEqual({
      first: 'Ada',
      last: 'van Lovelace',
    });
  });

  it('that was split is joined as it was, but for its white space', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[^\s]{1,6}$/u), { maxLength: 4 }), (words) => {
        expect(joinFullName(splitFullName(words.join('  ')))).toBe(words.join(' ').toWellFormed() || null);
      }),
    );
  });
});
