import { SyncError } from '../../errors.ts';
import type { NativeValues } from '../../sync/change-hint.ts';
import { accessGrants, fixedGrant } from '../access-grant.ts';
import { isObject, listAt, requiredList, textAt } from '../answer-shape.ts';
import { type ApiClient, apiClient } from '../api-client.ts';
import { writeInBatches } from '../batched-write.ts';
import type { HubSpotConnection } from '../connection.ts';
import type { ApiBudget, FieldDescription, ObjectState, RowPage, SystemTraits, WriteOutcome } from '../connector.ts';
import type { CorrelatedConnector } from '../correlated-connector.ts';
import type { Fetch } from '../transport.ts';
import { type Association, describedAssociations, partedFields } from './association.ts';
import { type AssociationTarget, withAssociations } from './association-read.ts';
import { partedValues, restOrLater, tieCreated, withWrittenTies, writeAssociations } from './association-write.ts';
import { sendBatch } from './batch-write.ts';
import { changePage, nextAfter } from './change-listing.ts';
import { hubspotDialect } from './dialect.ts';
import { findBySearch, findByUnique } from './field-search.ts';
import { fetchHubSpotGrant } from './grant.ts';
import { propertiesToAsk, READ_SIZE_MAX, type ReadTarget, readRows, readStates } from './object-read.ts';
import { hubspotPaths } from './paths.ts';
import { lastModifiedProperty, presentState } from './row.ts';

/** HubSpot: developers.hubspot.com/docs/guides/crm/using-object-apis */
const BATCH_SIZE_MAX = 100;
const LIST_SIZE_MAX = 100;
/** URLs of 8,000 characters and more are refused (414); the rest of the URL is far below this. */
const PROPERTIES_IN_URL_MAX = 4_000;
const OBJECT_ID = /^\d{1,20}$/;
/** What properties are like hardly ever changes: asked again after this time. */
const DESCRIBED_KNOWN_MS = 10 * 60_000;

const DEFAULT_TRAITS: SystemTraits = {
  stampResolutionMs: 1,
  readLagMs: 1_000,
  // The search index shows a change "a few moments" later; integrators report up to 30 s.
  listLagMs: 30_000,
  readBatchSizeMax: READ_SIZE_MAX,
  writeBatchSizeMax: BATCH_SIZE_MAX,
};

export interface HubSpotConnectorOptions {
  readonly connection: HubSpotConnection;
  readonly budget: ApiBudget;
  /** The system's name in the syncs; `hubspot` where there is only one. */
  readonly system?: string;
  readonly clock?: () => number;
  readonly fetch?: Fetch;
  readonly traits?: Partial<SystemTraits>;
  readonly callTimeoutMs?: number;
  readonly budgetWaitMs?: number;
}

