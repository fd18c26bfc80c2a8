import type { FieldSpec, ObjectSchema } from './object-schema.ts';
import { fieldValue, type Row } from './rows.ts';

/**
 * The rows of one object type, with what a query needs to find them without looking at all:
 * by id, by the values of indexed fields, and in the order (SystemModstamp, Id).
 */
export interface RowIndex {
  readonly schema: ObjectSchema;
  readonly size: number;
  get(id: string): Row | undefined;
  /** Adds the row or the new version of it. */
  put(row: Row): void;
  /** As if it had never been: a purged row, or a create that is rolled back. */
  discard(id: string): void;
  clear(): void;
  /** From `fromId` on, in the order of ids. Deleted rows too, here and below. */
  byId(fromId?: string): Iterable<Row>;
  /** Rows whose SystemModstamp is not before `fromMs`, in the order (SystemModstamp, Id). */
  byStamp(fromMs: number): Iterable<Row>;
  /** Rows that have this value in an indexed field; undefined where the field has no index. */
  byValue(field: FieldSpec, value: string): readonly Row[] | undefined;
}

/** Stale entries are swept out once they are both this many and half of the list. */
const STALE_ENTRIES_MIN = 1000;

export function rowIndex(schema: ObjectSchema): RowIndex {
  const rows = new Map<string, Row>();
  const stamps = sortedRows((row) => rows.get(row.id) === row, compareStamps);
  const ids = sortedRows((row) => rows.has(row.id), compareIds);
  const values = new Map<FieldSpec, Map<string, string[]>>();
  for (const field of schema.fields) if (isIndexed(field)) values.set(field, new Map());

  const keyOf = (field: FieldSpec, row: Row | undefined) => {
    const value = row ? fieldValue(row, field) : null;
    return value === null ? undefined : indexKey(field, String(value));
  };
  /** Moves the id of a row from its former values to its present ones. */
  const reindex = (before: Row | undefined, after: Row | undefined) => {
    for (const [field, byValue] of values) {
      const from = keyOf(field, before);
      const to = keyOf(field, after);
      if (from === to) continue;
      if (from !== undefined && before) removeId(byValue, from, before.id);
      if (to !== undefined && after) addId(byValue, to, after.id);
    }
  };

  return {
    schema,
    get size() {
      return rows.size;
    },
    get: (id) => rows.get(id),
    put(row) {
      const before = rows.get(row.id);
      rows.set(row.id, row);
      if (!before) ids.add(row);
      stamps.add(row);
      reindex(before, row);
    },
    discard(id) {
      const row = rows.get(id);
      if (!row) return;
      reindex(row, undefined);
      rows.delete(id);
      ids.markStale();
      stamps.markStale();
    },
    clear() {
      rows.clear();
      ids.clear();
      stamps.clear();
      for (const byValue of values.values()) byValue.clear();
    },
    *byId(fromId = '') {
      // An entry of `ids` may hold an older version of its row: only its id counts.
      for (const { id } of ids.from((row) => row.id < fromId)) {
        const row = rows.get(id);
        if (row) yield row;
      }
    },
    byStamp: (fromMs) => stamps.from((row) => row.stampMs < fromMs),
    byValue(field, value) {
      const byValue = values.get(field);
      return byValue && (byValue.get(indexKey(field, value)) ?? []).flatMap((id) => rows.get(id) ?? []);
    },
  };
}

function isIndexed(field: FieldSpec): boolean {
  return (
    !field.system && (field.idLookup === true || field.unique === true || field.externalId === true || field.indexed === true)
  );
}

/** Text compares without case, unless the field says otherwise. */
function indexKey(field: FieldSpec, value: string): string {
  return field.caseSensitive ? value : value.toLowerCase();
}

function addId(byValue: Map<string, string[]>, key: string, id: string): void {
  const ids = byValue.get(key);
  if (ids) ids.push(id);
  else byValue.set(key, [id]);
}

function removeId(byValue: Map<string, string[]>, key: string, id: string): void {
  const others = (byValue.get(key) ?? []).filter((candidate) => candidate !== id);
  if (others.length > 0) byValue.set(key, others);
  else byValue.delete(key);
}

const compareIds = (a: Row, b: Row) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const compareStamps = (a: Row, b: Row) => a.stampMs - b.stampMs || compareIds(a, b);

/**
 * A sorted list in which entries go stale instead of being taken out. New rows nearly always
 * belong at the end, so adding one moves next to nothing.
 */
function sortedRows(isCurrent: (row: Row) => boolean, compare: (a: Row, b: Row) => number) {
  let entries: Row[] = [];
  let stale = 0;

  /** The first entry for which `isBefore` is false. */
  const lowerBound = (isBefore: (row: Row) => boolean) => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = entries[middle];
      if (row && isBefore(row)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const sweep = () => {
    if (stale < STALE_ENTRIES_MIN || stale * 2 < entries.length) return;
    entries = entries.filter(isCurrent);
    stale = 0;
  };

  return {
    add(row: Row) {
      const at = lowerBound((candidate) => compare(candidate, row) < 0);
      const entry = entries[at];
      // The same key is the same row: its version before, of the same second or brought back by a roll-back.
      if (entry && compare(entry, row) === 0) entries[at] = row;
      else entries.splice(at, 0, row);
      stale += 1; // the version before it, or nothing: over-counting only sweeps earlier
      sweep();
    },
    markStale() {
      stale += 1;
      sweep();
    },
    clear() {
      entries = [];
      stale = 0;
    },
    *from(isBefore: (row: Row) => boolean): Iterable<Row> {
      const snapshot = entries; // a sweep replaces the array, it never changes it under a reader
      for (let i = lowerBound(isBefore); i < snapshot.length; i += 1) {
        const row = snapshot[i];
        if (row && isCurrent(row)) yield row;
      }
    },
  };
}
