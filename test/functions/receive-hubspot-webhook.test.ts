import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { receiveWebhook } from '../../functions/receive-hubspot-webhook/receive-webhook.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { KeptMessages } from './two-crms.ts';

const vectorSchema = z.object({
  name: z.string(),
  version: z.string(),
  method: z.string(),
  requestUrl: z.string(),
  timestamp: z.string().optional(),
  body: z.string(),
  signature: z.string(),
});
type Vector = z.infer<typeof vectorSchema>;
const file = z
  .object({
    clientSecret: z.string(),
    vectors: z.array(vectorSchema),
    negativeV3: z.array(z.object({ name: z.string(), signatureOfChangedRequest: z.string() })),
    toleranceV3: z.object({ cases: z.array(z.object({ nowMs: z.number(), valid: z.boolean() })) }),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/hubspot/signature-vectors.json', import.meta.url), 'utf8')));

const NOW_MS = 1_767_225_600_000;
const BODY_BYTES_MAX = 256 * 1024;
const v3 = file.vectors.filter(({ version }) => version === 'v3');
const posts = v3.filter(({ method }) => method === 'POST');
const older = file.vectors.filter(({ version }) => version !== 'v3');
const [first] = posts;
if (first === undefined) throw new Error('the vectors hold no v3 signature of a POST');
const vector: Vector = first;

let changes: KeptMessages;
beforeEach(() => {
  changes = new KeptMessages();
});

interface Delivery {
  readonly url?: string;
  readonly method?: string;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
  readonly headers?: Record<string, string>;
}

/** A request as the HTTP API hands it over: the names of headers in lower case, the query as it was sent. */
function eventOf({ url = vector.requestUrl, method = 'POST', body, isBase64Encoded = false, headers = {} }: Delivery) {
  const { hostname, pathname } = new URL(url);
  const event: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey: 'POST /webhooks/hubspot',
    rawPath: pathname,
    rawQueryString: url.split('?', 2)[1] ?? '',
    headers,
    ...(body !== undefined && { body }),
    isBase64Encoded,
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: hostname,
      domainPrefix: 'hooks',
      http: { method, path: pathname, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'HubSpot Webhooks' },
      requestId: 'request',
      routeKey: 'POST /webhooks/hubspot',
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: NOW_MS,
    },
  };
  return event;
}

function signedBy(signed: Vector, more: Partial<Delivery> = {}): Delivery {
  const headers = {
    'x-hubspot-signature-v3': signed.signature,
    'x-hubspot-request-timestamp': signed.timestamp ?? String(NOW_MS),
  };
  return { url: signed.requestUrl, method: signed.method, body: signed.body, headers, ...more };
}

/** A delivery whose body HubSpot did sign. */
function signing(body: string): Delivery {
  const text = `POST${vector.requestUrl}${body}${NOW_MS}`;
  const signature = createHmac('sha256', file.clientSecret).update(text, 'utf8').digest('base64');
  return signedBy({ ...vector, body, signature });
}

async function receive(delivery: Delivery, more: { connection?: object; nowMs?: number } = {}): Promise<number | undefined> {
  const connection = connectionSchema.parse({
    kind: 'hubspot',
    accessToken: 'pat-eu1-0001',
    webhookSecret: file.clientSecret,
    appId: 660_001,
    portalId: 880_001,
    ...more.connection,
  });
  const { statusCode } = await receiveWebhook(eventOf(delivery), {
    system: 'hubspot',
    connection: () => Promise.resolve(connection),
    changes,
    now: () => more.nowMs ?? NOW_MS,
  });
  return statusCode;
}

const queued = () => changes.sent.map(({ body }) => hintEnvelopeSchema.parse(JSON.parse(body)));
const event = (more: object) => ({ portalId: 880_001, appId: 660_001, occurredAt: NOW_MS - 1_000, objectId: 501, ...more });

