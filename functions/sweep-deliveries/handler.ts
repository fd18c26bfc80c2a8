import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { messageSenders } from '../../shared/queue/message-sender.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import { log, MetricUnit, metrics } from '../../shared/telemetry/log.ts';
import { tenant } from '../config.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { allSyncs } from '../syncs.ts';
import { sweepDeliveries } from './sweep-deliveries.ts';

const env = z
  .object({
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CHANGES_QUEUE_URLS: environment.CHANGES_QUEUE_URLS,
    DELIVERY_QUEUE_URLS: environment.DELIVERY_QUEUE_URLS,
  })
  .parse(process.env);
const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});
const changes = messageSenders(sqs, env.CHANGES_QUEUE_URLS);
const deliveries = messageSenders(sqs, env.DELIVERY_QUEUE_URLS);

export const handler = withTelemetry(async () => {
  const swept = await sweepDeliveries({
    tenant,
    syncs: new Map(allSyncs().map((sync) => [sync.name, sync])),
    records: recordStore(context),
    worklist: recordWorklist(context),
    waiting: waitingStore(context),
    firstSync: firstSyncStore(context),
    changes,
    deliveries,
    now: Date.now,
    newId: randomUUID,
  });
  metrics.addMetric('DirtyTooLong', MetricUnit.Count, swept.dirty);
  log.info('swept', { ...swept });
});
