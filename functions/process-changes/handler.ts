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
import { handleHints } from './handle-hints.ts';
import { hintsOfMessage } from './hint-message.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CHANGES_QUEUE_URL: environment.CHANGES_QUEUE_URL,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);

const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});
const changes = messageSender(sqs, env.CHANGES_QUEUE_URL);
const records = recordStore(context);
const quarantine = quarantineStore(context);
const duplicates = duplicateIndex(context);
const schemas = schemaStore(context);
const guards = guardStore(context);
const waiting = waitingStore(context);
const workingSync = workingSyncs({ schemas, now: Date.now });
const firstSync = firstSyncStore(context);
const system = connectedSystem(env.CONCORD_SYSTEM, env.CONNECTION_SECRET_ARN, context);
const live = new Set<string>(); // a sync that went live stays so

async function isLive(sync: string): Promise<boolean> {
  if (!live.has(sync) && (await firstSync.listingDone(sync, env.CONCORD_SYSTEM))) live.add(sync);
  return live.has(sync);
}

/** One bad message fails alone, and so does one bad hint of a message; the rest of the batch is not redelivered. */
export const handler = withTelemetry(async (event: SQSEvent) => {
  // Echoes of our own writes are known without a call; all else is read.
  const waited = event.Records.some((record) => !record.body.includes('"by":"us"')) && (await turnAt(system, 1));
  const batch = await gatherMessages(
    sqs,
    env.CHANGES_QUEUE_URL,
    event.Records,
    drainAllowance(event.Records, '"objectId"'),
    waited,
  );
  const connector = await system.connector();
  const ours = await system.ourAccount();
  const told = await handleHints(batch.messages, {
    tenant,
    system: env.CONCORD_SYSTEM,
    hintsOf: (message) => hintsOfMessage(message, env.CONCORD_SYSTEM, ours, Date.now()),
    changes,
    portsFor: async (name) => ({
      system: env.CONCORD_SYSTEM,
      sync: await workingSync(syncNamed(name), env.CONCORD_SYSTEM),
      rules: syncNamed(name).rules,
      connector,
      records,
      quarantine,
      duplicates,
      schemas,
      guards,
      waiting,
      isReferredTo: isReferredTo(name, allSyncs()),
      firstSync,
      isLive: () => isLive(name),
      now: Date.now,
      newId: randomUUID,
    }),
    now: Date.now,
    random: Math.random,
  });
  const { failedIds, ...facts } = told;
  log.info('processed', { system: env.CONCORD_SYSTEM, messages: batch.messages.length, ...facts });
  return batch.settle(failedIds);
});
