import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalOf } from '../../shared/sync/decimal.ts';

describe('the plain decimal form', () => {
  it.each([
    ['17', '17'],
    ['1234.50', '1234.5'],
    ['-0.50', '-0.5'],
    ['-0', '0'],
    ['+007', '7'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['1e3', '1000'],
    ['1.5E-3', '0.0015'],
    ['12345678901234567890.10', '12345678901234567890.1'],
  ])('of %s is %s', (text, decimal) => {
    expect(decimalOf(text)).toBe(decimal);
  });

  it.each(['', '.', '-', 'e5', '1,234', '0x10', '1 2', 'NaN', 'Infinity', '1e999', '1'.repeat(101)])(
    'there is none of %s',
    (text) => {
      expect(decimalOf(text)).toBeUndefined();
    },
  );

  it('loses nothing of a number that a double holds', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e90, max: 1e90 }), (one) => {
        const decimal = decimalOf(one);
        if (decimal !== undefined) expect(Number(decimal)).toBe(one === 0 ? 0 : one);
      }),
    );
  });
});
