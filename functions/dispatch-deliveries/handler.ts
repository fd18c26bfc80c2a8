import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import * as z from 'zod';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { log } from '../../shared/telemetry/log.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { dispatchDeliveries } from './dispatch-deliveries.ts';

const env = z
  .object({ CONCORD_TABLE: environment.CONCORD_TABLE, DELIVERY_QUEUE_URLS: environment.DELIVERY_QUEUE_URLS })
  .parse(process.env);
const client = new DynamoDBClient({});
const sqs = new SQSClient({});
const senders = new Map(Object.entries(env.DELIVERY_QUEUE_URLS).map(([system, url]) => [system, messageSender(sqs, url)]));

/** Both halves are idempotent, so a failed batch is simply taken again as a whole. */
export const handler = withTelemetry(async (event: DynamoDBStreamEvent) => {
  const told = await dispatchDeliveries(event.Records, {
    ledgerOf: (tenant) => ledgerStore({ client, tableName: env.CONCORD_TABLE, tenant, now: Date.now }),
    senders,
  });
  log.info('dispatched', { ...told });
  return { batchItemFailures: [] };
});
