import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import * as z from 'zod';
import { messageSenders } from '../../shared/queue/message-sender.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { log } from '../../shared/telemetry/log.ts';
import { config } from '../config.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { dispatchDeliveries } from './dispatch-deliveries.ts';

const env = z
  .object({
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CHANGES_QUEUE_URLS: environment.CHANGES_QUEUE_URLS,
    DELIVERY_QUEUE_URLS: environment.DELIVERY_QUEUE_URLS,
  })
  .parse(process.env);
const client = new DynamoDBClient({});
const sqs = new SQSClient({});
const changes = messageSenders(sqs, env.CHANGES_QUEUE_URLS);
const deliveries = messageSenders(sqs, env.DELIVERY_QUEUE_URLS);
const objectTypes = new Map(config.syncs.map(({ name, objects }) => [name, objects]));
const contextOf = (tenant: string) => ({ client, tableName: env.CONCORD_TABLE, tenant, now: Date.now });

/** All of it is idempotent, so a failed batch is simply taken again as a whole. */
export const handler = withTelemetry(async (event: DynamoDBStreamEvent) => {
  const told = await dispatchDeliveries(event.Records, {
    ledgerOf: (tenant) => ledgerStore(contextOf(tenant)),
    waitingOf: (tenant) => waitingStore(contextOf(tenant)),
    objectTypeOf: (sync, system) => objectTypes.get(sync)?.[system]?.type,
    changes,
    deliveries,
    now: Date.now,
  });
  log.info('dispatched', { ...told });
  return { batchItemFailures: [] };
});
