import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import type { FieldSpec, ObjectSchema } from './object-schema.ts';
import { isFilterable, isText } from './object-schema.ts';
import type { Org } from './org.ts';
import { id18 } from './record-id.ts';
import type { RowIndex } from './row-index.ts';
import type { RowRefusal } from './row-refusal.ts';
import { addressOf, attributesOf, fieldValue, type Row } from './rows.ts';
import {
  type Comparison,
  type Condition,
  type FieldName,
  type Literal,
  type OrderKey,
  parseSoql,
  type SoqlQuery,
  soqlError,
  unknownQueryColumn,
  unknownQueryObject,
} from './soql-text.ts';

/** What a query found. `show` makes one row of the answer; it reads the row as it is then. */
export interface Found {
  readonly object: string;
  /** What COUNT() found; undefined for a query that lists rows. */
  readonly count?: { readonly total: number; readonly alias?: string };
  readonly ids: readonly string[];
  show(row: Row, version: string): Record<string, unknown>;
}

/** Comparable forms: numbers and ms as they are, text without case, booleans as 0 and 1. */
type Comparable = string | number | null;
type Reader = (row: Row) => Comparable;
type Predicate = (row: Row) => boolean;

const DAY_MS = 86_400_000;

/** @throws RowRefusal MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE, INVALID_QUERY_FILTER_OPERATOR. */
export function runSoql(org: Org, text: string, withDeleted: boolean): Found {
  const query = parseSoql(text);
  const table = org.table(query.from.name);
  if (!table) throw unknownQueryObject(text, query.from);
  const scope = { org, table, query };
  const matches = query.where ? predicateOf(scope, query.where) : () => true;
  const order = query.orderBy.map((key) => orderOf(scope, key));
  const columns = query.count ? [] : query.fields.flatMap((field) => columnsOf(scope, field));
  const access = accessTo(scope);

  const rowsMax = query.limit === undefined ? Number.POSITIVE_INFINITY : query.offset + query.limit;
  let rows: Row[] = [];
  for (const row of access.rows) {
    if (access.ordered && rows.length >= rowsMax) break;
    if ((withDeleted || row.deletedAtMs === undefined) && matches(row)) rows.push(row);
  }
  if (!access.ordered) rows.sort(byKeys(order));
  rows = rows.slice(query.offset, rowsMax);

  const { name: object } = table.schema;
  if (query.count) {
    for (const field of query.fields) resolve(scope, field);
    return { object, count: { total: rows.length, ...query.count }, ids: [], show: () => ({}) };
  }
  const show = (row: Row, version: string) => {
    const shown: Record<string, unknown> = { attributes: attributesOf(row, version) };
    for (const column of columns) column(row, shown, version);
    return shown;
  };
  return { object, ids: rows.map((row) => row.id), show };
}

interface Scope {
  readonly org: Org;
  readonly table: RowIndex;
  readonly query: SoqlQuery;
}

/** A field by its path: of the row itself, or of the one parent row its path names first. */
interface Resolved {
  readonly field: FieldSpec;
  readonly parent?: { readonly table: RowIndex; readonly reference: FieldSpec };
}

function resolve({ org, table, query }: Scope, name: FieldName): Resolved {
  const path = name.name.split('.');
  // `Contact.Email` in a query on Contact is just `Email`.
  if (path.length > 1 && path[0]?.toLowerCase() === table.schema.name.toLowerCase()) path.shift();
  const [first = '', second, ...deeper] = path;
  if (second === undefined) return { field: columnOf(query.text, name, first, table.schema) };
  const reference = table.schema.fields.find((field) => field.relationshipName?.toLowerCase() === first.toLowerCase());
  const parent = reference?.referenceTo === undefined ? undefined : org.table(reference.referenceTo);
  if (!reference || !parent) {
    throw soqlError(
      query.text,
      name.at,
      'INVALID_FIELD',
      `Didn't understand relationship '${first}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name.`,
    );
  }
  if (deeper.length > 0) throw soqlError(query.text, name.at, 'MALFORMED_QUERY', 'only one parent level is simulated');
  return { field: columnOf(query.text, name, second, parent.schema), parent: { table: parent, reference } };
}

function columnOf(text: string, name: FieldName, column: string, schema: ObjectSchema): FieldSpec {
  const field = schema.field(column);
  if (!field) throw unknownQueryColumn(text, { name: column, at: name.at }, schema.name);
  return field;
}

function parentRow(row: Row, { table, reference }: NonNullable<Resolved['parent']>): Row | undefined {
  const id = fieldValue(row, reference);
  return id === null ? undefined : table.get(String(id));
}

type Column = (row: Row, shown: Record<string, unknown>, version: string) => void;

