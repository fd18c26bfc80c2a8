import { describe, expect, it } from 'vitest';
import { verifySignatureV3 } from '../../shared/connectors/hubspot/signature.ts';
import { readWebhook } from '../../shared/connectors/hubspot/webhook.ts';
import { parseChangeEvent, readChangeEvent } from '../../shared/connectors/salesforce/change-event.ts';
import { SystemUnavailableError } from '../../shared/errors.ts';
import type { PortCall } from './engine/world-face.ts';
import { recordingChooser, replayingChooser } from './kernel/choice-tape.ts';
import { CallFailedError } from './kernel/incarnation.ts';
import { Scheduler } from './kernel/scheduler.ts';
import { Story } from './kernel/story.ts';
import { changeEvent, ORGANISATION, OUR_USER, overflowEvent, rereadEvent } from './world/change-events.ts';
import { connectorOf } from './world/crm-connector.ts';
import { type CrmChange, CrmLog } from './world/crm-log.ts';
import { drawSetup } from './world/draw-setup.ts';
import { drawWorld } from './world/draw-world.ts';
import { FaultBook, type FaultStrengths } from './world/faults.ts';
import { ModelCrm, type ModelCrmOptions, type ModelType } from './world/model-crm.ts';
import type { NativeField } from './world/native-field.ts';
import type { Action } from './world/people.ts';
import { FORGERIES, hubspotConnection, signedDelivery, webhookEvents, webhookUrl } from './world/webhooks.ts';
import { createWorld, type World } from './world/world.ts';

const PERSON = { by: 'person' } as const;
const CONCORD = { by: 'concord', connection: 1, call: 1, late: false } as const;
const START = Date.UTC(2026, 0, 5, 8);
const FIELDS: readonly NativeField[] = [
  { name: 'email', type: 'email', unique: true },
  { name: 'name', type: 'text', normalisers: [{ kind: 'trim' }, { kind: 'truncate', length: 6 }] },
  { name: 'title', type: 'text', validations: [{ kind: 'forbids-text', text: '~' }] },
  { name: 'score', type: 'number' },
  { name: 'optOut', type: 'boolean' },
];

/** A CRM whose clock the test sets. */
function crmOf(
  family: 'salesforce' | 'hubspot',
  more: Partial<ModelCrmOptions> & { automations?: ModelType['automations'] } = {},
) {
  const clock = { nowMs: START };
  const changes: CrmChange[] = [];
  const log = new CrmLog();
  const later: (() => void)[] = [];
  const { automations = [], ...options } = more;
  const crm = new ModelCrm({
    system: family,
    family,
    types: [{ name: 'contacts', keyPrefix: '003', externalIdField: 'concord_id', fields: FIELDS, automations }],
    stampResolutionMs: family === 'salesforce' ? 1_000 : 1,
    log,
    now: () => clock.nowMs,
    changed: (change) => changes.push(change),
    later: (_, act) => later.push(act),
    ...options,
  });
  const create = (values: Record<string, string | number | boolean | null>) => {
    const made = crm.create('contacts', values, PERSON);
    if (made.outcome !== 'written') throw new Error(`not created: ${made.outcome}`);
    return made.objectId;
  };
  return { crm, clock, changes, log, later, create };
}

const kindly: PortCall = async (_, effect) => effect();

function connectorTo(crm: ModelCrm, call: PortCall = kindly, faults: FaultStrengths = {}, readLagMs = 0) {
  let calls = 0;
  return connectorOf(crm, call, {
    connection: 1,
    traits: { stampResolutionMs: crm.stampResolutionMs, readLagMs, listLagMs: 0, readBatchSizeMax: 100, writeBatchSizeMax: 100 },
    faults: new FaultBook(recordingChooser(1), faults),
    isLockedOut: () => false,
    nextCall: () => {
      calls += 1;
      return calls;
    },
  });
}

