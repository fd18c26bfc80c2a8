import * as z from 'zod';
import type { ChangeHint, FieldHint, NativeValue } from '../../sync/change-hint.ts';
import { isObject } from '../answer-shape.ts';
import type { ReceivedHints } from '../connector.ts';
import { NotificationRefusedError } from '../notification-error.ts';
import { recordId18 } from './record-id.ts';

/** Header of a change event. Salesforce: Change Data Capture Developer Guide, "Change Event Header Fields". */
const headerSchema = z.object({
  entityName: z.string().min(1),
  recordIds: z.array(z.string()).min(1),
  changeType: z.string(),
  changedFields: z.array(z.string()).default([]),
  nulledFields: z.array(z.string()).default([]), // in the Pub/Sub view only
  diffFields: z.array(z.string()).default([]), // sent as differences: no value to take
  commitTimestamp: z.int().nonnegative(), // epoch ms
  commitUser: z.string().optional(),
  /** Beyond 2^53: text when read by `parseChangeEvent`; as a number it has lost its last digits. */
  commitNumber: z.union([z.string().regex(/^\d{1,20}$/), z.number()]).optional(),
  sequenceNumber: z.int().optional(),
});

const envelopeSchema = z.object({
  source: z.string(), // aws.partner/salesforce.com/<organisation>/<channel>
  detail: z.object({ payload: z.looseObject({ ChangeEventHeader: headerSchema }) }),
});

/** Fields Salesforce sets by itself: no edit anybody made. */
const SYSTEM_FIELDS: ReadonlySet<string> = new Set([
  'ChangeEventHeader',
  'CreatedDate',
  'CreatedById',
  'LastModifiedDate',
  'LastModifiedById',
  'SystemModstamp',
]);
const UNSAFE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** The event that stands for the changes that no longer fitted. */
const NO_RECORD = '000000000000000AAA';

export interface ChangeEventContext {
  /** Our organisation, 18 characters; events of others are refused. Any where absent. */
  readonly organizationId?: string;
  /** The user Concord works as; whether a change is ours is unknown without it. */
  readonly integrationUserId?: string;
  /** Object types that take part; all where absent. */
  readonly objects?: ReadonlySet<string>;
  readonly receivedAtMs: number;
  readonly correlationId: (index: number) => string;
}

export interface ChangeEventHints extends ReceivedHints {
  /** Changes of `object` were too many to be sent: everything since this time (epoch ms) must be listed again, deletions too. */
  readonly overflow?: { readonly object: string; readonly overflowSinceMs: number };
  /** The event's place in the order of its organisation's commits. */
  readonly commit?: { readonly number: bigint; readonly sequence: number };
}

/** Parses the text of an event without rounding its commit number, which exceeds what a double holds. */
export function parseChangeEvent(text: string): unknown {
  try {
    return JSON.parse(text.replace(/("commitNumber"\s*:\s*)(\d{16,20})(?=\s*[,}])/, '$1"$2"'));
  } catch (cause) {
    throw new NotificationRefusedError('unreadable', 'the event is not JSON', { cause });
  }
}

/**
 * Reads an event that Event Relay put on EventBridge: one hint per record, since one event may stand
 * for the same change to many. Takes both encodings: only what changed, or every field with null for
 * what did not; so on an update only fields named in `changedFields` are believed.
 *
 * @param envelope - the EventBridge event; from `parseChangeEvent` where its text is at hand.
 * @throws NotificationRefusedError when it is no change event, or another organisation's.
 */
export function readChangeEvent(envelope: unknown, context: ChangeEventContext): ChangeEventHints {
  const checked = envelopeSchema.safeParse(envelope);
  if (!checked.success) {
    const where = checked.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw new NotificationRefusedError('unreadable', `not a change event of Event Relay (${where})`);
  }
  const { source, detail } = checked.data;
  const organizationId = /^aws\.partner\/salesforce\.com\/([A-Za-z0-9]{18})\//.exec(source)?.[1];
  if (organizationId === undefined) throw new NotificationRefusedError('unreadable', 'its source is not Salesforce Event Relay');
  if (context.organizationId !== undefined && organizationId !== context.organizationId) {
    throw new NotificationRefusedError('foreign-account', 'the event is about another Salesforce organisation');
  }
  const { ChangeEventHeader: header, ...body } = detail.payload;
  const object = header.entityName;
  if (context.objects !== undefined && !context.objects.has(object)) return { hints: [], ignored: 1 };

  const commit = commitOf(header.commitNumber, header.sequenceNumber);
  const wildcard = header.recordIds.some((id) => id.endsWith('*') || id === NO_RECORD);
  if (header.changeType === 'GAP_OVERFLOW' || wildcard) {
    return { hints: [], ignored: 0, overflow: { object, overflowSinceMs: header.commitTimestamp }, commit };
  }
  const kind = kindOf(header.changeType);
  if (kind === undefined) return { hints: [], ignored: 1, commit };

  const fields = fieldHints(body, header);
  const stamp =
    typeof body.LastModifiedDate === 'string' || typeof body.LastModifiedDate === 'number' ? body.LastModifiedDate : '';
  const stampMs = new Date(stamp).getTime();
  const ids = [...new Set(header.recordIds.flatMap((id) => recordId18(id) ?? []))];
  const hints = ids.map(
    (objectId, index): ChangeHint => ({
      object,
      objectId,
      kind,
      by: authorOf(header.commitUser, context.integrationUserId),
      occurredAtMs: header.commitTimestamp,
      receivedAtMs: context.receivedAtMs,
      fields,
      ...(Number.isNaN(stampMs) ? {} : { stampMs }),
      correlationId: context.correlationId(index),
    }),
  );
  return { hints, ignored: header.recordIds.length - ids.length, commit };
}

