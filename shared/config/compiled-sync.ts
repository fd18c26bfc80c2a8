import type { NativeValues } from '../sync/change-hint.ts';
import type { FieldValue, FieldValues } from '../sync/field-value.ts';
import type { Canary } from '../sync/guards/canary.ts';
import type { GuardLimits } from '../sync/guards/write-guard.ts';
import type { ScoredMatching } from '../sync/matching/scored-match.ts';
import type { QualityRules } from '../sync/quality/quality-rules.ts';
import type { ReferenceField } from '../sync/references/reference-values.ts';
import type { SyncRules } from '../sync/rules.ts';
import type { NativeNeeds } from './native-needs.ts';

/** One system's side of a sync, ready to run. */
export interface CompiledSide {
  readonly system: string;
  readonly object: string; // Contact, contacts
  readonly externalIdField: string; // native field that carries the record's id
  /** Every native field to ask for in a read: the mapped ones and the external id. */
  readonly nativeFields: readonly string[];
  /** False for an object that the config's filter leaves out. A filtered field that was not read leaves nothing out. */
  takesPart(native: NativeValues): boolean;
  /** Canonical fields of those native fields that are present; unparsable values are kept as they are. */
  toCanonical(native: NativeValues): Record<string, FieldValues[string]>;
  /**
   * Native fields to write so that the object holds `changed`.
   *
   * @param all - the record's values: a native field joined from several canonical ones needs its other parts too.
   */
  toNative(changed: FieldValues, all: FieldValues): NativeValues;
  /** Canonical fields fed by a native one; empty when it is not mapped. */
  canonicalOf(nativeField: string): readonly string[];
  /**
   * The texts under which a search of this system may find a value of a field; the form that is written comes first. None for
   * an empty value, or a field that no native one holds by itself.
   */
  searchForms(field: string, value: FieldValue): readonly string[];
  /** Fields that stand for other records. `toCanonical` and `toNative` leave them out: see `functions/references.ts`. */
  readonly references: readonly ReferenceField[];
  /** What the mapping asks of native fields beyond their being there. */
  readonly needs?: Readonly<Record<string, NativeNeeds>>;
}

/** A way to tell that two objects are the same one: equal, non-empty values of all its fields. */
export interface MatchKey {
  readonly name: string; // its canonical fields joined by "+"
  readonly fields: readonly string[];
  /** The key of an object, or undefined where a part is empty: such an object matches nothing. */
  keyOf(values: FieldValues): string | undefined;
}

/** A sync of concord.config.ts, checked and ready to run. */
export interface CompiledSync {
  readonly name: string;
  readonly rules: SyncRules;
  readonly sides: Readonly<Record<string, CompiledSide>>; // by system
  readonly matchKeys: readonly MatchKey[]; // tried in order
  readonly poll: { readonly everyMinutes: number; readonly overlapMinutes: number };
  /** What is asked of an object before it is merged; absent where nothing is. */
  readonly quality?: QualityRules;
  /** How what no match key ties is recognised; absent: not at all. */
  readonly scored?: ScoredMatching;
  /** How much may be written to a system within a day without an approval. */
  readonly guards: GuardLimits;
  readonly canary?: Canary;
}
