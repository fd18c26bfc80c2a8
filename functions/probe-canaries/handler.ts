import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { CorrelatedConnector } from '../../shared/connectors/correlated-connector.ts';
import type { SalesforceConnector } from '../../shared/connectors/salesforce/salesforce-connector.ts';
import { SyncError } from '../../shared/errors.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { countFor, errorFacts, log, MetricUnit, metrics } from '../../shared/telemetry/log.ts';
import { tenant } from '../config.ts';
import { connectedSystem } from '../connected-system.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { syncsOf } from '../syncs.ts';
import { watchNewest } from '../watch-system.ts';
import { probeCanary } from './probe-canaries.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CONCORD_TABLE: environment.CONCORD_TABLE,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);
/** An alarm needs to know that there are some, not how many exactly. */
const FROZEN_COUNT_MAX = 100;

const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };
const system = connectedSystem(env.CONCORD_SYSTEM, env.CONNECTION_SECRET_ARN, context);
const guards = guardStore(context);
const firstSync = firstSyncStore(context);
const worklist = recordWorklist(context);

/** Looks after the guards of one system: its canaries, its marks, and that a stop is heard as long as it stands. */
export const handler = withTelemetry(async () => {
  const failures: unknown[] = [];
  for (const sync of syncsOf(env.CONCORD_SYSTEM)) {
    try {
      if ((await firstSync.get(sync.name))?.phase === 'live') await probe(sync);
    } catch (error) {
      // A system that does not answer has proved nothing, and its deliveries tell of it; the other syncs are probed all the same.
      log.warn('probe failed', { sync: sync.name, system: env.CONCORD_SYSTEM, ...errorFacts(error) });
      if (!(error instanceof SyncError)) failures.push(error);
    }
  }
  await tellStops();
  if (failures.length > 0) throw failures[0];
});

async function probe(sync: ReturnType<typeof syncsOf>[number]): Promise<void> {
  const connector = await system.connector();
  const side = sync.sides[env.CONCORD_SYSTEM];
  if (side === undefined) return;
  const watched = {
    sync: sync.name,
    system: env.CONCORD_SYSTEM,
    object: side.object,
    externalIdField: side.externalIdField,
    stampResolutionMs: sync.rules.systems[env.CONCORD_SYSTEM]?.stampResolutionMs ?? 0,
  };
  const stop = await watchNewest(watched, await accountOf(connector), connector, { guards, now: Date.now });
  if (stop !== undefined) log.error('writes are stopped', { sync: sync.name, system: env.CONCORD_SYSTEM, stopId: stop.id });
  const probed = await probeCanary(sync, { system: env.CONCORD_SYSTEM, connector, guards, now: Date.now });
  if (probed === undefined) return;
  countFor(env.CONCORD_SYSTEM, 'CanaryAgeSeconds', MetricUnit.Seconds, probed.ageMs / 1000);
  log.info('canary', { sync: sync.name, system: env.CONCORD_SYSTEM, ...probed });
}

/** Only Salesforce's connector knows whose its credentials are; it learnt it with its token. */
async function accountOf(connector: CorrelatedConnector | SalesforceConnector): Promise<string | undefined> {
  return 'identity' in connector ? (await connector.identity()).organizationId : undefined;
}

/** Told at each run, so that an alarm rings until somebody has looked. What a person wants to stand is quiet. */
async function tellStops(): Promise<void> {
  let open = 0;
  for (const sync of syncsOf(env.CONCORD_SYSTEM)) {
    const guard = (await guards.ofSync(sync.name)).get(env.CONCORD_SYSTEM);
    open += (guard?.stops ?? []).filter((stop) => !stop.kept).length;
  }
  countFor(env.CONCORD_SYSTEM, 'WritesStopped', MetricUnit.Count, open);
  const frozen = await worklist.attention({ kind: 'frozen', limit: FROZEN_COUNT_MAX });
  metrics.addMetric('RecordsFrozen', MetricUnit.Count, frozen.items.length);
}
