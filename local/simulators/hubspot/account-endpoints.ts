import * as z from 'zod';
import { type ApiAnswer, parseBody } from './api-call.ts';
import { ApiRefusal, notFound } from './api-refusal.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import type { Credentials } from './credentials.ts';
import { isoStamp } from './timestamps.ts';
import type { Subscription } from './webhook-events.ts';
import type { WebhookSubscriptions } from './webhook-subscriptions.ts';

/** Endpoints that belong to the app or its tokens rather than to records; they need no bearer token. */
export interface AccountWorld {
  readonly portalId: number;
  readonly appId: number;
  readonly clientId: string;
  readonly developerApiKey: string;
  readonly behaviour: HubSpotBehaviour;
  readonly credentials: Credentials;
  readonly subscriptions: WebhookSubscriptions;
  now(): number;
}

export interface AccountEndpoint {
  readonly template: string;
  run(query: URLSearchParams, body: string): ApiAnswer;
}

/** What a request under `/oauth` or `/webhooks` means. `segments` is the path without its leading slash. */
export function accountEndpoint(world: AccountWorld, method: string, segments: readonly string[]): AccountEndpoint | undefined {
  const [area, version = '', ...rest] = segments;
  if (area === 'oauth' && (version === 'v1' || /^\d{4}-\d{2}$/.test(version))) return oauthEndpoint(world, method, version, rest);
  if (area === 'webhooks' && version === 'v3') return webhookEndpoint(world, method, rest);
  return undefined;
}

/** HubSpot: developers.hubspot.com/docs/api-reference/legacy/authentication/oauth-tokens */
function oauthEndpoint(
  world: AccountWorld,
  method: string,
  version: string,
  rest: readonly string[],
): AccountEndpoint | undefined {
  const [kind, token = '', ...more] = rest;
  const { credentials } = world;
  const prefix = `${method} /oauth/${version}/${kind}`;
  if (more.length > 0) return undefined;
  if (kind === 'token' && token === '' && method === 'POST') {
    return { template: prefix, run: (_, body) => ({ status: 200, body: credentials.grant(new URLSearchParams(body)) }) };
  }
  if (version !== 'v1' || token === '') return undefined;
  const about = {
    token,
    hub_id: world.portalId,
    hub_domain: `simulated-${world.portalId}.example`,
    user: 'owner@example.com',
    user_id: 42,
  };
  if (kind === 'access-tokens' && method === 'GET') {
    return {
      template: `${prefix}/{token}`,
      run() {
        const known = credentials.find(token);
        if (known === undefined || known.revoked) throw notFound();
        // A static token has no end: the longest time the field can hold.
        const expiresIn = known.expiresAtMs === undefined ? 2 ** 31 - 1 : Math.floor((known.expiresAtMs - world.now()) / 1000);
        if (expiresIn <= 0) throw notFound();
        return {
          status: 200,
          body: { ...about, token_type: 'access', app_id: known.appId, scopes: known.scopes, expires_in: expiresIn },
        };
      },
    };
  }
  if (kind !== 'refresh-tokens') return undefined;
  const template = `${prefix}/{token}`;
  const known = () => {
    if (!credentials.isRefreshToken(token)) throw notFound();
  };
  if (method === 'GET') {
    return {
      template,
      run() {
        known();
        return { status: 200, body: { ...about, token_type: 'refresh', client_id: world.clientId, scopes: credentials.scopes } };
      },
    };
  }
  if (method !== 'DELETE') return undefined;
  return {
    template,
    run() {
      known();
      credentials.revokeRefreshToken(token);
      return { status: 204 };
    },
  };
}

const settingsSchema = z.object({ targetUrl: z.url(), throttling: z.object({ maxConcurrentRequests: z.int().min(6).max(100) }) });
const subscriptionInputSchema = z.object({
  eventType: z.string(),
  propertyName: z.string().optional(),
  active: z.boolean().optional(),
});
const activeSchema = z.object({ active: z.boolean() });

/** HubSpot: developers.hubspot.com/docs/api-reference/legacy/webhooks/guide; authenticated by `?hapikey=`. */
function webhookEndpoint(world: AccountWorld, method: string, rest: readonly string[]): AccountEndpoint | undefined {
  const [appId, kind, id, ...more] = rest;
  const { subscriptions, behaviour } = world;
  const target = `${method} /webhooks/v3/{appId}/${kind}${id === undefined ? '' : '/{id}'}`;
  const endpoint = (run: (body: string) => ApiAnswer): AccountEndpoint => ({
    template: target,
    run(query, body) {
      if (query.get('hapikey') !== world.developerApiKey) {
        throw new ApiRefusal(401, { message: 'The API key provided is invalid.', category: 'INVALID_AUTHENTICATION' });
      }
      if (Number(appId) !== world.appId) throw notFound();
      return run(body);
    },
  });
  if (more.length > 0) return undefined;
  const settings = () => {
    if (subscriptions.targetUrl === undefined) throw notFound();
    const throttling = { maxConcurrentRequests: behaviour.webhookConcurrency };
    return { targetUrl: subscriptions.targetUrl, throttling, createdAt: isoStamp(world.now()) };
  };
  switch (`${method} ${kind}${id === undefined ? '' : '/id'}`) {
    case 'GET settings':
      return endpoint(() => ({ status: 200, body: settings() }));
    case 'PUT settings':
      return endpoint((body) => {
        const wanted = parseBody(settingsSchema, body);
        subscriptions.targetUrl = wanted.targetUrl;
        behaviour.webhookConcurrency = wanted.throttling.maxConcurrentRequests;
        return { status: 200, body: settings() };
      });
    case 'DELETE settings':
      return endpoint(() => {
        subscriptions.targetUrl = undefined;
        return { status: 204 };
      });
    case 'GET subscriptions':
      return endpoint(() => ({ status: 200, body: { results: subscriptions.list().map(shownSubscription) } }));
    case 'POST subscriptions':
      return endpoint((body) => {
        const { eventType, propertyName, active } = parseBody(subscriptionInputSchema, body);
        return { status: 201, body: shownSubscription(subscriptions.add(eventType, propertyName, active)) };
      });
    case 'GET subscriptions/id':
      return endpoint(() => ({ status: 200, body: shownSubscription(subscriptions.get(Number(id))) }));
    case 'PATCH subscriptions/id':
      return endpoint((body) => {
        const { active } = parseBody(activeSchema, body);
        return { status: 200, body: shownSubscription(subscriptions.setActive(Number(id), active)) };
      });
    case 'DELETE subscriptions/id':
      return endpoint(() => {
        subscriptions.remove(Number(id));
        return { status: 204 };
      });
    default:
      return undefined;
  }
}

function shownSubscription({ id, eventType, propertyName, active, createdAtMs }: Subscription): Record<string, unknown> {
  return {
    id: String(id),
    eventType,
    active,
    createdAt: isoStamp(createdAtMs),
    ...(propertyName === undefined ? {} : { propertyName }),
  };
}
