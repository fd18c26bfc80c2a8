import type { SyncRecord } from '../sync/record.ts';
import { dirtyShardOf, escaped, keysOf, partsOf } from './keys.ts';
import { encodeOutbox, type Outbox } from './outbox.ts';
import { decodeRecord, encodeRecord } from './record-encoding.ts';
import { type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

/** Since when a record is dirty, and since when and why it waits for a person. */
export interface RecordMarks {
  readonly dirtySinceMs?: number;
  readonly attention?: { readonly kind: string; readonly sinceMs: number };
}

/** A record as read, with its marks. */
export interface StoredRecord extends SyncRecord {
  readonly marks: RecordMarks;
}

/** The next state of a record, and what else its item says. */
export interface RecordCommit {
  /** Its version is the one that was read, plus 1. */
  readonly record: SyncRecord;
  /** Absent: the readers of the stream have nothing to do (a claim, a confirm). */
  readonly outbox?: Outbox;
  /** Some system still lacks something that the record asks of it. */
  readonly dirty: boolean;
  /** When the sweep is to look at it though no system lacks anything, epoch ms. */
  readonly wakeAtMs?: number;
  /** Why the record waits for a person; absent when it does not. */
  readonly attention?: string;
  /** The marks of the record as read: what still holds keeps its time, and costs no write of an index. */
  readonly marks?: RecordMarks;
}

const SINCE_DIGITS = 15;

/** The attributes of a record's item beside its key; undefined ones must not be there. */
export function attributesOf(context: StoreContext, commit: RecordCommit): Record<string, Item[string] | undefined> {
  const { record, marks = {} } = commit;
  const keys = keysOf(context.tenant);
  const sinceMs =
    marks.attention !== undefined && marks.attention.kind === commit.attention ? marks.attention.sinceMs : context.now();
  // A clean record that falls due later lies ahead in the same index: the sweep comes to it in time.
  const nowMs = context.now();
  const dueMs = commit.dirty ? Math.min(marks.dirtySinceMs ?? nowMs, nowMs) : commit.wakeAtMs;
  return {
    [TABLE.body]: { S: encodeRecord(record) },
    [TABLE.version]: { N: String(record.version) },
    [TABLE.outbox]: commit.outbox && { S: encodeOutbox(record.sync, commit.outbox) },
    [TABLE.dirtyIndex.partitionKey]: dueMs === undefined ? undefined : { S: keys.dirtyShard(dirtyShardOf(record.recordId)) },
    [TABLE.dirtyIndex.sortKey]: dueMs === undefined ? undefined : { N: String(dueMs) },
    [TABLE.attentionIndex.partitionKey]: commit.attention === undefined ? undefined : { S: keys.attention() },
    [TABLE.attentionIndex.sortKey]:
      commit.attention === undefined ? undefined : { S: attentionSortKey(commit.attention, sinceMs) },
  };
}

/** The item of a record that is put as a whole. */
export function itemOf(context: StoreContext, commit: RecordCommit): Item {
  const item: Item = { ...keysOf(context.tenant).record(commit.record.recordId) };
  for (const [name, attribute] of Object.entries(attributesOf(context, commit)))
    if (attribute !== undefined) item[name] = attribute;
  return item;
}

export function recordOf(item: Item): StoredRecord {
  const recordId = recordIdOf(item);
  const version = numberOf(item[TABLE.version]);
  const text = stringOf(item[TABLE.body]);
  if (version === undefined || text === undefined) throw new Error(`the item of record ${recordId} is not a record; restore it`);
  const dirtySinceMs = numberOf(item[TABLE.dirtyIndex.sortKey]);
  const attention = stringOf(item[TABLE.attentionIndex.sortKey]);
  return {
    ...decodeRecord(recordId, version, text),
    marks: {
      ...(dirtySinceMs !== undefined && { dirtySinceMs }),
      ...(attention !== undefined && { attention: attentionOfSortKey(attention) }),
    },
  };
}

/** The id in the key of a record's (or its ledger's) item. */
export function recordIdOf(item: Item): string {
  const [, , recordId] = partsOf(stringOf(item[TABLE.partitionKey]) ?? '');
  if (recordId === undefined) throw new Error('an item without the key of a record was read as one');
  return recordId;
}

function attentionSortKey(kind: string, sinceMs: number): string {
  return `${attentionPrefix(kind)}${String(sinceMs).padStart(SINCE_DIGITS, '0')}`;
}

/** What the sort keys of one kind of attention begin with; the oldest comes first. */
export function attentionPrefix(kind: string): string {
  return `${escaped(kind)}#`;
}

export function attentionOfSortKey(sortKey: string): { kind: string; sinceMs: number } {
  const [kind = '', since] = partsOf(sortKey);
  return { kind, sinceMs: Number(since) };
}
