import * as z from 'zod';
import type { SeededRandom } from '../random.ts';
import { ApiRefusal, alreadyExists, invalidRequest } from './api-refusal.ts';
import { AssociationStore, associationsStateSchema } from './association-store.ts';
import { type AssociationType, singleAssociations } from './association-types.ts';
import { type Author, importAuthor } from './author.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import { type CrmRecord, withHistory } from './crm-record.ts';
import { mergedIds, mergedProperties } from './merged-properties.ts';
import { type ObjectType, objectTypeNamed, objectTypes } from './object-types.ts';
import { type PropertyDefinition, type PropertyInput, propertyDefinitionSchema } from './property-definition.ts';
import { draftCreate, type FieldChange, type RecordDraft, refuseConflicts } from './record-draft.ts';
import { RecordStore, storeStateSchema } from './record-store.ts';
import { SearchIndex } from './search-index.ts';
import { propertyGroups, standardProperties } from './standard-properties.ts';
import { type Carrier, type Commit, WriteLog, writeLogStateSchema } from './write-log.ts';

export const portalStateSchema = z.object({
  stores: z.record(z.string(), storeStateSchema),
  persons: z.array(z.tuple([z.string(), z.number()])),
  log: writeLogStateSchema,
  revision: z.number(),
  associations: associationsStateSchema.default([]),
});
export type PortalState = z.infer<typeof portalStateSchema>;

export interface PortalOptions {
  readonly behaviour: HubSpotBehaviour;
  readonly random: SeededRandom;
  readonly properties: readonly CustomProperty[];
  now(): number;
}

/** One end of a tie between two records. */
export interface CrmEnd {
  readonly store: RecordStore;
  readonly id: string;
}

/** A property of this account's own, by default of contacts. */
export type CustomProperty = Partial<PropertyInput> & Pick<PropertyInput, 'name' | 'type'> & { readonly object?: string };

/** As many as an account admits. HubSpot changelog: "unique properties for contacts". */
const UNIQUE_PROPERTIES_MAX = 10;
/** HubSpot: a record takes part in at most 250 merges. */
const MERGES_MAX = 250;
const FIRST_USER_ID = 42;

/** The data of one HubSpot account: records, properties, what search shows of them, and everything that was ever written. */
export class Portal {
  readonly log = new WriteLog();
  readonly associations = new AssociationStore();
  private readonly options: PortalOptions;
  private readonly stores = new Map<string, RecordStore>();
  private readonly indexes = new Map<string, SearchIndex>();
  private readonly persons = new Map<string, number>();
  private readonly commitListeners: ((commit: Commit) => void)[] = [];
  private revision = 0;

  constructor(options: PortalOptions) {
    this.options = options;
    for (const type of objectTypes) this.stores.set(type.name, new RecordStore(type));
    this.clear();
  }

  /** @throws ApiRefusal 400 where the account has no such type. */
  store(object: string): RecordStore {
    const type = objectTypeNamed(object);
    const store = type && this.stores.get(type.name);
    if (store !== undefined) return store;
    throw invalidRequest(`Unable to infer object type from: ${object}`);
  }

  /** What search shows of a type at this moment. */
  searchIndex(type: ObjectType): SearchIndex {
    const index = this.index(type);
    index.catchUp(this.options.now());
    return index;
  }

  /** Everything written so far becomes visible to search. */
  settleSearch(): void {
    for (const index of this.indexes.values()) index.catchUp(Number.POSITIVE_INFINITY);
  }

  userIdOf(person: string): number {
    const known = this.persons.get(person);
    if (known !== undefined) return known;
    const userId = FIRST_USER_ID + this.persons.size;
    this.persons.set(person, userId);
    return userId;
  }

  /** Commits a checked draft. Every write moves the last-modified stamp, even one that changes nothing. */
  commit(draft: RecordDraft, author: Author, carrier: Carrier = {}): CrmRecord {
    const { store, before, changes } = draft;
    const atMs = this.options.now();
    if (before === undefined) {
      const record = this.newRecord(store.mintId(), draft.properties, author, atMs);
      this.save(store, record);
      this.note({ type: store.type, kind: 'create', id: record.id, atMs, author, changes }, carrier);
      return record;
    }
    const entry = { atMs, ...originOf(author) };
    const history = { ...before.history };
    for (const [name, change] of Object.entries(changes)) {
      history[name] = withHistory(store.type, before, name, { value: change.to ?? '', ...entry });
    }
    this.revision += 1;
    const record: CrmRecord = {
      ...before,
      properties: draft.properties,
      updatedAtMs: atMs,
      modifiedBy: author.name,
      revision: this.revision,
      history,
    };
    this.save(store, record);
    this.note({ type: store.type, kind: 'update', id: record.id, atMs, author, changes }, carrier);
    return record;
  }