describe('a webhook', () => {
  it.each(posts)('F05: signed as $name is taken, plain and in base64, and its hint queued', async (signed) => {
    expect(await receive(signedBy(signed))).toBe(204);
    const body = Buffer.from(signed.body, 'utf8').toString('base64');
    expect(await receive(signedBy(signed, { body, isBase64Encoded: true }))).toBe(204);
    const [plain, encoded] = queued();
    expect(plain).toMatchObject({ system: 'hubspot', sync: 'contacts', hints: [{ objectId: '501', by: 'other' }] });
    expect(encoded?.hints[0]?.fields).toEqual(plain?.hints[0]?.fields);
  });

  it('F05: signed over an empty body verifies, and is no delivery', async () => {
    for (const signed of v3.filter(({ method }) => method === 'GET')) expect(await receive(signedBy(signed))).toBe(400);
    expect(changes.sent).toEqual([]);
  });

  it.each(older)('F05: signed as $name, in an older scheme, is refused', async (signed) => {
    expect(await receive(signedBy(signed))).toBe(401);
    expect(changes.sent).toEqual([]);
  });

  it.each(file.negativeV3)('F05: whose signature is that of another request ($name) is refused', async (negative) => {
    expect(await receive(signedBy({ ...vector, signature: negative.signatureOfChangedRequest }))).toBe(401);
    expect(changes.sent).toEqual([]);
  });

  it.each<[string, Delivery]>([
    ['without a signature', { headers: { 'x-hubspot-request-timestamp': vector.timestamp ?? '' } }],
    ['without a time', { headers: { 'x-hubspot-signature-v3': vector.signature } }],
    ['whose body has one byte more', { body: `${vector.body} ` }],
    ['called by another method', { method: 'PUT' }],
    ['called by another path', { url: `${vector.requestUrl}/` }],
    ['called on another host', { url: vector.requestUrl.replace('hooks.', 'hook.') }],
    ['called with a query of its own', { url: `${vector.requestUrl}?a=1` }],
  ])('F05: %s is refused', async (_, change) => {
    expect(await receive(signedBy(vector, change))).toBe(401);
    expect(changes.sent).toEqual([]);
  });

  it('F05: is taken for five minutes', async () => {
    for (const { nowMs, valid } of file.toleranceV3.cases)
      expect(await receive(signedBy(vector), { nowMs })).toBe(valid ? 204 : 401);
  });

  it('F05: is taken under the former secret while it is rotated, and not after', async () => {
    const rotated = { webhookSecret: 'the-new-one', previousWebhookSecret: file.clientSecret };
    expect(await receive(signedBy(vector), { connection: rotated })).toBe(204);
    expect(await receive(signedBy(vector), { connection: { webhookSecret: 'the-new-one' } })).toBe(401);
  });

  it('F05: is checked against the address that HubSpot was given, whatever domain the call came in by', async () => {
    const behind = signedBy(vector, { url: 'https://abc.execute-api.eu-west-1.amazonaws.com/webhooks/hubspot' });
    expect(await receive(behind)).toBe(401);
    expect(await receive(behind, { connection: { webhookUrl: vector.requestUrl } })).toBe(204);
  });

  it('F05: of another portal is refused', async () => {
    expect(await receive(signedBy(vector), { connection: { portalId: 990_009 } })).toBe(403);
    expect(changes.sent).toEqual([]);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['no list', '{}'],
    ['a list far longer than HubSpot sends', JSON.stringify(Array.from({ length: 1_001 }, () => event({})))],
  ])('F06: that is %s is refused', async (_, body) => {
    expect(await receive(signing(body))).toBe(400);
    expect(changes.sent).toEqual([]);
  });

  it('F06: that is too large is refused unread, in base64 by what it decodes to', async () => {
    const body = 'x'.repeat(BODY_BYTES_MAX + 1);
    expect(await receive(signing(body))).toBe(413);
    expect(await receive({ ...signing(body), body: Buffer.from(body).toString('base64'), isBase64Encoded: true })).toBe(413);
    const fits = `[]${' '.repeat(BODY_BYTES_MAX - 2)}`;
    expect(await receive({ ...signing(fits), body: Buffer.from(fits).toString('base64'), isBase64Encoded: true })).toBe(204);
  });

  it('of objects that take no part in a sync is acknowledged, and nothing is queued', async () => {
    expect(await receive(signing(JSON.stringify([event({ subscriptionType: 'ticket.creation' })])))).toBe(204);
    expect(changes.sent).toEqual([]);
  });

  it('F06: of a hundred events is one message with a hint per object', async () => {
    const events = Array.from({ length: 100 }, (_, n) =>
      event({
        subscriptionType: 'contact.propertyChange',
        objectId: 500 + (n % 50),
        propertyName: n < 50 ? 'city' : 'jobtitle',
        propertyValue: `value ${n}`,
        changeSource: 'CRM_UI',
      }),
    );
    expect(await receive(signing(JSON.stringify(events)))).toBe(204);
    const [envelope, ...more] = queued();
    expect(more).toEqual([]);
    expect(envelope?.hints).toHaveLength(50);
    expect(Object.keys(envelope?.hints[0]?.fields ?? {})).toEqual(['city', 'jobtitle']);
  });

  it('I2: whose hints the queue does not take is not acknowledged, so that HubSpot sends it again', async () => {
    changes.isDown = true;
    await expect(receive(signedBy(vector))).rejects.toThrow('SQS refused');
  });
});
