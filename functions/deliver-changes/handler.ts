import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import * as z from 'zod';
import { gatherMessages } from '../../shared/queue/message-batch.ts';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { duplicateIndex } from '../../shared/store/duplicate-index.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { quarantineStore } from '../../shared/store/quarantine-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { log } from '../../shared/telemetry/log.ts';
import { turnAt } from '../api-turn.ts';
import { tenant } from '../config.ts';
import { connectedSystem } from '../connected-system.ts';
import { environment } from '../function-environment.ts';
import { drainAllowance } from '../message-settlement.ts';
import { withTelemetry } from '../middleware.ts';
import { workingSyncs } from '../paused-fields.ts';
import { isReferredTo } from '../references.ts';
import { allSyncs, syncNamed } from '../syncs.ts';
import { handleDeliveries } from './handle-deliveries.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CHANGES_QUEUE_URL: environment.CHANGES_QUEUE_URL,
    DELIVERY_QUEUE_URL: environment.DELIVERY_QUEUE_URL,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);

const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});
const deliveries = messageSender(sqs, env.DELIVERY_QUEUE_URL);
const changes = messageSender(sqs, env.CHANGES_QUEUE_URL);
const records = recordStore(context);
const firstSync = firstSyncStore(context);
const quarantine = quarantineStore(context);
const duplicates = duplicateIndex(context);
const schemas = schemaStore(context);
const guards = guardStore(context);
const waiting = waitingStore(context);
const workingSync = workingSyncs({ schemas, now: Date.now });
const system = connectedSystem(env.CONCORD_SYSTEM, env.CONNECTION_SECRET_ARN, context);

const live = new Set<string>(); // a sync that went live stays so

async function isLive(sync: string): Promise<boolean> {
  if (!live.has(sync) && (await firstSync.listingDone(sync, env.CONCORD_SYSTEM))) live.add(sync);
  return live.has(sync);
}

/** The verify read and the write. */
const CALLS_PER_DELIVERY = 2;

export const handler = withTelemetry(async (event: SQSEvent) => {
  const waited = await turnAt(system, CALLS_PER_DELIVERY);
  const batch = await gatherMessages(
    sqs,
    env.DELIVERY_QUEUE_URL,
    event.Records,
    drainAllowance(event.Records, '"recordId"'),
    waited,
  );
  const connector = await system.connector();
  const told = await handleDeliveries(batch.messages, {
    tenant,
    system: env.CONCORD_SYSTEM,
    deliveries,
    changes,
    portsFor: async (name, correlationIds) => ({
      system: env.CONCORD_SYSTEM,
      sync: await workingSync(syncNamed(name), env.CONCORD_SYSTEM),
      rules: syncNamed(name).rules,
      connector: connector.withCorrelation(correlationIds),
      records,
      quarantine,
      duplicates,
      schemas,
      guards,
      waiting,
      isReferredTo: isReferredTo(name, allSyncs()),
      isLive: () => isLive(name),
      now: Date.now,
      newId: randomUUID,
      random: Math.random,
    }),
    now: Date.now,
    random: Math.random,
  });
  const { failedIds, ...facts } = told;
  log.info('delivered', { system: env.CONCORD_SYSTEM, messages: batch.messages.length, ...facts });
  return batch.settle(failedIds);
});
