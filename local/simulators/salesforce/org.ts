import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import type { WriteLogEntry } from '../simulator.ts';
import { wholeSecondMs } from './datetime.ts';
import { type FieldSpec, type ObjectDefinition, objectSchema } from './object-schema.ts';
import { defaultOrgSettings, type OrgSettings } from './org-settings.ts';
import { mintId } from './record-id.ts';
import { type RowIndex, rowIndex } from './row-index.ts';
import { changedFields, fieldValue, type Row } from './rows.ts';
import {
  accountObject,
  contactObject,
  leadObject,
  opportunityObject,
  organizationObject,
  userObject,
} from './standard-objects.ts';
import { type Author, type Automation, type RowChange, type Transaction, transaction } from './transaction.ts';

/** What one transaction did, told once it is committed. */
export interface Committed {
  readonly author: Author;
  readonly atMs: number; // of the commit
  readonly stampMs: number; // whole seconds, of the beginning
  readonly changes: readonly CommittedChange[];
}

export interface CommittedChange extends RowChange {
  /** Of an update, the fields it changed; of a create or undelete, those that are not empty; of a delete, none. */
  readonly changed: readonly FieldSpec[];
}

/** A delete as getDeleted lists it, which outlives the row itself. */
export interface DeleteLogEntry {
  readonly object: string;
  readonly id: string;
  readonly atMs: number;
}

export interface OrgState {
  readonly idCounts: Readonly<Record<string, number>>;
  readonly rows: readonly Row[];
  readonly writes: readonly WriteLogEntry[];
  readonly deleteLog: readonly DeleteLogEntry[];
  readonly settings: OrgSettings;
}

export interface OrgOptions {
  readonly organizationId: string;
  readonly integrationUser: { readonly id?: string; readonly username: string; readonly name?: string };
  readonly customFields?: Readonly<Record<string, readonly FieldSpec[]>>;
  readonly objects?: readonly ObjectDefinition[];
  readonly settings?: Partial<OrgSettings>;
  readonly automation?: Automation;
  now(): number;
}

/** A Salesforce org: its objects, rows, users and settings, and everything that was ever written to it. */
export interface Org {
  readonly organizationId: string;
  readonly integrationUserId: string;
  readonly settings: OrgSettings;
  readonly objects: readonly string[];
  now(): number;
  /** The rows of an object type, its name in any case; undefined where the org has no such type. */
  table(object: string): RowIndex | undefined;
  /** The user a person is known as: an id of a user as it stands, else the user of that name, made on first sight. */
  userOf(person: string): string;
  begin(author: Author, stampMs?: number): Transaction;
  /** Until it is committed or rolled back, getUpdated does not claim to cover its time. */
  commit(transaction: Transaction): void;
  /** Keeps what it did and tells nobody: how things stood before anybody watched. */
  settle(transaction: Transaction): void;
  abandon(transaction: Transaction): void;
  /** When the oldest transaction still under way began, epoch ms; undefined when there is none. */
  oldestOpenMs(): number | undefined;
  writes(afterSeq: number): WriteLogEntry[];
  deleted(object: string, fromMs: number, toMs: number): DeleteLogEntry[];
  /** Takes rows out of the Recycle Bin for good. */
  emptyRecycleBin(object: string): number;
  onCommit(listener: (committed: Committed) => void): void;
  onWrite(listener: (entry: WriteLogEntry) => void): () => void;
  /** Another number whenever rows or the log changed. */
  revision(): number;
  /** No rows, no log, settings as at the start. Ids go on counting: they never come back. */
  clear(): void;
  state(): OrgState;
  resume(state: OrgState): void;
}

const SYSTEM = 'salesforce';