function columnsOf(scope: Scope, name: FieldName): Column[] {
  const all = /^FIELDS\((ALL|STANDARD|CUSTOM)\)$/.exec(name.name)?.[1];
  if (all !== undefined) return everyColumn(scope, name, all);
  if (name.name.includes('(')) throw soqlError(scope.query.text, name.at, 'MALFORMED_QUERY', `${name.name} is not simulated`);
  const { field, parent } = resolve(scope, name);
  const read = (row: Row) => (field.type === 'address' ? addressOf(row, field) : fieldValue(row, field));
  if (!parent) {
    return [
      (row, shown) => {
        shown[field.name] = read(row);
      },
    ];
  }
  const { relationshipName = '' } = parent.reference;
  return [
    (row, shown, version) => {
      const found = parentRow(row, parent);
      if (!found) shown[relationshipName] = null;
      else
        shown[relationshipName] = {
          attributes: attributesOf(found, version),
          ...asObject(shown[relationshipName]),
          [field.name]: read(found),
        };
    },
  ];
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function everyColumn(scope: Scope, name: FieldName, which: string): Column[] {
  const { query, table } = scope;
  if (which !== 'STANDARD' && (query.limit === undefined || query.limit > 200)) {
    const message = 'The SOQL FIELDS function must have a LIMIT of at most 200';
    throw soqlError(query.text, name.at, 'MALFORMED_QUERY', message);
  }
  const wanted = table.schema.fields.filter((field) => which === 'ALL' || (field.custom === true) === (which === 'CUSTOM'));
  return wanted.flatMap((field) => columnsOf(scope, { name: field.name, at: name.at }));
}

/** The value of a field in its comparable form. */
function readerOf(scope: Scope, name: FieldName): { field: FieldSpec; read: Reader } {
  const { field, parent } = resolve(scope, name);
  if (!isFilterable(field)) {
    const message = `field '${field.name}' can not be filtered in a query call`;
    throw soqlError(scope.query.text, name.at, 'INVALID_FIELD', message);
  }
  const read = ownReader(field);
  if (!parent) return { field, read };
  return {
    field,
    read: (row) => {
      const found = parentRow(row, parent);
      return found ? read(found) : null;
    },
  };
}

function ownReader(field: FieldSpec): Reader {
  // The stamps are asked for most: straight from the row, without a text in between.
  if (field.system && field.name === 'SystemModstamp') return (row) => row.stampMs;
  if (field.system && field.name === 'LastModifiedDate') return (row) => row.modifiedAtMs;
  if (field.system && field.name === 'Id') return (row) => row.id;
  return (row) => comparable(field, fieldValue(row, field));
}

function comparable(field: FieldSpec, value: NativeValue): Comparable {
  if (value === null) return null;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return value;
  if (field.type === 'datetime') return Date.parse(value.replace('+0000', 'Z'));
  return isText(field) && !field.caseSensitive ? value.toLowerCase() : value;
}

function predicateOf(scope: Scope, condition: Condition): Predicate {
  switch (condition.kind) {
    case 'and': {
      const parts = condition.parts.map((part) => predicateOf(scope, part));
      return (row) => parts.every((part) => part(row));
    }
    case 'or': {
      const parts = condition.parts.map((part) => predicateOf(scope, part));
      return (row) => parts.some((part) => part(row));
    }
    case 'not': {
      const part = predicateOf(scope, condition.part);
      return (row) => !part(row);
    }
    case 'in': {
      const { field, read } = readerOf(scope, condition.field);
      const values = new Set(condition.values.map((value) => operand(scope, field, value)));
      return (row) => values.has(read(row)) !== condition.negated;
    }
    case 'includes': {
      const { field, read } = readerOf(scope, condition.field);
      const choices = condition.values.map((value) => String(operand(scope, field, value)).split(';'));
      return (row) => {
        const chosen = String(read(row) ?? '').split(';');
        return choices.some((choice) => choice.every((value) => chosen.includes(value))) !== condition.negated;
      };
    }
    case 'compare':
      return comparisonOf(scope, condition);
  }
}

function comparisonOf(scope: Scope, condition: Extract<Condition, { kind: 'compare' }>): Predicate {
  const { field, read } = readerOf(scope, condition.field);
  const { operator, value } = condition;
  if (operator === 'LIKE') {
    if (value.type !== 'string' || !isText(field)) {
      throw soqlError(scope.query.text, condition.field.at, 'INVALID_QUERY_FILTER_OPERATOR', 'invalid operator');
    }
    const pattern = likePattern(value.pattern);
    return (row) => {
      const actual = read(row);
      return actual !== null && pattern.test(String(actual));
    };
  }
  if (value.type === 'days') return daysPredicate(scope, field, read, operator, value);
  const wanted = operand(scope, field, value);
  if (operator === '=') return (row) => read(row) === wanted;
  if (operator === '!=') return (row) => read(row) !== wanted;
  if (field.type === 'boolean' || wanted === null) {
    throw soqlError(scope.query.text, condition.field.at, 'INVALID_QUERY_FILTER_OPERATOR', 'invalid operator');
  }
  return (row) => {
    const actual = read(row);
    return actual !== null && holds(actual, operator, wanted);
  };
}

function holds(actual: string | number, operator: Comparison, wanted: string | number): boolean {
  switch (operator) {
    case '<':
      return actual < wanted;
    case '<=':
      return actual <= wanted;
    case '>':
      return actual > wanted;
    default:
      return actual >= wanted;
  }
}

function daysPredicate(
  scope: Scope,
  field: FieldSpec,
  read: Reader,
  operator: Comparison,
  { daysBack, until, at }: Extract<Literal, { type: 'days' }>,
): Predicate {
  if (field.type !== 'datetime' && field.type !== 'date') throw wrongType(scope, field, at);
  const today = Math.floor(scope.org.now() / DAY_MS) * DAY_MS;
  const from = today - daysBack * DAY_MS;
  const to = today - (until - 1) * DAY_MS; // the first moment after
  const inside = (atMs: number) => {
    if (operator === '=') return atMs >= from && atMs < to;
    if (operator === '!=') return atMs < from || atMs >= to;
    if (operator === '<') return atMs < from;
    if (operator === '<=') return atMs < to;
    return operator === '>' ? atMs >= to : atMs >= from;
  };
  return (row) => {
    const actual = read(row);
    if (actual === null) return operator === '!=';
    return inside(typeof actual === 'number' ? actual : Date.parse(`${actual}T00:00:00Z`));
  };
}

/** A literal in the comparable form of the field it is compared with. */
function operand(scope: Scope, field: FieldSpec, literal: Literal): Comparable {
  if (literal.type === 'null') return null;
  switch (field.type) {
    case 'id':
    case 'reference': {
      if (literal.type !== 'string') throw wrongType(scope, field, literal.at);
      const id = literal.value === '' ? null : id18(literal.value);
      if (id !== undefined) return id;
      throw soqlError(scope.query.text, literal.at, 'INVALID_QUERY_FILTER_OPERATOR', `invalid ID field: ${literal.value}`);
    }
    case 'boolean':
      if (literal.type === 'boolean') return Number(literal.value);
      throw wrongType(scope, field, literal.at);
    case 'datetime':
      if (literal.type === 'dateTime') return literal.value;
      throw wrongType(scope, field, literal.at);
    case 'date':
      if (literal.type === 'date') return literal.value;
      throw wrongType(scope, field, literal.at);
    case 'int':
    case 'double':
    case 'currency':
    case 'percent':
      if (literal.type === 'number') return literal.value;
      throw wrongType(scope, field, literal.at);
    default:
      if (literal.type !== 'string') throw wrongType(scope, field, literal.at);
      return literal.value === '' ? null : comparable(field, literal.value); // an empty text is stored as null
  }
}

function wrongType(scope: Scope, field: FieldSpec, at: number): RowRefusal {
  const quoted = isText(field) || field.type === 'id' || field.type === 'reference';
  const type = quoted ? 'string' : field.type === 'datetime' ? 'dateTime' : field.type;
  const message = `value of filter criterion for field '${field.name}' must be of type ${type} and should ${quoted ? '' : 'not '}be enclosed in quotes`;
  return soqlError(scope.query.text, at, 'INVALID_FIELD', message);
}

const escaped = (character: string) => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');

function likePattern(pattern: string): RegExp {
  let source = '';
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern[i] ?? '';
    if (character === '%') source += '[\\s\\S]*';
    else if (character === '_') source += '[\\s\\S]';
    else if (character === '\\') {
      i += 1;
      source += escaped(pattern[i] ?? '');
    } else source += escaped(character);
  }
  return new RegExp(`^${source}$`, 'i');
}

