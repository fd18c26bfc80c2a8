import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, DynamoDBRecord, SQSRecord } from 'aws-lambda';
import { handleDeliveries } from '../../../functions/deliver-changes/handle-deliveries.ts';
import { dispatchDeliveries } from '../../../functions/dispatch-deliveries/dispatch-deliveries.ts';
import { drainAllowance } from '../../../functions/message-settlement.ts';
import { advanceFirstSync } from '../../../functions/poll-changes/first-sync.ts';
import { pollChanges } from '../../../functions/poll-changes/poll-changes.ts';
import { handleHints } from '../../../functions/process-changes/handle-hints.ts';
import { hintsOfMessage } from '../../../functions/process-changes/hint-message.ts';
import { receiveWebhook } from '../../../functions/receive-hubspot-webhook/receive-webhook.ts';
import { isReferredTo } from '../../../functions/references.ts';
import { sweepDeliveries } from '../../../functions/sweep-deliveries/sweep-deliveries.ts';
import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import { gatherMessages } from '../../../shared/queue/message-batch.ts';
import { type MessageSender, messageSender } from '../../../shared/queue/message-sender.ts';
import { cursorStore } from '../../../shared/store/cursor-store.ts';
import { duplicateIndex } from '../../../shared/store/duplicate-index.ts';
import { firstSyncStore } from '../../../shared/store/first-sync-store.ts';
import { guardStore } from '../../../shared/store/guard-store.ts';
import { ledgerStore } from '../../../shared/store/ledger-store.ts';
import { quarantineStore } from '../../../shared/store/quarantine-store.ts';
import { recordStore } from '../../../shared/store/record-store.ts';
import { recordWorklist } from '../../../shared/store/record-worklist.ts';
import { schemaStore } from '../../../shared/store/schema-store.ts';
import type { StoreContext } from '../../../shared/store/table.ts';
import { waitingStore } from '../../../shared/store/waiting-store.ts';
import type { ModelQueue } from '../ports/model-queue.ts';
import type { ModelTable } from '../ports/model-table.ts';
import { queueClient } from '../ports/queue-client.ts';
import { tableClient } from '../ports/table-client.ts';
import type { Container, FunctionSpec } from './function-pool.ts';
import type { BatchAnswer } from './queue-trigger.ts';
import type { PortCall, WorldFace } from './world-face.ts';

/** What every function of a run reaches. The functions are put together here as their handler.ts does in a deployment. */
export interface Ground {
  readonly tenant: string;
  readonly syncs: ReadonlyMap<string, CompiledSync>;
  readonly systems: readonly string[];
  readonly table: ModelTable;
  /** By URL: {@link changesUrl}, {@link deliveriesUrl}. */
  readonly queues: ReadonlyMap<string, ModelQueue>;
  readonly world: WorldFace;
  readonly newId: () => string;
  readonly random: () => number;
  /** True where a batch had to wait for its turn at the API, so that a backlog has gathered. */
  readonly waits: () => boolean;
  /** Told after each effect on the table or a queue: a trigger may have work. */
  readonly stirred: (port: string) => void;
}

export const TABLE_NAME = 'records';
/** As infra/ sets them. */
const MINUTE_MS = 60_000;
const POLL_RUN_MS = 4 * MINUTE_MS;

export const changesUrl = (system: string): string => `https://queues.test/${system}-changes`;
export const deliveriesUrl = (system: string): string => `https://queues.test/${system}-deliveries`;

interface Reach {
  readonly call: PortCall;
  readonly now: () => number;
  readonly context: StoreContext;
  sender(url: string): MessageSender;
}

function reachOf(container: Container, ground: Ground): Reach {
  const call: PortCall = (port, effect) =>
    container.current().call(port, () => {
      try {
        return effect();
      } finally {
        ground.stirred(port);
      }
    });
  const now = () => container.current().now() + container.skewMs;
  const sqs = queueClient(ground.queues, call);
  return {
    call,
    now,
    context: {
      client: tableClient(ground.table, call),
      tableName: TABLE_NAME,
      tenant: ground.tenant,
      now,
      sleep: (ms) => container.current().sleep(ms),
      random: ground.random,
    },
    sender: (url) => messageSender(sqs, url),
  };
}

function syncNamed(ground: Ground, name: string): CompiledSync {
  const sync = ground.syncs.get(name);
  if (sync === undefined) throw new Error(`the run has no sync ${name}`);
  return sync;
}

/** What observing and guarding need beside the records. */
function storesOf(context: StoreContext) {
  return {
    quarantine: quarantineStore(context),
    duplicates: duplicateIndex(context),
    schemas: schemaStore(context),
    guards: guardStore(context),
    waiting: waitingStore(context),
  };
}

function sendersOf({ systems }: Ground, sender: Reach['sender']) {
  return {
    changes: new Map(systems.map((system) => [system, sender(changesUrl(system))])),
    deliveries: new Map(systems.map((system) => [system, sender(deliveriesUrl(system))])),
  };
}

