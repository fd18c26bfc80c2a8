import { BLAST_LIMITS } from '../sync/guards/blast-radius.ts';
import type { Canary } from '../sync/guards/canary.ts';
import type { GuardLimits } from '../sync/guards/write-guard.ts';
import { LOOP_LIMITS, type LoopLimits } from '../sync/guards/write-tally.ts';

// The words of `concord.config.ts` about what stops Concord. docs/configuration.md explains each.

/** Where Concord stops by itself. Every limit has a default; there is no way to have none. */
export interface GuardConfig {
  /** Percent of the linked objects that may be deleted in one system within 24 hours, where there are more than 25. Of 4 to 25: half. */
  readonly deletesPercent?: number;
  /** Percent of the linked objects that may be altered in one system within 24 hours, where there are more than 200. */
  readonly altersPercent?: number;
  /** `ask`: a system's first sync waits for an approval before anything is written there. */
  readonly firstSyncApproval?: 'auto' | 'ask';
  /** When a record that keeps being written is frozen. */
  readonly loop?: Partial<LoopLimits>;
}

/** One object per system that belongs to nobody, written and awaited every hour. */
export interface CanaryConfig<System extends string = string, Field extends string = string> {
  /** A text field that travels both ways in all of these systems. */
  readonly field: Field;
  /** Ids of objects that are linked to one record. */
  readonly objects: { readonly [S in System]?: string };
}

export function guardLimitsOf(given: GuardConfig = {}): GuardLimits {
  const {
    deletesPercent = BLAST_LIMITS.deletesPercent,
    altersPercent = BLAST_LIMITS.altersPercent,
    firstSyncApproval = 'auto',
  } = given;
  return { deletesPercent, altersPercent, firstSyncApproval };
}

export function loopLimitsOf(given: GuardConfig = {}): LoopLimits {
  return { ...LOOP_LIMITS, ...given.loop };
}

export function canaryOf({ field, objects }: CanaryConfig): Canary {
  const entries = Object.entries(objects).flatMap(([system, objectId]) => (objectId === undefined ? [] : [[system, objectId]]));
  return { field, objects: Object.fromEntries(entries) };
}
