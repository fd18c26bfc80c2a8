import type { NativeValue, NativeValues } from '../sync/change-hint.ts';
import type { FieldValue, FieldValues } from '../sync/field-value.ts';
import { joinFullName, splitFullName } from '../sync/mapping/full-name.ts';
import type { Direction, FieldRules, SyncRules, SystemRules } from '../sync/rules.ts';
import type { CompiledSide, CompiledSync } from './compiled-sync.ts';
import type { ConcordConfig, FullNameConfig, SyncConfig, SystemConfig } from './define-sync.ts';
import { canonOf, type FieldMapping, mappingsOf } from './field-mapping.ts';
import { canaryOf, guardLimitsOf, loopLimitsOf } from './guard-config.ts';
import { compiledMatchKey } from './match-key.ts';
import { scoredMatchingOf } from './matching-config.ts';
import { nativeNeeds } from './native-needs.ts';
import { qualityRulesOf } from './quality-config.ts';
import { isReference, referencesIn, withReferences } from './reference-fields.ts';
import { searchForms } from './search-forms.ts';
import { decisionRulesOf } from './strategy-rules.ts';

/** What the connectors are known to do, where the config does not say otherwise. */
const TRAITS: Readonly<Record<SystemConfig['connector'], { readonly stampResolutionMs: number; readonly readLagMs: number }>> = {
  salesforce: { stampResolutionMs: 1_000, readLagMs: 0 }, // whole-second stamps
  hubspot: { stampResolutionMs: 1, readLagMs: 0 },
};

/** Makes a sync ready to run. It trusts its config: compileSync is the one that checks it. */
export function assembleSync(sync: SyncConfig, config: ConcordConfig): CompiledSync {
  const mappings = Object.entries(sync.fields).flatMap(([field, spec]) => (isReference(spec) ? [] : mappingsOf(field, spec)));
  const compiled = Object.entries(sync.objects).map(([system, object]): Compiled => {
    const { side, directions } = sideOf(
      system,
      object,
      mappings.filter((mapping) => mapping.system === system),
      (sync.fullNames ?? []).filter((full) => full.system === system),
      sync.fields,
    );
    const references = referencesIn(sync, system, config);
    const ways = Object.fromEntries(references.map(({ field, direction }) => [field, direction]));
    return { side: withReferences(side, references), directions: { ...directions, ...ways } };
  });
  const fields = Object.entries(sync.fields).map(([field, spec]): [string, FieldRules] => [
    field,
    { canon: canonOf(spec), ...decisionRulesOf(spec, sync) },
  ]);
  const rules: SyncRules = {
    sync: sync.name,
    fields: Object.fromEntries(fields),
    systems: Object.fromEntries(compiled.map((one) => [one.side.system, systemRules(one, sync, config)])),
    firstSync: sync.firstSync,
    onDelete: sync.onDelete,
    ...(sync.onUpdateDelete !== undefined && { onUpdateDelete: sync.onUpdateDelete }),
    loopLimits: loopLimitsOf(sync.guards),
  };
  const scored = scoredMatchingOf(sync.matching, sync.fields);
  return {
    name: sync.name,
    rules,
    sides: Object.fromEntries(
      compiled.map(({ side }) => [side.system, { ...side, needs: nativeNeeds(side.system, sync.fields) }]),
    ),
    matchKeys: sync.matchKeys.map((keyFields) => compiledMatchKey(keyFields, sync.fields)),
    poll: sync.poll,
    guards: guardLimitsOf(sync.guards),
    ...(sync.canary !== undefined && { canary: canaryOf(sync.canary) }),
    ...(scored !== undefined && { scored }),
    ...(sync.quality !== undefined && { quality: qualityRulesOf(sync.quality, sync.fields) }),
  };
}

interface Compiled {
  readonly side: CompiledSide;
  readonly directions: Readonly<Record<string, Direction>>;
}

