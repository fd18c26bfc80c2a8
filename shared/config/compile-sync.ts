import { canons, phoneCanon } from '../sync/canon.ts';
import type { NativeValue, NativeValues } from '../sync/change-hint.ts';
import type { FieldValue, FieldValues } from '../sync/field-value.ts';
import {
  booleanTextTransform,
  dateTransform,
  emailTransform,
  joinFullName,
  lowerCaseTransform,
  numberTextTransform,
  phoneTransform,
  picklistTransform,
  splitFullName,
  type Transform,
  textTransform,
  upperCaseTransform,
} from '../sync/mapping/transforms.ts';
import type { Direction, FieldRules, SyncRules } from '../sync/rules.ts';
import type { CompiledSide, CompiledSync, MatchKey } from './compiled-sync.ts';
import { ConfigError, validateConfig } from './config-schema.ts';
import type { ConcordConfig, FieldConfig, FieldSide, SyncConfig, TransformSpec } from './define-sync.ts';

/** What the connectors are known to do, where the config does not say otherwise. */
const TRAITS = {
  salesforce: { stampResolutionMs: 1_000, readLagMs: 0 }, // whole-second stamps
  hubspot: { stampResolutionMs: 1, readLagMs: 0 },
} as const;

/**
 * Checks the config and makes one of its syncs ready to run.
 *
 * @throws ConfigError when the config is wrong, has no such sync, or a transform does not survive its round trip.
 */
export function compileSync(config: ConcordConfig, name: string): CompiledSync {
  validateConfig(config);
  const sync = config.syncs.find((one) => one.name === name);
  if (sync === undefined)
    throw new ConfigError(`concord.config.ts has no sync "${name}"; it has ${config.syncs.map((one) => one.name).join(', ')}`);
  const rules = rulesOf(sync, config);
  const sides = Object.fromEntries(Object.keys(sync.objects).map((system) => [system, sideOf(sync, system, rules)]));
  return { name, rules, sides, matchKeys: sync.matchKeys.map((fields) => matchKey(fields, rules)), poll: sync.poll };
}

function rulesOf(sync: SyncConfig, config: ConcordConfig): SyncRules {
  const fields = Object.entries(sync.fields).map(([field, spec]): [string, FieldRules] => [
    field,
    { canon: canonOf(spec), strategy: spec.strategy ?? sync.strategy },
  ]);
  const systems = Object.entries(sync.objects).map(([system, object]): [string, SyncRules['systems'][string]] => {
    const settings = config.systems[system];
    const traits = TRAITS[settings?.connector ?? 'salesforce'];
    return [
      system,
      {
        rank: Object.keys(config.systems).indexOf(system),
        stampResolutionMs: settings?.stampResolutionMs ?? traits.stampResolutionMs,
        readLagMs: settings?.readLagMs ?? traits.readLagMs,
        fields: directionsOf(sync, system),
        receivesCreates: object.receivesCreates ?? true,
      },
    ];
  });
  return {
    sync: sync.name,
    fields: Object.fromEntries(fields),
    systems: Object.fromEntries(systems),
    firstSync: sync.firstSync,
    onDelete: sync.onDelete,
  };
}

function directionsOf(sync: SyncConfig, system: string): Record<string, Direction> {
  const directions: Record<string, Direction> = {};
  for (const [field, spec] of Object.entries(sync.fields)) {
    const side = spec.in[system];
    if (side !== undefined) directions[field] = typeof side === 'string' ? 'both' : (side.direction ?? 'both');
  }
  for (const full of sync.fullNames ?? []) {
    if (full.system !== system) continue;
    directions[full.first] ??= 'both';
    directions[full.last] ??= 'both';
  }
  return directions;
}

function canonOf({ kind = 'text', defaultCountry }: FieldConfig): FieldRules['canon'] {
  return kind === 'phone' ? phoneCanon(defaultCountry) : canons[kind];
}

interface MappedField {
  readonly field: string;
  readonly native: string;
  readonly transform: Transform;
}

