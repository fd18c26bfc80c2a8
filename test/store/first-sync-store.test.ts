import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstSyncStore, heldObjectKey, type ListedObject } from '../../shared/store/first-sync-store.ts';
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

async function listedUnder(store: Store, keyIndex: number, limit: number): Promise<ListedObject[]> {
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
    const state = { pass: 0, phase: 'listing', startedAtMs: T0, version: 1, listings: { salesforce: listing, hubspot: listing } };
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

  it('keeps match keys apart', async () => {
    const store = freshStore();
    const listed: ListedObject[] = [
      { keyIndex: 0, keyValue: 'ada@example.com', system: 'hubspot', objectId: '1' },
      { keyIndex: 1, keyValue: 'Ada+Lovelace', system: 'hubspot', objectId: '1' },
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

  it('holds its objects until it is closed, but not those of a newer case', async () => {
    const store = freshStore();
    const [one, other] = [
      { system: 'hubspot', objectId: '1' },
      { system: 'salesforce', objectId: '003#A' },
    ];
    const facts = { sync: 'contacts', reason: 'they resemble each other', keyName: '', atMs: T0 };
    const pairs = [{ one, other, bits: 4.2, fields: [{ field: 'lastName', says: 'alike', bits: 5.5 }] }];
    const first = { caseId: 'first', objects: [one, other], pairs, ...facts };
    const second = { caseId: 'second', objects: [other], ...facts };
    await store.putReview(first, { hold: [one, other] });
    await store.putReview(second, { hold: [other] });
    expect((await store.reviews('contacts', { limit: 9 })).reviews).toEqual([first, second]);
    const held = () => store.heldObjects('contacts', [one, other, { system: 'hubspot', objectId: '2' }]);
    expect(await held()).toEqual(
      new Map([
        [heldObjectKey(one), 'first'],
        [heldObjectKey(other), 'second'],
      ]),
    );
    await store.closeReview('contacts', 'first');
    expect(await held()).toEqual(new Map([[heldObjectKey(other), 'second']]));
    await store.closeReview('contacts', 'first');
    expect(await store.heldObjects('deals', [other])).toEqual(new Map());
  });
});

describe('what a match on several fields keeps', () => {
  it('is one item for each object, in one order for all pages, and apart for each pass', async () => {
    const store = freshStore();
    const objects = ['b#1', 'a', 'ä'].map((objectId) => ({ system: 'hubspot', objectId, facts: { lastName: objectId } }));
    await store.indexFacts('contacts', [...objects, ...objects]);
    await store.indexFacts('contacts', objects.slice(0, 1), 1);
    const read: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.factsPage('contacts', { after, limit: 2 });
      for (const { objectId, facts } of page.objects) {
        expect(facts).toEqual({ lastName: objectId });
        read.push(objectId);
      }
      after = page.after;
    } while (after !== undefined);
    expect(read).toEqual(['a', 'b#1', 'ä']);
    expect((await store.factsPage('contacts', { limit: 9, pass: 1 })).objects).toHaveLength(1);
  });

  it('brings back what an object may be the same as', async () => {
    const store = freshStore();
    const rivals = [{ system: 'salesforce', objectId: '003', bits: 12.25, isForbidden: false }];
    const found = [{ system: 'hubspot', objectId: '1', rivals }];
    await store.putRivals('contacts', found);
    await store.putRivals('contacts', found);
    expect(await store.rivalsPage('contacts', { limit: 9 })).toEqual({ objects: found });
  });
});

describe('a system that comes later', () => {
  const both = ['salesforce', 'hubspot'];

  it('is listed with the others, where those are still listed', async () => {
    const store = freshStore();
    await store.begin('contacts', ['salesforce']);
    const begun = await Promise.all([1, 2, 3].map(() => store.begin('contacts', both)));
    for (const state of begun) {
      expect(Object.keys(state.listings).sort()).toEqual(['hubspot', 'salesforce']);
      expect(state.join).toBeUndefined();
    }
  });

  it('gets a pass of its own where the sync is live, and takes part when that is over', async () => {
    const store = freshStore();
    await store.begin('contacts', ['salesforce']);
    await store.move('contacts', { phase: 'matching', version: 1 });
    expect((await store.begin('contacts', both)).join).toBeUndefined(); // what is under way comes first
    await store.move('contacts', { phase: 'live', version: 2 });
    const { join } = await store.begin('contacts', both);
    expect(join).toMatchObject({ pass: 1, phase: 'listing', newcomers: ['hubspot'] });
    for (const system of both) await store.saveListing('contacts', system, { done: true, listed: 7, version: 1 }, 1);
    expect(await store.move('contacts', { phase: 'live', version: 1, pass: 1 })).toBe('conflict');
    expect(await store.move('contacts', { phase: 'matching', version: 1, pass: 1 })).toBe('moved');
    expect(await store.listingDone('contacts', 'hubspot')).toBe(false);
    expect(await store.move('contacts', { phase: 'live', version: 1, pass: 1 })).toBe('conflict');
    expect(await store.move('contacts', { phase: 'live', version: 2, pass: 1 })).toBe('moved');
    expect(await store.listingDone('contacts', 'hubspot')).toBe(true);
    const state = await store.begin('contacts', both);
    expect(state.join).toBeUndefined();
    expect(state.listings.hubspot).toMatchObject({ done: true, listed: 7, startedAtMs: T0 });
    expect((await store.begin('contacts', [...both, 'third'])).join).toMatchObject({ pass: 2, newcomers: ['third'] });
  });
});
