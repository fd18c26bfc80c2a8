import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstSyncStore, type ListedObject } from '../../shared/store/first-sync-store.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

let tenants = 0;
const freshStore = () => firstSyncStore(table.context(`t${++tenants}`, { now: () => T0 }));
type Store = ReturnType<typeof freshStore>;

async function listedUnder(store: Store, keyIndex: number | 'none', limit: number): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  let after: string | undefined;
  for (let page = 0; page < 200; page++) {
    const answer = await store.page('contacts', keyIndex, { after, limit });
    objects.push(...answer.objects);
    after = answer.after;
    if (after === undefined) return objects;
  }
  throw new Error('the pages do not end');
}

describe('a first sync', () => {
  it('is begun once, whoever comes first', async () => {
    const store = freshStore();
    const begun = await Promise.all(Array.from({ length: 8 }, () => store.begin('contacts', ['salesforce', 'hubspot'])));
    const listing = { done: false, listed: 0, version: 1 };
    const state = { phase: 'listing', startedAtMs: T0, version: 1, listings: { salesforce: listing, hubspot: listing } };
    for (const each of begun) expect(each).toEqual(state);
    expect(await store.get('contacts')).toEqual(state);
    expect(await store.get('deals')).toBeUndefined();
  });

  it('lists its systems side by side, each by one poller at a time', async () => {
    const store = freshStore();
    await store.begin('contacts', ['salesforce', 'hubspot']);
    const page = { cursor: 'p1', done: false, listed: 100, version: 1 };
    const saved = await Promise.all(
      ['salesforce', 'hubspot', 'hubspot'].map((system) => store.saveListing('contacts', system, page)),
    );
    expect(saved.filter((each) => each === 'conflict')).toHaveLength(1);
    expect(await store.saveListing('contacts', 'salesforce', { done: true, listed: 130, version: 2 })).toEqual({
      done: true,
      listed: 130,
      version: 3,
    });
    expect((await store.get('contacts'))?.listings).toEqual({
      salesforce: { done: true, listed: 130, version: 3 },
      hubspot: { ...page, version: 2 },
    });
  });

  it('goes from listing over matching to live, by one mover at a time and never back', async () => {
    const store = freshStore();
    await store.begin('contacts', ['hubspot']);
    expect(await store.move('contacts', { phase: 'live', version: 1 })).toBe('conflict');
    const movers = await Promise.all([1, 2, 3].map(() => store.move('contacts', { phase: 'matching', version: 1 })));
    expect(movers.sort()).toEqual(['conflict', 'conflict', 'moved']);
    expect(await store.move('contacts', { phase: 'matching', matchedTo: 'm', version: 2 })).toBe('moved');
    expect(await store.get('contacts')).toMatchObject({ phase: 'matching', matchedTo: 'm', version: 3 });
    expect(await store.move('contacts', { phase: 'listing', version: 3 })).toBe('conflict');
    expect(await store.move('contacts', { phase: 'live', version: 3 })).toBe('moved');
    expect(await store.begin('contacts', ['hubspot'])).toMatchObject({ phase: 'live' });
  });
});

describe('the index of listed objects', () => {
  const value = fc.oneof(
    fc.constantFrom(
      'a',
      'a#b',
      'a b',
      'a%',
      'a%23b',
      '#',
      'ä',
      '!',
      'ada@example.com',
      'x'.repeat(900),
      `${'x'.repeat(900)}y`,
      '😀'.repeat(300),
    ),
    fc.string({ minLength: 1, unit: 'grapheme' }),
  );
  const object = fc.record({
    keyValue: value,
    system: fc.constantFrom('salesforce', 'hubspot'),
    objectId: fc.stringMatching(/^[a-z0-9]{1,4}$/),
  });

  it('keeps objects of equal value together, across pages and systems, and loses none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(object, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 7 }), async (some, limit) => {
        const store = freshStore();
        const all = some.map((each): ListedObject => ({ ...each, keyIndex: 0 }));
        await store.index('contacts', all);
        await store.index('contacts', all.slice(0, 10)); // the same page again
        const listed = await listedUnder(store, 0, limit);
        const text = (each: ListedObject) => JSON.stringify([each.keyValue, each.system, each.objectId]);
        expect(listed.map(text).sort()).toEqual([...new Set(all.map(text))].sort());
        const runs = listed.filter((each, index) => each.keyValue !== listed[index - 1]?.keyValue);
        expect(runs.length).toBe(new Set(all.map((each) => each.keyValue)).size);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps match keys apart, and objects without any', async () => {
    const store = freshStore();
    const listed: ListedObject[] = [
      { keyIndex: 0, keyValue: 'ada@example.com', system: 'hubspot', objectId: '1' },
      { keyIndex: 1, keyValue: 'Ada+Lovelace', system: 'hubspot', objectId: '1' },
      { keyIndex: 'none', keyValue: '', system: 'salesforce', objectId: '003A' },
    ];
    await store.index('contacts', listed);
    for (const each of listed) expect(await store.page('contacts', each.keyIndex, { limit: 9 })).toEqual({ objects: [each] });
    expect(await store.page('deals', 0, { limit: 9 })).toEqual({ objects: [] });
  });

  it('goes by itself when the pass is long over', async () => {
    const store = freshStore();
    await store.index('contacts', [{ keyIndex: 0, keyValue: 'a', system: 'hubspot', objectId: '1' }]);
    const items = (await table.everything()).filter((item) => item.pk?.S?.startsWith(`t${tenants}#M#`));
    expect(items.map((item) => item.ttl?.N)).toEqual([String(T0 / 1000 + 14 * 86_400)]);
  });
});

describe('a case for review', () => {
  it('waits until it is closed, and is one case however often it is found', async () => {
    const store = freshStore();
    const cases = [1, 2, 3].map((number) => ({
      caseId: `hubspot:${number}`,
      sync: 'contacts',
      reason: 'several objects of one system have the same match key',
      keyName: 'email',
      objects: [{ system: 'hubspot', objectId: `${number}` }],
      atMs: T0,
    }));
    for (const each of [...cases, ...cases]) await store.putReview(each);
    const first = await store.reviews('contacts', { limit: 2 });
    const second = await store.reviews('contacts', { limit: 2, cursor: first.cursor });
    expect([...first.reviews, ...second.reviews]).toEqual(cases);
    await store.closeReview('contacts', 'hubspot:2');
    expect((await store.reviews('contacts', { limit: 9 })).reviews.map((each) => each.caseId)).toEqual([
      'hubspot:1',
      'hubspot:3',
    ]);
    expect(await store.reviews('deals', { limit: 9 })).toEqual({ reviews: [] });
  });
});
