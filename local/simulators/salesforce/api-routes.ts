import type { ApiAnswer, ApiCall, ApiHandler } from './api-call.ts';
import { ok } from './api-call.ts';
import type { CallMeter } from './call-meter.ts';
import { describeObject, listObjects, objectSummary } from './describe.ts';
import type { EventRelay } from './event-relay.ts';
import type { Org } from './org.ts';
import { createMany, deleteMany, readMany, updateMany, upsertMany } from './rest-collections.ts';
import type { Queries } from './rest-queries.ts';
import { deletedRows, updatedRows } from './rest-replication.ts';
import {
  createRow,
  deleteByExternalId,
  deleteRow,
  readByExternalId,
  readRow,
  updateRow,
  upsertByExternalId,
} from './rest-rows.ts';

export interface ApiWorld {
  readonly org: Org;
  readonly meter: CallMeter;
  readonly relay: EventRelay;
  readonly queries: Queries;
  readonly startedAtMs: number;
  url(): string;
}

export interface ApiRoute {
  readonly method: string;
  /** Below `/services/data/vNN.0/`; `:name` stands for one part of the path. */
  readonly template: string;
  readonly handle: ApiHandler;
}

/** The REST API as a table: earlier lines win. */
export function apiRoutes(world: ApiWorld): ApiRoute[] {
  const { org, queries } = world;
  const route = (method: string, template: string, handle: ApiHandler): ApiRoute => ({ method, template, handle });
  return [
    route('GET', '', (call) => resources(call, world)),
    route('GET', 'limits', () => limits(world)),
    route('GET', 'query', (call) => queries.query(call, false)),
    route('GET', 'queryAll', (call) => queries.query(call, true)),
    route('GET', 'query/:locator', queries.page),
    route('GET', 'queryAll/:locator', queries.page),
    route('GET', 'sobjects', (call) => listObjects(org, call)),
    route('GET', 'sobjects/:object', (call) => objectSummary(org, call)),
    route('POST', 'sobjects/:object', (call) => createRow(org, call)),
    route('GET', 'sobjects/:object/describe', (call) => describeObject(org, call, world.startedAtMs)),
    route('GET', 'sobjects/:object/updated', (call) => updatedRows(org, call)),
    route('GET', 'sobjects/:object/deleted', (call) => deletedRows(org, call)),
    route('GET', 'sobjects/:object/:id', (call) => readRow(org, call)),
    route('PATCH', 'sobjects/:object/:id', (call) => updateRow(org, call)),
    route('DELETE', 'sobjects/:object/:id', (call) => deleteRow(org, call)),
    route('GET', 'sobjects/:object/:field/:value', (call) => readByExternalId(org, call)),
    route('PATCH', 'sobjects/:object/:field/:value', (call) => upsertByExternalId(org, call)),
    route('DELETE', 'sobjects/:object/:field/:value', (call) => deleteByExternalId(org, call)),
    route('POST', 'composite/sobjects', (call) => createMany(org, call)),
    route('PATCH', 'composite/sobjects', (call) => updateMany(org, call)),
    route('DELETE', 'composite/sobjects', (call) => deleteMany(org, call)),
    route('GET', 'composite/sobjects/:object', (call) => readMany(org, call)),
    route('POST', 'composite/sobjects/:object', (call) => readMany(org, call)),
    route('PATCH', 'composite/sobjects/:object/:field', (call) => upsertMany(org, call)),
  ];
}

/** @returns the route, or the methods that this path would take; `path` holds the URL-decoded parts. */
export function findRoute(
  routes: readonly ApiRoute[],
  method: string,
  path: string,
): { route: ApiRoute; path: Record<string, string> } | { allowed: string[] } {
  const parts = path.split('/');
  const allowed: string[] = [];
  for (const route of routes) {
    const named = matchTemplate(route.template.split('/'), parts);
    if (named && route.method === method) return { route, path: named };
    if (named) allowed.push(route.method);
  }
  return { allowed };
}

function matchTemplate(template: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (template.length !== parts.length) return undefined;
  const named: Record<string, string> = {};
  for (const [i, expected] of template.entries()) {
    const part = parts[i] ?? '';
    if (expected.startsWith(':')) {
      const value = urlDecoded(part);
      if (value === undefined || value === '') return undefined;
      named[expected.slice(1)] = value;
    } else if (expected.toLowerCase() !== part.toLowerCase()) return undefined;
  }
  return named;
}

function urlDecoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function resources(call: ApiCall, world: ApiWorld): ApiAnswer {
  const base = `/services/data/v${call.version}`;
  return ok({
    composite: `${base}/composite`,
    identity: `${world.url()}/id/${world.org.organizationId}/${world.org.integrationUserId}`,
    limits: `${base}/limits`,
    query: `${base}/query`,
    queryAll: `${base}/queryAll`,
    sobjects: `${base}/sobjects`,
  });
}

function limits({ meter, relay }: ApiWorld): ApiAnswer {
  const { used, max } = meter.usage();
  const { deliveredToday, allocation } = relay.status();
  return ok({
    DailyApiRequests: { Max: max, Remaining: Math.max(0, max - used) },
    DailyDeliveredPlatformEvents: { Max: allocation, Remaining: Math.max(0, allocation - deliveredToday) },
  });
}