describe('a model CRM', () => {
  it('stamps whole seconds as Salesforce does, and milliseconds as HubSpot does', () => {
    for (const [family, stampMs] of [
      ['salesforce', START + 1_000],
      ['hubspot', START + 1_234],
    ] as const) {
      const { crm, clock, create } = crmOf(family);
      clock.nowMs += 1_234;
      expect(crm.stampOf(create({ name: 'Ada' }))).toBe(stampMs);
    }
  });

  it('takes a stamp before a slow commit, and never lets stamps of Salesforce go back', () => {
    const { crm, clock, create } = crmOf('salesforce');
    const id = create({ name: 'Ada' });
    const begunMs = clock.nowMs + 5_000;
    clock.nowMs += 240_000;
    crm.update(id, { title: 'slow' }, PERSON, { stampMs: begunMs });
    expect(crm.stampOf(id)).toBe(START + 5_000);
    crm.update(id, { title: 'older' }, PERSON, { stampMs: START });
    expect(crm.stampOf(id)).toBe(START + 5_000);
  });

  it('stores its own form of what it is given, and says in the log what was sent', () => {
    const { crm, create, changes } = crmOf('hubspot');
    const id = create({ name: '  Augusta Ada ', score: 5 });
    expect(crm.valuesOf(id)).toMatchObject({ name: 'August', score: '5' });
    expect(changes[0]?.fields.name).toEqual({ before: null, after: 'August', sent: '  Augusta Ada ' });
    expect(crmOf('salesforce').create({ name: 'A' })).toMatch(/^003\w{15}$/);
  });

  it('refuses what its rules forbid, and a unique value that another has, whatever its case', () => {
    const { crm, create } = crmOf('hubspot');
    const first = create({ email: 'ada@example.test' });
    const second = create({ email: 'b@example.test' });
    expect(crm.update(second, { title: 'no ~' }, PERSON)).toMatchObject({ outcome: 'rejected', fields: ['title'] });
    expect(crm.update(second, { email: 'ADA@example.test' }, PERSON)).toMatchObject({
      outcome: 'duplicate',
      existingObjectId: first,
    });
    expect(crm.valuesOf(second)?.email).toBe('b@example.test');
  });

  it('lets a read lag behind, up to showing what is there as missing', () => {
    const { crm, clock, create } = crmOf('hubspot');
    const id = create({ name: 'old' });
    clock.nowMs += 1_000;
    crm.update(id, { name: 'new' }, PERSON);
    expect(crm.state(id, ['name'], 1)).toMatchObject({ values: { name: 'old' }, stampMs: START });
    expect(crm.state(id, ['name'])).toMatchObject({ values: { name: 'new' } });
    expect(crm.state(id, ['name'], 5_000)).toMatchObject({ state: 'missing' });
  });

  it('shows deleted, restored and merged objects for what they are, through a chain of merges', () => {
    const { crm, create } = crmOf('hubspot', { mergeMintsNewId: true });
    const [a, b, c] = [create({ name: 'A' }), create({ title: 'B' }), create({ name: 'C' })];
    const first = crm.merge(a, b, PERSON) ?? '';
    expect(crm.valuesOf(first)).toMatchObject({ name: 'A', title: 'B' });
    const last = crm.merge(c, first, PERSON) ?? '';
    expect(crm.state(a, [])).toEqual({ state: 'merged', objectId: a, intoObjectId: last });
    expect([a, b, c, first].map((id) => crm.mergedInto(id))).toEqual([last, last, last, last]);
    crm.remove(last, PERSON);
    expect(crm.state(last, [])).toMatchObject({ state: 'deleted' });
    expect(crm.restore(last, PERSON)).toMatchObject({ outcome: 'written' });
    expect(crm.valuesOf(last)?.name).toBe('C');
  });

  it('keeps the address of an absorbed contact taken, and lets a deleted one go', () => {
    const { crm, create } = crmOf('hubspot');
    const [a, b] = [create({ email: 'a@example.test' }), create({ email: 'b@example.test' })];
    crm.merge(a, b, PERSON);
    expect(crm.create('contacts', { email: 'b@example.test' }, PERSON)).toMatchObject({
      outcome: 'duplicate',
      existingObjectId: a,
    });
    crm.remove(a, PERSON);
    create({ email: 'b@example.test' });
    expect(crm.restore(a, PERSON).outcome).toBe('written'); // its own address is free
    const d = create({ email: 'd@example.test' });
    crm.remove(d, PERSON);
    create({ email: 'd@example.test' });
    expect(crm.restore(d, PERSON).outcome).toBe('duplicate');
  });

  it('runs a rule inside the transaction as Salesforce does: one change event tells of both, under one author', () => {
    const automations = [{ when: 'title', sets: 'name', to: () => 'ruled' }];
    const { crm, create, log, changes } = crmOf('salesforce', { automations });
    const id = create({ name: 'Ada' });
    crm.update(id, { title: 'Countess' }, CONCORD);
    expect(log.of('salesforce', id).map(({ author }) => author.by)).toEqual(['person', 'concord', 'automation']);
    expect(changes).toHaveLength(2);
    const told = readChangeEvent(parseChangeEvent(changeEvent(changes[1] ?? nothing(), {})), eventContext());
    expect(told.hints).toMatchObject([{ by: 'us', fields: { title: { value: 'Countess' }, name: { value: 'ruled' } } }]);
  });

  it('runs a workflow after the write as HubSpot does, as an author of its own, and none for a workflow', () => {
    const automations = [{ when: 'title', sets: 'name', to: () => 'ruled', afterMs: 500 }];
    const { crm, create, later, log } = crmOf('hubspot', { automations });
    const id = create({ name: 'Ada' });
    crm.update(id, { title: 'Countess' }, PERSON);
    for (const act of later.splice(0)) act();
    expect(crm.valuesOf(id)?.name).toBe('ruled');
    expect(log.of('hubspot', id).at(-1)?.author).toEqual({ by: 'automation' });
    expect(later).toEqual([]);
  });
});

