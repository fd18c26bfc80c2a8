import * as z from 'zod';
import { invalidRequest } from './api-refusal.ts';

const filterSchema = z.object({
  propertyName: z.string(),
  operator: z.enum([
    'EQ',
    'NEQ',
    'LT',
    'LTE',
    'GT',
    'GTE',
    'BETWEEN',
    'IN',
    'NOT_IN',
    'HAS_PROPERTY',
    'NOT_HAS_PROPERTY',
    'CONTAINS_TOKEN',
    'NOT_CONTAINS_TOKEN',
  ]),
  value: z.string().optional(),
  highValue: z.string().optional(),
  values: z.array(z.string()).optional(),
});
export type Filter = z.infer<typeof filterSchema>;

const sortSchema = z.union([
  z.string(),
  z.object({ propertyName: z.string(), direction: z.enum(['ASCENDING', 'DESCENDING']).optional() }),
]);

export const searchRequestSchema = z.object({
  query: z.string().optional(),
  limit: z.int().nonnegative().optional(),
  after: z.union([z.string(), z.int()]).optional(),
  sorts: z.array(sortSchema).nullish(),
  properties: z.array(z.string()).nullish(),
  filterGroups: z.array(z.object({ filters: z.array(filterSchema) })).nullish(),
});

export interface SearchQuery {
  readonly groups: readonly (readonly Filter[])[];
  readonly text: string;
  readonly sort: { readonly property: string; readonly descending: boolean } | undefined;
  readonly offset: number;
  readonly limit: number;
  readonly properties: readonly string[];
}

/** HubSpot: developers.hubspot.com/docs/api-reference/search/guide, "Limits". */
const LIMIT_MAX = 200;
const WINDOW_MAX = 10_000;
const GROUPS_MAX = 5;
const FILTERS_PER_GROUP_MAX = 6;
const FILTERS_MAX = 18;
export const SEARCH_BODY_CHARS_MAX = 3000;

/** @throws ApiRefusal 400 where the request is beyond a documented limit. */
export function searchQuery(request: z.infer<typeof searchRequestSchema>): SearchQuery {
  const groups = (request.filterGroups ?? []).map(({ filters }) => filters);
  const sorts = request.sorts ?? [];
  const limit = request.limit ?? 10;
  const offset = Number(request.after ?? 0);
  const tooMuch = [
    groups.length > GROUPS_MAX && `at most ${GROUPS_MAX} filterGroups`,
    groups.some((filters) => filters.length > FILTERS_PER_GROUP_MAX) && `at most ${FILTERS_PER_GROUP_MAX} filters in a group`,
    groups.flat().length > FILTERS_MAX && `at most ${FILTERS_MAX} filters in all`,
    sorts.length > 1 && 'at most one sort',
    limit > LIMIT_MAX && `limit must not be more than ${LIMIT_MAX}`,
    (!Number.isInteger(offset) || offset < 0) && 'after must be an integer',
    offset + limit > WINDOW_MAX && `paging ends at ${WINDOW_MAX} results`,
  ].filter((reason) => reason !== false);
  if (tooMuch.length > 0) throw invalidRequest(`There was a problem with the request: ${tooMuch.join('; ')}`);
  return { groups, text: request.query ?? '', sort: sortOf(sorts[0]), offset, limit, properties: request.properties ?? [] };
}

function sortOf(sort: z.infer<typeof sortSchema> | undefined): SearchQuery['sort'] {
  if (sort === undefined) return undefined;
  if (typeof sort !== 'string') return { property: sort.propertyName, descending: sort.direction === 'DESCENDING' };
  return sort.startsWith('-') ? { property: sort.slice(1), descending: true } : { property: sort, descending: false };
}
