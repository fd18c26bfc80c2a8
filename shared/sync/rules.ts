import type { FieldValue, FieldValues } from './field-value.ts';
import type { LoopLimits } from './guards/write-tally.ts';

/** Which way a field travels between a system and the record: `in` only read from it, `out` only written to it. */
export type Direction = 'both' | 'in' | 'out';

/** How two concurrent edits of one field are decided. Declared in config, carried out by `strategies/judge.ts`. */
export type StrategySpec =
  | {
      readonly kind:
        | 'last-write-wins'
        | 'first-write-wins'
        | 'manual'
        | 'fill-only'
        | 'additive'
        | 'maximum'
        | 'minimum'
        | 'set-union';
    }
  | { readonly kind: 'prefer-system'; readonly system: string; readonly reason: string }
  | { readonly kind: 'custom'; readonly name: string; readonly decide: CustomDecision };

/** A function of the config: pure, and called with canonical values. What it throws or answers wrongly becomes a hold. */
export type CustomDecision = (conflict: {
  readonly field: string;
  readonly base: FieldValue;
  readonly record: { readonly value: FieldValue; readonly by: string; readonly atMs: number };
  readonly observed: { readonly value: FieldValue; readonly by: string; readonly atMs: number };
}) => 'record' | 'observed' | 'manual' | { readonly value: FieldValue };

/** Which edits a field takes at all, also those that nobody contests. Carried out by `policies/admit.ts`. */
export type PolicySpec =
  | { readonly kind: 'source-of-truth'; readonly system: string; readonly reason: string }
  | { readonly kind: 'never-below' | 'never-above'; readonly bound: number }
  | { readonly kind: 'increase-needs-approval' | 'decrease-needs-approval' }
  | { readonly kind: 'change-needs-approval'; readonly abovePercent: number }
  | { readonly kind: 'maximum' | 'minimum' | 'fill-only' }
  | { readonly kind: 'own-value'; readonly system: string; readonly reason: string; readonly untilMs?: number };

export interface FieldRules {
  /**
   * The form in which values are compared (trim, case, telephone and date forms; empty is null).
   * It decides equality and never rewrites what is sent.
   */
  readonly canon: (value: FieldValue) => FieldValue;
  readonly strategy: StrategySpec;
  readonly policies?: readonly PolicySpec[];
  /** Edits carry which edits they know of: concurrent and later are told apart by that, not by clocks. */
  readonly versionVector?: true;
}

export interface SystemRules {
  /** Position in the config: breaks ties of time the same way everywhere (lower wins). */
  readonly rank: number;
  readonly stampResolutionMs: number;
  readonly readLagMs: number;
  /** `in`: it is only read from. `out`: it only receives. Its fields' directions say the same. */
  readonly direction?: Direction;
  /** Mapped canonical fields and the way they travel. */
  readonly fields: Readonly<Record<string, Direction>>;
  /** Whether records that have no object here get one. */
  readonly receivesCreates: boolean;
  /**
   * How this system will show values written to it, for fields only written to it in a form that has no way back
   * (two choices with one name, a joined name). Canonical in and out; fields that come back as they are may be left out.
   */
  readonly shownAs?: (values: FieldValues) => FieldValues;
}

/** Everything the pure core needs to know of a sync. */
export interface SyncRules {
  readonly sync: string;
  readonly fields: Readonly<Record<string, FieldRules>>;
  readonly systems: Readonly<Record<string, SystemRules>>;
  /** Decides two different values where there is no base: first link, newly mapped field. */
  readonly firstSync: StrategySpec;
  readonly onDelete: 'archive' | 'unlink';
  /** An edit of a record that is deleted elsewhere at the same time: it survives and is shown, unless the delete is to win. */
  readonly onUpdateDelete?: 'edit-survives' | 'delete-wins';
  /** When a record that keeps being written is frozen; the usual limits where absent. */
  readonly loopLimits?: LoopLimits;
}
