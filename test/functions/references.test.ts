import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  fieldsToRead,
  fieldsToVerify,
  isReferredTo,
  nativesOf,
  openReferences,
  referencesOf,
  toCanonicalRefs,
  toNativeRefs,
} from '../../functions/references.ts';
import { syncNamed } from '../../functions/syncs.ts';
import { broughtBy, lookAtWaiting, parkChildren, parkWrites, wake } from '../../functions/waiting-references.ts';
import type { ObjectState } from '../../shared/connectors/connector.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { type RecordStore, recordStore } from '../../shared/store/record-store.ts';
import { type Awaited, type WaitingStore, waitingStore } from '../../shared/store/waiting-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import { type EmulatedTable, emulatedTable } from '../store/emulated-table.ts';

const ACCOUNT = '001Sim0000000001AAA';
const HOUR = 3_600_000;
const contacts = syncNamed('contacts');

let table: EmulatedTable;
let tenants = 0;
let nowMs: number;
let records: RecordStore;
let waiting: WaitingStore;
let firstSync: ReturnType<typeof firstSyncStore>;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());
beforeEach(() => {
  tenants += 1;
  nowMs = Date.parse('2026-06-15T10:00:00Z');
  const context = table.context(`t${tenants}`, { now: () => nowMs });
  records = recordStore(context);
  waiting = waitingStore(context);
  firstSync = firstSyncStore(context);
});

const ports = (system: string) => ({ system, sync: contacts, records });
const waitingPorts = () => ({ records, waiting, now: () => nowMs });

/** A company that Concord knows, with the objects given. */
async function company(recordId: string, objects: Record<string, string>, more: Partial<SyncRecord> = {}): Promise<SyncRecord> {
  const links = Object.fromEntries(
    Object.entries(objects).map(([system, objectId]) => [
      system,
      { objectId, state: 'linked' as const, stampMs: 1, observedAtMs: 1, seen: {}, receipts: [] },
    ]),
  );
  const record: SyncRecord = { recordId, sync: 'companies', version: 1, fields: {}, links, holds: {}, ...more };
  const typeOf = (system: string) => (system === 'salesforce' ? 'Account' : 'companies');
  await records.createRecord({
    commit: { record, dirty: false },
    identities: Object.entries(objects).map(([system, objectId]) => ({ system, object: typeOf(system), objectId })),
    matchKeys: [],
  });
  return record;
}

const person = (objectId: string, AccountId: string | null): ObjectState => ({
  state: 'present',
  objectId,
  values: { LastName: 'Ada', AccountId },
  stampMs: 1,
  modifiedBy: 'other',
});
const hint = (fields: ChangeHint['fields']): ChangeHint => ({
  object: 'Contact',
  objectId: 'C1',
  kind: 'changed',
  by: 'other',
  occurredAtMs: 1,
  receivedAtMs: 1,
  fields,
  correlationId: 'c',
});

describe('the references of a sync', () => {
  it('are known by field, with the side of each system', () => {
    expect(referencesOf(contacts).company).toMatchObject({
      to: 'companies',
      sides: {
        salesforce: { native: 'AccountId', object: 'Account' },
        hubspot: { native: 'association:companies:primary', object: 'companies' },
      },
    });
    const all = [contacts, syncNamed('companies'), syncNamed('deals')];
    expect(['contacts', 'companies', 'deals'].map((sync) => isReferredTo(sync, all))).toEqual([false, true, false]);
  });

  it('are left to these functions by the mapping itself', () => {
    const side = contacts.sides.salesforce;
    expect(side?.nativeFields).toContain('AccountId');
    expect(side?.canonicalOf('AccountId')).toEqual(['company']);
    expect(side?.toCanonical({ AccountId: ACCOUNT })).toEqual({});
    expect(side?.toNative({ company: 'r1' }, {})).toEqual({});
  });
});

describe('associations, which cost a call of their own', () => {
  const tie = 'association:companies:primary';
  const read = (system: 'salesforce' | 'hubspot', hints: readonly ChangeHint[], whole = false) => {
    const side = contacts.sides[system];
    return side === undefined ? [] : fieldsToRead(side, hints, whole);
  };

  it('are not read where the hints say that something else changed', () => {
    expect(read('hubspot', [hint({ city: { value: 'Perth' } }), hint({ phone: { atMs: 1 } })])).not.toContain(tie);
    expect(read('salesforce', [hint({ MailingCity: { value: 'Perth' } })])).toContain('AccountId'); // a field like any other
  });

  it.each([
    ['one of them says that it changed', [hint({ city: { value: 'Perth' } }), hint({ [tie]: { atMs: 1 } })], false],
    ['one of them does not say what changed', [hint({})], false],
    ['an object is back, or was merged', [{ ...hint({ city: { value: 'x' } }), kind: 'restored' as const }], false],
    ['an object was never looked at', [hint({ city: { value: 'Perth' } })], true],
  ])('are read where %s', (_, hints, whole) => expect(read('hubspot', hints, whole)).toContain(tie));

  it('are read before a write only where one is written', () => {
    const side = contacts.sides.hubspot;
    if (side === undefined) throw new Error('contacts have a side in HubSpot');
    expect(fieldsToVerify(side, [{ city: 'Perth' }])).not.toContain(tie);
    expect(fieldsToVerify(side, [{ city: 'Perth' }, { company: null }])).toContain(tie);
  });
});

