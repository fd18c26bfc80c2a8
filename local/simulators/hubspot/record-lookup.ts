import { invalidRequest } from './api-refusal.ts';
import type { CrmRecord } from './crm-record.ts';
import type { RecordStore } from './record-store.ts';

/**
 * The record an id means: through merges, or by a unique property.
 *
 * @throws ApiRefusal 400 where `idProperty` is not unique.
 */
export function lookUp(store: RecordStore, id: string, idProperty: string | undefined): CrmRecord | undefined {
  if (idProperty === undefined || idProperty === 'hs_object_id') return store.resolve(id);
  if (!store.isUnique(idProperty)) {
    throw invalidRequest(`Unable to perform update/upsert by non-unique ${store.type.typeId} property`);
  }
  const owner = store.owner(idProperty, id);
  return owner === undefined ? undefined : store.get(owner);
}

/** As `lookUp`, records in the recycle bin left out. */
export function lookUpLive(store: RecordStore, id: string, idProperty: string | undefined): CrmRecord | undefined {
  const record = lookUp(store, id, idProperty);
  return record?.archivedAtMs === undefined ? record : undefined;
}
