import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { type DescribedField, type SchemaDrift, schemaDrift } from '../shared/config/schema-drift.ts';
import type { SchemaState, SchemaStore } from '../shared/store/schema-store.ts';

export interface SchemaPorts {
  readonly connector: { describe(object: string): Promise<readonly DescribedField[]> };
  readonly schemas: Pick<SchemaStore, 'known' | 'putKnown' | 'state' | 'putState'>;
  readonly now: () => number;
}

export interface SchemaLook {
  readonly drift: SchemaDrift;
  readonly state: SchemaState;
  /** Every field that the system has now. */
  readonly natives: ReadonlySet<string>;
}

/**
 * Looks at a system's schema, and lets the fields rest that changed under their mapping (F57). One call of the system.
 *
 * @throws Error of the connector, also where the object type itself is gone: then nothing is known, and nothing changes.
 */
export async function lookAtSchema(sync: CompiledSync, system: string, ports: SchemaPorts): Promise<SchemaLook> {
  const { connector, schemas, now } = ports;
  const side = sync.sides[system];
  if (side === undefined) throw new Error(`sync ${sync.name} has no side in ${system}: see concord.config.ts`);
  const [before, known] = await Promise.all([schemas.state(sync.name, system), schemas.known(sync.name, system)]);
  const lookedAtMs = now();
  const described = await connector.describe(side.object);
  const drift = schemaDrift(sync, system, described, known);
  const state = stateAfter(drift, before, lookedAtMs);
  if (drift.stops.length === 0) {
    if (JSON.stringify(known) !== JSON.stringify(drift.snapshot)) await schemas.putKnown(sync.name, system, drift.snapshot);
    await schemas.putState(sync.name, system, state);
  }
  return { drift, state, natives: new Set(described.map(({ name }) => name)) };
}

/** What changed may have changed right after the last look: from then on it is not believed. */
function stateAfter({ pauses, creates }: SchemaDrift, before: SchemaState | undefined, lookedAtMs: number): SchemaState {
  const fields = Object.fromEntries(
    Object.entries(pauses).map(([native, pause]) => [
      native,
      { ...pause, sinceMs: before?.fields[native]?.sinceMs ?? before?.checkedAtMs ?? lookedAtMs },
    ]),
  );
  const awake = Object.entries(before?.fields ?? {})
    .filter(([native, { reading }]) => reading && pauses[native]?.reading !== true)
    .map(([, { sinceMs }]) => sinceMs);
  const again = [...awake, ...(before?.listAgainFromMs === undefined ? [] : [before.listAgainFromMs])];
  return {
    fields,
    ...(creates !== undefined && { creates }),
    checkedAtMs: lookedAtMs,
    ...(again.length > 0 && { listAgainFromMs: Math.min(...again) }),
  };
}