describe('reading references', () => {
  it('turns the ids of a batch into records, in one read', async () => {
    await company('r1', { salesforce: ACCOUNT });
    const states = [
      person('C1', ACCOUNT),
      person('C2', null),
      person('C3', '001Unknown'),
      { state: 'missing', objectId: 'C4' } as const,
    ];
    table.costs();
    const read = await toCanonicalRefs(states, ports('salesforce'));
    expect(Object.fromEntries([...read].map(([id, { fields }]) => [id, fields]))).toEqual({
      C1: { company: 'r1' },
      C2: { company: null },
      C3: {},
    });
    expect(read.get('C3')?.unresolved).toEqual([
      { field: 'company', to: 'companies', parentObject: 'Account', parentObjectId: '001Unknown' },
    ]);
    expect(table.costs().map(({ command }) => command)).toEqual(['BatchGetItem', 'BatchGetItem']); // the missed one again
  });

  it('leaves what a hint says of an unknown parent unread, so that the object is looked at', async () => {
    await company('r1', { salesforce: ACCOUNT });
    const said = [
      hint({ AccountId: { value: ACCOUNT } }),
      hint({ AccountId: { value: '001Unknown', atMs: 7 }, Title: { value: 'x' } }),
    ];
    const book = await openReferences(said.map(nativesOf), ports('salesforce'));
    expect(book.toCanonical({ AccountId: ACCOUNT, LastName: 'Ada' })).toMatchObject({ company: 'r1', lastName: 'Ada' });
    expect(said.map((one) => book.readable(one).fields)).toEqual([
      { AccountId: { value: ACCOUNT } },
      { AccountId: { atMs: 7 }, Title: { value: 'x' } },
    ]);
  });
});

describe('writing references', () => {
  const wants = (company: string | null) => new Map([['child', { company, lastName: 'Ada' }]]);

  it('turns records into the ids of their objects', async () => {
    await company('r1', { salesforce: ACCOUNT, hubspot: '9001' });
    const written = async (system: string) => (await toNativeRefs(wants('r1'), ports(system))).get('child');
    expect(await written('salesforce')).toEqual({ native: { AccountId: ACCOUNT }, postponed: [] });
    expect(await written('hubspot')).toEqual({ native: { 'association:companies:primary': '9001' }, postponed: [] });
    expect((await toNativeRefs(wants(null), ports('hubspot'))).get('child')?.native).toEqual({
      'association:companies:primary': null,
    });
  });

  it('postpones what has no object there yet', async () => {
    await company('r1', { salesforce: ACCOUNT });
    const { native, postponed = [] } = (await toNativeRefs(wants('r1'), ports('hubspot'))).get('child') ?? {};
    expect(native).toEqual({});
    expect(postponed).toEqual([{ field: 'company', to: 'companies', parentRecordId: 'r1' }]);
  });

  it('follows merges to the record that lives on, and waits for that one', async () => {
    await company('r1', { hubspot: '9001' }, { mergedInto: 'r2' });
    await company('r2', { salesforce: ACCOUNT }, { mergedInto: 'r3' });
    await company('r3', { salesforce: '001Sim0000000003AAA' });
    expect((await toNativeRefs(wants('r1'), ports('salesforce'))).get('child')?.native).toEqual({
      AccountId: '001Sim0000000003AAA',
    });
    expect((await toNativeRefs(wants('r1'), ports('hubspot'))).get('child')?.postponed).toEqual([
      { field: 'company', to: 'companies', parentRecordId: 'r3' },
    ]);
  });

  it('reads nothing where nothing is referred to', async () => {
    table.costs();
    await toNativeRefs(new Map([['child', { lastName: 'Ada' }]]), ports('hubspot'));
    expect(table.costs()).toEqual([]);
  });
});

