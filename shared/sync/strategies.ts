import { compareTimes } from './field-time.ts';
import type { FieldValue } from './field-value.ts';
import type { FieldTime } from './observation.ts';
import type { StrategySpec } from './rules.ts';

/** One side of a conflict: a value, whose edit it is, and when it was made. */
export interface Contender extends FieldTime {
  readonly value: FieldValue;
  readonly by: string;
}

/** Two edits of one field, neither of which knew of the other. */
export interface FieldConflict {
  readonly field: string;
  readonly record: Contender;
  readonly observed: Contender;
  /** Position of a system in the config; an unknown author (an operator) ranks first. */
  readonly rankOf: (system: string) => number;
}

export interface Verdict {
  readonly winner: 'record' | 'observed' | 'nobody'; // nobody: the field waits for a person
  readonly rule: string;
  readonly reason: string;
}

/**
 * S1. The later edit wins. Where the times cannot be told apart, the system that comes first in
 * the config wins, so that every order of arrival gives the same record.
 */
function lastWriteWins({ record, observed, rankOf }: FieldConflict): Verdict {
  const order = compareTimes(observed, record);
  if (order !== 0) {
    return { winner: order > 0 ? 'observed' : 'record', rule: 'S1', reason: 'the later edit wins' };
  }
  const observedFirst = rankOf(observed.by) < rankOf(record.by);
  return {
    winner: observedFirst ? 'observed' : 'record',
    rule: 'S1',
    reason: 'the times cannot be told apart: the system named first in the config wins',
  };
}

/** S2. The named system wins; between two others the later edit does. */
function preferSystem(conflict: FieldConflict, system: string, reason: string): Verdict {
  if (conflict.observed.by === system && conflict.record.by !== system) return { winner: 'observed', rule: 'S2', reason };
  if (conflict.record.by === system && conflict.observed.by !== system) return { winner: 'record', rule: 'S2', reason };
  return lastWriteWins(conflict);
}

/** Decides a conflict by the strategy that the config names for the field. */
export function judge(strategy: StrategySpec, conflict: FieldConflict): Verdict {
  switch (strategy.kind) {
    case 'last-write-wins':
      return lastWriteWins(conflict);
    case 'prefer-system':
      return preferSystem(conflict, strategy.system, strategy.reason);
    case 'manual':
      return { winner: 'nobody', rule: 'S3', reason: 'the config asks a person to decide this field' };
  }
}
