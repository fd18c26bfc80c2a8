import { contactProperties, type PropertyDefinition } from './contact-properties.ts';

/** A property and the object type it belongs to: contacts, companies, deals. */
export type PropertyOfObject = PropertyDefinition & { readonly object: string };

/** Ties an object to its record, under one name for all object types. */
function recordId(object: string, one: string, groupName: string): PropertyOfObject {
  return {
    object,
    name: 'concord_id',
    label: 'Concord ID',
    description: `Ties this ${one} to its Concord record. Written by Concord; please do not edit.`,
    groupName,
    type: 'string',
    fieldType: 'text',
    hasUniqueValue: true, // a create that is repeated after a lost answer must not make a second one
    formField: false,
  };
}

/** What Concord needs in HubSpot beside HubSpot's own properties, for each object type that a sync takes part in. */
export const objectProperties: readonly PropertyOfObject[] = [
  ...contactProperties.map((property) => ({ ...property, object: 'contacts' })),
  recordId('companies', 'company', 'companyinformation'),
  recordId('deals', 'deal', 'dealinformation'),
];
