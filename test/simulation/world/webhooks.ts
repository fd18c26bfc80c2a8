import { createHmac } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { connectionSchema, type HubSpotConnection } from '../../../shared/connectors/connection.ts';
import { type CrmChange, toldFields } from './crm-log.ts';

// Deliveries of webhooks as HubSpot makes and signs them.
// HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide and .../apps/legacy-apps/authentication/validating-requests

const OUR_APP = 4711;
const SECRET = 'simulated-webhook-secret';
const OTHER_SECRET = 'secret-of-somebody-else';
const FIRST_PORTAL = 62_515;
const OTHER_PORTAL = 99_999;
const SUBJECTS: Readonly<Record<string, string>> = { contacts: 'contact', companies: 'company', deals: 'deal' };

const connections = new Map<string, HubSpotConnection>();

export function webhookUrl(system: string): string {
  return `https://concord.example.test/webhooks/${system}`;
}

function portalOf(system: string): number {
  return FIRST_PORTAL + system.length;
}

/** What the secret of a connection says. */
export function hubspotConnection(system: string): HubSpotConnection {
  const known = connections.get(system);
  if (known !== undefined) return known;
  const parsed = connectionSchema.parse({
    kind: 'hubspot',
    accessToken: 'simulated',
    webhookSecret: SECRET,
    webhookUrl: webhookUrl(system),
    appId: OUR_APP,
    portalId: portalOf(system),
  });
  if (parsed.kind !== 'hubspot') throw new Error('the connection is none of HubSpot');
  connections.set(system, parsed);
  return parsed;
}

export interface WebhookForm {
  /** Values read REDACTED, or are left out. */
  readonly hidden?: 'redacted' | 'absent';
  /** Of another portal, which uses the same numbers for its objects. */
  readonly foreign?: boolean;
  /** HubSpot sends the properties of a new object too, or only that it is there. */
  readonly creationOnly?: boolean;
}

/** The events of one change. */
export function webhookEvents(change: CrmChange, form: WebhookForm = {}): readonly object[] {
  const subject = SUBJECTS[change.type] ?? change.type;
  const portalId = form.foreign === true ? OTHER_PORTAL : portalOf(change.system);
  const event = (action: string, more: object) => ({
    eventId: (change.seq * 7) % 100, // they are not unique
    subscriptionId: 700,
    portalId,
    appId: OUR_APP,
    occurredAt: change.clockMs,
    subscriptionType: `${subject}.${action}`,
    attemptNumber: 0,
    objectId: Number(change.objectId),
    ...more,
  });
  const by = authorOf(change);
  const properties = () =>
    Object.entries(toldFields(change)).map(([propertyName, { after }]) =>
      event('propertyChange', {
        propertyName,
        ...(form.hidden === 'redacted' && { propertyValue: 'REDACTED', isSensitive: true }),
        ...(form.hidden === undefined && { propertyValue: after === null ? '' : String(after) }),
        ...by,
      }),
    );
  switch (change.kind) {
    case 'create':
      return [event('creation', { changeFlag: 'CREATED', ...by }), ...(form.creationOnly ? [] : properties())];
    case 'update':
      return properties();
    case 'delete':
      return [event('deletion', { changeFlag: 'DELETED', ...by })];
    case 'restore':
      return [event('restore', by)];
    case 'merge': {
      // The values that moved send no propertyChange.
      const [primaryObjectId = '', absorbedId] =
        change.absorbed?.length === 2 ? change.absorbed : [change.objectId, change.absorbed?.[0]];
      return [
        event('merge', {
          primaryObjectId: Number(primaryObjectId),
          mergedObjectIds: [Number(absorbedId)],
          newObjectId: primaryObjectId === change.objectId ? null : Number(change.objectId),
          numberOfPropertiesMoved: Object.keys(change.fields).length,
          changeSource: 'CRM_UI',
        }),
      ];
    }
    case 'merged-away':
      return [event('deletion', { changeFlag: 'DELETED', ...by })]; // it is reported as deleted too
    case 'touch':
      return [];
  }
}

/** "This object is there": whoever hears it has to read it. */
export function rereadEvents(system: string, type: string, objectId: string, clockMs: number): readonly object[] {
  return [
    {
      eventId: 1,
      subscriptionId: 701,
      portalId: portalOf(system),
      appId: OUR_APP,
      occurredAt: clockMs,
      subscriptionType: `${SUBJECTS[type] ?? type}.creation`,
      attemptNumber: 0,
      objectId: Number(objectId),
      changeFlag: 'CREATED',
      changeSource: 'CRM_UI',
    },
  ];
}

function authorOf({ author }: CrmChange): { changeSource: string; sourceId?: string } {
  if (author.by === 'concord') return { changeSource: 'INTEGRATION', sourceId: String(OUR_APP) };
  return author.by === 'person'
    ? { changeSource: 'CRM_UI', sourceId: 'userId:42' }
    : { changeSource: 'AUTOMATION_PLATFORM', sourceId: '77' };
}

/** What is wrong with a forged delivery. */
export type Forgery = 'wrong secret' | 'no signature' | 'stale' | 'other address' | 'changed body';

export const FORGERIES: readonly [Forgery, ...Forgery[]] = [
  'wrong secret',
  'no signature',
  'stale',
  'other address',
  'changed body',
];

/** One delivery, signed as HubSpot signs it at the moment of sending, or forged. */
export function signedDelivery(system: string, body: string, nowMs: number, forgery?: Forgery): APIGatewayProxyEventV2 {
  const url = webhookUrl(system);
  const timestamp = String(forgery === 'stale' ? nowMs - 3_600_000 : nowMs);
  const secret = forgery === 'wrong secret' ? OTHER_SECRET : SECRET;
  const signedUrl = forgery === 'other address' ? 'https://elsewhere.example.test/webhooks' : url;
  const signed = forgery === 'changed body' ? `${body} ` : body;
  const signature = createHmac('sha256', secret).update(`POST${signedUrl}${signed}${timestamp}`).digest('base64');
  const path = `/webhooks/${system}`;
  return {
    version: '2.0',
    routeKey: `POST ${path}`,
    rawPath: path,
    rawQueryString: '',
    headers: {
      ...(forgery !== 'no signature' && { 'x-hubspot-signature-v3': signature }),
      'x-hubspot-request-timestamp': timestamp,
    },
    requestContext: {
      accountId: '0',
      apiId: '0',
      domainName: 'concord.example.test',
      domainPrefix: 'concord',
      http: { method: 'POST', path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'HubSpot' },
      requestId: 'simulated',
      routeKey: `POST ${path}`,
      stage: '$default',
      time: '',
      timeEpoch: nowMs,
    },
    body,
    isBase64Encoded: false,
  };
}
