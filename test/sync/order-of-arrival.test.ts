import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Canon, canons } from '../../shared/sync/canon.ts';
import { decide } from '../../shared/sync/decide.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';
import type { Link, SyncRecord } from '../../shared/sync/record.ts';
import type { PolicySpec, StrategySpec, SyncRules } from '../../shared/sync/rules.ts';
import { T0 } from './world.ts';

const RUNS = Number(process.env.RUNS ?? 500);
const SYSTEMS = ['salesforce', 'hubspot', 'warehouse', 'shop'];

interface Edit {
  readonly by: string;
  readonly value: FieldValue;
  readonly atMs: number;
}

interface Case {
  readonly strategy: StrategySpec;
  readonly policies?: readonly PolicySpec[];
  readonly values: fc.Arbitrary<FieldValue>;
  readonly base: fc.Arbitrary<FieldValue>;
  readonly canon: Canon;
}

const text = fc.constantFrom('a', 'b', 'c');
const number = fc.integer({ min: 1, max: 9 });
const texts = { values: text, base: fc.constant('base'), canon: canons.text };
const numbers = { values: number, base: number, canon: canons.number };
const hubspot = { system: 'hubspot', reason: 'it knows best' } as const;

const cases: Readonly<Record<string, Case>> = {
  'the last edit wins': { ...texts, strategy: { kind: 'last-write-wins' } },
  'the first edit wins': { ...texts, strategy: { kind: 'first-write-wins' } },
  'one system is preferred': { ...texts, strategy: { kind: 'prefer-system', ...hubspot } },
  'only what is empty is filled': { ...texts, base: fc.constant(null), strategy: { kind: 'fill-only' } },
  'edits add up': { ...numbers, base: fc.constant(100), strategy: { kind: 'additive' } },
  'the field only grows': { ...numbers, strategy: { kind: 'maximum' }, policies: [{ kind: 'maximum' }] },
  'the field only shrinks': { ...numbers, strategy: { kind: 'minimum' }, policies: [{ kind: 'minimum' }] },
  'sets are united': {
    values: fc.constantFrom('a', 'b', 'a;b', 'b;c', null, 'c'),
    base: fc.constant('a;b'),
    canon: canons.picklist,
    strategy: { kind: 'set-union' },
  },
  'a person decides': { ...texts, strategy: { kind: 'manual' } },
  'one system has its own value': {
    ...texts,
    strategy: { kind: 'last-write-wins' },
    policies: [{ kind: 'own-value', ...hubspot }],
  },
  'one system is the source of truth': {
    ...texts,
    strategy: { kind: 'prefer-system', ...hubspot },
    policies: [{ kind: 'source-of-truth', ...hubspot }],
  },
  'large changes need approval': {
    ...numbers,
    base: fc.constant(5),
    strategy: { kind: 'last-write-wins' },
    policies: [{ kind: 'change-needs-approval', abovePercent: 50 }],
  },
};

function rulesOf({ strategy, policies = [], canon }: Case): SyncRules {
  const system = (rank: number) => ({
    rank,
    stampResolutionMs: 1,
    readLagMs: 0,
    fields: { f: 'both' as const },
    receivesCreates: true,
  });
  return {
    sync: 'things',
    fields: { f: { canon, strategy, policies } },
    systems: Object.fromEntries(SYSTEMS.map((name, rank) => [name, system(rank)])),
    firstSync: { kind: 'manual' },
    onDelete: 'archive',
  };
}

/** What becomes of a field on which all systems agreed, when edits made beside each other arrive in this order. */
function outcomeOf(arrivals: readonly Edit[], base: FieldValue, rules: SyncRules): { held: boolean; value?: FieldValue } {
  const link = (objectId: string): Link => ({
    objectId,
    state: 'linked',
    stampMs: T0,
    observedAtMs: T0,
    seen: {},
    receipts: [],
  });
  let record: SyncRecord = {
    recordId: 'r',
    sync: 'things',
    version: 1,
    fields: { f: { value: base, atMs: T0, by: 'salesforce' } },
    links: Object.fromEntries(SYSTEMS.map((name) => [name, link(name)])),
    holds: {},
  };
  for (const { by, value, atMs } of arrivals) {
    const decision = decide(
      record,
      {
        system: by,
        objectId: by,
        state: 'present',
        fields: { f: value },
        stampMs: atMs,
        readBeganAtMs: T0 + 100_000,
        modifiedBy: 'other',
        fieldTimesMs: { f: atMs },
        witnesses: {},
        correlationId: 'test',
      },
      rules,
    );
    if (decision.kind === 'changed') record = decision.record;
  }
  if (record.holds.f !== undefined) return { held: true };
  return { held: false, value: rules.fields.f?.canon(record.fields.f?.value ?? null) ?? null };
}

describe.each([
  ['edits stamped after what they were made on', 10],
  ['edits of clocks so slow that they are stamped before it (F10)', -10],
])('I13: of %s', (_, fromMs) => {
  it.each(Object.entries(cases))('where %s, two to four systems come to the same in any order of arrival', (_name, one) => {
    const rules = rulesOf(one);
    const editOf = (by: string): fc.Arbitrary<Edit> =>
      fc.record({ by: fc.constant(by), value: one.values, atMs: fc.integer({ min: T0 + fromMs, max: T0 + fromMs + 4 }) });
    const twoOrders = fc
      .subarray(SYSTEMS, { minLength: 2 })
      .chain((systems) => fc.tuple(...systems.map(editOf)))
      .chain((edits: Edit[]) => fc.tuple(fc.constant(edits), fc.shuffledSubarray(edits, { minLength: edits.length })));
    fc.assert(
      fc.property(twoOrders, one.base, ([arrived, shuffled], base) => {
        expect(outcomeOf(shuffled, base, rules)).toEqual(outcomeOf(arrived, base, rules));
      }),
      { numRuns: RUNS },
    );
  });
});
