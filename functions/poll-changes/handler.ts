import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { AuthRejectedError, RequestRefusedError } from '../../shared/errors.ts';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { cursorStore } from '../../shared/store/cursor-store.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { countFor, errorFacts, log, MetricUnit } from '../../shared/telemetry/log.ts';
import { tenant } from '../config.ts';
import { connectedSystem } from '../connected-system.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { syncsOf } from '../syncs.ts';
import { connectionCheck } from './check-connection.ts';
import { advanceFirstSync } from './first-sync.ts';
import { listAgain } from './list-again.ts';
import { pollChanges } from './poll-changes.ts';
import { timeShares } from './time-shares.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CHANGES_QUEUE_URLS: environment.CHANGES_QUEUE_URLS,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);

/** No new page is begun after this: what is begun ends well within the function's five minutes. */
const RUN_MS = 4 * 60_000;

const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const sqs = new SQSClient({});
const changes = new Map(Object.entries(env.CHANGES_QUEUE_URLS).map(([system, url]) => [system, messageSender(sqs, url)]));
const system = connectedSystem(env.CONCORD_SYSTEM, env.CONNECTION_SECRET_ARN, context);
const cursors = cursorStore(context);
const firstSync = firstSyncStore(context);
const records = recordStore(context);
const schemas = schemaStore(context);
const connection = connectionCheck({ schemas, now: Date.now });

const pollEventSchema = z.object({ detail: z.object({ sync: z.string().optional() }).optional() });

/** Runs on a schedule, and when somebody asks: the event may name one sync. */
export const handler = withTelemetry(async (event: unknown) => {
  const only = pollEventSchema.safeParse(event).data?.detail?.sync;
  const own = changes.get(env.CONCORD_SYSTEM);
  if (own === undefined) throw new Error(`CHANGES_QUEUE_URLS names no queue of ${env.CONCORD_SYSTEM}`);
  const beganAtMs = Date.now();
  const connector = await system.connector();
  const ports = {
    tenant,
    system: env.CONCORD_SYSTEM,
    connector,
    cursors,
    firstSync,
    records,
    now: Date.now,
    newId: randomUUID,
  };
  const asked = syncsOf(env.CONCORD_SYSTEM).filter((sync) => only === undefined || only === sync.name);
  const deadline = timeShares(beganAtMs + RUN_MS, asked.length, Date.now);
  const failures: unknown[] = [];
  for (const sync of asked) {
    const deadlineMs = deadline();
    try {
      const { working, problems, listAgainFromMs } = await connection.check(sync, env.CONCORD_SYSTEM, connector);
      if (problems.length > 0) {
        countFor(env.CONCORD_SYSTEM, 'FieldsPaused', MetricUnit.Count, problems.length);
        log.warn('fields rest', { sync: sync.name, system: env.CONCORD_SYSTEM, problems });
      }
      const first = await advanceFirstSync(working, { ...ports, changes, deadlineMs });
      if (first.phase !== 'live') {
        log.info('first sync', { sync: sync.name, system: env.CONCORD_SYSTEM, ...first });
        continue;
      }
      const fromMs = first.startedAtMs - sync.poll.overlapMinutes * 60_000;
      if (listAgainFromMs !== undefined)
        await listAgain(sync, { fromMs: listAgainFromMs, firstMs: fromMs }, { ...ports, schemas });
      const polled = await pollChanges(working, fromMs, { ...ports, changes: own, deadlineMs });
      // A poller that found the cursor taken knows nothing of the lag: the one that has it tells.
      if (polled.lagMs !== undefined) countFor(env.CONCORD_SYSTEM, 'PollLagSeconds', MetricUnit.Seconds, polled.lagMs / 1000);
      log.info('polled', { sync: sync.name, system: env.CONCORD_SYSTEM, ...polled });
    } catch (error) {
      // One sync's trouble does not keep the others from being polled.
      if (error instanceof RequestRefusedError) connection.doubt(sync, env.CONCORD_SYSTEM);
      if (error instanceof AuthRejectedError) countFor(env.CONCORD_SYSTEM, 'AuthRejected', MetricUnit.Count, 1);
      log.error('poll failed', { sync: sync.name, system: env.CONCORD_SYSTEM, ...errorFacts(error) });
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
});
