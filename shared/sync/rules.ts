import type { FieldValue, FieldValues } from './field-value.ts';

/** Which way a field travels between a system and the record: `in` only read from it, `out` only written to it. */
export type Direction = 'both' | 'in' | 'out';

/** How two concurrent edits of one field are decided. Declared in config, carried out by `strategies.ts`. */
export type StrategySpec =
  | { readonly kind: 'last-write-wins' }
  | { readonly kind: 'prefer-system'; readonly system: string; readonly reason: string }
  | { readonly kind: 'manual' };

export interface FieldRules {
  /**
   * The form in which values are compared (trim, case, telephone and date forms; empty is null).
   * It decides equality and never rewrites what is sent.
   */
  readonly canon: (value: FieldValue) => FieldValue;
  readonly strategy: StrategySpec;
}

export interface SystemRules {
  /** Position in the config: breaks ties of time the same way everywhere (lower wins). */
  readonly rank: number;
  readonly stampResolutionMs: number;
  readonly readLagMs: number;
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
}