function systemRules({ side, directions: mapped }: Compiled, sync: SyncConfig, config: ConcordConfig): SystemRules {
  const settings = config.systems[side.system];
  const traits = TRAITS[settings?.connector ?? 'salesforce'];
  const direction = sync.objects[side.system]?.direction;
  const directions = Object.fromEntries(
    Object.entries(mapped).map(([field, way]): [string, Direction] => [
      field,
      direction === undefined || direction === 'both' ? way : direction,
    ]),
  );
  const onlyWritten = Object.keys(directions).filter((field) => directions[field] === 'out');
  return {
    rank: Object.keys(config.systems).indexOf(side.system),
    stampResolutionMs: settings?.stampResolutionMs ?? traits.stampResolutionMs,
    readLagMs: settings?.readLagMs ?? traits.readLagMs,
    fields: directions,
    ...(direction !== undefined && { direction }),
    receivesCreates: direction !== 'in' && (sync.objects[side.system]?.receivesCreates ?? true),
    // What is only written may have no way back; what it will look like there is known all the same.
    ...(onlyWritten.length > 0 && {
      shownAs: (values: FieldValues) => {
        const written = Object.fromEntries(onlyWritten.map((field) => [field, values[field] ?? null]));
        return side.toCanonical(side.toNative(written, values));
      },
    }),
  };
}

function sideOf(
  system: string,
  object: SyncConfig['objects'][string],
  mappings: readonly FieldMapping[],
  fullNames: readonly FullNameConfig[],
  fields: SyncConfig['fields'],
): Compiled {
  const byNative = new Map(mappings.map((mapping) => [mapping.native, mapping]));
  const byField = new Map(mappings.map((mapping) => [mapping.field, mapping]));
  const fullByNative = new Map(fullNames.map((full) => [full.field, full]));
  // Where the parts have fields of their own, a full name is only for show.
  const split = new Map(fullNames.filter((full) => !byField.has(full.first)).map((full) => [full.field, full]));
  const joined = fullNames.filter((full) => full.direction === 'out');
  const directions: Record<string, Direction> = {};
  for (const { first, last, direction } of split.values()) {
    directions[first] = direction;
    directions[last] = direction;
  }
  for (const { field, direction } of mappings) directions[field] = direction;

  const side: CompiledSide = {
    system,
    object: object.type,
    externalIdField: object.externalId,
    nativeFields: [
      ...new Set([...byNative.keys(), ...fullByNative.keys(), object.externalId, ...Object.keys(object.only ?? {})]),
    ],
    takesPart: (native) =>
      Object.entries(object.only ?? {}).every(([field, allowed]) => {
        const value = native[field];
        return value === undefined || (Array.isArray(allowed) ? allowed : [allowed]).some((one) => one === value);
      }),
    toCanonical(native) {
      const values: Record<string, FieldValue> = {};
      for (const name of Object.keys(native)) {
        const value = native[name];
        if (value === undefined) continue;
        const mapping = byNative.get(name);
        if (mapping !== undefined) values[mapping.field] = mapping.transform.toCanonical(value);
        const full = split.get(name);
        if (full === undefined) continue;
        const parts = splitFullName(value);
        values[full.first] = parts.first;
        values[full.last] = parts.last;
      }
      return values;
    },
    toNative(changed, all): NativeValues {
      const values: Record<string, NativeValue> = {};
      for (const field of Object.keys(changed)) {
        const mapping = byField.get(field);
        if (mapping !== undefined) values[mapping.native] = mapping.transform.toNative(changed[field] ?? null);
      }
      for (const { field, first, last } of joined) {
        if (!Object.hasOwn(changed, first) && !Object.hasOwn(changed, last)) continue;
        values[field] = joinFullName({ first: valueIn(first, changed, all), last: valueIn(last, changed, all) });
      }
      return values;
    },
    references: [],
    searchForms(field, value) {
      const mapping = byField.get(field);
      const config = fields[field];
      return mapping === undefined || config === undefined ? [] : searchForms(config, mapping, value);
    },
    canonicalOf(native) {
      const mapping = byNative.get(native);
      const full = fullByNative.get(native);
      return [...(mapping === undefined ? [] : [mapping.field]), ...(full === undefined ? [] : [full.first, full.last])];
    },
  };
  return { side, directions };
}

function valueIn(field: string, changed: FieldValues, all: FieldValues): FieldValue {
  return (Object.hasOwn(changed, field) ? changed[field] : all[field]) ?? null;
}
