import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { ConfigError } from '../../shared/config/config-error.ts';
import type { ConcordConfig } from '../../shared/config/define-sync.ts';

/** The config as it comes, with one field of deals and its match keys as given. */
const withDeals = (company: unknown, matchKeys: unknown = []): ConcordConfig => ({
  ...config,
  syncs: config.syncs.map((sync) =>
    sync.name === 'deals' ? Object.assign({}, sync, { fields: Object.assign({}, sync.fields, { company }), matchKeys }) : sync,
  ),
});
function faultsOf(given: ConcordConfig): readonly string[] {
  try {
    compileSync(given, 'deals');
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}
const sides = { salesforce: 'AccountId', hubspot: 'association:companies:primary' };
const at = 'syncs.deals.fields.company';

describe('a reference in the config', () => {
  it.each([
    ['to no sync', { kind: 'reference', in: sides }, `${at}.to: is missing; name the sync whose records it stands for`],
    [
      'to a sync that is not there',
      { kind: 'reference', to: 'companys', in: sides },
      `${at}.to: there is no sync "companys"; did you mean companies?`,
    ],
    [
      'to a field of HubSpot instead of an association',
      { kind: 'reference', to: 'companies', in: { ...sides, hubspot: 'company' } },
      `${at}.in.hubspot: "company" is no association that deals can have with companies; use association('companies', 'primary')`,
    ],
    [
      'by an association that deals do not have',
      { kind: 'reference', to: 'companies', in: { ...sides, hubspot: 'association:companies:parent' } },
      `${at}.in.hubspot: "association:companies:parent" is no association that deals can have with companies; use association('companies', 'primary')`,
    ],
    [
      'to objects that have no association',
      { kind: 'reference', to: 'contacts', in: { salesforce: 'ContactId', hubspot: 'association:contacts:primary' } },
      `${at}.in.hubspot: "association:contacts:primary" is no association that deals can have with contacts; take this side out`,
    ],
    [
      'with a transform',
      { kind: 'reference', to: 'companies', in: { ...sides, salesforce: { field: 'AccountId', transform: { kind: 'trim' } } } },
      `${at}.in.salesforce.transform: a reference is an id, which nothing transforms; take it out`,
    ],
  ])('%s is refused', (_, company, fault) => expect(faultsOf(withDeals(company))).toContain(fault));

  it('takes part in no match key', () => {
    expect(faultsOf(withDeals({ kind: 'reference', to: 'companies', in: sides }, [['name', 'company']]))).toEqual([
      'syncs.deals.matchKeys.0: "company" is a reference, and tells no two objects to be the same one; take it out',
    ]);
  });

  it('is needed for an association, and says nothing of another kind of field', () => {
    expect(faultsOf(withDeals({ to: 'companies', in: sides }))).toEqual([
      `${at}.to: says nothing of a text; take it out, or set kind: 'reference'`,
      `${at}.in.hubspot: an association stands for another record; set kind: 'reference', and to: its sync`,
    ]);
  });
});

describe('the texts under which a value is searched for', () => {
  const forms = (sync: string, field: string, value: string | null) =>
    compileSync(config, sync).sides.salesforce?.searchForms(field, value);

  it('are those in which people write a telephone number', () => {
    expect(forms('contacts', 'phone', '+61255501234')).toEqual([
      '+61255501234',
      '+61 2 5550 1234',
      '(02) 5550 1234',
      '0255501234',
      '61255501234',
    ]);
    expect(forms('contacts', 'phone', 'ask for Bob')).toEqual(['ask for Bob']);
  });

  it('are the web addresses of a domain, and for anything else the value alone', () => {
    expect(forms('companies', 'domain', 'acme.com')).toEqual(expect.arrayContaining(['acme.com', 'https://www.acme.com/']));
    expect(forms('contacts', 'email', 'ada@example.com')).toEqual(['ada@example.com']);
  });

  it('are none for what is empty or no field of its own', () => {
    expect(forms('contacts', 'phone', null)).toEqual([]);
    expect(forms('contacts', 'company', 'r1')).toEqual([]);
  });
});
