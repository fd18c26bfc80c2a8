import { describe, expect, it } from 'vitest';
import { syncNamed } from '../../functions/syncs.ts';
import { outboxOf } from '../../shared/store/outbox.ts';
import { interrupted, twoCrms } from './two-crms.ts';
import { queuesOf } from './two-crms-queues.ts';

const crms = twoCrms();
const queues = queuesOf(crms);
const HOUR_MS = 3_600_000;
const COMPANY = 'association:companies:primary';
const PARENT = 'association:companies:parent';

const company = (name: string, more = {}) => crms.salesforce.create('Account', { Name: name, BillingCity: 'Perth', ...more });
const person = (name: string, AccountId: string) =>
  crms.salesforce.create('Contact', { LastName: name, Email: `${name.toLowerCase()}@example.test`, AccountId });

/** The record of an object of Salesforce. */
async function recordOf(sync: string, objectId: string): Promise<string> {
  const ref = { system: 'salesforce', object: syncNamed(sync).sides.salesforce?.object ?? '', objectId };
  const [recordId] = (await crms.records.resolveMany([ref])).values();
  if (recordId === undefined) throw new Error(`${sync} has no record of ${objectId}`);
  return recordId;
}

/** The object that stands in HubSpot for one of Salesforce. */
async function twinOf(sync: string, objectId: string): Promise<string | undefined> {
  return (await crms.record(await recordOf(sync, objectId))).links.hubspot?.objectId;
}

const inHubspot = (object: string, objectId: string | undefined) => crms.hubspot.object(object, objectId ?? '')?.values;

describe('F56: a person who comes before the company', () => {
  it('R2, R5: has it looked for, and is tied to it in both systems in the end', async () => {
    const acme = company('Acme');
    const ada = person('Ada', acme);
    await queues.tell('salesforce', 'contacts', ada);
    await queues.untilQuiet();
    const twin = await twinOf('companies', acme);
    expect(twin).toBeDefined();
    expect(inHubspot('contacts', await twinOf('contacts', ada))).toMatchObject({ lastname: 'Ada', [COMPANY]: twin });
    const ourWrites = crms.hubspot.writes().filter(({ by }) => by.kind === 'api');
    const made = ourWrites.findIndex(({ object, kind }) => object === 'companies' && kind === 'create');
    const tied = ourWrites.findIndex(({ object, fields }) => object === 'contacts' && fields[COMPANY] !== undefined);
    expect(made).toBeGreaterThanOrEqual(0);
    expect(tied).toBeGreaterThan(made);
  });

  it('R2, R4: goes on without it at once, and gets it when it comes', async () => {
    const acme = company('Acme');
    const ada = person('Ada', acme);
    await crms.process('salesforce', [crms.hint('salesforce', ada)]);
    await queues.untilQuiet();
    const child = await twinOf('contacts', ada);
    expect(inHubspot('contacts', child)).toMatchObject({ lastname: 'Ada' });
    expect(inHubspot('contacts', child)).not.toHaveProperty(COMPANY);

    crms.clock.advance(HOUR_MS);
    await queues.tell('salesforce', 'companies', acme);
    await queues.untilQuiet();
    expect(inHubspot('contacts', child)?.[COMPANY]).toBe(await twinOf('companies', acme));
    expect(await queues.sweep()).toMatchObject({ dirty: 0, woken: 0, cases: 0 });
  });

  it('R5: is woken by the sweep where the wake-up was lost with its process', async () => {
    const acme = company('Acme');
    const ada = person('Ada', acme);
    await crms.process('salesforce', [crms.hint('salesforce', ada)]);
    const sync = syncNamed('companies');
    const silent = { sync, isReferredTo: false };
    await crms.process('salesforce', [crms.hint('salesforce', acme, { object: 'Account' })], silent);
    const recordId = await recordOf('companies', acme);
    await crms.deliver('hubspot', [recordId], silent);
    await queues.untilQuiet();
    const child = await twinOf('contacts', ada);
    expect(inHubspot('contacts', child)).not.toHaveProperty(COMPANY);
    crms.clock.advance(HOUR_MS);
    expect(await queues.sweep()).toMatchObject({ woken: 1 });
    await queues.untilQuiet();
    expect(inHubspot('contacts', child)?.[COMPANY]).toBe(await twinOf('companies', acme));
  });

  it('is shown to a person after a day in which no company came, once', async () => {
    const ada = person('Ada', company('Acme'));
    await crms.process('salesforce', [crms.hint('salesforce', ada)]);
    await queues.untilQuiet();
    let cases = 0;
    for (let hours = 0; hours < 26; hours += 1) {
      crms.clock.advance(HOUR_MS);
      cases += (await queues.sweep()).cases;
      if (hours < 23) expect(cases).toBe(0);
    }
    expect(cases).toBe(1);
    const { reviews } = await crms.firstSync.reviews('contacts', { limit: 10 });
    expect(reviews).toMatchObject([{ objects: [{ system: 'salesforce', objectId: ada }] }]);
  });

  it('R5: costs nothing where nobody can wait: only the commits of a sync that is referred to wake, and not all of those', async () => {
    const wakes = async (recordId: string) => outboxOf(await crms.image(recordId))?.wake ?? false;
    const acme = company('Acme');
    const sync = syncNamed('companies');
    const hint = crms.hint('salesforce', acme, { object: 'Account' });
    await crms.process('salesforce', [hint], { sync });
    const recordId = await recordOf('companies', acme);
    expect(await wakes(recordId)).toBe(true);
    crms.clock.advance(HOUR_MS);
    crms.salesforce.edit('Account', acme, { BillingCity: 'Sydney' });
    await crms.process('salesforce', [hint], { sync });
    expect(await wakes(recordId)).toBe(false);
    const { objectId } = crms.stranger('salesforce', { lastName: 'Byron' });
    await crms.process('salesforce', [crms.hint('salesforce', objectId)]);
    expect(await wakes(await recordOf('contacts', objectId))).toBe(false);
  });
});

