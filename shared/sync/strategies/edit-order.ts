import { compareEarliness, compareEdits, isTimeUncertain } from '../field-time.ts';
import type { Contender, FieldConflict, Verdict } from './conflict.ts';

// Strategies that choose one of the two edits by when they were made and by whom. Each is the greatest by a total order, so
// that of any number of edits the same one wins, whatever order they arrive in.

/** S1. The later edit wins. */
export function lastWriteWins(conflict: FieldConflict, rule = 'S1'): Verdict {
  const { record, observed, rankOf } = conflict;
  return chosen(compareEdits(observed, record, rankOf), rule, timeReason('later', conflict));
}

/** S4. The earlier edit wins. */
export function firstWriteWins(conflict: FieldConflict, rule = 'S4'): Verdict {
  const { record, observed, rankOf } = conflict;
  return chosen(compareEarliness(observed, record, rankOf), rule, timeReason('earlier', conflict));
}

/** S2. The named system wins; between two others, or two edits of that system, the later edit does. */
export function preferSystem(conflict: FieldConflict, system: string, reason: string): Verdict {
  const preferred = ({ by }: Contender) => by === system;
  if (preferred(conflict.observed) !== preferred(conflict.record))
    return { winner: preferred(conflict.observed) ? 'observed' : 'record', rule: 'S2', reason };
  return lastWriteWins(conflict);
}

/** S5. A value beats none; of two values the one that was there first stays, for a filled field is not overwritten. */
export function fillOnly(conflict: FieldConflict): Verdict {
  return aValueBeatsNone(conflict, 'S5') ?? firstWriteWins(conflict, 'S5');
}

/** Undefined where both have a value, or neither. */
export function aValueBeatsNone({ record, observed }: FieldConflict, rule: string): Verdict | undefined {
  if ((record.value === null) === (observed.value === null)) return undefined;
  return { winner: record.value === null ? 'observed' : 'record', rule, reason: 'a value beats an empty field' };
}

/** @param order - positive where the observed edit wins. One and the same edit stays as the record has it. */
function chosen(order: number, rule: string, reason: string): Verdict {
  return { winner: order > 0 ? 'observed' : 'record', rule, reason };
}

function timeReason(which: 'later' | 'earlier', { record, observed, rankOf }: FieldConflict): string {
  if (record.atMs !== observed.atMs) {
    const sure = `the ${which} edit wins`;
    return isTimeUncertain(observed, record)
      ? `${sure}; the times are approximate and overlap, so each counts as the latest it can be`
      : sure;
  }
  return rankOf(record.by) === rankOf(observed.by)
    ? 'the times cannot be told apart, nor the systems: one value is chosen by a fixed rule'
    : 'the times cannot be told apart: the system named first in the config wins';
}
