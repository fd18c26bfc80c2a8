import { describe, expect, it } from 'vitest';
import { type Probed, probeCanary } from '../../functions/probe-canaries/probe-canaries.ts';
import { watchNewest, watchSystem } from '../../functions/watch-system.ts';
import type { Connector } from '../../shared/connectors/connector.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { type LinkedPerson, SYSTEMS, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const MINUTE = 60_000;
const FIELD = 'jobTitle';
const guards = () => guardStore(crms.context);

const stopOf = (system: System) => guards().standing({ sync: 'contacts', system });

/** A token is written with our own credentials, and is to be taken for an edit all the same. */
function seenAsOthers(system: System): Connector {
  const connector = crms.connectors[system];
  return {
    ...connector,
    async read(...asked) {
      const states = await connector.read(...asked);
      return new Map(
        [...states].map(([id, state]) => [id, state.state === 'present' ? { ...state, modifiedBy: 'other' } : state]),
      );
    },
  };
}

/** A canary in both systems, and its probe as each system's function runs it. */
async function canaryBird() {
  const bird: LinkedPerson = await crms.linkedPerson();
  const sync = { ...crms.sync, canary: { field: FIELD, objects: { salesforce: bird.salesforce, hubspot: bird.hubspot } } };
  const probe = (system: System, connector: Connector = crms.connectors[system]): Promise<Probed | undefined> =>
    probeCanary(sync, { system, connector, guards: guards(), now: crms.clock.now });
  return {
    ...bird,
    probe,
    /** Both functions run; returns who wrote. */
    async round(): Promise<System | undefined> {
      let writer: System | undefined;
      for (const system of SYSTEMS) if ((await probe(system))?.wrote) writer = system;
      return writer;
    },
    held: (system: System) => crms.held(system, bird[system])[FIELD],
    /** What the canary's system shows is taken in, and delivered to the other one. */
    async sync(from: System): Promise<void> {
      await crms.process(from, [crms.hint(from, bird[from])], { connector: seenAsOthers(from) });
      await crms.deliver(from === 'salesforce' ? 'hubspot' : 'salesforce', [bird.recordId]);
    },
  };
}

describe('G4: a canary', () => {
  it('that arrives proves that the sync works', async () => {
    const bird = await canaryBird();
    const writer = (await bird.round()) ?? 'salesforce';
    expect(bird.held(writer)).toBe('Concord canary 1');
    await bird.sync(writer);
    crms.clock.advance(15 * MINUTE);
    for (const system of SYSTEMS) expect(await bird.probe(system)).toMatchObject({ round: 1, found: 'held', wrote: false });
    for (const system of SYSTEMS) expect(await bird.probe(system)).not.toHaveProperty('found');
    expect(await stopOf('salesforce')).toBeUndefined();
  });

  it('proves both ways in turn', async () => {
    const bird = await canaryBird();
    const writers: (System | undefined)[] = [];
    for (let hour = 1; hour <= 4; hour += 1) {
      const writer = await bird.round();
      writers.push(writer);
      await bird.sync(writer ?? 'salesforce');
      crms.clock.advance(15 * MINUTE);
      for (const system of SYSTEMS) expect(await bird.probe(system)).toMatchObject({ round: hour, found: 'held' });
      crms.clock.advance(45 * MINUTE);
    }
    expect(writers).toEqual(['hubspot', 'salesforce', 'hubspot', 'salesforce']);
  });

  it('that does not arrive stops what is written there, and nothing else', async () => {
    const bird = await canaryBird();
    const writer = (await bird.round()) ?? 'salesforce';
    const other = writer === 'salesforce' ? 'hubspot' : 'salesforce';
    crms.clock.advance(14 * MINUTE);
    expect(await bird.probe(other)).not.toHaveProperty('found');
    crms.clock.advance(MINUTE);
    expect(await bird.probe(other)).toMatchObject({ found: 'stale' });
    expect(await stopOf(other)).toMatchObject({ cause: 'canary', reason: expect.stringContaining(bird[other]) });
    expect(await stopOf(writer)).toBeUndefined();
  });

  it('is not judged while its system is stopped, and has its time when it is resumed', async () => {
    const bird = await canaryBird();
    const writer = (await bird.round()) ?? 'salesforce';
    const other = writer === 'salesforce' ? 'hubspot' : 'salesforce';
    const ref = { sync: 'contacts', system: other };
    const by = { by: 'ada', reason: 'maintenance' };
    const stop = await guards().pause(ref, by);
    crms.clock.advance(30 * MINUTE);
    expect(await bird.probe(other)).not.toHaveProperty('found');
    await guards().resume(ref, stop.id, by);
    crms.clock.advance(10 * MINUTE);
    expect(await bird.probe(other)).not.toHaveProperty('found');
    crms.clock.advance(5 * MINUTE);
    expect(await bird.probe(other)).toMatchObject({ found: 'stale' });
  });

  it('that was deleted stops its system', async () => {
    const bird = await canaryBird();
    await bird.round();
    crms.hubspot.remove('contacts', bird.hubspot, 'sam');
    crms.clock.advance(15 * MINUTE);
    await bird.probe('hubspot');
    expect(await stopOf('hubspot')).toMatchObject({ reason: expect.stringContaining('is not there') });
  });

  it('is written by the other system an hour later', async () => {
    const bird = await canaryBird();
    const first = await bird.round();
    crms.clock.advance(60 * MINUTE);
    expect(await bird.round()).not.toBe(first);
    expect(await bird.round()).toBeUndefined();
  });

  it('that could not be written is written by the next run, and nobody is judged by it meanwhile', async () => {
    const bird = await canaryBird();
    const refusing = (system: System): Connector => ({
      ...crms.connectors[system],
      update: (_, writes) =>
        Promise.resolve(new Map(writes.map((one) => [one.objectId, { outcome: 'retry', code: 'ROW_LOCK', retryAfterMs: 1 }]))),
    });
    for (const system of SYSTEMS) expect(await bird.probe(system, refusing(system))).toMatchObject({ wrote: false });
    crms.clock.advance(20 * MINUTE);
    expect(await bird.round()).toBeDefined();
    for (const system of SYSTEMS) expect(await stopOf(system)).toBeUndefined();
  });

  it('F23: a system that does not answer has proved nothing', async () => {
    const bird = await canaryBird();
    await bird.round();
    crms.clock.advance(20 * MINUTE);
    const silent = { ...crms.connectors.hubspot, read: () => Promise.reject(new Error('no answer')) };
    await expect(bird.probe('hubspot', silent)).rejects.toThrow('no answer');
    expect(await stopOf('hubspot')).toBeUndefined();
  });
});

