import type { Canon } from '../sync/canon.ts';
import type { NativeValue } from '../sync/change-hint.ts';
import type { FieldValue } from '../sync/field-value.ts';
import { ambiguousChoices } from '../sync/mapping/choice-table.ts';
import type { FieldConfig, SyncConfig } from './define-sync.ts';
import { canonOf, directionOf, type FieldMapping, mappingsOf, samplesOfKind, transformSpecOf } from './field-mapping.ts';
import { shown } from './schema-words.ts';

/**
 * The round-trip laws of a two-way mapping, tried on samples. Both hold modulo canon, for that is how values are compared:
 *
 * - put-get: a value from elsewhere that is written here reads back the same. Otherwise each of our own writes looks
 *   like a person's edit, and travels back as one.
 * - get-put: a value that is read here and written back is the same. Otherwise two values that people tell apart here
 *   become one in the other systems, and a write of nothing new changes what stood here.
 *
 * A one-way side owes neither. What is only written may have no way back: the engine knows beforehand how it will be shown.
 *
 * @returns one sentence per side that breaks a law, with the first sample that shows it.
 */
export function lawFaults(sync: SyncConfig): string[] {
  return Object.entries(sync.fields).flatMap(([field, spec]) => {
    const canon = canonOf(spec);
    const mappings = mappingsOf(field, spec);
    const known = mappings.flatMap((mapping) => canonicalSamples(mapping, spec));
    return mappings.flatMap((mapping) => {
      const fault =
        ambiguity(mapping, spec) ?? (mapping.direction === 'both' ? brokenLaw(mapping, spec, canon, known) : undefined);
      return fault === undefined ? [] : [`syncs.${sync.name}.fields.${field}.in.${mapping.system}: ${fault}`];
    });
  });
}

function nativeSamples({ transform }: FieldMapping, spec: FieldConfig): readonly NativeValue[] {
  // A table has names of its own: a value that is at home elsewhere is none of them.
  if (transform.canonicalSamples !== undefined) return transform.samples;
  return [...transform.samples, ...samplesOfKind[spec.kind ?? 'text']];
}

/** Canonical values as this side may bring them. */
function canonicalSamples(mapping: FieldMapping, spec: FieldConfig): FieldValue[] {
  const { toCanonical, canonicalSamples = [] } = mapping.transform;
  return [...canonicalSamples, ...nativeSamples(mapping, spec).map(toCanonical)];
}

/** What is read has to have one meaning. */
function ambiguity(mapping: FieldMapping, spec: FieldConfig): string | undefined {
  const side = spec.in[mapping.system];
  const transform = side === undefined ? undefined : transformSpecOf(side);
  if (side === undefined || transform?.kind !== 'picklist' || directionOf(side) === 'out') return undefined;
  const [found] = ambiguousChoices(transform.table);
  if (found === undefined) return undefined;
  const [native, canonical] = found;
  return `${shown(native)} stands for ${canonical.map(shown).join(' and ')}; give each a partner of its own, or only write the field: direction 'out'`;
}

function brokenLaw(mapping: FieldMapping, spec: FieldConfig, canon: Canon, known: readonly FieldValue[]): string | undefined {
  const { toCanonical, toNative } = mapping.transform;
  for (const native of nativeSamples(mapping, spec)) {
    const read = toCanonical(native);
    const written = toNative(read);
    if (canon(written) !== canon(native))
      return `get-put fails: ${shown(native)} is read as ${shown(read)} and written back as ${shown(written)}; ${advice(spec, native, written)}`;
  }
  for (const value of known) {
    const written = toNative(value);
    const readBack = toCanonical(written);
    if (canon(readBack) !== canon(value))
      return `put-get fails: ${shown(value)} is written as ${shown(written)} and read back as ${shown(readBack)}; ${advice(spec, value, readBack)}`;
  }
  return undefined;
}

function advice(spec: FieldConfig, before: FieldValue, after: FieldValue): string {
  const caseAlone = typeof before === 'string' && typeof after === 'string' && before.toLowerCase() === after.toLowerCase();
  const takesCase = spec.kind === undefined || spec.kind === 'text' || spec.kind === 'picklist';
  if (caseAlone && takesCase) return "set ignoreCase: true on the field, or make this side one-way (direction 'in' or 'out')";
  return "use a transform that has a way back, or make this side one-way (direction 'in' or 'out')";
}
