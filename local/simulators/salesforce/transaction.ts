import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import type { WriteLogEntry } from '../simulator.ts';
import { acceptInput, type InputSurroundings, requireFields } from './field-input.ts';
import type { OrgSettings } from './org-settings.ts';
import type { RowIndex } from './row-index.ts';
import { entityIsDeleted, invalidCrossReference, RowRefusal } from './row-refusal.ts';
import { attributesOf, fieldValue, type Row } from './rows.ts';

/** Who writes, and through what. */
export interface Author {
  readonly userId: string;
  readonly by: WriteLogEntry['by'];
  /** `changeOrigin` of the change events: `com/salesforce/api/rest/67.0;client=crm-sync`. */
  readonly origin: string;
  readonly call?: number;
  readonly trace?: string | undefined;
  /** `Sforce-Duplicate-Rule-Header: allowSave=true`. */
  readonly allowDuplicates?: boolean;
}

export interface RowChange {
  readonly kind: WriteLogEntry['kind'];
  readonly before?: Row;
  readonly after: Row;
}

/** Fields that the org's own automation sets when a row is saved, in the same transaction. */
export type Automation = (object: string, after: NativeValues, before: NativeValues | undefined) => NativeValues;

export interface TransactionWorld {
  readonly settings: OrgSettings;
  readonly automation?: Automation;
  table(object: string): RowIndex;
  nextId(object: string): string;
}

/**
 * Writes to rows that take effect at once and are announced together on commit. A refused row
 * changes nothing; what was done before it stays until `rollback`.
 */
export interface Transaction {
  readonly author: Author;
  /** Whole seconds, taken when the transaction began: rows can be committed long after their stamp. */
  readonly stampMs: number;
  readonly changes: readonly RowChange[];
  create(object: string, input: Readonly<Record<string, unknown>>): string;
  update(object: string, id: string, input: Readonly<Record<string, unknown>>): void;
  remove(object: string, id: string): void;
  restore(object: string, id: string): void;
  /** Rows of one type become one: the losers are deleted and name the winner, children move over. */
  merge(object: string, winnerId: string, loserIds: readonly string[], input: Readonly<Record<string, unknown>>): void;
  /** A lead becomes a contact of an account, new or known, and is closed. @returns the contact's id. */
  convert(leadId: string, into?: { readonly accountId?: string }): string;
  /** A write by the system itself: moves SystemModstamp only, and makes no event. */
  touch(object: string, id: string): void;
  rollback(): void;
}

