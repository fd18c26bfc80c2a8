import * as z from 'zod';
import { transformsOfKind } from './field-mapping.ts';
import { canaryFaults, looseCanary } from './guard-faults.ts';
import { looseMatching, matchingFaults } from './matching-schema.ts';
import { didYouMean } from './nearest-name.ts';
import { looseQuality, qualityFaults } from './quality-faults.ts';
import { looseReferenceTo, referenceFieldFaults } from './reference-faults.ts';
import { loosePolicies, looseStrategy, strategyFaults } from './strategy-faults.ts';

// What a schema cannot say: names that must refer to one another, and settings that must fit together.

// Whatever has a wrong shape is left out here, for the schema names it: so one run shows all faults of both sorts.
const text = z.string().optional().catch(undefined);
const looseRecord = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value).catch({});
const looseSide = z.preprocess(
  (given) => (typeof given === 'string' ? { field: given } : given),
  z
    .object({
      field: text,
      direction: z.enum(['both', 'in', 'out']).catch('both'),
      transform: z.object({ kind: text }).optional().catch(undefined),
    })
    .catch({ direction: 'both' }),
);
const looseField = z
  .object({
    kind: z.enum(['text', 'email', 'phone', 'date', 'number', 'boolean', 'picklist', 'set', 'domain', 'reference']).catch('text'),
    defaultCountry: text,
    to: looseReferenceTo,
    ignoreCase: z.boolean().optional().catch(undefined),
    strategy: looseStrategy.optional(),
    policies: loosePolicies,
    in: looseRecord(looseSide),
  })
  .catch({ kind: 'text', policies: [], in: {} });
const looseFullName = z.object({ system: text, field: text, first: text, last: text, direction: text }).catch({});
const looseSync = z
  .object({
    name: z.string().catch('?'),
    objects: looseRecord(z.object({ type: text, externalId: text }).catch({})),
    fields: looseRecord(looseField),
    fullNames: z.array(looseFullName).catch([]),
    matchKeys: z.array(z.array(z.string()).catch([])).catch([]),
    strategy: looseStrategy,
    firstSync: looseStrategy,
    poll: z.object({ everyMinutes: z.number(), overlapMinutes: z.number() }).optional().catch(undefined),
    matching: looseMatching,
    quality: looseQuality,
    canary: looseCanary,
  })
  .optional()
  .catch(undefined);
type LooseSync = NonNullable<z.infer<typeof looseSync>>;
type LooseField = z.infer<typeof looseField>;
const looseConfig = z.object({
  systems: looseRecord(z.object({ connector: text }).catch({})),
  syncs: z.array(looseSync).catch([]),
});
type LooseSystems = z.infer<typeof looseConfig>['systems'];

/** No dots: a field of a related object changes without a trace on the row that shows it. */
const SALESFORCE_FIELD = /^[A-Za-z][A-Za-z0-9_]*$/;

/** @returns one sentence per fault, none when all names fit together. */
export function referenceFaults(config: unknown): string[] {
  const { data } = looseConfig.safeParse(config);
  if (data === undefined) return [];
  const syncs = data.syncs.flatMap((sync) => sync ?? []);
  return [...syncs.flatMap((sync) => syncFaults(sync, data.systems, syncs)), ...overlapFaults(syncs)];
}

function syncFaults(sync: LooseSync, systems: LooseSystems, syncs: readonly LooseSync[]): string[] {
  const at = `syncs.${sync.name}`;
  const known = Object.keys(systems);
  const taking = Object.keys(sync.objects);
  return [
    ...(taking.length < 2
      ? [`${at}.objects: names ${taking.length === 0 ? 'no system' : `${taking[0]} only`}; a sync needs two systems at least`]
      : []),
    ...taking
      .filter((system) => !known.includes(system))
      .map(
        (system) =>
          `${at}.objects.${system}: "${system}" is not one of the systems above${didYouMean(system, known, listed(known))}`,
      ),
    ...Object.entries(sync.fields).flatMap(([field, spec]) => fieldFaults(spec, `${at}.fields.${field}`, sync, field)),
    ...nativeFaults(sync, at, systems),
    ...fullNameFaults(sync, at),
    ...strategyFaults(sync, at, (field) => directionsOf(sync, field)),
    ...matchKeyFaults(sync, at),
    ...referenceFieldFaults(sync, at, syncs, (system) => systems[system]?.connector),
    ...pollFaults(sync, at),
    ...matchingFaults(sync, at),
    ...qualityFaults(sync.quality, Object.keys(sync.fields), `${at}.quality`),
    ...canaryFaults(sync.canary, sync.fields, taking, `${at}.canary`, (field) => directionsOf(sync, field)),
  ];
}

