import { describe, expect, it } from 'vitest';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { SYSTEMS, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const other = (system: System): System => (system === 'salesforce' ? 'hubspot' : 'salesforce');

async function deliverAll(recordId: string): Promise<void> {
  for (const system of SYSTEMS) await crms.deliver(system, [recordId]);
}

async function rulesOf(recordId: string): Promise<string[]> {
  const { entries } = await crms.records.getWithLedger(recordId, { limit: 50 });
  return entries.flatMap(({ lines }) => lines.map(({ rule }) => rule));
}

describe('F53: a merge of two objects in Salesforce', () => {
  it('D5: into one that Concord does not know takes its record along, and loses no value', async () => {
    const ada = await crms.linkedPerson({ jobTitle: 'Countess' });
    const [survivor = ''] = crms.salesforce.load('Contact', [{ LastName: 'Byron', MailingCity: 'Perth' }]);
    crms.salesforce.merge('Contact', survivor, [ada.salesforce]);
    const hint = crms.hint('salesforce', ada.salesforce, { kind: 'merged' });
    const { later } = await crms.process('salesforce', [hint]);
    expect(later.map((one) => one.hint.objectId)).toEqual([survivor]);
    await crms.process(
      'salesforce',
      later.map((one) => one.hint),
    );
    await deliverAll(ada.recordId);
    const record = await crms.record(ada.recordId);
    expect(record.links.salesforce).toMatchObject({ objectId: survivor, state: 'linked', aliases: [ada.salesforce] });
    expect(await rulesOf(ada.recordId)).toContain('D5');
    expect(crms.held('hubspot', ada.hubspot)).toMatchObject({ jobTitle: 'Countess', city: 'Perth' });
    expect(crms.held('salesforce', survivor)).toMatchObject({ jobTitle: 'Countess', city: 'Perth' });
    expect((await crms.recordOf('salesforce', survivor))?.recordId).toBe(ada.recordId);
  });

  it('D5: found by the verify read is followed before anything is written', async () => {
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    const [survivor = ''] = crms.salesforce.load('Contact', [{ LastName: 'Byron' }]);
    crms.salesforce.merge('Contact', survivor, [ada.salesforce]);
    await crms.deliver('salesforce', [ada.recordId]);
    expect((await crms.record(ada.recordId)).links.salesforce?.objectId).toBe(survivor);
    await crms.process('salesforce', [crms.hint('salesforce', survivor)]);
    await deliverAll(ada.recordId);
    expect(crms.held('salesforce', survivor).jobTitle).toBe('Countess');
  });

  it('D5: into one of another type, as a lead that is converted, ends its link and is followed nowhere', async () => {
    const ada = await crms.linkedPerson();
    const became = {
      state: 'merged' as const,
      objectId: ada.salesforce,
      intoObjectId: '003Sim00000000zIAA',
      intoObject: 'Account',
    };
    const connector = { ...crms.connectors.salesforce, read: async () => new Map([[ada.salesforce, became]]) };
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    await crms.deliver('salesforce', [ada.recordId], { connector });
    const hint = crms.hint('salesforce', ada.salesforce, { kind: 'merged' });
    expect(await crms.process('salesforce', [hint], { connector })).toMatchObject({ later: [], failed: [] });
    expect((await crms.record(ada.recordId)).links.salesforce).toMatchObject({ state: 'merged', objectId: ada.salesforce });
    expect(await crms.recordOf('salesforce', became.intoObjectId)).toBeUndefined();
    expect(crms.hubspot.object('contacts', ada.hubspot)?.deleted).toBe(false);
    expect(await crms.dirty(ada.recordId)).toEqual([]);
  });

  it('a late hint of the one that is gone changes nothing', async () => {
    const ada = await crms.linkedPerson();
    const [survivor = ''] = crms.salesforce.load('Contact', [{ LastName: 'Byron' }]);
    crms.salesforce.merge('Contact', survivor, [ada.salesforce]);
    await crms.process('salesforce', [crms.hint('salesforce', ada.salesforce, { kind: 'merged' })]);
    const { version } = await crms.record(ada.recordId);
    const again = await crms.process('salesforce', [crms.hint('salesforce', ada.salesforce, { kind: 'merged' })]);
    expect(again).toMatchObject({ later: [], failed: [] });
    expect((await crms.record(ada.recordId)).version).toBe(version);
  });
});

describe.each(SYSTEMS)('F52: a person who is deleted in %s and made again', (system) => {
  it('D7: begins a new life, and the old record keeps its history', async () => {
    const ada = await crms.linkedPerson({ email: `again.${system}@example.test` });
    crms.simulator(system).remove(crms.object(system), ada[system]);
    await crms.process(system, [crms.hint(system, ada[system], { kind: 'deleted' })]);
    await crms.deliver(other(system), [ada.recordId]);
    const hint = crms.stranger(system, { lastName: 'Byron', email: `again.${system}@example.test` });
    await crms.process(system, [hint]);
    const reborn = await crms.recordOf(system, hint.objectId);
    expect(reborn?.recordId).not.toBe(ada.recordId);
    await crms.deliver(other(system), [reborn?.recordId ?? '']);
    expect((await crms.record(reborn?.recordId ?? '')).links[other(system)]?.state).toBe('linked');
  });

  it('D7: before her twin is archived waits for that, and is then made anew there', async () => {
    const ada = await crms.linkedPerson({ email: `twin.${system}@example.test` });
    crms.simulator(system).remove(crms.object(system), ada[system]);
    await crms.process(system, [crms.hint(system, ada[system], { kind: 'deleted' })]);
    const hint = crms.stranger(system, { lastName: 'Byron', email: `twin.${system}@example.test` });
    await crms.process(system, [hint]);
    const reborn = (await crms.recordOf(system, hint.objectId))?.recordId ?? '';
    const { later } = await crms.deliver(other(system), [reborn]);
    expect(later).toMatchObject([{ reason: expect.stringContaining('deleted record') }]);
    await crms.deliver(other(system), [ada.recordId]);
    await crms.deliver(other(system), [reborn]);
    const twin = (await crms.record(reborn)).links[other(system)];
    expect(twin).toMatchObject({ state: 'linked' });
    expect(twin?.objectId).not.toBe(ada[other(system)]);
  });
});

describe('a sync with a filter', () => {
  const gone = 'Perth';
  const filtered = (): CompiledSync => {
    const side = crms.side('salesforce');
    const takesPart = (native: Readonly<Record<string, unknown>>) => native.MailingCity !== gone;
    return { ...crms.sync, sides: { ...crms.sync.sides, salesforce: { ...side, takesPart } } };
  };

  it('F1: lets an object that leaves it rest, writes nothing to it, and deletes nothing', async () => {
    const sync = filtered();
    const ada = await crms.linkedPerson();
    await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { city: gone, jobTitle: 'Countess' })], { sync });
    expect((await crms.record(ada.recordId)).links.salesforce?.state).toBe('outside');
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { phone: '+61255501234' })], { sync });
    await crms.deliver('salesforce', [ada.recordId], { sync });
    await crms.deliver('hubspot', [ada.recordId], { sync });
    expect(crms.writes('salesforce') + crms.writes('hubspot')).toBe(0);

    crms.clock.advance(60_000);
    await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { city: 'Sydney' })], { sync });
    await crms.deliver('salesforce', [ada.recordId], { sync });
    await crms.deliver('hubspot', [ada.recordId], { sync });
    expect(crms.held('hubspot', ada.hubspot)).toMatchObject({ jobTitle: 'Countess', city: 'Sydney' });
    expect(crms.held('salesforce', ada.salesforce).phone).toBe('+61255501234');
  });

  it('F1: makes no record of an object outside it', async () => {
    const hint = crms.stranger('salesforce', { lastName: 'Byron', city: gone });
    await crms.process('salesforce', [hint], { sync: filtered() });
    expect(await crms.recordOf('salesforce', hint.objectId)).toBeUndefined();
  });
});

