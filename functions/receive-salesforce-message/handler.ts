import { SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import * as z from 'zod';
import { messageSender } from '../../shared/queue/message-sender.ts';
import { connectionSecret } from '../connection.ts';
import { environment } from '../function-environment.ts';
import { withTelemetry } from '../middleware.ts';
import { receiveMessage } from './receive-message.ts';

const env = z
  .object({
    CONCORD_SYSTEM: environment.CONCORD_SYSTEM,
    CHANGES_QUEUE_URL: environment.CHANGES_QUEUE_URL,
    CONNECTION_SECRET_ARN: environment.CONNECTION_SECRET_ARN,
  })
  .parse(process.env);

const changes = messageSender(new SQSClient({}), env.CHANGES_QUEUE_URL);
const connection = connectionSecret(env.CONNECTION_SECRET_ARN);

export const handler = withTelemetry(
  (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> =>
    receiveMessage(event, { system: env.CONCORD_SYSTEM, connection, changes, now: Date.now }),
);
