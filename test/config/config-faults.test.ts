import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { ConfigError } from '../../shared/config/config-error.ts';
import { brokenConfig, faultsOf, wrong } from './broken-config.ts';

describe('the config as it comes', () => {
  it('has no fault', () => {
    expect(compileSync(config, 'contacts').name).toBe('contacts');
  });

  it('names the syncs there are when one is asked for that is not there', () => {
    expect(() => compileSync(config, 'tickets')).toThrow(
      new ConfigError(['syncs: there is no sync "tickets"; there is contacts, companies, deals']),
    );
  });
});

describe('a fault of shape', () => {
  it('is told together with all others, each with its place, what stands there and what would be right', () => {
    const given = brokenConfig({
      tenant: 'Main!',
      systems: { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspott' } },
      sync: { onDelete: 'delete', poll: { everyMinutes: 0, overlapMinutes: 10 } },
    });
    expect(() => compileSync(given, 'contacts')).toThrow(
      'concord.config.ts cannot be used:\n' +
        '  - tenant: "Main!" is not a tenant; use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter\n' +
        '  - systems.hubspot.connector: "hubspott" is not a connector; use one of salesforce, hubspot\n' +
        '  - syncs.contacts.onDelete: "delete" is not a way to treat deletions; use one of archive, unlink\n' +
        '  - syncs.contacts.poll.everyMinutes: 0 is not a whole number of minutes from 1 to 1440; change it',
    );
  });

  it('does not hide faults of reference', () => {
    const faults = faultsOf({ sync: { onDelete: 'delete', matchKeys: [['emial']] } });
    expect(faults).toHaveLength(2);
    expect(faults[1]).toBe('syncs.contacts.matchKeys.0: "emial" is not a field of this sync; did you mean email?');
  });

  it.each([
    [
      'a strategy that does not exist',
      { sync: { strategy: { kind: 'newest-wins' } } },
      'syncs.contacts.strategy: "newest-wins" is not a strategy; use lastWriteWins(), firstWriteWins(), preferSystem(system, reason), fillOnly(), additive(), maximum(), minimum(), setUnion(), custom(name, decide), businessRules(rules, otherwise) or manual()',
    ],
    [
      'a strategy that is missing',
      { sync: { firstSync: undefined } },
      'syncs.contacts.firstSync: is missing; use lastWriteWins(), firstWriteWins(), preferSystem(system, reason), fillOnly(), additive(), maximum(), minimum(), setUnion(), custom(name, decide), businessRules(rules, otherwise) or manual()',
    ],
    [
      'a preference without a reason',
      { sync: { strategy: { kind: 'prefer-system', system: 'hubspot', reason: ' ' } } },
      'syncs.contacts.strategy.reason: is empty; say why this system is preferred: the ledger shows it',
    ],
    [
      'a misspelt setting',
      { sync: { fields: wrong('lastName', { knd: 'text', in: { salesforce: 'LastName', hubspot: 'lastname' } }) } },
      'syncs.contacts.fields.lastName: "knd" is no setting of a field; did you mean kind?',
    ],
    [
      'a kind that does not exist',
      { sync: { fields: wrong('lastName', { kind: 'string', in: { salesforce: 'LastName', hubspot: 'lastname' } }) } },
      'syncs.contacts.fields.lastName.kind: "string" is not a kind of field; use one of text, email, phone, date, number, boolean, picklist, set, domain, reference',
    ],
    [
      'a transform that does not exist',
      {
        sync: {
          fields: wrong('lastName', { in: { salesforce: 'LastName', hubspot: { field: 'x', transform: { kind: 'fone' } } } }),
        },
      },
      'syncs.contacts.fields.lastName.in.hubspot.transform: "fone" is not a transform; use one of text(), trim(), lowerCase(), upperCase(), email(), numberText(), booleanText(), date(), phone(country), picklist(table), separated(separator)',
    ],
    [
      'a direction that does not exist',
      { sync: { fields: wrong('lastName', { in: { salesforce: 'LastName', hubspot: { field: 'x', direction: 'inn' } } }) } },
      'syncs.contacts.fields.lastName.in.hubspot.direction: "inn" is not a direction; use one of both, in, out',
    ],
    [
      'a name that JavaScript keeps for itself',
      { sync: { fields: wrong('constructor', { in: { salesforce: 'LastName', hubspot: 'lastname' } }) } },
      'syncs.contacts.fields.constructor: "constructor" is not a usable name; JavaScript keeps that word for itself',
    ],
    [
      'a country by its common name',
      {
        sync: {
          fields: wrong('fax', { kind: 'phone', defaultCountry: 'UK', in: { salesforce: 'Fax', hubspot: 'fax' } }),
        },
      },
      "syncs.contacts.fields.fax.defaultCountry: \"UK\" is not a country that telephone numbers know; use its two-letter ISO code in capitals, such as 'AU' or 'GB'",
    ],
    [
      'an empty choice',
      {
        sync: {
          fields: wrong('role', {
            kind: 'picklist',
            in: { salesforce: { field: 'Role__c', transform: { kind: 'picklist', table: { none: '' } } }, hubspot: 'role' },
          }),
        },
      },
      'syncs.contacts.fields.role.in.salesforce.transform.table.none.0: is empty; give the internal value of a choice',
    ],
    [
      'a full name that should travel both ways',
      {
        sync: {
          fullNames: [{ system: 'hubspot', field: 'full_name', first: 'lastName', last: 'email', direction: 'both' }],
        },
      },
      'syncs.contacts.fullNames.0.direction: "both" is not possible for a full name; use \'in\' to split it or \'out\' to join it: "Ada van Lovelace" does not say where the last name begins, so there is no way back',
    ],
  ])('%s is explained', (_, changes, sentence) => {
    expect(faultsOf(changes)).toContain(sentence);
  });

  it('in an empty config is still told in sentences', () => {
    expect(faultsOf({ tenant: undefined, systems: undefined, syncs: undefined })).toEqual([
      'tenant: is missing; give it a short name',
      'systems: is missing; give an object with one entry for each',
      'syncs: is missing; give [defineSync({ ... })]',
    ]);
  });
});

describe('a fault of reference', () => {
  const both = { salesforce: 'Title', hubspot: 'jobtitle' };

  it.each([
    [
      'a system the config does not have',
      {
        sync: {
          objects: { salesforce: { type: 'Contact', externalId: 'Id__c' }, hubspott: { type: 'contacts', externalId: 'id' } },
        },
      },
      'syncs.contacts.objects.hubspott: "hubspott" is not one of the systems above; did you mean hubspot?',
    ],
    [
      'a system that takes no part',
      { sync: { fields: wrong('title', { in: { salesforc: 'Title', hubspot: 'jobtitle' } }) } },
      'syncs.contacts.fields.title.in.salesforc: "salesforc" takes no part in this sync; did you mean salesforce?',
    ],
    [
      'a preferred system that takes no part',
      { sync: { strategy: { kind: 'prefer-system', system: 'hubpot', reason: 'r' } } },
      'syncs.contacts.strategy.system: "hubpot" takes no part in this sync; did you mean hubspot?',
    ],
    [
      'a preferred system that only receives the field',
      {
        sync: {
          fields: wrong('title', {
            strategy: { kind: 'prefer-system', system: 'hubspot', reason: 'r' },
            in: { salesforce: 'Title', hubspot: { field: 'jobtitle', direction: 'out' } },
          }),
        },
      },
      'syncs.contacts.fields.title.strategy.system: "hubspot" only receives this field, so it has nothing to prefer; prefer another system',
    ],
    [
      'a single system',
      { sync: { objects: { salesforce: { type: 'Contact', externalId: 'Id__c' } } } },
      'syncs.contacts.objects: names salesforce only; a sync needs two systems at least',
    ],
    [
      'a field in one system only',
      { sync: { fields: wrong('title', { in: { salesforce: 'Title' } }) } },
      'syncs.contacts.fields.title.in: is mapped in salesforce only; map it in two systems at least, or take the field out',
    ],
    [
      'a field that nobody reads',
      {
        sync: {
          fields: wrong('title', {
            in: { salesforce: { field: 'Title', direction: 'out' }, hubspot: { field: 'jobtitle', direction: 'out' } },
          }),
        },
      },
      "syncs.contacts.fields.title.in: is written everywhere and read nowhere; give one side the direction 'both' or 'in'",
    ],
    [
      'a native field with two owners',
      { sync: { fields: wrong('title', { in: { salesforce: 'Title', hubspot: 'lastname' } }) } },
      'syncs.contacts.fields.title.in.hubspot: "lastname" is mapped to lastName already; a native field belongs to one canonical field',
    ],
    [
      'a mapped external id',
      { sync: { fields: wrong('title', { in: { salesforce: 'Concord_Id__c', hubspot: 'jobtitle' } }) } },
      'syncs.contacts.fields.title.in.salesforce: "Concord_Id__c" carries the record\'s id (externalId); map another field',
    ],
    [
      'a field of a related object',
      { sync: { fields: wrong('company', { in: { salesforce: 'Account.Name', hubspot: 'company' } }) } },
      'syncs.contacts.fields.company.in.salesforce: "Account.Name" is no field of the object itself; use the API name of one, such as MailingCity',
    ],
    [
      'a phone without a country',
      { sync: { fields: wrong('fax', { kind: 'phone', in: { salesforce: 'Fax', hubspot: 'fax' } }) } },
      "syncs.contacts.fields.fax.defaultCountry: is missing; a phone needs the country of numbers without a country code, such as 'AU'",
    ],
    [
      'a country without a phone',
      { sync: { fields: wrong('title', { defaultCountry: 'AU', in: both }) } },
      'syncs.contacts.fields.title.defaultCountry: "AU" says nothing of a text; take it out, or set kind: \'phone\'',
    ],
    [
      'a case that does not matter where none is',
      { sync: { fields: wrong('born', { kind: 'date', ignoreCase: true, in: both }) } },
      'syncs.contacts.fields.born.ignoreCase: true says nothing of a date; take it out',
    ],
    [
      'a transform of another kind',
      {
        sync: {
          fields: wrong('title', {
            in: { salesforce: { field: 'Title', transform: { kind: 'number-text' } }, hubspot: 'jobtitle' },
          }),
        },
      },
      'syncs.contacts.fields.title.in.salesforce.transform: "number-text" does not fit a field of kind text; use text, trim, lower-case, upper-case, picklist, or set kind: \'number\'',
    ],
    [
      'a match key that one system cannot have',
      {
        sync: {
          fields: {
            title: { in: { salesforce: 'Title', hubspot: 'jobtitle' } },
            email: { kind: 'email', in: { salesforce: 'Email' } },
          },
        },
      },
      'syncs.contacts.matchKeys.0: "email" is not mapped in hubspot, so nothing there could match; map it, or take it out of the key',
    ],
    [
      'a match key twice',
      { sync: { matchKeys: [['email'], ['email']] } },
      'syncs.contacts.matchKeys.1: "email" is there already; take one of them out',
    ],
    [
      'a part of a full name that is mapped by itself too',
      {
        sync: { fullNames: [{ system: 'hubspot', field: 'full_name', first: 'email', last: 'lastName', direction: 'in' }] },
      },
      'syncs.contacts.fullNames.0: email and lastName would be read twice in hubspot; map the parts or the full name there, not both',
    ],
    [
      'a poll that looks back less far than it waits',
      { sync: { poll: { everyMinutes: 15, overlapMinutes: 10 } } },
      'syncs.contacts.poll.overlapMinutes: 10 is less than everyMinutes (15); rows that become visible late would be missed: use 15 or more',
    ],
  ])('%s is explained', (_, changes, sentence) => {
    expect(faultsOf(changes)).toContain(sentence);
  });

  it('two syncs of one object type are refused: an object belongs to one record', () => {
    const [sync, ...others] = config.syncs;
    const twice = { ...config, syncs: [sync, ...others, { ...sync, name: 'people' }] };
    expect(faultsOf(twice)).toEqual([
      'syncs.people.objects.salesforce.type: Contact is synced by contacts already; map its fields there',
      'syncs.people.objects.hubspot.type: contacts is synced by contacts already; map its fields there',
    ]);
  });
});
