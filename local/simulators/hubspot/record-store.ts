import * as z from 'zod';
import { type CrmRecord, crmRecordSchema } from './crm-record.ts';
import type { ObjectType } from './object-types.ts';
import { OrderedIndex } from './ordered-index.ts';
import { type PropertyDefinition, propertyDefinitionSchema } from './property-definition.ts';

export const storeStateSchema = z.object({
  lastId: z.number(),
  records: z.array(crmRecordSchema),
  merged: z.array(z.tuple([z.string(), z.string()])),
  definitions: z.array(propertyDefinitionSchema),
});
export type StoreState = z.infer<typeof storeStateSchema>;

const FIRST_ID = 501;

/** All records of one type, live and archived, with the indexes that the API's look-ups need. */
export class RecordStore {
  readonly type: ObjectType;
  readonly definitions = new Map<string, PropertyDefinition>();
  private records = new Map<string, CrmRecord>();
  private liveIds = new OrderedIndex<string>();
  private archivedIds = new OrderedIndex<string>();
  /** Who owns a unique value, by `pool:value`. */
  private owners = new Map<string, string>();
  private survivors = new Map<string, string>();
  private lastId = FIRST_ID - 1;

  constructor(type: ObjectType) {
    this.type = type;
  }

  mintId(): string {
    this.lastId += 1;
    return String(this.lastId);
  }

  /** The record that has exactly this id, live or archived. */
  get(id: string): CrmRecord | undefined {
    return this.records.get(id);
  }

  /** The record an id leads to, through merges. */
  resolve(id: string): CrmRecord | undefined {
    let at = id;
    // Merges form chains, never rings: an id that was merged away is never used again.
    for (let next = this.survivors.get(at); next !== undefined; next = this.survivors.get(at)) at = next;
    return this.records.get(at);
  }

  wasMerged(id: string): boolean {
    return this.survivors.has(id);
  }

  isUnique(property: string): boolean {
    return this.definitions.get(property)?.hasUniqueValue === true;
  }

  /** The live record that has a unique value. */
  owner(property: string, value: string): string | undefined {
    return this.owners.get(uniqueKey(property, value));
  }

  /** The unique values a set of properties would claim, as keys that can be compared. */
  *uniqueKeys(properties: Readonly<Record<string, string>>): Generator<{ key: string; property: string; value: string }> {
    for (const [property, text] of Object.entries(properties)) {
      if (property === 'hs_additional_emails') {
        for (const value of text.split(';')) yield { key: uniqueKey('email', value), property: 'email', value };
      } else if (this.isUnique(property)) {
        yield { key: uniqueKey(property, text), property, value: text };
      }
    }
  }

  put(record: CrmRecord): void {
    const number = Number(record.id);
    const previous = this.records.get(record.id);
    this.lastId = Math.max(this.lastId, number);
    if (previous !== undefined) this.release(previous);
    this.records.set(record.id, record);
    const archived = record.archivedAtMs !== undefined;
    const wasArchived = previous?.archivedAtMs !== undefined;
    if (previous === undefined || archived !== wasArchived) {
      if (previous !== undefined) (wasArchived ? this.archivedIds : this.liveIds).remove(number, 0);
      (archived ? this.archivedIds : this.liveIds).add(number, 0, record.id);
    }
    if (!archived) for (const { key } of this.uniqueKeys(record.properties)) this.owners.set(key, record.id);
  }

  /** Takes a record out for good. */
  drop(id: string): void {
    const record = this.records.get(id);
    if (record === undefined) return;
    this.release(record);
    this.records.delete(id);
    (record.archivedAtMs === undefined ? this.liveIds : this.archivedIds).remove(Number(id), 0);
  }

  /** From now on `id` leads to `survivorId`. */
  redirect(id: string, survivorId: string): void {
    this.survivors.set(id, survivorId);
  }

  /** Up to `limit` records with ids from `fromId` on, in the order of ids. */
  page(archived: boolean, fromId: number, limit: number): CrmRecord[] {
    const ids = archived ? this.archivedIds : this.liveIds;
    const start = ids.position(fromId, 0);
    return [...ids.between(start, start + limit)].flatMap((id) => this.records.get(id) ?? []);
  }

  all(): CrmRecord[] {
    return [...this.records.values()];
  }

  /** Empties the store; ids go on counting and are never used twice. */
  clear(): void {
    this.records = new Map();
    this.liveIds = new OrderedIndex();
    this.archivedIds = new OrderedIndex();
    this.owners = new Map();
    this.survivors = new Map();
  }

  state(): StoreState {
    return {
      lastId: this.lastId,
      records: this.all(),
      merged: [...this.survivors],
      definitions: [...this.definitions.values()],
    };
  }

  resume(state: StoreState): void {
    this.clear();
    this.definitions.clear();
    for (const definition of state.definitions) this.definitions.set(definition.name, definition);
    this.survivors = new Map(state.merged);
    for (const record of state.records) this.put(record);
    this.lastId = Math.max(this.lastId, state.lastId);
  }

  private release(record: CrmRecord): void {
    for (const { key } of this.uniqueKeys(record.properties)) {
      if (this.owners.get(key) === record.id) this.owners.delete(key);
    }
  }
}

/** E-mail addresses are one pool, primary and additional alike, and know no case. */
function uniqueKey(property: string, value: string): string {
  return property === 'email' || property === 'hs_additional_emails'
    ? `email:${value.trim().toLowerCase()}`
    : `${property}:${value}`;
}
