import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Connection } from '../../shared/connectors/connection.ts';
import { verifySignatureV3 } from '../../shared/connectors/hubspot/signature.ts';
import { readWebhook } from '../../shared/connectors/hubspot/webhook.ts';
import { NotificationRefusedError } from '../../shared/connectors/notification-error.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import { countFor, log, MetricUnit } from '../../shared/telemetry/log.ts';
import { syncsByObject } from '../hint-routing.ts';
import { BODY_BYTES_MAX, enqueueHints, rawBody } from '../receive-hints.ts';

export interface WebhookPorts {
  readonly system: string;
  readonly connection: () => Promise<Connection>;
  readonly changes: MessageSender;
  readonly now: () => number;
}

/**
 * Takes one delivery: size, then signature over the raw bytes, and only then is anything parsed. Answers 204 once the
 * hints are durable; any other answer makes HubSpot send the delivery again.
 */
export async function receiveWebhook(
  event: APIGatewayProxyEventV2,
  ports: WebhookPorts,
): Promise<APIGatewayProxyStructuredResultV2> {
  const body = rawBody(event);
  if (body.byteLength > BODY_BYTES_MAX) return problem(413, `the body is larger than ${BODY_BYTES_MAX} bytes`);
  const connection = await ports.connection();
  if (connection.kind !== 'hubspot')
    throw new Error(`the connection of ${ports.system} is of kind ${connection.kind}, not hubspot`);

  const request = {
    method: event.requestContext.http.method,
    url: connection.webhookUrl ?? calledUrl(event),
    body,
    signature: event.headers['x-hubspot-signature-v3'],
    timestamp: event.headers['x-hubspot-request-timestamp'],
  };
  const secrets = [
    connection.webhookSecret,
    ...(connection.previousWebhookSecret === undefined ? [] : [connection.previousWebhookSecret]),
  ];
  const verdict = verifySignatureV3(request, secrets, ports.now());
  if (!verdict.valid) {
    countFor(ports.system, 'WebhookRefused', MetricUnit.Count, 1);
    log.warn('webhook refused', { system: ports.system, reason: verdict.reason });
    return problem(401, 'the signature does not verify');
  }
  const deliveryId = randomUUID();
  try {
    const received = readWebhook(body, {
      ...(connection.appId !== undefined && { appId: connection.appId }),
      ...(connection.portalId !== undefined && { portalId: connection.portalId }),
      objects: new Set(syncsByObject(ports.system).keys()),
      receivedAtMs: ports.now(),
      correlationId: (index) => `webhook-${deliveryId}-${index}`,
    });
    await enqueueHints(ports.system, received, ports.changes);
    return { statusCode: 204 };
  } catch (error) {
    if (!(error instanceof NotificationRefusedError)) throw error;
    log.warn('webhook refused', { system: ports.system, reason: error.reason });
    return problem(error.reason === 'foreign-account' ? 403 : 400, error.message);
  }
}

/** As called on the API's own domain; behind a custom domain the public URL is a setting of the connection. */
function calledUrl(event: APIGatewayProxyEventV2): string {
  const query = event.rawQueryString === '' ? '' : `?${event.rawQueryString}`;
  return `https://${event.requestContext.domainName}${event.rawPath}${query}`;
}

function problem(statusCode: number, message: string): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}
