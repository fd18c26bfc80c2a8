import type { FieldValue, FieldValues } from '../field-value.ts';

/** What a failed rule does: the whole object waits, somebody is told, or the one field is not taken and the rest is. */
export type OnFail = 'quarantine' | 'warn' | 'drop-field';

/** What a field's own value has to be like (Q1-Q5). */
export interface FieldShape {
  readonly field: string;
  /** Neither empty nor cleared. A field that was not read is no failure. */
  readonly required?: boolean;
  readonly maxLength?: number; // characters as people count them: code points
  readonly pattern?: RegExp; // without the flags g and y, which remember where they stopped
  readonly min?: string | number; // numbers by size, dates and texts by their text
  readonly max?: string | number;
  readonly oneOf?: readonly FieldValue[];
  readonly onFail: OnFail;
}

/** A sentence about several fields (Q6). */
export interface FieldsRule {
  readonly name: string;
  readonly fields: readonly string[];
  /** Pure; gets the values of `fields`. What it throws, or answers other than true or false, is a failure of its own. */
  readonly holds: (values: FieldValues) => unknown;
  readonly onFail: OnFail;
}

/** The values that a field may have, compared by the field's canon (Q7). */
export interface ReferenceList {
  readonly field: string;
  readonly allowed: readonly FieldValue[]; // aliases too
  readonly onFail: OnFail;
}

/** Objects of one system that agree in all of these fields may be one person twice (Q8). */
export interface DuplicateRule {
  readonly within: readonly string[];
  readonly onFail: Exclude<OnFail, 'drop-field'>;
}

/** How complete and faultless an object has to be (Q9). */
export interface ScoreRule {
  readonly weights: Readonly<Record<string, number>>; // by field, above 0
  readonly minimum: number; // 0..1
  readonly onFail: Exclude<OnFail, 'drop-field'>;
}

/** Everything that is asked of an object before it is merged. */
export interface QualityRules {
  readonly shapes: readonly FieldShape[];
  readonly rules: readonly FieldsRule[];
  readonly references: readonly ReferenceList[];
  readonly duplicates?: DuplicateRule;
  readonly score?: ScoreRule;
  /** How two values of a field are compared. */
  readonly canon: (field: string, value: FieldValue) => FieldValue;
}

export type QualityStage = 'schema' | 'rules' | 'reference' | 'duplicates' | 'score';

/** One rule that an object failed. The reason never shows a value: it goes into logs, the ledger and the record. */
export interface QualityFailure {
  readonly stage: QualityStage;
  /** Q1 required, Q2 length, Q3 pattern, Q4 range, Q5 choice, Q6 business rule, Q7 reference, Q8 duplicate, Q9 score. */
  readonly rule: string;
  readonly field?: string;
  /** Of a sentence about several fields, all of them: it does not say which is wrong. */
  readonly fields?: readonly string[];
  readonly reason: string;
  readonly onFail: OnFail;
}

export interface Assessment {
  /** The share of the weighted fields that are filled and without fault, 0..1; 1 where no weights are given. */
  readonly score: number;
  readonly failures: readonly QualityFailure[]; // in the order of the stages
  readonly verdict: 'pass' | 'quarantine';
  /** Fields that are not taken; the others are. */
  readonly dropped: readonly string[];
}
