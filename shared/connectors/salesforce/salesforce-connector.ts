import { RequestRefusedError, SyncError } from '../../errors.ts';
import type { NativeValues } from '../../sync/change-hint.ts';
import { accessGrants } from '../access-grant.ts';
import { isObject, listAt, requiredList, textAt } from '../answer-shape.ts';
import { type ApiClient, apiClient } from '../api-client.ts';
import { type BatchAnswer, batchesOf, writeInBatches } from '../batched-write.ts';
import type { SalesforceConnection } from '../connection.ts';
import type { ApiBudget, FieldDescription, ObjectState, RowPage, SystemTraits, WriteOutcome } from '../connector.ts';
import type { CorrelatedConnector } from '../correlated-connector.ts';
import { askedAtTheirs, type Fetch, type HttpAnswer } from '../transport.ts';
import { cursorAfter, readCursor } from './change-cursor.ts';
import { salesforceDialect } from './dialect.ts';
import { fetchSalesforceGrant } from './grant.ts';
import { recordId18 } from './record-id.ts';
import { fieldsToRead, rowReader, type SalesforceRow } from './row.ts';
import { literalLists, soqlName, soqlText, soqlTime } from './soql.ts';
import { outcomeOf, refusedOutcome } from './write-outcome.ts';

/** Limits of sObject Collections and query pages. Salesforce: REST API Developer Guide, "sObject Collections". */
const RETRIEVE_SIZE_MAX = 2_000;
const COLLECTION_SIZE_MAX = 200;
const PAGE_SIZE = 2_000;
/** One search for values may find this many pages; more is a mapping that matches on something not distinctive. */
const MATCH_PAGES_MAX = 5;

const DEFAULT_TRAITS: SystemTraits = {
  stampResolutionMs: 1_000,
  readLagMs: 0,
  // A stamp is taken before its transaction commits; rows were seen to appear minutes behind it.
  listLagMs: 10 * 60_000,
  readBatchSizeMax: RETRIEVE_SIZE_MAX,
  writeBatchSizeMax: COLLECTION_SIZE_MAX,
};

export interface SalesforceConnectorOptions {
  readonly connection: SalesforceConnection;
  readonly budget: ApiBudget;
  /** The system's name in the syncs; `salesforce` where there is only one. */
  readonly system?: string;
  readonly clock?: () => number;
  readonly fetch?: Fetch;
  readonly traits?: Partial<SystemTraits>;
  readonly callTimeoutMs?: number;
  readonly budgetWaitMs?: number;
}

export interface SalesforceConnector extends CorrelatedConnector {
  /** Ids of the user and the organisation that the credentials stand for; for `integrationUserId` in the secret. */
  identity(): Promise<{ userId?: string; organizationId?: string }>;
}

