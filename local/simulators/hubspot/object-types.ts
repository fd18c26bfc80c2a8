/** What differs between the types of records. HubSpot: developers.hubspot.com/docs/api-reference/latest/crm/understanding-the-crm */
export interface ObjectType {
  readonly name: 'contacts' | 'companies' | 'deals';
  readonly singular: 'contact' | 'company' | 'deal'; // in webhooks: contact.creation
  readonly label: string; // in messages
  readonly typeId: string;
  readonly lastModified: 'lastmodifieddate' | 'hs_lastmodifieddate';
  /** Given when a call names no properties. */
  readonly defaultProperties: readonly string[];
  /** A new record needs a value in each of these groups, in any one property of it. */
  readonly needed: readonly (readonly string[])[];
}

export const objectTypes: readonly ObjectType[] = [
  {
    name: 'contacts',
    singular: 'contact',
    label: 'Contact',
    typeId: '0-1',
    lastModified: 'lastmodifieddate',
    defaultProperties: ['createdate', 'email', 'firstname', 'hs_object_id', 'lastmodifieddate', 'lastname'],
    needed: [['email', 'firstname', 'lastname']],
  },
  {
    name: 'companies',
    singular: 'company',
    label: 'Company',
    typeId: '0-2',
    lastModified: 'hs_lastmodifieddate',
    defaultProperties: ['name', 'domain', 'createdate', 'hs_lastmodifieddate', 'hs_object_id'],
    needed: [['name', 'domain']],
  },
  {
    name: 'deals',
    singular: 'deal',
    label: 'Deal',
    typeId: '0-3',
    lastModified: 'hs_lastmodifieddate',
    defaultProperties: [
      'dealname',
      'amount',
      'closedate',
      'pipeline',
      'dealstage',
      'createdate',
      'hs_lastmodifieddate',
      'hs_object_id',
    ],
    needed: [['dealname'], ['dealstage']],
  },
];

/** @param nameOrId - `contacts`, `contact`, `CONTACT` or `0-1`. */
export function objectTypeNamed(nameOrId: string): ObjectType | undefined {
  const wanted = nameOrId.toLowerCase();
  return objectTypes.find(({ name, singular, typeId }) => wanted === name || wanted === singular || wanted === typeId);
}
