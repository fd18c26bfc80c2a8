import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type ChangeEventContext,
  parseChangeEvent,
  readChangeEvent,
} from '../../../shared/connectors/salesforce/change-event.ts';
import { changeHintSchema } from '../../../shared/sync/change-hint.ts';

const fixtures = new URL('../../fixtures/salesforce/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, fixtures), 'utf8');
const context: ChangeEventContext = {
  organizationId: '00DSim000000001MAA',
  integrationUserId: '005Sim0000000ZzIAI',
  receivedAtMs: 1_781_600_000_000,
  correlationId: (index) => `c${index}`,
};
const read = (name: string, more: Partial<ChangeEventContext> = {}) =>
  readChangeEvent(parseChangeEvent(text(`eventbridge/${name}`)), { ...context, ...more });
/** Wraps a bare payload, as published by others, in an envelope. */
const wrapped = (name: string) => ({
  source: 'aws.partner/salesforce.com/00DSim000000001MAA/0YLSim000000001OAA',
  detail: { payload: parseChangeEvent(text(`amp-labs-connectors/subscription/${name}`)) },
});

describe('a Salesforce change event', () => {
  it('becomes a valid hint, whichever sample it is', () => {
    const names = readdirSync(new URL('eventbridge/', fixtures)).filter((name) => name.endsWith('.json'));
    expect(names.length).toBe(13);
    for (const name of names) {
      const parsed = parseChangeEvent(text(`eventbridge/${name}`));
      for (const envelope of Array.isArray(parsed) ? parsed : [parsed]) {
        const { hints, ignored, overflow } = readChangeEvent(envelope, context);
        expect(hints.length + ignored + (overflow ? 1 : 0)).toBeGreaterThan(0);
        for (const hint of hints) expect(changeHintSchema.parse(hint)).toEqual(hint);
      }
    }
  });

  it('carries a new object with its fields under the names the object has', () => {
    const atMs = 1_781_517_601_000;
    const { hints } = read('01-contact-create.json');
    expect(hints).toEqual([
      {
        object: 'Contact',
        objectId: '003Sim000000001IAA',
        kind: 'changed',
        by: 'other',
        occurredAtMs: atMs,
        receivedAtMs: context.receivedAtMs,
        stampMs: atMs,
        correlationId: 'c0',
        fields: {
          FirstName: { value: 'Ada', atMs },
          LastName: { value: 'Byron', atMs },
          AccountId: { value: '001Sim000000001IAA', atMs },
          Email: { value: 'ada@example.test', atMs },
          MailingStreet: { value: '1 Main St', atMs },
          MailingCity: { value: 'London', atMs },
          MailingCountry: { value: 'United Kingdom', atMs },
          OwnerId: { value: '005Sim000000001IAA', atMs },
          Interests__c: { value: 'Golf;Chess', atMs },
        },
      },
    ]);
  });

  it('names the changed parts of compound fields, and an emptied field as null', () => {
    const atMs = 1_781_517_602_000;
    expect(read('02-contact-update-compound.json').hints[0]?.fields).toEqual({
      LastName: { value: 'Lovelace', atMs },
      MailingStreet: { value: '12 St James Sq', atMs },
    });
    expect(read('03-contact-update-field-set-to-null.json').hints[0]?.fields).toEqual({
      Phone: { value: null, atMs: 1_781_517_603_000 },
    });
  });

  it('stands for every record it names', () => {
    const { hints } = read('04-account-update-many-records-one-event.json');
    expect(hints.map((hint) => [hint.objectId, hint.correlationId])).toEqual([
      ['001Sim000000001IAA', 'c0'],
      ['001Sim000000002IAA', 'c1'],
      ['001Sim000000003IAA', 'c2'],
    ]);
  });

  it('knows our own writes by their user, and does not guess without knowing ours', () => {
    expect(read('05-contact-update-own-write-echo.json').hints[0]?.by).toBe('us');
    expect(read('05-contact-update-own-write-echo.json', { integrationUserId: undefined }).hints[0]?.by).toBe('unknown');
  });

  it('tells deletions and restorations, without taking restored values for edits', () => {
    expect(read('06-contact-delete.json').hints[0]).toMatchObject({ kind: 'deleted', fields: {} });
    expect(read('07-contact-undelete.json').hints[0]).toMatchObject({ kind: 'restored', fields: {} });
  });

  it('names a record without fields after a gap, and asks for everything after an overflow', () => {
    expect(read('08-contact-gap-update.json').hints[0]).toMatchObject({ kind: 'changed', fields: {} });
    expect(read('09-account-gap-overflow.json')).toMatchObject({
      hints: [],
      overflow: { object: 'Account', overflowSinceMs: 1_781_517_609_000 },
    });
    expect(read('10-account-field-conversion-wildcard.json')).toMatchObject({
      hints: [],
      overflow: { object: 'Account', overflowSinceMs: 1_781_517_610_000 },
    });
  });

  it('keeps a commit number that no double can hold', () => {
    expect(read('01-contact-create.json').commit).toEqual({ number: 1_781_517_600_000_001_001n, sequence: 1 });
    expect(readChangeEvent(wrapped('update_contact.json'), context).commit?.number).toBe(1_745_500_706_683_617_281n);
    // Parsed by somebody else, its last digits are gone: then there is none.
    expect(readChangeEvent(JSON.parse(text('eventbridge/01-contact-create.json')), context).commit).toBeUndefined();
  });

  it('does not let a value pass for the commit number', () => {
    const value = '"commitNumber":12345678901234567,';
    const parsed = parseChangeEvent(JSON.stringify({ value, commitNumber: 1 }));
    expect(parsed).toEqual({ value, commitNumber: 1 });
  });

  it('believes only changed fields where every field is present', () => {
    const envelope = {
      source: 'aws.partner/salesforce.com/00DSim000000001MAA/0YLSim000000001OAA',
      detail: {
        payload: {
          ChangeEventHeader: {
            entityName: 'Contact',
            recordIds: ['003Sim000000001IAA'],
            changeType: 'UPDATE',
            changedFields: ['Title', 'Phone', 'Description', 'LastModifiedDate'],
            nulledFields: ['Phone'],
            diffFields: ['Description'],
            commitTimestamp: 5,
            commitUser: '005Sim000000001IAA',
          },
          Title: 'CTO',
          Phone: null,
          Email: null,
          Description: '--- diff',
          Name: null,
          LastModifiedDate: 1_712_693_965_000,
        },
      },
    };
    const { hints } = readChangeEvent(envelope, context);
    expect(hints[0]?.fields).toEqual({
      Title: { value: 'CTO', atMs: 5 },
      Phone: { value: null, atMs: 5 },
      Description: { atMs: 5 },
    });
    expect(hints[0]?.stampMs).toBe(1_712_693_965_000);
  });

  it('takes real payloads: all fields present, changed fields that the body lacks, a lead without a prefix', () => {
    expect(readChangeEvent(wrapped('new_account.json'), context).hints[0]?.fields).toMatchObject({
      Name: { value: 'Acme' },
      CleanStatus: { value: 'Pending' },
    });
    expect(readChangeEvent(wrapped('update_contact_compound_address.json'), context).hints[0]?.fields).toEqual({
      MailingStreet: { value: '1235 wildwood St', atMs: 1_778_192_987_000 },
      MailingCity: { atMs: 1_778_192_987_000 },
      OtherPostalCode: { atMs: 1_778_192_987_000 },
    });
    expect(Object.keys(readChangeEvent(wrapped('update_lead_compound_address.json'), context).hints[0]?.fields ?? {})).toEqual([
      'Street',
      'PostalCode',
    ]);
    // Its authors wrote recordId for recordIds: that names no record.
    expect(() => readChangeEvent(wrapped('update_user.json'), context)).toThrow(/recordIds/);
  });

  it('counts objects that take no part, and refuses another organisation and other shapes', () => {
    expect(read('04-account-update-many-records-one-event.json', { objects: new Set(['Contact']) })).toMatchObject({
      hints: [],
      ignored: 1,
    });
    expect(() => read('01-contact-create.json', { organizationId: '00DSim000000002MAA' })).toThrow(
      /another Salesforce organisation/,
    );
    expect(() => readChangeEvent({ source: 'aws.s3', detail: { payload: {} } }, context)).toThrow(/not a change event/);
    expect(() => readChangeEvent({ detail: { ChangeEventHeader: {} } }, context)).toThrow(/not a change event/); // AppFlow's envelope
    expect(() => parseChangeEvent('{')).toThrow(/not JSON/);
  });

  it('does not let field names reach a prototype', () => {
    const envelope =
      JSON.parse(`{"source":"aws.partner/salesforce.com/00DSim000000001MAA/x","detail":{"payload":{"__proto__":"x","constructor":"y",
      "ChangeEventHeader":{"entityName":"Contact","recordIds":["003Sim000000001IAA"],"changeType":"UPDATE","changedFields":["__proto__","constructor","Title"],"commitTimestamp":1}}}}`);
    const { hints } = readChangeEvent(envelope, context);
    expect(Object.keys(hints[0]?.fields ?? {})).toEqual(['Title']);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });
});