/** Speaks the REST API of a Salesforce organisation, pinned to one API version. */
export function salesforceConnector(options: SalesforceConnectorOptions): SalesforceConnector {
  const { connection } = options;
  const system = options.system ?? 'salesforce';
  const clock = options.clock ?? Date.now;
  const fetch = options.fetch ?? globalThis.fetch;
  const callTimeoutMs = options.callTimeoutMs ?? 20_000;
  const traits = { ...DEFAULT_TRAITS, ...options.traits };
  const grants = accessGrants(() => fetchSalesforceGrant(system, connection, { fetch, clock, timeoutMs: callTimeoutMs }), clock);
  const client = apiClient({
    dialect: salesforceDialect(system, connection.dailyCallShare ?? 1),
    grants,
    budget: options.budget,
    clock,
    fetch,
    callTimeoutMs,
    budgetWaitMs: options.budgetWaitMs ?? 5_000,
  });
  const data = `/services/data/v${connection.apiVersion}`;
  const name = (text: string) => soqlName(system, text);

  async function ourUserId(): Promise<string | undefined> {
    return connection.integrationUserId ?? (await grants.current()).userId;
  }

  function connectorOver(api: ApiClient): SalesforceConnector {
    /** Asks one query and follows its pages. */
    async function queryAllPages(resource: 'query' | 'queryAll', soql: string): Promise<unknown[]> {
      const rows: unknown[] = [];
      let path = `${data}/${resource}?q=${encodeURIComponent(soql)}`;
      for (let pages = 0; pages < MATCH_PAGES_MAX; pages++) {
        const { json } = await api.call({ method: 'GET', path, effect: 'read' });
        rows.push(...requiredList(system, isObject(json) ? json.records : undefined));
        const next = nextPage(json);
        if (next === undefined) return rows;
        path = next;
      }
      throw new RequestRefusedError(
        system,
        'TOO_MANY_MATCHES',
        `more than ${MATCH_PAGES_MAX} pages match; match on a more distinctive field`,
      );
    }

    /** One page of rows in key order; `full` when more may follow. */
    async function keysetPage(
      resource: 'query' | 'queryAll',
      soql: string,
    ): Promise<{ rows: readonly unknown[]; full: boolean; answer: HttpAnswer }> {
      const answer = await api.call({
        method: 'GET',
        path: `${data}/${resource}?q=${encodeURIComponent(`${soql} LIMIT ${PAGE_SIZE}`)}`,
        headers: { 'sforce-query-options': `batchSize=${PAGE_SIZE}` },
        effect: 'read',
      });
      const rows = requiredList(system, isObject(answer.json) ? answer.json.records : undefined);
      // The batch size is a hint: a shorter page with more behind it is followed by key like a full one.
      return { rows, full: rows.length >= PAGE_SIZE || nextPage(answer.json) !== undefined, answer };
    }

    /** Tells deleted, merged and missing apart for ids that retrieve did not show. */
    async function readTombstones(
      object: string,
      ids: readonly string[],
      fields: readonly string[],
    ): Promise<Map<string, SalesforceRow>> {
      const read = rowReader(fields, await ourUserId());
      const select = fieldsToRead(object, fields, true).map(name).join(', ');
      const rows = new Map<string, SalesforceRow>();
      for (const list of literalLists(ids.map(soqlText))) {
        const soql = `SELECT ${select} FROM ${name(object)} WHERE Id IN (${list.join(',')})`;
        for (const raw of await queryAllPages('queryAll', soql)) {
          const row = read(raw);
          if (row !== undefined) rows.set(row.objectId, row);
        }
      }
      return rows;
    }

    /** "Invalid cross reference id" and "entity is deleted" are said of a row and of what it refers to: a look tells which. */
    async function lookAfterReferences(
      object: string,
      writes: ReadonlyMap<string, { readonly id: string; readonly values: NativeValues }>,
      outcomes: Map<string, WriteOutcome>,
    ): Promise<void> {
      const doubted = [...writes].filter(
        ([key, { values }]) => outcomes.get(key)?.outcome === 'gone' && referencesIn(values).length > 0,
      );
      if (doubted.length === 0) return;
      const soqlIds = doubted.map(([, { id }]) => id);
      const live = new Set<string>();
      try {
        for (const list of literalLists(soqlIds.map(soqlText))) {
          const soql = `SELECT Id FROM ${name(object)} WHERE Id IN (${list.join(',')})`;
          for (const row of await queryAllPages('query', soql)) live.add(recordId18(textAt(row, 'Id') ?? '') ?? '');
        }
      } catch (error) {
        // They count as gone: the next read of each sees whether it is.
        if (!(error instanceof SyncError)) throw error;
      }
      for (const [key, { id, values }] of doubted) {
        if (!live.has(id)) continue;
        const message = 'one of the rows it refers to does not exist any more';
        outcomes.set(key, { outcome: 'rejected', code: 'INVALID_CROSS_REFERENCE_KEY', message, fields: referencesIn(values) });
      }
    }

    /** Sends one collections call and gives each row the result at its position: Salesforce keeps the order. */
    async function sendCollection(
      request: { method: 'PATCH' | 'DELETE'; path: string; body?: unknown },
      sent: readonly { key: string; objectId?: string }[],
    ): Promise<BatchAnswer> {
      const answer = await api.call({ ...request, effect: 'write', judged: [400] });
      if (answer.status === 400) {
        const [error] = requiredList(system, answer.json);
        // One unparsable value makes Salesforce refuse the whole call.
        return { settled: new Map(), alone: refusedOutcome(error) };
      }
      const results = requiredList(system, answer.json);
      return { outcomes: new Map(sent.map(({ key, objectId }, i) => [key, outcomeOf(results[i], objectId)])) };
    }

    return {
      system,
      traits,

      async read(object, objectIds, fields) {
        const states = new Map<string, ObjectState>();
        const askedBy = new Map<string, string[]>(); // 18-character id -> the forms asked for
        for (const asked of new Set(objectIds)) {
          const id = recordId18(asked);
          if (id === undefined) states.set(asked, { state: 'missing', objectId: asked });
          else askedBy.set(id, [...(askedBy.get(id) ?? []), asked]);
        }
        if (askedBy.size === 0) return states;
        const read = rowReader(fields, await ourUserId());
        const found = new Map<string, SalesforceRow>();
        for (const ids of batchesOf([...askedBy.keys()], RETRIEVE_SIZE_MAX)) {
          const { json } = await api.call({
            method: 'POST',
            path: `${data}/composite/sobjects/${name(object)}`,
            body: { ids, fields: fieldsToRead(object, fields, false).map(name) },
            effect: 'read',
          });
          for (const raw of requiredList(system, json)) {
            const row = read(raw);
            // A deleted row is looked up once more: only there the winner of a merge is named.
            const settled =
              row?.state.state === 'present' || (row?.state.state === 'merged' && row.state.intoObject !== undefined);
            if (row !== undefined && settled) found.set(row.objectId, row);
          }
        }
        const absent = [...askedBy.keys()].filter((id) => !found.has(id));
        if (absent.length > 0) for (const [id, row] of await readTombstones(object, absent, fields)) found.set(id, row);
        for (const [id, forms] of askedBy) {
          const state = found.get(id)?.state ?? { state: 'missing', objectId: id };
          for (const asked of forms) states.set(asked, state);
        }
        return states;
      },

      async findByField(object, field, values, fields) {
        const matches = new Map<string, ObjectState[]>(values.map((value) => [value, []]));
        const askedBy = new Map<string, string[]>(); // comparable form -> the values asked for
        for (const value of matches.keys()) {
          const form = comparable(value);
          if (form !== '') askedBy.set(form, [...(askedBy.get(form) ?? []), value]);
        }
        const read = rowReader([...new Set([...fields, field])], await ourUserId());
        const select = fieldsToRead(object, [...fields, field], false)
          .map(name)
          .join(', ');
        const literals = [...askedBy.values()].flatMap(([first]) => (first === undefined ? [] : [soqlText(first.trim())]));
        for (const list of literalLists(literals)) {
          const soql = `SELECT ${select} FROM ${name(object)} WHERE ${name(field)} IN (${list.join(',')})`;
          for (const raw of await queryAllPages('query', soql)) {
            const state = read(raw)?.state;
            if (state?.state !== 'present') continue;
            const shown = state.values[field];
            const asked = shown === null || shown === undefined ? undefined : askedBy.get(comparable(String(shown)));
            for (const value of asked ?? []) matches.get(value)?.push(state);
          }
        }
        return matches;
      },

      async update(object, writes) {
        const path = `${data}/composite/sobjects`;
        const type = name(object);
        const outcomes = new Map<string, WriteOutcome>();
        const valid = new Map<string, { id: string; values: NativeValues }>();
        for (const { objectId, values } of writes) {
          const id = recordId18(objectId);
          if (id === undefined) outcomes.set(objectId, { outcome: 'gone' });
          else valid.set(objectId, { id, values });
        }
        const sent = await writeInBatches(valid, COLLECTION_SIZE_MAX, (batch) =>
          sendCollection(
            {
              method: 'PATCH',
              path,
              body: {
                allOrNone: false,
                records: [...batch.values()].map(({ id, values }) => ({ ...values, attributes: { type }, id })),
              },
            },
            [...batch].map(([key, { id }]) => ({ key, objectId: id })),
          ),
        );
        await lookAfterReferences(object, valid, sent);
        return new Map([...outcomes, ...sent]);
      },

      async create(object, externalIdField, creates) {
        const type = name(object);
        const key = name(externalIdField);
        const path = `${data}/composite/sobjects/${type}/${key}`;
        return writeInBatches(new Map(creates.map((create) => [create.recordId, create.values])), COLLECTION_SIZE_MAX, (batch) =>
          sendCollection(
            {
              method: 'PATCH',
              path,
              body: {
                allOrNone: false,
                records: [...batch].map(([recordId, values]) => ({ ...values, attributes: { type }, [key]: recordId })),
              },
            },
            [...batch.keys()].map((recordId) => ({ key: recordId })),
          ),
        );
      },

      async archive(_object, objectIds) {
        const outcomes = new Map<string, WriteOutcome>();
        const valid = new Map<string, string>();
        for (const objectId of new Set(objectIds)) {
          const id = recordId18(objectId);
          // Nothing can be there under such an id, and gone is what was asked for.
          if (id === undefined) outcomes.set(objectId, { outcome: 'written', objectId });
          else valid.set(objectId, id);
        }
        const sent = await writeInBatches(valid, COLLECTION_SIZE_MAX, (batch) =>
          sendCollection(
            { method: 'DELETE', path: `${data}/composite/sobjects?ids=${[...batch.values()].join(',')}&allOrNone=false` },
            [...batch].map(([key, id]) => ({ key, objectId: id })),
          ),
        );
        for (const [objectId, outcome] of sent) {
          outcomes.set(objectId, outcome.outcome === 'gone' ? { outcome: 'written', objectId } : outcome);
        }
        return outcomes;
      },

      async changes(object, fields, from): Promise<RowPage> {
        const position = readCursor(from.cursor, from);
        const stamp = soqlTime(position.fromMs);
        const where =
          position.afterId === undefined
            ? `SystemModstamp >= ${stamp}`
            : `SystemModstamp > ${stamp} OR (SystemModstamp = ${stamp} AND Id > ${soqlText(position.afterId)})`;
        const select = fieldsToRead(object, fields, true).map(name).join(', ');
        const read = rowReader(fields, await ourUserId());
        const askedAtMs = clock();
        const page = await keysetPage(
          'queryAll',
          `SELECT ${select} FROM ${name(object)} WHERE ${where} ORDER BY SystemModstamp, Id`,
        );
        const rows = readAll(page.rows, read);
        return {
          rows: rows.map((row) => row.state),
          ...cursorAfter(position, {
            last: page.full ? rows.at(-1) : undefined,
            askedAtMs: askedAtTheirs(page.answer, { askedAtMs, answeredAtMs: clock() }),
            overlapMs: from.overlapMs,
          }),
        };
      },

      async list(object, fields, cursor): Promise<RowPage> {
        const select = fieldsToRead(object, fields, false).map(name).join(', ');
        const where = cursor === undefined ? '' : ` WHERE Id > ${soqlText(recordId18(cursor) ?? '')}`;
        const read = rowReader(fields, await ourUserId());
        const page = await keysetPage('query', `SELECT ${select} FROM ${name(object)}${where} ORDER BY Id`);
        const rows = readAll(page.rows, read);
        const next = page.full ? rows.at(-1)?.objectId : undefined;
        return { rows: rows.map((row) => row.state), cursor: next, done: next === undefined };
      },

      async describe(object): Promise<readonly FieldDescription[]> {
        const { json } = await api.call({ method: 'GET', path: `${data}/sobjects/${name(object)}/describe`, effect: 'read' });
        return requiredList(system, isObject(json) ? json.fields : undefined).flatMap((field) => describedField(field));
      },

      withCorrelation: (ids) => connectorOver(api.withCorrelation(ids)),

      async identity() {
        const { userId, accountId } = await grants.current();
        return { userId, organizationId: accountId };
      },
    };
  }

  /** Rows of a page, all of them: a row that cannot be read would be passed over for good. */
  function readAll(raw: readonly unknown[], read: (row: unknown) => SalesforceRow | undefined): SalesforceRow[] {
    return raw.map((item) => {
      const row = read(item);
      if (row === undefined) throw new RequestRefusedError(system, 'BAD_ROW', 'a row lacks Id or SystemModstamp');
      return row;
    });
  }

  return connectorOver(client);
}

