import { RequestRefusedError } from '../../errors.ts';
import { batchesOf } from '../batched-write.ts';
import type { ObjectState } from '../connector.ts';
import { batchRead, propertiesToAsk, READ_SIZE_MAX, type ReadTarget } from './object-read.ts';
import { type HubSpotRow, presentState } from './row.ts';
import { roomForValues, type SearchQuery, searchPage } from './search.ts';

/** Values per search: the list is matched against an index, and long lists are slow. */
const VALUES_PER_SEARCH = 100;
/** 10,000 rows for one list of values; more is a mapping that matches on something not distinctive. */
const PAGES_MAX = 50;
/** Calls spent on finding a value that HubSpot refuses to look up, per batch of 100. */
const SPLITS_MAX = 20;

/** Finds by a property that is unique, straight from the store: no index lag. */
export async function findByUnique(
  target: ReadTarget,
  field: string,
  values: readonly string[],
  fields: readonly string[],
): Promise<Map<string, ObjectState[]>> {
  const emails = field === 'email';
  const extra = emails ? [field, 'hs_additional_emails'] : [field];
  const properties = propertiesToAsk(target.object, [...extra, ...fields]);
  const matches = matchesBy(values);
  // Addresses are stored in lower case; other unique values may well be told apart by case.
  const keys = emails ? [...matches.asked.keys()] : [...matches.asked.values()].flat();
  const seen = new Set<string>();
  for (const batch of batchesOf(keys, READ_SIZE_MAX)) {
    for (const row of await readByUnique(target, batch, { properties, idProperty: field })) {
      if (seen.has(row.objectId)) continue; // asked for in two forms
      seen.add(row.objectId);
      // A contact answers to each of its addresses, and nothing says which one was asked for.
      const held = [row.properties[field], ...(emails ? additionalEmails(row) : [])];
      matches.add(held, presentState(row, fields));
    }
  }
  return matches.found;
}

/** One value HubSpot cannot parse makes it refuse the batch: it is narrowed down, and counts as not found. */
async function readByUnique(
  target: ReadTarget,
  values: readonly string[],
  query: { properties: readonly string[]; idProperty: string },
): Promise<HubSpotRow[]> {
  const rows: HubSpotRow[] = [];
  const waiting: string[][] = [[...values]];
  let splitsLeft = SPLITS_MAX;
  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    try {
      rows.push(...(await batchRead(target, batch, query)));
    } catch (error) {
      if (!(error instanceof RequestRefusedError) || splitsLeft-- === 0) throw error;
      if (batch.length > 1) waiting.unshift(...batchesOf(batch, Math.ceil(batch.length / 2)));
    }
  }
  return rows;
}

/**
 * Finds by any other property, through the search index, which lags behind. It wants texts in lower
 * case, and options of an enumeration as they are.
 */
export async function findBySearch(
  target: ReadTarget,
  field: { readonly name: string; readonly enumeration: boolean },
  values: readonly string[],
  fields: readonly string[],
): Promise<Map<string, ObjectState[]>> {
  const matches = matchesBy(values);
  const terms = field.enumeration ? [...matches.asked.values()].flat() : [...matches.asked.keys()];
  const query = (list: readonly string[], afterId: string | undefined): SearchQuery => ({
    filters: [
      { propertyName: field.name, operator: 'IN', values: list },
      ...(afterId === undefined ? [] : [{ propertyName: 'hs_object_id', operator: 'GT' as const, value: afterId }]),
    ],
    sortBy: 'hs_object_id',
  });
  const room = roomForValues(target.object, query([], '99999999999999999999')) - field.name.length - 3;
  for (const list of listsWithin(terms, room)) {
    let afterId: string | undefined;
    for (let pages = 0; ; pages++) {
      if (pages === PAGES_MAX) {
        throw new RequestRefusedError(
          target.system,
          'TOO_MANY_MATCHES',
          `too many ${field.name} matches; match on a more distinctive field`,
        );
      }
      const page = await searchPage(target, query(list, afterId), [...new Set([...fields, field.name])]);
      for (const row of page.rows) matches.add([row.state.values[field.name]], row.state);
      afterId = page.rows.at(-1)?.objectId;
      if (!page.full || afterId === undefined) break;
    }
  }
  return matches.found;
}

function listsWithin(values: readonly string[], lengthMax: number): string[][] {
  const lists: string[][] = [];
  let current: string[] = [];
  let length = 0;
  for (const value of values) {
    const added = JSON.stringify(value).length + 1;
    if (current.length > 0 && (length + added > lengthMax || current.length === VALUES_PER_SEARCH)) {
      lists.push(current);
      current = [];
      length = 0;
    }
    current.push(value);
    length += added;
  }
  if (current.length > 0) lists.push(current);
  return lists;
}

/** Files states under the values asked for; HubSpot compares text without regard to case. */
function matchesBy(values: readonly string[]) {
  const found = new Map<string, ObjectState[]>(values.map((value) => [value, []]));
  const asked = new Map<string, string[]>(); // comparable form -> values asked for
  for (const value of found.keys()) {
    const form = comparable(value);
    if (form !== '') asked.set(form, [...(asked.get(form) ?? []), value]);
  }
  return {
    found,
    asked,
    add(held: readonly unknown[], state: ObjectState): void {
      const forms = new Set(held.filter((value) => typeof value === 'string').map(comparable));
      for (const form of forms) for (const value of asked.get(form) ?? []) found.get(value)?.push(state);
    },
  };
}

function comparable(text: string): string {
  return text.trim().toLowerCase();
}

function additionalEmails(row: HubSpotRow): string[] {
  const list = row.properties.hs_additional_emails;
  return typeof list === 'string' ? list.split(';') : [];
}
