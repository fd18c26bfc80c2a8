import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Canon, canons, phoneCanon } from '../../../shared/sync/canon.ts';
import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import { choiceTableTransform } from '../../../shared/sync/mapping/choice-table.ts';
import {
  booleanTextTransform,
  booleanTransform,
  dateTransform,
  emailTransform,
  lowerCaseTransform,
  numberTextTransform,
  numberTransform,
  phoneTransform,
  type Transform,
  textTransform,
  trimTransform,
  upperCaseTransform,
} from '../../../shared/sync/mapping/transforms.ts';

const pairs: [name: string, transform: Transform, canon: Canon][] = [
  ['text', textTransform, canons.text],
  ['trim', trimTransform, canons.text],
  ['upper case', upperCaseTransform, canons.textIgnoringCase],
  ['lower case', lowerCaseTransform, canons.textIgnoringCase],
  ['e-mail', emailTransform, canons.email],
  ['number', numberTransform, canons.number],
  ['number as text', numberTextTransform, canons.number],
  ['boolean', booleanTransform, canons.boolean],
  ['boolean as text', booleanTextTransform, canons.boolean],
  ['date', dateTransform, canons.date],
  ['phone', phoneTransform('AU'), phoneCanon('AU')],
  ['picklist without a table', choiceTableTransform({}), canons.picklist],
];

const day = fc.integer({ min: -50_000, max: 50_000 }).map((days) => days * 86_400_000);
const native: fc.Arbitrary<NativeValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.stringMatching(/^[ \d+().x;-]{0,20}$/),
  fc.stringMatching(/^(0|\+61)4\d{8}$/),
  day.map(String),
  day.map((atMs) => new Date(atMs).toISOString()),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constantFrom('TRUE', 'false ', 'Straße', 'İ', '\ud83d', '', ' \r\n', '9007199254740993', '1e1000', '+', ';;a', 'b;a;b'),
  fc.constant(null),
);

describe.each(pairs)('the transform of %s', (_, { toCanonical, toNative, samples }, canon) => {
  it('put-get: what is written reads back the same', () => {
    fc.assert(
      fc.property(native, (value) => {
        const canonical = toCanonical(value);
        expect(canon(toCanonical(toNative(canonical)))).toBe(canon(canonical));
      }),
      { numRuns: 300 },
    );
  });

  it('get-put: what is read and written back is the same', () => {
    fc.assert(
      fc.property(native, (value) => {
        expect(canon(toNative(toCanonical(value)))).toBe(canon(value));
      }),
      { numRuns: 300 },
    );
  });

  it('writes what it wrote before: a second trip changes nothing', () => {
    fc.assert(
      fc.property(native, (value) => {
        const written = toNative(toCanonical(value));
        expect(toNative(toCanonical(written))).toEqual(written);
      }),
      { numRuns: 200 },
    );
  });

  it('never gives empty text or half a character, whatever comes in', () => {
    fc.assert(
      fc.property(native, (value) => {
        const canonical = toCanonical(value);
        expect(canonical === '' || canonical === undefined).toBe(false);
        expect(typeof canonical === 'string' ? canonical.isWellFormed() : true).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps null, empty text and white space as null', () => {
    for (const empty of [null, '', ' ', '\u00a0\t']) expect(toCanonical(empty)).toBeNull();
  });

  it('holds its laws on its own samples', () => {
    for (const sample of samples) expect(canon(toNative(toCanonical(sample)))).toBe(canon(sample));
  });
});

describe('canonical values', () => {
  it('are text in a text field, also where the system gives a number', () => {
    expect(textTransform.toCanonical(17)).toBe('17');
    expect(textTransform.toCanonical(true)).toBe('true');
  });

  it('are text as it was typed, white space and all', () => {
    expect(textTransform.toCanonical(' Ada  King ')).toBe(' Ada  King ');
    expect(trimTransform.toCanonical(' Zoe\u0308 ')).toBe('Zoë');
  });

  it('are numbers where a number holds them, else all their digits', () => {
    expect(numberTransform.toCanonical('1234.50')).toBe(1234.5);
    expect(numberTransform.toCanonical('9007199254740993')).toBe('9007199254740993');
    expect(numberTransform.toCanonical('about 5')).toBe('about 5');
    expect(numberTextTransform.toNative(1e-7)).toBe('0.0000001');
  });

  it('are never empty for a checkbox that is written: Salesforce refuses null there', () => {
    expect(booleanTransform.toNative(null)).toBe(false);
    expect(booleanTransform.toNative('true')).toBe(true);
    expect(booleanTextTransform.toNative(null)).toBeNull();
  });

  it('are days, and what is no day stays as it is', () => {
    expect(dateTransform.toCanonical('315878400000')).toBe('1980-01-05');
    expect(dateTransform.toCanonical(315_878_400_000)).toBe('1980-01-05');
    expect(dateTransform.toCanonical('15/06/2026')).toBe('15/06/2026');
  });

  it('are E.164 only where nothing is lost by it', () => {
    const phone = phoneTransform('AU');
    expect(phone.toCanonical('0412 345 678')).toBe('+61412345678');
    expect(phone.toCanonical('02 5550 1234 x5')).toBe('+61255501234 ext. 5');
    expect(phone.toCanonical('0412 345 678 (mobile)')).toBe('0412 345 678 (mobile)');
    expect(phone.toCanonical(61_412_345_678)).toBe('+61412345678');
  });
});
