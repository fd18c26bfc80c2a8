import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type PollPorts, pollChanges } from '../../functions/poll-changes/poll-changes.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { SYSTEMS, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const MINUTE_MS = 60_000;
const CHANGES = { salesforce: 'GET /services/data/v67.0/queryAll', hubspot: 'POST /crm/v3/objects/contacts/search' };
const other = (system: System): System => (system === 'salesforce' ? 'hubspot' : 'salesforce');

const poll = (system: System, more: Partial<PollPorts> = {}) =>
  pollChanges(crms.sync, crms.clock.now() - MINUTE_MS, {
    tenant: crms.context.tenant,
    system,
    connector: crms.connectors[system],
    cursors: crms.cursors,
    changes: crms.changes[system],
    now: crms.clock.now,
    newId: randomUUID,
    deadlineMs: crms.clock.now() + 4 * MINUTE_MS,
    ...more,
  });

const hintsFor = (system: System) =>
  crms.changes[system].take().flatMap(({ body }) => hintEnvelopeSchema.parse(JSON.parse(body)).hints);
const hintedIds = (system: System) => hintsFor(system).map(({ objectId }) => objectId);
const person = (n: number) => ({ firstName: 'Ada', lastName: `Byron ${n}`, email: `byron.${n}@example.test` });

describe.each(SYSTEMS)('a poll of %s', (system) => {
  it('F03: finds the edit whose notification was lost, and it reaches the other system', async () => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    await poll(system);
    await crms.process(system, hintsFor(system));
    await crms.deliver(other(system), [ada.recordId]);
    expect(crms.held(other(system), ada[other(system)]).jobTitle).toBe('Countess');
  });

  it('F03: finds the deletion whose notification was lost', async () => {
    const ada = await crms.linkedPerson();
    await poll(system);
    hintsFor(system);
    crms.clock.advance(MINUTE_MS);
    crms.simulator(system).remove(crms.object(system), ada[system]);
    crms.clock.advance(MINUTE_MS);
    await poll(system);
    const hints = hintsFor(system);
    expect(hints).toMatchObject([{ objectId: ada[system], kind: 'deleted' }]);
    await crms.process(system, hints);
    await crms.deliver(other(system), [ada.recordId]);
    expect(crms.simulator(other(system)).object(crms.object(other(system)), ada[other(system)])?.deleted).toBe(true);
  });

  it('F08: hints once at a row that the overlap shows it again and again, and once more when it changes', async () => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { jobTitle: 'Lady' });
    const found: string[][] = [];
    for (let run = 0; run < 4; run += 1) {
      crms.clock.advance(MINUTE_MS);
      await poll(system);
      found.push(hintedIds(system));
    }
    expect(found).toEqual([[ada[system]], [], [], []]);
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    await poll(system);
    expect(hintedIds(system)).toEqual([ada[system]]);
  });

  it('costs no read of the objects that only we changed', async () => {
    const ada = await crms.linkedPerson();
    await crms.process(other(system), [crms.edit(other(system), ada[other(system)], { jobTitle: 'Countess' })]);
    await crms.deliver(system, [ada.recordId]);
    crms.clock.advance(MINUTE_MS);
    await poll(system);
    crms.quiet();
    const { skipped } = await crms.process(system, hintsFor(system));
    expect(skipped).toBe(1);
    expect(crms.simulator(system).calls().total).toBe(0);
  });

  it('I10: that cannot send its hints leaves the cursor where it is, and the next one finds the same rows', async () => {
    const ada = await crms.linkedPerson();
    await poll(system);
    hintsFor(system);
    const before = await crms.cursors.get('contacts', system);
    crms.clock.advance(MINUTE_MS);
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    crms.changes[system].isDown = true;
    await expect(poll(system)).rejects.toThrow('SQS refused');
    expect(await crms.cursors.get('contacts', system)).toMatchObject({ cursor: before?.cursor, polledAtMs: before?.polledAtMs });

    crms.changes[system].isDown = false;
    crms.clock.advance(MINUTE_MS);
    await poll(system);
    expect(hintedIds(system)).toEqual([ada[system]]);
  });

  it('I12: that the system did not answer is repeated by the next one, a minute later', async () => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    crms.simulator(system).settings.faults.push({ match: CHANGES[system], times: 2, kind: 'status', status: 503 });
    await expect(poll(system)).rejects.toThrow('unavailable');
    crms.clock.advance(MINUTE_MS);
    expect(await poll(system)).toMatchObject({ caughtUp: true, hints: 1 });
  });

  it('leaves a system alone that another poller is at, until that one must be dead', async () => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    await crms.cursors.lease('contacts', system, { owner: 'dead', leaseMs: 6 * MINUTE_MS, fromMs: crms.clock.now() - MINUTE_MS });
    expect(await poll(system)).toEqual({ rows: 0, hints: 0, caughtUp: false });
    crms.clock.advance(6 * MINUTE_MS);
    expect(await poll(system)).toMatchObject({ hints: 1, caughtUp: true });
  });

  it('I10: that slept over the end of its lease moves no cursor of the one that took over', async () => {
    const ada = await crms.linkedPerson();
    crms.edit(system, ada[system], { jobTitle: 'Countess' });
    const connector = crms.connectors[system];
    let cursor: string | undefined;
    const slow: PollPorts['connector'] = {
      ...connector,
      async changes(...asked) {
        const page = await connector.changes(...asked);
        crms.clock.advance(7 * MINUTE_MS);
        await poll(system);
        cursor = (await crms.cursors.get('contacts', system))?.cursor;
        return page;
      },
    };
    expect(await poll(system, { connector: slow })).toMatchObject({ caughtUp: false });
    expect((await crms.cursors.get('contacts', system))?.cursor).toBe(cursor);
    expect(new Set(hintedIds(system))).toEqual(new Set([ada[system]])); // twice perhaps, never not at all
  });

  it('I10: that runs out of time goes on where it stopped', async () => {
    const size = system === 'salesforce' ? 2_100 : 250;
    const rows = Array.from({ length: size }, (_, n) => crms.side(system).toNative(person(n), person(n)));
    const ids = crms.simulator(system).load(crms.object(system), rows);
    const found: string[] = [];
    let runs = 0;
    for (let caughtUp = false; !caughtUp; runs += 1) {
      if (runs > 20) throw new Error('it does not come to an end');
      ({ caughtUp } = await poll(system, { deadlineMs: crms.clock.now() }));
      found.push(...hintedIds(system));
    }
    expect(runs).toBeGreaterThan(1);
    expect(found.toSorted()).toEqual(ids.toSorted());
  });
});

