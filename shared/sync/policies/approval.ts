import { compareDecimals } from '../decimal.ts';
import { amountOf, changesByMoreThan } from '../decimal-arithmetic.ts';
import type { FieldValue } from '../field-value.ts';
import type { PolicySpec } from '../rules.ts';
import type { Admission } from './policy-edit.ts';

export type ApprovalSpec = Extract<
  PolicySpec,
  { kind: 'increase-needs-approval' | 'decrease-needs-approval' | 'change-needs-approval' }
>;

/**
 * P4, P5. A change in that direction, or of more than that share of the base, waits for a person. An empty field counts
 * as 0, and any change from 0 is above every share. What is no number cannot be compared, so it waits too.
 */
export function approvalOf(policy: ApprovalSpec, base: FieldValue, value: FieldValue): Admission {
  const rule = policy.kind === 'change-needs-approval' ? 'P5' : 'P4';
  const from = amountOf(base ?? 0);
  const to = amountOf(value ?? 0);
  if (from === undefined || to === undefined)
    return { kind: 'hold', rule, reason: 'a value that is no number cannot be compared: a person has to approve of it' };
  switch (policy.kind) {
    case 'increase-needs-approval':
      return compareDecimals(to, from) > 0 ? { kind: 'hold', rule, reason: 'an increase needs approval' } : { kind: 'admit' };
    case 'decrease-needs-approval':
      return compareDecimals(to, from) < 0 ? { kind: 'hold', rule, reason: 'a decrease needs approval' } : { kind: 'admit' };
    case 'change-needs-approval':
      return changesByMoreThan(from, to, amountOf(policy.abovePercent) ?? '0')
        ? { kind: 'hold', rule, reason: `a change of more than ${policy.abovePercent} % needs approval` }
        : { kind: 'admit' };
  }
}
