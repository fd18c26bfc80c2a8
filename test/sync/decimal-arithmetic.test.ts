import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountOf, changesByMoreThan, valueOfAmount, withSameChange } from '../../shared/sync/decimal-arithmetic.ts';

const units = fc.integer({ min: -1_000_000, max: 1_000_000 });
const decimal = (hundredths: number) => amountOf((hundredths / 100).toFixed(2)) ?? '';

describe('exact arithmetic', () => {
  it('makes the same change as whole numbers of units do', () => {
    fc.assert(
      fc.property(units, units, units, (kept, base, value) => {
        expect(withSameChange(decimal(kept), decimal(base), decimal(value))).toBe(decimal(kept + value - base));
      }),
    );
  });

  it('loses no digit of a long number', () => {
    expect(withSameChange('12345678901234567890', '0.1', '0.3')).toBe('12345678901234567890.2');
  });

  it('gives up where the outcome has too many digits', () => {
    expect(withSameChange(amountOf('1e99') ?? '', '0', amountOf('1e-50') ?? '')).toBeUndefined();
  });

  it('knows a share exactly', () => {
    expect(changesByMoreThan('0.3', '0.33', '10')).toBe(false);
    expect(changesByMoreThan('0.3', '0.3300000000000000000001', '10')).toBe(true);
    expect(changesByMoreThan('-8', '-9', '12.5')).toBe(false);
    expect(changesByMoreThan('0', '0', '1')).toBe(false);
    expect(changesByMoreThan('0', '-0.001', '1000')).toBe(true);
  });

  it('gives a number where that is exact, else text', () => {
    expect(valueOfAmount('1.5')).toBe(1.5);
    expect(valueOfAmount('12345678901234567890')).toBe('12345678901234567890');
    expect(amountOf(true)).toBeUndefined();
    expect(amountOf(null)).toBeUndefined();
  });
});
