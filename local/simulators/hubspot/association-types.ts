import type { ObjectType } from './object-types.ts';

/** One kind of tie from records of one type to records of another, and what it is called from the other end. */
export interface AssociationType {
  readonly from: ObjectType['name'];
  readonly to: ObjectType['name'];
  readonly typeId: number;
  readonly label: string | null;
  /** The type id of the same tie, seen from the other end. */
  readonly inverse: number;
  /** The unlabelled tie that comes with it. */
  readonly plain: number;
  /** A record has at most one of these; setting another one takes it from the first. */
  readonly single: boolean;
}

const row = (
  from: AssociationType['from'],
  to: AssociationType['to'],
  typeId: number,
  inverse: number,
  plain: number,
  label: string | null = null,
  single = false,
): AssociationType => ({ from, to, typeId, inverse, plain, label, single });

/** HubSpot: developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide, "Association type ID values" */
export const associationTypes: readonly AssociationType[] = [
  row('contacts', 'companies', 279, 280, 279),
  row('contacts', 'companies', 1, 2, 279, 'Primary', true),
  row('companies', 'contacts', 280, 279, 280),
  row('companies', 'contacts', 2, 1, 280, 'Primary'),
  row('contacts', 'deals', 4, 3, 4),
  row('deals', 'contacts', 3, 4, 3),
  row('deals', 'companies', 341, 342, 341),
  row('deals', 'companies', 5, 6, 341, 'Primary', true),
  row('companies', 'deals', 342, 341, 342),
  row('companies', 'deals', 6, 5, 342, 'Primary'),
  row('companies', 'companies', 450, 450, 450),
  row('companies', 'companies', 14, 13, 450, 'Parent Company', true),
  row('companies', 'companies', 13, 14, 450, 'Child Company'),
];

export function associationType(from: ObjectType['name'], to: ObjectType['name'], typeId: number): AssociationType | undefined {
  return associationTypes.find((type) => type.from === from && type.to === to && type.typeId === typeId);
}

/** Ties of which a record has one at most, under the names by which people set them here: `association:companies:primary`. */
export const singleAssociations: readonly { readonly name: string; readonly type: AssociationType }[] = associationTypes
  .filter(({ single }) => single)
  .map((type) => ({ name: `association:${type.to}:${type.label === 'Primary' ? 'primary' : 'parent'}`, type }));

export function singleAssociation(from: ObjectType['name'], name: string): AssociationType | undefined {
  return singleAssociations.find((one) => one.type.from === from && one.name === name)?.type;
}
