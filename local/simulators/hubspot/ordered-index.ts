const BUCKET_MAX = 512;

interface Entry<T> {
  readonly key: number;
  readonly tie: number;
  readonly item: T;
}

/**
 * Items in ascending order of a number, ties by a second one. Inserting, removing and finding a
 * position look at one bucket of some hundred entries and at the list of buckets, so that
 * paging through 100,000 records never sorts or scans them.
 */
export class OrderedIndex<T> {
  private buckets: Entry<T>[][] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Adds an item; the pair of key and tie must not be there yet. */
  add(key: number, tie: number, item: T): void {
    const at = this.bucketOf(key, tie);
    const bucket = this.buckets[at];
    this.count += 1;
    if (bucket === undefined) {
      this.buckets.push([{ key, tie, item }]);
      return;
    }
    bucket.splice(placeIn(bucket, key, tie), 0, { key, tie, item });
    if (bucket.length > BUCKET_MAX) this.buckets.splice(at + 1, 0, bucket.splice(BUCKET_MAX / 2));
  }

  remove(key: number, tie: number): void {
    const at = this.bucketOf(key, tie);
    const bucket = this.buckets[at];
    if (bucket === undefined) return;
    const place = placeIn(bucket, key, tie);
    const entry = bucket[place];
    if (entry === undefined || entry.key !== key || entry.tie !== tie) return;
    bucket.splice(place, 1);
    this.count -= 1;
    if (bucket.length === 0) this.buckets.splice(at, 1);
  }

  /** How many items come before the pair, i.e. its position. */
  position(key: number, tie: number): number {
    const at = this.bucketOf(key, tie);
    let before = 0;
    for (let index = 0; index < at; index += 1) before += this.buckets[index]?.length ?? 0;
    const bucket = this.buckets[at];
    return bucket === undefined ? before : before + placeIn(bucket, key, tie);
  }

  /** Items at positions `from` (inclusive) to `to` (exclusive), ascending. */
  *between(from: number, to: number): Generator<T> {
    let before = 0;
    for (const bucket of this.buckets) {
      if (before >= to) return;
      const end = Math.min(bucket.length, to - before);
      for (let place = Math.max(0, from - before); place < end; place += 1) {
        const entry = bucket[place];
        if (entry !== undefined) yield entry.item;
      }
      before += bucket.length;
    }
  }

  /** The same items, descending. */
  *betweenBackwards(from: number, to: number): Generator<T> {
    let after = this.count;
    for (let index = this.buckets.length - 1; index >= 0; index -= 1) {
      const bucket = this.buckets[index] ?? [];
      const before = after - bucket.length;
      if (after <= from) return;
      for (let place = Math.min(bucket.length, to - before) - 1; place >= Math.max(0, from - before); place -= 1) {
        const entry = bucket[place];
        if (entry !== undefined) yield entry.item;
      }
      after = before;
    }
  }

  /** The last bucket that begins at or before the pair. */
  private bucketOf(key: number, tie: number): number {
    let low = 0;
    let high = this.buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.buckets[middle]?.[0];
      if (first !== undefined && compare(first, key, tie) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function placeIn(bucket: readonly Entry<unknown>[], key: number, tie: number): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = bucket[middle];
    if (entry !== undefined && compare(entry, key, tie) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(entry: Entry<unknown>, key: number, tie: number): number {
  return entry.key - key || entry.tie - tie;
}