describe('a system that only receives', () => {
  const receiving = (): CompiledSync => {
    const hubspot = crms.sync.rules.systems.hubspot;
    if (hubspot === undefined) throw new Error('the sync has no HubSpot');
    const fields = Object.fromEntries(Object.keys(hubspot.fields).map((field) => [field, 'out' as const]));
    const systems = { ...crms.sync.rules.systems, hubspot: { ...hubspot, direction: 'out' as const, fields } };
    return { ...crms.sync, rules: { ...crms.sync.rules, systems } };
  };

  it('gets its edits put back, with the refused value in the ledger', async () => {
    const sync = receiving();
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { firstName: 'Augusta' })], { sync });
    await crms.deliver('hubspot', [ada.recordId], { sync });
    expect(crms.held('hubspot', ada.hubspot).firstName).toBe('Ada');
    expect(await rulesOf(ada.recordId)).toContain('P1');
  });

  it('makes no records of its own objects, and its deletions are not carried over', async () => {
    const sync = receiving();
    const hint = crms.stranger('hubspot', { lastName: 'Own' });
    await crms.process('hubspot', [hint], { sync });
    expect(await crms.recordOf('hubspot', hint.objectId)).toBeUndefined();
    const ada = await crms.linkedPerson();
    crms.hubspot.remove('contacts', ada.hubspot);
    await crms.process('hubspot', [crms.hint('hubspot', ada.hubspot, { kind: 'deleted' })], { sync });
    await crms.deliver('salesforce', [ada.recordId], { sync });
    expect(crms.salesforce.object('Contact', ada.salesforce)?.deleted).toBe(false);
  });
});

