import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { advanceFirstSync, type FirstSyncPorts } from '../../functions/poll-changes/first-sync.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { heldObjectKey, isLiveIn } from '../../shared/store/first-sync-store.ts';
import { calendarDay } from '../../shared/sync/calendar-day.ts';
import { type ChangeHint, hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import type { FieldValues } from '../../shared/sync/field-value.ts';
import { febrlRows } from '../sync/matching/febrl.ts';
import { SYSTEMS, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
/** The contacts of concord.config.ts, that are recognised by several fields too. */
const scoredSync = compileSync(
  { ...config, syncs: config.syncs.map((sync) => ({ ...sync, matching: { scored: true } })) },
  'contacts',
);
const MINUTE_MS = 60_000;

const advance = (system: System, more: Partial<FirstSyncPorts> = {}, sync: CompiledSync = crms.sync) =>
  advanceFirstSync(sync, {
    tenant: crms.context.tenant,
    system,
    connector: crms.connectors[system],
    firstSync: crms.firstSync,
    records: crms.records,
    changes: new Map(Object.entries(crms.changes)),
    now: crms.clock.now,
    newId: randomUUID,
    deadlineMs: crms.clock.now() + 4 * MINUTE_MS,
    ...more,
  });

const isLive = async () => (await crms.firstSync.get('contacts'))?.phase === 'live';
const hintsFor = (system: System): ChangeHint[] =>
  crms.changes[system].take().flatMap(({ body }) => hintEnvelopeSchema.parse(JSON.parse(body)).hints);

function load(system: System, ...people: FieldValues[]): string[] {
  const rows = people.map((person) => crms.side(system).toNative(person, person));
  return crms.simulator(system).load(crms.object(system), rows, crms.clock.now() - 86_400_000);
}

const person = (n: number, more: FieldValues = {}): FieldValues => ({
  firstName: 'Ada',
  lastName: `Byron ${n}`,
  email: `byron.${n}@example.test`,
  ...more,
});
const people = (count: number) => Array.from({ length: count }, (_, n) => person(n));

/** Processes what the first sync hinted at, and delivers until nothing lacks. */
async function carryOut(): Promise<void> {
  for (const system of SYSTEMS) await crms.process(system, hintsFor(system), { isLive });
  crms.clock.advance(5_000);
  for (let round = 0; round < 3; round += 1) {
    for (const system of SYSTEMS) {
      const { items } = await crms.worklist.dirtyOlderThan(0, { limit: 1_000 });
      await crms.deliver(
        system,
        items.map(({ recordId }) => recordId),
      );
      crms.clock.advance(5_000);
    }
  }
  expect((await crms.worklist.dirtyOlderThan(0, { limit: 10 })).items).toEqual([]);
}

const live = (system: System) =>
  crms
    .simulator(system)
    .objects(crms.object(system))
    .filter((object) => !object.deleted);

describe('the first sync', () => {
  it('L2: hints at nothing before both systems are listed', async () => {
    load('salesforce', person(1));
    load('hubspot', person(1), person(2));
    expect(await advance('salesforce')).toMatchObject({ phase: 'listing', listed: 1 });
    expect(await advance('salesforce')).toMatchObject({ phase: 'listing' });
    for (const system of SYSTEMS) expect(hintsFor(system)).toEqual([]);
    expect(await advance('hubspot')).toMatchObject({ phase: 'live', listed: 3, matched: 1, reviews: 0 });
    expect(SYSTEMS.map((system) => hintsFor(system).length)).toEqual([1, 2]);
  });

  it('L2: links the same person, fills what one side lacks, and prefers Salesforce where both have something', async () => {
    const [ours = ''] = load('salesforce', person(1, { jobTitle: 'Countess', phone: '02 5550 1234' }));
    const [theirs = ''] = load('hubspot', person(1, { jobTitle: 'Lady', city: 'Perth' }));
    await advance('salesforce');
    await advance('hubspot');
    await carryOut();
    expect((await crms.recordOf('hubspot', theirs))?.links.salesforce?.objectId).toBe(ours);
    for (const held of [crms.held('salesforce', ours), crms.held('hubspot', theirs)])
      expect(held).toMatchObject({ jobTitle: 'Countess', city: 'Perth' });
    expect(SYSTEMS.map((system) => live(system).length)).toEqual([1, 1]);
  });

  it('I4: creates each person that one system lacks, once', async () => {
    load('salesforce', person(1), person(2), person(3));
    load('hubspot', person(2), person(4));
    await advance('salesforce');
    await advance('hubspot');
    await carryOut();
    for (const system of SYSTEMS)
      expect(
        live(system)
          .map(({ objectId }) => crms.held(system, objectId).lastName)
          .toSorted(),
      ).toEqual(['Byron 1', 'Byron 2', 'Byron 3', 'Byron 4']);
  });

  it('L2: goes by the stronger key first', async () => {
    const [ours] = load('salesforce', person(1, { personNumber: '1815', email: 'old@example.test' }));
    const [byNumber = '', byEmail = ''] = load(
      'hubspot',
      person(1, { personNumber: '1815' }),
      person(2, { email: 'old@example.test' }),
    );
    await advance('salesforce');
    await advance('hubspot');
    for (const system of SYSTEMS) await crms.process(system, hintsFor(system), { isLive });
    expect((await crms.recordOf('hubspot', byNumber))?.links.salesforce?.objectId).toBe(ours);
    expect((await crms.recordOf('hubspot', byEmail))?.links.salesforce?.objectId).not.toBe(ours);
  });

  it('F55: guesses nothing of several objects with one key: a person decides, and their key makes no record later', async () => {
    const [one = '', two = ''] = load('salesforce', person(1), person(1));
    const [theirs = ''] = load('hubspot', person(1));
    await advance('salesforce');
    expect(await advance('hubspot')).toMatchObject({ phase: 'live', matched: 0, reviews: 1 });
    for (const system of SYSTEMS) expect(hintsFor(system)).toEqual([]);
    const { reviews } = await crms.firstSync.reviews('contacts', { limit: 10 });
    expect(reviews[0]?.objects.map(({ objectId }) => objectId).toSorted()).toEqual([one, two, theirs].toSorted());

    await crms.process('salesforce', [crms.edit('salesforce', one, { jobTitle: 'Countess' })]);
    await crms.process('hubspot', [crms.edit('hubspot', theirs, { jobTitle: 'Lady' })]);
    for (const objectId of [one, two]) expect(await crms.recordOf('salesforce', objectId)).toBeUndefined();
    expect(await crms.recordOf('hubspot', theirs)).toBeUndefined();
    expect(await crms.worklist.dirtyOlderThan(0, { limit: 10 })).toMatchObject({ items: [] });
  });
});

describe('a first sync that stops', () => {
  it('I10: while it lists goes on where it was', async () => {
    load('hubspot', ...people(250));
    expect(await advance('hubspot', { deadlineMs: crms.clock.now() - 1 })).toMatchObject({ phase: 'listing', listed: 0 });
    const connector = crms.connectors.hubspot;
    let pages = 0;
    const dying: FirstSyncPorts['connector'] = {
      ...connector,
      list: (...asked) => {
        pages += 1;
        return pages === 3 ? Promise.reject(new Error('the function died here')) : connector.list(...asked);
      },
    };
    await expect(advance('hubspot', { connector: dying })).rejects.toThrow('died');
    crms.quiet();
    expect(await advance('hubspot')).toMatchObject({ phase: 'listing', listed: 250 });
    expect(crms.hubspot.calls().total).toBe(1);
    await advance('salesforce');
    expect(new Set(hintsFor('hubspot').map(({ objectId }) => objectId)).size).toBe(250);
  });

  it('I10: while it matches begins the matching again, and doubles nothing', async () => {
    load('salesforce', person(1), person(2), person(5), person(5));
    load('hubspot', person(2), person(3));
    await advance('salesforce');
    crms.changes.hubspot.isDown = true;
    await expect(advance('hubspot')).rejects.toThrow('SQS refused');
    expect((await crms.firstSync.get('contacts'))?.phase).toBe('matching');
    crms.changes.hubspot.isDown = false;
    const dying: FirstSyncPorts['firstSync'] = {
      ...crms.firstSync,
      move: (name, next) =>
        next.phase === 'live' ? Promise.reject(new Error('the function died here')) : crms.firstSync.move(name, next),
    };
    await expect(advance('salesforce', { firstSync: dying })).rejects.toThrow('died'); // every hint sent, and not live yet
    expect(await advance('hubspot')).toMatchObject({ phase: 'live', matched: 1, reviews: 1 });
    await carryOut();
    expect(SYSTEMS.map((system) => live(system).length)).toEqual([5, 3]); // the two under review stay where they are
    expect((await crms.firstSync.reviews('contacts', { limit: 10 })).reviews).toHaveLength(1);
  });

  it('F35: two pollers that match at once come to one result', async () => {
    load('salesforce', ...people(5));
    load('hubspot', ...people(3));
    await Promise.all(SYSTEMS.map((system) => advance(system, { deadlineMs: crms.clock.now() + MINUTE_MS })));
    await Promise.all(SYSTEMS.map((system) => advance(system)));
    expect(await isLive()).toBe(true);
    await carryOut();
    expect(SYSTEMS.map((system) => live(system).length)).toEqual([5, 5]);
  });
});

const ada: FieldValues = {
  firstName: 'Ada',
  lastName: 'Lovelace',
  street: '12 St James Square',
  city: 'London',
  postalCode: '4011',
  dateOfBirth: '1815-12-10',
};
/** People of the Febrl set, who have no e-mail address, and without their numbers no match key at all. */
const strangers = (count: number): FieldValues[] =>
  febrlRows()
    .filter(({ system, values }) => system === 'originals' && values.lastName !== '' && values.firstName !== '')
    .slice(0, count)
    .map(({ values: { personNumber: _, dateOfBirth = '', ...values } }) => ({
      ...values,
      dateOfBirth: calendarDay(dateOfBirth.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')) ?? null,
    }));
const scored = (system: System, more: Partial<FirstSyncPorts> = {}) => advance(system, more, scoredSync);
const allHints = () => SYSTEMS.flatMap((system) => hintsFor(system).map((hint) => ({ system, hint })));

describe('the first sync of objects without a common key', () => {
  it('L4: links who is alike in several fields, and tells why without a value', async () => {
    const [ours = ''] = load('salesforce', ada, ...strangers(30));
    const [theirs = ''] = load('hubspot', { ...ada, lastName: 'Lovelcae' });
    await scored('salesforce');
    expect(await scored('hubspot')).toMatchObject({ phase: 'live', matched: 1, reviews: 0 });
    const told = allHints().filter(({ hint }) => hint.matched?.length !== 0);
    expect(told.map(({ hint }) => hint.objectId).sort()).toEqual([ours, theirs].sort());
    const [twin] = told.find(({ system }) => system === 'hubspot')?.hint.matched ?? [];
    expect(twin).toMatchObject({ system: 'salesforce', objectId: ours, rule: 'L4' });
    expect(twin?.reason).toMatch(/dateOfBirth agrees.* bits$/);
    expect(twin?.reason).not.toMatch(/lovel|1815|london/i);
  });

  it('L2: a match key comes first', async () => {
    const [ours = ''] = load('salesforce', { ...ada, email: 'ada@example.test' }, ...strangers(30));
    const [byKey = ''] = load('hubspot', { firstName: 'A', lastName: 'King', email: 'ada@example.test' }, { ...ada });
    await scored('salesforce');
    expect(await scored('hubspot')).toMatchObject({ matched: 1, reviews: 1 });
    const told = allHints().find(({ hint }) => hint.objectId === byKey);
    expect(told?.hint.matched).toEqual([{ system: 'salesforce', objectId: ours, rule: 'L2', reason: 'email agrees' }]);
  });

  it('L5: who is alike but not surely the same waits for a person, with what spoke for it and against it', async () => {
    const [ours = ''] = load('salesforce', ada, ...strangers(30));
    const [twin = ''] = load('hubspot', { ...ada, firstName: 'Byron' });
    await scored('salesforce');
    expect(await scored('hubspot')).toMatchObject({ phase: 'live', matched: 0, reviews: 1 });
    expect(allHints().map(({ hint }) => hint.objectId)).toHaveLength(30);
    const { reviews } = await crms.firstSync.reviews('contacts', { limit: 10 });
    const [pair] = reviews[0]?.pairs ?? [];
    expect(pair?.fields).toContainEqual({ field: 'firstName', says: 'differs', bits: -4 });
    expect(pair?.fields).toContainEqual(expect.objectContaining({ field: 'dateOfBirth', says: 'agrees' }));
    const [one, other] = [
      { system: 'salesforce', objectId: ours },
      { system: 'hubspot', objectId: twin },
    ];
    const held = await crms.firstSync.heldObjects('contacts', [one, other, { system: 'hubspot', objectId: '0' }]);
    expect([...held.keys()].sort()).toEqual([heldObjectKey(one), heldObjectKey(other)].sort());
    await crms.firstSync.closeReview('contacts', reviews[0]?.caseId ?? '');
    expect(await crms.firstSync.heldObjects('contacts', [one, other])).toEqual(new Map());
  });

  it('I10: comes to the same end wherever it is killed', async () => {
    load('salesforce', ada, ...strangers(30), { ...ada, firstName: 'Byron', email: 'byron@example.test' });
    load('hubspot', { ...ada, lastName: 'Lovelcae' }, ...strangers(15), { firstName: 'B', email: 'byron@example.test' });
    await scored('salesforce');
    const ended: string[] = [];
    for (let step = 1; ended.length === 0 && step < 200; step += 1) {
      const died = await crms.diesAtStep(step, async () => {
        const { phase } = await scored('hubspot');
        if (phase === 'live') ended.push(phase);
      });
      if (died) expect(ended).toEqual([]);
    }
    if (!(await isLive())) await scored('hubspot');
    expect(await isLive()).toBe(true);
    const told = new Map<string, string>();
    for (const { system, hint } of allHints()) {
      const twins = JSON.stringify(hint.matched?.map(({ objectId }) => objectId));
      expect(told.get(`${system} ${hint.objectId}`) ?? twins).toBe(twins); // told again, but never otherwise
      told.set(`${system} ${hint.objectId}`, twins);
    }
    expect(told.size).toBe(32 + 17);
    expect((await crms.firstSync.reviews('contacts', { limit: 10 })).reviews).toEqual([]);
  });

  it('goes on in the next run when its time is over', async () => {
    load('salesforce', ...strangers(99));
    load('hubspot', ...strangers(99));
    await scored('salesforce');
    let looks = 0;
    // The clock runs out between two steps: after the listing, while it matches.
    const soon = { deadlineMs: 0, now: () => (looks++ < 2 ? -1 : 1) };
    expect(await scored('hubspot', soon)).toMatchObject({ phase: 'matching' });
    expect(allHints()).toEqual([]);
    expect(await scored('hubspot')).toMatchObject({ phase: 'live', matched: 99 });
    expect(allHints()).toHaveLength(198);
  });
});

describe('a system that is added to a sync that is live', () => {
  const { hubspot: _, ...alone } = scoredSync.sides;
  const before: CompiledSync = { ...scoredSync, sides: alone };

  async function liveWithoutHubSpot(): Promise<void> {
    expect(await advance('salesforce', {}, before)).toMatchObject({ phase: 'live' });
    await crms.process('salesforce', hintsFor('salesforce'), { isLive });
  }

  it('is listed and matched before it takes part, while the other stays live', async () => {
    const [ours = ''] = load('salesforce', ada, ...strangers(30));
    await liveWithoutHubSpot();
    const [theirs = ''] = load('hubspot', { ...ada, lastName: 'Lovelcae' }, ...strangers(3));
    expect(await scored('hubspot')).toMatchObject({ phase: 'listing', listed: 4 });
    expect(await crms.firstSync.listingDone('contacts', 'hubspot')).toBe(false);
    expect(await crms.firstSync.listingDone('contacts', 'salesforce')).toBe(true);
    expect(await isLive()).toBe(true);
    expect(await scored('salesforce')).toMatchObject({ phase: 'live' });
    expect(await crms.firstSync.listingDone('contacts', 'hubspot')).toBe(false);
    expect(await scored('hubspot')).toMatchObject({ phase: 'live' });
    expect(await crms.firstSync.listingDone('contacts', 'hubspot')).toBe(true);
    const told = allHints();
    expect(told.map(({ system }) => system)).toEqual(Array(4).fill('hubspot'));
    expect(told.find(({ hint }) => hint.objectId === theirs)?.hint.matched).toMatchObject([{ objectId: ours, rule: 'L4' }]);
    expect(await scored('hubspot')).toMatchObject({ phase: 'live' });
  });

  it('L1: an object with the key of a record is told alone, and finds the record by its key', async () => {
    const [ours = ''] = load('salesforce', person(1), ...strangers(30));
    await liveWithoutHubSpot();
    const [theirs = ''] = load('hubspot', person(1));
    for (const system of ['hubspot', 'salesforce', 'hubspot'] as const) await scored(system);
    await crms.process('hubspot', hintsFor('hubspot'), { isLive });
    expect((await crms.recordOf('hubspot', theirs))?.links.salesforce?.objectId).toBe(ours);
  });

  it('begins one pass, however many pollers see it first, and never another', async () => {
    load('salesforce', ...strangers(3));
    await liveWithoutHubSpot();
    const begun = await Promise.all(Array.from({ length: 6 }, () => crms.firstSync.begin('contacts', ['salesforce', 'hubspot'])));
    expect(new Set(begun.map((state) => state.join?.pass))).toEqual(new Set([1]));
    expect(begun.every((state) => !isLiveIn(state, 'hubspot') && isLiveIn(state, 'salesforce'))).toBe(true);
    for (const system of [...SYSTEMS, ...SYSTEMS]) await scored(system);
    const state = await crms.firstSync.begin('contacts', ['salesforce', 'hubspot']);
    expect(state.join).toBeUndefined();
    expect(isLiveIn(state, 'hubspot')).toBe(true);
  });
});
