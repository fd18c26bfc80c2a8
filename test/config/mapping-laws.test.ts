import { describe, expect, it } from 'vitest';
import { faultsOf, wrong } from './broken-config.ts';

const inSalesforce = (field: object, transform: object, direction = 'both') => ({
  sync: {
    fields: wrong('state', {
      ...field,
      in: { salesforce: { field: 'MailingState', transform, direction }, hubspot: 'state' },
    }),
  },
});

describe('the round trip of a two-way field', () => {
  it.each(['upper-case', 'lower-case'])('refuses %s where upper and lower case are told apart', (kind) => {
    expect(faultsOf(inSalesforce({}, { kind }))).toEqual([
      expect.stringMatching(
        /^syncs\.contacts\.fields\.state\.in\.salesforce: get-put fails: .*; set ignoreCase: true on the field, or make this side one-way \(direction 'in' or 'out'\)$/,
      ),
    ]);
  });

  it.each(['upper-case', 'lower-case'])('admits %s where case is ignored, and on a side that is one-way', (kind) => {
    expect(faultsOf(inSalesforce({ ignoreCase: true }, { kind }))).toEqual([]);
    expect(faultsOf(inSalesforce({}, { kind }, 'in'))).toEqual([]);
    expect(faultsOf(inSalesforce({}, { kind }, 'out'))).toEqual([]);
  });

  it('refuses a choice that stands for two', () => {
    const table = { vic: 'Victoria', tas: 'Victoria' };
    expect(faultsOf(inSalesforce({ kind: 'picklist' }, { kind: 'picklist', table }))).toEqual([
      'syncs.contacts.fields.state.in.salesforce: "Victoria" stands for "vic" and "tas"; give each a partner of its own, or only write the field: direction \'out\'',
    ]);
    expect(faultsOf(inSalesforce({ kind: 'picklist' }, { kind: 'picklist', table }, 'in'))).toHaveLength(1);
    expect(faultsOf(inSalesforce({ kind: 'picklist' }, { kind: 'picklist', table }, 'out'))).toEqual([]);
  });

  it('refuses two choices that are read as one, unless they are only read', () => {
    const table = { vic: ['Victoria', 'Vic.'] };
    expect(faultsOf(inSalesforce({ kind: 'picklist' }, { kind: 'picklist', table }))).toEqual([
      'syncs.contacts.fields.state.in.salesforce: get-put fails: "Vic." is read as "vic" and written back as "Victoria"; use a transform that has a way back, or make this side one-way (direction \'in\' or \'out\')',
    ]);
    expect(faultsOf(inSalesforce({ kind: 'picklist' }, { kind: 'picklist', table }, 'in'))).toEqual([]);
  });

  it('refuses a table that takes another system’s choice for one of its own', () => {
    const role = {
      kind: 'picklist',
      in: {
        salesforce: { field: 'Role__c', transform: { kind: 'picklist', table: { customer: 'Kunde' } } },
        hubspot: { field: 'role', transform: { kind: 'picklist', table: { lead: 'customer' } } },
      },
    };
    expect(faultsOf({ sync: { fields: wrong('role', role) } })).toEqual([
      'syncs.contacts.fields.role.in.hubspot: put-get fails: "customer" is written as "customer" and read back as "lead"; use a transform that has a way back, or make this side one-way (direction \'in\' or \'out\')',
    ]);
  });

  it.each([
    ['text', {}, { kind: 'trim' }],
    ['an e-mail address kept as typed', { kind: 'email' }, { kind: 'text' }],
    ['a phone of another country', { kind: 'phone', defaultCountry: 'AU' }, { kind: 'phone', defaultCountry: 'US' }],
    ['a number in a text field', { kind: 'number' }, { kind: 'number-text' }],
    ['a yes or no in a text field', { kind: 'boolean' }, { kind: 'boolean-text' }],
    ['a yes or no by a table', { kind: 'boolean' }, { kind: 'picklist', table: { true: 'Yes', false: 'No' } }],
    ['a table of several choices', { kind: 'picklist' }, { kind: 'picklist', table: { a: 'A', b: 'B' } }],
  ])('admits %s', (_, field, transform) => {
    expect(faultsOf(inSalesforce(field, transform))).toEqual([]);
  });

  it('is tried for all fields, and all that fail are named', () => {
    const loud = { in: { salesforce: { field: 'A', transform: { kind: 'upper-case' } }, hubspot: 'a' } };
    const quiet = { in: { salesforce: 'B', hubspot: { field: 'b', transform: { kind: 'lower-case' } } } };
    const fields = { ...wrong('loud', loud), quiet };
    expect(faultsOf({ sync: { fields } }).map((fault) => fault.split(':')[0])).toEqual([
      'syncs.contacts.fields.loud.in.salesforce',
      'syncs.contacts.fields.quiet.in.hubspot',
    ]);
  });
});