export function transaction(world: TransactionWorld, author: Author, stampMs: number): Transaction {
  const changes: RowChange[] = [];
  const undo: (() => void)[] = [];

  function rollbackTo(steps: number, made: number): void {
    for (const step of undo.splice(steps).toReversed()) step();
    changes.length = made;
  }

  /** A refusal halfway takes back what the same act did before it. */
  function asOne<T>(act: () => T): T {
    const steps = undo.length;
    const made = changes.length;
    try {
      return act();
    } catch (error) {
      rollbackTo(steps, made);
      throw error;
    }
  }

  function put(kind: RowChange['kind'] | 'touch', before: Row | undefined, after: Row): void {
    const table = world.table(after.object);
    table.put(after);
    undo.push(() => (before ? table.put(before) : table.discard(after.id)));
    if (kind !== 'touch') changes.push({ kind, before, after });
  }

  /** Stamps never go back: a lock makes the later transaction wait. */
  const stampedBy = (row: Row) => ({
    modifiedAtMs: Math.max(stampMs, row.modifiedAtMs),
    modifiedById: author.userId,
    stampMs: Math.max(stampMs, row.stampMs),
  });

  function create(object: string, input: Readonly<Record<string, unknown>>): string {
    const table = world.table(object);
    const accepted = acceptInput(table.schema, input, surroundings(world));
    const ownerId: Record<string, NativeValue> = table.schema.field('OwnerId') ? { OwnerId: author.userId } : {};
    const values = automated(world, object, { ...table.schema.defaults, ...ownerId, ...accepted }, undefined);
    requireFields(table.schema, values);
    const by = { createdById: author.userId, modifiedById: author.userId };
    const row: Row = { id: world.nextId(object), object, values, createdAtMs: stampMs, modifiedAtMs: stampMs, stampMs, ...by };
    admit(world, table, row, author, undefined);
    takeLock(world.settings, row.id);
    put('create', undefined, row);
    return row.id;
  }

  function update(object: string, id: string, input: Readonly<Record<string, unknown>>): void {
    const table = world.table(object);
    const row = liveRow(table, id);
    if (row.values.IsConverted === true) throw new RowRefusal('CANNOT_UPDATE_CONVERTED_LEAD', 'cannot reference converted lead');
    const accepted = acceptInput(table.schema, input, surroundings(world));
    const values = automated(world, object, { ...row.values, ...accepted }, row.values);
    requireFields(table.schema, values);
    const after = { ...row, ...stampedBy(row), values };
    admit(world, table, after, author, row);
    takeLock(world.settings, id);
    put('update', row, after);
  }

  function remove(object: string, id: string, masterRecordId?: string): void {
    const row = liveRow(world.table(object), id);
    takeLock(world.settings, id);
    const deleted = { ...row, ...stampedBy(row), deletedAtMs: stampMs, ...(masterRecordId ? { masterRecordId } : {}) };
    put(masterRecordId ? 'merge' : 'delete', row, deleted);
    // What belongs to an account goes with it, unless the account lives on in another.
    if (object !== 'Account' || masterRecordId) return;
    for (const { row: child } of childrenOf(world, object, id, OWNED)) {
      if (child.deletedAtMs === undefined) remove(child.object, child.id);
    }
  }

  function restore(object: string, id: string): void {
    const table = world.table(object);
    const row = table.get(id);
    if (!row) throw invalidCrossReference();
    if (row.deletedAtMs === undefined) {
      throw new RowRefusal('UNDELETE_FAILED', `${object} ${id} is not in the Recycle Bin; restore only what was deleted`);
    }
    const { deletedAtMs, masterRecordId, ...kept } = row;
    admit(world, table, kept, { ...author, allowDuplicates: true }, row);
    put('restore', row, { ...kept, ...stampedBy(row) });
    if (object !== 'Account') return;
    for (const { row: child } of childrenOf(world, object, id, OWNED)) {
      if (child.deletedAtMs === deletedAtMs) restore(child.object, child.id);
    }
  }

  function merge(object: string, winnerId: string, loserIds: readonly string[], input: Readonly<Record<string, unknown>>): void {
    if (!world.table(object).schema.mergeable) throw new RowRefusal('INVALID_TYPE', `${object} rows cannot be merged`);
    if (loserIds.length < 1 || loserIds.length > 2 || loserIds.includes(winnerId)) {
      throw new RowRefusal('INVALID_OPERATION', 'merge one or two other rows into the winner');
    }
    // The losers go first, so that the winner may take over a unique value.
    for (const loserId of loserIds) remove(object, loserId, winnerId);
    update(object, winnerId, input);
    // Change events tell of the winner first.
    const winner = changes.pop();
    if (winner) changes.splice(changes.length - loserIds.length, 0, winner);
    for (const loserId of loserIds) {
      for (const { row: child, field } of childrenOf(world, object, loserId, REFERRING)) {
        if (child.deletedAtMs === undefined && child.id !== winnerId) update(child.object, child.id, { [field]: winnerId });
      }
    }
  }

  function convert(leadId: string, into: { readonly accountId?: string } = {}): string {
    const lead = liveRow(world.table('Lead'), leadId);
    if (lead.values.IsConverted === true) {
      throw new RowRefusal('CANNOT_UPDATE_CONVERTED_LEAD', `lead ${leadId} is converted already`);
    }
    const { FirstName, LastName, Salutation, Title, Email, Phone, Company } = lead.values;
    const person = { FirstName, LastName, Salutation, Title, Email, Phone };
    const accountId = into.accountId ?? create('Account', { Name: Company });
    const contactId = create('Contact', {
      ...Object.fromEntries(Object.entries(person).filter(([, value]) => value !== undefined)),
      AccountId: accountId,
    });
    const converted = {
      IsConverted: true,
      Status: 'Closed - Converted',
      ConvertedAccountId: accountId,
      ConvertedContactId: contactId,
    };
    put('update', lead, { ...lead, ...stampedBy(lead), values: { ...lead.values, ...converted } });
    return contactId;
  }

  return {
    author,
    stampMs,
    convert: (leadId, into) => asOne(() => convert(leadId, into)),
    changes,
    create: (object, input) => asOne(() => create(object, input)),
    update: (object, id, input) => asOne(() => update(object, id, input)),
    remove: (object, id) => asOne(() => remove(object, id)),
    restore: (object, id) => asOne(() => restore(object, id)),
    merge: (object, winnerId, loserIds, input) => asOne(() => merge(object, winnerId, loserIds, input)),
    touch(object, id) {
      const row = liveRow(world.table(object), id);
      put('touch', row, { ...row, stampMs: Math.max(stampMs, row.stampMs) });
    },
    rollback: () => rollbackTo(0, 0),
  };
}

function liveRow(table: RowIndex, id: string): Row {
  const row = table.get(id);
  if (!row) throw invalidCrossReference();
  if (row.deletedAtMs !== undefined) throw entityIsDeleted();
  return row;
}

function surroundings(world: TransactionWorld): InputSurroundings {
  return {
    trimText: world.settings.trimText,
    keyPrefix: (object) => world.table(object).schema.keyPrefix,
    exists: (object, id) => world.table(object).get(id)?.deletedAtMs === undefined && world.table(object).get(id) !== undefined,
    idByExternalId(object, name, value) {
      const found = rowsByExternalId(world.table(object), name, String(value));
      const [only] = found;
      if (only && found.length === 1) return only.id;
      throw new RowRefusal('INVALID_FIELD', `Foreign key external ID: ${value} not found for field ${name} in entity ${object}`);
    },
  };
}