describe('a row that becomes visible late', () => {
  it('F09: stamped before the cursor and committed after it, is found within the overlap', async () => {
    const ada = await crms.linkedPerson();
    const commit = crms.salesforce.beginEdit('Contact', ada.salesforce, { Title: 'Countess' });
    crms.clock.advance(5_000);
    const grace = await crms.linkedPerson();
    crms.edit('salesforce', grace.salesforce, { jobTitle: 'Admiral' });
    await poll('salesforce');
    expect(hintedIds('salesforce')).toEqual([grace.salesforce]);
    crms.clock.advance(3 * MINUTE_MS);
    commit();
    await poll('salesforce');
    expect(hintedIds('salesforce')).toEqual([ada.salesforce]);
  });
});

describe('two edits within one whole-second stamp', () => {
  it('F10: are both found, though a poll came between them', async () => {
    const ada = await crms.linkedPerson();
    crms.edit('salesforce', ada.salesforce, { jobTitle: 'Lady' });
    await poll('salesforce');
    await crms.process('salesforce', hintsFor('salesforce'));
    crms.edit('salesforce', ada.salesforce, { jobTitle: 'Countess' });
    crms.clock.advance(MINUTE_MS);
    await poll('salesforce');
    await crms.process('salesforce', hintsFor('salesforce'));
    expect((await crms.record(ada.recordId)).fields.jobTitle?.value).toBe('Countess');
  });
});
