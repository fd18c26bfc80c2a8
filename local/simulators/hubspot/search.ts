import { invalidRequest } from './api-refusal.ts';
import { type CrmRecord, propertyOf } from './crm-record.ts';
import type { ObjectType } from './object-types.ts';
import type { OrderedIndex } from './ordered-index.ts';
import type { PropertyDefinition } from './property-definition.ts';
import { comparableNumber } from './property-values.ts';
import { compileFilter, type Matches, stampRange } from './search-filter.ts';
import type { SearchIndex } from './search-index.ts';
import type { Filter, SearchQuery } from './search-request.ts';

export interface SearchResult {
  readonly total: number;
  readonly records: readonly CrmRecord[];
  /** The offset of the next page; absent at the end. */
  readonly next?: number;
}

/** Runs one search over what the index shows now. @throws ApiRefusal on a filter that makes no sense. */
export function runSearch(
  type: ObjectType,
  definitions: ReadonlyMap<string, PropertyDefinition>,
  index: SearchIndex,
  query: SearchQuery,
): SearchResult {
  if (query.sort !== undefined && !definitions.has(query.sort.property)) {
    throw invalidRequest(`There was a problem with the request: cannot sort by ${query.sort.property}, which does not exist`);
  }
  const groups = query.groups.map((filters) => filters.map((filter) => compileFilter(type, definitions, filter)));
  const accepts = both(anyOf(groups), textTest(query.text));
  const sort = query.sort ?? { property: 'createdate', descending: false };
  const byStamp =
    sort.property === type.lastModified ? index.byModified : sort.property === 'createdate' ? index.byCreated : undefined;

  const few = fewCandidates(type, definitions, index, query);
  if (few === undefined && byStamp !== undefined) {
    const range = stampsAdmitted(sort.property, query.groups);
    return walk(byStamp, range, sort.descending, accepts, query);
  }
  const matching = (few ?? [...index.byCreated.between(0, index.byCreated.size)]).filter(accepts ?? (() => true));
  matching.sort(order(type, definitions.get(sort.property), sort.property, sort.descending));
  return page(matching.slice(query.offset, query.offset + query.limit), matching.length, query);
}

/** Walks an ordered index; where nothing but its order decides, only the page itself is looked at. */
function walk(
  index: OrderedIndex<CrmRecord>,
  range: { fromMs: number; toMs: number; exact: boolean },
  descending: boolean,
  accepts: Matches | undefined,
  query: SearchQuery,
): SearchResult {
  const from = index.position(range.fromMs, Number.NEGATIVE_INFINITY);
  const to = index.position(range.toMs, Number.POSITIVE_INFINITY);
  if (range.exact || accepts === undefined) {
    const total = Math.max(0, to - from);
    const end = Math.min(query.offset + query.limit, total);
    const records = descending
      ? index.betweenBackwards(to - end, to - query.offset)
      : index.between(from + query.offset, from + end);
    return page([...records], total, query);
  }
  const records: CrmRecord[] = [];
  let total = 0;
  for (const record of descending ? index.betweenBackwards(from, to) : index.between(from, to)) {
    if (!accepts(record)) continue;
    if (total >= query.offset && records.length < query.limit) records.push(record);
    total += 1;
  }
  return page(records, total, query);
}

function page(records: readonly CrmRecord[], total: number, query: SearchQuery): SearchResult {
  const next = query.offset + records.length;
  return { total, records, ...(next < total && records.length > 0 ? { next } : {}) };
}

/** Every group names values of a text: only records with one of them can match. */
function fewCandidates(
  type: ObjectType,
  definitions: ReadonlyMap<string, PropertyDefinition>,
  index: SearchIndex,
  query: SearchQuery,
): CrmRecord[] | undefined {
  if (query.groups.length === 0) return undefined;
  const found = new Map<string, CrmRecord>();
  for (const filters of query.groups) {
    const key = filters.find(
      ({ propertyName, operator }) =>
        (operator === 'EQ' || operator === 'IN') &&
        (propertyName === 'hs_object_id' || definitions.get(propertyName)?.type === 'string') &&
        propertyName !== type.lastModified,
    );
    if (key === undefined) return undefined;
    const values = key.operator === 'EQ' ? [key.value ?? ''] : (key.values ?? []);
    const records =
      key.propertyName === 'hs_object_id'
        ? values.flatMap((id) => index.get(id) ?? [])
        : index.withValue(key.propertyName, values);
    for (const record of records) found.set(record.id, record);
  }
  return [...found.values()];
}

/** The hull of the stamps that the filter groups admit; `exact` when they admit all of it and ask for nothing else. */
function stampsAdmitted(
  property: string,
  groups: readonly (readonly Filter[])[],
): { fromMs: number; toMs: number; exact: boolean } {
  const everything = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
  if (groups.length === 0) return { ...everything, exact: false };
  const ranges = groups.map((filters) =>
    filters
      .filter(({ propertyName }) => propertyName === property)
      .flatMap((filter) => stampRange(filter) ?? [])
      .reduce((a, b) => ({ fromMs: Math.max(a.fromMs, b.fromMs), toMs: Math.min(a.toMs, b.toMs) }), everything),
  );
  const fromMs = Math.min(...ranges.map((range) => range.fromMs));
  const toMs = Math.max(...ranges.map((range) => range.toMs));
  const [only, ...others] = groups;
  const exact =
    others.length === 0 && (only ?? []).every((filter) => filter.propertyName === property && stampRange(filter) !== undefined);
  return { fromMs, toMs, exact };
}

function anyOf(groups: readonly (readonly Matches[])[]): Matches | undefined {
  if (groups.length === 0) return undefined;
  return (record) => groups.some((filters) => filters.every((matches) => matches(record)));
}

function both(a: Matches | undefined, b: Matches | undefined): Matches | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return (record) => a(record) && b(record);
}

const TEXT_PROPERTIES = ['firstname', 'lastname', 'email', 'phone', 'company', 'name', 'domain', 'dealname'] as const;

/** `query`: every word begins some word of a default text property. */
function textTest(text: string): Matches | undefined {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return undefined;
  return (record) => {
    const values = TEXT_PROPERTIES.map((name) => record.properties[name]?.toLowerCase() ?? '');
    return words.every((word) =>
      values.some((value) => value.startsWith(word) || value.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word))),
    );
  };
}

function order(type: ObjectType, definition: PropertyDefinition | undefined, property: string, descending: boolean) {
  const sign = descending ? -1 : 1;
  const keyed = (record: CrmRecord): number | string | undefined => {
    if (property === type.lastModified) return record.updatedAtMs;
    if (property === 'createdate') return record.createdAtMs;
    const text = propertyOf(type, record, property);
    if (text === null) return undefined;
    return (definition && comparableNumber(definition, text)) ?? text.toLowerCase();
  };
  return (a: CrmRecord, b: CrmRecord): number => {
    const left = keyed(a);
    const right = keyed(b);
    if (left === right) return (Number(a.id) - Number(b.id)) * sign;
    if (left === undefined) return 1; // records without the property come last
    if (right === undefined) return -1;
    return (left < right ? -1 : 1) * sign;
  };
}
