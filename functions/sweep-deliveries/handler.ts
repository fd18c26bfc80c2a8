import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { log, MetricUnit, metrics } from '../../shared/telemetry/log.ts';
import { config, tenant } from '../config.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { syncNamed } from '../syncs.ts';
import { sweepDeliveries } from './sweep-deliveries.ts';

const env = z
  .object({ CONCORD_TABLE: environment.CONCORD_TABLE, DELIVERY_QUEUE_URLS: environment.DELIVERY_QUEUE_URLS })
  .parse(process.env);
const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});

export const handler = withTelemetry(async () => {
  const swept = await sweepDeliveries({
    tenant,
    syncs: new Map(config.syncs.map((sync) => [sync.name, syncNamed(sync.name)])),
    records: recordStore(context),
    worklist: recordWorklist(context),
    senders: new Map(Object.entries(env.DELIVERY_QUEUE_URLS).map(([system, url]) => [system, messageSender(sqs, url)])),
    now: Date.now,
    newId: randomUUID,
  });
  metrics.addMetric('DirtyTooLong', MetricUnit.Count, swept.dirty);
  log.info('swept', swept);
});
