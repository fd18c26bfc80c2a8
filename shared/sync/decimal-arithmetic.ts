import { addDecimals, decimalOf } from './decimal.ts';
import type { FieldValue } from './field-value.ts';

// Exact arithmetic on decimals as `decimalOf` gives them: 0.1 + 0.2 is 0.3 here, and no digit of a long number is lost.

/** A value as a decimal; undefined where it is none, or too long to be taken for one. */
export function amountOf(value: FieldValue): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? decimalOf(value) : undefined;
}

/** A decimal as the record holds it: a `number` where that is exact, else text. */
export function valueOfAmount(decimal: string): string | number {
  return decimalOf(Number(decimal)) === decimal ? Number(decimal) : decimal;
}

/** `base` changes to `value`: the same change made to `kept`. Undefined where the outcome would have too many digits. */
export function withSameChange(kept: string, base: string, value: string): string | undefined {
  const sum = addDecimals([
    { value: kept, sign: 1 },
    { value, sign: 1 },
    { value: base, sign: -1 },
  ]);
  return sum === undefined ? undefined : decimalOf(sum);
}

/** Whether `to` lies more than `percent` of `from` away from it. */
export function changesByMoreThan(from: string, to: string, percent: string): boolean {
  const [before, after] = aligned(from, to);
  const [share, hundred] = aligned(percent, '100');
  return magnitude(after - before) * hundred > magnitude(before) * share;
}

function magnitude(units: bigint): bigint {
  return units < 0n ? -units : units;
}

/** Both as whole numbers of the smaller of their units. */
function aligned(a: string, b: string): [bigint, bigint] {
  const scale = Math.max(scaleOf(a), scaleOf(b));
  return [unitsOf(a, scale), unitsOf(b, scale)];
}

function scaleOf(decimal: string): number {
  const point = decimal.indexOf('.');
  return point === -1 ? 0 : decimal.length - point - 1;
}

function unitsOf(decimal: string, scale: number): bigint {
  return BigInt(decimal.replace('.', '') + '0'.repeat(scale - scaleOf(decimal)));
}