function fieldFaults(spec: LooseField, at: string, sync: LooseSync, field: string): string[] {
  const taking = Object.keys(sync.objects);
  const sides = Object.entries(spec.in);
  const faults = sides
    .filter(([system]) => !taking.includes(system))
    .map(([system]) => `${at}.in.${system}: "${system}" takes no part in this sync${didYouMean(system, taking, listed(taking))}`);
  faults.push(...travelFaults(directionsOf(sync, field), `${at}.in`));
  if (spec.kind === 'phone' && spec.defaultCountry === undefined)
    faults.push(`${at}.defaultCountry: is missing; a phone needs the country of numbers without a country code, such as 'AU'`);
  if (spec.kind !== 'phone' && spec.defaultCountry !== undefined)
    faults.push(
      `${at}.defaultCountry: "${spec.defaultCountry}" says nothing of a ${spec.kind}; take it out, or set kind: 'phone'`,
    );
  if (spec.ignoreCase !== undefined && spec.kind !== 'text' && spec.kind !== 'picklist')
    faults.push(`${at}.ignoreCase: ${spec.ignoreCase} says nothing of a ${spec.kind}; take it out`);
  for (const [system, { transform }] of sides) {
    const fitting: readonly string[] = transformsOfKind[spec.kind];
    if (transform?.kind === undefined || fitting.includes(transform.kind)) continue;
    const kinds = Object.entries(transformsOfKind).flatMap(([kind, names]) =>
      names.some((one) => one === transform.kind) ? [kind] : [],
    );
    if (kinds.length === 0) continue; // no such transform: the schema says so
    faults.push(
      `${at}.in.${system}.transform: "${transform.kind}" does not fit a field of kind ${spec.kind}; use ${fitting.join(', ')}, or set kind: ${kinds.map((kind) => `'${kind}'`).join(' or ')}`,
    );
  }
  return faults;
}

/** By system: how a canonical field travels there, directly or as part of a full name. */
function directionsOf(sync: LooseSync, field: string): Map<string, string> {
  const directions = new Map<string, string>();
  for (const full of sync.fullNames) {
    if (full.system !== undefined && (full.first === field || full.last === field))
      directions.set(full.system, full.direction ?? 'both');
  }
  for (const [system, side] of Object.entries(sync.fields[field]?.in ?? {})) directions.set(system, side.direction);
  return directions;
}

function travelFaults(directions: ReadonlyMap<string, string>, at: string): string[] {
  const ways = [...directions.values()];
  const [only] = directions.keys();
  if (ways.length < 2)
    return [
      `${at}: is mapped in ${only === undefined ? 'no system' : `${only} only`}; map it in two systems at least, or take the field out`,
    ];
  if (ways.every((way) => way === 'out'))
    return [`${at}: is written everywhere and read nowhere; give one side the direction 'both' or 'in'`];
  if (ways.every((way) => way === 'in'))
    return [`${at}: is read everywhere and written nowhere; give one side the direction 'both' or 'out'`];
  return [];
}