/** Speaks the CRM API of a HubSpot account, in `v3` or a dated version. */
export function hubspotConnector(options: HubSpotConnectorOptions): CorrelatedConnector {
  const { connection } = options;
  const system = options.system ?? 'hubspot';
  const clock = options.clock ?? Date.now;
  const fetch = options.fetch ?? globalThis.fetch;
  const callTimeoutMs = options.callTimeoutMs ?? 20_000;
  const traits = { ...DEFAULT_TRAITS, ...options.traits };
  const paths = hubspotPaths(system, connection.apiVersion);
  const grants =
    connection.accessToken === undefined
      ? accessGrants(
          () => fetchHubSpotGrant(system, connection, { fetch, clock, timeoutMs: callTimeoutMs, tokenPath: paths.token }),
          clock,
        )
      : fixedGrant(system, { token: connection.accessToken.reveal(), baseUrl: connection.baseUrl });
  const client = apiClient({
    dialect: hubspotDialect(system),
    grants,
    budget: options.budget,
    clock,
    fetch,
    callTimeoutMs,
    budgetWaitMs: options.budgetWaitMs ?? 5_000,
  });
  const described = new Map<string, { fields: ReadonlyMap<string, FieldDescription>; askedAtMs: number }>();

  function connectorOver(api: ApiClient): CorrelatedConnector {
    const targetOf = (object: string): ReadTarget => ({ api, system, object, path: paths.objects(object) });
    const tiesOf = (object: string): AssociationTarget => ({ api, system, object, paths });

    async function pageWithTies(object: string, page: RowPage, associations: readonly Association[]): Promise<RowPage> {
      return { ...page, rows: await withAssociations(tiesOf(object), page.rows, associations) };
    }

    async function describe(object: string): Promise<readonly FieldDescription[]> {
      const { json } = await api.call({ method: 'GET', path: paths.properties(object), effect: 'read' });
      const properties = requiredList(system, isObject(json) ? json.results : undefined).flatMap((property) =>
        describedProperty(object, property),
      );
      return [...properties, ...describedAssociations(object)];
    }

    async function knownField(object: string, name: string): Promise<FieldDescription | undefined> {
      let known = described.get(object);
      if (known === undefined || clock() - known.askedAtMs > DESCRIBED_KNOWN_MS) {
        known = { fields: new Map((await describe(object)).map((field) => [field.name, field])), askedAtMs: clock() };
        described.set(object, known);
      }
      return known.fields.get(name);
    }

    async function findByProperty(
      object: string,
      field: string,
      values: readonly string[],
      fields: readonly string[],
    ): Promise<Map<string, ObjectState[]>> {
      if (field === 'hs_object_id') {
        const states = await readStates(targetOf(object), [...new Set(values)], fields);
        return new Map([...states].map(([id, state]) => [id, state.state === 'present' ? [state] : []]));
      }
      if (isContactEmail(object, field)) return findByUnique(targetOf(object), field, values, fields);
      const property = await knownField(object, field);
      if (property?.unique === true) return findByUnique(targetOf(object), field, values, fields);
      return findBySearch(targetOf(object), { name: field, enumeration: property?.type === 'enumeration' }, values, fields);
    }

    /** An update that the answer does not mention: HubSpot leaves out ids that were merged away. */
    async function lookAfterOmitted(object: string, outcomes: Map<string, WriteOutcome>): Promise<void> {
      const omitted = [...outcomes].filter(([, { outcome }]) => outcome === 'unknown').map(([objectId]) => objectId);
      if (omitted.length === 0 || omitted.length === outcomes.size) return; // nothing answered at all: leave it to the caller
      try {
        for (const [objectId, state] of await readStates(targetOf(object), omitted, [])) {
          if (state.state === 'merged' || state.state === 'deleted') outcomes.set(objectId, { outcome: 'gone' });
        }
      } catch (error) {
        // They stay unknown, and are read again before anything is repeated.
        if (!(error instanceof SyncError)) throw error;
      }
    }

    return {
      system,
      traits,
      describe,

      // All methods are async, so that a refused name rejects like any other refusal.
      async read(object, objectIds, fields) {
        const { properties, associations } = partedFields(object, fields);
        const states = await readStates(targetOf(object), [...new Set(objectIds)], properties);
        if (associations.length === 0) return states;
        // A merged id is answered by its survivor's state under the id that was asked for: states keep their keys.
        const asked = [...states.keys()];
        const tied = await withAssociations(tiesOf(object), [...states.values()], associations);
        return new Map(tied.flatMap((state, i): [string, ObjectState][] => (asked[i] === undefined ? [] : [[asked[i], state]])));
      },

      async findByField(object, field, values, fields) {
        const { properties, associations } = partedFields(object, fields);
        const found = await findByProperty(object, field, values, properties);
        if (associations.length === 0) return found;
        const states = await withAssociations(tiesOf(object), [...found.values()].flat(), associations);
        const byId = new Map(states.map((state) => [state.objectId, state]));
        return new Map([...found].map(([value, list]) => [value, list.map((state) => byId.get(state.objectId) ?? state)]));
      },

      /** Associations go first: what is refused there has then changed nothing, and what is refused after is no news to anybody. */
      async update(object, writes) {
        const outcomes = new Map<string, WriteOutcome>();
        const ties = new Map<string, NativeValues>();
        const valid = new Map<string, { id: string; values: NativeValues }>();
        for (const { objectId, values } of writes) {
          const { properties, associations } = partedValues(values);
          if (!OBJECT_ID.test(objectId)) outcomes.set(objectId, { outcome: 'gone' });
          else {
            valid.set(objectId, { id: objectId, values: properties });
            if (Object.keys(associations).length > 0) ties.set(objectId, associations);
          }
        }
        for (const [objectId, failure] of await writeAssociations(tiesOf(object), ties)) {
          outcomes.set(objectId, failure);
          valid.delete(objectId);
        }
        for (const objectId of ties.keys()) {
          const write = valid.get(objectId);
          if (write === undefined || Object.keys(write.values).length > 0) continue;
          outcomes.set(objectId, { outcome: 'written', objectId }); // nothing but its ties was to be written
          valid.delete(objectId);
        }
        const request = { system, path: `${paths.objects(object)}/batch/update`, stampProperty: lastModifiedProperty(object) };
        const sent = await restOrLater(ties.size > 0, valid, () =>
          writeInBatches(valid, BATCH_SIZE_MAX, (batch) => sendBatch(api, request, batch)),
        );
        await lookAfterOmitted(object, sent);
        return withWrittenTies(new Map([...outcomes, ...sent]), ties);
      },

      async create(object, externalIdField, creates) {
        const request = { system, path: `${paths.objects(object)}/batch/upsert`, stampProperty: lastModifiedProperty(object) };
        const writes = new Map(
          creates.map(({ recordId, values }) => [
            recordId,
            { id: recordId, idProperty: externalIdField, values: partedValues(values).properties },
          ]),
        );
        const outcomes = await writeInBatches(writes, BATCH_SIZE_MAX, (batch) => sendBatch(api, request, batch));
        return tieCreated(tiesOf(object), creates, outcomes);
      },

      async archive(object, objectIds) {
        const outcomes = new Map<string, WriteOutcome>();
        const valid = new Map<string, string>();
        for (const objectId of new Set(objectIds)) {
          if (OBJECT_ID.test(objectId)) valid.set(objectId, objectId);
          else outcomes.set(objectId, { outcome: 'written', objectId });
        }
        const sent = await writeInBatches(valid, BATCH_SIZE_MAX, async (batch) => {
          const inputs = [...batch.keys()].map((id) => ({ id }));
          await api.call({ method: 'POST', path: `${paths.objects(object)}/batch/archive`, body: { inputs }, effect: 'write' });
          // 204 without a body: archived, whether it was live or gone already.
          return {
            outcomes: new Map(inputs.map(({ id }): [string, WriteOutcome] => [id, { outcome: 'written', objectId: id }])),
          };
        });
        return new Map([...outcomes, ...sent]);
      },

      async changes(object, fields, from): Promise<RowPage> {
        const { properties, associations } = partedFields(object, fields);
        return pageWithTies(object, await changePage(targetOf(object), { fields: properties, from, clock }), associations);
      },

      async list(object, wantedFields, cursor): Promise<RowPage> {
        const { properties: fields, associations } = partedFields(object, wantedFields);
        const target = targetOf(object);
        const wanted = propertiesToAsk(object, fields);
        const short = wanted.join(',').length <= PROPERTIES_IN_URL_MAX;
        const properties = encodeURIComponent((short ? wanted : [lastModifiedProperty(object)]).join(','));
        const after = cursor === undefined ? '' : `&after=${encodeURIComponent(cursor)}`;
        const { json } = await api.call({
          method: 'GET',
          path: `${target.path}?limit=${LIST_SIZE_MAX}&properties=${properties}${after}`,
          effect: 'read',
        });
        const found = readRows(target, json);
        const next = nextAfter(json);
        const rows = short
          ? found.map((row) => presentState(row, fields))
          : [
              ...(
                await readStates(
                  target,
                  found.map((row) => row.objectId),
                  fields,
                )
              ).values(),
            ].filter((row) => row.state === 'present');
        return pageWithTies(object, { rows, cursor: next, done: next === undefined }, associations);
      },

      withCorrelation: (ids) => connectorOver(api.withCorrelation(ids)),
    };
  }

  return connectorOver(client);
}

function isContactEmail(object: string, field: string): boolean {
  return field === 'email' && lastModifiedProperty(object) === 'lastmodifieddate';
}

function describedProperty(object: string, property: unknown): FieldDescription[] {
  const name = textAt(property, 'name');
  if (!isObject(property) || name === undefined) return [];
  const metadata = isObject(property.modificationMetadata) ? property.modificationMetadata : {};
  const readOnly = property.calculated === true || metadata.readOnlyValue === true || property.archived === true;
  const options = listAt(property, 'options').flatMap((option) => textAt(option, 'value') ?? []);
  return [
    {
      name,
      type: textAt(property, 'type') ?? 'string',
      writable: !readOnly && name !== 'hs_object_id' && name !== 'createdate' && name !== lastModifiedProperty(object),
      unique: property.hasUniqueValue === true || name === 'hs_object_id' || isContactEmail(object, name),
      ...(options.length === 0 ? {} : { options }),
    },
  ];
}
