import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { type CommitResult, matchKeyKey, type RecordCommit, recordStore, refKey } from '../../shared/store/record-store.ts';
import type { Item } from '../../shared/store/table.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { claimed, confirmed, edited, sampleNote, sampleRecord, T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

let tenants = 0;
/** A store in a tenant of its own. */
function freshStore() {
  const context = table.context(`t${++tenants}`);
  return { context, records: recordStore(context), ledger: ledgerStore(context) };
}

type Records = ReturnType<typeof recordStore>;
const quiet = { dirty: false };
const ada = { system: 'hubspot', object: 'contacts', objectId: '1' };
const adaInSalesforce = { system: 'salesforce', object: 'Contact', objectId: '003A' };
const adaKey = { sync: 'contacts', name: 'email', value: 'ada@example.com' };

async function create(records: Records, recordId: string, more: Partial<RecordCommit> = {}) {
  await records.createRecord({ commit: { record: sampleRecord(recordId), ...quiet, ...more }, identities: [], matchKeys: [] });
}

async function read(records: Records, recordId: string) {
  const record = (await records.getMany([recordId], { consistent: true })).get(recordId);
  if (record === undefined) throw new Error(`${recordId} is not there`);
  return record;
}

describe('a commit', () => {
  it('is read back as it was written, and the reader learns since when the record is dirty and waits', async () => {
    const { context } = freshStore();
    const records = recordStore({ ...context, now: () => T0 });
    await create(records, 'r');
    const commit: RecordCommit = { ...edited(sampleRecord('r')), attention: 'conflict' };
    expect(await records.commitMany([commit])).toEqual(['committed']);
    expect(await read(records, 'r')).toEqual({
      ...commit.record,
      marks: { dirtySinceMs: T0, attention: { kind: 'conflict', sinceMs: T0 } },
    });
  });

  it('keeps the time of what still holds and forgets what does not', async () => {
    let nowMs = T0;
    const { context } = freshStore();
    const records = recordStore({ ...context, now: () => nowMs });
    await create(records, 'r', { dirty: true, attention: 'conflict' });
    nowMs += 1_000;
    const first = await read(records, 'r');
    await records.commitMany([{ record: { ...first, version: 2 }, dirty: true, attention: 'refused', marks: first.marks }]);
    const second = await read(records, 'r');
    expect(second.marks).toEqual({ dirtySinceMs: T0, attention: { kind: 'refused', sinceMs: T0 + 1_000 } });
    await records.commitMany([{ record: { ...second, version: 3 }, dirty: false, marks: second.marks }]);
    expect((await read(records, 'r')).marks).toEqual({});
  });

  it('goes to the readers of the stream only if it has something for them', async () => {
    const { context, records } = freshStore();
    const isRecord = (item: Item) => item.pk?.S === `${context.tenant}#R#r` && item.sk?.S === 'R';
    const outboxNow = async () => (await table.everything()).find(isRecord)?.o?.S;
    await create(records, 'r');
    await records.commitMany([edited(await read(records, 'r'))]);
    expect(await outboxNow()).toContain('hubspot');
    await records.commitMany([claimed(await read(records, 'r'))]);
    expect(await outboxNow()).toBeUndefined();
    await records.commitWithLoss(edited(await read(records, 'r')), { ...sampleNote, recordId: 'r', version: 4 });
    expect(await outboxNow()).toContain('hubspot');
    await records.linkObject(confirmed(await read(records, 'r')), ada);
    expect(await outboxNow()).toBeUndefined();
  });

  it('loses against a newer version, and only it', async () => {
    const { records } = freshStore();
    await Promise.all(['a', 'b', 'c'].map((id) => create(records, id)));
    const stale: RecordCommit = { record: sampleRecord('b', 3), ...quiet };
    const results = await records.commitMany([edited(sampleRecord('a')), stale, edited(sampleRecord('c'))]);
    expect(results).toEqual<CommitResult[]>(['committed', 'conflict', 'committed']);
    expect((await read(records, 'b')).version).toBe(1);
  });

  it('of a record that does not exist is a conflict, not a creation', async () => {
    const { records } = freshStore();
    expect(await records.commitMany([{ record: sampleRecord('ghost', 2), ...quiet }])).toEqual(['conflict']);
    expect(await records.getMany(['ghost'], { consistent: true })).toEqual(new Map());
  });

  it('refuses a record that is named twice, and a version that nobody can have read', async () => {
    const { records } = freshStore();
    await create(records, 'r');
    const commit = edited(sampleRecord('r'));
    await expect(records.commitMany([commit, commit])).rejects.toThrow(/committed twice/);
    await expect(records.commitMany([{ record: sampleRecord('r', 1), ...quiet }])).rejects.toThrow(/version read plus 1/);
  });

  it('of more records than one call takes keeps their order', async () => {
    const { records } = freshStore();
    const ids = Array.from({ length: 60 }, (_, index) => `r${index}`);
    await Promise.all(ids.map((id) => create(records, id)));
    const commits = ids.map((id, index) =>
      index % 7 === 3 ? { record: sampleRecord(id, 9), ...quiet } : edited(sampleRecord(id)),
    );
    expect(await records.commitMany(commits)).toEqual(ids.map((_, index) => (index % 7 === 3 ? 'conflict' : 'committed')));
    expect((await records.getMany(ids, { consistent: false })).size).toBe(60);
  });

  it('wins alone among 64 that race for a version', async () => {
    const { records } = freshStore();
    await create(records, 'r');
    for (const version of [2, 3, 4]) {
      const rivals = Array.from({ length: 64 }, (_, rival): RecordCommit => {
        const record = sampleRecord('r', version);
        return { record: { ...record, fields: { nickname: { value: rival, atMs: T0, by: 'hubspot' } } }, ...quiet };
      });
      const results = (await Promise.all(rivals.map((rival) => records.commitMany([rival])))).flat();
      const winners = results.flatMap((result, rival) => (result === 'committed' ? [rival] : []));
      expect(winners).toHaveLength(1);
      const now = await read(records, 'r');
      expect([now.version, now.fields.nickname?.value]).toEqual([version, winners[0]]);
    }
  });
});

