import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duplicateIndex } from '../../shared/store/duplicate-index.ts';
import { payloadHash, type QuarantineItem, quarantineKey, quarantineStore } from '../../shared/store/quarantine-store.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

let tenants = 0;
const freshContext = () => table.context(`t${++tenants}`, { now: () => T0 });

const item = (objectId: string, more: Partial<QuarantineItem> = {}): QuarantineItem => ({
  sync: 'contacts',
  system: 'hubspot',
  objectId,
  fields: { email: 'no address', lastName: null },
  native: { email: 'no address', lastname: '' },
  failures: [{ stage: 'schema', rule: 'Q3', field: 'email', reason: 'email does not look like @', onFail: 'quarantine' }],
  score: 0.5,
  readBeganAtMs: T0,
  correlationId: 'c1',
  ...more,
});
const ref = (objectId: string) => ({ sync: 'contacts', system: 'hubspot', objectId });

describe('quarantine', () => {
  it('keeps what an object shows, and why it waits', async () => {
    const store = quarantineStore(freshContext());
    const kept = item('1', { recordId: 'r1', recordVersion: 7 });
    await store.putMany([kept]);
    expect(await store.get(ref('1'))).toEqual({ ...kept, payloadHash: payloadHash(kept.fields) });
    expect(await store.get(ref('2'))).toBeUndefined();
  });

  it('keeps the newest of two reads, in whatever order they arrive, and however often', async () => {
    const store = quarantineStore(freshContext());
    const older = item('1');
    const newer = item('1', { readBeganAtMs: T0 + 1, fields: { email: 'still no address' } });
    for (const order of [[older, newer], [newer, older], [newer]]) for (const one of order) await store.putMany([one]);
    expect((await store.get(ref('1')))?.fields).toEqual(newer.fields);
  });

  it('lets an object go by a later read only', async () => {
    const store = quarantineStore(freshContext());
    await store.putMany([item('1', { readBeganAtMs: T0 + 5 })]);
    await store.clearMany([{ ...ref('1'), readBeganAtMs: T0 }]);
    expect(await store.get(ref('1'))).toBeDefined();
    await store.clearMany([{ ...ref('1'), readBeganAtMs: T0 + 6 }]);
    expect(await store.get(ref('1'))).toBeUndefined();
    await store.clearMany([{ ...ref('1'), readBeganAtMs: T0 + 7 }]); // gone already
  });

  it('tells which objects are here', async () => {
    const store = quarantineStore(freshContext());
    await store.putMany([item('1'), item('a#b')]);
    expect(await store.waitingAmong([ref('1'), ref('2'), ref('a#b')])).toEqual([ref('1'), ref('a#b')]);
    expect(await store.waitingAmong([])).toEqual([]);
  });

  it('lists a sync page by page, or one system of it, and no other tenant', async () => {
    const store = quarantineStore(freshContext());
    await quarantineStore(freshContext()).putMany([item('other')]);
    await store.putMany(['1', '2', '3'].map((id) => item(id)));
    await store.putMany([item('9', { system: 'salesforce' }), item('8', { sync: 'deals' })]);
    const ids: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const answer = await store.list('contacts', { limit: 2, cursor });
      ids.push(...answer.items.map(({ objectId }) => objectId));
      cursor = answer.cursor;
      if (cursor === undefined) break;
    }
    expect(ids).toEqual(['1', '2', '3', '9']);
    expect((await store.list('contacts', { limit: 9, system: 'salesforce' })).items.map(({ objectId }) => objectId)).toEqual([
      '9',
    ]);
    const { cursor: foreign } = await store.list('contacts', { limit: 1 });
    await expect(store.list('deals', { limit: 1, cursor: foreign })).rejects.toThrow(RangeError);
    await expect(store.list('deals', { limit: 1, cursor: 'x' })).rejects.toThrow(RangeError);
  });

  it('F34: keeps an object that is too long for an item, cut', async () => {
    const store = quarantineStore(freshContext());
    await store.putMany([
      item('1', { fields: { notes: 'n' }, native: { notes: 'n'.repeat(350_000) } }),
      item('2', { fields: { notes: '😀'.repeat(200_000) } }),
    ]);
    expect(await store.get(ref('1'))).toMatchObject({ cut: true, fields: { notes: 'n' }, native: {} });
    expect(await store.get(ref('2'))).toMatchObject({ cut: true, native: {} });
  });

  it('remembers what was said of a payload, once for each payload', async () => {
    const store = quarantineStore(freshContext());
    const ruling = { ruling: 'accept', payloadHash: 'h1', by: 'sam', atMs: T0 } as const;
    expect(await store.rule(ref('1'), ruling)).toBe(true);
    expect(await store.rule(ref('1'), { ...ruling, ruling: 'discard' })).toBe(false);
    expect(await store.rulings([ref('1'), ref('2')])).toEqual(new Map([[quarantineKey(ref('1')), ruling]]));
    expect(await store.rule(ref('1'), { ...ruling, ruling: 'discard', payloadHash: 'h2' })).toBe(true);
    expect((await store.rulings([ref('1')])).get(quarantineKey(ref('1')))?.ruling).toBe('discard');
  });

  it('F75: takes one of two rulings that are made at once', async () => {
    const store = quarantineStore(freshContext());
    const said = await Promise.all(
      (['accept', 'discard', 'accept'] as const).map((ruling) =>
        store.rule(ref('1'), { ruling, payloadHash: 'h1', by: 'sam', atMs: T0 }),
      ),
    );
    expect(said.filter(Boolean)).toHaveLength(1);
  });

  it('knows a payload again whatever the order of its fields, and tells two apart', () => {
    expect(payloadHash({ a: 1, b: null, c: 'x' })).toBe(payloadHash({ c: 'x', a: 1 }));
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const fields = fc.dictionary(fc.string(), value);
    const filled = (one: object) => new Map<string, unknown>(Object.entries(one).filter(([, held]) => held !== null));
    const same = (a: Map<string, unknown>, b: Map<string, unknown>) =>
      a.size === b.size && [...a].every(([name, held]) => b.has(name) && Object.is(b.get(name), held));
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        expect(payloadHash(a) === payloadHash(b)).toBe(same(filled(a), filled(b)));
      }),
    );
  });
});