/** Each native field belongs to one canonical field, or to one full name. */
function nativeFaults(sync: LooseSync, at: string, systems: LooseSystems): string[] {
  const faults: string[] = [];
  const owners = new Map<string, string>();
  const take = (system: string, native: string, owner: string, path: string) => {
    const other = owners.get(`${system} ${native}`);
    if (other !== undefined)
      faults.push(`${path}: "${native}" is mapped to ${other} already; a native field belongs to one canonical field`);
    if (native === sync.objects[system]?.externalId)
      faults.push(`${path}: "${native}" carries the record's id (externalId); map another field`);
    if (systems[system]?.connector === 'salesforce' && !SALESFORCE_FIELD.test(native))
      faults.push(`${path}: "${native}" is no field of the object itself; use the API name of one, such as MailingCity`);
    owners.set(`${system} ${native}`, owner);
  };
  for (const [field, spec] of Object.entries(sync.fields))
    for (const [system, { field: native }] of Object.entries(spec.in))
      if (native !== undefined) take(system, native, field, `${at}.fields.${field}.in.${system}`);
  for (const [index, { system, field: native, first, last }] of sync.fullNames.entries())
    if (system !== undefined && native !== undefined)
      take(system, native, `${first} and ${last}`, `${at}.fullNames.${index}.field`);
  return faults;
}

function fullNameFaults(sync: LooseSync, at: string): string[] {
  const names = Object.keys(sync.fields);
  const taking = Object.keys(sync.objects);
  return sync.fullNames.flatMap(({ system, first, last, direction }, index) => {
    const path = `${at}.fullNames.${index}`;
    const parts = [first, last].flatMap((part) => part ?? []);
    const faults = parts
      .filter((part) => sync.fields[part] === undefined)
      .map((part) => `${path}: "${part}" is not a field of this sync${didYouMean(part, names, listed(names))}`);
    if (first !== undefined && first === last) faults.push(`${path}: "${first}" is both first and last; give each its own field`);
    if (system === undefined) return faults;
    if (!taking.includes(system)) {
      faults.push(`${path}.system: "${system}" takes no part in this sync${didYouMean(system, taking, listed(taking))}`);
    }
    const alone = parts.filter((part) => sync.fields[part]?.in[system] !== undefined);
    if (direction === 'in' && alone.length > 0)
      faults.push(
        `${path}: ${alone.join(' and ')} would be read twice in ${system}; map the parts or the full name there, not both`,
      );
    if (direction === 'out' && alone.length === 1)
      faults.push(`${path}: only ${alone[0]} is mapped by itself in ${system}; map both parts there, or neither`);
    return faults;
  });
}

function matchKeyFaults(sync: LooseSync, at: string): string[] {
  const names = Object.keys(sync.fields);
  const seen = new Set<string>();
  return sync.matchKeys.flatMap((key, index) => {
    const path = `${at}.matchKeys.${index}`;
    const faults = key.flatMap((field, position) => {
      if (sync.fields[field] === undefined)
        return [`${path}: "${field}" is not a field of this sync${didYouMean(field, names, listed(names))}`];
      if (key.indexOf(field) < position) return [`${path}: "${field}" is in it twice; take one of them out`];
      const where = directionsOf(sync, field);
      return Object.keys(sync.objects)
        .filter((system) => !where.has(system))
        .map(
          (system) =>
            `${path}: "${field}" is not mapped in ${system}, so nothing there could match; map it, or take it out of the key`,
        );
    });
    const name = key.join('+');
    if (seen.has(name)) faults.push(`${path}: "${name}" is there already; take one of them out`);
    seen.add(name);
    return faults;
  });
}

function pollFaults({ poll }: LooseSync, at: string): string[] {
  if (poll === undefined || poll.overlapMinutes >= poll.everyMinutes) return [];
  return [
    `${at}.poll.overlapMinutes: ${poll.overlapMinutes} is less than everyMinutes (${poll.everyMinutes}); rows that become visible late would be missed: use ${poll.everyMinutes} or more`,
  ];
}

/** Two syncs must not share a name, nor the objects of a system: an object belongs to one record. */
function overlapFaults(syncs: readonly LooseSync[]): string[] {
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const [index, sync] of syncs.entries()) {
    if (syncs.findIndex((other) => other.name === sync.name) < index) {
      faults.push(`syncs.${index}.name: "${sync.name}" is there already; give each sync a name of its own`);
      continue;
    }
    for (const [system, { type }] of Object.entries(sync.objects)) {
      if (type === undefined) continue;
      const owner = owners.get(`${system} ${type}`);
      if (owner !== undefined)
        faults.push(`syncs.${sync.name}.objects.${system}.type: ${type} is synced by ${owner} already; map its fields there`);
      owners.set(`${system} ${type}`, sync.name);
    }
  }
  return faults;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`;
}
