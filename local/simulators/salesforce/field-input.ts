import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import { parseDate, parseDatetime, restDatetime, wholeSecondMs } from './datetime.ts';
import type { FieldSpec, ObjectSchema } from './object-schema.ts';
import { id18 } from './record-id.ts';
import { RowRefusal, unknownColumn } from './row-refusal.ts';

/** What checking a write needs to know of the rest of the org. */
export interface InputSurroundings {
  /** Salesforce drops leading and trailing white space of text when it saves. */
  readonly trimText: boolean;
  /** The key prefix of an object type, to tell an id of the wrong type. */
  keyPrefix(object: string): string | undefined;
  /** Whether a live row has this id. */
  exists(object: string, id: string): boolean;
  /** The row that an external id names: `"Account": {"Ext__c": "v"}`. */
  idByExternalId(object: string, field: string, value: unknown): string;
}

/**
 * Reads the fields of one row as a client sent them: names in any case, values checked and
 * brought into the form they are stored in. `null` and `""` both empty a field.
 *
 * @returns only the fields that were sent, by their proper names.
 * @throws RowRefusal in the words of the API.
 */
export function acceptInput(
  schema: ObjectSchema,
  input: Readonly<Record<string, unknown>>,
  around: InputSurroundings,
): Record<string, NativeValue> {
  const accepted: Record<string, NativeValue> = {};
  const notWritable: string[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (name === 'attributes') continue;
    const field = schema.field(name);
    const parent = field ? undefined : schema.fields.find((candidate) => candidate.relationshipName === name);
    if (parent) accepted[parent.name] = referenceByExternalId(parent, value, around);
    else if (!field) throw unknownColumn(name, schema.name);
    else if (field.readOnly) notWritable.push(field.name);
    else accepted[field.name] = acceptValue(field, value, around);
  }
  if (notWritable.length === 0) return accepted;
  throw new RowRefusal(
    'INVALID_FIELD_FOR_INSERT_UPDATE',
    `Unable to create/update fields: ${notWritable.join(', ')}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
    notWritable,
  );
}

/** @throws RowRefusal naming every required field that the row would leave empty. */
export function requireFields(schema: ObjectSchema, values: Readonly<Record<string, NativeValue>>): void {
  const missing = schema.required.flatMap((field) => ((values[field.name] ?? null) === null ? [field.name] : []));
  if (missing.length === 0) return;
  throw new RowRefusal('REQUIRED_FIELD_MISSING', `Required fields are missing: [${missing.join(', ')}]`, missing);
}

function acceptValue(field: FieldSpec, value: unknown, around: InputSurroundings): NativeValue {
  if (typeof value === 'object' && value !== null) throw cannotDeserialize(field, value);
  if (field.type === 'boolean') return acceptBoolean(field, value);
  if (value === null || value === undefined || value === '') return null;
  switch (field.type) {
    case 'int':
    case 'double':
    case 'currency':
    case 'percent':
      return acceptNumber(field, value);
    case 'date':
      return acceptDate(field, value);
    case 'datetime':
      return acceptDatetime(field, value);
    case 'reference':
    case 'id':
      return acceptReference(field, value, around);
    default:
      return acceptText(field, value, around.trimText);
  }
}

function acceptText(field: FieldSpec, value: unknown, trimText: boolean): NativeValue {
  if (typeof value === 'boolean') throw cannotDeserialize(field, value);
  const text = trimText ? String(value).trim() : String(value);
  if (text === '') return null;
  if (field.length !== undefined && text.length > field.length) {
    throw new RowRefusal(
      'STRING_TOO_LONG',
      `${field.label}: data value too large: ${text.slice(0, 255)} (max length=${field.length})`,
      [field.name],
    );
  }
  if (field.type === 'email' && !EMAIL.test(text)) {
    throw new RowRefusal('INVALID_EMAIL_ADDRESS', `${field.label}: invalid email address: ${text}`, [field.name]);
  }
  return field.picklist ? acceptPicklist(field, text) : text;
}

/** Closer to what Salesforce takes than RFC 5322: no quoted local part, a domain with a dot. */
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/;

function acceptPicklist(field: FieldSpec, text: string): NativeValue {
  if (!field.restricted) return text;
  const chosen = field.type === 'multipicklist' ? text.split(';') : [text];
  const bad = chosen.find((value) => !field.picklist?.includes(value));
  if (bad === undefined) return text;
  throw new RowRefusal(
    'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
    `${field.label}: bad value for restricted picklist field: ${bad}`,
    [field.name],
  );
}

function acceptBoolean(field: FieldSpec, value: unknown): NativeValue {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  if (value !== null && value !== '') throw cannotDeserialize(field, value);
  throw new RowRefusal('INVALID_TYPE_ON_FIELD_IN_RECORD', `${field.label}: value not of required type: null`, [field.name]);
}

function acceptNumber(field: FieldSpec, value: unknown): NativeValue {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw cannotDeserialize(field, value);
  if (field.type === 'int' && !Number.isInteger(number)) throw cannotDeserialize(field, value);
  const scale = field.scale ?? 0;
  // Through the decimal text, not by multiplying: 1.005 * 100 is below 100.5.
  const rounded = field.type === 'int' ? number : Number(`${Math.round(Number(`${number}e${scale}`))}e-${scale}`);
  const stored = Number.isNaN(rounded) ? number : rounded;
  if (Math.abs(stored) < 10 ** ((field.precision ?? 18) - scale)) return stored;
  throw new RowRefusal('NUMBER_OUTSIDE_VALID_RANGE', `${field.label}: value outside of valid range on numeric field: ${number}`, [
    field.name,
  ]);
}

function acceptDate(field: FieldSpec, value: unknown): NativeValue {
  const date = typeof value === 'string' ? parseDate(value) : undefined;
  if (date === undefined) throw cannotDeserialize(field, value);
  const year = Number(date.slice(0, 4));
  if (year >= 1700 && year <= 4000) return date;
  throw new RowRefusal('NUMBER_OUTSIDE_VALID_RANGE', `${field.label}: invalid date: ${date}`, [field.name]);
}

function acceptDatetime(field: FieldSpec, value: unknown): NativeValue {
  const atMs = typeof value === 'string' ? parseDatetime(value) : undefined;
  if (atMs === undefined) throw cannotDeserialize(field, value);
  return restDatetime(wholeSecondMs(atMs));
}

function acceptReference(field: FieldSpec, value: unknown, around: InputSurroundings): NativeValue {
  const id = typeof value === 'string' ? id18(value) : undefined;
  const target = field.referenceTo ?? '';
  if (id === undefined || !id.startsWith(around.keyPrefix(target) ?? '')) {
    throw new RowRefusal('MALFORMED_ID', `${field.label}: id value of incorrect type: ${value}`, [field.name]);
  }
  if (!around.exists(target, id)) throw new RowRefusal('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id');
  return id;
}

function referenceByExternalId(parent: FieldSpec, value: unknown, around: InputSurroundings): NativeValue {
  if (value === null) return null;
  if (typeof value !== 'object') throw cannotDeserialize(parent, value);
  const keys = Object.entries(value).filter(([name]) => name !== 'attributes');
  const [key] = keys;
  if (keys.length !== 1 || !key) {
    throw new RowRefusal('INVALID_FIELD', `Name exactly one external id field of ${parent.relationshipName}`, [parent.name]);
  }
  return around.idByExternalId(parent.referenceTo ?? '', key[0], key[1]);
}

function cannotDeserialize(field: FieldSpec, value: unknown): RowRefusal {
  const token = typeof value === 'object' ? 'START_OBJECT' : `VALUE_${typeof value}`.toUpperCase();
  return new RowRefusal(
    'JSON_PARSER_ERROR',
    `Cannot deserialize instance of ${field.type} from ${token} value ${String(value).slice(0, 80)} or request may be missing a required field at [line:1, column:2]`,
    [field.name],
  );
}
