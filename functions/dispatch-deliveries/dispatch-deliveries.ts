import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { LedgerStore } from '../../shared/store/ledger-store.ts';
import { outboxOf } from '../../shared/store/outbox.ts';
import { recordOf } from '../../shared/store/record-item.ts';
import { type Awaited, awaitedKey, type WaitingStore } from '../../shared/store/waiting-store.ts';
import type { LedgerEntry } from '../../shared/sync/ledger.ts';
import { senderTo, sendWoken } from '../send-woken.ts';
import { broughtBy, wake } from '../waiting-references.ts';

export interface DispatchPorts {
  readonly ledgerOf: (tenant: string) => Pick<LedgerStore, 'putMany'>;
  readonly waitingOf: (tenant: string) => WaitingStore;
  /** A sync's type of object in a system; undefined where it has none there. */
  readonly objectTypeOf: (sync: string, system: string) => string | undefined;
  readonly changes: ReadonlyMap<string, MessageSender>; // by system
  readonly deliveries: ReadonlyMap<string, MessageSender>; // by system
  readonly now: () => number;
}

export interface Dispatched {
  readonly entries: number;
  readonly deliveries: number;
  /** Hints and deliveries that waited for what was committed. */
  readonly woken: number;
}

/** What was committed is what gets audited, delivered and waited for: nothing is written twice by hand. */
export async function dispatchDeliveries(records: readonly DynamoDBRecord[], ports: DispatchPorts): Promise<Dispatched> {
  const entries = new Map<string, LedgerEntry[]>(); // by tenant
  const deliveries = new Map<string, { tenant: string; sync: string; system: string; requests: DeliveryRequest[] }>();
  const arrived = new Map<string, Map<string, Awaited>>(); // by tenant
  let delivered = 0;
  for (const { dynamodb } of records) {
    const image = imageOf(dynamodb?.NewImage);
    const told = outboxOf(image);
    if (told === undefined) continue;
    const { tenant, recordId, version, sync, note, deliver } = told;
    if (note.lines.length > 0) {
      const known = entries.get(tenant) ?? [];
      known.push({ recordId, version, ...note });
      entries.set(tenant, known);
    }
    for (const system of deliver) {
      const key = `${tenant}#${sync}#${system}`;
      const lane = deliveries.get(key) ?? { tenant, sync, system, requests: [] };
      lane.requests.push({
        recordId,
        correlationId: note.correlationId,
        receivedAtMs: note.receivedAtMs ?? note.decidedAtMs,
        attempts: 0,
      });
      deliveries.set(key, lane);
      delivered += 1;
    }
    if (told.wake === true) {
      // Which of its objects is the new one does not matter: nobody waits for the others any more.
      const brought = broughtBy(undefined, recordOf(image), (system) => ports.objectTypeOf(sync, system));
      const known = arrived.get(tenant) ?? new Map<string, Awaited>();
      for (const one of brought) known.set(awaitedKey(one), one);
      arrived.set(tenant, known);
    }
  }
  const sends = [...deliveries.values()].map(({ tenant, sync, system, requests }) =>
    senderTo(system, ports.deliveries, 'delivery').send(deliveryMessages({ tenant, sync }, requests).map((body) => ({ body }))),
  );
  const writes = [...entries].map(([tenant, some]) => ports.ledgerOf(tenant).putMany(some));
  const wakes = [...arrived].map(([tenant, some]) => wakeUp(tenant, [...some.values()], ports));
  const [woken] = await Promise.all([Promise.all(wakes), ...sends, ...writes]);
  return {
    entries: [...entries.values()].reduce((sum, some) => sum + some.length, 0),
    deliveries: delivered,
    woken: woken.reduce((sum, count) => sum + count, 0),
  };
}

/** R5: whoever waits for an object or a record that is there now goes on. Returns how many do. */
async function wakeUp(tenant: string, arrived: readonly Awaited[], ports: DispatchPorts): Promise<number> {
  const woken = await wake(arrived, { waiting: ports.waitingOf(tenant), now: ports.now });
  await sendWoken(woken, { tenant, changes: ports.changes, deliveries: ports.deliveries, now: ports.now });
  return woken.hints.length + woken.deliveries.length;
}

/** The stream's image has the wire form of the table's attributes; only its type's name differs between the packages. */
function imageOf(image: NonNullable<DynamoDBRecord['dynamodb']>['NewImage']): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(image ?? {})) {
    if (value.S !== undefined) attributes[name] = { S: value.S };
    else if (value.N !== undefined) attributes[name] = { N: value.N };
  }
  return attributes;
}
