import type { FieldValue, FieldValues } from '../sync/field-value.ts';
import type { FieldsRule, OnFail, QualityRules } from '../sync/quality/quality-rules.ts';
import type { FieldConfig } from './define-sync.ts';
import { canonOf } from './field-mapping.ts';

// What a sync asks of an object before it is merged. docs/configuration.md explains every key.

/** Of one field's own value. Without `onFail` an object that fails waits in quarantine. */
export interface FieldQuality {
  readonly required?: boolean;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  readonly min?: string | number;
  readonly max?: string | number;
  readonly oneOf?: readonly (string | number | boolean)[];
  readonly onFail?: OnFail;
}

/** A sentence about several fields: `holds` gets their canonical values and answers true or false. */
export interface QualityRule<Field extends string = string> {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly holds: (values: FieldValues) => boolean;
  readonly onFail?: OnFail;
}

/** The values that a field may have: a list, or a table with the aliases of each. */
export interface ReferenceQuality {
  readonly allowed: readonly string[] | Readonly<Record<string, readonly string[]>>;
  readonly onFail?: OnFail;
}

export interface QualityConfig<Field extends string = string> {
  readonly schema?: { readonly [F in Field]?: FieldQuality };
  readonly rules?: readonly QualityRule<Field>[];
  readonly reference?: { readonly [F in Field]?: ReferenceQuality };
  readonly duplicates?: { readonly within: readonly Field[]; readonly onFail?: Exclude<OnFail, 'drop-field'> };
  readonly score?: {
    readonly weights: { readonly [F in Field]?: number };
    readonly minimum: number;
    readonly onFail?: Exclude<OnFail, 'drop-field'>;
  };
}

/** Makes the quality of a sync ready to run. It trusts its config: the schema is the one that checks it. */
export function qualityRulesOf(quality: QualityConfig, fields: Readonly<Record<string, FieldConfig>>): QualityRules {
  const canons = new Map(Object.entries(fields).map(([field, config]) => [field, canonOf(config)]));
  const { duplicates, score } = quality;
  return {
    shapes: present(quality.schema).map(([field, { pattern, onFail = 'quarantine', ...shape }]) => ({
      field,
      ...shape,
      ...(pattern !== undefined && { pattern: stateless(pattern) }),
      onFail,
    })),
    rules: (quality.rules ?? []).map((rule): FieldsRule => ({ ...rule, onFail: rule.onFail ?? 'quarantine' })),
    references: present(quality.reference).map(([field, { allowed, onFail = 'quarantine' }]) => ({
      field,
      allowed: isList(allowed) ? allowed : Object.entries(allowed).flatMap(([value, aliases]) => [value, ...aliases]),
      onFail,
    })),
    // What may be there twice is told, not stopped, unless the config says otherwise: two people can share an address.
    ...(duplicates !== undefined && { duplicates: { within: duplicates.within, onFail: duplicates.onFail ?? 'warn' } }),
    ...(score !== undefined && {
      score: {
        weights: Object.fromEntries(present(score.weights)),
        minimum: score.minimum,
        onFail: score.onFail ?? 'quarantine',
      },
    }),
    canon: (field, value: FieldValue) => canons.get(field)?.(value) ?? null,
  };
}

function present<Value>(entries: Readonly<Record<string, Value | undefined>> = {}): [string, Value][] {
  return Object.entries(entries).flatMap(([name, value]): [string, Value][] => (value === undefined ? [] : [[name, value]]));
}

function isList(allowed: ReferenceQuality['allowed']): allowed is readonly string[] {
  return Array.isArray(allowed);
}

/** With g or y an expression remembers where it stopped, and would answer the next object differently. */
function stateless(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
}