/** A gap event names the record without its data: it is read like any other, a deletion confirmed by id. */
function kindOf(changeType: string): ChangeHint['kind'] | undefined {
  switch (changeType.replace(/^GAP_/, '')) {
    case 'CREATE':
    case 'UPDATE':
      return 'changed';
    case 'DELETE':
      return 'deleted';
    case 'UNDELETE':
      return 'restored';
    default:
      return undefined;
  }
}

function authorOf(commitUser: string | undefined, ourUserId: string | undefined): ChangeHint['by'] {
  if (commitUser === undefined || ourUserId === undefined) return 'unknown';
  return recordId18(commitUser) === ourUserId ? 'us' : 'other';
}

function commitOf(number: string | number | undefined, sequence: number | undefined): ChangeEventHints['commit'] {
  // A number has gone through a double already: its last digits are made up.
  return typeof number === 'string' && sequence !== undefined ? { number: BigInt(number), sequence } : undefined;
}

function fieldHints(body: Readonly<Record<string, unknown>>, header: z.infer<typeof headerSchema>): Record<string, FieldHint> {
  const atMs = header.commitTimestamp;
  if (header.changeType === 'CREATE') return createdFields(body, atMs);
  // An undelete shows values that nobody changed now; deletions and gaps show none.
  if (header.changeType !== 'UPDATE') return {};
  const nulled = new Set(header.nulledFields);
  const withoutValue = new Set(header.diffFields);
  const hints = new Map<string, FieldHint>();
  for (const name of header.changedFields) {
    if (SYSTEM_FIELDS.has(name)) continue;
    if (nulled.has(name)) hints.set(objectField(name), { value: null, atMs });
    else if (withoutValue.has(name)) hints.set(objectField(name), { atMs });
    else for (const [field, value] of valuesAt(body, name)) hints.set(field, value === undefined ? { atMs } : { value, atMs });
  }
  return safeRecord(hints);
}

/** Non-empty fields: with every field present, null means nothing. */
function createdFields(body: Readonly<Record<string, unknown>>, atMs: number): Record<string, FieldHint> {
  const hints = new Map<string, FieldHint>();
  for (const name of Object.keys(body)) {
    if (SYSTEM_FIELDS.has(name)) continue;
    for (const [field, value] of valuesAt(body, name)) {
      if (value !== undefined && value !== null) hints.set(field, { value, atMs });
    }
  }
  return safeRecord(hints);
}

/** The object's field (or, for a whole compound field, its parts) with the value the body shows, if it does. */
function valuesAt(body: Readonly<Record<string, unknown>>, name: string): [string, NativeValue | undefined][] {
  const [compound = '', part] = name.split('.', 2);
  const value = Object.hasOwn(body, compound) ? body[compound] : undefined;
  if (part !== undefined) {
    const inner = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
    return [[objectField(name), plain(inner)]];
  }
  if (isObject(value)) return Object.entries(value).map(([key, inner]) => [objectField(`${name}.${key}`), plain(inner)]);
  return [[name, plain(value)]];
}

function plain(value: unknown): NativeValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return undefined;
}

/**
 * The object's name of a field that events show inside a compound one: `Name.LastName` is LastName,
 * `MailingAddress.Street` is MailingStreet, a lead's `Address.Street` is Street.
 */
function objectField(name: string): string {
  const [compound = '', part] = name.split('.', 2);
  if (part === undefined) return name;
  if (compound === 'Name') return part;
  return compound.endsWith('Address') ? `${compound.slice(0, -'Address'.length)}${part}` : name;
}

function safeRecord(hints: ReadonlyMap<string, FieldHint>): Record<string, FieldHint> {
  return Object.fromEntries([...hints].filter(([name]) => !UNSAFE_NAMES.has(name)));
}
