import { createHmac } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { connectionSchema, type HubSpotConnection } from '../../../../shared/connectors/connection.ts';
import type { NativeValue } from '../../../../shared/sync/change-hint.ts';
import type { LoggedChange } from './plain-crm.ts';

export const ORGANISATION = '00D000000000001AAA';
export const OUR_USER = '005000000000001AAA';
const A_PERSON = '005000000000002AAA';
const OUR_APP = 4711;
const PORTAL = 62515;
const WEBHOOK_SECRET = 'simulated-webhook-secret';
const WEBHOOK_URL = 'https://concord.example.test/webhooks/hubspot';

let connection: HubSpotConnection | undefined;

export function hubspotConnection(): HubSpotConnection {
  if (connection !== undefined) return connection;
  const parsed = connectionSchema.parse({
    kind: 'hubspot',
    accessToken: 'simulated',
    webhookSecret: WEBHOOK_SECRET,
    webhookUrl: WEBHOOK_URL,
    appId: OUR_APP,
    portalId: PORTAL,
  });
  if (parsed.kind !== 'hubspot') throw new Error('the connection is none of HubSpot');
  connection = parsed;
  return parsed;
}

/** A change as a change event on the partner bus tells it. Salesforce: Change Data Capture Developer Guide. */
export function busEvent(change: LoggedChange): string {
  const changeType = { create: 'CREATE', update: 'UPDATE', delete: 'DELETE' }[change.kind];
  const names = Object.keys(change.fields);
  return JSON.stringify({
    source: `aws.partner/salesforce.com/${ORGANISATION}/channel`,
    detail: {
      payload: {
        ChangeEventHeader: {
          entityName: 'Contact',
          recordIds: [change.objectId],
          changeType,
          changedFields: change.kind === 'update' ? [...names, 'LastModifiedDate'] : [],
          commitTimestamp: change.atMs,
          commitUser: change.by === 'concord' ? OUR_USER : A_PERSON,
          commitNumber: 1,
          sequenceNumber: 1,
        },
        ...Object.fromEntries(names.map((name) => [name, change.fields[name]?.after ?? null])),
        LastModifiedDate: new Date(Math.floor(change.atMs / 1_000) * 1_000).toISOString(),
      },
    },
  });
}

/** A change as the events of one webhook delivery tell it. HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide */
export function webhookEvents(change: LoggedChange): readonly object[] {
  const base = {
    portalId: PORTAL,
    appId: OUR_APP,
    occurredAt: change.atMs,
    objectId: Number(change.objectId),
    ...(change.by === 'concord' ? { changeSource: 'INTEGRATION', sourceId: String(OUR_APP) } : { changeSource: 'CRM_UI' }),
  };
  if (change.kind === 'delete') return [{ ...base, subscriptionType: 'contact.deletion' }];
  const changes = Object.entries(change.fields).map(([propertyName, { after }]) => ({
    ...base,
    subscriptionType: 'contact.propertyChange',
    propertyName,
    propertyValue: textOf(after),
  }));
  return change.kind === 'create' ? [{ ...base, subscriptionType: 'contact.creation' }, ...changes] : changes;
}

function textOf(value: NativeValue): string {
  return value === null ? '' : String(value);
}

/** One delivery, signed as HubSpot signs it. */
export function signedDelivery(events: readonly object[], nowMs: number): APIGatewayProxyEventV2 {
  const body = JSON.stringify(events);
  const timestamp = String(nowMs);
  const signature = createHmac('sha256', WEBHOOK_SECRET).update(`POST${WEBHOOK_URL}${body}${timestamp}`).digest('base64');
  const requestId = 'simulated';
  return {
    version: '2.0',
    routeKey: 'POST /webhooks/hubspot',
    rawPath: '/webhooks/hubspot',
    rawQueryString: '',
    headers: { 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': timestamp },
    requestContext: {
      accountId: '0',
      apiId: '0',
      domainName: 'concord.example.test',
      domainPrefix: 'concord',
      http: { method: 'POST', path: '/webhooks/hubspot', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'HubSpot' },
      requestId,
      routeKey: 'POST /webhooks/hubspot',
      stage: '$default',
      time: '',
      timeEpoch: nowMs,
    },
    body,
    isBase64Encoded: false,
  };
}
