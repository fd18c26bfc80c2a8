import { type AccountEndpoint, type AccountWorld, accountEndpoint } from './account-endpoints.ts';
import type { ApiWorld, Endpoint } from './api-call.ts';
import { associationEndpoint } from './association-endpoints.ts';
import { objectEndpoint } from './object-endpoints.ts';
import { type ObjectType, objectTypeNamed } from './object-types.ts';
import { propertyEndpoint } from './property-endpoints.ts';

/** What a request means, found by method and path alone. */
export type Destination =
  | {
      readonly kind: 'records';
      readonly template: string; // `POST /crm/v3/objects/contacts/batch/read`
      readonly dated: boolean;
      /** All of them are needed. */
      readonly scopes: readonly string[];
      readonly endpoint: Endpoint;
    }
  | { readonly kind: 'account'; readonly template: string; readonly endpoint: AccountEndpoint }
  | { readonly kind: 'nowhere'; readonly template: string };

const DATED = /^\d{4}-(03|09)$/;

/** Both forms of path: `/crm/v3/objects/contacts`, `/crm/objects/2026-09/contacts`. */
export function destinationOf(world: ApiWorld, account: AccountWorld, method: string, path: string): Destination {
  const segments = path.split('/').slice(1).map(unescaped);
  const own = accountEndpoint(account, method, segments);
  if (own !== undefined) return { kind: 'account', template: own.template, endpoint: own };
  return (
    recordsDestination(world, method, segments) ??
    associationsDestination(world, method, segments) ??
    detailsDestination(account, method, path) ?? { kind: 'nowhere', template: `${method} (unknown)` }
  );
}

function recordsDestination(world: ApiWorld, method: string, segments: readonly string[]): Destination | undefined {
  const [crm, second = '', third = '', typeName, ...rest] = segments;
  const legacy = second === 'v3';
  if (crm !== 'crm' || typeName === undefined || !(legacy || DATED.test(third))) return undefined;
  const area = legacy ? third : second;
  const type = objectTypeNamed(typeName);
  if (type === undefined || (area !== 'objects' && area !== 'properties')) return undefined;
  const store = world.portal.store(typeName);
  const find = area === 'objects' ? objectEndpoint : propertyEndpoint;
  const endpoint = find(world, store, method, rest);
  if (endpoint === undefined) return undefined;
  const template = `${method} /crm/${second}/${third}/${typeName}${endpoint.suffix}`;
  return { kind: 'records', template, dated: !legacy, scopes: [scopeFor(area, type, endpoint)], endpoint };
}

function scopeFor(area: 'objects' | 'properties', type: ObjectType, { access }: Endpoint): string {
  return `crm.${area === 'objects' ? 'objects' : 'schemas'}.${type.name}.${access}`;
}

/** `/crm/v4/associations/contacts/companies/batch/read`, `/crm/associations/2026-09/...`; needs the scopes of both ends. */
function associationsDestination(world: ApiWorld, method: string, segments: readonly string[]): Destination | undefined {
  const [crm, second = '', third = '', fromName = '', toName = '', batch, name = '', ...rest] = segments;
  const legacy = second === 'v4' && third === 'associations';
  const dated = second === 'associations' && DATED.test(third);
  if (crm !== 'crm' || !(legacy || dated) || batch !== 'batch' || rest.length > 0 || method !== 'POST') return undefined;
  const [from, to] = [objectTypeNamed(fromName), objectTypeNamed(toName)];
  if (from === undefined || to === undefined) return undefined;
  const endpoint = associationEndpoint(world, world.portal.store(fromName), world.portal.store(toName), name);
  if (endpoint === undefined) return undefined;
  const template = `${method} /crm/${second}/${third}/${fromName}/${toName}${endpoint.suffix}`;
  const scopes = [...new Set([scopeFor('objects', from, endpoint), scopeFor('objects', to, endpoint)])];
  return { kind: 'records', template, dated, scopes, endpoint };
}

/** Needs a token, but no particular scope. */
function detailsDestination({ portalId }: AccountWorld, method: string, path: string): Destination | undefined {
  if (method !== 'GET' || !/^\/account-info\/(v3|\d{4}-\d{2})\/details$/.test(path)) return undefined;
  const body = { portalId, accountType: 'STANDARD', timeZone: 'UTC', utcOffset: '+00:00', utcOffsetMilliseconds: 0 };
  const endpoint: Endpoint = { suffix: '', lane: 'general', access: 'read', run: () => ({ status: 200, body }) };
  return { kind: 'records', template: `GET ${path}`, dated: !path.includes('/v3/'), scopes: [], endpoint };
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
