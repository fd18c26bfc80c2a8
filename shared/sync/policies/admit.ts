import type { FieldValue } from '../field-value.ts';
import type { PolicySpec } from '../rules.ts';
import { approvalOf } from './approval.ts';
import { withinBound } from './bounds.ts';
import { inDirection } from './one-direction.ts';
import type { Admission, PolicyEdit } from './policy-edit.ts';

export type { Admission, PolicyEdit } from './policy-edit.ts';

/** A person who decides in Concord itself: his edit is the approval. */
const OPERATOR = 'operator';

const ADMITTED: Admission = { kind: 'admit' };

/**
 * Which policies speak first, whatever order the config lists them in. A bound holds for a system's own value too. An own
 * value asks for nothing of the record, so the rules about the record's value do not bind it. And nobody is asked to
 * approve of what is refused anyway.
 */
const PRECEDENCE: readonly PolicySpec['kind'][] = [
  'never-below',
  'never-above',
  'own-value',
  'source-of-truth',
  'fill-only',
  'maximum',
  'minimum',
  'increase-needs-approval',
  'decrease-needs-approval',
  'change-needs-approval',
];

/**
 * Says whether a field takes an edit at all (P2 to P8). It goes by the edit alone: what it was made of, what it made, by whom and
 * when. So the same edit is judged the same in every order of arrival. Never throws.
 */
export function admit(policies: readonly PolicySpec[], edit: PolicyEdit): Admission {
  if (edit.observed.by === OPERATOR) return ADMITTED;
  for (const kind of PRECEDENCE) {
    for (const policy of policies) {
      if (policy.kind !== kind) continue;
      const admission = admissionBy(policy, edit);
      if (admission.kind !== 'admit') return admission;
    }
  }
  return ADMITTED;
}

/**
 * What the bounds say of a value that nobody wrote: a sum of several changes, or what a function of the config made up. Nobody's edit
 * can be refused for it, so a person decides.
 */
export function admitMerged(policies: readonly PolicySpec[], value: FieldValue): Extract<Admission, { kind: 'admit' | 'hold' }> {
  for (const policy of policies) {
    if (policy.kind !== 'never-below' && policy.kind !== 'never-above') continue;
    const admission = withinBound(policy, value);
    if (admission.kind !== 'admit') {
      const reason = `${policy.kind === 'never-below' ? 'below' : 'above'} ${policy.bound} once all changes are put together`;
      return { kind: 'hold', rule: 'P3', reason };
    }
  }
  return { kind: 'admit' };
}

function admissionBy(policy: PolicySpec, { base, observed }: PolicyEdit): Admission {
  switch (policy.kind) {
    case 'source-of-truth':
      return observed.by === policy.system ? ADMITTED : { kind: 'refuse', rule: 'P2', reason: policy.reason };
    case 'never-below':
    case 'never-above':
      return withinBound(policy, observed.value);
    case 'increase-needs-approval':
    case 'decrease-needs-approval':
    case 'change-needs-approval':
      return approvalOf(policy, base, observed.value);
    case 'maximum':
    case 'minimum':
    case 'fill-only':
      return inDirection(policy, base, observed.value);
    case 'own-value': {
      const { system, reason, untilMs } = policy;
      // The edit's own time is the clock: once the time is over, an edit there is one like any other.
      if (observed.by !== system || (untilMs !== undefined && observed.atMs >= untilMs)) return ADMITTED;
      return { kind: 'own-value', rule: 'P8', reason, ...(untilMs !== undefined && { untilMs }) };
    }
  }
}
