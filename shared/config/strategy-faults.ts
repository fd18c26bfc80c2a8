import * as z from 'zod';
import { didYouMean } from './nearest-name.ts';

// What a schema cannot say of strategies and policies: that they fit their field and one another.

const text = z.string().optional().catch(undefined);
const plainShape = { kind: text, system: text };
export const looseStrategy = z
  .object({
    ...plainShape,
    rules: z.array(z.object({ kind: text, bound: z.number().optional().catch(undefined) }).catch({})).catch([]),
    otherwise: z.object(plainShape).optional().catch(undefined),
  })
  .catch({ rules: [] });
export const loosePolicies = z
  .array(z.object({ ...plainShape, bound: z.number().optional().catch(undefined) }).catch({}))
  .catch([]);

type LooseStrategy = z.infer<typeof looseStrategy>;
type LoosePolicy = z.infer<typeof loosePolicies>[number];

interface LooseField {
  readonly kind: string;
  readonly strategy?: LooseStrategy;
  readonly policies: readonly LoosePolicy[];
}

interface LooseSync {
  readonly objects: Readonly<Record<string, unknown>>;
  readonly fields: Readonly<Record<string, LooseField>>;
  readonly strategy: LooseStrategy;
  readonly firstSync: LooseStrategy;
}

const AMOUNTS = ['number'];
const ORDERED = ['number', 'date', 'boolean', 'text', 'picklist'];

/** Kinds of field that a strategy or a policy can be carried out on; any where it is not named. */
const FITTING: Readonly<Record<string, readonly string[]>> = {
  additive: AMOUNTS,
  'never-below': AMOUNTS,
  'never-above': AMOUNTS,
  'increase-needs-approval': AMOUNTS,
  'decrease-needs-approval': AMOUNTS,
  'change-needs-approval': AMOUNTS,
  maximum: ORDERED,
  minimum: ORDERED,
  'set-union': ['set'],
  'fill-only': ['text', 'email', 'phone', 'date', 'number', 'picklist', 'set', 'domain', 'reference'], // a checkbox is never empty
};

/** What only makes sense of one field: a sync has fields of many kinds. */
const OF_FIELDS_ONLY = ['additive', 'maximum', 'minimum', 'set-union', 'business-rules'];

/** Policies that a strategy of another kind would work against. */
const WITH_OWN_STRATEGY = ['maximum', 'minimum', 'fill-only'];

/** @param directionsOf - by system, how a field of the sync travels there. */
export function strategyFaults(
  sync: LooseSync,
  at: string,
  directionsOf: (field: string) => ReadonlyMap<string, string>,
): string[] {
  const taking = Object.keys(sync.objects);
  return [
    ...syncStrategyFaults(sync.strategy, `${at}.strategy`, taking),
    ...syncStrategyFaults(sync.firstSync, `${at}.firstSync`, taking),
    ...Object.entries(sync.fields).flatMap(([name, field]) =>
      fieldFaults(field, `${at}.fields.${name}`, taking, directionsOf(name)),
    ),
  ];
}

function syncStrategyFaults({ kind, system }: LooseStrategy, at: string, taking: readonly string[]): string[] {
  if (kind !== undefined && OF_FIELDS_ONLY.includes(kind))
    return [`${at}: "${kind}" does not fit every field; give it to single fields`];
  if (kind !== 'prefer-system' || system === undefined || taking.includes(system)) return [];
  return [noPart(`${at}.system`, system, taking)];
}

function fieldFaults(
  field: LooseField,
  at: string,
  taking: readonly string[],
  directions: ReadonlyMap<string, string>,
): string[] {
  const { strategy } = field;
  const preferred = (given: { kind?: string; system?: string }, path: string) =>
    given.kind === 'prefer-system' ? systemFaults(given.system, `${path}.system`, taking, directions, 'prefer') : [];
  const rules = strategy?.rules.map((rule, index) => ({ rule, path: `${at}.strategy.rules.${index}` })) ?? [];
  const policies = field.policies.map((rule, index) => ({ rule, path: `${at}.policies.${index}` }));
  return [
    ...(strategy === undefined
      ? []
      : [...kindFaults(strategy, `${at}.strategy`, field), ...preferred(strategy, `${at}.strategy`)]),
    ...(strategy?.otherwise === undefined
      ? []
      : [
          ...kindFaults(strategy.otherwise, `${at}.strategy.otherwise`, field),
          ...preferred(strategy.otherwise, `${at}.strategy.otherwise`),
        ]),
    ...policyFaults([...policies, ...rules], field, taking, directions),
    ...contradictions(field, at),
  ];
}

