/** `system:objectId` */
export type ObjectKey = `${string}:${string}`;

export interface KeyedObject {
  readonly keyValue: string;
  readonly system: string;
  readonly objectId: string;
}

/** An object with its twins in other systems, if any. */
export interface Matched<Item extends KeyedObject = KeyedObject> {
  readonly object: Item;
  readonly twins: readonly Item[];
}

/** L2, L3: objects with one key value. One per system is a match; two of one system are never guessed between. */
export interface MatchGroup<Item extends KeyedObject> {
  readonly verdict: 'match' | 'review' | 'alone';
  readonly objects: readonly Item[];
}

/**
 * Groups a listing that is ordered by key value and judges each group. Pure but for the source it reads.
 *
 * @param decided - objects that an earlier, stronger key has settled: they take no part. Read as the groups are drawn.
 */
export async function* matchGroups<Item extends KeyedObject>(
  listing: AsyncIterable<Item>,
  decided: ReadonlySet<ObjectKey>,
): AsyncGenerator<MatchGroup<Item>> {
  let group: Item[] = [];
  for await (const object of listing) {
    if (decided.has(`${object.system}:${object.objectId}`)) continue;
    if (group.length > 0 && group[0]?.keyValue !== object.keyValue) {
      yield judged(group);
      group = [];
    }
    group.push(object);
  }
  if (group.length > 0) yield judged(group);
}

function judged<Item extends KeyedObject>(objects: readonly Item[]): MatchGroup<Item> {
  const systems = new Set(objects.map((object) => object.system));
  if (systems.size < objects.length) return { verdict: 'review', objects };
  return { verdict: objects.length > 1 ? 'match' : 'alone', objects };
}
