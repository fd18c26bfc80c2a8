import { compared, type StoredItem, valueBytes } from './stored-value.ts';
import { INDEXES, type KeySchema, PRIMARY_KEY } from './table-rows.ts';

/** What one call cost, as ReturnConsumedCapacity INDEXES would tell. */
export interface ConsumedCapacity {
  readonly command: string;
  readonly table: number;
  readonly indexes: number;
}

// docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;

/** Of the larger of the two states; a write that was refused costs as much. */
export function writeUnits(before: StoredItem | undefined, next: StoredItem | undefined): number {
  return writeUnitsOf(Math.max(before?.bytes ?? 0, next?.bytes ?? 0));
}

/** A sparse index costs only what changes in it; an entry that moves is deleted and put. */
export function indexWriteUnits(before: StoredItem | undefined, next: StoredItem | undefined): number {
  let units = 0;
  for (const schema of INDEXES.values()) {
    const [was, is] = [entryBytes(schema, before), entryBytes(schema, next)];
    if (was !== undefined && is !== undefined && isSameEntry(schema, before, next)) continue;
    if (was !== undefined) units += writeUnitsOf(was);
    if (is !== undefined) units += writeUnitsOf(is);
  }
  return units;
}

export function readUnits(bytes: number, consistent: boolean): number {
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (consistent ? 1 : 0.5);
}

/** What an index of keys only holds of an item. */
export function entryBytes(schema: KeySchema, stored: StoredItem | undefined): number | undefined {
  if (stored === undefined) return undefined;
  let bytes = 0;
  for (const name of [PRIMARY_KEY.partitionKey, PRIMARY_KEY.sortKey, schema.partitionKey, schema.sortKey]) {
    const value = stored.item[name];
    if (value === undefined) return undefined;
    bytes += name.length + valueBytes(value);
  }
  return bytes;
}

function writeUnitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

function isSameEntry(schema: KeySchema, a: StoredItem | undefined, b: StoredItem | undefined): boolean {
  return [schema.partitionKey, schema.sortKey].every((name) => compared(a?.item[name], b?.item[name]) === 0);
}
