import { calendarDay } from '../calendar-day.ts';
import { compareDecimals } from '../decimal.ts';
import { amountOf } from '../decimal-arithmetic.ts';
import type { FieldValue } from '../field-value.ts';

/** What a value is compared as. */
interface Ordered {
  readonly sort: 'number' | 'day' | 'instant' | 'truth' | 'text';
  readonly compare: (other: string) => number;
  readonly text: string;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/;

/**
 * Orders two values: numbers by size, days and instants by time, false before true, other text by its code units.
 *
 * @returns positive when `a` is greater, negative when `b` is, 0 where neither is; undefined where the two are of different sorts
 * (a day and a text that is none), which nobody can order, or where one is empty.
 */
export function compareValues(a: FieldValue, b: FieldValue): number | undefined {
  const left = orderedOf(a);
  const right = orderedOf(b);
  if (left === undefined || right === undefined || left.sort !== right.sort) return undefined;
  return left.compare(right.text);
}

/** What a value is compared as, in words. */
export function sortOf(value: FieldValue): string {
  const sort = orderedOf(value)?.sort;
  switch (sort) {
    case undefined:
      return 'an empty field';
    case 'truth':
      return 'a yes or no';
    case 'instant':
      return 'an instant';
    default:
      return `a ${sort}`;
  }
}

function orderedOf(value: FieldValue): Ordered | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') {
    const text = value ? '1' : '0';
    return { sort: 'truth', text, compare: (other) => Number(text) - Number(other) };
  }
  const amount = amountOf(value);
  if (amount !== undefined) return { sort: 'number', text: amount, compare: (other) => compareDecimals(amount, other) };
  const text = String(value).trim().normalize('NFC');
  if (DAY.test(text) && calendarDay(text) === text)
    return { sort: 'day', text, compare: (other) => compareCodeUnits(text, other) };
  const atMs = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(atMs)) return { sort: 'instant', text: String(atMs), compare: (other) => Math.sign(atMs - Number(other)) };
  return { sort: 'text', text, compare: (other) => compareCodeUnits(text, other) };
}

function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a > b ? 1 : -1;
}
