import { compareDecimals } from '../decimal.ts';
import { amountOf } from '../decimal-arithmetic.ts';
import type { FieldValue } from '../field-value.ts';
import type { PolicySpec } from '../rules.ts';
import type { Admission } from './policy-edit.ts';

export type BoundSpec = Extract<PolicySpec, { bound: number }>;

/** P3. Nothing below (above) the bound is taken. An empty field is neither; what is no number waits for a person. */
export function withinBound({ kind, bound }: BoundSpec, value: FieldValue): Admission {
  if (value === null) return { kind: 'admit' };
  const amount = amountOf(value);
  const limit = amountOf(bound);
  if (amount === undefined || limit === undefined)
    return { kind: 'hold', rule: 'P3', reason: `a value that is no number cannot be compared with the bound of ${bound}` };
  const order = compareDecimals(amount, limit);
  if (kind === 'never-below')
    return order < 0 ? { kind: 'refuse', rule: 'P3', reason: `never below ${bound}` } : { kind: 'admit' };
  return order > 0 ? { kind: 'refuse', rule: 'P3', reason: `never above ${bound}` } : { kind: 'admit' };
}
