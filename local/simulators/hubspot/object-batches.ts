import * as z from 'zod';
import { type ApiAnswer, type ApiCall, type ApiWorld, type Endpoint, parseBody, valuesSchema } from './api-call.ts';
import { ApiRefusal, type ErrorDetail, invalidRequest } from './api-refusal.ts';
import { checkedAssociations, ownAssociationsSchema, tie } from './association-endpoints.ts';
import type { CrmRecord } from './crm-record.ts';
import { draftCreate, draftUpdate, type RecordDraft, refuseConflicts, type WriteRules } from './record-draft.ts';
import { lookUp, lookUpLive } from './record-lookup.ts';
import type { RecordStore } from './record-store.ts';
import { shownRecord, shownWrite } from './shown-record.ts';
import { isoStamp } from './timestamps.ts';

/** HubSpot: developers.hubspot.com/docs/guides/crm/using-object-apis */
const INPUTS_MAX = 100;
/** With histories; message and number as captured in github.com/activepieces/activepieces/pull/9359. */
const INPUTS_WITH_HISTORY_MAX = 50;

const idInput = z.object({ id: z.string() });
const readSchema = z.object({
  inputs: z.array(idInput),
  properties: z.array(z.string()).nullish(),
  propertiesWithHistory: z.array(z.string()).nullish(),
  idProperty: z.string().nullish(),
});
const archiveSchema = z.object({ inputs: z.array(idInput) });
const traced = z.object({ properties: valuesSchema, objectWriteTraceId: z.string().optional() });
const createSchema = z.object({
  inputs: z.array(traced.extend({ associations: ownAssociationsSchema.default([]) })),
});
const updateSchema = z.object({ inputs: z.array(traced.extend({ id: z.string(), idProperty: z.string().optional() })) });

/** One row of a batched write. `draft` undefined: the row is left out of the answer without a word. */
interface Row {
  readonly trace: string | undefined;
  readonly written: Readonly<Record<string, string>>;
  draft(): RecordDraft | undefined;
  /** Ties that a new record brings along. */
  ties?(): ReturnType<typeof checkedAssociations>;
}

interface RowError {
  readonly status: 'error';
  readonly category: string;
  readonly message: string;
  readonly context: Readonly<Record<string, readonly string[]>>;
  readonly errors?: readonly ErrorDetail[];
}

/** What `POST .../batch/{name}` means. */
export function batchEndpoint(world: ApiWorld, store: RecordStore, name: string): Endpoint | undefined {
  const endpoint = (access: 'read' | 'write', run: (call: ApiCall) => ApiAnswer): Endpoint => ({
    suffix: `/batch/${name}`,
    lane: 'general',
    access,
    run,
  });
  switch (name) {
    case 'read':
      return endpoint('read', (call) => read(world, store, call));
    case 'create':
      return endpoint('write', (call) => create(world, store, call));
    case 'update':
      return endpoint('write', (call) => update(world, store, call));
    case 'upsert':
      return endpoint('write', (call) => upsert(world, store, call));
    case 'archive':
      return endpoint('write', (call) => {
        const { inputs } = parseBody(archiveSchema, call.body);
        refuseTooMany(inputs);
        for (const { id } of inputs) {
          const record = lookUpLive(store, id, undefined);
          if (record !== undefined) world.portal.archive(store, record, call.author, { call: call.number });
        }
        return { status: 204 };
      });
    default:
      return undefined;
  }
}

function read(world: ApiWorld, store: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs, properties, propertiesWithHistory, idProperty } = parseBody(readSchema, call.body);
  refuseTooMany(inputs);
  const withHistory = propertiesWithHistory ?? [];
  if (withHistory.length > 0 && inputs.length > INPUTS_WITH_HISTORY_MAX) {
    throw invalidRequest(
      `The maximum number of inputs supported in a batch request for property histories is ${INPUTS_WITH_HISTORY_MAX}. Please reduce the number of items and try again`,
    );
  }
  const archived = call.query.get('archived') === 'true';
  const records = new Map<string, CrmRecord>();
  const missing: string[] = [];
  for (const { id } of inputs) {
    const record = lookUp(store, id, idProperty ?? undefined);
    if (record === undefined || (record.archivedAtMs !== undefined) !== archived) missing.push(id);
    else records.set(record.id, record);
  }
  const results = [...records.values()].map((record) =>
    shownRecord(store, record, { properties: properties ?? [], withHistory }),
  );
  return answer(world, 200, results, missing.length > 0 ? [notFoundError(store, missing)] : []);
}

function create(world: ApiWorld, store: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(createSchema, call.body);
  refuseTooMany(inputs);
  const rules = rulesOf(world, call);
  const rows = inputs.map(
    ({ properties, objectWriteTraceId, associations }): Row => ({
      trace: objectWriteTraceId,
      written: properties,
      draft: () => draftCreate(store, properties, rules),
      ties: () => checkedAssociations(world, store, associations),
    }),
  );
  return write(world, store, call, rows, 201);
}

function update(world: ApiWorld, store: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(updateSchema, call.body);
  refuseTooMany(inputs);
  refuseDuplicates(inputs);
  const rules = rulesOf(world, call);
  const rows = inputs.map(
    ({ id, idProperty, properties, objectWriteTraceId }): Row => ({
      trace: objectWriteTraceId,
      written: properties,
      draft() {
        const before = lookUpLive(store, id, idProperty);
        if (before === undefined) throw new MissingRow(store, id);
        const viaMerge = idProperty === undefined && store.wasMerged(id);
        if (viaMerge && world.behaviour.mergedIdsInBatchUpdate === 'omit') return undefined;
        return draftUpdate(store, before, properties, rules);
      },
    }),
  );
  return write(world, store, call, rows, 200);
}

