import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import * as z from 'zod';
import { cursorStore } from '../../shared/store/cursor-store.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { config, tenant } from '../config.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { operatorRoutes } from './operator-routes.ts';
import { pollRequester } from './poll-requests.ts';
import { queueDepths } from './queue-depths.ts';

const env = z.object({ CONCORD_TABLE: environment.CONCORD_TABLE, QUEUE_URLS: environment.QUEUE_URLS }).parse(process.env);
const context = { client: new DynamoDBClient({}), tableName: env.CONCORD_TABLE, tenant, now: Date.now };

const answer = operatorRoutes({
  syncs: config.syncs.map((sync) => ({
    name: sync.name,
    objects: Object.fromEntries(Object.entries(sync.objects).map(([system, object]) => [system, object.type])),
  })),
  records: recordStore(context),
  worklist: recordWorklist(context),
  firstSync: firstSyncStore(context),
  cursors: cursorStore(context),
  depths: queueDepths(new SQSClient({}), env.QUEUE_URLS),
  requestPoll: pollRequester(new EventBridgeClient({})),
  now: Date.now,
});

export const handler = withTelemetry(async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
  const { status, body } = await answer({
    route: event.routeKey,
    path: event.pathParameters ?? {},
    query: event.queryStringParameters ?? {},
  });
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