function nothing(): never {
  throw new Error('nothing happened');
}

function eventContext() {
  return { organizationId: ORGANISATION, integrationUserId: OUR_USER, receivedAtMs: 1, correlationId: () => 'c' };
}

describe('a model CRM as a connector', () => {
  it('makes no second object when a create is repeated, and carries the record id', async () => {
    const { crm } = crmOf('hubspot');
    const connector = connectorTo(crm);
    const creates = [{ recordId: 'r1', values: { name: 'Ada' } }];
    const first = (await connector.create('contacts', 'concord_id', creates)).get('r1');
    expect(await connector.create('contacts', 'concord_id', creates)).toEqual(new Map([['r1', first]]));
    expect(crm.liveIds('contacts')).toHaveLength(1);
    expect((await connector.findByField('contacts', 'concord_id', ['r1'], ['name'])).get('r1')).toHaveLength(1);
  });

  it('tells the values it holds by now only where the real API does', async () => {
    for (const [family, told] of [
      ['salesforce', undefined],
      ['hubspot', { name: 'August' }],
    ] as const) {
      const { crm, create } = crmOf(family);
      const id = create({ name: 'x' });
      const outcome = (await connectorTo(crm).update('contacts', [{ objectId: id, values: { name: 'Augusta Ada' } }])).get(id);
      expect(outcome).toMatchObject({ outcome: 'written', objectId: id });
      expect(outcome !== undefined && 'values' in outcome ? outcome.values : undefined).toEqual(told);
    }
  });

  it('does not know what became of a write whose answer is lost, and marks one that lands after its caller gave up', async () => {
    const { crm, create, log } = crmOf('hubspot');
    const id = create({ name: 'x' });
    const landing: (() => void)[] = [];
    const hangs: PortCall = (port, effect) => {
      landing.push(effect);
      return Promise.reject(new CallFailedError(port, false));
    };
    const outcomes = await connectorTo(crm, hangs).update('contacts', [{ objectId: id, values: { name: 'late' } }]);
    expect(outcomes.get(id)).toMatchObject({ outcome: 'unknown' });
    for (const land of landing) land();
    expect(log.of('hubspot', id).at(-1)).toMatchObject({
      author: { by: 'concord', late: true },
      fields: { name: { after: 'late' } },
    });
  });

  it('throws where a call provably did nothing, and where a read did not come back', async () => {
    const { crm } = crmOf('hubspot');
    const refused: PortCall = (port) => Promise.reject(new CallFailedError(port, true));
    const lost: PortCall = (port) => Promise.reject(new CallFailedError(port, false));
    await expect(connectorTo(crm, refused).update('contacts', [{ objectId: '1', values: {} }])).rejects.toThrow(
      SystemUnavailableError,
    );
    await expect(connectorTo(crm, lost).read('contacts', ['1'], [])).rejects.toThrow(SystemUnavailableError);
  });

  it('notes which state a write went by', async () => {
    const { crm, create, clock, log } = crmOf('hubspot');
    const id = create({ name: 'x' });
    const connector = connectorTo(crm);
    await connector.read('contacts', [id], ['name']);
    clock.nowMs += 700;
    await connector.update('contacts', [{ objectId: id, values: { name: 'y' } }]);
    expect(log.of('hubspot', id).at(-1)?.verifiedAsOfMs).toBe(START);
    // Another function's look is not ours.
    await connectorTo(crm).update('contacts', [{ objectId: id, values: { name: 'z' } }]);
    expect(log.of('hubspot', id).at(-1)?.verifiedAsOfMs).toBeUndefined();
  });

  it('lists every change once it is visible, though rows change while pages are read', async () => {
    const { crm, create, clock } = crmOf('hubspot', { listLagMs: () => 5_000 });
    const ids = Array.from({ length: 30 }, (_, serial) => {
      clock.nowMs += 1_000;
      return create({ name: String(serial) });
    });
    const connector = connectorTo(crm, kindly, { F08: 1_000 });
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < 400 && seen.size < ids.length; page += 1) {
      const answer = await connector.changes('contacts', ['name'], {
        ...(cursor !== undefined && { cursor }),
        fromMs: START,
        overlapMs: 10_000,
      });
      for (const row of answer.rows) seen.add(row.objectId);
      cursor = answer.cursor;
      clock.nowMs += 500;
      crm.update(ids[page % ids.length] ?? '', { title: String(page) }, PERSON);
    }
    expect(seen.size).toBe(ids.length);
  });

  it('lists live objects page by page, and deleted ones among the changes', async () => {
    const { crm, create } = crmOf('salesforce');
    const ids = Array.from({ length: 90 }, () => create({ name: 'x' }));
    crm.remove(ids[0] ?? '', PERSON);
    const connector = connectorTo(crm);
    const listed: string[] = [];
    for (let cursor: string | undefined, done = false; !done; ) {
      const page = await connector.list('contacts', ['name'], cursor);
      listed.push(...page.rows.map(({ objectId }) => objectId));
      ({ done } = page);
      cursor = page.cursor;
    }
    expect(listed.toSorted()).toEqual(ids.slice(1).toSorted());
    const changes = await connector.changes('contacts', ['name'], { fromMs: START, overlapMs: 0 });
    expect(changes.rows.find(({ objectId }) => objectId === ids[0])?.state ?? 'on a later page').toMatch(/deleted|later/);
  });

  it('is the same for the same draws when faults strike', async () => {
    const outcomes = async () => {
      const { crm, create } = crmOf('hubspot');
      const ids = Array.from({ length: 40 }, () => create({ name: 'x' }));
      const connector = connectorTo(crm, kindly, { F22: 300, F21: 200, F36: 500 }, 500);
      const writes = ids.map((objectId) => ({ objectId, values: { name: 'y' } }));
      return JSON.stringify([
        [...(await connector.update('contacts', writes))],
        [...(await connector.read('contacts', ids, ['name']))],
      ]);
    };
    expect(await outcomes()).toBe(await outcomes());
  });
});

