import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import { setTextTransform, setTransform } from '../../../shared/sync/mapping/set-text.ts';

const members = fc.uniqueArray(fc.constantFrom('art', 'music', 'new media', 'é', 'Z'));

describe('a set', () => {
  it('is the same one in any order, however often a member is named', () => {
    expect(canons.set(' b ; a;b;; ')).toBe('a;b');
    expect(canons.set(canons.set('b;a'))).toBe('a;b');
    expect(canons.set('e\u0301;a')).toBe(canons.set('a;\u00e9'));
    expect(canons.set(' ; ')).toBeNull();
    expect(canons.set(17)).toBe('17');
  });

  it('travels there and back, and is always written as the same text', () => {
    const shuffled = members.chain((some) => fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })));
    fc.assert(
      fc.property(shuffled, fc.constantFrom(', ', ',', '|', '\n', ';'), ([some, other], separator) => {
        const { toCanonical, toNative } = setTextTransform(separator);
        const canonical = toCanonical(some.join(separator));
        expect(toCanonical(other.join(separator))).toBe(canonical);
        expect(canons.set(some.join(';'))).toBe(canonical);
        expect(toCanonical(toNative(canonical))).toBe(canonical);
        expect(toNative(canonical)).toBe(toNative(other.join(';') || null));
      }),
    );
  });

  it('is read whether or not white space follows the separator, and with any line break', () => {
    expect(setTextTransform(', ').toCanonical('b,a ,  c')).toBe('a;b;c');
    expect(setTextTransform('\n').toCanonical('b\r\na')).toBe('a;b');
    expect(setTextTransform(', ').toNative('b;a')).toBe('a, b');
  });

  it('is empty, and not an empty text, where it has no member', () => {
    expect(setTransform.toCanonical(';')).toBeNull();
    expect(setTextTransform(',').toCanonical(' , ')).toBeNull();
    expect(setTextTransform(',').toNative(null)).toBeNull();
  });
});
