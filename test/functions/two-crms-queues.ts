import type { DynamoDBRecord } from 'aws-lambda';
import { handleDeliveries } from '../../functions/deliver-changes/handle-deliveries.ts';
import { dispatchDeliveries } from '../../functions/dispatch-deliveries/dispatch-deliveries.ts';
import { handleHints } from '../../functions/process-changes/handle-hints.ts';
import { hintsOfMessage } from '../../functions/process-changes/hint-message.ts';
import { type Swept, sweepDeliveries } from '../../functions/sweep-deliveries/sweep-deliveries.ts';
import { allSyncs, syncNamed } from '../../functions/syncs.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { TABLE } from '../../shared/store/table.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { SYSTEMS, type System, type TwoCrms } from './two-crms.ts';

/** Longer than any read of the simulators can be in doubt. */
const TURN_MS = 3_000;
const TURNS_MAX = 60;

/** The queues and the stream of a deployment, moved by hand: what is told of an object runs through all functions. */
export interface Queues {
  /** A notification that names an object of a sync. */
  tell(system: System, sync: string, objectId: string): Promise<void>;
  /** Lets everything run until nothing is left to do. @throws Error when it does not come to rest. */
  untilQuiet(): Promise<void>;
  sweep(): Promise<Swept>;
}

export function queuesOf(crms: TwoCrms): Queues {
  const dispatched = new Set<string>();
  const context = () => ({ tenant: crms.context.tenant, now: crms.clock.now, random: () => 0.5 });
  const senders = () => ({
    changes: new Map(Object.entries(crms.changes)),
    deliveries: new Map(Object.entries(crms.deliveries)),
  });

  async function process(system: System): Promise<number> {
    const messages = crms.changes[system].take();
    const { failedIds } = await handleHints(messages, {
      ...context(),
      system,
      hintsOf: (message) => hintsOfMessage(message, system, {}, crms.clock.now()),
      changes: crms.changes[system],
      portsFor: (name) => crms.processPorts(system, { sync: syncNamed(name) }),
    });
    if (failedIds.size > 0) throw new Error(`hints of ${system} failed`);
    return messages.length;
  }

  async function deliver(system: System): Promise<number> {
    const messages = crms.deliveries[system].take();
    const { failedIds } = await handleDeliveries(messages, {
      ...context(),
      system,
      changes: crms.changes[system],
      deliveries: crms.deliveries[system],
      portsFor: (name) => crms.deliverPorts(system, { sync: syncNamed(name) }),
    });
    if (failedIds.size > 0) throw new Error(`deliveries to ${system} failed`);
    return messages.length;
  }

  async function dispatch(): Promise<number> {
    const records = (await crms.table.everything()).flatMap((item): DynamoDBRecord[] => {
      const key = `${item[TABLE.partitionKey]?.S} ${item[TABLE.version]?.N}`;
      const isOurs = item[TABLE.partitionKey]?.S?.startsWith(`${crms.context.tenant}#`) === true;
      if (!isOurs || item[TABLE.outbox] === undefined || dispatched.has(key)) return [];
      dispatched.add(key);
      const image = Object.entries(item).map(([name, { S, N }]) => [
        name,
        { ...(S !== undefined && { S }), ...(N !== undefined && { N }) },
      ]);
      return [{ eventName: 'MODIFY', dynamodb: { NewImage: Object.fromEntries(image) } }];
    });
    await dispatchDeliveries(records, {
      ledgerOf: (tenant) => ledgerStore({ ...crms.context, tenant }),
      waitingOf: (tenant) => waitingStore({ ...crms.context, tenant }),
      objectTypeOf: (sync, system) => syncNamed(sync).sides[system]?.object,
      ...senders(),
      now: crms.clock.now,
    });
    return records.length;
  }

  return {
    async tell(system, sync, objectId) {
      const object = syncNamed(sync).sides[system]?.object ?? '';
      const hint = crms.hint(system, objectId, { object });
      const bodies = hintMessages({ tenant: crms.context.tenant, system, sync }, [hint]);
      await crms.changes[system].send(bodies.map((body) => ({ body })));
    },
    async untilQuiet() {
      for (let turn = 0; turn < TURNS_MAX; turn += 1) {
        let moved = await dispatch();
        for (const system of SYSTEMS) moved += (await process(system)) + (await deliver(system));
        if (moved === 0) return;
        crms.clock.advance(TURN_MS);
      }
      throw new Error('it does not come to rest');
    },
    sweep: () =>
      sweepDeliveries({
        tenant: crms.context.tenant,
        syncs: new Map(allSyncs().map((sync) => [sync.name, sync])),
        records: crms.records,
        worklist: crms.worklist,
        waiting: waitingStore(crms.context),
        firstSync: crms.firstSync,
        ...senders(),
        now: crms.clock.now,
        newId: () => 'sweep',
      }),
  };
}
