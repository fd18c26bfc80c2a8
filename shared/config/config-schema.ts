import * as z from 'zod';
import type { ConcordConfig, SyncConfig } from './define-sync.ts';

/** The config cannot be used. The message lists every fault: where it is, what stands there, what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const TRANSFORMS = [
  'text',
  'lower-case',
  'upper-case',
  'email',
  'number-text',
  'boolean-text',
  'date',
  'phone',
  'picklist',
] as const;
const KINDS = ['text', 'email', 'phone', 'date', 'number', 'boolean', 'picklist'] as const;

const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'use letters, digits and underscores, beginning with a letter');
const strategy = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('last-write-wins') }),
  z.strictObject({
    kind: z.literal('prefer-system'),
    system: name,
    reason: z.string().min(1, 'say why this system is preferred: the ledger shows it'),
  }),
  z.strictObject({ kind: z.literal('manual') }),
]);
const country = z.string().regex(/^[A-Z]{2}$/, 'use the two-letter code of a country, such as AU');
const transform = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['text', 'lower-case', 'upper-case', 'email', 'number-text', 'boolean-text', 'date']) }),
  z.strictObject({ kind: z.literal('phone'), defaultCountry: country }),
  z.strictObject({ kind: z.literal('picklist'), table: z.record(z.string(), z.string()) }),
]);
const side = z.union(
  [
    z.string().min(1),
    z.strictObject({
      field: z.string().min(1),
      transform: transform.optional(),
      direction: z.enum(['both', 'in', 'out']).optional(),
    }),
  ],
  {
    error: `give a native field name, or { field, transform, direction } with a transform of ${TRANSFORMS.join(', ')}`,
  },
);
const field = z.strictObject({
  kind: z.enum(KINDS, { error: `use one of ${KINDS.join(', ')}` }).optional(),
  defaultCountry: country.optional(),
  strategy: strategy.optional(),
  in: z.record(name, side),
});
const sync = z.strictObject({
  name: name,
  objects: z.record(
    name,
    z.strictObject({ type: z.string().min(1), externalId: z.string().min(1), receivesCreates: z.boolean().optional() }),
  ),
  fields: z.record(name, field),
  fullNames: z.array(z.strictObject({ system: name, field: z.string().min(1), first: name, last: name })).optional(),
  matchKeys: z.array(z.array(name).min(1)),
  strategy,
  firstSync: strategy,
  onDelete: z.enum(['archive', 'unlink'], { error: 'use archive or unlink' }),
  poll: z.strictObject({ everyMinutes: z.int().min(1).max(1_440), overlapMinutes: z.int().min(1).max(1_440) }),
});
const configSchema = z.strictObject({
  tenant: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter'),
  systems: z.record(
    name,
    z.strictObject({
      connector: z.enum(['salesforce', 'hubspot'], { error: 'use salesforce or hubspot' }),
      stampResolutionMs: z.int().min(1).optional(),
      readLagMs: z.int().min(0).optional(),
    }),
  ),
  syncs: z.array(sync).min(1, 'declare at least one sync'),
});

/** @throws ConfigError naming every fault at once. */
export function validateConfig(config: ConcordConfig): void {
  const parsed = configSchema.safeParse(config);
  const faults = parsed.success
    ? config.syncs.flatMap((one) => faultsOf(one, config))
    : parsed.error.issues.map((issue) => `${pathOf(issue.path, config)}: ${issue.message}${shown(config, issue.path)}`);
  if (faults.length > 0)
    throw new ConfigError(`concord.config.ts cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
}

/** What a schema cannot say: names that must refer to one another. */
function faultsOf(sync: SyncConfig, config: ConcordConfig): string[] {
  const faults: string[] = [];
  const at = `syncs.${sync.name}`;
  const systems = Object.keys(config.systems);
  const taking = Object.keys(sync.objects);
  if (taking.length < 2) faults.push(`${at}.objects: names ${taking.length} system; a sync needs two at least`);
  for (const system of taking.filter((one) => !systems.includes(one)))
    faults.push(`${at}.objects.${system}: there is no such system; there is ${systems.join(', ')}`);
  const targets = new Map<string, string>();
  for (const [field, { in: sides, kind, defaultCountry, strategy: chosen }] of Object.entries(sync.fields)) {
    for (const [system, where] of Object.entries(sides)) {
      const path = `${at}.fields.${field}.in.${system}`;
      if (!taking.includes(system)) faults.push(`${path}: ${system} takes no part in this sync; it has ${taking.join(', ')}`);
      const native = typeof where === 'string' ? where : where.field;
      const other = targets.get(`${system} ${native}`);
      if (other !== undefined)
        faults.push(`${path}: "${native}" is mapped to ${other} already; a native field belongs to one canonical field`);
      targets.set(`${system} ${native}`, field);
    }
    if (kind === 'phone' && defaultCountry === undefined)
      faults.push(
        `${at}.fields.${field}.defaultCountry: a phone needs the country of numbers without a country code, such as 'AU'`,
      );
    faults.push(...strategyFaults(chosen, `${at}.fields.${field}.strategy`, taking));
  }
  faults.push(
    ...strategyFaults(sync.strategy, `${at}.strategy`, taking),
    ...strategyFaults(sync.firstSync, `${at}.firstSync`, taking),
  );
  for (const [index, key] of sync.matchKeys.entries()) {
    for (const field of key.filter((one) => sync.fields[one] === undefined))
      faults.push(
        `${at}.matchKeys.${index}: "${field}" is not a field of this sync; it has ${Object.keys(sync.fields).join(', ')}`,
      );
  }
  for (const [index, full] of (sync.fullNames ?? []).entries()) {
    for (const part of [full.first, full.last].filter((one) => sync.fields[one] === undefined))
      faults.push(`${at}.fullNames.${index}: "${part}" is not a field of this sync`);
    if (!taking.includes(full.system)) faults.push(`${at}.fullNames.${index}.system: ${full.system} takes no part in this sync`);
  }
  if (sync.poll.overlapMinutes < sync.poll.everyMinutes) {
    faults.push(
      `${at}.poll.overlapMinutes: ${sync.poll.overlapMinutes} is less than everyMinutes (${sync.poll.everyMinutes}); rows that become visible late would be missed`,
    );
  }
  return faults;
}

function strategyFaults(spec: SyncConfig['strategy'] | undefined, path: string, systems: readonly string[]): string[] {
  if (spec?.kind !== 'prefer-system' || systems.includes(spec.system)) return [];
  return [`${path}.system: "${spec.system}" takes no part in this sync; it has ${systems.join(', ')}`];
}

/** Syncs are named, not numbered, in a path. */
function pathOf(path: readonly PropertyKey[], config: ConcordConfig): string {
  return path
    .map((step, index) =>
      index === 1 && path[0] === 'syncs' && typeof step === 'number' ? (config.syncs[step]?.name ?? step) : step,
    )
    .join('.');
}

function shown(config: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = config;
  for (const step of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
  return value === undefined ? ' (it is missing)' : ` (found ${JSON.stringify(value)?.slice(0, 80)})`;
}