describe('notifications', () => {
  it('of HubSpot are verified and read by the real receiver, with author, value and time', () => {
    const { crm, create, changes } = crmOf('hubspot');
    const id = create({ name: 'Ada' });
    crm.update(id, { title: 'Countess', score: null }, PERSON);
    crm.update(id, { title: 'Lady' }, CONCORD);
    const body = JSON.stringify(changes.slice(1).flatMap((change) => webhookEvents(change)));
    expect(verdict(body)).toMatchObject({ valid: true });
    const { portalId, appId } = hubspotConnection('hubspot');
    const read = readWebhook(body, {
      ...(portalId !== undefined && { portalId }),
      ...(appId !== undefined && { appId }),
      receivedAtMs: 1,
      correlationId: () => 'c',
    });
    expect(read.hints).toMatchObject([
      { objectId: id, by: 'other', fields: { title: { value: 'Countess', atMs: START } } },
      { objectId: id, by: 'us', fields: { title: { value: 'Lady' } } },
    ]);
  });

  it('that are forged do not verify', () => {
    for (const forgery of FORGERIES) expect(verdict('[]', forgery)).toMatchObject({ valid: false });
  });

  it('of another portal, or organisation, are not ours', () => {
    const { crm, create, changes } = crmOf('hubspot');
    crm.update(create({ name: 'Ada' }), { title: 'x' }, PERSON);
    const { portalId } = hubspotConnection('hubspot');
    const foreign = JSON.stringify(webhookEvents(changes[1] ?? nothing(), { foreign: true }));
    expect(() =>
      readWebhook(foreign, { ...(portalId !== undefined && { portalId }), receivedAtMs: 1, correlationId: () => 'c' }),
    ).toThrow();
    expect(() =>
      readChangeEvent(parseChangeEvent(changeEvent(changes[1] ?? nothing(), {}, { foreign: true })), eventContext()),
    ).toThrow();
  });

  it('of Salesforce are read alike in both encodings, and keep a commit number no double holds', () => {
    const { crm, create, changes } = crmOf('salesforce');
    const id = create({ name: 'Ada', title: 'Miss' });
    crm.update(id, { title: null, score: 3 }, PERSON);
    for (const whole of [false, true]) {
      const read = readChangeEvent(
        parseChangeEvent(changeEvent(changes[1] ?? nothing(), crm.valuesOf(id) ?? {}, { whole })),
        eventContext(),
      );
      expect(read.hints).toMatchObject([{ objectId: id, by: 'other', fields: { title: { value: null }, score: { value: 3 } } }]);
      expect(Object.keys(read.hints[0]?.fields ?? {}).toSorted()).toEqual(['score', 'title']);
      expect(read.commit?.number).toBe(1_745_500_706_683_617_282n);
    }
  });

  it('tell of gaps, overflows, merges and reminders so that the object is read', () => {
    const { crm, create, changes } = crmOf('salesforce');
    const [a, b] = [create({ name: 'A' }), create({ name: 'B' })];
    crm.merge(a, b, PERSON);
    const hintsOf = (text: string) => readChangeEvent(parseChangeEvent(text), eventContext());
    expect(
      changes.slice(2).flatMap((change) => hintsOf(changeEvent(change, {})).hints.map(({ objectId, kind }) => [objectId, kind])),
    ).toEqual([
      [a, 'changed'],
      [b, 'deleted'],
    ]);
    expect(hintsOf(changeEvent(changes[0] ?? nothing(), {}, { gap: true })).hints).toMatchObject([{ objectId: a, fields: {} }]);
    expect(hintsOf(overflowEvent(changes[0] ?? nothing())).overflow).toMatchObject({ object: 'contacts' });
    expect(hintsOf(rereadEvent('contacts', a, START)).hints).toMatchObject([{ objectId: a, kind: 'changed', fields: {} }]);
  });

  function verdict(body: string, forgery?: (typeof FORGERIES)[number]) {
    const event = signedDelivery('hubspot', body, START, forgery);
    return verifySignatureV3(
      {
        method: 'POST',
        url: webhookUrl('hubspot'),
        body: Buffer.from(body),
        signature: event.headers['x-hubspot-signature-v3'],
        timestamp: event.headers['x-hubspot-request-timestamp'],
      },
      [hubspotConnection('hubspot').webhookSecret],
      START,
    );
  }
});

