import { createServer } from 'node:http';
import { Client } from '@hubspot/api-client';
import { afterEach } from 'vitest';
import * as z from 'zod';
import {
  type HubSpotSimulator,
  type HubSpotSimulatorOptions,
  startHubSpotSimulator,
} from '../../local/simulators/hubspot/hubspot-simulator.ts';

/** What the contract tests of the HubSpot simulator share: an account, the official client, a bare call, a receiver of webhooks. */

export const APP = { portalId: 880_001, appId: 660_001, clientId: 'client-0001', clientSecret: 'test-client-secret-0001' };
export const TOKEN = 'pat-eu1-0001';

const endings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** Starts an account that ends with the test; search shows writes at once unless the test says otherwise. */
export async function startAccount(options: Partial<HubSpotSimulatorOptions> = {}): Promise<HubSpotSimulator> {
  const { behaviour, ...rest } = options;
  const account = await startHubSpotSimulator({
    ...APP,
    accessToken: TOKEN,
    refreshToken: 'refresh-0001',
    properties: [{ name: 'concord_id', type: 'string', hasUniqueValue: true }],
    behaviour: { searchLagMs: 0, searchLagSpreadMs: 0, webhookRetryScale: 0, ...behaviour },
    ...rest,
  });
  endings.push(() => account.close());
  return account;
}

/** The official client as its users have it. */
export function connect(account: HubSpotSimulator, accessToken = TOKEN): Client {
  return new Client({ accessToken, basePath: account.url });
}

const refusalSchema = z.object({
  code: z.number(),
  headers: z.record(z.string(), z.string()),
  body: z.looseObject({
    status: z.string(),
    message: z.string(),
    category: z.string().optional(),
    policyName: z.string().optional(),
    errors: z.array(z.looseObject({ code: z.string().optional() })).optional(),
  }),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** The exception that the official client threw. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error('the call was not refused');
  return refusalSchema.parse(error);
}

/** One HTTP call without any client. */
export async function bare(account: HubSpotSimulator, line: string, body?: unknown, token = TOKEN) {
  const [method = 'GET', path = '/'] = line.split(' ');
  const response = await fetch(`${account.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json: unknown = response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

const deliveredSchema = z.array(
  z.looseObject({
    eventId: z.int(),
    subscriptionType: z.string(),
    objectId: z.int().optional(), // absent for an association
    attemptNumber: z.int(),
    occurredAt: z.int(),
    propertyName: z.string().optional(),
    propertyValue: z.string().optional(),
    changeSource: z.string().optional(),
    sourceId: z.string().optional(),
  }),
);
export type Delivered = z.infer<typeof deliveredSchema>;

export interface Delivery {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly url: string;
  readonly body: string;
  readonly events: Delivered;
}

/** An app's webhook endpoint; `answer` gives the status of each delivery, or never answers. */
export async function receiveWebhooks(answer: (nth: number) => number | 'never' = () => 200, path = '/hubspot') {
  const deliveries: Delivery[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = Buffer.concat(chunks).toString('utf8');
    const url = `http://${request.headers.host}${request.url}`;
    deliveries.push({ headers: request.headers, url, body, events: deliveredSchema.parse(JSON.parse(body)) });
    const status = answer(deliveries.length);
    if (status !== 'never') response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}${path}`,
    deliveries,
    events: () => deliveries.flatMap(({ events }) => events),
  };
}

/** Waits until everything was delivered, or given up. */
export async function delivered(account: HubSpotSimulator): Promise<void> {
  for (let wait = 0; wait < 1000; wait += 1) {
    if (account.pendingNotifications() === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${account.pendingNotifications()} notifications are still pending`);
}
