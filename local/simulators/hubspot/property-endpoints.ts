import { type ApiWorld, type Endpoint, parseBody } from './api-call.ts';
import { invalidRequest, notFound } from './api-refusal.ts';
import { type PropertyDefinition, propertyInputSchema, propertyPatchSchema, shownProperty } from './property-definition.ts';
import type { RecordStore } from './record-store.ts';

/** What a request for property definitions means. HubSpot: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide */
export function propertyEndpoint(
  world: ApiWorld,
  store: RecordStore,
  method: string,
  rest: readonly string[],
): Endpoint | undefined {
  const [name, ...more] = rest;
  if (more.length > 0) return undefined;
  if (name === undefined && method === 'GET') {
    return {
      suffix: '',
      lane: 'general',
      access: 'read',
      run({ query }) {
        const archived = query.get('archived') === 'true';
        const shown = [...store.definitions.values()].filter((definition) => definition.archived === archived);
        return { status: 200, body: { results: shown.map(shownProperty) } };
      },
    };
  }
  if (name === undefined && method === 'POST') {
    return {
      suffix: '',
      lane: 'general',
      access: 'write',
      run: ({ body }) => ({
        status: 201,
        body: shownProperty(world.portal.defineProperty(store, parseBody(propertyInputSchema, body))),
      }),
    };
  }
  if (name === undefined) return undefined;
  const suffix = '/{name}';
  switch (method) {
    case 'GET':
      return {
        suffix,
        lane: 'general',
        access: 'read',
        run: ({ query }) => ({ status: 200, body: shownProperty(definitionOf(store, name, query.get('archived') === 'true')) }),
      };
    case 'PATCH':
      return {
        suffix,
        lane: 'general',
        access: 'write',
        run({ body }) {
          const patched = { ...ownDefinition(store, name), ...parseBody(propertyPatchSchema, body), updatedAtMs: world.now() };
          store.definitions.set(name, patched);
          return { status: 200, body: shownProperty(patched) };
        },
      };
    case 'DELETE':
      return {
        suffix,
        lane: 'general',
        access: 'write',
        run() {
          const definition = ownDefinition(store, name);
          if (definition.hubspotDefined) throw invalidRequest(`${name} is defined by HubSpot`);
          store.definitions.set(name, { ...definition, archived: true, updatedAtMs: world.now() });
          return { status: 204 };
        },
      };
    default:
      return undefined;
  }
}

function definitionOf(store: RecordStore, name: string, archived: boolean): PropertyDefinition {
  const definition = store.definitions.get(name);
  if (definition === undefined || definition.archived !== archived) throw notFound();
  return definition;
}

/** HubSpot's own properties cannot be changed, their options apart. */
function ownDefinition(store: RecordStore, name: string): PropertyDefinition {
  const definition = definitionOf(store, name, false);
  if (definition.hubspotDefined && definition.type !== 'enumeration') throw invalidRequest(`${name} is defined by HubSpot`);
  return definition;
}
