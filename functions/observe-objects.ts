import type { CompiledSide, CompiledSync } from '../shared/config/compiled-sync.ts';
import type { ObjectState } from '../shared/connectors/connector.ts';
import { type RecordStore, refKey } from '../shared/store/record-store.ts';
import type { ChangeHint } from '../shared/sync/change-hint.ts';
import type { FieldValue } from '../shared/sync/field-value.ts';
import { fieldTimesOf, testimonyOf } from '../shared/sync/hints.ts';
import type { Observation, PresentObservation } from '../shared/sync/observation.ts';

export interface ObservePorts {
  readonly system: string;
  readonly sync: CompiledSync;
  readonly records: Pick<RecordStore, 'resolveMany'>;
  /** Fields that rest because the system's schema changed under them. */
  readonly pausedFields?: ReadonlySet<string>;
}

/** One object as it was just read, and what hints said of it. */
export interface Reading {
  readonly state: ObjectState;
  readonly hints: readonly ChangeHint[];
  readonly correlationId: string;
}

type PresentState = Extract<ObjectState, { state: 'present' }>;

/**
 * What readings mean in canonical form, before anything is decided: mapped, and judged by the sync's filter. All that needs a
 * look at the store is looked up for the whole batch at once.
 *
 * @returns by object id, as far as `readings` has them.
 */
export async function observeObjects(
  readings: readonly Reading[],
  readBeganAtMs: number,
  ports: ObservePorts,
): Promise<Map<string, Observation>> {
  const survivors = await survivorsOf(readings, ports);
  return new Map(readings.map((reading) => [reading.state.objectId, observe(reading, readBeganAtMs, survivors, ports)] as const));
}

function observe(
  { state, hints, correlationId }: Reading,
  readBeganAtMs: number,
  survivors: ReadonlyMap<string, string>,
  ports: ObservePorts,
): Observation {
  const base = { system: ports.system, objectId: state.objectId, readBeganAtMs, correlationId };
  switch (state.state) {
    case 'deleted':
      return { ...base, state: 'deleted', deletedAtMs: state.deletedAtMs };
    case 'missing':
      return { ...base, state: 'missing' };
    case 'merged': {
      const intoRecordId = survivors.get(state.intoObjectId);
      return {
        ...base,
        state: 'merged',
        intoObjectId: state.intoObjectId,
        ...(intoRecordId !== undefined && { intoRecordId }),
      };
    }
    case 'present':
      if (!sideOf(ports).takesPart(state.values)) return { ...base, state: 'outside' };
      return present(base, state, hints, ports);
  }
}

function present(
  base: Pick<PresentObservation, 'system' | 'objectId' | 'readBeganAtMs' | 'correlationId'>,
  state: PresentState,
  hints: readonly ChangeHint[],
  ports: ObservePorts,
): PresentObservation {
  const side = sideOf(ports);
  const fields = withoutPaused(side.toCanonical(state.values), ports);
  const testimony = testimonyOf(hints, side.toCanonical);
  const recordId = state.values[side.externalIdField];
  return {
    ...base,
    state: 'present',
    fields,
    ...(typeof recordId === 'string' && recordId !== '' && { recordId }),
    stampMs: state.stampMs,
    modifiedBy: state.modifiedBy,
    fieldTimesMs: fieldTimesOf(testimony, fields, ports.sync.rules),
    witnesses: testimony.witnesses,
  };
}

/** A field that rests is not observed: absent never clears. */
function withoutPaused(fields: Record<string, FieldValue>, { pausedFields }: ObservePorts): Record<string, FieldValue> {
  if (pausedFields === undefined || pausedFields.size === 0) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !pausedFields.has(field)));
}

/** The records of the objects into which others were merged. */
async function survivorsOf(readings: readonly Reading[], ports: ObservePorts): Promise<Map<string, string>> {
  const refs = readings.flatMap(({ state }) =>
    state.state === 'merged' ? [{ system: ports.system, object: sideOf(ports).object, objectId: state.intoObjectId }] : [],
  );
  if (refs.length === 0) return new Map();
  const owners = await ports.records.resolveMany(refs);
  return new Map(
    refs.flatMap((ref): [string, string][] => {
      const owner = owners.get(refKey(ref));
      return owner === undefined ? [] : [[ref.objectId, owner]];
    }),
  );
}

function sideOf({ sync, system }: ObservePorts): CompiledSide {
  const side = sync.sides[system];
  if (side === undefined) throw new Error(`sync ${sync.name} has no side in ${system}: see concord.config.ts`);
  return side;
}
