import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sweepDeliveries } from '../../functions/sweep-deliveries/sweep-deliveries.ts';
import { deliveryEnvelopeSchema } from '../../shared/queue/delivery-message.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { dies, interrupted, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const TOO_LONG_MS = 3 * 60_000;

const sweep = (syncs = new Map([['contacts', crms.sync]])) =>
  sweepDeliveries({
    tenant: crms.context.tenant,
    syncs,
    records: crms.records,
    worklist: crms.worklist,
    waiting: waitingStore(crms.context),
    firstSync: crms.firstSync,
    changes: new Map(Object.entries(crms.changes)),
    deliveries: new Map(Object.entries(crms.deliveries)),
    now: crms.clock.now,
    newId: randomUUID,
  });

const resent = () =>
  crms.deliveries.hubspot.take().flatMap(({ body }) => deliveryEnvelopeSchema.parse(JSON.parse(body)).deliveries);

/** Somebody whose new title HubSpot lacks, and whose delivery nobody was told of. */
async function forgotten() {
  const ada = await crms.linkedPerson();
  await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { jobTitle: 'Countess' })]);
  return ada;
}

describe('the sweep', () => {
  it('F30: finds what a lost message left behind, and sends it again', async () => {
    const ada = await forgotten();
    crms.clock.advance(TOO_LONG_MS + 1);
    expect(await sweep()).toEqual({ dirty: 1, resent: 1, ended: 0, oldestMs: TOO_LONG_MS + 1, woken: 0, cases: 0 });
    await crms.deliver('hubspot', resent());
    expect(crms.held('hubspot', ada.hubspot).jobTitle).toBe('Countess');
    crms.clock.advance(TOO_LONG_MS + 1);
    expect(await sweep()).toEqual({ dirty: 0, resent: 0, ended: 0, oldestMs: 0, woken: 0, cases: 0 });
  });

  it('leaves alone what may still be on its way', async () => {
    await forgotten();
    crms.clock.advance(TOO_LONG_MS - 1_000);
    expect(await sweep()).toMatchObject({ dirty: 0, resent: 0 });
  });

  it('leaves a claimed link to its owner, and comes back when the claim has ended', async () => {
    const ada = await forgotten();
    crms.clock.advance(TOO_LONG_MS + 1);
    const connector = interrupted(crms.connectors.hubspot, { afterUpdate: dies });
    await expect(crms.deliver('hubspot', [ada.recordId], { connector })).rejects.toThrow('died here');
    expect(await sweep()).toMatchObject({ dirty: 1, resent: 0 });
    crms.clock.advance(TOO_LONG_MS);
    expect(await sweep()).toMatchObject({ dirty: 1, resent: 1 });
    await crms.deliver('hubspot', resent());
    expect(crms.writes('hubspot')).toBe(1); // the dead one's write is found there
    expect(await crms.dirty(ada.recordId)).toEqual([]);
  });

  it('goes on past a full page', async () => {
    const hints = Array.from({ length: 120 }, (_, n) =>
      crms.stranger('salesforce', { lastName: `Byron ${n}`, email: `byron.${n}@example.test` }),
    );
    await crms.process('salesforce', hints);
    crms.clock.advance(TOO_LONG_MS + 1);
    expect(await sweep()).toMatchObject({ dirty: 120, resent: 120 });
    expect(new Set(resent().map(({ recordId }) => recordId)).size).toBe(120);
  });

  it('asks nothing of anybody for a sync that was taken out of the config', async () => {
    await forgotten();
    crms.clock.advance(TOO_LONG_MS + 1);
    expect(await sweep(new Map())).toMatchObject({ dirty: 1, resent: 0 });
  });

  it('W3: does not repeat what the system refused', async () => {
    const ada = await crms.linkedPerson();
    crms.salesforce.orgSettings.validationRules.push({ object: 'Contact', field: 'Title', forbids: 'Countess', message: 'no' });
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    await crms.deliver('salesforce', [ada.recordId]);
    crms.clock.advance(TOO_LONG_MS + 1);
    expect(await sweep()).toEqual({ dirty: 0, resent: 0, ended: 0, oldestMs: 0, woken: 0, cases: 0 });
  });
});
