import { invalidRequest } from './api-refusal.ts';
import { type CrmRecord, propertyOf } from './crm-record.ts';
import type { ObjectType } from './object-types.ts';
import type { PropertyDefinition } from './property-definition.ts';
import { comparableNumber } from './property-values.ts';
import type { Filter } from './search-request.ts';

export type Matches = (record: CrmRecord) => boolean;

/** Compiles a filter once, so that looking at 100,000 records parses nothing twice. @throws ApiRefusal on a filter that makes no sense. */
export function compileFilter(type: ObjectType, definitions: ReadonlyMap<string, PropertyDefinition>, filter: Filter): Matches {
  const definition = definitions.get(filter.propertyName);
  if (definition === undefined || definition.archived) {
    throw invalidRequest(`There was a problem with the request: property ${filter.propertyName} does not exist`);
  }
  const text = (record: CrmRecord) => propertyOf(type, record, filter.propertyName);
  switch (filter.operator) {
    case 'HAS_PROPERTY':
      return (record) => text(record) !== null;
    case 'NOT_HAS_PROPERTY':
      return (record) => text(record) === null;
    case 'CONTAINS_TOKEN':
    case 'NOT_CONTAINS_TOKEN': {
      const contains = tokenTest(needed(filter, filter.value));
      const wanted = filter.operator === 'CONTAINS_TOKEN';
      return (record) => contains(text(record) ?? '') === wanted;
    }
    case 'IN':
    case 'NOT_IN': {
      const among = membership(definition, needed(filter, filter.values));
      const wanted = filter.operator === 'IN';
      return (record) => among(text(record)) === wanted;
    }
    case 'EQ':
    case 'NEQ': {
      const equals = equality(definition, needed(filter, filter.value));
      const wanted = filter.operator === 'EQ';
      return (record) => equals(text(record)) === wanted;
    }
    case 'BETWEEN': {
      const from = compare(type, definition, needed(filter, filter.value));
      const to = compare(type, definition, needed(filter, filter.highValue));
      return (record) => from(record) >= 0 && to(record) <= 0;
    }
    case 'GT':
    case 'GTE':
    case 'LT':
    case 'LTE': {
      const against = compare(type, definition, needed(filter, filter.value));
      const accepts = {
        GT: (x: number) => x > 0,
        GTE: (x: number) => x >= 0,
        LT: (x: number) => x < 0,
        LTE: (x: number) => x <= 0,
      };
      const accept = accepts[filter.operator];
      return (record) => accept(against(record));
    }
  }
}

/** The range of stamps a filter on a stamp admits, epoch ms, both ends included; undefined where it sets none. */
export function stampRange(filter: Filter): { fromMs: number; toMs: number } | undefined {
  const value = Number(filter.value ?? Number.NaN);
  const atMs = Number.isNaN(value) ? Date.parse(filter.value ?? '') : value;
  const highMs = Number.isNaN(Number(filter.highValue ?? Number.NaN))
    ? Date.parse(filter.highValue ?? '')
    : Number(filter.highValue);
  if (Number.isNaN(atMs)) return undefined;
  switch (filter.operator) {
    case 'EQ':
      return { fromMs: atMs, toMs: atMs };
    case 'GT':
      return { fromMs: atMs + 1, toMs: Number.POSITIVE_INFINITY };
    case 'GTE':
      return { fromMs: atMs, toMs: Number.POSITIVE_INFINITY };
    case 'LT':
      return { fromMs: Number.NEGATIVE_INFINITY, toMs: atMs - 1 };
    case 'LTE':
      return { fromMs: Number.NEGATIVE_INFINITY, toMs: atMs };
    case 'BETWEEN':
      return Number.isNaN(highMs) ? undefined : { fromMs: atMs, toMs: highMs };
    default:
      return undefined;
  }
}

function needed<T>(filter: Filter, part: T | undefined): T {
  if (part !== undefined) return part;
  throw invalidRequest(
    `There was a problem with the request: operator ${filter.operator} on ${filter.propertyName} lacks its value`,
  );
}

/** The number a record is compared by: stamps and ids without a detour through text. */
function numberOf(type: ObjectType, definition: PropertyDefinition): (record: CrmRecord) => number | undefined {
  if (definition.name === type.lastModified) return (record) => record.updatedAtMs;
  if (definition.name === 'createdate') return (record) => record.createdAtMs;
  if (definition.name === 'hs_object_id') return (record) => Number(record.id);
  return (record) => {
    const text = record.properties[definition.name];
    return text === undefined ? undefined : comparableNumber(definition, text);
  };
}

/** @returns negative, zero or positive as the record's value is below, equal to or above `wanted`; NaN where it has none. */
function compare(type: ObjectType, definition: PropertyDefinition, wanted: string): (record: CrmRecord) => number {
  const bound = comparableNumber(definition, wanted);
  if (bound !== undefined) {
    if (Number.isNaN(bound)) throw invalidRequest(`There was a problem with the request: ${wanted} is no ${definition.type}`);
    const valueAsNumber = numberOf(type, definition);
    return (record) => (valueAsNumber(record) ?? Number.NaN) - bound;
  }
  const lower = wanted.toLowerCase();
  return (record) => {
    const value = record.properties[definition.name]?.toLowerCase();
    if (value === undefined) return Number.NaN;
    return value === lower ? 0 : value < lower ? -1 : 1;
  };
}

/** Case does not count, except for enumerations. */
function equality(definition: PropertyDefinition, wanted: string): (value: string | null) => boolean {
  const bound = comparableNumber(definition, wanted);
  if (bound !== undefined) return (value) => value !== null && comparableNumber(definition, value) === bound;
  if (definition.type === 'enumeration') return (value) => value?.split(';').includes(wanted) ?? false;
  const lower = wanted.toLowerCase();
  return (value) => value?.toLowerCase() === lower;
}

/** IN and NOT_IN compare the lower-case form of a text with the values as they are sent: those must be lower case. */
function membership(definition: PropertyDefinition, values: readonly string[]): (value: string | null) => boolean {
  if (definition.type === 'string') {
    const wanted = new Set(values);
    return (value) => value !== null && wanted.has(value.toLowerCase());
  }
  const tests = values.map((value) => equality(definition, value));
  return (value) => tests.some((equals) => equals(value));
}

/** Matches whole tokens, `*` standing for any run of characters; a pattern with separators is tried on the whole value too. */
function tokenTest(pattern: string): (value: string) => boolean {
  const source = pattern
    .toLowerCase()
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  const whole = new RegExp(`^${source}$`, 's');
  return (value) => {
    const lower = value.toLowerCase();
    return whole.test(lower) || lower.split(/[^\p{L}\p{N}]+/u).some((token) => token !== '' && whole.test(token));
  };
}