/** Live rows with this external id. @throws RowRefusal where the field is none. */
export function rowsByExternalId(table: RowIndex, name: string, value: string): Row[] {
  const field = table.schema.field(name);
  if (!field?.externalId) {
    throw new RowRefusal('NOT_FOUND', `Provided external ID field does not exist or is not accessible: ${name}`, [], 404);
  }
  return (table.byValue(field, value) ?? []).filter((row) => row.deletedAtMs === undefined);
}

function automated(
  world: TransactionWorld,
  object: string,
  after: Record<string, NativeValue>,
  before: NativeValues | undefined,
): Record<string, NativeValue> {
  return world.automation ? { ...after, ...world.automation(object, after, before) } : after;
}

/** The org's own objections to a row, in the order in which Salesforce raises them. */
function admit(world: TransactionWorld, table: RowIndex, after: Row, author: Author, before: Row | undefined): void {
  for (const rule of world.settings.validationRules) {
    const value = rule.object === after.object ? (after.values[rule.field] ?? null) : null;
    if (value === null || !new RegExp(rule.forbids).test(String(value))) continue;
    throw new RowRefusal('FIELD_CUSTOM_VALIDATION_EXCEPTION', rule.message, [rule.field]);
  }
  refuseDuplicateContact(world, table, after, author, before);
  for (const field of table.schema.unique) {
    const value = fieldValue(after, field);
    if (value === null) continue;
    const owner = table.byValue(field, String(value))?.find((row) => row.id !== after.id && row.deletedAtMs === undefined);
    if (!owner) continue;
    throw new RowRefusal(
      'DUPLICATE_VALUE',
      `duplicate value found: ${field.name} duplicates value on record with id: ${owner.id}`,
    );
  }
}

/** A duplicate rule on the e-mail address, with the answer's shape of a standard contact rule. */
function refuseDuplicateContact(
  world: TransactionWorld,
  table: RowIndex,
  after: Row,
  author: Author,
  before: Row | undefined,
): void {
  const { duplicateContacts } = world.settings;
  const email = table.schema.field('Email');
  const value = after.values.Email ?? null;
  if (duplicateContacts === 'allow' || after.object !== 'Contact' || !email || value === null) return;
  if (before?.values.Email === value || (duplicateContacts === 'alert' && author.allowDuplicates)) return;
  const matches = (table.byValue(email, String(value)) ?? []).filter(
    (row) => row.id !== after.id && row.deletedAtMs === undefined,
  );
  if (matches.length === 0) return;
  const message = 'Use one of these records?';
  throw new RowRefusal('DUPLICATES_DETECTED', message, [], 400, {
    duplicateResult: {
      allowSave: duplicateContacts === 'alert',
      duplicateRule: 'Standard_Contact_Duplicate_Rule',
      duplicateRuleEntityType: 'Contact',
      errorMessage: message,
      matchResults: [
        {
          entityType: 'Contact',
          errors: [],
          matchEngine: 'FuzzyMatchEngine',
          matchRecords: matches.map((row) => ({
            additionalInformation: [],
            fieldDiffs: [],
            matchConfidence: 100,
            record: { attributes: attributesOf(row, '67.0'), Id: row.id },
          })),
          rule: 'Standard_Contact_Match_Rule_v1_1',
          size: matches.length,
          success: true,
        },
      ],
    },
  });
}

function takeLock(settings: OrgSettings, id: string): void {
  const lock = settings.locks.find((held) => held.objectId === '*' || held.objectId === id);
  if (!lock) return;
  lock.times -= 1;
  settings.locks = settings.locks.filter((held) => held.times > 0);
  throw new RowRefusal('UNABLE_TO_LOCK_ROW', `unable to obtain exclusive access to this record or 1 records: ${id}`);
}

interface Referring {
  readonly object: string;
  readonly field: string;
}
type ByParent = Readonly<Record<string, readonly Referring[]>>;

/** What belongs to an account, by the field that says so. */
const OWNED: ByParent = {
  Account: [
    { object: 'Contact', field: 'AccountId' },
    { object: 'Opportunity', field: 'AccountId' },
  ],
};

/** All that refers to a row of a type: the parts of it, and whom a contact reports to or an account is below. */
const REFERRING: ByParent = {
  Account: [...(OWNED.Account ?? []), { object: 'Account', field: 'ParentId' }],
  Contact: [{ object: 'Contact', field: 'ReportsToId' }],
};

/** Rows that refer to a row, deleted ones too, with the field by which they do. */
function childrenOf(world: TransactionWorld, object: string, id: string, by: ByParent): { row: Row; field: string }[] {
  return (by[object] ?? []).flatMap(({ object: child, field }) =>
    [...world.table(child).byId()].filter((row) => row.values[field] === id).map((row) => ({ row, field })),
  );
}
