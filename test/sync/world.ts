import type { FieldValues } from '../../shared/sync/field-value.ts';
import { newRecord } from '../../shared/sync/new-record.ts';
import type { FieldWitness, PresentObservation } from '../../shared/sync/observation.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import type { Direction, StrategySpec, SyncRules } from '../../shared/sync/rules.ts';

/** Two systems, three fields; Salesforce stamps whole seconds and comes first, as in the default config. */
export function rulesWith(changes: {
  strategy?: StrategySpec;
  firstSync?: StrategySpec;
  onDelete?: SyncRules['onDelete'];
  directions?: Record<string, Record<string, Direction>>;
}): SyncRules {
  const canon = (value: FieldValues[string]) => (typeof value === 'string' ? value.trim().toLowerCase() || null : value);
  const strategy = changes.strategy ?? { kind: 'last-write-wins' };
  const names = ['name', 'phone', 'title'];
  const fields = (system: string) =>
    Object.fromEntries(names.map((name): [string, Direction] => [name, changes.directions?.[system]?.[name] ?? 'both']));
  return {
    sync: 'contacts',
    fields: Object.fromEntries(names.map((name) => [name, { canon, strategy }])),
    systems: {
      salesforce: { rank: 0, stampResolutionMs: 1000, readLagMs: 0, fields: fields('salesforce'), receivesCreates: true },
      hubspot: { rank: 1, stampResolutionMs: 1, readLagMs: 0, fields: fields('hubspot'), receivesCreates: true },
    },
    firstSync: changes.firstSync ?? { kind: 'prefer-system', system: 'salesforce', reason: 'sales owns the names' },
    onDelete: changes.onDelete ?? 'archive',
  };
}

export const rules = rulesWith({});

/** The instant at which everybody last agreed. */
export const T0 = 1_800_000_000_000;

export function saw(
  system: 'salesforce' | 'hubspot',
  fields: FieldValues,
  when: {
    readMs: number;
    stampMs?: number;
    times?: Record<string, number>;
    witnesses?: Record<string, FieldWitness>;
    by?: 'us' | 'other' | 'unknown';
  },
): PresentObservation {
  return {
    system,
    objectId: objectIds[system],
    state: 'present',
    fields,
    stampMs: when.stampMs ?? when.readMs,
    readBeganAtMs: when.readMs,
    modifiedBy: when.by ?? 'unknown',
    fieldTimesMs: when.times ?? {},
    witnesses: when.witnesses ?? {},
    correlationId: 'test',
  };
}

export const objectIds = { salesforce: '003Sim000000001IAA', hubspot: '501' } as const;

/** A record on which both systems agree, both looked at long ago. */
export function agreedRecord(values: FieldValues = { name: 'Ada', phone: '1', title: 'Dr' }): SyncRecord {
  const made = newRecord('r1', saw('salesforce', values, { readMs: T0 }), [], rules);
  return {
    ...made,
    links: {
      ...made.links,
      hubspot: { objectId: objectIds.hubspot, state: 'linked', stampMs: T0, observedAtMs: T0, seen: {}, receipts: [] },
    },
  };
}
