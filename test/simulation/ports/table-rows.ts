import { TABLE } from '../../../shared/store/table.ts';
import { comparedTexts, type StoredItem } from './stored-value.ts';
import { UnknownToModelError, validation } from './table-refusals.ts';

/** Names of a primary key, and of an index's own. */
export interface KeySchema {
  readonly partitionKey: string;
  readonly sortKey: string;
  readonly sortType: 'S' | 'N';
}

/** As infra/record-table.ts makes them. */
export const PRIMARY_KEY: KeySchema = { partitionKey: TABLE.partitionKey, sortKey: TABLE.sortKey, sortType: 'S' };
export const INDEXES: ReadonlyMap<string, KeySchema> = new Map([
  [TABLE.dirtyIndex.name, { ...TABLE.dirtyIndex, sortType: 'N' }],
  [TABLE.attentionIndex.name, { ...TABLE.attentionIndex, sortType: 'S' }],
]);

export interface RowKey {
  readonly pk: string;
  readonly sk: string;
}

/** What a reader may see that is behind. */
export type LagKind = 'read' | 'index';

/** One item, or the place of one that was. */
export interface Row extends RowKey {
  current: StoredItem | undefined;
  /** What it was before, oldest first; kept only where readers may lag. */
  readonly past: Past[];
}

interface Past {
  readonly was: StoredItem | undefined;
  readonly untilMs: number;
}

interface Partition {
  readonly rows: Map<string, Row>;
  /** By sort key; made anew when a row came or went. */
  sorted: readonly Row[] | undefined;
}

/** Nothing on AWS lags longer without an alarm. */
const LAG_MAX_MS = 5 * 60_000;
const PAST_MAX = 32;

export interface TableRowsOptions {
  readonly now: () => number;
  readonly lag?: ((kind: LagKind) => number) | undefined;
}

/** The items by key and by index, as they are and as a reader sees them who is behind. */
export class TableRows {
  private readonly partitions = new Map<string, Partition>();
  private readonly indexed = new Map([...INDEXES.keys()].map((name) => [name, new Map<string, Set<Row>>()]));
  private readonly options: TableRowsOptions;

  constructor(options: TableRowsOptions) {
    this.options = options;
  }

  current(key: RowKey): StoredItem | undefined {
    return this.partitions.get(key.pk)?.rows.get(key.sk)?.current;
  }

  /** What a read shows: the newest state, or one that a lagging replica still has. */
  seen(key: RowKey, consistent: boolean): StoredItem | undefined {
    const row = this.partitions.get(key.pk)?.rows.get(key.sk);
    return row && this.shownBy(row, consistent ? undefined : 'read');
  }

  /** The items of one partition, by sort key. */
  partition(pk: string, consistent: boolean): StoredItem[] {
    const partition = this.partitions.get(pk);
    if (partition === undefined) return [];
    partition.sorted ??= [...partition.rows.values()].sort((a, b) => comparedTexts(a.sk, b.sk));
    return presentOf(partition.sorted, (row) => this.shownBy(row, consistent ? undefined : 'read'));
  }

  /** The items of one partition of an index, in no order. */
  indexPartition(name: string, pk: string): StoredItem[] {
    const schema = INDEXES.get(name);
    const rows = this.indexed.get(name)?.get(pk);
    if (schema === undefined) throw validation(`The table does not have the specified index: ${name}`);
    if (rows === undefined) return [];
    return presentOf(rows, (row) => {
      const stored = this.shownBy(row, 'index');
      return stored !== undefined && isIn(schema, stored, pk) ? stored : undefined;
    });
  }

  write(key: RowKey, next: StoredItem | undefined): void {
    const row = this.rowAt(key, next !== undefined);
    if (row === undefined) return;
    const before = row.current;
    row.current = next;
    if (this.options.lag !== undefined) {
      const nowMs = this.options.now();
      this.forget(row, nowMs);
      row.past.push({ was: before, untilMs: nowMs });
      if (row.past.length > PAST_MAX) row.past.shift();
    }
    for (const [name, schema] of INDEXES) this.index(name, schema, row, before);
    if (next === undefined && row.past.length === 0) this.remove(row);
  }

  *all(): Generator<StoredItem> {
    for (const { rows } of this.partitions.values())
      for (const { current } of rows.values()) if (current !== undefined) yield current;
  }

  private rowAt({ pk, sk }: RowKey, create: boolean): Row | undefined {
    let partition = this.partitions.get(pk);
    let row = partition?.rows.get(sk);
    if (row !== undefined || !create) return row;
    if (partition === undefined) {
      partition = { rows: new Map(), sorted: undefined };
      this.partitions.set(pk, partition);
    }
    row = { pk, sk, current: undefined, past: [] };
    partition.rows.set(sk, row);
    partition.sorted = undefined;
    return row;
  }

  private remove({ pk, sk }: RowKey): void {
    const partition = this.partitions.get(pk);
    if (partition === undefined) return;
    partition.rows.delete(sk);
    partition.sorted = undefined;
    if (partition.rows.size === 0) this.partitions.delete(pk);
  }

