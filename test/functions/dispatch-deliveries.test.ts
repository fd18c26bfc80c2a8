import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { handleDeliveries } from '../../functions/deliver-changes/handle-deliveries.ts';
import { dispatchDeliveries } from '../../functions/dispatch-deliveries/dispatch-deliveries.ts';
import { syncNamed } from '../../functions/syncs.ts';
import { deliveryEnvelopeSchema } from '../../shared/queue/delivery-message.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { interrupted, twoCrms } from './two-crms.ts';

const crms = twoCrms();

/** The record's newest commit as the stream brings it. */
async function streamed(recordId: string): Promise<DynamoDBRecord> {
  const image = Object.entries(await crms.image(recordId)).map(([name, value]) => [
    name,
    { ...(value.S !== undefined && { S: value.S }), ...(value.N !== undefined && { N: value.N }) },
  ]);
  return { eventName: 'MODIFY', dynamodb: { NewImage: Object.fromEntries(image) } };
}

const dispatch = (records: readonly DynamoDBRecord[], deliveries = new Map(Object.entries(crms.deliveries))) =>
  dispatchDeliveries(records, {
    ledgerOf: (tenant) => ledgerStore({ ...crms.context, tenant }),
    waitingOf: (tenant) => waitingStore({ ...crms.context, tenant }),
    objectTypeOf: (sync, system) => syncNamed(sync).sides[system]?.object,
    changes: new Map(Object.entries(crms.changes)),
    deliveries,
    now: crms.clock.now,
  });

const sent = () => crms.deliveries.hubspot.sent.map(({ body }) => deliveryEnvelopeSchema.parse(JSON.parse(body)));

async function editedPerson() {
  const ada = await crms.linkedPerson();
  await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { jobTitle: 'Countess' })]);
  return ada;
}

describe('a commit that the stream brings', () => {
  it('I6: becomes a ledger entry and a delivery to the system that lacks something', async () => {
    const ada = await editedPerson();
    const { version } = await crms.record(ada.recordId);
    expect(await dispatch([await streamed(ada.recordId)])).toEqual({ entries: 1, deliveries: 1, woken: 0 });
    expect(sent()).toMatchObject([
      { tenant: crms.context.tenant, sync: 'contacts', deliveries: [{ recordId: ada.recordId, attempts: 0 }] },
    ]);
    expect(crms.deliveries.salesforce.sent).toEqual([]);
    expect(await crms.ledger.ofRecord(ada.recordId, { limit: 1 })).toMatchObject([
      { version, lines: [{ event: 'changed', field: 'jobTitle', to: 'Countess' }] },
    ]);
  });

  it('F30: twice is written once, and told once by the ledger', async () => {
    const ada = await editedPerson();
    const record = await streamed(ada.recordId);
    await dispatch([record, record]);
    await dispatch([record]);
    const ports = {
      tenant: crms.context.tenant,
      system: 'hubspot',
      deliveries: crms.deliveries.hubspot,
      changes: crms.changes.hubspot,
      now: crms.clock.now,
      random: () => 0.5,
    };
    await handleDeliveries(crms.deliveries.hubspot.take(), { ...ports, portsFor: () => crms.deliverPorts('hubspot') });
    expect(crms.writes('hubspot')).toBe(1);
    const told = (await crms.ledger.ofRecord(ada.recordId, { limit: 50 })).filter(({ lines }) =>
      lines.some(({ field }) => field === 'jobTitle'),
    );
    expect(told).toHaveLength(1);
  });

  it('of a claim or a confirm tells nothing', async () => {
    const ada = await editedPerson();
    const images: DynamoDBRecord[] = [];
    const connector = interrupted(crms.connectors.hubspot, {
      beforeUpdate: async () => images.push(await streamed(ada.recordId)),
    });
    await crms.deliver('hubspot', [ada.recordId], { connector });
    images.push(await streamed(ada.recordId));
    expect(await dispatch(images)).toEqual({ entries: 0, deliveries: 0, woken: 0 });
  });

  it('shares its message with the other commits of the batch', async () => {
    const people = [await editedPerson(), await editedPerson(), await editedPerson()];
    await dispatch(await Promise.all(people.map(({ recordId }) => streamed(recordId))));
    expect(sent().map(({ deliveries }) => deliveries.length)).toEqual([3]);
  });

  it('I2: is not done with while the queue does not take its delivery, so that the stream brings it again', async () => {
    const ada = await editedPerson();
    const record = await streamed(ada.recordId);
    crms.deliveries.hubspot.isDown = true;
    await expect(dispatch([record])).rejects.toThrow('SQS refused');
    crms.deliveries.hubspot.isDown = false;
    expect(await dispatch([record])).toEqual({ entries: 1, deliveries: 1, woken: 0 });
  });

  it('for a system that has no queue is an error that says so', async () => {
    const ada = await editedPerson();
    await expect(dispatch([await streamed(ada.recordId)], new Map())).rejects.toThrow('no delivery queue for system hubspot');
  });
});
