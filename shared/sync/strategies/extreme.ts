import type { FieldConflict, Verdict } from './conflict.ts';
import { aValueBeatsNone, lastWriteWins } from './edit-order.ts';
import { compareValues, sortOf } from './value-order.ts';

/** S7, S8. The greater (the smaller) value wins; a value beats none, and two of different sorts wait for a person. */
export function extreme(conflict: FieldConflict, which: 'maximum' | 'minimum'): Verdict {
  const { record, observed } = conflict;
  const rule = which === 'maximum' ? 'S7' : 'S8';
  const filled = aValueBeatsNone(conflict, rule);
  if (filled !== undefined) return filled;
  if (record.value === null) return lastWriteWins(conflict, rule);
  const order = compareValues(observed.value, record.value);
  if (order === undefined) {
    const reason = `${sortOf(record.value)} and ${sortOf(observed.value)} have no order: a person has to choose`;
    return { winner: 'nobody', rule, reason };
  }
  if (order === 0) return lastWriteWins(conflict, rule);
  const observedWins = which === 'maximum' ? order > 0 : order < 0;
  return {
    winner: observedWins ? 'observed' : 'record',
    rule,
    reason: which === 'maximum' ? 'the greater value wins' : 'the smaller value wins',
  };
}
