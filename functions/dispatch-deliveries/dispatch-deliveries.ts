import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { LedgerStore } from '../../shared/store/ledger-store.ts';
import { outboxOf } from '../../shared/store/outbox.ts';
import type { LedgerEntry } from '../../shared/sync/ledger.ts';

export interface DispatchPorts {
  readonly ledgerOf: (tenant: string) => Pick<LedgerStore, 'putMany'>;
  readonly senders: ReadonlyMap<string, MessageSender>; // by system
}

/** What was committed is what gets audited and delivered: nothing is written twice by hand. */
export async function dispatchDeliveries(
  records: readonly DynamoDBRecord[],
  ports: DispatchPorts,
): Promise<{ entries: number; deliveries: number }> {
  const entries = new Map<string, LedgerEntry[]>(); // by tenant
  const deliveries = new Map<string, { tenant: string; sync: string; system: string; requests: DeliveryRequest[] }>();
  let delivered = 0;
  for (const { dynamodb } of records) {
    const told = outboxOf(imageOf(dynamodb?.NewImage));
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
  }
  const sends = [...deliveries.values()].map(({ tenant, sync, system, requests }) => {
    const sender = ports.senders.get(system);
    if (sender === undefined) throw new Error(`no delivery queue for system ${system}: deploy the stack that knows it`);
    return sender.send(deliveryMessages({ tenant, sync }, requests).map((body) => ({ body })));
  });
  const writes = [...entries].map(([tenant, some]) => ports.ledgerOf(tenant).putMany(some));
  await Promise.all([...sends, ...writes]);
  return { entries: [...entries.values()].reduce((sum, some) => sum + some.length, 0), deliveries: delivered };
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
