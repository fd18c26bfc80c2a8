import type { ObjectType } from './object-types.ts';
import type { PropertyDefinition, PropertyInput } from './property-definition.ts';

type Row = readonly [
  name: string,
  label: string,
  type: PropertyInput['type'],
  fieldType: PropertyInput['fieldType'],
  more?: Extra,
];
interface Extra {
  readonly options?: readonly string[];
  readonly readOnly?: true;
  readonly unique?: true;
  readonly group?: string;
}

/** The properties every account has, as far as a sync of contacts may meet them. Read-only ones are computed by HubSpot. */
const contactRows: readonly Row[] = [
  ['email', 'Email', 'string', 'text', { unique: true }],
  ['hs_additional_emails', 'Additional email addresses', 'string', 'textarea'],
  ['firstname', 'First Name', 'string', 'text'],
  ['lastname', 'Last Name', 'string', 'text'],
  ['salutation', 'Salutation', 'string', 'text'],
  ['jobtitle', 'Job Title', 'string', 'text'],
  ['company', 'Company Name', 'string', 'text'],
  ['phone', 'Phone Number', 'string', 'phonenumber'],
  ['mobilephone', 'Mobile Phone Number', 'string', 'phonenumber'],
  ['fax', 'Fax Number', 'string', 'text'],
  ['address', 'Street Address', 'string', 'text'],
  ['city', 'City', 'string', 'text'],
  ['state', 'State/Region', 'string', 'text'],
  ['zip', 'Postal Code', 'string', 'text'],
  ['country', 'Country/Region', 'string', 'text'],
  ['website', 'Website URL', 'string', 'text'],
  ['industry', 'Industry', 'string', 'text'],
  ['annualrevenue', 'Annual Revenue', 'string', 'text'],
  ['date_of_birth', 'Date of birth', 'string', 'text'],
  ['message', 'Message', 'string', 'textarea'],
  ['twitterhandle', 'Twitter Username', 'string', 'text'],
  ['hs_linkedin_url', 'LinkedIn URL', 'string', 'text'],
  ['hubspot_owner_id', 'Contact owner', 'enumeration', 'select'],
  ['closedate', 'Close Date', 'datetime', 'date'],
  ['hs_email_optout', 'Unsubscribed from all email', 'bool', 'booleancheckbox'],
  [
    'lifecyclestage',
    'Lifecycle Stage',
    'enumeration',
    'radio',
    {
      options: [
        'subscriber',
        'lead',
        'marketingqualifiedlead',
        'salesqualifiedlead',
        'opportunity',
        'customer',
        'evangelist',
        'other',
      ],
    },
  ],
  [
    'hs_lead_status',
    'Lead Status',
    'enumeration',
    'radio',
    {
      options: ['NEW', 'OPEN', 'IN_PROGRESS', 'OPEN_DEAL', 'UNQUALIFIED', 'ATTEMPTED_TO_CONTACT', 'CONNECTED', 'BAD_TIMING'],
    },
  ],
  ['lastmodifieddate', 'Last Modified Date', 'datetime', 'date', { readOnly: true }],
  ['hs_calculated_merged_vids', 'Merged record IDs with timestamps', 'string', 'text', { readOnly: true }],
];

const companyRows: readonly Row[] = [
  ['name', 'Company name', 'string', 'text'],
  ['domain', 'Company Domain Name', 'string', 'text'],
  ['phone', 'Phone Number', 'string', 'phonenumber'],
  ['address', 'Street Address', 'string', 'text'],
  ['city', 'City', 'string', 'text'],
  ['state', 'State/Region', 'string', 'text'],
  ['zip', 'Postal Code', 'string', 'text'],
  ['country', 'Country/Region', 'string', 'text'],
  ['website', 'Website URL', 'string', 'text'],
  ['description', 'Description', 'string', 'textarea'],
  ['numberofemployees', 'Number of Employees', 'number', 'number'],
  ['annualrevenue', 'Annual Revenue', 'number', 'number'],
  ['hs_lastmodifieddate', 'Last Modified Date', 'datetime', 'date', { readOnly: true }],
];

const dealRows: readonly Row[] = [
  ['dealname', 'Deal Name', 'string', 'text'],
  ['amount', 'Amount', 'number', 'number'],
  ['closedate', 'Close Date', 'datetime', 'date'],
  ['pipeline', 'Pipeline', 'enumeration', 'select', { options: ['default'] }],
  [
    'dealstage',
    'Deal Stage',
    'enumeration',
    'radio',
    {
      options: [
        'appointmentscheduled',
        'qualifiedtobuy',
        'presentationscheduled',
        'decisionmakerboughtin',
        'contractsent',
        'closedwon',
        'closedlost',
      ],
    },
  ],
  ['description', 'Deal Description', 'string', 'textarea'],
  ['hs_lastmodifieddate', 'Last Modified Date', 'datetime', 'date', { readOnly: true }],
];

const commonRows: readonly Row[] = [
  ['hs_object_id', 'Record ID', 'number', 'number', { readOnly: true }],
  ['createdate', 'Create Date', 'datetime', 'date', { readOnly: true }],
  ['hs_merged_object_ids', 'Merged record IDs', 'string', 'text', { readOnly: true }],
];

const rowsByType = { contacts: contactRows, companies: companyRows, deals: dealRows } as const;
export const propertyGroups = {
  contacts: 'contactinformation',
  companies: 'companyinformation',
  deals: 'dealinformation',
} as const;

export function standardProperties(type: ObjectType, atMs: number): PropertyDefinition[] {
  return [...rowsByType[type.name], ...commonRows].map(([name, label, valueType, fieldType, more]) => ({
    name,
    label,
    type: valueType,
    fieldType,
    groupName: propertyGroups[type.name],
    hubspotDefined: true,
    calculated: false,
    readOnlyValue: more?.readOnly ?? false,
    hasUniqueValue: more?.unique ?? false,
    archived: false,
    createdAtMs: atMs,
    updatedAtMs: atMs,
    ...(more?.options ? { options: more.options.map((value) => ({ label: value, value })) } : {}),
  }));
}