describe('F54: unique values that change hands in HubSpot', () => {
  /** Delivers what is asked until nothing is put back. */
  async function deliverUntilQuiet(recordIds: readonly string[]): Promise<void> {
    let open = recordIds.map((recordId) => crms.request(recordId));
    for (let round = 0; round < 8 && open.length > 0; round += 1) {
      const { later } = await crms.deliver('hubspot', open);
      crms.clock.advance(Math.max(0, ...later.map(({ delayMs }) => delayMs)));
      open = later.map(({ request }) => ({ ...request, attempts: request.attempts + 1 }));
    }
  }

  it.each([2, 3])('W9: a ring of %i contacts swap their addresses, and each record keeps its object', async (count) => {
    const people = [];
    for (let n = 0; n < count; n += 1) people.push(await crms.linkedPerson());
    const addresses = people.map((person) => String(crms.held('hubspot', person.hubspot).email));
    // In Salesforce an address is not unique: each takes the next one's.
    for (const [n, person] of people.entries()) {
      await crms.process('salesforce', [crms.edit('salesforce', person.salesforce, { email: addresses[(n + 1) % count] ?? '' })]);
    }
    await deliverUntilQuiet(people.map(({ recordId }) => recordId));
    for (const [n, person] of people.entries()) {
      expect(crms.held('hubspot', person.hubspot).email).toBe(addresses[(n + 1) % count]);
      expect(await crms.dirty(person.recordId)).toEqual([]);
      expect((await crms.record(person.recordId)).links.hubspot?.refusal).toBeUndefined();
    }
  });

  it('W8: one that nobody gives up is shown with the object that has it', async () => {
    const [ada, bob] = [await crms.linkedPerson(), await crms.linkedPerson()];
    const taken = String(crms.held('hubspot', bob.hubspot).email);
    await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { email: taken })]);
    await deliverUntilQuiet([ada.recordId]);
    expect((await crms.record(ada.recordId)).links.hubspot?.refusal).toMatchObject({
      code: 'DUPLICATE',
      message: expect.stringContaining(bob.hubspot),
    });
  });
});
