import { amountOf, valueOfAmount, withSameChange } from '../decimal-arithmetic.ts';
import type { FieldConflict, Verdict } from './conflict.ts';

/**
 * S6. Both changes count: the record's value plus what the observed side added to the base (or took from it), exactly. An
 * empty base is nothing yet. Clearing a field adds no amount, and what is no number cannot be added: a person decides.
 */
export function addUp({ base, record, observed }: FieldConflict): Verdict {
  const nobody = (reason: string): Verdict => ({ winner: 'nobody', rule: 'S6', reason });
  if (base !== null && (record.value === null || observed.value === null))
    return nobody('one side was cleared, and that is no amount to add: a person has to choose');
  const from = amountOf(base ?? 0);
  const kept = amountOf(record.value ?? 0);
  const shown = amountOf(observed.value ?? 0);
  if (from === undefined || kept === undefined || shown === undefined)
    return nobody('only numbers can be added up: a person has to choose');
  const sum = withSameChange(kept, from, shown);
  if (sum === undefined) return nobody('the sum has too many digits: a person has to choose');
  return { winner: 'merged', value: valueOfAmount(sum), rule: 'S6', reason: 'both changes are added up' };
}
