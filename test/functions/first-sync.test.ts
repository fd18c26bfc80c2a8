import { describe, expect, it } from 'vitest';
import { advanceFirstSync, type FirstSyncPorts } from '../../functions/poll-changes/first-sync.ts';
import { type ChangeHint, hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import type { FieldValues } from '../../shared/sync/field-value.ts';
import { SYSTEMS, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const MINUTE_MS = 60_000;

const advance = (system: System, more: Partial<FirstSyncPorts> = {}) =>
  advanceFirstSync(crms.sync, {
    tenant: crms.context.tenant,
    system,
    connector: crms.connectors[system],
    firstSync: crms.firstSync,
    records: crms.records,
    changes: new Map(Object.entries(crms.changes)),
    now: crms.clock.now,
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
    const dying = { ...crms.firstSync, move: () => Promise.reject(new Error('the function died here')) };
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
