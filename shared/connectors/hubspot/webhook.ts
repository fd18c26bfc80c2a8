import * as z from 'zod';
import type { ChangeHint, FieldHint } from '../../sync/change-hint.ts';
import type { ReceivedHints } from '../connector.ts';
import { NotificationRefusedError } from '../notification-error.ts';
import { associationsOf } from './association.ts';

/** HubSpot sends 100 at most; a body with far more is not HubSpot's. */
const EVENTS_MAX = 1_000;

/** One event of a delivery. HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide */
const eventSchema = z.object({
  portalId: z.int(),
  appId: z.int().optional(),
  occurredAt: z.int().nonnegative(),
  subscriptionType: z.string().optional(),
  eventType: z.string().optional(), // the same, in one documented sample
  objectId: z.int().optional(),
  objectTypeId: z.string().optional(),
  propertyName: z.string().optional(),
  propertyValue: z.string().nullish(),
  isSensitive: z.boolean().optional(),
  changeSource: z.string().optional(),
  sourceId: z.string().optional(),
  primaryObjectId: z.int().optional(),
  mergedObjectIds: z.array(z.int()).max(EVENTS_MAX).optional(),
  newObjectId: z.int().nullish(),
  associationType: z.string().max(200).optional(), // CONTACT_TO_COMPANY
  fromObjectId: z.int().optional(),
  toObjectId: z.int().optional(),
  associationRemoved: z.boolean().optional(),
  isPrimaryAssociation: z.boolean().optional(),
});
type WebhookEvent = z.infer<typeof eventSchema>;
const deliverySchema = z.array(z.unknown()).max(EVENTS_MAX);

/** Object types by the first word of a subscription, and by type id for the generic `object.*`. */
const OBJECTS: Readonly<Record<string, string>> = {
  contact: 'contacts',
  company: 'companies',
  deal: 'deals',
  ticket: 'tickets',
  product: 'products',
  line_item: 'line_items',
  '0-1': 'contacts',
  '0-2': 'companies',
  '0-3': 'deals',
  '0-5': 'tickets',
};

/** Names that would reach into an object's prototype where values are kept by name. */
const UNSAFE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export interface WebhookContext {
  /** Our app: its own writes come back as INTEGRATION with this id. The event's own app id where absent. */
  readonly appId?: number;
  /** The portal this connection is for; events of others are refused. Any portal where absent. */
  readonly portalId?: number;
  /** Object types that take part; all where absent. */
  readonly objects?: ReadonlySet<string>;
  readonly receivedAtMs: number;
  readonly correlationId: (index: number) => string;
}

/**
 * Reads a delivery, whose signature is already verified. Events about one object by the same kind
 * of author become one hint, with every property they name.
 *
 * @throws NotificationRefusedError when the body is not a delivery, or all of it is another portal's.
 */
export function readWebhook(body: Uint8Array | string, context: WebhookContext): ReceivedHints {
  const events = deliveredEvents(body);
  // An event we cannot read says nothing of its portal: it is ignored, not refused, or HubSpot would send it for a day.
  const isForeign = (event: WebhookEvent | undefined) =>
    context.portalId !== undefined && event !== undefined && event.portalId !== context.portalId;
  const ours = events.filter((event) => !isForeign(event));
  if (events.length > 0 && ours.length === 0) {
    throw new NotificationRefusedError('foreign-account', 'every event is about another HubSpot portal');
  }
  const drafts = new Map<string, HintDraft>();
  let ignored = events.length - ours.length;
  for (const event of ours) {
    const changes =
      event === undefined ? [] : [...changesOf(event, context.appId), ...associationChangesOf(event, context.appId)];
    const wanted = changes.filter(({ object }) => context.objects?.has(object) ?? true);
    if (event === undefined || wanted.length === 0) ignored++;
    else for (const change of wanted) addTo(drafts, change, event);
  }
  const hints = [...drafts.values()].map(
    ({ fields, ...draft }, index): ChangeHint => ({
      ...draft,
      fields: Object.fromEntries(fields),
      receivedAtMs: context.receivedAtMs,
      correlationId: context.correlationId(index),
    }),
  );
  return { hints, ignored };
}

type HintDraft = Pick<ChangeHint, 'object' | 'objectId' | 'kind' | 'by' | 'occurredAtMs'> & { fields: Map<string, FieldHint> };
type Change = Pick<ChangeHint, 'object' | 'objectId' | 'kind' | 'by'> & {
  /** A tie of the object that came or went; without a value where the event does not tell what it is now. */
  readonly tie?: { readonly native: string; readonly value?: string };
};

function deliveredEvents(body: Uint8Array | string): (WebhookEvent | undefined)[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
  } catch (cause) {
    throw new NotificationRefusedError('unreadable', 'the body is not JSON', { cause });
  }
  const delivery = deliverySchema.safeParse(parsed);
  if (!delivery.success)
    throw new NotificationRefusedError('unreadable', `the body is not an array of up to ${EVENTS_MAX} events`);
  // An event of a kind we do not know may lack what ours have: it is ignored, its neighbours are not.
  return delivery.data.map((event) => {
    const checked = eventSchema.safeParse(event);
    return checked.success ? checked.data : undefined;
  });
}

