import { RequestRefusedError } from '../../errors.ts';
import { isObject, requiredList, textAt } from '../answer-shape.ts';
import type { ApiClient } from '../api-client.ts';
import { batchesOf } from '../batched-write.ts';
import type { ObjectState } from '../connector.ts';
import { type HubSpotRow, lastModifiedProperty, mergedIds, presentState, readRow, valuesOf } from './row.ts';

export const READ_SIZE_MAX = 100;
const OBJECT_ID = /^\d{1,20}$/;
/** Ids whose fate only a call of their own tells (merged or archived) are asked for this many at a time. */
const SINGLE_READS_AT_ONCE = 5;

export interface ReadTarget {
  readonly api: ApiClient;
  readonly system: string;
  readonly object: string;
  readonly path: string; // of the object type
}

/**
 * The state of each id: live ones by batch/read; the rest archived, merged into another, or missing.
 *
 * @param objectIds - distinct.
 */
export async function readStates(
  target: ReadTarget,
  objectIds: readonly string[],
  fields: readonly string[],
): Promise<Map<string, ObjectState>> {
  const states = new Map<string, ObjectState>();
  const askable = objectIds.filter((id) => {
    if (OBJECT_ID.test(id)) return true;
    states.set(id, { state: 'missing', objectId: id });
    return false;
  });
  for (const ids of batchesOf(askable, READ_SIZE_MAX)) {
    const rows = await batchRead(target, ids, { properties: propertiesToAsk(target.object, fields) });
    const live = new Map(rows.filter((row) => row.archivedAtMs === undefined).map((row) => [row.objectId, row]));
    const survivorOf = survivors([...live.values()]);
    const unanswered: string[] = [];
    for (const id of ids) {
      const row = live.get(id);
      const survivor = survivorOf.get(id);
      if (row !== undefined) states.set(id, presentState(row, fields));
      else if (survivor !== undefined) states.set(id, { state: 'merged', objectId: id, intoObjectId: survivor });
      else unanswered.push(id);
    }
    for (const [id, state] of await statesOfUnanswered(target, unanswered, fields)) states.set(id, state);
  }
  return states;
}

/**
 * Ids that batch/read did not show. A merged-away id answers a read of its own with the survivor; that is
 * asked even where the id is listed as archived, because a merge taken for a deletion would delete its twin.
 */
async function statesOfUnanswered(
  target: ReadTarget,
  ids: readonly string[],
  fields: readonly string[],
): Promise<Map<string, ObjectState>> {
  const states = new Map<string, ObjectState>();
  if (ids.length === 0) return states;
  const rows = await batchRead(target, ids, { properties: propertiesToAsk(target.object, fields), archived: true });
  const archived = new Map(rows.map((row) => [row.objectId, row]));
  const archivedSurvivorOf = survivors(rows);
  for (const group of batchesOf(ids, SINGLE_READS_AT_ONCE)) {
    const found = await Promise.all(group.map((id) => readSingle(target, id, fields)));
    group.forEach((id, i) => {
      const row = found[i];
      const tombstone = archived.get(id);
      const survivor = row !== undefined && row.objectId !== id ? row.objectId : archivedSurvivorOf.get(id);
      if (survivor !== undefined) states.set(id, { state: 'merged', objectId: id, intoObjectId: survivor });
      else if (row !== undefined) states.set(id, presentState(row, fields));
      else if (tombstone?.archivedAtMs !== undefined) {
        const values = valuesOf(tombstone.properties, fields, 'leave-out');
        states.set(id, { state: 'deleted', objectId: id, deletedAtMs: tombstone.archivedAtMs, values });
      } else states.set(id, { state: 'missing', objectId: id });
    });
  }
  return states;
}

/** By id that was merged away, the id of the row it became part of. */
function survivors(rows: readonly HubSpotRow[]): Map<string, string> {
  return new Map(rows.flatMap((row) => mergedIds(row).map((id): [string, string] => [id, row.objectId])));
}

/** One batch/read; ids it cannot find are simply absent (they come as errors in a 207 answer). */
export async function batchRead(
  target: ReadTarget,
  ids: readonly string[],
  query: { properties: readonly string[]; idProperty?: string; archived?: boolean },
): Promise<HubSpotRow[]> {
  const { json } = await target.api.call({
    method: 'POST',
    path: `${target.path}/batch/read${query.archived === true ? '?archived=true' : ''}`,
    body: {
      inputs: ids.map((id) => ({ id })),
      properties: query.properties,
      idProperty: query.idProperty,
      propertiesWithHistory: [],
    },
    effect: 'read',
  });
  return readRows(target, json);
}

/** Rows of an answer's `results`. @throws RequestRefusedError for a row without id or stamp: it must not be passed over. */
export function readRows(target: ReadTarget, json: unknown): HubSpotRow[] {
  const stampProperty = lastModifiedProperty(target.object);
  return requiredList(target.system, isObject(json) ? json.results : undefined).map((raw) => {
    const row = readRow(raw, stampProperty);
    if (row === undefined) throw new RequestRefusedError(target.system, 'BAD_ROW', 'a row lacks id, properties or updatedAt');
    return row;
  });
}

async function readSingle(target: ReadTarget, id: string, fields: readonly string[]): Promise<HubSpotRow | undefined> {
  // Long property lists would make a URL that is refused (414): the values of a survivor are read by its own id.
  const properties = propertiesToAsk(target.object, fields.length <= 50 ? fields : []).join(',');
  const answer = await target.api.call({
    method: 'GET',
    path: `${target.path}/${id}?properties=${encodeURIComponent(properties)}`,
    effect: 'read',
    judged: [404],
  });
  if (answer.status === 404 || textAt(answer.json, 'id') === undefined) return undefined;
  const row = readRow(answer.json, lastModifiedProperty(target.object));
  return row?.archivedAtMs === undefined ? row : undefined;
}

/** The mapped properties, and those that tell a row's stamp and what was merged into it. */
export function propertiesToAsk(object: string, fields: readonly string[]): string[] {
  const stampProperty = lastModifiedProperty(object);
  const own = [stampProperty, 'hs_object_id', 'hs_merged_object_ids'];
  if (stampProperty === 'lastmodifieddate') own.push('hs_calculated_merged_vids');
  return [...new Set([...own, ...fields])];
}
