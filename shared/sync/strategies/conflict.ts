import type { FieldEdit } from '../field-time.ts';
import type { FieldValue } from '../field-value.ts';

/** One side of a conflict. */
export type Contender = FieldEdit;

/** Two edits of one field, neither of which knew of the other. */
export interface FieldConflict {
  readonly field: string;
  /** What the observed system was last seen to hold: both edits began there. Null too where it was never seen. */
  readonly base: FieldValue;
  readonly record: Contender;
  readonly observed: Contender;
  /** Position of a system in the config; an unknown author (an operator) ranks first. */
  readonly rankOf: (system: string) => number;
}

/** Who wins, by which rule of RULES.md, and why, in words for the ledger. `nobody`: the field waits for a person. */
export type Verdict =
  | { readonly winner: 'record' | 'observed' | 'nobody'; readonly rule: string; readonly reason: string }
  | { readonly winner: 'merged'; readonly value: FieldValue; readonly rule: string; readonly reason: string };
