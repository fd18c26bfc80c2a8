import { deliveryMessages, hintMessages } from '../shared/queue/envelopes.ts';
import type { MessageSender, OutgoingMessage } from '../shared/queue/message-sender.ts';
import type { HintToSend, Woken } from './waiting-references.ts';

export interface SendWokenPorts {
  readonly tenant: string;
  readonly changes: ReadonlyMap<string, MessageSender>; // by system
  readonly deliveries: ReadonlyMap<string, MessageSender>; // by system
  readonly now: () => number;
}

/** Puts those that go on into the queues, and only then lets them wait no longer. */
export async function sendWoken(woken: Woken, ports: SendWokenPorts): Promise<void> {
  const { tenant, now } = ports;
  const hints = [...new Set(woken.hints.map(({ system }) => system))].map((system) =>
    senderTo(system, ports.changes, 'changes').send(
      messagesOf(
        woken.hints.filter((hint) => hint.system === system),
        tenant,
      ),
    ),
  );
  const deliveries = lanesOf(woken.deliveries).map(({ system, sync, items }) => {
    const bodies = deliveryMessages(
      { tenant, sync },
      items.map(({ recordId, correlationId }) => ({ recordId, correlationId, receivedAtMs: now(), attempts: 0 })),
    );
    return senderTo(system, ports.deliveries, 'delivery').send(bodies.map((body) => ({ body })));
  });
  await Promise.all([...hints, ...deliveries]);
  await woken.done();
}

/** Messages for the changes queue of the one system that all the hints are of; each names its own sync. */
export function messagesOf(hints: readonly HintToSend[], tenant: string): OutgoingMessage[] {
  return lanesOf(hints).flatMap(({ system, sync, items }) =>
    hintMessages(
      { tenant, system, sync },
      items.map(({ hint }) => hint),
    ).map((body) => ({ body })),
  );
}

/** @throws Error when there is no such queue. */
export function senderTo(
  system: string,
  senders: ReadonlyMap<string, MessageSender>,
  what: 'changes' | 'delivery',
): MessageSender {
  const sender = senders.get(system);
  if (sender === undefined) throw new Error(`no ${what} queue for system ${system}: deploy the stack that knows it`);
  return sender;
}

interface Addressed {
  readonly system: string;
  readonly sync: string;
}

/** A message is for one sync of one system. */
function lanesOf<Item extends Addressed>(items: readonly Item[]): (Addressed & { readonly items: Item[] })[] {
  const lanes = new Map<string, Addressed & { readonly items: Item[] }>();
  for (const item of items) {
    const { system, sync } = item;
    const lane = lanes.get(`${system}#${sync}`) ?? { system, sync, items: [] };
    lane.items.push(item);
    lanes.set(`${system}#${sync}`, lane);
  }
  return [...lanes.values()];
}
