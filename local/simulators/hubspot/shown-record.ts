import { type CrmRecord, historyOf, propertyOf } from './crm-record.ts';
import type { RecordStore } from './record-store.ts';
import { isoStamp } from './timestamps.ts';

export interface Wanted {
  /** Names asked for; none at all means the type's default ones. */
  readonly properties: readonly string[];
  readonly withHistory?: readonly string[];
}

/** A record as the API shows it: unset properties are null, undefined ones are left out, id and stamps are always there. */
export function shownRecord(store: RecordStore, record: CrmRecord, wanted: Wanted): Record<string, unknown> {
  const { type } = store;
  const asked = wanted.properties.length > 0 ? wanted.properties : type.defaultProperties;
  const names = [...new Set([...asked, 'createdate', 'hs_object_id', type.lastModified])]
    .filter((name) => isDefined(store, name))
    .sort();
  const { archivedAtMs } = record;
  const history = wanted.withHistory ?? [];
  return {
    id: record.id,
    properties: Object.fromEntries(names.map((name) => [name, propertyOf(type, record, name)])),
    ...(history.length > 0 ? { propertiesWithHistory: shownHistory(store, record, history) } : {}),
    createdAt: isoStamp(record.createdAtMs),
    updatedAt: isoStamp(record.updatedAtMs),
    archived: archivedAtMs !== undefined,
    ...(archivedAtMs === undefined ? {} : { archivedAt: isoStamp(archivedAtMs) }),
  };
}

/** The answer to a write shows what was written, beside id and stamps. */
export function shownWrite(
  store: RecordStore,
  record: CrmRecord,
  written: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return shownRecord(store, record, { properties: ['hs_object_id', ...Object.keys(written)] });
}

function shownHistory(store: RecordStore, record: CrmRecord, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names
      .filter((name) => isDefined(store, name))
      .map((name) => [
        name,
        historyOf(store.type, record, name).map(({ value, atMs, sourceType, sourceId, userId }) => ({
          value,
          timestamp: isoStamp(atMs),
          sourceType,
          sourceId,
          ...(userId === undefined ? {} : { updatedByUserId: userId }),
        })),
      ]),
  );
}

function isDefined(store: RecordStore, name: string): boolean {
  return store.definitions.get(name)?.archived === false;
}
