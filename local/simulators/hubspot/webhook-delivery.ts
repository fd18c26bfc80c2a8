import * as z from 'zod';
import type { SeededRandom } from '../random.ts';
import type { SimulatorSettings } from '../simulator.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import { signatureV1, signatureV3 } from './request-signature.ts';
import { type WebhookEvent, webhookEventSchema } from './webhook-events.ts';

const batchSchema = z.object({ events: z.array(webhookEventSchema), attempt: z.number() });
type Batch = z.infer<typeof batchSchema>;

export const deliveryStateSchema = z.object({
  batches: z.array(batchSchema),
  held: z.array(webhookEventSchema),
  lost: z.number(),
});
export type DeliveryState = z.infer<typeof deliveryStateSchema>;

export interface DeliveryOptions {
  readonly settings: SimulatorSettings;
  readonly behaviour: HubSpotBehaviour;
  readonly random: SeededRandom;
  readonly clientSecret: string;
  /** Where to send; while there is no URL, events are not even queued. */
  targetUrl(): string | undefined;
  now(): number;
}

/**
 * Ten retries double their waits from here: about 17 h in all, at most 24 h with the random part.
 * HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide, "Retries".
 */
const FIRST_RETRY_MS = 60_000;

/**
 * Sends webhook events in batches: collected for a moment, so many at once, tried again after any
 * answer but 2xx, lost in the end. The settings say how unkind this is on the way.
 */
export class WebhookDelivery {
  private readonly options: DeliveryOptions;
  private gathering: WebhookEvent[] = [];
  private gatherTimer: NodeJS.Timeout | undefined;
  private held: WebhookEvent[] = [];
  private queue: Batch[] = [];
  private readonly underWay = new Map<AbortController, Batch>();
  private readonly waiting = new Map<NodeJS.Timeout, Batch>();
  private lostEvents = 0;

  constructor(options: DeliveryOptions) {
    this.options = options;
  }

  /** Events that no delivery brought: dropped on purpose, or given up after the last retry. */
  get lost(): number {
    return this.lostEvents;
  }

  push(events: readonly WebhookEvent[]): void {
    const { settings, random } = this.options;
    if (this.options.targetUrl() === undefined) return;
    const kept = events.filter(() => settings.dropNotifications === 0 || random.next() >= settings.dropNotifications);
    this.lostEvents += events.length - kept.length;
    for (let copy = 0; copy < settings.notificationCopies; copy += 1) {
      if (settings.holdNotifications) this.held.push(...kept);
      else this.gather(kept);
    }
  }

  /** Events not yet delivered: gathered, held, queued, under way or waiting for a retry. */
  pending(): number {
    const batches = [...this.queue, ...this.underWay.values(), ...this.waiting.values()];
    return this.gathering.length + this.held.length + batches.reduce((sum, batch) => sum + batch.events.length, 0);
  }

  /** Lets held events go, loses them, or lets them go in reverse order. */
  release(mode: 'send' | 'drop' | 'reverse'): void {
    const released = this.held;
    this.held = [];
    if (mode === 'drop') this.lostEvents += released.length;
    else this.enqueue(mode === 'reverse' ? released.reverse() : released);
  }

  /** Forgets everything that is not delivered. */
  clear(): void {
    clearTimeout(this.gatherTimer);
    for (const timer of this.waiting.keys()) clearTimeout(timer);
    for (const sending of this.underWay.keys()) sending.abort();
    this.gatherTimer = undefined;
    this.gathering = [];
    this.held = [];
    this.queue = [];
    this.waiting.clear();
    this.underWay.clear();
    this.lostEvents = 0;
  }

  state(): DeliveryState {
    const gathered = this.gathering.length > 0 ? [{ events: this.gathering, attempt: 0 }] : [];
    const batches = [...this.underWay.values(), ...this.queue, ...this.waiting.values(), ...gathered];
    return { batches, held: this.held, lost: this.lostEvents };
  }

  resume(state: DeliveryState): void {
    this.clear();
    this.held = state.held;
    this.lostEvents = state.lost;
    for (const { events, attempt } of state.batches) this.enqueue(events, attempt);
  }

  private gather(events: readonly WebhookEvent[]): void {
    this.gathering.push(...events);
    if (this.gatherTimer !== undefined || this.gathering.length === 0) return;
    const { settings, behaviour, random } = this.options;
    const spreadMs = Math.max(0, behaviour.webhookGatherMaxMs - behaviour.webhookGatherMinMs);
    const gatherMs = behaviour.webhookGatherMinMs + random.next() * spreadMs;
    const shuffleMs = settings.shuffleNotificationsMs;
    this.gatherTimer = setTimeout(
      () => {
        this.gatherTimer = undefined;
        const gathered = this.gathering;
        this.gathering = [];
        this.enqueue(shuffleMs > 0 ? random.shuffled(gathered) : gathered);
      },
      Math.max(gatherMs, shuffleMs),
    );
  }

  private enqueue(events: readonly WebhookEvent[], attempt = 0): void {
    const { webhookBatchMax } = this.options.behaviour;
    for (let from = 0; from < events.length; from += webhookBatchMax) {
      this.queue.push({ events: events.slice(from, from + webhookBatchMax), attempt });
    }
    this.sendQueued();
  }

  private sendQueued(): void {
    while (this.underWay.size < this.options.behaviour.webhookConcurrency) {
      const batch = this.queue.shift();
      if (batch === undefined) return;
      void this.send(batch);
    }
  }

  private async send(batch: Batch): Promise<void> {
    const sending = new AbortController();
    this.underWay.set(sending, batch);
    const timeout = setTimeout(() => sending.abort(), this.options.behaviour.webhookTimeoutMs);
    const delivered = await this.post(batch, sending.signal).catch(() => false);
    clearTimeout(timeout);
    // Not ours any more: everything was cleared while this was under way.
    if (!this.underWay.delete(sending)) return;
    if (!delivered) this.tryAgainLater(batch);
    this.sendQueued();
  }

  private async post(batch: Batch, signal: AbortSignal): Promise<boolean> {
    const url = this.options.targetUrl();
    if (url === undefined) return false;
    const { clientSecret } = this.options;
    const body = JSON.stringify(batch.events.map((event) => ({ ...event, attemptNumber: batch.attempt })));
    const timestampMs = this.options.now();
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhooksExecutorDaemon-executor',
        'x-hubspot-signature': signatureV1(clientSecret, body),
        'x-hubspot-signature-version': 'v1',
        'x-hubspot-signature-v3': signatureV3(clientSecret, 'POST', url, body, timestampMs),
        'x-hubspot-request-timestamp': String(timestampMs),
      },
      body,
    });
    await response.arrayBuffer(); // frees the connection
    return response.ok;
  }

  private tryAgainLater(batch: Batch): void {
    const { behaviour, random } = this.options;
    if (batch.attempt >= behaviour.webhookRetriesMax) {
      this.lostEvents += batch.events.length;
      return;
    }
    const waitMs = FIRST_RETRY_MS * 2 ** batch.attempt * (0.6 + 0.8 * random.next()) * behaviour.webhookRetryScale;
    const timer = setTimeout(() => {
      this.waiting.delete(timer);
      this.queue.push({ events: batch.events, attempt: batch.attempt + 1 });
      this.sendQueued();
    }, waitMs);
    this.waiting.set(timer, batch);
  }
}