describe('a creation', () => {
  const creation = (recordId: string) => ({
    commit: { record: sampleRecord(recordId), dirty: true, outbox: { note: sampleNote, deliver: ['hubspot'] } },
    identities: [ada, adaInSalesforce],
    matchKeys: [adaKey, adaKey],
  });

  it('makes the record and everything that leads to it', async () => {
    const { records } = freshStore();
    expect(await records.createRecord(creation('r'))).toBe('created');
    expect(await records.resolveMany([ada, adaInSalesforce])).toEqual(
      new Map([
        [refKey(ada), 'r'],
        [refKey(adaInSalesforce), 'r'],
      ]),
    );
    expect(await records.matchKeyOwners([adaKey])).toEqual(new Map([[matchKeyKey(adaKey), 'r']]));
    expect((await read(records, 'r')).version).toBe(1);
  });

  it('says what was taken already and by whom, and then makes nothing', async () => {
    const { records } = freshStore();
    await records.createRecord(creation('first'));
    const second = await records.createRecord({
      ...creation('second'),
      identities: [{ ...ada, objectId: '2' }, adaInSalesforce],
    });
    expect(second).toEqual({
      existing: [
        { what: 'identity', ref: adaInSalesforce, recordId: 'first' },
        { what: 'match-key', key: adaKey, recordId: 'first' },
      ],
    });
    expect(await records.resolveMany([{ ...ada, objectId: '2' }])).toEqual(new Map());
    expect(await records.getMany(['second'], { consistent: true })).toEqual(new Map());
    expect(await records.createRecord({ ...creation('first'), identities: [], matchKeys: [] })).toEqual({
      existing: [{ what: 'record' }],
    });
  });

  it('happens once when two systems see the same person first at the same time', async () => {
    const { records } = freshStore();
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, rival) =>
        records.createRecord({ ...creation(`r${rival}`), identities: [{ ...ada, objectId: `${rival}` }] }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    const owner = (await records.matchKeyOwners([adaKey])).get(matchKeyKey(adaKey));
    expect(outcomes[Number(owner?.slice(1))]).toBe('created');
  });
});

