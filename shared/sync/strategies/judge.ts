import { compareEarliness, compareEdits } from '../field-time.ts';
import type { StrategySpec } from '../rules.ts';
import { addUp } from './additive.ts';
import type { FieldConflict, Verdict } from './conflict.ts';
import { decideByFunction } from './custom.ts';
import { fillOnly, firstWriteWins, lastWriteWins, preferSystem } from './edit-order.ts';
import { extreme } from './extreme.ts';
import { uniteSets } from './set-union.ts';

export type { Contender, FieldConflict, Verdict } from './conflict.ts';

/** Decides a conflict by the strategy that the config names for the field. Never throws. */
export function judge(strategy: StrategySpec, conflict: FieldConflict): Verdict {
  switch (strategy.kind) {
    case 'last-write-wins':
      return lastWriteWins(conflict);
    case 'prefer-system':
      return preferSystem(conflict, strategy.system, strategy.reason);
    case 'manual':
      return { winner: 'nobody', rule: 'S3', reason: 'the config asks a person to decide this field' };
    case 'first-write-wins':
      return firstWriteWins(conflict);
    case 'fill-only':
      return fillOnly(conflict);
    case 'additive':
      return addUp(conflict);
    case 'maximum':
    case 'minimum':
      return extreme(conflict, strategy.kind);
    case 'set-union':
      return uniteSets(conflict);
    case 'custom':
      return decideByFunction(conflict, strategy.name, strategy.decide);
  }
}

/**
 * Of two edits that made the same value, the one under whose author and time the record goes on holding it: the one that
 * would win by this strategy. Otherwise a third edit would win or lose by which of the two came first.
 */
export function strongerClaim(strategy: StrategySpec, conflict: FieldConflict): 'record' | 'observed' {
  const { record, observed, rankOf } = conflict;
  if (strategy.kind === 'prefer-system') {
    const { winner } = preferSystem(conflict, strategy.system, strategy.reason);
    return winner === 'observed' ? 'observed' : 'record';
  }
  const isEarlierKept = strategy.kind === 'first-write-wins' || strategy.kind === 'fill-only';
  return (isEarlierKept ? compareEarliness : compareEdits)(observed, record, rankOf) > 0 ? 'observed' : 'record';
}
