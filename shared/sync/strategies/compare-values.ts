import { compareDecimals, decimalOf } from '../decimal.ts';
import type { FieldValue } from '../field-value.ts';

/**
 * Orders two values of one field: numbers by size, dates and texts by their text (ISO dates sort by day), no before yes.
 *
 * @returns undefined where one is a number and the other is not.
 */
export function compareValues(a: Exclude<FieldValue, null>, b: Exclude<FieldValue, null>): number | undefined {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return compareDecimals(x, y);
  if (x !== undefined || y !== undefined) return undefined;
  const [s, t] = [String(a), String(b)];
  return s === t ? 0 : s < t ? -1 : 1;
}

function numberOf(value: Exclude<FieldValue, null>): string | undefined {
  return typeof value === 'boolean' ? undefined : decimalOf(value);
}