  /** Ties two records, or cuts every tie between them (`type` undefined). It moves no stamp: properties did not change. */
  associate(
    tie: { readonly from: CrmEnd; readonly to: CrmEnd; readonly type: AssociationType | undefined },
    author: Author,
    carrier: Carrier = {},
  ): void {
    const { from, to, type } = tie;
    const changed =
      type === undefined
        ? this.associations.remove({ type: from.store.type.name, id: from.id }, { type: to.store.type.name, id: to.id })
        : this.associations.add(type, from.id, to.id);
    if (changed.length === 0) return;
    const changes: Record<string, FieldChange> = {};
    for (const { name, type: single } of singleAssociations) {
      for (const change of changed) {
        if (change.type !== single) continue;
        changes[name] = change.removed
          ? { from: change.toId, to: changes[name]?.to ?? null }
          : { from: changes[name]?.from ?? null, to: change.toId };
      }
    }
    this.revision += 1;
    const atMs = this.options.now();
    this.note({ type: from.store.type, kind: 'update', id: from.id, atMs, author, changes, associations: changed }, carrier);
  }

  archive(store: RecordStore, record: CrmRecord, author: Author, carrier: Carrier = {}): void {
    const atMs = this.options.now();
    this.revision += 1;
    this.save(store, { ...record, archivedAtMs: atMs, modifiedBy: author.name, revision: this.revision });
    this.note({ type: store.type, kind: 'delete', id: record.id, atMs, author, changes: {} }, carrier);
  }

  /** @throws ApiRefusal 409 where a unique value of the record was taken in the meantime. */
  restore(store: RecordStore, record: CrmRecord, author: Author): void {
    const { archivedAtMs: _, ...rest } = record;
    for (const { property, value } of store.uniqueKeys(rest.properties)) {
      const owner = store.owner(property, value);
      if (owner !== undefined) throw alreadyExists(store.type.label, owner);
    }
    const atMs = this.options.now();
    this.revision += 1;
    this.save(store, { ...rest, updatedAtMs: atMs, modifiedBy: author.name, revision: this.revision });
    this.note({ type: store.type, kind: 'restore', id: record.id, atMs, author, changes: {} });
  }

  /** Privacy deletion: nothing of the record is left, and its e-mail address is free again. */
  erase(store: RecordStore, record: CrmRecord, author: Author, carrier: Carrier = {}): void {
    const atMs = this.options.now();
    this.revision += 1;
    store.drop(record.id);
    this.expectInSearch(store.type, record.id, this.revision, undefined);
    this.note({ type: store.type, kind: 'delete', id: record.id, atMs, author, changes: {}, privacy: true }, carrier);
  }

  /**
   * Merges two records; empty properties of the primary take the other's values. Both ids lead to
   * the survivor from now on.
   *
   * @throws ApiRefusal 400 for a merge with itself, 414 beyond 250 merges.
   */
  merge(store: RecordStore, primary: CrmRecord, absorbed: CrmRecord, author: Author, carrier: Carrier = {}): CrmRecord {
    if (primary.id === absorbed.id) throw invalidRequest('Cannot merge a record with itself');
    if (mergedIds(primary).length + mergedIds(absorbed).length >= MERGES_MAX)
      throw new ApiRefusal(414, { message: `more than ${MERGES_MAX} merges` });
    const atMs = this.options.now();
    const mintsId = this.options.behaviour.mergeMintsNewId;
    const survivorId = mintsId ? store.mintId() : primary.id;
    const gone = mintsId ? [primary.id, absorbed.id] : [absorbed.id];
    const properties = mergedProperties(store.type, primary, absorbed, gone, atMs);
    const propertiesMoved = Object.keys(absorbed.properties).filter((name) => primary.properties[name] === undefined).length;
    const changes = changesBetween(primary.properties, properties);
    this.revision += 1;
    const survivor: CrmRecord = {
      ...primary,
      id: survivorId,
      properties,
      createdAtMs: Math.min(primary.createdAtMs, absorbed.createdAtMs),
      updatedAtMs: atMs,
      modifiedBy: author.name,
      revision: this.revision,
    };
    for (const id of gone) {
      store.drop(id);
      store.redirect(id, survivorId);
      this.revision += 1;
      this.expectInSearch(store.type, id, this.revision, undefined);
    }
    this.save(store, survivor);
    const to = { type: store.type.name, id: survivorId };
    for (const id of [primary.id, absorbed.id]) if (id !== survivorId) this.associations.move({ type: store.type.name, id }, to);
    const merge = { primaryId: primary.id, absorbedId: absorbed.id, propertiesMoved };
    this.note({ type: store.type, kind: 'merge', id: survivorId, atMs, author, changes, merge }, carrier);
    return survivor;
  }

  /** A record as it stood before anybody watched: no log, no notification, in search at once. `hs_object_id` sets its id. */
  load(store: RecordStore, values: Readonly<Record<string, string>>, atMs: number): string {
    const { hs_object_id: wantedId, ...rest } = values;
    if (wantedId !== undefined && (!/^\d+$/.test(wantedId) || store.get(wantedId))) {
      throw new Error(`${store.type.name} cannot take the id ${wantedId}: it is used already, or no number`);
    }
    const draft = draftCreate(store, rest, { behaviour: this.options.behaviour, dated: false });
    refuseConflicts(draft);
    const record = this.newRecord(wantedId ?? store.mintId(), draft.properties, importAuthor, atMs);
    store.put(record);
    this.index(store.type).show(record);
    return record.id;
  }

