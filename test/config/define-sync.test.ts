import { describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { defineConfig, defineSync, lastWriteWins, manual, preferSystem } from '../../shared/config/define-sync.ts';

const rest = {
  strategy: lastWriteWins(),
  firstSync: manual(),
  onDelete: 'archive',
  poll: { everyMinutes: 1, overlapMinutes: 10 },
} as const;
const objects = {
  salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
  hubspot: { type: 'contacts', externalId: 'concord_id' },
} as const;
const systems = { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspot' } } as const;
const email = { kind: 'email', in: { salesforce: 'Email', hubspot: 'email' } } as const;

// Each directive below is itself the test: it fails the type check when the compiler sees nothing wrong.
describe('the compiler sees a wrong name in the config', () => {
  it('a system of a field that takes no part in the sync', () => {
    defineSync({
      name: 'contacts',
      objects,
      // @ts-expect-error -- hubspott
      fields: { email, title: { in: { salesforce: 'Title', hubspott: 'jobtitle' } } },
      matchKeys: [['email']],
      ...rest,
    });
  });

  it('a preferred system that takes no part in the sync', () => {
    defineSync({
      name: 'contacts',
      objects,
      fields: { email },
      matchKeys: [],
      ...rest,
      // @ts-expect-error -- hubpot
      strategy: preferSystem('hubpot', 'marketing owns it'),
    });
  });

  it('a match key that is no field', () => {
    // @ts-expect-error -- emial
    defineSync({ name: 'contacts', objects, fields: { email }, matchKeys: [['emial']], ...rest });
  });

  it('a part of a full name that is no field, and a full name that should travel both ways', () => {
    defineSync({
      name: 'contacts',
      objects,
      fields: { email },
      // @ts-expect-error -- nam
      fullNames: [{ system: 'hubspot', field: 'full_name', first: 'nam', last: 'email', direction: 'out' }],
      matchKeys: [],
      ...rest,
    });
    defineSync({
      name: 'contacts',
      objects,
      fields: { email },
      // @ts-expect-error -- both
      fullNames: [{ system: 'hubspot', field: 'full_name', first: 'email', last: 'email', direction: 'both' }],
      matchKeys: [],
      ...rest,
    });
  });

  it('a phone without its country, and a country that there is not', () => {
    defineSync({
      name: 'contacts',
      objects,
      // @ts-expect-error -- no country
      fields: { email, fax: { kind: 'phone', in: { salesforce: 'Fax', hubspot: 'fax' } } },
      matchKeys: [],
      ...rest,
    });
    defineSync({
      name: 'contacts',
      objects,
      // @ts-expect-error -- UK
      fields: { email, fax: { kind: 'phone', defaultCountry: 'UK', in: { salesforce: 'Fax', hubspot: 'fax' } } },
      matchKeys: [],
      ...rest,
    });
  });

  it('a sync with a system that the config does not have', () => {
    const sync = defineSync({
      name: 'contacts',
      objects: { salesforce: objects.salesforce, hubspott: objects.hubspot },
      fields: { email: { kind: 'email', in: { salesforce: 'Email', hubspott: 'email' } } },
      matchKeys: [],
      ...rest,
    });
    // @ts-expect-error -- hubspott
    const config = defineConfig({ tenant: 'main', systems, syncs: [sync] });
    expect(() => compileSync(config, 'contacts')).toThrow('did you mean hubspot?');
  });

  it('and nothing in a config that is right', () => {
    const config = defineConfig({
      tenant: 'main',
      systems,
      syncs: [
        defineSync({
          name: 'contacts',
          objects,
          fields: {
            email: { ...email, strategy: preferSystem('hubspot', 'people sign up there') },
            firstName: { in: { salesforce: 'FirstName' } },
            lastName: { in: { salesforce: 'LastName' } },
          },
          fullNames: [{ system: 'hubspot', field: 'full_name', first: 'firstName', last: 'lastName', direction: 'out' }],
          matchKeys: [['email']],
          ...rest,
        }),
      ],
    });
    expect(compileSync(config, 'contacts').rules.systems.hubspot?.fields).toEqual({
      email: 'both',
      firstName: 'out',
      lastName: 'out',
    });
  });
});
