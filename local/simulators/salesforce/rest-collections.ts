import * as z from 'zod';
import { type ApiAnswer, type ApiCall, ok } from './api-call.ts';
import { apiAuthor, inTransaction, refuseReadOnly, tableAt } from './api-writes.ts';
import type { Org } from './org.ts';
import { id18 } from './record-id.ts';
import { namedFields } from './rest-rows.ts';
import type { RowIndex } from './row-index.ts';
import { invalidCrossReference, RowRefusal } from './row-refusal.ts';
import { showRow } from './rows.ts';
import { rowsByExternalId, type Transaction } from './transaction.ts';

/**
 * `/composite/sobjects`: many rows in one call. 200 even if every row failed; results stand in the order of the request.
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm)
 */

const WRITES_MAX = 200;
const READS_MAX = 2000;

const inputRecordSchema = z.looseObject({ attributes: z.looseObject({ type: z.string() }).optional() });
type InputRecord = z.infer<typeof inputRecordSchema>;
const writeBodySchema = z.object({ allOrNone: z.boolean().default(false), records: z.array(inputRecordSchema).default([]) });
const readBodySchema = z.object({ ids: z.array(z.string()), fields: z.array(z.string()) });

interface RowResult {
  readonly id?: string;
  readonly success: boolean;
  readonly errors: readonly unknown[];
  readonly created?: boolean;
}

export function createMany(org: Org, call: ApiCall): Promise<ApiAnswer> {
  return writeMany(org, call, ({ table, fields }, transaction) => ({ id: transaction.create(table.schema.name, fields) }));
}

export function updateMany(org: Org, call: ApiCall): Promise<ApiAnswer> {
  return writeMany(org, call, ({ table, fields, id }, transaction) => {
    if (id === undefined) throw new RowRefusal('MISSING_ARGUMENT', 'Id not specified in an update call');
    const rowId = rowIdOf(table, id);
    transaction.update(table.schema.name, rowId, fields);
    return { id: rowId };
  });
}

