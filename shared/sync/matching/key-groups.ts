/** `system:objectId` */
export type ObjectKey = `${string}:${string}`;

export interface KeyedObject {
  readonly keyValue: string;
  readonly system: string;
  readonly objectId: string;
}

/** L2, L3: objects with one key value. One per system is a match; two of one system are never guessed between. */
export interface MatchGroup<Item extends KeyedObject> {
  readonly verdict: 'match' | 'review' | 'alone';
  readonly objects: readonly Item[];
  /** An object that is settled has this key value too: it belongs to that one's record. */
  readonly isTaken: boolean;
}

/**
 * Groups a listing that is ordered by key value and judges each group. Pure but for the source it reads.
 *
 * @param decided - objects that an earlier, stronger key has settled: they take no part. Read as the groups are drawn.
 */
export async function* matchGroups<Item extends KeyedObject>(
  listing: AsyncIterable<Item>,
  decided: { has(key: ObjectKey): boolean },
): AsyncGenerator<MatchGroup<Item>> {
  let value: string | undefined;
  let group: Item[] = [];
  let isTaken = false;
  for await (const object of listing) {
    if (object.keyValue !== value) {
      if (group.length > 0) yield judged(group, isTaken);
      value = object.keyValue;
      group = [];
      isTaken = false;
    }
    if (decided.has(`${object.system}:${object.objectId}`)) isTaken = true;
    else group.push(object);
  }
  if (group.length > 0) yield judged(group, isTaken);
}

function judged<Item extends KeyedObject>(objects: readonly Item[], isTaken: boolean): MatchGroup<Item> {
  const systems = new Set(objects.map((object) => object.system));
  if (systems.size < objects.length) return { verdict: 'review', objects, isTaken };
  return { verdict: objects.length > 1 ? 'match' : 'alone', objects, isTaken };
}
