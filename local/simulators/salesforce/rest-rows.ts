import * as z from 'zod';
import { type ApiAnswer, type ApiCall, dateHeaderMs, noContent, ok } from './api-call.ts';
import { apiAuthor, inTransaction, liveRowAt, refuseReadOnly, tableAt } from './api-writes.ts';
import type { FieldSpec, ObjectSchema } from './object-schema.ts';
import type { Org } from './org.ts';
import type { RowIndex } from './row-index.ts';
import { RowRefusal, resourceNotFound, unknownColumn } from './row-refusal.ts';
import { type Row, showRow } from './rows.ts';
import { rowsByExternalId } from './transaction.ts';

/** Calls about one row: `/sobjects/Contact`, `/sobjects/Contact/{id}`, `/sobjects/Contact/{field}/{value}`. */

const rowBodySchema = z.record(z.string(), z.unknown());

export function createRow(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const table = tableAt(org, call);
  refuseReadOnly(table);
  const input = rowBody(call, ['Id']);
  return inTransaction(org, apiAuthor(org, call, false), (transaction) => ({
    status: 201,
    body: { id: transaction.create(table.schema.name, input), success: true, errors: [] },
  }));
}

export function readRow(org: Org, call: ApiCall): ApiAnswer {
  const table = tableAt(org, call);
  return showOne(call, table, liveRowAt(table, call.path.id ?? ''));
}

export function updateRow(org: Org, call: ApiCall): Promise<ApiAnswer> | ApiAnswer {
  const table = tableAt(org, call);
  refuseReadOnly(table);
  const input = rowBody(call, ['Id']);
  const row = liveRowAt(table, call.path.id ?? '');
  const unmodifiedSince = dateHeaderMs(call, 'if-unmodified-since');
  if (unmodifiedSince !== undefined && row.modifiedAtMs > unmodifiedSince) return { status: 412 };
  const modifiedSince = dateHeaderMs(call, 'if-modified-since');
  if (modifiedSince !== undefined && row.modifiedAtMs <= modifiedSince) return { status: 412 };
  return inTransaction(org, apiAuthor(org, call, false), (transaction) => {
    transaction.update(row.object, row.id, input);
    return noContent;
  });
}

export function deleteRow(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const table = tableAt(org, call);
  refuseReadOnly(table);
  const row = liveRowAt(table, call.path.id ?? '');
  return inTransaction(org, apiAuthor(org, call, false), (transaction) => {
    transaction.remove(row.object, row.id);
    return noContent;
  });
}

export function readByExternalId(org: Org, call: ApiCall): ApiAnswer {
  const table = tableAt(org, call);
  const found = rowsByExternalId(table, call.path.field ?? '', call.path.value ?? '');
  const [row] = found;
  if (!row) throw resourceNotFound();
  return found.length > 1 ? severalRows(call, found) : showOne(call, table, row);
}

export function upsertByExternalId(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const table = tableAt(org, call);
  refuseReadOnly(table);
  const { field: name = '', value = '' } = call.path;
  const input = rowBody(call, ['Id', name]);
  return inTransaction(org, apiAuthor(org, call, false), (transaction) => {
    const found = rowsByExternalId(table, name, value);
    const [row] = found;
    if (found.length > 1) return severalRows(call, found);
    if (!row) {
      const id = transaction.create(table.schema.name, { ...input, [name]: value });
      return { status: 201, body: { id, success: true, errors: [], created: true } };
    }
    transaction.update(row.object, row.id, input);
    // Before version 46 an update had no body.
    return Number(call.version) < 46 ? noContent : ok({ id: row.id, success: true, errors: [], created: false });
  });
}

export function deleteByExternalId(org: Org, call: ApiCall): Promise<ApiAnswer> {
  const table = tableAt(org, call);
  refuseReadOnly(table);
  return inTransaction(org, apiAuthor(org, call, false), (transaction) => {
    const found = rowsByExternalId(table, call.path.field ?? '', call.path.value ?? '');
    const [row] = found;
    if (!row) throw resourceNotFound();
    if (found.length > 1) return severalRows(call, found);
    transaction.remove(row.object, row.id);
    return noContent;
  });
}

/** The fields that a read names, by their proper names. @throws RowRefusal INVALID_FIELD */
export function namedFields(schema: ObjectSchema, names: readonly string[]): FieldSpec[] {
  return names.map((name) => {
    const field = schema.field(name.trim());
    if (!field) throw unknownColumn(name, schema.name);
    return field;
  });
}

function showOne(call: ApiCall, table: RowIndex, row: Row): ApiAnswer {
  const modifiedSince = dateHeaderMs(call, 'if-modified-since');
  if (modifiedSince !== undefined && row.modifiedAtMs <= modifiedSince) return { status: 304 };
  const unmodifiedSince = dateHeaderMs(call, 'if-unmodified-since');
  if (unmodifiedSince !== undefined && row.modifiedAtMs > unmodifiedSince) return { status: 412 };
  const names = call.query.get('fields');
  const fields = names === null ? table.schema.fields : namedFields(table.schema, names.split(','));
  const shown = showRow(row, fields, call.version);
  return {
    status: 200,
    body: { ...shown, Id: row.id },
    headers: { 'last-modified': new Date(row.modifiedAtMs).toUTCString() },
  };
}

function severalRows(call: ApiCall, rows: readonly Row[]): ApiAnswer {
  return { status: 300, body: rows.map((row) => `/services/data/v${call.version}/sobjects/${row.object}/${row.id}`) };
}

function rowBody(call: ApiCall, notHere: readonly string[]): Record<string, unknown> {
  const body = rowBodySchema.safeParse(call.json());
  if (!body.success) throw new RowRefusal('JSON_PARSER_ERROR', 'The HTTP entity body is required, and must be one JSON object.');
  for (const name of Object.keys(body.data)) {
    const repeated = notHere.find((key) => key.toLowerCase() === name.toLowerCase());
    if (repeated) throw new RowRefusal('INVALID_FIELD', `The ${repeated} field should not be specified in the sobject data.`);
  }
  return body.data;
}
