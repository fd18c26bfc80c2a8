/** A contact property as HubSpot's properties API takes it. */
export interface PropertyDefinition {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly groupName: string;
  readonly type: 'string' | 'date';
  readonly fieldType: 'text' | 'date';
  /** HubSpot takes this at creation only, and at most ten times per object type. */
  readonly hasUniqueValue: boolean;
  readonly formField: boolean;
}

const base = { groupName: 'contactinformation', formField: false } as const;

/** What Concord needs on contacts beside HubSpot's own properties. */
export const contactProperties: readonly PropertyDefinition[] = [
  {
    ...base,
    name: 'concord_id',
    label: 'Concord ID',
    description: 'Ties this contact to its Concord record. Written by Concord; please do not edit.',
    type: 'string',
    fieldType: 'text',
    hasUniqueValue: true, // a create that is repeated after a lost answer must not make a second contact
  },
  {
    ...base,
    name: 'person_number',
    label: 'Person number',
    description: 'The number by which the person is known in other systems.',
    type: 'string',
    fieldType: 'text',
    hasUniqueValue: false, // a double is a matter for a person, not a reason to refuse the write
  },
  {
    ...base,
    name: 'birthdate',
    label: 'Birthdate',
    description: 'Date of birth, as a date without a time.',
    type: 'date',
    fieldType: 'date',
    hasUniqueValue: false,
  },
];