function kindFaults({ kind }: { kind?: string }, path: string, field: LooseField): string[] {
  const fitting = kind === undefined ? undefined : FITTING[kind];
  if (fitting === undefined || fitting.includes(field.kind)) return [];
  return [`${path}: "${kind}" does not fit a field of kind ${field.kind}; it fits ${listed(fitting)}`];
}

function policyFaults(
  policies: readonly { readonly rule: LoosePolicy; readonly path: string }[],
  field: LooseField,
  taking: readonly string[],
  directions: ReadonlyMap<string, string>,
): string[] {
  const seen = new Set<string>();
  return policies.flatMap(({ rule, path }) => {
    const { kind, system } = rule;
    if (kind === undefined) return [];
    const faults = kindFaults(rule, path, field);
    if (kind === 'source-of-truth') faults.push(...systemFaults(system, `${path}.system`, taking, directions, 'say'));
    if (kind === 'own-value') faults.push(...systemFaults(system, `${path}.system`, taking, directions, 'keep'));
    const what = kind === 'own-value' ? `${kind} of ${system}` : kind;
    if (seen.has(what)) faults.push(`${path}: "${what}" is there already; take one of them out`);
    seen.add(what);
    return faults;
  });
}

/** Settings that are right alone, and not together. */
function contradictions({ strategy, policies, kind: fieldKind }: LooseField, at: string): string[] {
  const all: readonly LoosePolicy[] = [...policies, ...(strategy?.rules ?? [])];
  const find = (kind: string) => all.find((policy) => policy.kind === kind);
  const deciding = strategy?.kind === 'business-rules' ? strategy.otherwise?.kind : strategy?.kind;
  const faults: string[] = [];
  const [lowest, highest] = [find('never-below')?.bound, find('never-above')?.bound];
  if (lowest !== undefined && highest !== undefined && lowest > highest)
    faults.push(`${at}.policies: nothing is at least ${lowest} and at most ${highest}; change one of the bounds`);
  const oneWay = WITH_OWN_STRATEGY.filter((kind) => find(kind) !== undefined);
  if (oneWay.length > 1) faults.push(`${at}.policies: ${oneWay.join(' and ')} leave no edit to take; choose one of them`);
  const [only] = oneWay;
  if (
    only !== undefined &&
    deciding !== undefined &&
    deciding !== only &&
    deciding !== 'manual' &&
    FITTING[only]?.includes(fieldKind)
  )
    faults.push(`${at}.strategy: "${deciding}" works against the policy "${only}"; leave the strategy out, or use manual()`);
  const truth = find('source-of-truth');
  if (truth !== undefined && (deciding === 'additive' || deciding === 'set-union'))
    faults.push(`${at}.strategy: "${deciding}" has nothing to add where only ${truth.system} is asked; leave the strategy out`);
  if (truth?.system !== undefined && all.some(({ kind, system }) => kind === 'own-value' && system === truth.system))
    faults.push(
      `${at}.policies: ${truth.system} is the source of truth and keeps its edits to itself, so nobody edits the field; choose one`,
    );
  return faults;
}

function systemFaults(
  system: string | undefined,
  path: string,
  taking: readonly string[],
  directions: ReadonlyMap<string, string>,
  verb: 'prefer' | 'say' | 'keep',
): string[] {
  if (system === undefined) return [];
  if (!taking.includes(system)) return [noPart(path, system, taking)];
  const instead = verb === 'prefer' ? 'prefer another system' : 'name another system';
  const direction = directions.get(system);
  if (direction === undefined) return [`${path}: "${system}" has no such field; map the field there, or ${instead}`];
  if (direction === 'out') return [`${path}: "${system}" only receives this field, so it has nothing to ${verb}; ${instead}`];
  return [];
}

function noPart(path: string, system: string, taking: readonly string[]): string {
  const known = taking.length === 0 ? 'there is none' : `there is ${taking.join(', ')}`;
  return `${path}: "${system}" takes no part in this sync${didYouMean(system, taking, known)}`;
}

function listed(kinds: readonly string[]): string {
  const known = kinds.filter((kind) => kind !== 'reference');
  return known.join(', ');
}
