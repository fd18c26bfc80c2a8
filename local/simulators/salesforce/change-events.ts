import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import { eventDatetime } from './datetime.ts';
import type { FieldSpec, ObjectSchema } from './object-schema.ts';
import type { Committed, CommittedChange, Org } from './org.ts';
import { fieldValue, type Row } from './rows.ts';

/**
 * What a transaction looks like as change events: the sparse JSON that Event Relay sends.
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm)
 */

export type ChangeType = 'CREATE' | 'UPDATE' | 'DELETE' | 'UNDELETE' | GapType;
export type GapType = 'GAP_CREATE' | 'GAP_UPDATE' | 'GAP_DELETE' | 'GAP_UNDELETE' | 'GAP_OVERFLOW';

export interface ChangeEvent {
  readonly entityName: string;
  readonly changeType: ChangeType;
  readonly recordIds: readonly string[];
  readonly atMs: number; // commitTimestamp
  /** The JSON of `detail`: `{"payload": {...fields, "ChangeEventHeader": {...}}}`. */
  readonly detail: string;
}

/** Parts of the header that come from the org, not from the row. */
export interface HeaderSource {
  nextCommitNumber(): bigint;
  nextTransactionKey(): string;
}

/** Fields that the channel adds to UPDATE and DELETE events although they did not change, by object. */
export type EnrichedFields = Readonly<Record<string, readonly string[]>>;

type Body = Readonly<Record<string, unknown>>;

interface Draft {
  readonly entityName: string;
  readonly changeType: ChangeType;
  readonly recordIds: string[];
  readonly changedFields: readonly string[];
  readonly body: Body;
}

const CHANGE_TYPES = { create: 'CREATE', update: 'UPDATE', delete: 'DELETE', merge: 'DELETE', restore: 'UNDELETE' } as const;

/** The same change to several rows in one transaction becomes one event with all their ids. */
export function changeEventsOf(org: Org, committed: Committed, source: HeaderSource, enriched: EnrichedFields): ChangeEvent[] {
  const drafts = new Map<string, Draft>();
  for (const change of committed.changes) {
    const schema = org.table(change.after.object)?.schema;
    if (!schema?.captured) continue;
    const draft = draftOf(schema, change, enriched[schema.name] ?? []);
    const key = JSON.stringify([draft.entityName, draft.changeType, draft.changedFields, draft.body]);
    const same = drafts.get(key);
    if (same) same.recordIds.push(change.after.id);
    else drafts.set(key, draft);
  }
  const transactionKey = source.nextTransactionKey();
  return [...drafts.values()].map((draft, i) =>
    eventOf(draft, {
      commitNumber: source.nextCommitNumber(),
      commitUser: committed.author.userId,
      sequenceNumber: i + 1,
      changeOrigin: committed.author.origin,
      transactionKey,
      commitTimestamp: committed.atMs,
    }),
  );
}

/** An event that says that something happened to these rows, but not what. */
export function gapEvent(
  entityName: string,
  changeType: GapType,
  recordIds: readonly string[],
  commitUser: string,
  atMs: number,
  source: HeaderSource,
): ChangeEvent {
  return eventOf(
    { entityName, changeType, recordIds: [...recordIds], changedFields: [], body: {} },
    {
      commitNumber: source.nextCommitNumber(),
      commitUser,
      sequenceNumber: 1,
      changeOrigin: '',
      transactionKey: source.nextTransactionKey(),
      commitTimestamp: atMs,
    },
  );
}

function draftOf(schema: ObjectSchema, { kind, before, after, changed }: CommittedChange, enriched: readonly string[]): Draft {
  const draft = { entityName: schema.name, changeType: CHANGE_TYPES[kind], recordIds: [after.id], changedFields: [] };
  if (kind === 'delete' || kind === 'merge') return { ...draft, body: enrichmentOf(schema, after, enriched) };
  if (kind === 'update' && before) {
    const update = updateOf(changed, before, after);
    return { ...draft, ...update, body: { ...enrichmentOf(schema, after, enriched), ...update.body } };
  }
  return { ...draft, body: { ...stampsOf(after), ...bodyOf(after, changed), ...bornOf(after) } };
}

function enrichmentOf(schema: ObjectSchema, row: Row, names: readonly string[]): Body {
  const fields = names.flatMap((name) => schema.field(name) ?? []);
  return bodyOf(
    row,
    fields.filter((field) => fieldValue(row, field) !== null),
  );
}

function updateOf(changed: readonly FieldSpec[], before: Row, after: Row): Pick<Draft, 'changedFields' | 'body'> {
  const newAuthor = before.modifiedById !== after.modifiedById;
  return {
    changedFields: ['LastModifiedDate', ...(newAuthor ? ['LastModifiedById'] : []), ...changed.map(eventName)],
    body: { ...stampsOf(after), ...(newAuthor ? { LastModifiedById: after.modifiedById } : {}), ...bodyOf(after, changed) },
  };
}

const stampsOf = (row: Row) => ({ LastModifiedDate: eventDatetime(row.modifiedAtMs) });
const bornOf = (row: Row) => ({
  CreatedById: row.createdById,
  CreatedDate: eventDatetime(row.createdAtMs),
  LastModifiedById: row.modifiedById,
});

/** `MailingStreet` is `MailingAddress.Street` here, `LastName` is `Name.LastName`. */
function eventName(field: FieldSpec): string {
  return field.compound ? `${field.compound.field}.${field.compound.component}` : field.name;
}

function bodyOf(row: Row, fields: readonly FieldSpec[]): Body {
  const body: Record<string, NativeValue> = {};
  const compounds: Record<string, Record<string, NativeValue>> = {};
  for (const field of fields) {
    const value = eventValue(field, fieldValue(row, field));
    if (!field.compound) {
      body[field.name] = value;
      continue;
    }
    const parts = compounds[field.compound.field] ?? {};
    parts[field.compound.component] = value;
    compounds[field.compound.field] = parts;
  }
  return { ...compounds, ...body };
}

function eventValue(field: FieldSpec, value: NativeValue): NativeValue {
  return field.type === 'datetime' && typeof value === 'string' ? value.replace('+0000', 'Z') : value;
}

interface Header {
  readonly commitNumber: bigint;
  readonly commitUser: string;
  readonly sequenceNumber: number;
  readonly changeOrigin: string;
  readonly transactionKey: string;
  readonly commitTimestamp: number;
}

function eventOf(draft: Draft, { commitNumber, commitUser, sequenceNumber, commitTimestamp, ...origin }: Header): ChangeEvent {
  const { entityName, changeType, changedFields: changed, recordIds, body } = draft;
  const header = JSON.stringify({
    commitUser,
    sequenceNumber,
    entityName,
    changeType,
    changedFields: changed,
    ...origin,
    commitTimestamp,
    recordIds,
  });
  // A bare integer beyond 2^53, as Salesforce writes it: no JavaScript number could hold it.
  const fullHeader = `{"commitNumber":${commitNumber},${header.slice(1)}`;
  const fields = JSON.stringify(body).slice(1, -1);
  const payload = `{${fields}${fields === '' ? '' : ','}"ChangeEventHeader":${fullHeader}}`;
  return { entityName, changeType, recordIds, atMs: commitTimestamp, detail: `{"payload":${payload}}` };
}
