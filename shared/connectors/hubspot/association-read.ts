import { isObject, listAt, requiredList, textAt, textsIn } from '../answer-shape.ts';
import type { ApiClient } from '../api-client.ts';
import { batchesOf } from '../batched-write.ts';
import type { ObjectState } from '../connector.ts';
import type { Association } from './association.ts';
import type { HubSpotPaths } from './paths.ts';

/** HubSpot: developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide, "Limits" */
const READ_MAX = 1_000;
/** Objects with more ties than one answer shows are asked again so often. */
const PAGES_MAX = 5;

export interface AssociationTarget {
  readonly api: ApiClient;
  readonly system: string;
  readonly object: string;
  readonly paths: HubSpotPaths;
}

/**
 * Adds to states what their objects are tied to: one call per 1,000 objects and kind of tie, none where no tie is asked for.
 * A tie that the answer says nothing of stays absent: absent is not empty.
 */
export async function withAssociations(
  target: AssociationTarget,
  states: readonly ObjectState[],
  associations: readonly Association[],
): Promise<ObjectState[]> {
  const ids = [...new Set(states.filter(({ state }) => state === 'present').map(({ objectId }) => objectId))];
  if (associations.length === 0 || ids.length === 0) return [...states];
  const tied = await Promise.all(
    associations.map(async (association) => [association.native, await readTied(target, association, ids)] as const),
  );
  return states.map((state) => {
    if (state.state !== 'present') return state;
    const values = { ...state.values };
    for (const [native, toIdOf] of tied) {
      const toId = toIdOf.get(state.objectId);
      if (toId !== undefined) values[native] = toId;
    }
    return { ...state, values };
  });
}

/** @returns by object id the id it is tied to, or null; objects of which the answer says nothing are absent. */
export async function readTied(
  target: AssociationTarget,
  association: Association,
  objectIds: readonly string[],
): Promise<Map<string, string | null>> {
  const tied = new Map<string, string | null>();
  const path = target.paths.associations(target.object, association.to, 'read');
  for (const ids of batchesOf(objectIds, READ_MAX)) {
    let asked: { readonly id: string; readonly after?: string }[] = ids.map((id) => ({ id }));
    for (let page = 0; page < PAGES_MAX && asked.length > 0; page += 1) {
      const { json } = await target.api.call({ method: 'POST', path, body: { inputs: asked }, effect: 'read' });
      asked = takeIn(tied, requiredList(target.system, isObject(json) ? json.results : undefined), association);
      for (const error of listAt(json, 'errors')) for (const id of withoutTies(error)) if (!tied.has(id)) tied.set(id, null);
    }
  }
  return tied;
}

/** Returns what is to be asked further: objects with more ties than the page shows, the wanted one not among them. */
function takeIn(
  tied: Map<string, string | null>,
  results: readonly unknown[],
  association: Association,
): { id: string; after: string }[] {
  return results.flatMap((result) => {
    const id = textAt(isObject(result) ? result.from : undefined, 'id');
    if (id === undefined) return [];
    const found = listAt(result, 'to').find((to) => listAt(to, 'associationTypes').some((type) => isOfType(type, association)));
    const toId = isObject(found) ? found.toObjectId : undefined;
    if (typeof toId === 'string' || typeof toId === 'number') {
      tied.set(id, String(toId));
      return [];
    }
    const paging = isObject(result) ? result.paging : undefined;
    const after = textAt(isObject(paging) ? paging.next : undefined, 'after');
    if (after !== undefined) return [{ id, after }];
    tied.set(id, null);
    return [];
  });
}

function isOfType(type: unknown, { typeId }: Association): boolean {
  return isObject(type) && type.typeId === typeId && type.category === 'HUBSPOT_DEFINED';
}

/** "None" is said by a benign error. Seen in captures, not documented. */
function withoutTies(error: unknown): string[] {
  const subCategory = textAt(error, 'subCategory') ?? '';
  if (!subCategory.endsWith('NO_ASSOCIATIONS_FOUND')) return [];
  return textsIn(listAt(isObject(error) ? error.context : undefined, 'fromObjectId'));
}
