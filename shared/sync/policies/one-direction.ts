import type { FieldValue } from '../field-value.ts';
import type { PolicySpec } from '../rules.ts';
import { compareValues, sortOf } from '../strategies/value-order.ts';
import type { Admission } from './policy-edit.ts';

export type OneDirectionSpec = Extract<PolicySpec, { kind: 'maximum' | 'minimum' | 'fill-only' }>;

/** P6, P7. The field only grows, only shrinks, or only takes what fills it: such a field is never cleared either. */
export function inDirection({ kind }: OneDirectionSpec, base: FieldValue, value: FieldValue): Admission {
  if (base === null) return { kind: 'admit' };
  if (kind === 'fill-only') return { kind: 'refuse', rule: 'P7', reason: 'a value that is there is not overwritten' };
  if (value === null)
    return {
      kind: 'refuse',
      rule: 'P6',
      reason: `the field only ${kind === 'maximum' ? 'grows' : 'shrinks'}: it is not cleared`,
    };
  const order = compareValues(value, base);
  if (order === undefined)
    return { kind: 'hold', rule: 'P6', reason: `${sortOf(base)} and ${sortOf(value)} have no order: a person has to choose` };
  if (kind === 'maximum') return order < 0 ? { kind: 'refuse', rule: 'P6', reason: 'the field only grows' } : { kind: 'admit' };
  return order > 0 ? { kind: 'refuse', rule: 'P6', reason: 'the field only shrinks' } : { kind: 'admit' };
}
