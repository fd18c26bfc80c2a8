/** What a system is known to have had: it only rises, unless the system was restored, cut off or swapped (F12, F15). */
export interface HighWater {
  /** The account that the credentials stand for, as first seen. */
  readonly accountId?: string;
  /** Objects in the newest whole listing. */
  readonly listed?: number;
  /** Objects that were changed last, with their stamps then. */
  readonly newest: readonly NewestRow[];
  readonly atMs: number;
}

export interface NewestRow {
  readonly objectId: string;
  readonly stampMs: number;
}

/** What was just found there. What is absent was not looked at. */
export interface ListingFacts {
  readonly accountId?: string;
  /** Objects in a listing that came to its end. */
  readonly listed?: number;
  /** The objects of `newest`, by id: their stamps now, `gone` with a tombstone, `missing` without. */
  readonly newest?: ReadonlyMap<string, number | 'gone' | 'missing'>;
}

/** Of fewer, half is one. */
const LISTING_JUDGED_FROM = 4;
/** One object without a tombstone may have been purged; all of several are a system that lost its memory. */
const MISSING_JUDGED_FROM = 2;
export const NEWEST_MAX = 3;

/**
 * G3: whether a system is still the one it was. Absence is never taken for deletion; what is judged here is whether anything
 * may be written there at all.
 *
 * @param stampResolutionMs - stamps that lie closer together are the same.
 * @returns why nothing may be written, or undefined.
 */
export function judgeListing(mark: HighWater | undefined, facts: ListingFacts, stampResolutionMs: number): string | undefined {
  if (mark === undefined) return undefined;
  if (mark.accountId !== undefined && facts.accountId !== undefined && mark.accountId !== facts.accountId)
    return `the credentials stand for account ${facts.accountId}, not for ${mark.accountId} as before`;
  if (mark.listed !== undefined && facts.listed !== undefined && mark.listed >= LISTING_JUDGED_FROM) {
    if (facts.listed * 2 < mark.listed) return `it lists ${facts.listed} objects where it listed ${mark.listed} before`;
  }
  const { newest } = facts;
  if (newest === undefined) return undefined;
  for (const { objectId, stampMs } of mark.newest) {
    const now = newest.get(objectId);
    if (typeof now === 'number' && now + stampResolutionMs <= stampMs)
      return `object ${objectId} was changed at ${stampMs} and now says ${now}: it went back in time, as after a restore`;
  }
  const missing = mark.newest.filter(({ objectId }) => newest.get(objectId) === 'missing');
  if (missing.length >= MISSING_JUDGED_FROM && missing.length === mark.newest.length)
    return `the ${missing.length} objects that were changed last are not there, and were not deleted`;
  return undefined;
}

/** The mark after facts that were found in order. @param rows - changed since, in any order. */
export function raisedMark(
  mark: HighWater | undefined,
  facts: ListingFacts,
  rows: readonly NewestRow[],
  nowMs: number,
): HighWater {
  const known = (mark?.newest ?? []).flatMap(({ objectId, stampMs }): NewestRow[] => {
    const now = facts.newest?.get(objectId);
    if (now === 'gone' || now === 'missing') return [];
    return [{ objectId, stampMs: Math.max(stampMs, now ?? 0) }];
  });
  const byId = new Map<string, NewestRow>();
  for (const row of [...known, ...rows]) {
    if (row.stampMs >= (byId.get(row.objectId)?.stampMs ?? 0)) byId.set(row.objectId, row);
  }
  const accountId = mark?.accountId ?? facts.accountId;
  const listed = facts.listed ?? mark?.listed;
  return {
    ...(accountId !== undefined && { accountId }),
    ...(listed !== undefined && { listed }),
    newest: [...byId.values()].sort((a, b) => b.stampMs - a.stampMs).slice(0, NEWEST_MAX),
    atMs: nowMs,
  };
}