describe('two companies of which each is the parent of the other', () => {
  it('R4: are made first, and tied to each other then', async () => {
    const acme = company('Acme');
    const sub = company('Acme Perth', { ParentId: acme });
    crms.salesforce.edit('Account', acme, { ParentId: sub });
    await queues.tell('salesforce', 'companies', acme);
    await queues.untilQuiet();
    const [top, below] = [await twinOf('companies', acme), await twinOf('companies', sub)];
    expect(inHubspot('companies', top)?.[PARENT]).toBe(below);
    expect(inHubspot('companies', below)?.[PARENT]).toBe(top);
  });
});

describe('a company that is there already under another spelling of its domain', () => {
  it.each(['https://www.acme.example', 'acme.example', 'www.acme.example'])(
    'C3: as %s is found, and not made again',
    async (Website) => {
      const theirs = company('Acme Ltd', { Website });
      const ours = crms.hubspot.create('companies', { name: 'Acme', domain: 'acme.example' });
      await queues.tell('hubspot', 'companies', ours);
      await queues.untilQuiet();
      expect(crms.salesforce.objects('Account').map(({ objectId }) => objectId)).toEqual([theirs]);
      expect(await twinOf('companies', theirs)).toBe(ours);
    },
  );
});

describe('a write to a person whom somebody ties to an unknown company meanwhile', () => {
  it('R2: leaves that tie as it is, and writes all other fields', async () => {
    const ada = await crms.linkedPerson();
    const acme = company('Acme');
    await queues.tell('salesforce', 'companies', acme);
    await queues.untilQuiet();
    crms.salesforce.edit('Contact', ada.salesforce, { AccountId: acme, Title: 'Countess' });
    await crms.process('salesforce', [crms.hint('salesforce', ada.salesforce)]);
    const unknown = crms.hubspot.create('companies', { name: 'Nobody knows it', city: 'Paris' });
    crms.hubspot.edit('contacts', ada.hubspot, { [COMPANY]: unknown });
    const { hints } = await crms.deliver('hubspot', [ada.recordId]);
    expect(inHubspot('contacts', ada.hubspot)).toMatchObject({ jobtitle: 'Countess', [COMPANY]: unknown });
    expect(hints).toMatchObject([{ sync: 'companies', system: 'hubspot', hint: { objectId: unknown } }]);
  });
});

describe('a write whose reference waits, and which is refused', () => {
  it('W3: is not repeated', async () => {
    const acme = company('Acme');
    const sync = syncNamed('companies');
    await crms.process('salesforce', [crms.hint('salesforce', acme, { object: 'Account' })], { sync });
    const ada = await crms.linkedPerson();
    crms.salesforce.edit('Contact', ada.salesforce, { AccountId: acme, Title: 'Countess' });
    await crms.process('salesforce', [crms.hint('salesforce', ada.salesforce)]);
    const connector = {
      ...crms.connectors.hubspot,
      update: async () =>
        new Map([[ada.hubspot, { outcome: 'rejected' as const, code: 'INVALID', message: 'no', fields: ['jobtitle'] }]]),
    };
    await crms.deliver('hubspot', [ada.recordId], { connector });
    expect((await crms.record(ada.recordId)).links.hubspot?.refusal).toMatchObject({ code: 'INVALID' });
    expect(await crms.dirty(ada.recordId)).toEqual([]);
  });
});

describe.each(['salesforce', 'hubspot'] as const)('an object that we made in %s and never learnt of', (system) => {
  it('C4, D1: that a person deleted at once is known by its tombstone, and is not made again', async () => {
    const from = system === 'salesforce' ? 'hubspot' : 'salesforce';
    const hint = crms.stranger(from, { lastName: 'Byron', email: 'byron@example.test' });
    await crms.process(from, [hint]);
    const recordId = (await crms.recordOf(from, hint.objectId))?.recordId ?? '';
    let made = '';
    const connector = interrupted(crms.connectors[system], {
      afterCreate: () => {
        made = crms.simulator(system).objects(crms.object(system))[0]?.objectId ?? '';
        throw new Error('the function died here');
      },
    });
    await expect(crms.deliver(system, [recordId], { connector })).rejects.toThrow('died here');
    crms.simulator(system).remove(crms.object(system), made);
    const gone = crms.hint(system, made, { kind: 'deleted' });

    const early = await crms.process(system, [gone]);
    expect(early.later).toMatchObject([{ reason: 'an object is just being created for its record' }]);
    crms.clock.advance(130_000);
    await crms.process(system, [gone]);
    await crms.deliver(system, [recordId]);
    await crms.deliver(from, [recordId]);
    expect(crms.simulator(system).objects(crms.object(system))).toMatchObject([{ objectId: made, deleted: true }]);
    expect(await crms.record(recordId)).toMatchObject({ deleted: { by: system }, links: { [system]: { state: 'deleted' } } });
    expect(crms.simulator(from).object(crms.object(from), hint.objectId)?.deleted).toBe(true);
  });
});
