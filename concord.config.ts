import { defineConfig, defineSync, lastWriteWins, preferSystem } from './shared/config/define-sync.ts';

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
  ],
});
