import type { FieldValue } from '../field-value.ts';
import type { Contender } from '../strategies/conflict.ts';

/** An edit that a field's policies are asked about, also one that nobody contests. */
export interface PolicyEdit {
  readonly field: string;
  /** What the edited system was last seen to hold: the edit began there. */
  readonly base: FieldValue;
  /** What the record holds. No policy goes by it: what an edit is must not depend on which others came before it. */
  readonly record?: Contender;
  readonly observed: Contender;
  readonly rankOf: (system: string) => number;
}

/** What a field's policies say of an edit: by which rule of RULES.md, and why, in words for the ledger. */
export type Admission =
  | { readonly kind: 'admit' }
  /** The edit is put back; the ledger keeps it. */
  | { readonly kind: 'refuse'; readonly rule: string; readonly reason: string }
  /** A person has to approve of it. */
  | { readonly kind: 'hold'; readonly rule: string; readonly reason: string }
  /** The value is this system's own: the record and the other systems keep theirs. */
  | { readonly kind: 'own-value'; readonly rule: string; readonly reason: string; readonly untilMs?: number };
