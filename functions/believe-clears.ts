import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { pausedFields } from '../shared/config/paused-sync.ts';
import { seenOf } from '../shared/sync/link.ts';
import type { Observation, PresentObservation } from '../shared/sync/observation.ts';
import type { SyncRecord } from '../shared/sync/record.ts';
import { lookAtSchema, type SchemaPorts } from './schema-check.ts';

/** An observation beside the record that its object belongs to. */
export interface ClearSighting {
  readonly observation: Observation;
  readonly record?: SyncRecord;
}

/**
 * Tells fields that somebody cleared from fields that are no longer there. A property that was deleted reads as if it
 * were empty (HubSpot leaves it out of the answer: developers.hubspot.com/docs/api-reference/crm-objects), so where a
 * batch shows a field cleared, the schema is looked at once more, after that read: one call per batch with a clear. What is not
 * in the schema has not been read.
 *
 * @returns by object id, each observation without the fields that do not exist.
 */
export async function believeClears(
  sightings: readonly ClearSighting[],
  sync: CompiledSync,
  system: string,
  ports: SchemaPorts,
): Promise<Map<string, Observation>> {
  const asRead = new Map(sightings.map(({ observation }) => [observation.objectId, observation]));
  if (!sightings.some(({ observation, record }) => record !== undefined && clearsSomething(observation, record, system)))
    return asRead;
  const { drift } = await lookAtSchema(sync, system, ports);
  const unread = pausedFields(sync, system, { fields: drift.pauses });
  if (unread.size === 0) return asRead;
  return new Map(
    [...asRead].map(([objectId, observation]) => [
      objectId,
      observation.state === 'present' ? withoutFields(observation, unread) : observation,
    ]),
  );
}

function clearsSomething(observation: Observation, record: SyncRecord, system: string): boolean {
  const link = record.links[system];
  if (observation.state !== 'present' || link?.objectId !== observation.objectId) return false;
  return Object.entries(observation.fields).some(([field, now]) => {
    if (now !== null) return false;
    const seen = seenOf(record, link, field);
    return 'value' in seen && seen.value !== null;
  });
}

function withoutFields(observation: PresentObservation, unread: ReadonlySet<string>): PresentObservation {
  const read = <Value>(entries: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(entries).filter(([field]) => !unread.has(field)));
  return {
    ...observation,
    fields: read(observation.fields),
    fieldTimesMs: read(observation.fieldTimesMs),
    witnesses: read(observation.witnesses),
  };
}