describe('a link', () => {
  it('comes with the commit that says so, or not at all', async () => {
    const { records, ledger } = freshStore();
    await create(records, 'r');
    const entry = { ...sampleNote, recordId: 'r', version: 2 };
    expect(await records.linkObject(edited(sampleRecord('r')), ada, { entry })).toBe('committed');
    expect(await records.resolveMany([ada])).toEqual(new Map([[refKey(ada), 'r']]));
    expect(await ledger.ofRecord('r', { limit: 9 })).toEqual([entry]);
    expect(await records.linkObject(edited(sampleRecord('r')), adaInSalesforce)).toBe('conflict');
    expect(await records.resolveMany([adaInSalesforce])).toEqual(new Map());
  });

  it('to an object of another record is refused with the name of its owner', async () => {
    const { records } = freshStore();
    await create(records, 'r');
    await records.createRecord({ commit: { record: sampleRecord('owner'), ...quiet }, identities: [ada], matchKeys: [] });
    expect(await records.linkObject(edited(sampleRecord('r')), ada)).toEqual({ ownedBy: 'owner' });
    expect((await read(records, 'r')).version).toBe(1);
  });

  it('ends with the commit that says so, and then the object may belong to another record', async () => {
    const { records } = freshStore();
    await records.createRecord({ commit: { record: sampleRecord('r'), ...quiet }, identities: [ada], matchKeys: [] });
    expect(await records.unlinkObject({ record: sampleRecord('r', 5), ...quiet }, ada)).toBe('conflict');
    expect(await records.resolveMany([ada])).toEqual(new Map([[refKey(ada), 'r']]));
    expect(await records.unlinkObject(edited(sampleRecord('r')), ada)).toBe('committed');
    expect(await records.resolveMany([ada])).toEqual(new Map());
    await create(records, 'next');
    expect(await records.linkObject(edited(sampleRecord('next')), ada)).toBe('committed');
  });
});

describe('a match key', () => {
  it('follows its record to its new value', async () => {
    const { records } = freshStore();
    await records.createRecord({ commit: { record: sampleRecord('r'), ...quiet }, identities: [], matchKeys: [adaKey] });
    const to = { ...adaKey, value: 'ada@example.org' };
    expect(await records.moveMatchKey('r', { from: adaKey, to })).toBe('moved');
    expect(await records.moveMatchKey('r', { from: adaKey, to })).toBe('moved'); // again, after a crash
    expect(await records.matchKeyOwners([adaKey, to])).toEqual(new Map([[matchKeyKey(to), 'r']]));
    expect(await records.moveMatchKey('r', { from: to })).toBe('moved');
    expect(await records.matchKeyOwners([to])).toEqual(new Map());
  });

  it('is never taken from another record', async () => {
    const { records } = freshStore();
    await records.createRecord({ commit: { record: sampleRecord('owner'), ...quiet }, identities: [], matchKeys: [adaKey] });
    expect(await records.moveMatchKey('r', { to: adaKey })).toEqual({ ownedBy: 'owner' });
    expect(await records.moveMatchKey('r', { from: adaKey })).toBe('moved');
    expect(await records.matchKeyOwners([adaKey])).toEqual(new Map([[matchKeyKey(adaKey), 'owner']]));
  });
});

describe('a decision with a loser', () => {
  it('is in the ledger if and only if it was committed', async () => {
    const { records, ledger } = freshStore();
    await create(records, 'r');
    const entry = { ...sampleNote, recordId: 'r', version: 2 };
    expect(await records.commitWithLoss(edited(sampleRecord('r')), entry)).toBe('committed');
    expect(await records.commitWithLoss({ ...edited(sampleRecord('r')) }, { ...entry, correlationId: 'late' })).toBe('conflict');
    expect(await ledger.ofRecord('r', { limit: 9 })).toEqual([entry]);
  });
});

