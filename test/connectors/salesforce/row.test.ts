import { describe, expect, it } from 'vitest';
import { rowReader } from '../../../shared/connectors/salesforce/row.ts';

const row = {
  attributes: { type: 'Contact', url: '/services/data/v67.0/sobjects/Contact/003Sim000000001IAA' },
  Id: '003Sim000000001IAA',
  SystemModstamp: '2026-06-15T10:00:02.000+0000',
  LastModifiedById: '005Sim0000000ZzIAI',
  IsDeleted: false,
};

describe('a Salesforce row', () => {
  it('becomes native values, with instants that a strict parser reads', () => {
    const read = rowReader(
      ['Email', 'Birthdate', 'Seen__c', 'Score__c', 'Vip__c', 'Phone', 'MailingAddress'],
      '005Sim0000000ZzIAI',
    );
    const values = {
      Email: 'ada@example.test',
      Birthdate: '1815-12-10',
      Seen__c: '2026-06-15T10:00:02.000+0000',
      Score__c: 12.5,
      Vip__c: false,
      Phone: null,
    };
    expect(read({ ...row, ...values, MailingAddress: { city: 'London' } })?.state).toEqual({
      state: 'present',
      objectId: row.Id,
      values: { ...values, Seen__c: '2026-06-15T10:00:02.000Z' }, // an address object is no value: its parts are fields
      stampMs: Date.UTC(2026, 5, 15, 10, 0, 2),
      modifiedBy: 'us',
    });
    expect(read({ ...row, LastModifiedById: '005Sim000000001IAA' })?.state).toMatchObject({
      modifiedBy: 'other',
      values: { Email: null },
    });
    expect(rowReader([], undefined)(row)?.state).toMatchObject({ modifiedBy: 'unknown' });
  });

  it('tells a deletion from a merge', () => {
    const read = rowReader([], undefined);
    expect(read({ ...row, IsDeleted: true, MasterRecordId: null })?.state).toMatchObject({ state: 'deleted' });
    expect(read({ ...row, IsDeleted: true, MasterRecordId: '003Sim000000002IAA' })?.state).toMatchObject({
      state: 'merged',
      intoObjectId: '003Sim000000002IAA',
    });
  });

  it.each([null, [], 'x', {}, { Id: '003' }, { ...row, SystemModstamp: 'soon' }, { ...row, Id: 3 }])('is not %j', (raw) => {
    expect(rowReader([], undefined)(raw)).toBeUndefined();
  });

  it('reads a full retrieve of 2,000 rows in a few milliseconds', () => {
    const fields = Array.from({ length: 20 }, (_, i) => `F${i}__c`);
    const rows = Array.from({ length: 2_000 }, () => ({
      ...row,
      ...Object.fromEntries(fields.map((field) => [field, 'value'])),
    }));
    const read = rowReader(fields, undefined);
    rows.forEach(read);
    const startedAt = performance.now();
    for (const raw of rows) read(raw);
    expect(performance.now() - startedAt).toBeLessThan(100); // about 10 ms; the rest is for a busy machine
  });
});