export function processFunction(system: string, ground: Ground): FunctionSpec<readonly SQSRecord[], BatchAnswer> {
  return {
    name: `process ${system}`,
    timeoutMs: MINUTE_MS,
    start(container) {
      const { call, now, context, sender } = reachOf(container, ground);
      const sqs = queueClient(ground.queues, call);
      const url = changesUrl(system);
      const records = recordStore(context);
      const stores = storesOf(context);
      const firstSync = firstSyncStore(context);
      const live = new Set<string>();
      const isLive = async (sync: string): Promise<boolean> => {
        if (!live.has(sync) && (await firstSync.listingDone(sync, system))) live.add(sync);
        return live.has(sync);
      };
      const connector = ground.world.connector(system, call);
      return async (taken) => {
        const batch = await gatherMessages(sqs, url, taken, drainAllowance([...taken], '"objectId"'), ground.waits());
        const { failedIds } = await handleHints(batch.messages, {
          tenant: ground.tenant,
          system,
          hintsOf: (message) => hintsOfMessage(message, system, ground.world.ours(system), now()),
          changes: sender(url),
          portsFor: (name) => ({
            system,
            sync: syncNamed(ground, name),
            rules: syncNamed(ground, name).rules,
            connector,
            records,
            ...stores,
            isReferredTo: isReferredTo(name, ground.syncs.values()),
            firstSync,
            isLive: () => isLive(name),
            now,
            newId: ground.newId,
          }),
          now,
          random: ground.random,
        });
        return batch.settle(failedIds);
      };
    },
  };
}

export function deliverFunction(system: string, ground: Ground): FunctionSpec<readonly SQSRecord[], BatchAnswer> {
  return {
    name: `deliver ${system}`,
    timeoutMs: MINUTE_MS,
    start(container) {
      const { call, now, context, sender } = reachOf(container, ground);
      const sqs = queueClient(ground.queues, call);
      const url = deliveriesUrl(system);
      const records = recordStore(context);
      const stores = storesOf(context);
      const firstSync = firstSyncStore(context);
      const connector = ground.world.connector(system, call);
      return async (taken) => {
        const batch = await gatherMessages(sqs, url, taken, drainAllowance([...taken], '"recordId"'), ground.waits());
        const { failedIds } = await handleDeliveries(batch.messages, {
          tenant: ground.tenant,
          system,
          deliveries: sender(url),
          changes: sender(changesUrl(system)),
          portsFor: (name) => ({
            system,
            sync: syncNamed(ground, name),
            rules: syncNamed(ground, name).rules,
            connector,
            records,
            ...stores,
            isReferredTo: isReferredTo(name, ground.syncs.values()),
            isLive: () => firstSync.listingDone(name, system),
            now,
            newId: ground.newId,
            random: ground.random,
          }),
          now,
          random: ground.random,
        });
        return batch.settle(failedIds);
      };
    },
  };
}

export function dispatchFunction(ground: Ground): FunctionSpec<readonly DynamoDBRecord[], unknown> {
  return {
    name: 'dispatch',
    timeoutMs: MINUTE_MS / 2,
    start(container) {
      const { context, sender, now } = reachOf(container, ground);
      const queues = sendersOf(ground, sender);
      return (records) =>
        dispatchDeliveries(records, {
          ledgerOf: (tenant) => ledgerStore({ ...context, tenant }),
          waitingOf: (tenant) => waitingStore({ ...context, tenant }),
          objectTypeOf: (sync, of) => ground.syncs.get(sync)?.sides[of]?.object,
          ...queues,
          now,
        });
    },
  };
}

export function sweepFunction(ground: Ground): FunctionSpec<undefined, unknown> {
  return {
    name: 'sweep',
    timeoutMs: 2 * MINUTE_MS,
    start(container) {
      const { context, sender, now } = reachOf(container, ground);
      return () =>
        sweepDeliveries({
          tenant: ground.tenant,
          syncs: ground.syncs,
          records: recordStore(context),
          worklist: recordWorklist(context),
          waiting: waitingStore(context),
          firstSync: firstSyncStore(context),
          ...sendersOf(ground, sender),
          now,
          newId: ground.newId,
        });
    },
  };
}

export function pollFunction(system: string, ground: Ground): FunctionSpec<undefined, unknown> {
  return {
    name: `poll ${system}`,
    timeoutMs: 5 * MINUTE_MS,
    start(container) {
      const { call, context, sender, now } = reachOf(container, ground);
      const cursors = cursorStore(context);
      const firstSync = firstSyncStore(context);
      const records = recordStore(context);
      const changes = new Map(ground.systems.map((name) => [name, sender(changesUrl(name))]));
      const connector = ground.world.connector(system, call);
      return async () => {
        const deadlineMs = now() + POLL_RUN_MS;
        const shared = {
          tenant: ground.tenant,
          system,
          connector,
          cursors,
          firstSync,
          records,
          now,
          newId: ground.newId,
          deadlineMs,
        };
        for (const sync of ground.syncs.values()) {
          if (sync.sides[system] === undefined) continue;
          const first = await advanceFirstSync(sync, { ...shared, changes });
          if (first.phase !== 'live') continue;
          const fromMs = first.startedAtMs - sync.poll.overlapMinutes * MINUTE_MS;
          await pollChanges(sync, fromMs, { ...shared, changes: sender(changesUrl(system)) });
        }
      };
    },
  };
}

export function receiveFunction(
  system: string,
  ground: Ground,
): FunctionSpec<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return {
    name: `receive ${system}`,
    timeoutMs: 5_000,
    start(container) {
      const { sender, now } = reachOf(container, ground);
      return (event) =>
        receiveWebhook(event, {
          system,
          connection: async () => ground.world.connection(system),
          changes: sender(changesUrl(system)),
          now,
        });
    },
  };
}
