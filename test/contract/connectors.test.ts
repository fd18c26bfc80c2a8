import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHubSpotSimulator } from '../../local/simulators/hubspot/hubspot-simulator.ts';
import { startSalesforceSimulator } from '../../local/simulators/salesforce/salesforce-simulator.ts';
import type { CrmSimulator } from '../../local/simulators/simulator.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import type { ApiBudget, Connector, ObjectState, RowPage } from '../../shared/connectors/connector.ts';
import { unlimitedBudget } from '../../shared/connectors/local-budget.ts';
import { connectorFor } from '../../shared/connectors/registry.ts';
import type { NativeValues } from '../../shared/sync/change-hint.ts';

/** What both systems are driven by, each under its own names. */
interface System {
  readonly simulator: CrmSimulator;
  readonly connector: Connector;
  /** A second connector, with its own budget. */
  connect(budget: ApiBudget): Connector;
  readonly object: string;
  readonly externalId: string;
  readonly names: { readonly email: string; readonly first: string; readonly last: string; readonly phone: string };
  /** A value that the system refuses, and the field it names. */
  readonly refusedValue: { readonly field: string; readonly value: string };
  readonly absentId: string;
  readonly limitFault: { readonly status: number; readonly body: string };
  readonly updateCall: string;
  readonly createCall: string;
  readonly readCall: string;
  merge(winnerId: string, loserId: string): string;
  /** Contacts may not share an e-mail address. */
  forbidSharedEmail(): void;
  endTokens(): void;
  /** What the simulator's own reset leaves as it is. */
  resetBehaviour(): void;
  /** From now on, writes are shown by search this much later; Salesforce has no such lag. */
  lagSearch(ms: number): void;
}

async function salesforce(): Promise<System> {
  const credentials = { clientId: 'client', clientSecret: 'secret', username: 'sync@acme.test' };
  const simulator = await startSalesforceSimulator({ credentials });
  const connection = connectionSchema.parse({
    kind: 'salesforce',
    loginUrl: simulator.url,
    clientId: 'client',
    clientSecret: 'secret',
  });
  const connect = (budget: ApiBudget) => connectorFor(connection, budget, { callTimeoutMs: 10_000 });
  return {
    simulator,
    connector: connect(unlimitedBudget()),
    connect,
    object: 'Contact',
    externalId: 'Concord_Id__c',
    names: { email: 'Email', first: 'FirstName', last: 'LastName', phone: 'Phone' },
    refusedValue: { field: 'Email', value: 'not an address' },
    absentId: '003Sim0000ZZZZZIA5',
    limitFault: { status: 403, body: '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]' },
    updateCall: 'PATCH /services/data/v67.0/composite/sobjects',
    createCall: 'PATCH /services/data/v67.0/composite/sobjects/Contact/Concord_Id__c',
    readCall: 'POST /services/data/v67.0/composite/sobjects/Contact',
    merge(winnerId, loserId) {
      simulator.merge('Contact', winnerId, [loserId]);
      return winnerId;
    },
    forbidSharedEmail: () => {
      simulator.orgSettings.duplicateContacts = 'block';
    },
    endTokens: () => simulator.revokeTokens(),
    resetBehaviour() {
      simulator.orgSettings.duplicateContacts = 'allow';
    },
    lagSearch: () => undefined,
  };
}