export function createOrg(options: OrgOptions): Org {
  const standard = [organizationObject, userObject, accountObject, contactObject, opportunityObject, leadObject];
  const definitions = [...standard, ...(options.objects ?? [])].map((definition) => ({
    ...definition,
    fields: [...definition.fields, ...(options.customFields?.[definition.name] ?? [])],
  }));
  const tables = new Map<string, RowIndex>();
  for (const definition of definitions) tables.set(definition.name.toLowerCase(), rowIndex(objectSchema(definition)));
  const idCounts: Record<string, number> = {};
  const settings: OrgSettings = { ...structuredClone(defaultOrgSettings), ...options.settings };
  const open = new Set<Transaction>();
  const commitListeners: ((committed: Committed) => void)[] = [];
  const writeListeners = new Set<(entry: WriteLogEntry) => void>();
  let revision = 0;
  let writes: WriteLogEntry[] = [];
  let deleteLog: DeleteLogEntry[] = [];

  const table = (object: string) => tables.get(object.toLowerCase());
  const tableOf = (object: string) => {
    const found = table(object);
    if (found) return found;
    throw new Error(`the org has no object ${object}; it has ${definitions.map((known) => known.name).join(', ')}`);
  };
  const nextId = (object: string) => {
    const { keyPrefix } = tableOf(object).schema;
    idCounts[keyPrefix] = (idCounts[keyPrefix] ?? 0) + 1;
    return mintId(keyPrefix, idCounts[keyPrefix]);
  };
  const world = { settings, automation: options.automation, table: tableOf, nextId };

  const integrationUserId = options.integrationUser.id ?? nextId('User');

  /** Users and the organization are there from the start; they have no history. */
  function putFounder(object: string, id: string, values: Record<string, NativeValue>): void {
    const atMs = wholeSecondMs(options.now());
    const by = { createdById: integrationUserId, modifiedById: integrationUserId };
    tableOf(object).put({ id, object, values, createdAtMs: atMs, modifiedAtMs: atMs, stampMs: atMs, ...by });
  }
  function found(): void {
    const { username, name = 'Integration User' } = options.integrationUser;
    putFounder('Organization', options.organizationId, { Name: 'Simulated Org', OrganizationType: 'Developer Edition' });
    putFounder('User', integrationUserId, { Username: username, LastName: name });
  }
  found();

  function changedBy({ kind, before, after }: RowChange): FieldSpec[] {
    if (kind === 'delete' || kind === 'merge') return [];
    return changedFields(tableOf(after.object).schema, kind === 'update' ? before : undefined, after);
  }

  function log(committed: Committed): void {
    for (const { kind, before, after, changed } of committed.changes) {
      if (kind === 'delete' || kind === 'merge') deleteLog.push({ object: after.object, id: after.id, atMs: committed.stampMs });
      const entry: WriteLogEntry = {
        seq: (writes.at(-1)?.seq ?? 0) + 1,
        atMs: committed.atMs,
        system: SYSTEM,
        object: after.object,
        objectId: after.id,
        kind,
        fields: kind === 'restore' ? {} : changesOf(changed, before, after),
        by: committed.author.by,
        ...(committed.author.call === undefined ? {} : { call: committed.author.call }),
        ...(committed.author.trace === undefined ? {} : { trace: committed.author.trace }),
      };
      writes.push(entry);
      for (const listener of writeListeners) listener(entry);
    }
  }

  return {
    organizationId: options.organizationId,
    integrationUserId,
    settings,
    objects: definitions.map((definition) => definition.name),
    now: options.now,
    table,
    userOf(person) {
      const users = tableOf('User');
      if (users.get(person)) return person;
      const username = `${person.trim().toLowerCase().replaceAll(/\s+/g, '.')}@persons.example`;
      const field = users.schema.field('Username');
      const [known] = (field && users.byValue(field, username)) ?? [];
      if (known) return known.id;
      const id = nextId('User');
      putFounder('User', id, { Username: username, LastName: person });
      return id;
    },
    begin(author, stampMs = options.now()) {
      const begun = transaction(world, author, wholeSecondMs(stampMs));
      open.add(begun);
      return begun;
    },
    commit(done) {
      open.delete(done);
      revision += 1;
      if (done.changes.length === 0) return;
      const changes = done.changes.map((change) => ({ ...change, changed: changedBy(change) }));
      const committed = { author: done.author, atMs: options.now(), stampMs: done.stampMs, changes };
      log(committed);
      for (const listener of commitListeners) listener(committed);
    },
    settle(done) {
      open.delete(done);
      revision += 1;
    },
    abandon(done) {
      open.delete(done);
      done.rollback();
    },
    oldestOpenMs: () => (open.size > 0 ? Math.min(...[...open].map((begun) => begun.stampMs)) : undefined),
    // Entries are numbered from 1 without gaps, so the number is also the place.
    writes: (afterSeq) => writes.slice(afterSeq),
    deleted: (object, fromMs, toMs) =>
      deleteLog.filter((entry) => entry.object === object && entry.atMs >= fromMs && entry.atMs < toMs),
    emptyRecycleBin(object) {
      revision += 1;
      const bin = [...tableOf(object).byId()].filter((row) => row.deletedAtMs !== undefined);
      for (const row of bin) tableOf(object).discard(row.id);
      return bin.length;
    },
    onCommit: (listener) => void commitListeners.push(listener),
    onWrite(listener) {
      writeListeners.add(listener);
      return () => void writeListeners.delete(listener);
    },
    revision: () => revision,
    clear() {
      revision += 1;
      for (const each of tables.values()) each.clear();
      writes = [];
      deleteLog = [];
      Object.assign(settings, structuredClone(defaultOrgSettings), options.settings);
      found();
    },
    state: () => ({ idCounts, rows: [...tables.values()].flatMap((each) => [...each.byId()]), writes, deleteLog, settings }),
    resume(state) {
      for (const each of tables.values()) each.clear();
      found();
      for (const row of state.rows) tableOf(row.object).put(row);
      Object.assign(idCounts, state.idCounts);
      Object.assign(settings, structuredClone(state.settings));
      writes = [...state.writes];
      deleteLog = [...state.deleteLog];
    },
  };
}

function changesOf(changed: readonly FieldSpec[], before: Row | undefined, after: Row): WriteLogEntry['fields'] {
  return Object.fromEntries(
    changed.map((field) => [field.name, { from: before ? fieldValue(before, field) : null, to: fieldValue(after, field) }]),
  );
}