function sideOf(sync: SyncConfig, system: string, rules: SyncRules): CompiledSide {
  const object = sync.objects[system];
  if (object === undefined) throw new ConfigError(`sync ${sync.name} has no object in ${system}`);
  const mapped = Object.entries(sync.fields).flatMap(([field, spec]): MappedField[] => {
    const side = spec.in[system];
    if (side === undefined) return [];
    const transform = transformOf(side, spec);
    const oneWay = typeof side !== 'string' && (side.direction ?? 'both') !== 'both';
    if (!oneWay) checkRoundTrip(transform, rules.fields[field], `syncs.${sync.name}.fields.${field}.in.${system}`);
    return [{ field, native: nativeOf(side), transform }];
  });
  const fullNames = (sync.fullNames ?? []).filter((full) => full.system === system);
  const byNative = new Map(mapped.map((one) => [one.native, one]));
  const byField = new Map(mapped.map((one) => [one.field, one]));
  const fullByNative = new Map(fullNames.map((full) => [full.field, full]));

  return {
    system,
    object: object.type,
    externalIdField: object.externalId,
    nativeFields: [...byNative.keys(), ...fullByNative.keys(), object.externalId],
    toCanonical(native) {
      const values: Record<string, FieldValue> = {};
      for (const [name, value] of Object.entries(native)) {
        const one = byNative.get(name);
        if (one !== undefined) values[one.field] = one.transform.toCanonical(value);
        const full = fullByNative.get(name);
        if (full === undefined) continue;
        const { first, last } = splitFullName(typeof value === 'string' ? value : '');
        values[full.first] = first;
        values[full.last] = last;
      }
      return values;
    },
    toNative(changed, all): NativeValues {
      const values: Record<string, NativeValue> = {};
      for (const [field, value] of Object.entries(changed)) {
        const one = byField.get(field);
        if (one !== undefined) values[one.native] = one.transform.toNative(value);
      }
      for (const full of fullNames) {
        if (full.first in changed || full.last in changed)
          values[full.field] = joinFullName(valueIn(full.first, changed, all), valueIn(full.last, changed, all));
      }
      return values;
    },
    canonicalOf(native) {
      const full = fullByNative.get(native);
      const one = byNative.get(native);
      return [...(one === undefined ? [] : [one.field]), ...(full === undefined ? [] : [full.first, full.last])];
    },
  };
}

function valueIn(field: string, changed: FieldValues, all: FieldValues): FieldValue {
  return (field in changed ? changed[field] : all[field]) ?? null;
}

const nativeOf = (side: FieldSide): string => (typeof side === 'string' ? side : side.field);

function transformOf(side: FieldSide, field: FieldConfig): Transform {
  const spec = typeof side === 'string' ? undefined : side.transform;
  return implementation(spec ?? defaultTransform(field));
}

function defaultTransform({ kind = 'text', defaultCountry }: FieldConfig): TransformSpec {
  switch (kind) {
    case 'email':
      return { kind: 'email' };
    case 'date':
      return { kind: 'date' };
    case 'phone':
      return { kind: 'phone', defaultCountry: defaultCountry ?? '' };
    default:
      return { kind: 'text' };
  }
}

function implementation(spec: TransformSpec): Transform {
  switch (spec.kind) {
    case 'text':
      return textTransform;
    case 'lower-case':
      return lowerCaseTransform;
    case 'upper-case':
      return upperCaseTransform;
    case 'email':
      return emailTransform;
    case 'number-text':
      return numberTextTransform;
    case 'boolean-text':
      return booleanTextTransform;
    case 'date':
      return dateTransform;
    case 'phone':
      return phoneTransform(spec.defaultCountry);
    case 'picklist':
      return picklistTransform(spec.table);
  }
}

/** What goes there and back must come back the same, from either end, or a sync writes what it just read. */
function checkRoundTrip(transform: Transform, rules: FieldRules | undefined, path: string): void {
  const canon = rules?.canon ?? ((value: FieldValue) => value);
  for (const start of [...transform.samples.map(transform.toCanonical), ...(transform.canonicalSamples ?? [])]) {
    const native = transform.toNative(start);
    const back = transform.toCanonical(native);
    if (canon(start) === canon(back)) continue;
    throw new ConfigError(
      `concord.config.ts cannot be used:\n  - ${path}: ${JSON.stringify(start)} is written as ${JSON.stringify(native)} and read back as ${JSON.stringify(back)}; ` +
        "give each value a partner of its own, or declare the field one-way (direction 'in' or 'out')",
    );
  }
}

function matchKey(fields: readonly string[], rules: SyncRules): MatchKey {
  return {
    name: fields.join('+'),
    fields,
    keyOf(values) {
      const parts = fields.map((field) => rules.fields[field]?.canon(values[field] ?? null) ?? null);
      return parts.some((part) => part === null || part === '')
        ? undefined
        : parts.map((part) => String(part).toLowerCase()).join('\u001f');
    },
  };
}