/** What an event says changed; empty when the event is none of our business. */
function changesOf(event: WebhookEvent, appId: number | undefined): Change[] {
  const [subject = '', action = ''] = (event.subscriptionType ?? event.eventType ?? '').split('.');
  const type = subject === 'object' ? (event.objectTypeId ?? '') : subject;
  const object = Object.hasOwn(OBJECTS, type) ? OBJECTS[type] : subject === 'object' && type !== '' ? type : undefined;
  if (object === undefined) return [];
  const by = authorOf(event, appId ?? event.appId);
  const change = (id: number | undefined, kind: ChangeHint['kind']): Change[] =>
    id === undefined ? [] : [{ object, objectId: String(id), kind, by }];
  switch (action) {
    case 'creation':
    case 'propertyChange':
      return change(event.objectId, 'changed');
    case 'deletion':
    case 'privacyDeletion':
      return change(event.objectId, 'deleted');
    case 'restore':
      return change(event.objectId, 'restored');
    case 'merge': {
      // A merge normally mints a new id, and sends no property changes for the survivor.
      const survivor = event.newObjectId ?? event.primaryObjectId ?? event.objectId;
      const absorbed = [event.primaryObjectId, ...(event.mergedObjectIds ?? [])].filter((id) => id !== survivor);
      return [...change(survivor, 'changed'), ...absorbed.flatMap((id) => change(id, 'merged'))];
    }
    default:
      return [];
  }
}

/** An association is told from either end; a hint goes to the object whose field it is. */
function associationChangesOf(event: WebhookEvent, appId: number | undefined): Change[] {
  const [subject = '', action = ''] = (event.subscriptionType ?? event.eventType ?? '').split('.');
  if (action !== 'associationChange' || event.fromObjectId === undefined || event.toObjectId === undefined) return [];
  const own = Object.hasOwn(OBJECTS, subject) ? OBJECTS[subject] : undefined;
  const [from = own, to] = (event.associationType ?? '').toLowerCase().split('_to_').map(objectInType);
  const by = authorOf(event, appId ?? event.appId);
  const ends = [
    { object: from, objectId: String(event.fromObjectId), other: to, otherId: String(event.toObjectId) },
    { object: to, objectId: String(event.toObjectId), other: from, otherId: String(event.fromObjectId) },
  ];
  return ends.flatMap(({ object, objectId, other, otherId }): Change[] => {
    const field =
      object === undefined ? undefined : associationsOf(object).find((one) => other === undefined || one.to === other);
    if (object === undefined || field === undefined) return [];
    // The plain tie that comes along with a primary one; of one that is cut the flag may speak of what is left.
    const primary = field.native.endsWith(':primary');
    if (primary && event.isPrimaryAssociation === false && event.associationRemoved !== true) return [];
    const told = primary && event.isPrimaryAssociation === true && event.associationRemoved === false;
    return [{ object, objectId, kind: 'changed', by, tie: { native: field.native, ...(told && { value: otherId }) } }];
  });
}

/** `contact`, `child_company`: the object type that one end of an association type speaks of. */
function objectInType(words: string): string | undefined {
  const name = words.split('_').find((word) => Object.hasOwn(OBJECTS, word));
  return name === undefined ? undefined : OBJECTS[name];
}

/** Writes of an app arrive as INTEGRATION with its id: seen in captures, not documented, so never the only guard. */
function authorOf(event: WebhookEvent, appId: number | undefined): ChangeHint['by'] {
  if (event.changeSource === undefined) return 'unknown';
  if (event.changeSource !== 'INTEGRATION') return 'other';
  if (event.sourceId === undefined || appId === undefined) return 'unknown';
  return event.sourceId === String(appId) ? 'us' : 'other';
}

function addTo(drafts: Map<string, HintDraft>, change: Change, event: WebhookEvent): void {
  const { tie, ...about } = change;
  const key = JSON.stringify([about.object, about.objectId, about.kind, about.by]);
  const draft = drafts.get(key) ?? { ...about, occurredAtMs: 0, fields: new Map<string, FieldHint>() };
  drafts.set(key, draft);
  draft.occurredAtMs = Math.max(draft.occurredAtMs, event.occurredAt);
  if (tie !== undefined) {
    const known = draft.fields.get(tie.native);
    if (known?.atMs !== undefined && known.atMs > event.occurredAt) return;
    // Of two events of one moment, what came and what went, neither says alone what is there now.
    const value = known?.atMs === event.occurredAt && known.value !== tie.value ? undefined : tie.value;
    draft.fields.set(tie.native, { atMs: event.occurredAt, ...(value !== undefined && { value }) });
    return;
  }
  const name = event.propertyName;
  if (name === undefined || change.kind !== 'changed' || UNSAFE_NAMES.has(name)) return;
  const known = draft.fields.get(name);
  if (known?.atMs !== undefined && known.atMs > event.occurredAt) return; // deliveries are not in order
  const hidden = event.isSensitive === true || event.propertyValue === 'REDACTED' || event.propertyValue === undefined;
  draft.fields.set(name, { atMs: event.occurredAt, ...(hidden ? {} : { value: event.propertyValue }) });
}