async function hubspot(apiVersion: string): Promise<System> {
  const simulator = await startHubSpotSimulator({
    portalId: 880001,
    appId: 660001,
    clientId: 'client',
    clientSecret: 'secret',
    refreshToken: 'refresh',
    properties: [{ name: 'concord_id', type: 'string', fieldType: 'text', hasUniqueValue: true }],
  });
  const connection = connectionSchema.parse({
    kind: 'hubspot',
    baseUrl: simulator.url,
    clientId: 'client',
    clientSecret: 'secret',
    refreshToken: 'refresh',
    webhookSecret: 'secret',
    apiVersion,
  });
  const connect = (budget: ApiBudget) => connectorFor(connection, budget, { callTimeoutMs: 10_000 });
  const lagSearch = (ms: number) => {
    Object.assign(simulator.behaviour, { searchLagMs: ms, searchLagSpreadMs: 0 });
  };
  const contacts = apiVersion === 'v3' ? '/crm/v3/objects/contacts' : `/crm/objects/${apiVersion}/contacts`;
  return {
    simulator,
    connector: connect(unlimitedBudget()),
    connect,
    object: 'contacts',
    externalId: 'concord_id',
    names: { email: 'email', first: 'firstname', last: 'lastname', phone: 'phone' },
    refusedValue: { field: 'lifecyclestage', value: 'not a stage' },
    absentId: '99999999999',
    limitFault: { status: 429, body: '{"status":"error","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}' },
    updateCall: `POST ${contacts}/batch/update`,
    createCall: `POST ${contacts}/batch/upsert`,
    readCall: `POST ${contacts}/batch/read`,
    merge: (winnerId, loserId) => simulator.merge('contacts', winnerId, loserId),
    forbidSharedEmail: () => undefined, // HubSpot never allows it
    endTokens: () => simulator.expireTokens(),
    resetBehaviour: () => lagSearch(0),
    lagSearch,
  };
}

/** Reads a poll run to its end, and the cursor for the next. */
async function poll(system: System, from: { cursor?: string; fromMs: number; overlapMs: number }) {
  const rows: ObjectState[] = [];
  let { cursor } = from;
  let page: RowPage;
  let pages = 0;
  do {
    page = await system.connector.changes(system.object, Object.values(system.names), { ...from, cursor });
    rows.push(...page.rows);
    cursor = page.cursor;
    if (++pages > 500) throw new Error('the run does not end');
  } while (!page.done);
  return { rows, cursor };
}

