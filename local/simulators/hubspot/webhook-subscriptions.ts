import * as z from 'zod';
import { invalidRequest, notFound } from './api-refusal.ts';
import { objectTypes } from './object-types.ts';
import { type Subscription, type Subscriptions, subscriptionSchema } from './webhook-events.ts';

export const subscriptionsStateSchema = z.object({
  targetUrl: z.string().optional(),
  subscriptions: z.array(subscriptionSchema),
});

const FIRST_SUBSCRIPTION_ID = 700_001;
/** HubSpot: at most 1,000 subscriptions per app. */
const SUBSCRIPTIONS_MAX = 1000;
const KINDS = ['creation', 'deletion', 'merge', 'restore', 'associationChange'] as const;

export interface SubscriptionsOptions {
  readonly targetUrl: string | undefined;
  /** Contact properties to tell of; `all`: every type, kind and property, subscribed to as they come up. */
  readonly properties: readonly string[] | 'all';
  now(): number;
}

/** What the app is told of, and where. HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide */
export class WebhookSubscriptions implements Subscriptions {
  targetUrl: string | undefined;
  private readonly options: SubscriptionsOptions;
  private readonly byId = new Map<number, Subscription>();
  private readonly byTopic = new Map<string, Subscription>();
  private lastId = FIRST_SUBSCRIPTION_ID - 1;

  constructor(options: SubscriptionsOptions) {
    this.options = options;
    this.targetUrl = options.targetUrl;
    if (options.properties === 'all') return;
    for (const kind of [...KINDS, 'privacyDeletion']) this.add(`contact.${kind}`);
    for (const property of options.properties) this.add('contact.propertyChange', property);
  }

  find(eventType: string, propertyName?: string): Subscription | undefined {
    const known = this.byTopic.get(topic(eventType, propertyName));
    if (known !== undefined || this.options.properties !== 'all') return known;
    return this.add(eventType, propertyName);
  }

  list(): Subscription[] {
    return [...this.byId.values()];
  }

  /** @throws ApiRefusal 400 for a type of event there is not, or one too many. */
  add(eventType: string, propertyName?: string, active = true): Subscription {
    const [singular, kind] = eventType.split('.');
    const isKind = [...KINDS, 'propertyChange', 'privacyDeletion'].some((known) => known === kind);
    if (!isKind || !objectTypes.some((type) => type.singular === singular))
      throw invalidRequest(`unknown event type ${eventType}`);
    if ((kind === 'propertyChange') !== (propertyName !== undefined))
      throw invalidRequest('propertyChange needs a propertyName, others take none');
    if (this.byId.size >= SUBSCRIPTIONS_MAX) throw invalidRequest(`At most ${SUBSCRIPTIONS_MAX} subscriptions`);
    this.lastId += 1;
    const name = propertyName === undefined ? {} : { propertyName };
    const subscription = { id: this.lastId, eventType, active, createdAtMs: this.options.now(), ...name };
    this.keep(subscription);
    return subscription;
  }

  /** @throws ApiRefusal 404 */
  get(id: number): Subscription {
    const known = this.byId.get(id);
    if (known === undefined) throw notFound();
    return known;
  }

  setActive(id: number, active: boolean): Subscription {
    const changed = { ...this.get(id), active };
    this.keep(changed);
    return changed;
  }

  remove(id: number): void {
    const { eventType, propertyName } = this.get(id);
    this.byId.delete(id);
    this.byTopic.delete(topic(eventType, propertyName));
  }

  state(): z.infer<typeof subscriptionsStateSchema> {
    return { subscriptions: this.list(), ...(this.targetUrl === undefined ? {} : { targetUrl: this.targetUrl }) };
  }

  /** The target URL given at the start counts more than a saved one: ports change between runs. */
  resume(state: z.infer<typeof subscriptionsStateSchema>): void {
    this.targetUrl = this.options.targetUrl ?? state.targetUrl;
    for (const subscription of state.subscriptions) {
      this.keep(subscription);
      this.lastId = Math.max(this.lastId, subscription.id);
    }
  }

  private keep(subscription: Subscription): void {
    this.byId.set(subscription.id, subscription);
    this.byTopic.set(topic(subscription.eventType, subscription.propertyName), subscription);
  }
}

function topic(eventType: string, propertyName: string | undefined): string {
  return propertyName === undefined ? eventType : `${eventType}:${propertyName}`;
}
