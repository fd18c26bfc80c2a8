import type { FieldDescription } from '../connector.ts';

/**
 * How a sync names a tie of an object to another one, of which it has one at most, among the object's native fields:
 * `association:companies:primary`. Its native value is the other object's id.
 */
export interface Association {
  readonly native: string;
  readonly to: string; // object type
  readonly typeId: number;
}

const PREFIX = 'association:';

/**
 * Kinds of tie of which an object has one at most. Programs go by the id: the labels have changed before. HubSpot:
 * developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide, "Association type ID values"
 */
const SINGLE: Readonly<Record<string, readonly Association[]>> = {
  contacts: [{ native: 'association:companies:primary', to: 'companies', typeId: 1 }],
  deals: [{ native: 'association:companies:primary', to: 'companies', typeId: 5 }],
  companies: [{ native: 'association:companies:parent', to: 'companies', typeId: 14 }], // child to parent
};

const NAMES: Readonly<Record<string, string>> = { '0-1': 'contacts', '0-2': 'companies', '0-3': 'deals' };

export function associationsOf(object: string): readonly Association[] {
  return SINGLE[NAMES[object] ?? object] ?? [];
}

export function isAssociation(native: string): boolean {
  return native.startsWith(PREFIX);
}

/** Associations as fields of their object, for the check of the mapping. */
export function describedAssociations(object: string): FieldDescription[] {
  return associationsOf(object).map(({ native }) => ({ name: native, type: 'reference', writable: true, unique: false }));
}

/** The native fields of a call, properties apart from associations. An association the object cannot have is left out. */
export function partedFields(object: string, fields: readonly string[]): { properties: string[]; associations: Association[] } {
  return {
    properties: fields.filter((field) => !isAssociation(field)),
    associations: associationsOf(object).filter(({ native }) => fields.includes(native)),
  };
}
