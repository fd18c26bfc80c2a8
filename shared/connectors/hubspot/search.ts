import { isObject } from '../answer-shape.ts';
import type { HttpAnswer } from '../transport.ts';
import { propertiesToAsk, type ReadTarget, readRows, readStates } from './object-read.ts';
import { type HubSpotRow, type PresentState, presentState } from './row.ts';

/** HubSpot: developers.hubspot.com/docs/api-reference/search/guide */
export const SEARCH_PAGE_SIZE = 200;
const BODY_LENGTH_MAX = 3_000;

export interface SearchFilter {
  readonly propertyName: string;
  readonly operator: 'GT' | 'GTE' | 'LTE' | 'IN';
  readonly value?: string;
  readonly values?: readonly string[];
}

export interface SearchQuery {
  /** All must hold. */
  readonly filters: readonly SearchFilter[];
  readonly sortBy: string; // ascending
}

/**
 * The first page of a search, in order. Later pages are asked for by key, not by offset: rows that
 * change meanwhile move in the order, so an offset would step over others, and it ends at 10,000.
 */
export async function searchPage(
  target: ReadTarget,
  query: SearchQuery,
  fields: readonly string[],
): Promise<{ rows: readonly FoundRow[]; full: boolean; answer: HttpAnswer }> {
  const withValues = JSON.stringify(searchBody(target.object, query, fields)).length <= BODY_LENGTH_MAX;
  const answer = await target.api.call({
    method: 'POST',
    path: `${target.path}/search`,
    body: searchBody(target.object, query, withValues ? fields : []),
    lane: 'search',
    effect: 'read',
  });
  const found = readRows(target, answer.json);
  const next = isObject(answer.json) && isObject(answer.json.paging) ? answer.json.paging.next : undefined;
  const full = found.length >= SEARCH_PAGE_SIZE || (found.length > 0 && isObject(next));
  if (withValues) return { rows: found.map((row) => ({ ...row, state: presentState(row, fields) })), full, answer };

  // Too many properties for a search: it finds the ids, a batch read gets their values.
  const states = await readStates(target, [...new Set(found.map((row) => row.objectId))], fields);
  const rows = found.map((row) => {
    const state = states.get(row.objectId);
    return { ...row, state: state?.state === 'present' ? state : presentState(row, []) };
  });
  return { rows, full, answer };
}

export type FoundRow = HubSpotRow & { readonly state: PresentState };

/** Length in characters that a search with these filters leaves for more values. */
export function roomForValues(object: string, query: SearchQuery): number {
  return BODY_LENGTH_MAX - JSON.stringify(searchBody(object, query, [])).length;
}

function searchBody(object: string, query: SearchQuery, fields: readonly string[]) {
  return {
    filterGroups: [{ filters: query.filters }],
    sorts: [{ propertyName: query.sortBy, direction: 'ASCENDING' }],
    properties: propertiesToAsk(object, fields),
    limit: SEARCH_PAGE_SIZE,
  };
}
