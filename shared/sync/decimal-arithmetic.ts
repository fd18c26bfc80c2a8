import { decimalOf } from './decimal.ts';
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

/** @returns undefined where the sum would have more digits than a decimal may have. */
export function sumOf(a: string, b: string): string | undefined {
  const [left, right, scale] = aligned(a, b);
  return decimalOf(plain(left + right, scale));
}

/** @returns undefined where the difference would have more digits than a decimal may have. */
export function differenceOf(a: string, b: string): string | undefined {
  const [left, right, scale] = aligned(a, b);
  return decimalOf(plain(left - right, scale));
}

/** @returns positive when `a` is greater, negative when `b` is. */
export function compareAmounts(a: string, b: string): number {
  const [left, right] = aligned(a, b);
  if (left === right) return 0;
  return left > right ? 1 : -1;
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
function aligned(a: string, b: string): [bigint, bigint, number] {
  const scale = Math.max(scaleOf(a), scaleOf(b));
  return [unitsOf(a, scale), unitsOf(b, scale), scale];
}

function scaleOf(decimal: string): number {
  const point = decimal.indexOf('.');
  return point === -1 ? 0 : decimal.length - point - 1;
}

function unitsOf(decimal: string, scale: number): bigint {
  return BigInt(decimal.replace('.', '') + '0'.repeat(scale - scaleOf(decimal)));
}

function plain(units: bigint, scale: number): string {
  const digits = magnitude(units)
    .toString()
    .padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}
