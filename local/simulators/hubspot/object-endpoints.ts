import * as z from 'zod';
import { type ApiCall, type ApiWorld, type Endpoint, listIn, parseBody, valuesSchema } from './api-call.ts';
import { invalidRequest, notFound } from './api-refusal.ts';
import { checkedAssociations, ownAssociationsSchema, tie } from './association-endpoints.ts';
import type { CrmRecord } from './crm-record.ts';
import { batchEndpoint } from './object-batches.ts';
import { draftCreate, draftUpdate, refuseConflicts } from './record-draft.ts';
import { lookUp, lookUpLive } from './record-lookup.ts';
import type { RecordStore } from './record-store.ts';
import { runSearch } from './search.ts';
import { SEARCH_BODY_CHARS_MAX, searchQuery, searchRequestSchema } from './search-request.ts';
import { shownRecord, shownWrite } from './shown-record.ts';

const LIST_DEFAULT = 10;
const LIST_MAX = 100;
/** With histories (github.com/HubSpot/hubspot-api-python/issues/143). */
const LIST_WITH_HISTORY_MAX = 50;

const createSchema = z.object({ properties: valuesSchema, associations: ownAssociationsSchema.default([]) });
const updateSchema = z.object({ properties: valuesSchema });
const mergeSchema = z.object({ primaryObjectId: z.string(), objectIdToMerge: z.string() });
const gdprSchema = z.object({ objectId: z.string(), idProperty: z.string().optional() });

/**
 * What a request for records means.
 * HubSpot: developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
 *
 * @param rest - the path after the object type.
 */
export function objectEndpoint(
  world: ApiWorld,
  store: RecordStore,
  method: string,
  rest: readonly string[],
): Endpoint | undefined {
  const [first, second, ...more] = rest;
  if (more.length > 0) return undefined;
  if (first === undefined) {
    if (method === 'GET') return { suffix: '', lane: 'general', access: 'read', run: (call) => list(store, call) };
    if (method === 'POST') return { suffix: '', lane: 'general', access: 'write', run: (call) => create(world, store, call) };
    return undefined;
  }
  if (second !== undefined) return first === 'batch' && method === 'POST' ? batchEndpoint(world, store, second) : undefined;
  if (method === 'POST') return action(world, store, first);
  const suffix = '/{id}';
  switch (method) {
    case 'GET':
      return { suffix, lane: 'general', access: 'read', run: (call) => get(store, first, call) };
    case 'PATCH':
      return { suffix, lane: 'general', access: 'write', run: (call) => update(world, store, first, call) };
    case 'DELETE':
      return {
        suffix,
        lane: 'general',
        access: 'write',
        run(call) {
          const record = lookUpLive(store, first, undefined);
          // 204 for an unknown id as well (github.com/n8n-io/n8n/pull/3219).
          if (record !== undefined) world.portal.archive(store, record, call.author, { call: call.number });
          return { status: 204 };
        },
      };
    default:
      return undefined;
  }
}

function action(world: ApiWorld, store: RecordStore, name: string): Endpoint | undefined {
  switch (name) {
    case 'search':
      return { suffix: '/search', lane: 'search', access: 'read', run: (call) => search(world, store, call) };
    case 'merge':
      return {
        suffix: '/merge',
        lane: 'general',
        access: 'write',
        run(call) {
          const { primaryObjectId, objectIdToMerge } = parseBody(mergeSchema, call.body);
          const primary = found(lookUpLive(store, primaryObjectId, undefined));
          const absorbed = found(lookUpLive(store, objectIdToMerge, undefined));
          const survivor = world.portal.merge(store, primary, absorbed, call.author, { call: call.number });
          return { status: 200, body: shownRecord(store, survivor, { properties: [] }) };
        },
      };
    case 'gdpr-delete':
      if (store.type.name !== 'contacts') return undefined;
      return {
        suffix: '/gdpr-delete',
        lane: 'general',
        access: 'write',
        run(call) {
          const { objectId, idProperty } = parseBody(gdprSchema, call.body);
          const record = lookUp(store, objectId, idProperty);
          if (record !== undefined) world.portal.erase(store, record, call.author, { call: call.number });
          return { status: 204 };
        },
      };
    default:
      return undefined;
  }
}

function found(record: CrmRecord | undefined): CrmRecord {
  if (record === undefined) throw notFound();
  return record;
}

function list(store: RecordStore, { query }: ApiCall) {
  const withHistory = listIn(query, 'propertiesWithHistory');
  const properties = listIn(query, 'properties');
  const limit = Number(query.get('limit') ?? LIST_DEFAULT);
  const limitMax = withHistory.length > 0 ? LIST_WITH_HISTORY_MAX : LIST_MAX;
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    throw invalidRequest(`limit must be between 1 and ${limitMax}, it is ${query.get('limit')}`);
  }
  const after = query.get('after') ?? '0';
  if (!/^\d+$/.test(after)) throw invalidRequest(`after must be an id, it is ${after}`);
  const [...records] = store.page(query.get('archived') === 'true', Number(after), limit + 1);
  const next = records.length > limit ? records.pop() : undefined;
  const results = records.map((record) => shownRecord(store, record, { properties, withHistory }));
  if (next === undefined) return { status: 200, body: { results } };
  const link = `https://api.hubapi.com/crm/v3/objects/${store.type.name}?limit=${limit}&after=${next.id}`;
  return { status: 200, body: { results, paging: { next: { after: next.id, link } } } };
}

function get(store: RecordStore, id: string, { query }: ApiCall) {
  const record = found(lookUp(store, id, query.get('idProperty') ?? undefined));
  if ((record.archivedAtMs !== undefined) !== (query.get('archived') === 'true')) throw notFound();
  const wanted = { properties: listIn(query, 'properties'), withHistory: listIn(query, 'propertiesWithHistory') };
  return { status: 200, body: shownRecord(store, record, wanted) };
}

function create(world: ApiWorld, store: RecordStore, call: ApiCall) {
  const { properties, associations } = parseBody(createSchema, call.body);
  const ties = checkedAssociations(world, store, associations);
  const draft = draftCreate(store, properties, { behaviour: world.behaviour, dated: call.dated });
  refuseConflicts(draft);
  const record = world.portal.commit(draft, call.author, { call: call.number });
  for (const own of ties) tie(world, { ...own, from: store, fromId: record.id }, call);
  return { status: 201, body: shownWrite(store, record, properties) };
}

function update(world: ApiWorld, store: RecordStore, id: string, call: ApiCall) {
  const { properties } = parseBody(updateSchema, call.body);
  const before = found(lookUpLive(store, id, call.query.get('idProperty') ?? undefined));
  const draft = draftUpdate(store, before, properties, { behaviour: world.behaviour, dated: call.dated });
  refuseConflicts(draft);
  const record = world.portal.commit(draft, call.author, { call: call.number });
  return { status: 200, body: shownWrite(store, record, properties) };
}

function search(world: ApiWorld, store: RecordStore, call: ApiCall) {
  if (call.body.length > SEARCH_BODY_CHARS_MAX) {
    throw invalidRequest(
      `The body of a search has at most ${SEARCH_BODY_CHARS_MAX} characters, this one has ${call.body.length}`,
    );
  }
  const query = searchQuery(parseBody(searchRequestSchema, call.body));
  const { total, records, next } = runSearch(store.type, store.definitions, world.portal.searchIndex(store.type), query);
  const results = records.map((record) => shownRecord(store, record, { properties: query.properties }));
  return { status: 200, body: { total, results, ...(next === undefined ? {} : { paging: { next: { after: String(next) } } }) } };
}
