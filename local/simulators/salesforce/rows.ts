import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import { restDatetime } from './datetime.ts';
import type { FieldSpec, ObjectSchema } from './object-schema.ts';

/** One version of one row; a write makes a new one. Stamps are whole seconds, epoch ms. */
export interface Row {
  readonly id: string; // 18 characters
  readonly object: string;
  /** Writable fields by name; absent means empty. */
  readonly values: NativeValues;
  readonly createdAtMs: number;
  readonly createdById: string;
  readonly modifiedAtMs: number; // LastModifiedDate: writes by users
  readonly modifiedById: string;
  readonly stampMs: number; // SystemModstamp: every write
  /** In the Recycle Bin since then. */
  readonly deletedAtMs?: number;
  /** The row it was merged into. */
  readonly masterRecordId?: string;
}

/** The value of any field but an address, as REST shows it. */
export function fieldValue(row: Row, field: FieldSpec): NativeValue {
  if (field.formula) return field.formula(row.values);
  if (!field.system) return row.values[field.name] ?? field.defaultValue ?? null;
  switch (field.name) {
    case 'Id':
      return row.id;
    case 'IsDeleted':
      return row.deletedAtMs !== undefined;
    case 'MasterRecordId':
      return row.masterRecordId ?? null;
    case 'CreatedDate':
      return restDatetime(row.createdAtMs);
    case 'CreatedById':
      return row.createdById;
    case 'LastModifiedDate':
      return restDatetime(row.modifiedAtMs);
    case 'LastModifiedById':
      return row.modifiedById;
    case 'SystemModstamp':
      return restDatetime(row.stampMs);
    default:
      throw new Error(`no system field ${field.name}; add it to fieldValue`);
  }
}

/** REST: `{city, country, geocodeAccuracy, latitude, longitude, postalCode, state, street}`, or null when all are empty. */
export function addressOf(row: Row, field: FieldSpec): Readonly<Record<string, NativeValue>> | null {
  const kind = field.name.slice(0, -'Address'.length);
  const part = (component: string) => row.values[kind + component] ?? null;
  const address = {
    city: part('City'),
    country: part('Country'),
    geocodeAccuracy: null,
    latitude: part('Latitude'),
    longitude: part('Longitude'),
    postalCode: part('PostalCode'),
    state: part('State'),
    street: part('Street'),
  };
  return Object.values(address).some((value) => value !== null) ? address : null;
}

/** A row as REST shows it: `attributes`, then the fields in the order asked for, empty ones as null. */
export function showRow(row: Row, fields: readonly FieldSpec[], version: string): Record<string, unknown> {
  const shown: Record<string, unknown> = { attributes: attributesOf(row, version) };
  for (const field of fields) shown[field.name] = field.type === 'address' ? addressOf(row, field) : fieldValue(row, field);
  return shown;
}

export function attributesOf(row: Row, version: string): { type: string; url: string } {
  return { type: row.object, url: `/services/data/v${version}/sobjects/${row.object}/${row.id}` };
}

/** Fields whose stored values differ, in the order of the schema; without a `before`, those that are not empty. */
export function changedFields(schema: ObjectSchema, before: Row | undefined, after: Row): FieldSpec[] {
  return schema.stored.filter((field) => (before ? fieldValue(before, field) : null) !== fieldValue(after, field));
}