describe.each([
  ['Salesforce', salesforce],
  ['HubSpot', () => hubspot('v3')],
  ['HubSpot by dated paths', () => hubspot('2026-09')],
])('the connector of %s', (_name, start) => {
  let system: System;
  let manyPages: number; // rows that fill more than two pages of changes
  beforeAll(async () => {
    system = await start();
    manyPages = system.object === 'Contact' ? 4_500 : 450;
  });
  beforeEach(() => {
    system.simulator.reset();
    system.simulator.settings.limits = false;
    system.resetBehaviour();
  });
  afterAll(() => system.simulator.close());

  const fields = () => [...Object.values(system.names), system.externalId];
  const person = (n: number, more: NativeValues = {}): NativeValues => ({
    [system.names.first]: 'Ada',
    [system.names.last]: `Byron ${n}`,
    [system.names.email]: `ada.${n}@example.test`,
    ...more,
  });
  const people = (count: number, first = 0) => Array.from({ length: count }, (_, i) => person(first + i));
  const load = (count: number, atMs?: number, first = 0) => system.simulator.load(system.object, people(count, first), atMs);
  const loadOne = (values: NativeValues): string => {
    const [id] = system.simulator.load(system.object, [values]);
    if (id === undefined) throw new Error('nothing was loaded');
    return id;
  };
  const held = (id: string, field: string) => system.simulator.object(system.object, id)?.values[field];
  const live = () => system.simulator.objects(system.object).filter((object) => !object.deleted);
  const idsOf = (rows: readonly ObjectState[]) => rows.map((row) => row.objectId);

  describe('reading by id', () => {
    it('shows each object once, its empty fields as null, and when it was last changed', async () => {
      const id = loadOne(person(1));
      const states = await system.connector.read(system.object, [id, id], fields());
      expect([...states.keys()]).toEqual([id]);
      const state = states.get(id);
      expect(state).toMatchObject({
        state: 'present',
        objectId: id,
        values: { ...person(1), [system.names.phone]: null, [system.externalId]: null },
      });
      const { stampResolutionMs } = system.connector.traits;
      const modifiedAtMs = system.simulator.object(system.object, id)?.modifiedAtMs ?? 0;
      expect(state?.state === 'present' && state.stampMs).toBe(Math.floor(modifiedAtMs / stampResolutionMs) * stampResolutionMs);
    });

    it('tells deleted, merged, missing and restored apart', async () => {
      const deleted = loadOne(person(1));
      const winner = loadOne(person(2));
      const loser = loadOne(person(3));
      const restored = loadOne(person(4));
      system.simulator.remove(system.object, deleted);
      system.simulator.remove(system.object, restored);
      system.simulator.restore(system.object, restored);
      const survivor = system.merge(winner, loser);
      const asked = [deleted, loser, restored, system.absentId, 'nonsense', ''];
      const states = await system.connector.read(system.object, asked, fields());
      expect([...states.keys()].sort()).toEqual([...asked].sort());
      expect(states.get(deleted)).toMatchObject({ state: 'deleted', objectId: deleted });
      expect(states.get(loser)).toEqual({ state: 'merged', objectId: loser, intoObjectId: survivor });
      expect(states.get(restored)).toMatchObject({ state: 'present', values: person(4) });
      for (const id of [system.absentId, 'nonsense', '']) expect(states.get(id)?.state).toBe('missing');
      const state = states.get(deleted);
      expect(state?.state === 'deleted' && Math.abs(state.deletedAtMs - Date.now())).toBeLessThan(60_000);
    });

    it('follows a merge into an object that was deleted afterwards', async () => {
      const [winner = '', loser = ''] = load(2);
      const survivor = system.merge(winner, loser);
      system.simulator.remove(system.object, survivor);
      const states = await system.connector.read(system.object, [loser, survivor], fields());
      expect(states.get(loser)).toMatchObject({ state: 'merged', intoObjectId: survivor });
      expect(states.get(survivor)?.state).toBe('deleted');
    });

    it('needs no call per id to see what became of merged objects', async () => {
      const ids = load(20);
      const losers = ids.filter((_, i) => i % 2 === 1);
      losers.forEach((loser, i) => {
        system.merge(ids[2 * i] ?? '', loser);
      });
      system.simulator.resetCalls();
      const states = await system.connector.read(system.object, losers, fields());
      expect([...states.values()].map((state) => state.state)).toEqual(losers.map(() => 'merged'));
      expect(system.simulator.calls().total).toBeLessThanOrEqual(2);
    });

    it('needs one call for a full batch', async () => {
      const ids = load(system.connector.traits.readBatchSizeMax + 1);
      const before = system.simulator.calls().total;
      const states = await system.connector.read(system.object, ids, fields());
      expect([...states.values()].every((state) => state.state === 'present')).toBe(true);
      expect(states.size).toBe(ids.length);
      expect(system.simulator.calls().total - before).toBe(2);
    });

    it('asks nothing when there is nothing to ask', async () => {
      await system.connector.read(system.object, [], fields());
      await system.connector.update(system.object, []);
      await system.connector.archive(system.object, []);
      await system.connector.create(system.object, system.externalId, []);
      await system.connector.findByField(system.object, system.names.email, [], []);
      expect(system.simulator.calls().total).toBe(0);
    });
  });

  describe('updating', () => {
    it('writes only what it is given, and empties a field by null', async () => {
      const id = loadOne(person(1, { [system.names.phone]: '+44 20 7946 0001' }));
      const outcomes = await system.connector.update(system.object, [
        { objectId: id, values: { [system.names.last]: "O'Lovelace", [system.names.phone]: null } },
      ]);
      expect(outcomes.get(id)).toMatchObject({ outcome: 'written', objectId: id });
      expect(held(id, system.names.last)).toBe("O'Lovelace");
      expect(held(id, system.names.phone) || null).toBeNull();
      expect(held(id, system.names.first)).toBe('Ada');
    });

    it('gives each object its own outcome, whatever happens to the others', async () => {
      const ids = load(5);
      const [good = '', bad = '', deleted = '', merged = '', winner = ''] = ids;
      system.simulator.remove(system.object, deleted);
      system.merge(winner, merged);
      const writes = [...ids.slice(0, 4), system.absentId, 'nonsense'].map((objectId) => ({
        objectId,
        values: {
          [system.names.phone]: '1',
          ...(objectId === bad ? { [system.refusedValue.field]: system.refusedValue.value } : {}),
        },
      }));
      const outcomes = await system.connector.update(system.object, writes);
      expect(outcomes.size).toBe(writes.length);
      expect(outcomes.get(good)?.outcome).toBe('written');
      expect(outcomes.get(bad)).toMatchObject({ outcome: 'rejected', fields: [system.refusedValue.field] });
      for (const id of [deleted, merged, system.absentId, 'nonsense']) expect(outcomes.get(id), id).toEqual({ outcome: 'gone' });
      expect(held(good, system.names.phone)).toBe('1');
      expect(held(bad, system.names.phone) || null).toBeNull();
    });

    it('writes 250 objects in as few calls as the system allows', async () => {
      const ids = load(250);
      system.simulator.resetCalls();
      const writes = ids.map((objectId, i) => ({ objectId, values: { [system.names.phone]: String(i) } }));
      const outcomes = await system.connector.update(system.object, writes);
      expect([...outcomes.values()].every(({ outcome }) => outcome === 'written')).toBe(true);
      expect(system.simulator.calls().total).toBe(Math.ceil(250 / system.connector.traits.writeBatchSizeMax));
      ids.forEach((id, i) => {
        expect(held(id, system.names.phone)).toBe(String(i));
      });
    });

    it('does not know what became of a write whose answer is lost, and does not repeat it', async () => {
      const id = loadOne(person(1));
      system.simulator.settings.faults.push({ match: system.updateCall, times: 1, kind: 'drop', afterEffect: true });
      const writesBefore = system.simulator.writes().length;
      const outcomes = await system.connector.update(system.object, [{ objectId: id, values: { [system.names.phone]: '7' } }]);
      expect(outcomes.get(id)?.outcome).toBe('unknown');
      expect(system.simulator.writes().length - writesBefore).toBe(1);
      expect(held(id, system.names.phone)).toBe('7');
    });
  });

  describe('creating', () => {
    const create = (recordId: string, values: NativeValues) => ({ recordId, values });

    it('makes one object per record, and carries the record id', async () => {
      const creates = people(250).map((values, i) => create(`rec-${i}`, values));
      const outcomes = await system.connector.create(system.object, system.externalId, creates);
      expect(outcomes.size).toBe(250);
      for (const { recordId, values } of creates) {
        const outcome = outcomes.get(recordId);
        if (outcome?.outcome !== 'written') throw new Error(`${recordId} was not written: ${JSON.stringify(outcome)}`);
        expect(held(outcome.objectId, system.externalId)).toBe(recordId);
        expect(held(outcome.objectId, system.names.email)).toBe(values[system.names.email]);
      }
      expect(live()).toHaveLength(250);
    });

    it('makes no second object when an ambiguous create is repeated', async () => {
      const creates = [create('REC-a', person(1)), create('REC-b', person(2))];
      system.simulator.settings.faults.push({ match: system.createCall, times: 1, kind: 'drop', afterEffect: true });
      const lost = await system.connector.create(system.object, system.externalId, creates);
      expect([...lost.values()].map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
      expect(live()).toHaveLength(2);
      const repeated = await system.connector.create(system.object, system.externalId, creates);
      expect([...repeated.values()].map(({ outcome }) => outcome)).toEqual(['written', 'written']);
      expect(live()).toHaveLength(2);
      const found = await system.connector.findByField(system.object, system.externalId, ['REC-a', 'REC-b', 'REC-c'], fields());
      expect([...found].map(([value, states]) => [value, states.length])).toEqual([
        ['REC-a', 1],
        ['REC-b', 1],
        ['REC-c', 0],
      ]);
    });

    it('names the object that already owns the address, and creates the others', async () => {
      system.forbidSharedEmail();
      const owner = loadOne(person(1));
      await system.connector.read(system.object, [owner], []); // so that a token is at hand
      system.simulator.resetCalls();
      const outcomes = await system.connector.create(system.object, system.externalId, [
        create('rec-1', person(1)),
        create('rec-2', person(2)),
        create('rec-3', person(3, { [system.refusedValue.field]: system.refusedValue.value })),
      ]);
      expect(outcomes.get('rec-1')).toMatchObject({ outcome: 'duplicate', existingObjectId: owner });
      expect(outcomes.get('rec-2')?.outcome).toBe('written');
      expect(outcomes.get('rec-3')).toMatchObject({ outcome: 'rejected', fields: [system.refusedValue.field] });
      expect(system.simulator.calls().total).toBe(1);
      expect(live()).toHaveLength(2);
    });
  });

  describe('archiving', () => {
    it('moves objects to the recycle bin, and takes those already gone for done', async () => {
      const [first = '', second = '', kept = ''] = load(3);
      system.simulator.remove(system.object, second);
      const ids = [first, second, system.absentId, 'nonsense'];
      for (const _again of [1, 2]) {
        const outcomes = await system.connector.archive(system.object, ids);
        expect([...outcomes].map(([id, { outcome }]) => [id, outcome]).sort()).toEqual(ids.map((id) => [id, 'written']).sort());
      }
      expect(live().map((object) => object.objectId)).toEqual([kept]);
    });
  });

  describe('finding by a field', () => {
    it('finds by e-mail, whatever its case', async () => {
      const id = loadOne(person(1));
      load(3, undefined, 100);
      const asked = ['ADA.1@Example.test', 'nobody@example.test', '', "x' OR Email != '"];
      const found = await system.connector.findByField(system.object, system.names.email, asked, fields());
      expect([...found.keys()]).toEqual(asked);
      expect(found.get('ADA.1@Example.test')?.map((state) => state.objectId)).toContain(id);
      for (const none of asked.slice(1)) expect(found.get(none)).toEqual([]);
    });

    it('finds every object that has the value, hundreds of values at a time', async () => {
      const rows = Array.from({ length: 600 }, (_, i) => person(i, { [system.names.last]: `O'Name "${i % 300}" \\` }));
      system.simulator.load(system.object, rows);
      const asked = Array.from({ length: 310 }, (_, i) => `O'Name "${i}" \\`);
      const found = await system.connector.findByField(system.object, system.names.last, asked, fields());
      expect(asked.map((value) => found.get(value)?.length)).toEqual(asked.map((_, i) => (i < 300 ? 2 : 0)));
      const [state] = found.get(asked[7] ?? '') ?? [];
      expect(state).toMatchObject({ state: 'present', values: { [system.names.last]: asked[7] } });
    });

    it('does not find what is in the recycle bin', async () => {
      const id = loadOne(person(1));
      system.simulator.remove(system.object, id);
      const found = await system.connector.findByField(system.object, system.names.email, ['ada.1@example.test'], []);
      expect(found.get('ada.1@example.test')).toEqual([]);
    });
  });

  describe('listing changes', () => {
    it('shows edits, creations and deletions since the last poll', async () => {
      const hourAgoMs = Date.now() - 3_600_000;
      const [edited = '', deleted = '', still = ''] = load(3, hourAgoMs);
      const started = await poll(system, { fromMs: Date.now() - 60_000, overlapMs: 0 });
      expect(started.rows).toEqual([]);
      await sleep(system.connector.traits.stampResolutionMs);
      system.simulator.edit(system.object, edited, { [system.names.phone]: '5' });
      system.simulator.remove(system.object, deleted);
      const created = system.simulator.create(system.object, person(9));
      const { rows } = await poll(system, { cursor: started.cursor, fromMs: 0, overlapMs: 2_000 });
      const states = new Map(rows.map((row) => [row.objectId, row]));
      expect(states.get(edited)).toMatchObject({ state: 'present', values: { [system.names.phone]: '5' } });
      expect(states.get(created)).toMatchObject({ state: 'present', values: { [system.names.last]: 'Byron 9' } });
      expect(states.get(deleted)?.state).toBe('deleted');
      expect(states.has(still)).toBe(false);
    });

    it('gives the same rows for the same cursor', async () => {
      load(manyPages, Date.now() - 3_600_000);
      const from = { fromMs: Date.now() - 7_200_000, overlapMs: 0 };
      const first = await system.connector.changes(system.object, fields(), from);
      expect(await system.connector.changes(system.object, fields(), from)).toEqual(first);
      const next = { ...from, cursor: first.cursor };
      const second = await system.connector.changes(system.object, fields(), next);
      expect(second.rows.length).toBeGreaterThan(0);
      expect(idsOf(second.rows).filter((id) => idsOf(first.rows).includes(id))).toEqual([]);
      expect((await system.connector.changes(system.object, fields(), next)).rows).toEqual(second.rows);
    });

    it('gets past 12,000 rows with one stamp, each shown once', async () => {
      const atMs = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
      const early = load(1, atMs - 5_000);
      const ids = load(12_000, atMs, 1);
      const late = load(1, atMs + 5_000, 12_001);
      const { rows } = await poll(system, { fromMs: atMs - 10_000, overlapMs: 600_000 });
      expect(rows).toHaveLength(12_002);
      expect(new Set(idsOf(rows))).toEqual(new Set([...early, ...ids, ...late]));
      expect(idsOf(rows).at(0)).toBe(early[0]);
      expect(idsOf(rows).at(-1)).toBe(late[0]);
    });

    it('reads a long past once, and the last minutes again', async () => {
      const nowMs = Date.now();
      load(700, nowMs - 3_600_000);
      const recent = load(3, nowMs - 30_000, 700);
      const first = await poll(system, { fromMs: nowMs - 7_200_000, overlapMs: 60_000 });
      expect(first.rows).toHaveLength(703);
      const second = await poll(system, { cursor: first.cursor, fromMs: 0, overlapMs: 60_000 });
      expect(idsOf(second.rows).sort()).toEqual([...recent].sort());
    });

    it('does not lose rows that are changed while a run is under way', async () => {
      const ids = load(manyPages, Date.now() - 3_600_000);
      const seen = new Map<string, ObjectState>();
      let cursor: string | undefined;
      let done = false;
      for (let pages = 0; !done && pages < 50; pages++) {
        const page = await system.connector.changes(system.object, fields(), { cursor, fromMs: 0, overlapMs: 5_000 });
        for (const row of page.rows) seen.set(row.objectId, row);
        // Rows read before, and rows yet to be read, move to the end of the order.
        if (pages === 0)
          for (const id of [...ids.slice(0, 150), ...ids.slice(-50)]) {
            system.simulator.edit(system.object, id, { [system.names.phone]: '1' });
          }
        ({ cursor, done } = page);
      }
      expect(seen.size).toBe(manyPages);
      expect([...seen.values()].filter((row) => row.state === 'present' && row.values[system.names.phone] === '1')).toHaveLength(
        200,
      );
    });

    it('does not show what is older than asked for', async () => {
      load(5, Date.now() - 3_600_000);
      const { rows } = await poll(system, { fromMs: Date.now() - 600_000, overlapMs: 60_000 });
      expect(rows).toEqual([]);
    });
  });

  describe('listing everything', () => {
    it('shows every live object once, page by page', async () => {
      const ids = load(2_150);
      for (const id of ids.slice(0, 10)) system.simulator.remove(system.object, id);
      const seen: string[] = [];
      let cursor: string | undefined;
      for (let pages = 0; pages < 100; pages++) {
        const page: RowPage = await system.connector.list(system.object, fields(), cursor);
        seen.push(...idsOf(page.rows));
        expect(page.done).toBe(page.cursor === undefined);
        if (page.done) break;
        ({ cursor } = page);
      }
      expect(seen).toHaveLength(2_140);
      expect(new Set(seen)).toEqual(new Set(ids.slice(10)));
    });

    it('is done at once where there is nothing', async () => {
      expect(await system.connector.list(system.object, fields(), undefined)).toEqual({
        rows: [],
        cursor: undefined,
        done: true,
      });
    });
  });

  it('describes the fields', async () => {
    const described = new Map((await system.connector.describe(system.object)).map((field) => [field.name, field]));
    expect(described.get(system.externalId)).toMatchObject({ writable: true, unique: true });
    expect(described.get(system.names.first)).toMatchObject({ writable: true, unique: false });
    const [own, stamp] = system.object === 'Contact' ? ['Id', 'SystemModstamp'] : ['hs_object_id', 'lastmodifieddate'];
    expect(described.get(own)).toMatchObject({ writable: false, unique: true });
    expect(described.get(stamp)?.writable).toBe(false);
    const choice = described.get(system.object === 'Contact' ? 'LeadSource' : 'lifecyclestage');
    expect(choice?.options?.length).toBeGreaterThan(2);
  });

  it('says that an object type does not exist', async () => {
    const none = system.object === 'Contact' ? 'Nothing__c' : '2-999';
    await expect(system.connector.read(none, [system.absentId], [])).rejects.toMatchObject({ retryable: false });
  });

  it('goes on with a new token when the old one ends', async () => {
    const id = loadOne(person(1));
    await system.connector.read(system.object, [id], []);
    system.endTokens();
    await expect(system.connector.read(system.object, [id], [])).resolves.toHaveProperty('size', 1);
  });

  it('repeats a read after an outage of a moment', async () => {
    const id = loadOne(person(1));
    system.simulator.settings.faults.push({ match: system.readCall, times: 1, kind: 'status', status: 503 });
    await expect(system.connector.read(system.object, [id], [])).resolves.toHaveProperty('size', 1);
  });

  it('stops everybody when the system says that the limit is reached', async () => {
    const paused: string[] = [];
    const connector = system.connect({ ...unlimitedBudget(), pause: async (lane) => void paused.push(lane) });
    system.simulator.settings.faults.push({ match: system.readCall, times: 1, kind: 'status', ...system.limitFault });
    await expect(connector.read(system.object, [loadOne(person(1))], [])).rejects.toMatchObject({ name: 'RateLimitedError' });
    expect(paused).toEqual(['general']);
  });

  it('reads wide mappings, beyond what a URL or a search can name', async () => {
    const wide = (await system.connector.describe(system.object))
      .filter((field) => field.type !== 'address')
      .map((field) => field.name);
    const filler =
      system.object === 'Contact' ? [] : Array.from({ length: 250 }, (_, i) => `not_a_property_of_this_account_${i}`);
    const id = loadOne(person(1));
    const all = [...wide, ...filler];
    const expected = { state: 'present', values: { ...person(1), [system.names.phone]: null } };
    expect((await system.connector.read(system.object, [id], all)).get(id)).toMatchObject(expected);
    expect((await system.connector.list(system.object, all, undefined)).rows[0]).toMatchObject(expected);
    const { rows } = await system.connector.changes(system.object, all, { fromMs: Date.now() - 60_000, overlapMs: 0 });
    expect(rows[0]).toMatchObject(expected);
  });
});

describe('rows that become visible late', () => {
  it('are shown by the next poll of Salesforce: stamped before, committed after', async () => {
    const system = await salesforce();
    const simulator = await startSalesforceSimulator({
      credentials: { clientId: 'client', clientSecret: 'secret', username: 'sync@acme.test' },
    });
    await system.simulator.close();
    const connection = connectionSchema.parse({
      kind: 'salesforce',
      loginUrl: simulator.url,
      clientId: 'client',
      clientSecret: 'secret',
    });
    const late: System = { ...system, simulator, connector: connectorFor(connection, unlimitedBudget()) };
    try {
      const [slow = '', quick = ''] = simulator.load(
        'Contact',
        [{ LastName: 'Slow' }, { LastName: 'Quick' }],
        Date.now() - 3_600_000,
      );
      const commit = simulator.beginEdit('Contact', slow, { Phone: '1' });
      await sleep(1_100);
      simulator.edit('Contact', quick, { Phone: '2' });
      const first = await poll(late, { fromMs: Date.now() - 60_000, overlapMs: 60_000 });
      expect(first.rows.map((row) => row.objectId)).toEqual([quick]);
      commit();
      const second = await poll(late, { cursor: first.cursor, fromMs: 0, overlapMs: 60_000 });
      expect(second.rows.map((row) => row.objectId)).toContain(slow);
    } finally {
      await simulator.close();
    }
  });

  it('are shown by the next poll of HubSpot: changed before, indexed after', async () => {
    const system = await hubspot('v3');
    try {
      system.lagSearch(300);
      const id = system.simulator.create('contacts', { email: 'late@example.test' });
      const first = await poll(system, { fromMs: Date.now() - 60_000, overlapMs: 5_000 });
      expect(first.rows).toEqual([]);
      await sleep(400);
      const second = await poll(system, { cursor: first.cursor, fromMs: 0, overlapMs: 5_000 });
      expect(second.rows.map((row) => row.objectId)).toEqual([id]);
    } finally {
      await system.simulator.close();
    }
  });
});

describe('a long recycle bin of HubSpot', () => {
  it('is read over several runs, and every deletion is shown', async () => {
    const system = await hubspot('v3');
    try {
      system.simulator.settings.limits = false;
      const rows = Array.from({ length: 1_450 }, (_, i) => ({ email: `gone.${i}@example.test` }));
      const ids = system.simulator.load('contacts', rows, Date.now() - 3_600_000);
      const fromMs = Date.now();
      for (const id of ids) system.simulator.remove('contacts', id);
      const first = await poll(system, { fromMs, overlapMs: 0 });
      expect(first.rows).toHaveLength(1_000);
      const second = await poll(system, { cursor: first.cursor, fromMs, overlapMs: 0 });
      expect(new Set([...first.rows, ...second.rows].map((row) => row.objectId))).toEqual(new Set(ids));
      expect(second.rows).toHaveLength(450);
    } finally {
      await system.simulator.close();
    }
  });
});

describe('who modified an object', () => {
  it('is told by Salesforce, and not by HubSpot', async () => {
    const sf = await salesforce();
    const hs = await hubspot('v3');
    try {
      for (const [system, ours, theirs] of [
        [sf, 'us', 'other'],
        [hs, 'unknown', 'unknown'],
      ] as const) {
        const [id = ''] = system.simulator.load(system.object, [
          { [system.names.last]: 'X', [system.names.email]: 'x@example.test' },
        ]);
        const modifiedBy = async () => {
          const state = (await system.connector.read(system.object, [id], [])).get(id);
          return state?.state === 'present' ? state.modifiedBy : state?.state;
        };
        expect(await modifiedBy()).toBe(theirs);
        await system.connector.update(system.object, [{ objectId: id, values: { [system.names.phone]: '1' } }]);
        expect(await modifiedBy()).toBe(ours);
      }
    } finally {
      await sf.simulator.close();
      await hs.simulator.close();
    }
  });
});