describe('a child that comes before its parent', () => {
  const unresolved = [{ field: 'company', to: 'companies', parentObject: 'Account', parentObjectId: ACCOUNT }];
  const child = { sync: 'contacts', system: 'salesforce', object: 'Contact' };
  const awaited: Awaited = { what: 'record-of-object', system: 'salesforce', object: 'Account', objectId: ACCOUNT };
  const park = (...ids: string[]) =>
    parkChildren(
      ids.map((objectId) => ({ objectId, correlationId: `c-${objectId}`, unresolved })),
      child,
      waitingPorts(),
    );

  it('is parked, and its parent is hinted at, once', async () => {
    expect(await park('C1', 'C2')).toMatchObject([
      { system: 'salesforce', sync: 'companies', hint: { object: 'Account', objectId: ACCOUNT } },
    ]);
    expect(await park('C1')).toEqual([]);
  });

  it('is woken when its parent has a record, and then waits no longer', async () => {
    await park('C1', 'C2');
    const record = await company('r1', { salesforce: ACCOUNT });
    const brought = broughtBy(undefined, record, (system) => syncNamed('companies').sides[system]?.object);
    const woken = await wake(brought, waitingPorts());
    expect(woken.hints.map(({ sync, system, hint: { object, objectId } }) => [sync, system, object, objectId])).toEqual([
      ['contacts', 'salesforce', 'Contact', 'C1'],
      ['contacts', 'salesforce', 'Contact', 'C2'],
    ]);
    expect((await wake(brought, waitingPorts())).hints).toHaveLength(2); // they were not safely queued
    await woken.done();
    expect((await wake(brought, waitingPorts())).hints).toEqual([]);
  });

  it('does not sleep where its parent comes between the look and the parking', async () => {
    await company('r1', { salesforce: ACCOUNT }); // after the read that missed it
    expect(await park('C1')).toMatchObject([{ sync: 'contacts', hint: { object: 'Contact', objectId: 'C1' } }]);
    expect((await waiting.waiters(awaited, { limit: 10 })).items).toEqual([]);
  });

  it('is woken by a later look where the wake-up was lost', async () => {
    await park('C1');
    await company('r1', { salesforce: ACCOUNT });
    expect((await lookAtWaiting({ ...waitingPorts(), firstSync })).hints).toEqual([]); // not due yet
    nowMs += 20 * 60_000 + 1;
    const look = await lookAtWaiting({ ...waitingPorts(), firstSync });
    expect(look.hints.map(({ hint: { objectId } }) => objectId)).toEqual(['C1']);
    await look.done();
    expect(await waiting.dueLooks({ limit: 10 })).toEqual([]);
  });

  it('is shown to a person after a day, once, and wakes all the same when the parent comes', async () => {
    await park('C1', 'C2');
    let cases = 0;
    for (let hours = 0; hours < 30; hours += 1) {
      nowMs += HOUR;
      const look = await lookAtWaiting({ ...waitingPorts(), firstSync });
      await look.done();
      if (hours < 23) expect(look.cases).toBe(0);
      cases += look.cases;
    }
    expect(cases).toBe(1);
    const { reviews } = await firstSync.reviews('contacts', { limit: 10 });
    expect(reviews).toMatchObject([
      { reason: expect.stringMatching(/2 objects refer by company to Account 001Sim.* which is not synced/), objects: [{}, {}] },
    ]);
    await company('r1', { salesforce: ACCOUNT });
    expect((await wake([awaited], waitingPorts())).hints).toHaveLength(2);
  });

  it('waits among many: one wake-up is bounded, and the next look wakes the rest', async () => {
    const ids = [...Array(2_100).keys()].map((n) => `C${n}`);
    await park(...ids);
    await company('r1', { salesforce: ACCOUNT });
    const first = await wake([awaited], waitingPorts());
    expect(first.hints).toHaveLength(2_000);
    await first.done();
    nowMs += 20 * 60_000 + 1;
    const rest = await lookAtWaiting({ ...waitingPorts(), firstSync });
    expect(new Set([...first.hints, ...rest.hints].map(({ hint: { objectId } }) => objectId)).size).toBe(2_100);
  });
});

describe('a write that waits for its parent', () => {
  const target = { sync: 'contacts', system: 'hubspot' };
  const postponed = [{ field: 'company', to: 'companies', parentRecordId: 'r1' }];
  const write = { recordId: 'child', correlationId: 'c1', postponed };

  it('is asked for again when the parent has its object in that system, and not before', async () => {
    const before = await company('r1', { salesforce: ACCOUNT });
    expect(await parkWrites([write], target, waitingPorts())).toEqual([]);
    const typeOf = (system: string) => syncNamed('companies').sides[system]?.object;
    const elsewhere = await wake(broughtBy(undefined, before, typeOf), waitingPorts());
    expect(elsewhere.deliveries).toEqual([]);
    const linked = {
      ...before,
      links: {
        ...before.links,
        hubspot: { objectId: '9001', state: 'linked', stampMs: 1, observedAtMs: 1, seen: {}, receipts: [] },
      },
    } satisfies SyncRecord;
    const woken = await wake(broughtBy(before, linked, typeOf), waitingPorts());
    expect(woken.deliveries).toEqual([{ system: 'hubspot', sync: 'contacts', recordId: 'child', correlationId: 'c1' }]);
  });

  it('is asked for at once where the parent got it in this very moment', async () => {
    await company('r1', { hubspot: '9001' });
    expect(await parkWrites([write], target, waitingPorts())).toMatchObject([{ recordId: 'child' }]);
  });
});