/** The next page of a query: a path of this API, never an address elsewhere. */
function nextPage(json: unknown): string | undefined {
  const path = textAt(json, 'nextRecordsUrl');
  if (!isObject(json) || json.done === true || path === undefined) return undefined;
  return /^\/services\/data\/v\d{2,3}\.0\/query(All)?\/[A-Za-z0-9-]+$/.test(path) ? path : undefined;
}

/** Names of the fields that hold the id of another row, as far as names and values tell. */
function referencesIn(values: NativeValues): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    typeof value === 'string' && /(?:Id|__c)$/.test(name) && recordId18(value) !== undefined ? [name] : [],
  );
}

/** SOQL compares text without regard to case, and Salesforce stores it trimmed. */
function comparable(text: string): string {
  return text.trim().toLowerCase();
}

function describedField(field: unknown): FieldDescription[] {
  const fieldName = textAt(field, 'name');
  if (!isObject(field) || fieldName === undefined) return [];
  const options = listAt(field, 'picklistValues').flatMap((option) => {
    const value = isObject(option) && option.active !== false ? textAt(option, 'value') : undefined;
    return value === undefined ? [] : [value];
  });
  return [
    {
      name: fieldName,
      type: textAt(field, 'type') ?? 'string',
      writable: field.updateable === true,
      unique: field.unique === true || fieldName === 'Id',
      ...(options.length === 0 ? {} : { options }),
    },
  ];
}
