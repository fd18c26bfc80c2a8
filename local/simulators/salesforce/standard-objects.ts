import type { NativeValues } from '../../../shared/sync/change-hint.ts';
import type { FieldSpec, FieldType, ObjectDefinition } from './object-schema.ts';

/**
 * The objects every simulated org has, with the lengths of the object reference
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm).
 */

const field = (name: string, label: string, type: FieldType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  label,
  type,
  ...more,
});
const text = (name: string, label: string, length: number, more: Partial<FieldSpec> = {}) =>
  field(name, label, 'string', { length, ...more });
const phone = (name: string, label: string) => field(name, label, 'phone', { length: 40 });

function addressFields(kind: 'Mailing' | 'Other' | 'Billing' | 'Shipping'): FieldSpec[] {
  const part = (component: string, label: string, type: FieldType, more: Partial<FieldSpec>) =>
    field(`${kind}${component}`, `${kind} ${label}`, type, { ...more, compound: { field: `${kind}Address`, component } });
  return [
    part('Street', 'Street', 'textarea', { length: 255 }),
    part('City', 'City', 'string', { length: 40 }),
    part('State', 'State/Province', 'string', { length: 80 }),
    part('PostalCode', 'Zip/Postal Code', 'string', { length: 20 }),
    part('Country', 'Country', 'string', { length: 80 }),
    part('Latitude', 'Latitude', 'double', { precision: 18, scale: 15 }),
    part('Longitude', 'Longitude', 'double', { precision: 18, scale: 15 }),
    field(`${kind}Address`, `${kind} Address`, 'address', { readOnly: true }),
  ];
}

const owner = field('OwnerId', 'Owner ID', 'reference', { referenceTo: 'User', relationshipName: 'Owner' });
const SALUTATIONS = ['Mr.', 'Ms.', 'Mrs.', 'Dr.', 'Prof.', 'Mx.'];
const LEAD_SOURCES = ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Other'];
const INDUSTRIES = [
  'Agriculture',
  'Banking',
  'Consulting',
  'Education',
  'Energy',
  'Finance',
  'Manufacturing',
  'Technology',
  'Other',
];

/** `Name` of a person: the parts joined; the salutation is not one of them. */
function personName(values: NativeValues): string {
  return [values.FirstName, values.LastName].filter((part) => part !== null && part !== undefined).join(' ');
}

const nameParts: FieldSpec[] = [
  text('LastName', 'Last Name', 80, { required: true, compound: { field: 'Name', component: 'LastName' } }),
  text('FirstName', 'First Name', 40, { compound: { field: 'Name', component: 'FirstName' } }),
  field('Salutation', 'Salutation', 'picklist', {
    length: 40,
    picklist: SALUTATIONS,
    compound: { field: 'Name', component: 'Salutation' },
  }),
  text('Name', 'Full Name', 121, { readOnly: true, formula: personName }),
];

/** As the metadata in `deploy/salesforce` defines it. */
const concordId = text('Concord_Id__c', 'Concord ID', 36, {
  custom: true,
  externalId: true,
  unique: true,
  caseSensitive: true,
  idLookup: true,
});

export const contactObject: ObjectDefinition = {
  name: 'Contact',
  label: 'Contact',
  keyPrefix: '003',
  mergeable: true,
  fields: [
    field('AccountId', 'Account ID', 'reference', { referenceTo: 'Account', relationshipName: 'Account' }),
    ...nameParts,
    ...addressFields('Other'),
    ...addressFields('Mailing'),
    phone('Phone', 'Business Phone'),
    phone('Fax', 'Business Fax'),
    phone('MobilePhone', 'Mobile Phone'),
    phone('HomePhone', 'Home Phone'),
    phone('OtherPhone', 'Other Phone'),
    phone('AssistantPhone', 'Asst. Phone'),
    field('ReportsToId', 'Reports To ID', 'reference', { referenceTo: 'Contact', relationshipName: 'ReportsTo' }),
    field('Email', 'Email', 'email', { length: 80, idLookup: true }),
    text('Title', 'Title', 128),
    text('Department', 'Department', 80),
    text('AssistantName', "Assistant's Name", 40),
    field('LeadSource', 'Lead Source', 'picklist', { length: 255, picklist: LEAD_SOURCES }),
    field('Birthdate', 'Birthdate', 'date'),
    field('Description', 'Contact Description', 'textarea', { length: 32_000 }),
    owner,
    field('HasOptedOutOfEmail', 'Email Opt Out', 'boolean', { defaultValue: false }),
    field('DoNotCall', 'Do Not Call', 'boolean', { defaultValue: false }),
    // Concord's own key, and a number by which people know a person; the latter need not be unique.
    concordId,
    text('Person_Number__c', 'Person number', 40, { custom: true, externalId: true, idLookup: true }),
  ],
};

