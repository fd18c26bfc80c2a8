import { describe, expect, it } from 'vitest';
import { comparablePhone, isPhoneCountry, writablePhone } from '../../shared/sync/phone-number.ts';

describe('a telephone number', () => {
  it.each([
    ['(02) 5550 1234', '+61255501234'],
    ['02-5550-1234', '+61255501234'],
    ['0412\u00a0345\u00a0678', '+61412345678'],
    ['61412345678', '+61412345678'],
    ['+44 (0)20 7946 0958', '+442079460958'],
    ['0011 1 650 253 0000', '+16502530000'],
    ['1300 123 456', '+611300123456'],
    ['13 11 14', '+61131114'],
    ['+61 2 5550 1234 ext. 5', '+61255501234 ext. 5'],
    ['(02) 5550-1234 x12', '+61255501234 ext. 12'],
  ])('%s is written as %s', (text, e164) => {
    expect(writablePhone(text, 'AU')).toBe(e164);
    expect(comparablePhone(text, 'AU')).toBe(e164);
    expect(writablePhone(e164, 'AU')).toBe(e164);
  });

  it.each([
    '0412 345 678 (mobile)',
    '0412 345 678, ask for Bob',
    '+61 2 9999 9999 / +61 2 8888 8888',
    '1800FLOWERS',
    'ext. 5',
    '000',
    '0061 2 9999 9999', // dialled from somewhere else: no Australian prefix
    '4521',
    '1'.repeat(10_000),
    '',
  ])('%s stays as it was typed: nothing of it may get lost, and no wrong number be made of it', (text) => {
    expect(writablePhone(text, 'AU')).toBeUndefined();
  });

  it('with an extension is another one than without', () => {
    expect(comparablePhone('02 5550 1234 ext 5', 'AU')).not.toBe(comparablePhone('02 5550 1234', 'AU'));
  });

  it('is read by the country of its field, unless it says its own', () => {
    expect(writablePhone('(650) 253-0000', 'US')).toBe('+16502530000');
    expect(writablePhone('+1 650 253 0000', 'AU')).toBe('+16502530000');
  });

  it('is remembered, and after very many others still the same', () => {
    const many = Array.from({ length: 25_000 }, (_, i) => `04${String(10_000_000 + i)}`);
    const early = many.slice(0, 5).map((text) => comparablePhone(text, 'AU'));
    for (const text of many) comparablePhone(text.slice(0, 4), 'AU');
    expect(many.slice(0, 5).map((text) => comparablePhone(text, 'AU'))).toEqual(early);
  });

  it('belongs to a country that there is', () => {
    expect([
      isPhoneCountry('AU'),
      isPhoneCountry('GB'),
      isPhoneCountry('UK'),
      isPhoneCountry('au'),
      isPhoneCountry('toString'),
    ]).toEqual([true, true, false, false, false]);
  });
});
