/** Beyond this many digits a text is kept as it is: nobody syncs such numbers, and a hostile exponent must not fill memory. */
const DIGITS_MAX = 100;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * The plain decimal form of a number: no exponent, no leading or trailing zeros, no `-0`. It is kept as text, for
 * two long numbers that differ in their last digit are the same `number`.
 *
 * @returns undefined for what is no decimal number; `1,234` and `0x10` are none.
 */
export function decimalOf(value: string | number): string | undefined {
  const match = DECIMAL.exec(typeof value === 'number' ? String(value) : value.trim());
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (digits.length > DIGITS_MAX || Math.abs(point) > DIGITS_MAX) return undefined;
  const left = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const right = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return withSign(sign === '-', left, right);
}

/**
 * A decimal with at most `scale` digits after its point; halves go away from zero, as CRMs round.
 *
 * @param decimal - as {@link decimalOf} gives it.
 */
export function roundedDecimal(decimal: string, scale: number): string {
  const negative = decimal.startsWith('-');
  const [whole = '', fraction = ''] = decimal.slice(negative ? 1 : 0).split('.');
  if (fraction.length <= scale) return decimal;
  const kept = BigInt(whole + fraction.slice(0, scale));
  const digits = String(fraction.charCodeAt(scale) >= '5'.charCodeAt(0) ? kept + 1n : kept).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return withSign(negative, digits.slice(0, point), digits.slice(point));
}

function withSign(negative: boolean, left: string, right: string): string {
  const whole = left.replace(/^0+/, '') || '0';
  const fraction = right.replace(/0+$/, '');
  const plain = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative && plain !== '0' ? `-${plain}` : plain;
}

/** A decimal as a whole number of units of its last digit. */
interface Scaled {
  readonly units: bigint;
  readonly scale: number;
}

/**
 * Adds and subtracts exactly: no binary fractions, so that 0.1 + 0.2 is 0.3.
 *
 * @returns undefined where one of the terms is no number.
 */
export function addDecimals(
  terms: readonly { readonly value: string | number | boolean; readonly sign: 1 | -1 }[],
): string | undefined {
  let [units, scale] = [0n, 0];
  for (const { value, sign } of terms) {
    const decimal = typeof value === 'boolean' ? undefined : decimalOf(value);
    if (decimal === undefined) return undefined;
    const term = scaledOf(decimal);
    const common = Math.max(scale, term.scale);
    units = units * 10n ** BigInt(common - scale) + BigInt(sign) * term.units * 10n ** BigInt(common - term.scale);
    scale = common;
  }
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return withSign(units < 0n, digits.slice(0, point), digits.slice(point));
}

/** @param a, b - as {@link decimalOf} gives them. Returns -1, 0 or 1. */
export function compareDecimals(a: string, b: string): -1 | 0 | 1 {
  const [x, y] = [scaledOf(a), scaledOf(b)];
  const common = Math.max(x.scale, y.scale);
  const difference = x.units * 10n ** BigInt(common - x.scale) - y.units * 10n ** BigInt(common - y.scale);
  if (difference === 0n) return 0;
  return difference > 0n ? 1 : -1;
}

function scaledOf(decimal: string): Scaled {
  const [whole = '', fraction = ''] = decimal.split('.');
  return { units: BigInt(whole + fraction), scale: fraction.length };
}
