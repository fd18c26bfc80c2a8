import { describe, expect, it } from 'vitest';
import type { DeliverPorts } from '../../functions/deliver-changes/deliver-changes.ts';
import { handleDeliveries } from '../../functions/deliver-changes/handle-deliveries.ts';
import { type DeliveryRequest, deliveryEnvelopeSchema } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages } from '../../shared/queue/envelopes.ts';
import type { QueueMessage } from '../../shared/queue/message-batch.ts';
import { dies, interrupted, type LinkedPerson, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const READ = 'POST /crm/v3/objects/contacts/batch/read';
const DAY_MS = 24 * 3_600_000;

function messageOf(id: string, ...requests: DeliveryRequest[]): QueueMessage {
  const [body = ''] = deliveryMessages({ tenant: crms.context.tenant, sync: 'contacts' }, requests);
  return { id, body };
}

const handle = (batch: readonly QueueMessage[], more: Partial<DeliverPorts> = {}) =>
  handleDeliveries(batch, {
    tenant: crms.context.tenant,
    system: 'hubspot',
    deliveries: crms.deliveries.hubspot,
    changes: crms.changes.hubspot,
    portsFor: () => crms.deliverPorts('hubspot', more),
    now: crms.clock.now,
    random: Math.random,
  });

const putBack = () =>
  crms.deliveries.hubspot.sent.map(({ body, delayMs }) => ({
    delayMs,
    deliveries: deliveryEnvelopeSchema.parse(JSON.parse(body)).deliveries,
  }));

const isDown = (more: { status?: number; headers?: Record<string, string> } = {}) => {
  crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status: 503, ...more }];
};

/** Somebody whose new title HubSpot lacks. */
async function ladyWithNewTitle(): Promise<LinkedPerson> {
  const ada = await crms.linkedPerson();
  await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { jobTitle: 'Countess' })]);
  return ada;
}

describe('a batch of deliveries', () => {
  it('F22: costs one read and one write, however many records it is for', async () => {
    const people = [await ladyWithNewTitle(), await ladyWithNewTitle(), await ladyWithNewTitle()];
    crms.quiet();
    const requests = people.map(({ recordId }) => crms.request(recordId));
    const told = await handle([messageOf('m1', ...requests.slice(0, 2)), messageOf('m2', ...requests.slice(1))]);
    expect(told).toMatchObject({ failedIds: new Set(), deliveries: 4, later: 0 });
    expect(told.changes).toHaveLength(3);
    expect(crms.hubspot.calls().total).toBe(2);
  });

  it.each([
    ['is no JSON', 'nonsense'],
    ['is no envelope', '{"v":1}'],
  ])('F06: with a message that %s fails that message alone', async (_, body) => {
    const ada = await ladyWithNewTitle();
    const told = await handle([{ id: 'broken', body }, messageOf('m1', crms.request(ada.recordId))]);
    expect(told.failedIds).toEqual(new Set(['broken']));
    expect(crms.held('hubspot', ada.hubspot).jobTitle).toBe('Countess');
  });

  it('F30: that meets a fault nobody expects comes back whole', async () => {
    const ada = await ladyWithNewTitle();
    const connector = interrupted(crms.connectors.hubspot, { beforeUpdate: dies });
    const told = await handle([messageOf('m1', crms.request(ada.recordId))], { connector });
    expect(told.failedIds).toEqual(new Set(['m1']));
  });

  it('O7: puts a delivery back whose object was edited meanwhile, and its second try decides', async () => {
    const ada = await ladyWithNewTitle();
    crms.clock.advance(3_000);
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Enchantress of Number' });
    await handle([messageOf('m1', crms.request(ada.recordId))]);
    expect(putBack()).toMatchObject([{ deliveries: [{ attempts: 1 }] }]);
    expect(crms.writes('hubspot')).toBe(0);

    crms.clock.advance(3_000);
    const told = await handle(crms.deliveries.hubspot.take());
    expect(told).toMatchObject({ failedIds: new Set(), later: 0 });
    expect(crms.held('hubspot', ada.hubspot).jobTitle).toBe((await crms.record(ada.recordId)).fields.jobTitle?.value);
  });
});

describe('deliveries to a system that does not answer', () => {
  it.each([
    { how: 'is down', status: 503 },
    { how: 'is rate limiting', status: 429 },
    { how: 'refuses our credentials', status: 401 },
  ])('F23: because it $how wait on the queue, longer with every try, and none is lost', async ({ status }) => {
    const ada = await ladyWithNewTitle();
    for (const attempts of [0, 3, 7]) {
      isDown({ status });
      const told = await handle([messageOf('m1', crms.request(ada.recordId, { attempts }))]);
      expect(told).toMatchObject({ failedIds: new Set(), later: 1 });
      const [waits] = putBack();
      expect(waits?.deliveries).toMatchObject([{ recordId: ada.recordId, attempts: attempts + 1 }]);
      expect(waits?.delayMs).toBeGreaterThanOrEqual(1_500 * 2 ** attempts);
      crms.hubspot.settings.faults = [];
      crms.deliveries.hubspot.take();
    }
    await handle([messageOf('m1', crms.request(ada.recordId))]);
    expect(crms.held('hubspot', ada.hubspot).jobTitle).toBe('Countess');
  });

  it('F23: wait at least as long as it asks for', async () => {
    const ada = await ladyWithNewTitle();
    isDown({ headers: { 'retry-after': '120' } });
    await handle([messageOf('m1', crms.request(ada.recordId))]);
    expect(putBack()[0]?.delayMs).toBeGreaterThanOrEqual(120_000);
  });

  it('I12: are left to the sweep after a day: the record still says what is lacking', async () => {
    const ada = await ladyWithNewTitle();
    isDown();
    const told = await handle([messageOf('m1', crms.request(ada.recordId, { receivedAtMs: crms.clock.now() - DAY_MS - 1 }))]);
    expect(told.failedIds).toEqual(new Set());
    expect(putBack()).toEqual([]);
    expect(await crms.dirty(ada.recordId)).toEqual(['hubspot']);
    crms.clock.advance(1);
    expect((await crms.worklist.dirtyOlderThan(0, { limit: 10 })).items).toMatchObject([{ recordId: ada.recordId }]);
  });

  it('F31: keep their messages when the queue does not take them back', async () => {
    const [ada, grace] = [await ladyWithNewTitle(), await ladyWithNewTitle()];
    isDown();
    crms.deliveries.hubspot.isDown = true;
    const told = await handle([messageOf('m1', crms.request(ada.recordId)), messageOf('m2', crms.request(grace.recordId))]);
    expect(told.failedIds).toEqual(new Set(['m1', 'm2']));
  });
});