export const accountObject: ObjectDefinition = {
  name: 'Account',
  label: 'Account',
  keyPrefix: '001',
  mergeable: true,
  fields: [
    text('Name', 'Account Name', 255, { required: true }),
    field('Type', 'Account Type', 'picklist', { length: 255, picklist: ['Prospect', 'Customer', 'Partner', 'Other'] }),
    field('ParentId', 'Parent Account ID', 'reference', { referenceTo: 'Account', relationshipName: 'Parent' }),
    ...addressFields('Billing'),
    ...addressFields('Shipping'),
    phone('Phone', 'Account Phone'),
    text('AccountNumber', 'Account Number', 40),
    field('Website', 'Website', 'url', { length: 255 }),
    field('Industry', 'Industry', 'picklist', { length: 255, picklist: INDUSTRIES }),
    field('AnnualRevenue', 'Annual Revenue', 'currency', { precision: 18, scale: 0 }),
    field('NumberOfEmployees', 'Employees', 'int', { precision: 8 }),
    field('Rating', 'Account Rating', 'picklist', { length: 255, picklist: ['Hot', 'Warm', 'Cold'] }),
    field('Description', 'Account Description', 'textarea', { length: 32_000 }),
    owner,
    concordId,
  ],
};

/** Salesforce: object reference, Opportunity; the stages of a new org, which its users may change. */
const STAGES = [
  'Prospecting',
  'Qualification',
  'Needs Analysis',
  'Value Proposition',
  'Id. Decision Makers',
  'Perception Analysis',
  'Proposal/Price Quote',
  'Negotiation/Review',
  'Closed Won',
  'Closed Lost',
];

export const opportunityObject: ObjectDefinition = {
  name: 'Opportunity',
  label: 'Opportunity',
  labelPlural: 'Opportunities',
  keyPrefix: '006',
  fields: [
    field('AccountId', 'Account ID', 'reference', { referenceTo: 'Account', relationshipName: 'Account' }),
    text('Name', 'Name', 120, { required: true }),
    field('Description', 'Description', 'textarea', { length: 32_000 }),
    field('StageName', 'Stage', 'picklist', { length: 255, picklist: STAGES, restricted: true, required: true }),
    field('Amount', 'Amount', 'currency', { precision: 18, scale: 2 }),
    field('Probability', 'Probability (%)', 'percent', { precision: 3, scale: 0 }),
    field('CloseDate', 'Close Date', 'date', { required: true }),
    field('Type', 'Opportunity Type', 'picklist', { length: 255, picklist: ['New Business', 'Existing Business'] }),
    text('NextStep', 'Next Step', 255),
    field('LeadSource', 'Lead Source', 'picklist', { length: 255, picklist: LEAD_SOURCES }),
    owner,
    concordId,
  ],
};

/** A person nobody has spoken to yet; its conversion makes a contact of it, and the lead itself is closed to changes. */
export const leadObject: ObjectDefinition = {
  name: 'Lead',
  label: 'Lead',
  keyPrefix: '00Q',
  mergeable: true,
  fields: [
    ...nameParts,
    text('Company', 'Company', 255, { required: true }),
    text('Title', 'Title', 128),
    field('Email', 'Email', 'email', { length: 80, idLookup: true }),
    phone('Phone', 'Phone'),
    field('Status', 'Lead Status', 'picklist', {
      length: 255,
      picklist: ['Open - Not Contacted', 'Working - Contacted', 'Closed - Converted', 'Closed - Not Converted'],
      defaultValue: 'Open - Not Contacted',
    }),
    field('IsConverted', 'Converted', 'boolean', { readOnly: true, defaultValue: false }),
    field('ConvertedContactId', 'Converted Contact ID', 'reference', { readOnly: true, referenceTo: 'Contact' }),
    field('ConvertedAccountId', 'Converted Account ID', 'reference', { readOnly: true, referenceTo: 'Account' }),
    field('ConvertedOpportunityId', 'Converted Opportunity ID', 'reference', { readOnly: true, referenceTo: 'Opportunity' }),
    owner,
    concordId,
  ],
};

/** Users come and go with the persons that a test names; the API may only read them. */
export const userObject: ObjectDefinition = {
  name: 'User',
  label: 'User',
  keyPrefix: '005',
  captured: false,
  readOnly: true,
  fields: [
    text('Username', 'Username', 80, { required: true, indexed: true }),
    ...nameParts,
    field('Email', 'Email', 'email', { length: 128 }),
    field('IsActive', 'Active', 'boolean', { defaultValue: true }),
  ],
};

export const organizationObject: ObjectDefinition = {
  name: 'Organization',
  label: 'Organization',
  keyPrefix: '00D',
  captured: false,
  readOnly: true,
  fields: [
    text('Name', 'Name', 80, { required: true }),
    text('OrganizationType', 'Edition', 40),
    field('IsSandbox', 'Is Sandbox', 'boolean', { defaultValue: true }),
  ],
};