export function upsertMany(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const table = tableAt(org, call);
  const keyField = table.schema.field(call.path.field ?? '');
  rowsByExternalId(table, call.path.field ?? '', ''); // refuses a field that is no external id
  const keyOf = (record: InputRecord) => valueByName(record, keyField?.name ?? '');
  const { records } = writeBody(call);
  const normalized = (key: unknown) => (keyField?.caseSensitive ? String(key ?? '') : String(key ?? '').toLowerCase());
  const counts = new Map<string, number>();
  for (const record of records) {
    const key = normalized(keyOf(record));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return writeMany(
    org,
    call,
    ({ fields, id, record }, transaction) => {
      const key = keyOf(record);
      if (id !== undefined) throw new RowRefusal('INVALID_FIELD', 'The Id field should not be specified in the sobject data.');
      if (key === undefined || key === null || key === '') {
        throw new RowRefusal('MISSING_ARGUMENT', `${keyField?.name} not specified`);
      }
      if ((counts.get(normalized(key)) ?? 0) > 1) {
        throw new RowRefusal('DUPLICATE_VALUE', `Duplicate external id specified: ${key}`, [keyField?.name ?? '']);
      }
      const found = rowsByExternalId(table, keyField?.name ?? '', String(key));
      const [row] = found;
      if (found.length > 1) throw new RowRefusal('DUPLICATE_VALUE', `${keyField?.name}: more than one record found for ${key}`);
      if (!row) return { id: transaction.create(table.schema.name, fields), created: true };
      transaction.update(row.object, row.id, fields);
      return { id: row.id, created: false };
    },
    // What fails would have been created, unless a row of that key is there.
    (record) => ({ created: rowsByExternalId(table, keyField?.name ?? '', String(keyOf(record) ?? '')).length === 0 }),
  );
}

export function deleteMany(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const ids = (call.query.get('ids') ?? '').split(',').filter((id) => id !== '');
  refuseCount(ids.length, WRITES_MAX);
  const allOrNone = call.query.get('allOrNone') === 'true';
  return inTransaction(org, apiAuthor(org, call, true), (transaction) =>
    ok(
      eachRow(
        transaction,
        allOrNone,
        ids,
        (id) => ({ id }),
        (given) => {
          const table = tableOfId(org, given);
          refuseReadOnly(table);
          const id = rowIdOf(table, given);
          transaction.remove(table.schema.name, id);
          return { id };
        },
      ),
    ),
  );
}

/** Rows in the order of the ids; null in place of those that are not there, or not any more. */
export function readMany(org: Org, call: ApiCall): ApiAnswer {
  const table = tableAt(org, call);
  const { ids, fields } = call.method === 'GET' ? readQuery(call) : readBody(call);
  refuseCount(ids.length, READS_MAX);
  const columns = namedFields(table.schema, fields);
  return ok(
    ids.map((given) => {
      const id = id18(given.trim());
      if (id === undefined) throw new RowRefusal('MALFORMED_ID', `malformed id ${given}`);
      const row = table.get(id);
      return row && row.deletedAtMs === undefined ? { ...showRow(row, columns, call.version), Id: row.id } : null;
    }),
  );
}

interface InputRow {
  readonly table: RowIndex;
  readonly id: string | undefined;
  readonly fields: Record<string, unknown>;
  readonly record: InputRecord;
}

function writeMany(
  org: Org,
  call: ApiCall,
  write: (row: InputRow, transaction: Transaction) => Omit<RowResult, 'success' | 'errors'>,
  ofRefused: (record: InputRecord) => Partial<RowResult> = () => ({}),
): Promise<ApiAnswer> {
  const { allOrNone, records } = writeBody(call);
  return inTransaction(org, apiAuthor(org, call, true), (transaction) => {
    const atStart = new Map(records.map((record) => [record, ofRefused(record)]));
    const results = eachRow(
      transaction,
      allOrNone,
      records,
      (record) => atStart.get(record) ?? {},
      (record) => write(inputRow(org, record), transaction),
    );
    return ok(results);
  });
}

/** Writes row after row. With `allOrNone` one refusal takes everything back, and the others' results say so. */
function eachRow<T>(
  transaction: Transaction,
  allOrNone: boolean,
  inputs: readonly T[],
  ofRefused: (input: T) => Partial<RowResult>,
  write: (input: T) => Omit<RowResult, 'success' | 'errors'>,
): RowResult[] {
  let refused = 0;
  const results = inputs.map((input): RowResult => {
    try {
      return { ...write(input), success: true, errors: [] };
    } catch (error) {
      // A value that cannot be parsed spoils the whole request: its body is read before any row is written.
      if (!(error instanceof RowRefusal) || error.code === 'JSON_PARSER_ERROR') throw error;
      refused += 1;
      return { success: false, errors: [rowError(error)], ...ofRefused(input) };
    }
  });
  if (!allOrNone || refused === 0) return results;
  transaction.rollback();
  return results.map((result, i) => {
    const input = inputs[i];
    if (!result.success || input === undefined) return result;
    return { success: false, errors: [rowError(rolledBack())], ...ofRefused(input) };
  });
}

const rolledBack = () =>
  new RowRefusal(
    'ALL_OR_NONE_OPERATION_ROLLED_BACK',
    'Record rolled back because not all records were valid and the request was using AllOrNone header',
  );

/** An error inside a collection has a `statusCode` where the error of a whole call has an `errorCode`. */
function rowError(error: RowRefusal) {
  return { ...error.details, statusCode: error.code, message: error.message, fields: error.fields };
}

function inputRow(org: Org, record: InputRecord): InputRow {
  const type = record.attributes?.type ?? '';
  const table = org.table(type);
  if (!table) throw new RowRefusal('INVALID_TYPE', `sObject type '${type}' is not supported.`);
  refuseReadOnly(table);
  const fields: Record<string, unknown> = {};
  let id: string | undefined;
  for (const [name, value] of Object.entries(record)) {
    if (name.toLowerCase() === 'id') id = String(value);
    else fields[name] = value;
  }
  return { table, id, fields, record };
}

function rowIdOf(table: RowIndex, given: string): string {
  const id = id18(given);
  if (id === undefined) throw new RowRefusal('MALFORMED_ID', `malformed id ${given}`);
  if (!id.startsWith(table.schema.keyPrefix)) {
    throw new RowRefusal('MALFORMED_ID', `${table.schema.label} ID: id value of incorrect type: ${given}`, ['Id']);
  }
  return id;
}

function tableOfId(org: Org, given: string): RowIndex {
  if (id18(given) === undefined) throw new RowRefusal('MALFORMED_ID', `malformed id ${given}`);
  const tables = org.objects.flatMap((object) => org.table(object) ?? []);
  const table = tables.find((candidate) => given.startsWith(candidate.schema.keyPrefix));
  if (!table) throw invalidCrossReference();
  return table;
}

function valueByName(record: InputRecord, name: string): unknown {
  return Object.entries(record).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

function writeBody(call: ApiCall): z.infer<typeof writeBodySchema> {
  const body = writeBodySchema.safeParse(call.json());
  if (!body.success) throw new RowRefusal('JSON_PARSER_ERROR', z.prettifyError(body.error));
  refuseCount(body.data.records.length, WRITES_MAX);
  const untyped = body.data.records.findIndex((record) => record.attributes === undefined);
  if (untyped < 0) return body.data;
  throw new RowRefusal('INVALID_INPUT', `Include an entity type with the record: ${untyped}`);
}

function readBody(call: ApiCall): z.infer<typeof readBodySchema> {
  const body = readBodySchema.safeParse(call.json());
  if (!body.success) throw new RowRefusal('JSON_PARSER_ERROR', z.prettifyError(body.error));
  return body.data;
}

function readQuery(call: ApiCall): z.infer<typeof readBodySchema> {
  const list = (name: string) => (call.query.get(name) ?? '').split(',').filter((item) => item !== '');
  return { ids: list('ids'), fields: list('fields') };
}

function refuseCount(count: number, max: number): void {
  if (count === 0) throw new RowRefusal('REQUIRED_FIELD_MISSING', 'At least 1 record is required');
  if (count > max)
    throw new RowRefusal('LIMIT_EXCEEDED', `at most ${max} records are allowed in one call, this one has ${count}`);
}
