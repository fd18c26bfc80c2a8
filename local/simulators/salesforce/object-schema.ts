import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';

export type FieldType =
  | 'id'
  | 'string'
  | 'textarea'
  | 'email'
  | 'phone'
  | 'url'
  | 'picklist'
  | 'multipicklist'
  | 'boolean'
  | 'int'
  | 'double'
  | 'currency'
  | 'percent'
  | 'date'
  | 'datetime'
  | 'reference'
  | 'address';

/** One field of an object type, as far as the simulator acts on it; `describe.ts` shows it in the API's form. */
export interface FieldSpec {
  readonly name: string;
  readonly label: string;
  readonly type: FieldType;
  readonly length?: number; // characters, of text
  readonly precision?: number; // digits, of numbers
  readonly scale?: number; // digits after the point
  readonly required?: boolean;
  readonly readOnly?: boolean;
  /** Not offered for insert or update by the system itself: Id, stamps, IsDeleted ... */
  readonly system?: boolean;
  readonly custom?: boolean;
  readonly externalId?: boolean;
  readonly unique?: boolean;
  /** Unique values that differ in case only count as equal, unless this is set. */
  readonly caseSensitive?: boolean;
  /** Usable as a key of a lookup (`idLookup` in describe); the simulator also keeps an index. */
  readonly idLookup?: boolean;
  readonly indexed?: boolean;
  readonly picklist?: readonly string[];
  readonly restricted?: boolean;
  readonly referenceTo?: string;
  /** How a query names the parent: `Account.Name`. */
  readonly relationshipName?: string;
  /** The compound field it is a part of (`Name`, `MailingAddress`) and its name inside change events. */
  readonly compound?: { readonly field: string; readonly component: string };
  readonly defaultValue?: NativeValue;
  /** A formula over the row's own values: read-only, without stamps and without change events. */
  readonly formula?: (values: NativeValues) => NativeValue;
}

export interface ObjectSchema {
  readonly name: string;
  readonly label: string;
  readonly labelPlural: string;
  readonly keyPrefix: string;
  readonly custom: boolean;
  /** Whether change data capture is on for it. */
  readonly captured: boolean;
  /** Has a Recycle Bin and merge (`MasterRecordId`). */
  readonly mergeable: boolean;
  readonly readOnly: boolean;
  readonly fields: readonly FieldSpec[];
  /** Fields whose values rows hold: no system field, no formula, no compound. */
  readonly stored: readonly FieldSpec[];
  readonly required: readonly FieldSpec[];
  readonly unique: readonly FieldSpec[];
  /** What a new row holds where nothing is said. */
  readonly defaults: NativeValues;
  /** Finds a field by its name in any case, as the API does. */
  field(name: string): FieldSpec | undefined;
}

export interface ObjectDefinition {
  readonly name: string;
  readonly label: string;
  readonly labelPlural?: string;
  readonly keyPrefix: string;
  readonly captured?: boolean;
  readonly mergeable?: boolean;
  readonly readOnly?: boolean;
  readonly fields: readonly FieldSpec[];
}

const systemField = (name: string, label: string, type: FieldType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  label,
  type,
  readOnly: true,
  system: true,
  ...more,
});

const toUser = (relationshipName: string): Partial<FieldSpec> => ({ referenceTo: 'User', relationshipName });

/** Adds the fields that every object has to those of its definition. */
export function objectSchema(definition: ObjectDefinition): ObjectSchema {
  const mergeable = definition.mergeable ?? false;
  const fields: FieldSpec[] = [
    systemField('Id', 'Record ID', 'id', { length: 18, idLookup: true }),
    systemField('IsDeleted', 'Deleted', 'boolean'),
    ...(mergeable ? [systemField('MasterRecordId', 'Master Record ID', 'reference', { referenceTo: definition.name })] : []),
    ...definition.fields,
    systemField('CreatedDate', 'Created Date', 'datetime'),
    systemField('CreatedById', 'Created By ID', 'reference', toUser('CreatedBy')),
    systemField('LastModifiedDate', 'Last Modified Date', 'datetime'),
    systemField('LastModifiedById', 'Last Modified By ID', 'reference', toUser('LastModifiedBy')),
    systemField('SystemModstamp', 'System Modstamp', 'datetime'),
  ];
  const byName = new Map(fields.map((field) => [field.name.toLowerCase(), field]));
  if (byName.size < fields.length) throw new Error(`${definition.name} defines a field twice; give each its own name`);
  return {
    name: definition.name,
    label: definition.label,
    labelPlural: definition.labelPlural ?? `${definition.label}s`,
    keyPrefix: definition.keyPrefix,
    custom: definition.name.endsWith('__c'),
    captured: definition.captured ?? true,
    mergeable,
    readOnly: definition.readOnly ?? false,
    fields,
    stored: fields.filter((field) => !field.system && !field.formula && field.type !== 'address'),
    required: fields.filter((field) => field.required),
    unique: fields.filter((field) => field.unique),
    defaults: Object.fromEntries(
      fields.flatMap((field) => (field.defaultValue === undefined ? [] : [[field.name, field.defaultValue]])),
    ),
    field: (name) => byName.get(name.toLowerCase()),
  };
}

export function isText(field: FieldSpec): boolean {
  return ['string', 'textarea', 'email', 'phone', 'url', 'picklist', 'multipicklist'].includes(field.type);
}

/** Long text can be selected but not filtered or sorted by. */
export function isFilterable(field: FieldSpec): boolean {
  return field.type !== 'address' && !(field.type === 'textarea' && (field.length ?? 0) > 255);
}