  /** A row stays in the partition that it left as long as a lagging reader may find it there. */
  private index(name: string, schema: KeySchema, row: Row, before: StoredItem | undefined): void {
    const partitions = this.indexed.get(name);
    const [was, is] = [indexKey(schema, before), indexKey(schema, row.current)];
    if (partitions === undefined || was === is) return;
    if (was !== undefined && row.past.length === 0) partitions.get(was)?.delete(row);
    if (is === undefined) return;
    const rows = partitions.get(is) ?? new Set();
    partitions.set(is, rows.add(row));
  }

  private shownBy(row: Row, kind: LagKind | undefined): StoredItem | undefined {
    const { lag, now } = this.options;
    if (kind === undefined || lag === undefined || row.past.length === 0) return row.current;
    const nowMs = now();
    this.forget(row, nowMs);
    if (row.past.length === 0) {
      if (row.current === undefined) this.remove(row);
      return row.current;
    }
    const atMs = nowMs - Math.max(0, lag(kind));
    const past = row.past.find(({ untilMs }) => untilMs > atMs);
    return past === undefined ? row.current : past.was;
  }

  /** Drops what no reader can see any more. */
  private forget(row: Row, nowMs: number): void {
    while (row.past[0] !== undefined && row.past[0].untilMs < nowMs - LAG_MAX_MS) {
      const gone = row.past.shift()?.was;
      for (const [name, schema] of INDEXES) {
        const pk = indexKey(schema, gone);
        if (pk === undefined || isIn(schema, row.current, pk) || row.past.some(({ was }) => isIn(schema, was, pk))) continue;
        this.indexed.get(name)?.get(pk)?.delete(row);
      }
    }
  }
}

/** The partition of an index that an item belongs to: only items that have both of its keys are in it. */
function indexKey(schema: KeySchema, stored: StoredItem | undefined): string | undefined {
  const pk = stored?.item[schema.partitionKey]?.S;
  return pk === undefined || stored?.item[schema.sortKey] === undefined ? undefined : pk;
}

function isIn(schema: KeySchema, stored: StoredItem | undefined, pk: string): boolean {
  return indexKey(schema, stored) === pk;
}

function presentOf(rows: Iterable<Row>, see: (row: Row) => StoredItem | undefined): StoredItem[] {
  const present: StoredItem[] = [];
  for (const row of [...rows]) {
    const stored = see(row);
    if (stored !== undefined) present.push(stored);
  }
  return present;
}

/** docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const PARTITION_KEY_BYTES_MAX = 2_048;
const SORT_KEY_BYTES_MAX = 1_024;

/** The key of an item or a request. @throws a ValidationException when it is none. */
export function rowKeyOf(attributes: StoredItem['item'] | undefined, isKeyOnly: boolean): RowKey {
  if (attributes === undefined) throw new UnknownToModelError('a request without a key');
  const key: string[] = [];
  for (const [name, bytesMax] of [
    [TABLE.partitionKey, PARTITION_KEY_BYTES_MAX],
    [TABLE.sortKey, SORT_KEY_BYTES_MAX],
  ] as const) {
    const value = attributes[name];
    if (value === undefined) {
      throw isKeyOnly
        ? validation('The provided key element does not match the schema')
        : validation(`One or more parameter values were invalid: Missing the key ${name} in the item`);
    }
    if (value.S === undefined) {
      throw isKeyOnly
        ? validation('The provided key element does not match the schema')
        : validation(`One or more parameter values were invalid: Type mismatch for key ${name} expected: S`);
    }
    if (value.S === '') {
      throw validation(
        `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${name}`,
      );
    }
    if (value.S.length * 3 > bytesMax && Buffer.byteLength(value.S) > bytesMax)
      throw validation(
        `One or more parameter values were invalid: Size of ${name} has exceeded the maximum size limit of ${bytesMax} bytes`,
      );
    key.push(value.S);
  }
  const [pk = '', sk = ''] = key;
  if (isKeyOnly)
    for (const name in attributes)
      if (name !== TABLE.partitionKey && name !== TABLE.sortKey)
        throw validation('The provided key element does not match the schema');
  return { pk, sk };
}

/** An index takes only keys of its types, and no empty ones. */
export function refuseWrongIndexKeys(item: StoredItem['item']): void {
  for (const [name, { partitionKey, sortKey, sortType }] of INDEXES) {
    for (const [key, type] of [
      [partitionKey, 'S'],
      [sortKey, sortType],
    ] as const) {
      const value = item[key];
      if (value === undefined) continue;
      if (value[type] === undefined)
        throw validation(
          `One or more parameter values were invalid: Type mismatch for Index Key ${key} Expected: ${type} IndexName: ${name}`,
        );
      if (value.S === '') {
        throw validation(
          `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ${name}, IndexKey: ${key}`,
        );
      }
    }
  }
}
