import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import * as z from 'zod';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { cursorStore } from '../../shared/store/cursor-store.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { quarantineStore } from '../../shared/store/quarantine-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { config, tenant } from '../config.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { syncNamed } from '../syncs.ts';
import { lookRequester } from './look-requests.ts';
import { operatorRequest } from './operator-request.ts';
import { operatorRoutes } from './operator-routes.ts';
import { pollRequester } from './poll-requests.ts';
import { queueDepths } from './queue-depths.ts';

const env = z.object({ CONCORD_TABLE: environment.CONCORD_TABLE, QUEUE_URLS: environment.QUEUE_URLS }).parse(process.env);
const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };

const sqs = new SQSClient({});
/** The changes queues, by system: a look that an operator asks for goes the way of every other hint. */
const changes = new Map(
  Object.entries(env.QUEUE_URLS).flatMap(([name, url]) =>
    name.endsWith('-changes') ? [[name.slice(0, -'-changes'.length), messageSender(sqs, url)] as const] : [],
  ),
);

const answer = operatorRoutes({
  syncs: config.syncs.map((sync) => ({
    name: sync.name,
    objects: Object.fromEntries(Object.entries(sync.objects).map(([system, object]) => [system, object.type])),
  })),
  records: recordStore(context),
  worklist: recordWorklist(context),
  firstSync: firstSyncStore(context),
  cursors: cursorStore(context),
  guards: guardStore(context),
  quarantine: quarantineStore(context),
  schemas: schemaStore(context),
  syncNamed,
  depths: queueDepths(sqs, env.QUEUE_URLS),
  requestPoll: pollRequester(new EventBridgeClient({})),
  requestLook: lookRequester(changes, { tenant, now: Date.now, newId: randomUUID }),
  now: Date.now,
  newId: randomUUID,
});

export const handler = withTelemetry(async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
  const { status, body } = await answer(operatorRequest(event));
  return {
    statusCode: status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    body: JSON.stringify(body),
  };
});
