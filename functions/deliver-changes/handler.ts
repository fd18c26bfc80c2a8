import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import * as z from 'zod';
import { gatherMessages } from '../../shared/queue/message-batch.ts';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { log } from '../../shared/telemetry/log.ts';
import { turnAt } from '../api-turn.ts';
import { tenant } from '../config.ts';
import { connectedSystem } from '../connected-system.ts';
import { environment } from '../function-environment.ts';
import { drainAllowance } from '../message-settlement.ts';
import { withTelemetry } from '../middleware.ts';
import { syncNamed } from '../syncs.ts';
import { handleDeliveries } from './handle-deliveries.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CONCORD_TABLE: environment.CONCORD_TABLE,
    DELIVERY_QUEUE_URL: environment.DELIVERY_QUEUE_URL,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);

const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});
const deliveries = messageSender(sqs, env.DELIVERY_QUEUE_URL);
const records = recordStore(context);
const system = connectedSystem(env.CONCORD_SYSTEM, env.CONNECTION_SECRET_ARN, context);

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
    portsFor: (name, correlationIds) => ({
      system: env.CONCORD_SYSTEM,
      sync: syncNamed(name),
      connector: connector.withCorrelation(correlationIds),
      records,
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