describe('reading', () => {
  it('finds a record and its newest history in one query', async () => {
    const { records, ledger } = freshStore();
    await create(records, 'r');
    const entries = [1, 2, 9, 10, 11].map((version) => ({ ...sampleNote, recordId: 'r', version }));
    await ledger.putMany(entries);
    table.costs();
    const { record, entries: newest } = await records.getWithLedger('r', { limit: 3 });
    expect(table.costs().map(({ command }) => command)).toEqual(['Query']);
    expect(record?.recordId).toBe('r');
    expect(newest.map((entry) => entry.version)).toEqual([11, 10, 9]);
  });

  it('takes more records and objects than one call does, each once', async () => {
    const { records } = freshStore();
    const ids = Array.from({ length: 130 }, (_, index) => `r${index}`);
    const refs = ids.map((objectId) => ({ ...ada, objectId }));
    await Promise.all(
      ids.map((id, index) =>
        records.createRecord({
          commit: { record: sampleRecord(id), ...quiet },
          identities: refs.slice(index, index + 1),
          matchKeys: [],
        }),
      ),
    );
    expect((await records.getMany([...ids, ...ids], { consistent: true })).size).toBe(130);
    const resolved = await records.resolveMany([...refs, ...refs]);
    expect([...resolved.values()].sort()).toEqual([...ids].sort());
  });

  it('never crosses tenants', async () => {
    const [one, other] = [freshStore(), freshStore()];
    await one.records.createRecord({ commit: { record: sampleRecord('r'), ...quiet }, identities: [ada], matchKeys: [adaKey] });
    expect(await other.records.getMany(['r'], { consistent: true })).toEqual(new Map());
    expect(await other.records.resolveMany([ada])).toEqual(new Map());
    expect(await other.records.matchKeyOwners([adaKey])).toEqual(new Map());
    expect(await other.records.commitMany([edited(sampleRecord('r'))])).toEqual(['conflict']);
    expect(
      await other.records.createRecord({
        commit: { record: sampleRecord('r'), ...quiet },
        identities: [ada],
        matchKeys: [adaKey],
      }),
    ).toBe('created');
  });
});

it('every key of every item, in the table and in its indexes, begins with the tenant (T10)', async () => {
  const { context, records } = freshStore();
  await records.createRecord({
    commit: { ...edited(sampleRecord('other#R#1', 0)), attention: 'conflict' },
    identities: [{ system: 't1#', object: '#', objectId: 't1#R#r' }],
    matchKeys: [{ sync: '#', name: 't1#', value: 't1#R#r' }],
    entry: { ...sampleNote, recordId: 'other#R#1', version: 1 },
  });
  const items = await table.everything();
  expect(items.filter((item) => item.pk?.S?.startsWith(`${context.tenant}#`))).toHaveLength(4);
  for (const item of items) {
    const tenant = item.pk?.S?.split('#')[0];
    expect(tenant).toMatch(/^t\d+$/);
    for (const name of ['dk', 'ak']) if (item[name] !== undefined) expect(item[name]?.S?.startsWith(`${tenant}#`)).toBe(true);
  }
});

describe('cost', () => {
  /** What the calls since the last look cost, table and indexes apart. */
  function spent(): { table: number; indexes: number } {
    const costs = table.costs();
    return {
      table: costs.reduce((sum, cost) => sum + cost.table, 0),
      indexes: costs.reduce((sum, cost) => sum + cost.indexes, 0),
    };
  }

  it('of an edited field is a write unit each for commit, claim, confirm and ledger, and two for the dirty index', async () => {
    const { records, ledger } = freshStore();
    const id = '6f0d8f6e-6c1b-4c29-9b2a-0a3c7d5e9f11';
    await create(records, id);
    const step = async (next: (record: Awaited<ReturnType<typeof read>>) => RecordCommit) => {
      const record = await read(records, id);
      spent();
      expect(await records.commitMany([{ ...next(record), marks: record.marks }])).toEqual(['committed']);
      return spent();
    };
    expect(await step(edited)).toEqual({ table: 1, indexes: 1 });
    expect(await step(claimed)).toEqual({ table: 1, indexes: 0 });
    expect(await step(confirmed)).toEqual({ table: 1, indexes: 1 });
    await ledger.putMany([{ ...sampleNote, recordId: id, version: 2 }]);
    expect(spent()).toEqual({ table: 1, indexes: 0 });
  });

  it('of a read is half a unit, or one when it must be the newest', async () => {
    const { records } = freshStore();
    await records.createRecord({ commit: { record: sampleRecord('r'), ...quiet }, identities: [ada], matchKeys: [] });
    spent();
    await records.resolveMany([ada]);
    expect(spent().table).toBe(0.5);
    await records.getMany(['r'], { consistent: true });
    expect(spent().table).toBe(1);
  });
});
