import * as z from 'zod';
import type { ObjectType } from './object-types.ts';
import { isoStamp } from './timestamps.ts';

const historyEntrySchema = z.object({
  value: z.string(),
  atMs: z.number(),
  sourceType: z.string(),
  sourceId: z.string(),
  userId: z.number().optional(),
});
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

/** One state of a record. Every write makes a new one, so that the search index may keep showing an older state. */
export const crmRecordSchema = z.object({
  id: z.string(),
  /** Stored properties that are set; the id and the stamps below are properties too, but not stored here. */
  properties: z.record(z.string(), z.string()),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  archivedAtMs: z.number().optional(),
  modifiedBy: z.string(),
  revision: z.number(),
  /** Who set, at `createdAtMs`, whatever has no history of its own. */
  origin: z.object({ sourceType: z.string(), sourceId: z.string(), userId: z.number().optional() }),
  /** Values of properties that changed after the creation, newest first. */
  history: z.record(z.string(), z.array(historyEntrySchema)),
});
export type CrmRecord = Readonly<z.infer<typeof crmRecordSchema>>;

/** The value of any property, `hs_object_id` and the stamps included; null where it is not set. */
export function propertyOf(type: ObjectType, record: CrmRecord, property: string): string | null {
  if (property === 'hs_object_id') return record.id;
  if (property === 'createdate') return isoStamp(record.createdAtMs);
  if (property === type.lastModified) return isoStamp(record.updatedAtMs);
  return record.properties[property] ?? null;
}

/** The newest entries HubSpot keeps; how many is not documented, and memory is not endless. */
const HISTORY_ENTRIES_MAX = 50;

export function historyOf(type: ObjectType, record: CrmRecord, property: string): readonly HistoryEntry[] {
  const known = record.history[property];
  if (known !== undefined) return known;
  const value = propertyOf(type, record, property);
  return value === null ? [] : [{ value, atMs: record.createdAtMs, ...record.origin }];
}

export function withHistory(type: ObjectType, record: CrmRecord, property: string, entry: HistoryEntry): HistoryEntry[] {
  return [entry, ...historyOf(type, record, property)].slice(0, HISTORY_ENTRIES_MAX);
}