function upsert(world: ApiWorld, store: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(updateSchema, call.body);
  refuseTooMany(inputs);
  refuseDuplicates(inputs);
  const rules = rulesOf(world, call);
  const rows = inputs.map(
    ({ id, idProperty, properties, objectWriteTraceId }): Row => ({
      trace: objectWriteTraceId,
      written: idProperty === undefined ? properties : { [idProperty]: id, ...properties },
      draft() {
        if (idProperty === undefined) throw invalidRequest('idProperty is needed for an upsert');
        const before = lookUpLive(store, id, idProperty);
        if (before !== undefined) return draftUpdate(store, before, properties, rules);
        return draftCreate(store, { [idProperty]: id, ...properties }, rules);
      },
    }),
  );
  return write(world, store, call, rows, 200, (row) => ({ new: row.before === undefined }));
}

/**
 * Commits the rows of a batch. Single rows fail alone only if every input carries a trace id of
 * its own; otherwise the first bad row fails the call, and nothing is written. Ids that do not
 * exist are reported either way.
 * HubSpot: developers.hubspot.com/docs/api-reference/error-handling, "Multi-status errors"
 */
function write(
  world: ApiWorld,
  store: RecordStore,
  call: ApiCall,
  rows: readonly Row[],
  status: 200 | 201,
  more: (draft: RecordDraft) => Record<string, unknown> = () => ({}),
): ApiAnswer {
  const traces = new Set(rows.flatMap(({ trace }) => trace ?? []));
  const alone = traces.size === rows.length;
  const results: Record<string, unknown>[] = [];
  const errors: RowError[] = [];
  const missing: string[] = [];
  const commit = (row: Row, draft: RecordDraft) => {
    const trace = call.trace ?? row.trace;
    const ties = row.ties?.() ?? [];
    const record = world.portal.commit(draft, call.author, { call: call.number, ...(trace !== undefined && { trace }) });
    for (const own of ties) tie(world, { ...own, from: store, fromId: record.id }, call);
    const traceId = row.trace === undefined ? {} : { objectWriteTraceId: row.trace };
    results.push({ ...shownWrite(store, record, row.written), ...more(draft), ...traceId });
  };

  const checked: { row: Row; draft: RecordDraft }[] = [];
  const claimed = new Set<string>();
  for (const row of rows) {
    try {
      const draft = row.draft();
      if (draft === undefined) continue;
      row.ties?.();
      refuseConflicts(draft, alone ? undefined : claimed);
      // Rows that fail alone see what earlier rows did; rows that fail together wait for all others.
      if (alone) commit(row, draft);
      else checked.push({ row, draft });
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
      if (alone) errors.push(rowError(error, row.trace ?? ''));
      else if (error instanceof MissingRow) missing.push(error.id);
      else throw error;
    }
  }
  for (const { row, draft } of checked) commit(row, draft);
  if (missing.length > 0) errors.push(notFoundError(store, missing));
  return answer(world, status, results, errors);
}

function answer(
  world: ApiWorld,
  status: 200 | 201,
  results: readonly Record<string, unknown>[],
  errors: readonly RowError[],
): ApiAnswer {
  const at = isoStamp(world.now());
  const shown = world.behaviour.shuffleBatchResults ? world.random.shuffled(results) : results;
  const failures = errors.length > 0 ? { numErrors: errors.length, errors } : {};
  return {
    status: errors.length > 0 ? 207 : status,
    body: { status: 'COMPLETE', results: shown, ...failures, startedAt: at, completedAt: at },
  };
}

class MissingRow extends ApiRefusal {
  readonly id: string;

  constructor(store: RecordStore, id: string) {
    super(404, notFoundError(store, [id]));
    this.id = id;
  }
}

function notFoundError(store: RecordStore, ids: readonly string[]): RowError {
  return {
    status: 'error',
    category: 'OBJECT_NOT_FOUND',
    message: `Could not get some ${store.type.singular.toUpperCase()} objects, they may be deleted or not exist. Check that ids are valid.`,
    context: { ids },
  };
}

function rowError(refusal: ApiRefusal, trace: string): RowError {
  const { category = 'VALIDATION_ERROR', message, context, errors } = refusal.body;
  return {
    status: 'error',
    category,
    message,
    context: { ...context, objectWriteTraceId: [trace] },
    ...(errors ? { errors } : {}),
  };
}

function rulesOf(world: ApiWorld, call: ApiCall): WriteRules {
  return { behaviour: world.behaviour, dated: call.dated };
}

function refuseTooMany(inputs: readonly unknown[]): void {
  if (inputs.length > INPUTS_MAX) throw invalidRequest(`At most ${INPUTS_MAX} inputs in a batch, there are ${inputs.length}`);
}

function refuseDuplicates(inputs: readonly { id: string; idProperty?: string | undefined }[]): void {
  const seen = new Set<string>();
  for (const { id, idProperty } of inputs) {
    const key = `${idProperty ?? ''}:${id}`;
    if (seen.has(key)) throw invalidRequest(`Duplicate IDs found in batch input: [${id}]. IDs must be unique`);
    seen.add(key);
  }
}