describe('G3: the objects that were changed last', () => {
  const side = (system: System) => ({
    sync: 'contacts',
    system,
    object: crms.object(system),
    externalIdField: crms.side(system).externalIdField,
    stampResolutionMs: crms.sync.rules.systems[system]?.stampResolutionMs ?? 0,
  });
  const watch = (system: System, accountId?: string) =>
    watchNewest(side(system), accountId, crms.connectors[system], { guards: guards(), now: crms.clock.now });

  it.each(SYSTEMS)('are remembered and asked for once an hour (%s)', async (system) => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { city: 'Sydney' });
    crms.clock.advance(MINUTE);
    expect(await watch(system)).toBeUndefined();
    expect((await guards().mark(side(system)))?.newest.map(({ objectId }) => objectId)).toContain(ada[system]);
    crms.quiet();
    await watch(system);
    expect(crms[system].calls().total).toBe(0);
    crms.clock.advance(60 * MINUTE);
    crms.edit(system, ada[system], { city: 'Perth' });
    expect(await watch(system)).toBeUndefined();
  });

  it('F15: stop their system when it was restored to an earlier day', async () => {
    const people = [await crms.linkedPerson(), await crms.linkedPerson()];
    for (const { hubspot } of people) crms.edit('hubspot', hubspot, { city: 'Sydney' });
    crms.clock.advance(MINUTE);
    await watch('hubspot');
    crms.clock.advance(60 * MINUTE);
    crms.hubspot.reset(); // as an account in which nothing of that was ever there
    expect(await watch('hubspot')).toMatchObject({ cause: 'listing' });
    expect(await stopOf('hubspot')).toMatchObject({ reason: expect.stringContaining('were not deleted') });
    expect(await stopOf('salesforce')).toBeUndefined();
  });

  it('F12: stop their system when it is another account, until a person approves of that', async () => {
    await watch('salesforce', 'org-1');
    crms.clock.advance(60 * MINUTE);
    const stop = await watch('salesforce', 'org-2');
    expect(stop).toMatchObject({ cause: 'listing', reason: expect.stringContaining('org-2') });
    const by = { by: 'ada', reason: 'the sandbox was copied', allow: 'run' as const, untilMs: crms.clock.now() + MINUTE };
    await guards().approve(side('salesforce'), stop?.id ?? '', by);
    expect(await watch('salesforce', 'org-2')).toBeUndefined();
  });

  it('F12: a listing of less than half stops its system and leaves the mark', async () => {
    const ports = { guards: guards(), now: crms.clock.now };
    expect(await watchSystem(side('hubspot'), { listed: 100 }, ports)).toBeUndefined();
    expect(await watchSystem(side('hubspot'), { listed: 0 }, ports)).toMatchObject({ cause: 'listing' });
    expect((await guards().mark(side('hubspot')))?.listed).toBe(100);
  });
});
