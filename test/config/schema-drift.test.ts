import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { defineConfig, defineSync, lastWriteWins, manual, oneWay, picklist } from '../../shared/config/define-sync.ts';
import { pausedFields, whilePaused } from '../../shared/config/paused-sync.ts';
import { type DescribedField, schemaDrift } from '../../shared/config/schema-drift.ts';

const compiled = (stage = 'lifecyclestage') =>
  compileSync(
    defineConfig({
      tenant: 'main',
      systems: { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspot' } },
      syncs: [
        defineSync({
          name: 'contacts',
          objects: {
            salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
            hubspot: { type: 'contacts', externalId: 'concord_id', only: { team: 'sales' } },
          },
          fields: {
            firstName: { in: { salesforce: 'FirstName', hubspot: 'firstname' } },
            lastName: { in: { salesforce: 'LastName', hubspot: 'lastname' } },
            stage: {
              kind: 'picklist',
              in: {
                salesforce: 'Stage__c',
                hubspot: { field: stage, transform: picklist({ Customer: 'customer', Lead: 'lead' }) },
              },
            },
            source: { kind: 'picklist', in: { salesforce: 'LeadSource', hubspot: 'source' } },
            score: { kind: 'number', in: { salesforce: oneWay('Score__c', 'in'), hubspot: oneWay('score', 'out') } },
          },
          fullNames: [{ system: 'hubspot', field: 'full_name', first: 'firstName', last: 'lastName', direction: 'out' }],
          matchKeys: [],
          strategy: lastWriteWins(),
          firstSync: manual(),
          onDelete: 'archive',
          poll: { everyMinutes: 1, overlapMinutes: 10 },
        }),
      ],
    }),
    'contacts',
  );
const sync = compiled();

const text = (name: string, more: Partial<DescribedField> = {}): DescribedField => ({
  name,
  type: 'string',
  writable: true,
  unique: false,
  ...more,
});
const inOrder: readonly DescribedField[] = [
  text('concord_id', { unique: true }),
  text('team'),
  text('firstname'),
  text('lastname'),
  text('full_name'),
  text('score', { type: 'number' }),
  text('lifecyclestage', { type: 'enumeration', options: ['customer', 'lead', 'other'] }),
  text('source', { type: 'enumeration', options: ['web', 'fair'] }),
  text('unmapped'),
];
const { snapshot: known } = schemaDrift(sync, 'hubspot', inOrder);
const without = (name: string) => inOrder.filter((field) => field.name !== name);
const changed = (name: string, more: Partial<DescribedField>) =>
  inOrder.map((field) => (field.name === name ? { ...field, ...more } : field));
const driftOf = (now: readonly DescribedField[]) => schemaDrift(sync, 'hubspot', now, known);

describe('a schema that is as the mapping asks', () => {
  it('stops and pauses nothing, at the first look and at every later one', () => {
    expect(schemaDrift(sync, 'hubspot', inOrder)).toMatchObject({ stops: [], pauses: {} });
    expect(driftOf(inOrder)).toEqual({ stops: [], pauses: {}, snapshot: known });
  });
});

describe('F57: a schema that changed', () => {
  it.each<[string, readonly DescribedField[], string, boolean, RegExp]>([
    ['a field is gone', without('lastname'), 'lastname', true, /contacts\.lastname does not exist in hubspot/],
    ['a field has another type', changed('firstname', { type: 'date' }), 'firstname', true, /was a string and is a date now/],
    ['a field became read-only', changed('source', { writable: false }), 'source', false, /cannot be written/],
    ['a choice that was there is gone', changed('source', { options: ['web'] }), 'source', false, /no longer has "fair"/],
    [
      'a choice of the table is gone',
      changed('lifecyclestage', { options: ['lead', 'other'] }),
      'lifecyclestage',
      false,
      /no longer has "customer"/,
    ],
  ])('pauses only that field, where %s', (_, now, native, reading, message) => {
    const drift = driftOf(now);
    expect(drift.stops).toEqual([]);
    expect(drift.pauses).toEqual({ [native]: { reading, message: expect.stringMatching(message) } });
    expect(driftOf(inOrder).pauses).toEqual({}); // mended
  });

  it.each<[string, readonly DescribedField[]]>([
    ['a text becomes a longer text', changed('firstname', { type: 'textarea' })],
    ['there are more choices', changed('source', { options: ['web', 'fair', 'phone'] })],
    ['a field that is not mapped is gone', without('unmapped')],
    ['a field that was only read becomes read-only', changed('unmapped', { writable: false })],
  ])('goes on where %s', (_, now) => {
    expect(driftOf(now)).toMatchObject({ stops: [], pauses: {} });
  });

  it.each<[string, readonly DescribedField[]]>([
    ['the external id', without('concord_id')],
    ['the external id that is not unique', changed('concord_id', { unique: false })],
    ['a field of the filter', without('team')],
  ])('stops the sync without %s', (_, now) => {
    expect(driftOf(now).stops).toHaveLength(1);
  });

  it('makes no new objects where a new field is required and nothing fills it', () => {
    expect(driftOf([...inOrder, text('vat_id', { required: true })]).creates).toMatch(/without vat_id/);
    expect(driftOf(changed('lastname', { required: true })).creates).toBeUndefined();
  });

  it('goes on comparing with what was in order, until it is mended, mapped anew or accepted', () => {
    const now = changed('source', { options: ['web'] });
    const first = driftOf(now);
    const second = schemaDrift(sync, 'hubspot', now, first.snapshot);
    expect(second.pauses).toEqual(first.pauses);
    expect(schemaDrift(sync, 'hubspot', now).pauses).toEqual({}); // accepted: compared with nothing
    const gone = without('firstname');
    expect(schemaDrift(sync, 'hubspot', gone).pauses).toHaveProperty('firstname'); // that cannot be accepted
  });

  it('takes a new mapping of a field as a look at what the field is now', () => {
    const { snapshot } = schemaDrift(compiled('old_stage'), 'hubspot', [
      ...inOrder,
      text('old_stage', { type: 'enumeration', options: ['customer', 'lead', 'gone'] }),
    ]);
    const now = [...inOrder, text('old_stage', { type: 'enumeration', options: ['customer', 'lead'] })];
    expect(schemaDrift(compiled('old_stage'), 'hubspot', now, snapshot).pauses).toHaveProperty('old_stage');
    const remapped = {
      ...snapshot,
      old_stage: { type: 'enumeration', options: ['customer', 'lead', 'gone'], mapping: 'another' },
    };
    expect(schemaDrift(compiled('old_stage'), 'hubspot', now, remapped).pauses).toEqual({});
  });

  it('never throws, and pauses no field that is as it was', () => {
    const names = inOrder.map(({ name }) => name);
    const dropped = fc.subarray(names);
    fc.assert(
      fc.property(dropped, fc.subarray(names), (gone, readOnly) => {
        const now = inOrder
          .filter(({ name }) => !gone.includes(name))
          .map((field) => ({ ...field, writable: !readOnly.includes(field.name) }));
        const touched = new Set([...gone, ...readOnly]);
        for (const native of Object.keys(driftOf(now).pauses)) expect(touched).toContain(native);
      }),
    );
  });
});

describe('a sync whose fields rest', () => {
  const reading = { reading: true, message: 'gone' };
  const writingOnly = { reading: false, message: 'read-only' };

  it('neither asks for a field that is gone, nor reads, nor writes it', () => {
    const paused = whilePaused(sync, 'hubspot', { fields: { source: reading } });
    const side = paused.sides.hubspot;
    expect(side?.nativeFields).not.toContain('source');
    expect(side?.nativeFields).toContain('firstname');
    expect(side?.toCanonical({ source: null, firstname: 'Ada' })).toEqual({ firstName: 'Ada' });
    expect(side?.toNative({ source: 'web', lastName: 'Byron' }, {})).not.toHaveProperty('source');
    expect(pausedFields(sync, 'hubspot', { fields: { source: reading } })).toEqual(new Set(['source']));
    expect(paused.rules.systems.hubspot?.fields.source).toBe('in');
    expect(paused.rules.systems.salesforce).toEqual(sync.rules.systems.salesforce);
  });

  it('goes on reading a field that can no longer be written', () => {
    const pauses = { fields: { source: writingOnly } };
    const side = whilePaused(sync, 'hubspot', pauses).sides.hubspot;
    expect(side?.toCanonical({ source: 'web' })).toEqual({ source: 'web' });
    expect(side?.toNative({ source: 'web' }, {})).toEqual({});
    expect(pausedFields(sync, 'hubspot', pauses).size).toBe(0);
  });

  it('takes no edits of a field that only travels there, while it cannot be written', () => {
    const pauses = { fields: { score: writingOnly } };
    expect(pausedFields(sync, 'hubspot', pauses)).toEqual(new Set(['score']));
  });

  it('loses only the joined name where that is gone: its parts have fields of their own', () => {
    const pauses = { fields: { full_name: reading } };
    const paused = whilePaused(sync, 'hubspot', pauses);
    expect(pausedFields(sync, 'hubspot', pauses).size).toBe(0);
    expect(paused.rules.systems.hubspot?.fields.firstName).toBe('both');
    expect(paused.sides.hubspot?.toNative({ firstName: 'Ada' }, { lastName: 'Byron' })).toEqual({ firstname: 'Ada' });
  });

  it('makes no objects where a required field is not filled', () => {
    const paused = whilePaused(sync, 'hubspot', { fields: {}, creates: 'vat_id' });
    expect(paused.rules.systems.hubspot?.receivesCreates).toBe(false);
  });

  it('is the sync itself where nothing rests', () => {
    expect(whilePaused(sync, 'hubspot', { fields: {} })).toBe(sync);
  });
});