interface SortKey {
  readonly read: Reader;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

function orderOf(scope: Scope, key: OrderKey): SortKey {
  return { read: readerOf(scope, key.field).read, descending: key.descending, nullsFirst: key.nullsFirst };
}

function byKeys(keys: readonly SortKey[]): (a: Row, b: Row) => number {
  return (a, b) => {
    for (const { read, descending, nullsFirst } of keys) {
      const [left, right] = [read(a), read(b)];
      if (left === right) continue;
      if (left === null) return nullsFirst ? -1 : 1;
      if (right === null) return nullsFirst ? 1 : -1;
      return left < right !== descending ? -1 : 1;
    }
    return a.id < b.id ? -1 : 1; // where the query leaves it open
  };
}

/** Rows to look at, the fewest that an index can give, and whether they come in the order the query wants. */
function accessTo(scope: Scope): { rows: Iterable<Row>; ordered: boolean } {
  const { table, query } = scope;
  const wantsOrder = orderName(query.orderBy);
  const candidates = query.where && candidatesOf(scope, query.where);
  if (candidates) return { rows: candidates, ordered: false };
  const stamps = query.where ? rangeOf(query.where, 'systemmodstamp') : EVERYTHING;
  if (typeof stamps.min === 'number' || typeof stamps.max === 'number' || wantsOrder === 'stamp') {
    const from = typeof stamps.min === 'number' ? stamps.min : 0;
    const to = typeof stamps.max === 'number' ? stamps.max : Number.POSITIVE_INFINITY;
    return { rows: upTo(table.byStamp(from), to), ordered: wantsOrder === 'stamp' };
  }
  const ids = query.where ? rangeOf(query.where, 'id') : EVERYTHING;
  return { rows: table.byId(typeof ids.min === 'string' ? ids.min : ''), ordered: wantsOrder === 'id' };
}

function orderName(orderBy: readonly OrderKey[]): 'id' | 'stamp' | undefined {
  if (orderBy.some((key) => key.descending)) return undefined;
  const names = orderBy.map((key) => key.field.name.toLowerCase()).join(',');
  if (names === '' || names === 'id') return 'id';
  return names === 'systemmodstamp' || names === 'systemmodstamp,id' ? 'stamp' : undefined;
}

function* upTo(rows: Iterable<Row>, stampMsMax: number): Iterable<Row> {
  for (const row of rows) {
    if (row.stampMs > stampMsMax) return;
    yield row;
  }
}

/** Rows named by id or by the value of an indexed field, where every match must be among them. */
function candidatesOf(scope: Scope, condition: Condition): Row[] | undefined {
  if (condition.kind === 'and') {
    for (const part of condition.parts) {
      const found = candidatesOf(scope, part);
      if (found) return found;
    }
    return undefined;
  }
  const literals =
    condition.kind === 'compare' && condition.operator === '='
      ? [condition.value]
      : condition.kind === 'in' && !condition.negated
        ? condition.values
        : undefined;
  if (!literals || (condition.kind !== 'compare' && condition.kind !== 'in')) return undefined;
  const { table } = scope;
  const { field, parent } = resolve(scope, condition.field);
  if (parent || literals.some((literal) => literal.type !== 'string' || literal.value === '')) return undefined;
  const values = new Set(literals.flatMap((literal) => (literal.type === 'string' ? [literal.value] : [])));
  if (field.type === 'id') return [...new Set([...values].flatMap((value) => table.get(id18(value) ?? '') ?? []))];
  const rows = [...values].map((value) => table.byValue(field, value));
  return rows.includes(undefined) ? undefined : [...new Set(rows.flatMap((found) => found ?? []))];
}

/** Between which values a field must lie for the condition to hold. Unbounded is always a safe answer. */
interface Range {
  readonly min?: string | number;
  readonly max?: string | number;
}
const EVERYTHING: Range = {};

function rangeOf(condition: Condition, fieldName: string): Range {
  switch (condition.kind) {
    case 'and':
      return condition.parts.map((part) => rangeOf(part, fieldName)).reduce(intersection, EVERYTHING);
    case 'or': {
      const [first = EVERYTHING, ...others] = condition.parts.map((part) => rangeOf(part, fieldName));
      return others.reduce(hull, first);
    }
    case 'compare': {
      const { field, operator, value } = condition;
      if (field.name.toLowerCase() !== fieldName) return EVERYTHING;
      const bound = value.type === 'dateTime' ? value.value : value.type === 'string' ? id18(value.value) : undefined;
      if (bound === undefined) return EVERYTHING;
      if (operator === '=') return { min: bound, max: bound };
      if (operator === '>' || operator === '>=') return { min: bound };
      return operator === '<' || operator === '<=' ? { max: bound } : EVERYTHING;
    }
    default:
      return EVERYTHING;
  }
}

const larger = (a?: string | number, b?: string | number) => (a === undefined || (b !== undefined && b > a) ? b : a);
const smaller = (a?: string | number, b?: string | number) => (a === undefined || (b !== undefined && b < a) ? b : a);

function intersection(a: Range, b: Range): Range {
  return { min: larger(a.min, b.min), max: smaller(a.max, b.max) };
}

function hull(a: Range, b: Range): Range {
  return {
    min: a.min === undefined || b.min === undefined ? undefined : smaller(a.min, b.min),
    max: a.max === undefined || b.max === undefined ? undefined : larger(a.max, b.max),
  };
}
