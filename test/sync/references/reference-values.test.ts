import { describe, expect, it } from 'vitest';
import type { Link, SyncRecord } from '../../../shared/sync/record.ts';
import {
  newObjectsOf,
  type ReferenceField,
  readReferences,
  standingOf,
  writeReferences,
} from '../../../shared/sync/references/reference-values.ts';

const company: ReferenceField = { field: 'company', native: 'AccountId', to: 'companies', object: 'Account', direction: 'both' };
const known = (object: string, objectId: string) => (object === 'Account' && objectId === 'A1' ? 'record-1' : undefined);

const link = (more: Partial<Link>): Link => ({ state: 'linked', stampMs: 0, observedAtMs: 0, seen: {}, receipts: [], ...more });
const record = (links: Record<string, Link>, more: Partial<SyncRecord> = {}): SyncRecord => ({
  recordId: 'r',
  sync: 'companies',
  version: 1,
  fields: {},
  links,
  holds: {},
  ...more,
});

describe('a reference that is read', () => {
  it.each([
    ['the record of the object it names', { AccountId: 'A1' }, { fields: { company: 'record-1' }, unresolved: [] }],
    ['empty where it names none', { AccountId: null }, { fields: { company: null }, unresolved: [] }],
    ['empty where it names nothing but white space', { AccountId: ' ' }, { fields: { company: null }, unresolved: [] }],
    ['not observed where it was not read', { Name: 'x' }, { fields: {}, unresolved: [] }],
  ])('is %s', (_, native, expected) => expect(readReferences([company], native, known)).toEqual(expected));

  it('is not observed where the other object has no record yet: it never clears', () => {
    expect(readReferences([company], { AccountId: 'A2' }, known)).toEqual({
      fields: {},
      unresolved: [{ field: 'company', to: 'companies', parentObject: 'Account', parentObjectId: 'A2' }],
    });
  });

  it('is left alone where the field is only written', () => {
    expect(readReferences([{ ...company, direction: 'out' }], { AccountId: 'A2' }, known)).toEqual({
      fields: {},
      unresolved: [],
    });
  });
});

describe('a reference that is written', () => {
  const objectIdOf = (recordId: string) => (recordId === 'record-1' ? 'A1' : undefined);

  it('is the object of its record, or empty', () => {
    expect(writeReferences([company], { company: 'record-1', name: 'x' }, objectIdOf).native).toEqual({ AccountId: 'A1' });
    expect(writeReferences([company], { company: null }, objectIdOf).native).toEqual({ AccountId: null });
    expect(writeReferences([company], { name: 'x' }, objectIdOf)).toEqual({ native: {}, postponed: [] });
  });

  it('waits where its record has no object there', () => {
    expect(writeReferences([company], { company: 'record-2' }, objectIdOf)).toEqual({
      native: {},
      postponed: [{ field: 'company', to: 'companies', parentRecordId: 'record-2' }],
    });
  });
});

describe('where a record stands in a system', () => {
  it.each([
    ['at its object', record({ hubspot: link({ objectId: '1' }) }), { objectId: '1' }],
    ['at its object, also outside the filter', record({ hubspot: link({ objectId: '1', state: 'outside' }) }), { objectId: '1' }],
    ['at the record it was merged into', record({ hubspot: link({ objectId: '1' }) }, { mergedInto: 's' }), { next: 's' }],
    ['nowhere while the object is created', record({ hubspot: link({ state: 'creating' }) }), {}],
    ['nowhere once it is deleted', record({ hubspot: link({ objectId: '1' }) }, { deleted: { atMs: 1, by: 'hubspot' } }), {}],
    ['nowhere in a system it has no part in', record({}), {}],
    ['nowhere where there is no record', undefined, {}],
  ])('is %s', (_, one, expected) => expect(standingOf(one, 'hubspot')).toEqual(expected));
});

describe('the objects that a commit brings', () => {
  const before = record({ salesforce: link({ objectId: 'A1' }), hubspot: link({ state: 'creating' }) });

  it('are all of a new record', () => {
    expect(newObjectsOf(undefined, record({ salesforce: link({ objectId: 'A1' }) }))).toEqual([
      { system: 'salesforce', objectId: 'A1' },
    ]);
  });

  it('are those it did not have before: created, replaced by a merge, or back', () => {
    const after = record({ salesforce: link({ objectId: 'A2' }), hubspot: link({ objectId: '1' }) });
    expect(newObjectsOf(before, after)).toEqual([
      { system: 'salesforce', objectId: 'A2' },
      { system: 'hubspot', objectId: '1' },
    ]);
    const gone = record({ salesforce: link({ objectId: 'A1', state: 'deleted' }) });
    expect(newObjectsOf(gone, record({ salesforce: link({ objectId: 'A1' }) }))).toHaveLength(1);
  });

  it('are none where nothing came', () => {
    expect(newObjectsOf(before, { ...before, version: 2 })).toEqual([]);
  });
});
