import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons, phoneCanon } from '../../shared/sync/canon.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';

const all = { ...canons, phone: phoneCanon('AU') };
const value: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.stringMatching(/^[ \d+().x;-]{0,20}$/),
  fc.constantFrom('İstanbul', 'Straße', 'ΟΔΟΣ', 'ﬁn', '\ud83d', ' \r\n ', '0x10', '1e400', '-0', 'TRUE', '\u212b'),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
);

describe.each(Object.entries(all))('the canon of %s', (_, canon) => {
  it('is its own canon: comparing twice is comparing once', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(canon(canon(one))).toBe(canon(one));
      }),
      { numRuns: 300 },
    );
  });

  it('never is the empty text, nor half a character', () => {
    fc.assert(
      fc.property(value, (one) => {
        const form = canon(one);
        expect(form === '' || form === undefined).toBe(false);
        expect(typeof form === 'string' ? form.isWellFormed() : true).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('makes no difference of white space at the ends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 12 }), (text) => {
        expect(canon(` ${text}\t\n`)).toBe(canon(text));
      }),
      { numRuns: 200 },
    );
  });

  it('takes empty text and null for the same', () => {
    expect(canon('')).toBe(canon(null));
    expect(canon(' \u00a0\r\n')).toBe(canon(null));
  });
});

describe('two texts', () => {
  it.each([
    ['composed and decomposed letters', 'Zo\u00eb', 'Zoe\u0308'],
    ['Salesforce’s line breaks and everybody else’s', '1 High St\r\nUnit 5', '1 High St\nUnit 5'],
    ['a number in a text field', '17', 17],
    ['half a surrogate pair and what an encoder stores for it', 'a\ud83d', 'a\ufffd'],
  ])('are the same for %s', (_, a, b) => {
    expect(canons.text(a)).toBe(canons.text(b));
  });

  it.each([
    ['upper and lower case', 'Ada', 'ada'],
    ['a skin tone', '👩🏽‍💻', '👩‍💻'],
    ['a leading zero', '0800', '800'],
    ['an accent', 'Zoe', 'Zoë'],
  ])('differ by %s', (_, a, b) => {
    expect(canons.text(a)).not.toBe(canons.text(b));
  });

  it('may be told to ignore case, in every alphabet', () => {
    for (const [a, b] of [
      ['Ada', 'ADA'],
      ['Straße', 'STRASSE'],
      ['ΟΔΟΣ', 'οδος'],
      ['İstanbul', 'i̇stanbul'],
    ])
      expect(canons.textIgnoringCase(a ?? null)).toBe(canons.textIgnoringCase(b ?? null));
  });

  it('that ignore case are the same in upper and in lower case', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 8 }), (text) => {
        expect(canons.textIgnoringCase(text.toUpperCase())).toBe(canons.textIgnoringCase(text));
        expect(canons.textIgnoringCase(text.toLowerCase())).toBe(canons.textIgnoringCase(text));
      }),
    );
  });
});

describe('two numbers', () => {
  it('are the same however they are written', () => {
    for (const form of ['1234.5', '1234.50', '+1234.5', ' 01234.5 ', '1.2345e3', 1234.5])
      expect(canons.number(form)).toBe('1234.5');
  });

  it('differ in a digit that a double does not hold', () => {
    expect(canons.number('9007199254740993')).not.toBe(canons.number('9007199254740992'));
  });

  it('are compared as text where they are no numbers', () => {
    for (const text of ['1,234', '0x10', 'Infinity', '١٢', 'about 5']) expect(canons.number(text)).toBe(text);
  });

  it('are the same as text and as a number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (one) => {
        expect(canons.number(String(one))).toBe(canons.number(one));
      }),
    );
  });
});

describe('other kinds', () => {
  it('take an unticked checkbox and an empty one for the same', () => {
    for (const form of [null, '', 'FALSE', false]) expect(canons.boolean(form)).toBe(false);
    for (const form of ['True', true]) expect(canons.boolean(form)).toBe(true);
    expect(canons.boolean('perhaps')).toBe('perhaps');
  });

  it('take the choices of a picklist for a set', () => {
    expect(canons.picklist('b;a')).toBe(canons.picklist('a; b;'));
    expect(canons.picklist('a;b')).not.toBe(canons.picklist('a'));
    expect(canons.picklist(';')).toBeNull();
  });

  it('keep two mailboxes apart that only case folding would make one', () => {
    expect(canons.email('Ada@Example.com')).toBe(canons.email('ada@example.COM'));
    expect(canons.email('straße@example.com')).not.toBe(canons.email('strasse@example.com'));
  });
});
