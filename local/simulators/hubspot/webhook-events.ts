import * as z from 'zod';
import type { SeededRandom } from '../random.ts';
import type { AssociationChange } from './association-store.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import { type ObjectType, objectTypeNamed } from './object-types.ts';
import type { Commit } from './write-log.ts';

/** One event as a delivery carries it, without `attemptNumber`. HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide */
export const webhookEventSchema = z.object({
  eventId: z.number(),
  subscriptionId: z.number(),
  portalId: z.number(),
  appId: z.number(),
  occurredAt: z.number(),
  subscriptionType: z.string(),
  objectId: z.number().optional(), // absent for an association
  propertyName: z.string().optional(),
  propertyValue: z.string().optional(),
  changeFlag: z.string().optional(),
  changeSource: z.string().optional(),
  sourceId: z.string().optional(),
  primaryObjectId: z.number().optional(),
  mergedObjectIds: z.array(z.number()).optional(),
  newObjectId: z.number().nullable().optional(),
  numberOfPropertiesMoved: z.number().optional(),
  associationType: z.string().optional(),
  fromObjectId: z.number().optional(),
  toObjectId: z.number().optional(),
  associationRemoved: z.boolean().optional(),
  isPrimaryAssociation: z.boolean().optional(),
});
export type WebhookEvent = Readonly<z.infer<typeof webhookEventSchema>>;

export const subscriptionSchema = z.object({
  id: z.number(),
  eventType: z.string(),
  propertyName: z.string().optional(),
  active: z.boolean(),
  createdAtMs: z.number(),
});
export type Subscription = Readonly<z.infer<typeof subscriptionSchema>>;

/** What the app is told of. */
export interface Subscriptions {
  find(eventType: string, propertyName?: string): Subscription | undefined;
}

export interface EventSource {
  readonly portalId: number;
  readonly appId: number;
  readonly behaviour: HubSpotBehaviour;
  readonly random: SeededRandom;
  readonly subscriptions: Subscriptions;
}

/** HubSpot does not promise unique event ids, and a small range lets some of them meet. */
const EVENT_IDS = 2 ** 31;

/** The events of one committed write, for the subscriptions there are. */
export function eventsOf(commit: Commit, source: EventSource): WebhookEvent[] {
  const { author, type, atMs } = commit;
  const by = { changeSource: author.changeSource, sourceId: author.sourceId };
  const event = (kind: string, objectId: string, more: Partial<WebhookEvent>): WebhookEvent[] => {
    const eventType = `${type.singular}.${kind}`;
    const subscription = source.subscriptions.find(eventType, more.propertyName);
    if (subscription === undefined || !subscription.active) return [];
    return [
      {
        eventId: 1 + source.random.below(EVENT_IDS),
        subscriptionId: subscription.id,
        portalId: source.portalId,
        appId: source.appId,
        occurredAt: atMs,
        subscriptionType: eventType,
        objectId: Number(objectId),
        ...more,
      },
    ];
  };
  const associationChanges = () => (commit.associations ?? []).flatMap((change) => associationEvents(change, by, source, atMs));
  const propertyChanges = () =>
    Object.entries(commit.changes).flatMap(([propertyName, { to }]) =>
      event('propertyChange', commit.id, { propertyName, propertyValue: to ?? '', ...by }),
    );
  switch (commit.kind) {
    case 'create':
      return [
        ...event('creation', commit.id, { changeFlag: 'CREATED', ...by }),
        ...(source.behaviour.creationSendsPropertyChanges ? propertyChanges() : []),
      ];
    case 'update':
      return commit.associations === undefined ? propertyChanges() : associationChanges();
    case 'delete': {
      const deletion = event('deletion', commit.id, { changeFlag: 'DELETED', ...by });
      if (!commit.privacy) return deletion;
      const privacy = event('privacyDeletion', commit.id, {});
      return source.random.below(2) === 0 ? [...privacy, ...deletion] : [...deletion, ...privacy]; // in any order
    }
    case 'restore':
      return event('restore', commit.id, by);
    case 'merge': {
      const { merge } = commit;
      if (merge === undefined) return [];
      // The values that moved send no propertyChange, and the absorbed record is reported as deleted too.
      return [
        ...event('merge', commit.id, {
          primaryObjectId: Number(merge.primaryId),
          mergedObjectIds: [Number(merge.absorbedId)],
          newObjectId: commit.id === merge.primaryId ? null : Number(commit.id),
          numberOfPropertiesMoved: merge.propertiesMoved,
          changeSource: author.changeSource,
        }),
        ...event('deletion', merge.absorbedId, { changeFlag: 'DELETED', ...by }),
      ];
    }
  }
}

/** A tie is told from both ends, to whoever subscribed to the type at that end; its plain form and its label are two events. */
function associationEvents(
  { type, fromId, toId, removed }: AssociationChange,
  by: { readonly changeSource: string; readonly sourceId: string },
  source: EventSource,
  atMs: number,
): WebhookEvent[] {
  const ends = [
    { at: type.from, other: type.to, from: fromId, to: toId },
    ...(type.from === type.to ? [] : [{ at: type.to, other: type.from, from: toId, to: fromId }]),
  ];
  return ends.flatMap(({ at, other, from, to }) => {
    const eventType = `${singularOf(at)}.associationChange`;
    const subscription = source.subscriptions.find(eventType);
    if (subscription === undefined || !subscription.active) return [];
    return [
      {
        eventId: 1 + source.random.below(EVENT_IDS),
        subscriptionId: subscription.id,
        portalId: source.portalId,
        appId: source.appId,
        occurredAt: atMs,
        subscriptionType: eventType,
        associationType: `${singularOf(at)}_TO_${singularOf(other)}`.toUpperCase(),
        fromObjectId: Number(from),
        toObjectId: Number(to),
        associationRemoved: removed,
        isPrimaryAssociation: type.label === 'Primary',
        ...by,
      },
    ];
  });
}

function singularOf(name: ObjectType['name']): string {
  return objectTypeNamed(name)?.singular ?? name;
}
