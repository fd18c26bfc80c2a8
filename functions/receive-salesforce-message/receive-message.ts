import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Connection } from '../../shared/connectors/connection.ts';
import { NotificationRefusedError } from '../../shared/connectors/notification-error.ts';
import { outboundAck, readOutboundMessage } from '../../shared/connectors/salesforce/outbound-message.ts';
import { equalInConstantTime } from '../../shared/connectors/secret-text.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import { countFor, log, MetricUnit } from '../../shared/telemetry/log.ts';
import { syncsByObject } from '../hint-routing.ts';
import { BODY_BYTES_MAX, enqueueHints, rawBody } from '../receive-hints.ts';

export interface MessagePorts {
  readonly system: string;
  readonly connection: () => Promise<Connection>;
  readonly changes: MessageSender;
  readonly now: () => number;
}

/**
 * Takes one Outbound Message. It carries no proof of its sender, so the random part of its URL and the organisation's id
 * have to do; `Ack` is true only once the hints are durable.
 */
export async function receiveMessage(
  event: APIGatewayProxyEventV2,
  ports: MessagePorts,
): Promise<APIGatewayProxyStructuredResultV2> {
  const body = rawBody(event);
  if (body.byteLength > BODY_BYTES_MAX) return xml(413, false);
  const connection = await ports.connection();
  if (connection.kind !== 'salesforce')
    throw new Error(`the connection of ${ports.system} is of kind ${connection.kind}, not salesforce`);
  const { outboundMessageToken: expected, organizationId } = connection;
  const given = event.pathParameters?.token ?? '';
  if (expected === undefined || organizationId === undefined || !equalInConstantTime(expected.reveal(), given)) {
    countFor(ports.system, 'WebhookRefused', MetricUnit.Count, 1);
    log.warn('outbound message refused', {
      system: ports.system,
      reason: expected === undefined ? 'not-configured' : 'wrong-token',
    });
    return xml(401, false);
  }
  const deliveryId = randomUUID();
  try {
    const received = readOutboundMessage(body, {
      organizationId,
      objects: new Set(syncsByObject(ports.system).keys()),
      receivedAtMs: ports.now(),
      correlationId: (index) => `outbound-${deliveryId}-${index}`,
    });
    await enqueueHints(ports.system, received, ports.changes);
    return xml(200, true);
  } catch (error) {
    if (!(error instanceof NotificationRefusedError)) throw error;
    log.warn('outbound message refused', { system: ports.system, reason: error.reason });
    return xml(error.reason === 'foreign-account' ? 403 : 400, false);
  }
}

function xml(statusCode: number, stored: boolean): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { 'content-type': 'text/xml; charset=utf-8' }, body: outboundAck(stored) };
}