describe('a world', () => {
  it('goes the same way for the same seed, and another way for another', async () => {
    const first = await lived(5);
    expect(first.log.changes.length).toBeGreaterThan(20);
    expect(JSON.stringify((await lived(5)).log.changes)).toBe(JSON.stringify(first.log.changes));
    expect(JSON.stringify((await lived(6)).log.changes)).not.toBe(JSON.stringify(first.log.changes));
  });

  it('makes each value once, unless equality is the point', async () => {
    const world = await lived(7, ['edit', 'create', 'burst', 'edit twins', 'edit several fields']);
    const saved = world.log.changes.flatMap(({ fields }) => Object.values(fields).map(({ after }) => after));
    const telling = saved.filter(
      (value) => typeof value === 'string' && !['true', 'false'].includes(value) && !value.includes('@'),
    );
    expect(new Set(telling).size).toBe(telling.length);
  });

  it('draws configs that compile, of two to four systems', () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const { setup } = drawWorld(recordingChooser(seed));
      expect(setup.systems.length).toBeGreaterThanOrEqual(2);
      expect(setup.systems.length).toBeLessThanOrEqual(4);
      expect([...setup.syncs.values()][0]?.sides).toHaveProperty(setup.systems[0]?.system ?? '');
    }
    expect(drawSetup(replayingChooser({ tracks: {} })).systems.map(({ system }) => system)).toEqual(['salesforce', 'hubspot']);
  });

  it('has no faults once they have ended, and no notification left on its way', async () => {
    const world = await lived(9, undefined, { F03: 300, F01: 500, F04: 300 });
    const { fired = 0 } = world.coverage.get('F01') ?? {};
    expect(fired).toBeGreaterThan(0);
    world.calm();
    expect(world.faults.strikes('F03')).toBe(false);
    expect(world.underway).toBe(0);
  });

  /** People act for an hour, and whoever is told of it says thank you. */
  async function lived(seed: number, actions?: readonly Action[], faults: FaultStrengths = {}): Promise<World> {
    const chooser = recordingChooser(seed);
    const scheduler = new Scheduler(chooser, START);
    const options = drawWorld(chooser, {
      faults,
      people: { edits: 60, hot: 4, seeded: 4, ...(actions !== undefined && { actions }) },
    });
    const world = createWorld(options, {
      scheduler,
      chooser,
      story: new Story(0),
      webhook: (_, __, answered) => answered(204),
      bus: () => undefined,
    });
    world.start(START + 3_600_000);
    await scheduler.runUntil(START + 7_200_000);
    return world;
  }
});