describe('the index of possible duplicates', () => {
  it('tells whom an object meets under its key, also within one batch', async () => {
    const index = duplicateIndex(freshContext());
    const met = await index.meet('contacts', 'hubspot', [
      { objectId: '1', key: 'ada' },
      { objectId: '2', key: 'ada' },
      { objectId: '3', key: 'bob' },
    ]);
    expect(met).toEqual(
      new Map([
        ['1', ['2']],
        ['2', ['1']],
      ]),
    );
    expect(await index.meet('contacts', 'salesforce', [{ objectId: '4', key: 'ada' }])).toEqual(new Map());
  });

  it('forgets who left', async () => {
    const index = duplicateIndex(freshContext());
    await index.meet('contacts', 'hubspot', [{ objectId: '1', key: 'ada' }]);
    await index.leave('contacts', 'hubspot', [{ objectId: '1', key: 'ada' }]);
    expect(await index.meet('contacts', 'hubspot', [{ objectId: '2', key: 'ada' }])).toEqual(new Map());
  });

  it('costs a bounded number of units, however many share a key, and keeps the key out of sight', async () => {
    const context = freshContext();
    const index = duplicateIndex(context);
    await index.meet(
      'contacts',
      'hubspot',
      Array.from({ length: 40 }, (_, n) => ({ objectId: `o${n}`, key: 'info@example.test' })),
    );
    table.costs();
    const met = await index.meet('contacts', 'hubspot', [{ objectId: 'x', key: 'info@example.test' }]);
    expect(met.get('x')).toHaveLength(6);
    expect(table.costs().reduce((sum, cost) => sum + cost.table, 0)).toBeLessThanOrEqual(3);
    expect(JSON.stringify(await table.everything())).not.toContain('info@');
  });
});

describe('what is known of a schema', () => {
  it('is kept apart for each sync and system, and forgotten when it is accepted', async () => {
    const store = schemaStore(freshContext());
    const known = { stage: { type: 'picklist', options: ['a'], mapping: '["stage"]' }, email: { type: 'email', mapping: '' } };
    const state = { fields: { stage: { reading: true, message: 'gone', sinceMs: T0 } }, checkedAtMs: T0, listAgainFromMs: T0 };
    await store.putKnown('contacts', 'hubspot', known);
    await store.putState('contacts', 'hubspot', state);
    expect(await store.known('contacts', 'hubspot')).toEqual(known);
    expect(await store.state('contacts', 'hubspot')).toEqual(state);
    expect(await store.state('contacts', 'salesforce')).toBeUndefined();
    await store.accept('contacts', 'hubspot');
    expect(await store.known('contacts', 'hubspot')).toBeUndefined();
    expect(await store.state('contacts', 'hubspot')).toEqual(state);
  });
});