  /** @throws ApiRefusal where the name is taken or too many are unique. */
  defineProperty(store: RecordStore, input: PropertyInput): PropertyDefinition {
    const existing = store.definitions.get(input.name);
    if (existing !== undefined && !existing.archived) {
      const message = `A property named '${input.name}' already exists.`;
      throw new ApiRefusal(409, { message, category: 'OBJECT_ALREADY_EXISTS' });
    }
    const unique = [...store.definitions.values()].filter(
      (known) => known.hasUniqueValue && !known.hubspotDefined && !known.archived,
    );
    if (input.hasUniqueValue && unique.length >= UNIQUE_PROPERTIES_MAX) {
      throw invalidRequest(`At most ${UNIQUE_PROPERTIES_MAX} properties of ${store.type.name} can have unique values`);
    }
    const atMs = this.options.now();
    const definition = propertyDefinitionSchema.parse({
      ...input,
      hubspotDefined: false,
      calculated: input.fieldType === 'calculation_equation',
      readOnlyValue: false,
      archived: false,
      createdAtMs: atMs,
      updatedAtMs: atMs,
    });
    store.definitions.set(definition.name, definition);
    return definition;
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.commitListeners.push(listener);
  }

  /** No records and an empty log; properties as at the start. Ids and write numbers go on: none comes back. */
  clear(): void {
    this.log.clear();
    this.associations.clear();
    for (const [name, store] of this.stores) {
      store.clear();
      store.definitions.clear();
      for (const definition of standardProperties(store.type, this.options.now()))
        store.definitions.set(definition.name, definition);
      this.indexes.set(name, new SearchIndex());
    }
    for (const { object, ...property } of this.options.properties) {
      const store = this.store(object ?? 'contacts');
      const fieldType = property.fieldType ?? defaultFieldTypes[property.type];
      const groupName = property.groupName ?? propertyGroups[store.type.name];
      this.defineProperty(store, { label: property.name, ...property, fieldType, groupName });
    }
  }

  /** Another text whenever records, properties or the log have changed. */
  mark(): string {
    const definitions = [...this.stores.values()].flatMap((store) => [...store.definitions.values()]);
    const changedAtMs = definitions.reduce((latest, { updatedAtMs }) => Math.max(latest, updatedAtMs), 0);
    return `${this.revision} ${this.log.lastSeq} ${definitions.length} ${changedAtMs}`;
  }

  state(): PortalState {
    return {
      stores: Object.fromEntries([...this.stores].map(([name, store]) => [name, store.state()])),
      persons: [...this.persons],
      log: this.log.state(),
      revision: this.revision,
      associations: this.associations.state(),
    };
  }

  resume(state: PortalState): void {
    for (const [name, saved] of Object.entries(state.stores)) {
      const store = this.store(name);
      store.resume(saved);
      const index = new SearchIndex();
      this.indexes.set(name, index);
      for (const record of store.all()) if (record.archivedAtMs === undefined) index.show(record);
    }
    this.persons.clear();
    for (const [person, userId] of state.persons) this.persons.set(person, userId);
    this.log.resume(state.log);
    this.associations.resume(state.associations);
    this.revision = state.revision;
  }

  private newRecord(id: string, properties: Readonly<Record<string, string>>, author: Author, atMs: number): CrmRecord {
    this.revision += 1;
    return {
      id,
      properties: { ...properties },
      createdAtMs: atMs,
      updatedAtMs: atMs,
      modifiedBy: author.name,
      revision: this.revision,
      origin: originOf(author),
      history: {},
    };
  }

  private save(store: RecordStore, record: CrmRecord): void {
    store.put(record);
    this.expectInSearch(store.type, record.id, record.revision, record.archivedAtMs === undefined ? record : undefined);
  }

  private expectInSearch(type: ObjectType, id: string, revision: number, record: CrmRecord | undefined): void {
    const { searchLagMs, searchLagSpreadMs } = this.options.behaviour;
    const lagMs = searchLagMs + this.options.random.next() * searchLagSpreadMs;
    this.index(type).expect(id, revision, record, this.options.now() + lagMs);
  }

  private index(type: ObjectType): SearchIndex {
    const index = this.indexes.get(type.name);
    if (index === undefined) throw new Error(`no search index for ${type.name}`);
    return index;
  }

  private note(commit: Commit, carrier: Carrier = {}): void {
    for (const listener of this.commitListeners) listener(commit);
    this.log.add(commit, carrier);
  }
}

const defaultFieldTypes = {
  string: 'text',
  number: 'number',
  date: 'date',
  datetime: 'date',
  enumeration: 'select',
  bool: 'booleancheckbox',
} as const;

function originOf(author: Author): CrmRecord['origin'] {
  const { changeSource: sourceType, sourceId, userId } = author;
  return userId === undefined ? { sourceType, sourceId } : { sourceType, sourceId, userId };
}

function changesBetween(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, FieldChange> {
  const changed = Object.keys(after).filter((name) => before[name] !== after[name]);
  return Object.fromEntries(changed.map((name) => [name, { from: before[name] ?? null, to: after[name] ?? null }]));
}
