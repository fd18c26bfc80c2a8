import { association, defineConfig, defineSync, lastWriteWins, picklist, preferSystem } from './shared/config/define-sync.ts';

/** What Concord keeps in agreement, and by which rules. docs/configuration.md explains every key. */
export default defineConfig({
  tenant: 'main',

  // The order breaks ties: where two edits cannot be told apart in time, the system named first wins.
  systems: {
    salesforce: { connector: 'salesforce' },
    hubspot: { connector: 'hubspot' },
  },

  syncs: [
    defineSync({
      name: 'contacts',
      objects: {
        salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
        hubspot: { type: 'contacts', externalId: 'concord_id' },
      },
      fields: {
        firstName: { in: { salesforce: 'FirstName', hubspot: 'firstname' } },
        lastName: { in: { salesforce: 'LastName', hubspot: 'lastname' } },
        email: { kind: 'email', in: { salesforce: 'Email', hubspot: 'email' } },
        phone: { kind: 'phone', defaultCountry: 'AU', in: { salesforce: 'Phone', hubspot: 'phone' } },
        jobTitle: { in: { salesforce: 'Title', hubspot: 'jobtitle' } },
        street: { in: { salesforce: 'MailingStreet', hubspot: 'address' } },
        city: { in: { salesforce: 'MailingCity', hubspot: 'city' } },
        postalCode: { in: { salesforce: 'MailingPostalCode', hubspot: 'zip' } },
        state: { in: { salesforce: 'MailingState', hubspot: 'state' } },
        dateOfBirth: { kind: 'date', in: { salesforce: 'Birthdate', hubspot: 'birthdate' } },
        company: {
          kind: 'reference',
          to: 'companies',
          in: { salesforce: 'AccountId', hubspot: association('companies', 'primary') },
        },
        personNumber: {
          strategy: preferSystem('salesforce', 'the number is issued there'),
          in: { salesforce: 'Person_Number__c', hubspot: 'person_number' },
        },
      },
      matchKeys: [['personNumber'], ['email']],
      strategy: lastWriteWins(),
      firstSync: preferSystem('salesforce', 'sales has looked after these people the longest'),
      onDelete: 'archive',
      poll: { everyMinutes: 1, overlapMinutes: 10 },
    }),

    defineSync({
      name: 'companies',
      objects: {
        salesforce: { type: 'Account', externalId: 'Concord_Id__c' },
        hubspot: { type: 'companies', externalId: 'concord_id' },
      },
      fields: {
        name: { in: { salesforce: 'Name', hubspot: 'name' } },
        domain: { kind: 'domain', in: { salesforce: 'Website', hubspot: 'domain' } },
        phone: { kind: 'phone', defaultCountry: 'AU', in: { salesforce: 'Phone', hubspot: 'phone' } },
        street: { in: { salesforce: 'BillingStreet', hubspot: 'address' } },
        city: { in: { salesforce: 'BillingCity', hubspot: 'city' } },
        postalCode: { in: { salesforce: 'BillingPostalCode', hubspot: 'zip' } },
        state: { in: { salesforce: 'BillingState', hubspot: 'state' } },
        country: { in: { salesforce: 'BillingCountry', hubspot: 'country' } },
        description: { in: { salesforce: 'Description', hubspot: 'description' } },
        employees: { kind: 'number', in: { salesforce: 'NumberOfEmployees', hubspot: 'numberofemployees' } },
        annualRevenue: { kind: 'number', in: { salesforce: 'AnnualRevenue', hubspot: 'annualrevenue' } },
        parentCompany: {
          kind: 'reference',
          to: 'companies',
          in: { salesforce: 'ParentId', hubspot: association('companies', 'parent') },
        },
      },
      matchKeys: [['domain'], ['name', 'city']],
      strategy: lastWriteWins(),
      firstSync: preferSystem('salesforce', 'sales has looked after these companies the longest'),
      onDelete: 'archive',
      poll: { everyMinutes: 1, overlapMinutes: 10 },
    }),

    defineSync({
      name: 'deals',
      objects: {
        salesforce: { type: 'Opportunity', externalId: 'Concord_Id__c' },
        hubspot: { type: 'deals', externalId: 'concord_id' },
      },
      fields: {
        name: { in: { salesforce: 'Name', hubspot: 'dealname' } },
        amount: { kind: 'number', in: { salesforce: 'Amount', hubspot: 'amount' } },
        closeDate: { kind: 'date', in: { salesforce: 'CloseDate', hubspot: 'closedate' } },
        // A stage that only one of the two has is refused by the other, and shown: give it a partner there.
        stage: {
          kind: 'picklist',
          in: {
            salesforce: {
              field: 'StageName',
              transform: picklist({
                prospecting: 'Prospecting',
                qualified: 'Qualification',
                presented: 'Value Proposition',
                decisionMakers: 'Id. Decision Makers',
                proposed: 'Proposal/Price Quote',
                won: 'Closed Won',
                lost: 'Closed Lost',
              }),
            },
            hubspot: {
              field: 'dealstage',
              transform: picklist({
                prospecting: 'appointmentscheduled',
                qualified: 'qualifiedtobuy',
                presented: 'presentationscheduled',
                decisionMakers: 'decisionmakerboughtin',
                proposed: 'contractsent',
                won: 'closedwon',
                lost: 'closedlost',
              }),
            },
          },
        },
        description: { in: { salesforce: 'Description', hubspot: 'description' } },
        company: {
          kind: 'reference',
          to: 'companies',
          in: { salesforce: 'AccountId', hubspot: association('companies', 'primary') },
        },
      },
      // Two deals of one name are two deals: those that Concord made know each other by its id, all others stay apart.
      matchKeys: [],
      strategy: lastWriteWins(),
      firstSync: preferSystem('salesforce', 'the forecast is made there'),
      onDelete: 'archive',
      poll: { everyMinutes: 1, overlapMinutes: 10 },
    }),
  ],
});
