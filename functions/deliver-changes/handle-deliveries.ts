import { AuthRejectedError, RateLimitedError, SystemUnavailableError } from '../../shared/errors.ts';
import { type DeliveryRequest, deliveryEnvelopeSchema } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages } from '../../shared/queue/envelopes.ts';
import type { QueueMessage } from '../../shared/queue/message-batch.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import { countFor, errorFacts, log, MetricUnit } from '../../shared/telemetry/log.ts';
import { backoffMs, PATIENCE_MS } from '../message-settlement.ts';
import { messagesOf } from '../send-woken.ts';
import { type DeliveredChange, type DeliverPorts, type DeliverResult, deliverChanges } from './deliver-changes.ts';

export interface HandleDeliveriesPorts {
  readonly tenant: string;
  readonly system: string;
  readonly deliveries: MessageSender;
  readonly changes: MessageSender;
  readonly portsFor: (sync: string, correlationIds: readonly string[]) => DeliverPorts | Promise<DeliverPorts>;
  readonly now: () => number;
  readonly random: () => number;
}

export interface HandledDeliveries {
  readonly failedIds: Set<string>;
  readonly deliveries: number;
  readonly later: number;
  readonly changes: readonly DeliveredChange[];
}

/** Delivers what a batch of messages asks for, and finds each delivery that must wait a place to do so. */
export async function handleDeliveries(
  messages: readonly QueueMessage[],
  ports: HandleDeliveriesPorts,
): Promise<HandledDeliveries> {
  const failedIds = new Set<string>();
  const bySync = new Map<string, { requests: DeliveryRequest[]; messageIds: Set<string> }>();
  let count = 0;
  for (const message of messages) {
    const envelope = deliveryEnvelopeSchema.safeParse(parsedJson(message.body));
    if (!envelope.success) {
      log.error('message is not a delivery', { messageId: message.id, problem: envelope.error.issues[0]?.message ?? '' });
      failedIds.add(message.id);
      continue;
    }
    const lane = bySync.get(envelope.data.sync) ?? { requests: [], messageIds: new Set() };
    lane.requests.push(...envelope.data.deliveries);
    lane.messageIds.add(message.id);
    bySync.set(envelope.data.sync, lane);
    count += envelope.data.deliveries.length;
  }
  const changes: DeliveredChange[] = [];
  let later = 0;
  for (const [sync, { requests, messageIds }] of bySync) {
    try {
      const result = await deliverOrPostpone(
        requests,
        await ports.portsFor(
          sync,
          requests.map((request) => request.correlationId),
        ),
        ports,
      );
      changes.push(...result.delivered);
      later += result.later.length;
      await putBack(sync, result.later, ports);
      const hints = messagesOf(result.hints, ports.tenant);
      if (hints.length > 0) await ports.changes.send(hints);
    } catch (error) {
      // Nothing is lost by doing it again: whatever was delivered is no longer dirty.
      log.error('deliveries failed', { system: ports.system, deliveries: requests.length, ...errorFacts(error) });
      for (const id of messageIds) failedIds.add(id);
    }
  }
  return { failedIds, deliveries: count, later, changes };
}

async function deliverOrPostpone(
  requests: readonly DeliveryRequest[],
  deliver: DeliverPorts,
  ports: HandleDeliveriesPorts,
): Promise<DeliverResult> {
  try {
    return await deliverChanges(requests, deliver);
  } catch (error) {
    const patient =
      error instanceof RateLimitedError || error instanceof SystemUnavailableError || error instanceof AuthRejectedError;
    if (!patient) throw error;
    if (error instanceof AuthRejectedError) countFor(ports.system, 'AuthRejected', MetricUnit.Count, 1);
    log.warn('the system does not answer; its deliveries wait', {
      system: ports.system,
      deliveries: requests.length,
      ...errorFacts(error),
    });
    const retryAfterMs = 'retryAfterMs' in error ? error.retryAfterMs : 0;
    return {
      delivered: [],
      hints: [],
      later: requests.map((request) => ({
        request,
        delayMs: Math.max(retryAfterMs, backoffMs(request.attempts, ports.random)),
        reason: error.name,
      })),
    };
  }
}

async function putBack(sync: string, later: DeliverResult['later'], ports: HandleDeliveriesPorts): Promise<void> {
  const byDelay = new Map<number, DeliveryRequest[]>();
  for (const { request, delayMs, reason } of later) {
    if (ports.now() - request.receivedAtMs > PATIENCE_MS) {
      // The record stays dirty, so the sweep keeps it in sight and its alarm rings; this message has done its part.
      log.error('delivery waited too long', { correlationId: request.correlationId, recordId: request.recordId, reason });
      continue;
    }
    const delaySeconds = Math.ceil(delayMs / 1000);
    const group = byDelay.get(delaySeconds) ?? [];
    group.push({ ...request, attempts: request.attempts + 1 });
    byDelay.set(delaySeconds, group);
  }
  const messages = [...byDelay].flatMap(([delaySeconds, requests]) =>
    deliveryMessages({ tenant: ports.tenant, sync }, requests).map((body) => ({ body, delayMs: delaySeconds * 1000 })),
  );
  if (messages.length > 0) await ports.deliveries.send(messages);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
