import { Buffer } from 'node:buffer';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod';
import type { OperatorRequest } from './operator-routes.ts';

/** An act and its reason; nothing that an operator says is longer. */
const BODY_BYTES_MAX = 16 * 1024;

const signedSchema = z.object({ requestContext: z.object({ authorizer: z.object({ iam: z.object({ userArn: z.string() }) }) }) });

/** The event in our words. A body that is no JSON is passed on as text: the route's schema refuses it. */
export function operatorRequest(event: APIGatewayProxyEventV2): OperatorRequest {
  const signed = signedSchema.safeParse(event);
  const text = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString('utf8') : (event.body ?? '');
  return {
    route: event.routeKey,
    path: event.pathParameters ?? {},
    query: event.queryStringParameters ?? {},
    ...(text !== '' && { body: Buffer.byteLength(text) > BODY_BYTES_MAX ? 'too long' : parsed(text) }),
    ...(signed.success && { by: signed.data.requestContext.authorizer.iam.userArn }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
