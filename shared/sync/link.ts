import type { FieldValue, FieldValues } from './field-value.ts';
import type { Link, Receipt, Seen, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/** The receipts of unknown outcome that a link keeps: enough for a deliverer that hung and two that took over. */
const RECEIPTS_MAX = 3;
const UNKNOWN_RECEIPT_LIFE_MS = 24 * 3_600_000;
/** Hints may be that late: both CRMs give up sending them well within it (Salesforce keeps events for 72 h). */
const SPENT_RECEIPT_LIFE_MS = 73 * 3_600_000;
const SPENT_MAX = 6;

/** Former objects that a link remembers: enough for a chain of merges. */
export const ALIASES_MAX = 8;

const NEVER: Seen = { never: true };

/** A link to an object that was found but never looked at: nothing is known of its fields. */
export function unseenLink(objectId: string, fields: Iterable<string>): Link {
  const seen: Record<string, Seen> = {};
  for (const field of fields) seen[field] = NEVER;
  return { objectId, state: 'linked', stampMs: 0, observedAtMs: 0, seen, receipts: [] };
}

/** What the link's system was last seen to hold; links store only what differs from the record. */
export function seenOf(record: SyncRecord, link: Link, field: string): Seen {
  const known = link.seen[field];
  if (known !== undefined) return known;
  const { value = null, atMs } = record.fields[field] ?? {};
  return atMs === undefined ? { value } : { value, atMs };
}

/** What a system is asked to hold: the record's value, unless it shall differ. */
export function askedOf(record: SyncRecord, link: Link | undefined, field: string): FieldValue {
  const own = link?.overrides?.[field];
  return own === undefined ? (record.fields[field]?.value ?? null) : own.value;
}

/** Compares two values by the field's canon. */
export function sameValue(rules: SyncRules, field: string, a: FieldValue, b: FieldValue): boolean {
  if (a === b) return true;
  const canon = rules.fields[field]?.canon;
  return canon !== undefined && canon(a) === canon(b);
}

/** The end of the time in which a read may still show the state before the link's newest look or write. */
export function trustedFromMs(link: Link, traits: { readonly stampResolutionMs: number; readonly readLagMs: number }): number {
  let lastLookMs = link.observedAtMs;
  for (const receipt of link.receipts) lastLookMs = Math.max(lastLookMs, receipt.answeredAtMs ?? receipt.claimedAtMs);
  for (const { answeredAtMs } of link.spent ?? []) lastLookMs = Math.max(lastLookMs, answeredAtMs ?? 0);
  return lastLookMs + traits.stampResolutionMs + traits.readLagMs;
}

/** The receipts whose writes a read may still not show: one made room for by the bound counts as long as any other. */
export function openReceipts(
  link: Link,
  readBeganAtMs: number,
  traits: { readonly stampResolutionMs: number; readonly readLagMs: number },
): readonly Receipt[] {
  const recent = (link.spent ?? []).filter(
    ({ answeredAtMs }) =>
      answeredAtMs !== undefined && readBeganAtMs < answeredAtMs + traits.stampResolutionMs + traits.readLagMs,
  );
  return recent.length === 0 ? link.receipts : [...recent, ...link.receipts];
}

/**
 * The link once a read that began at `readBeganAtMs` has been believed: receipts that such a read has outdated are kept
 * only as witnesses of what those writes went over.
 */
export function afterBelievedRead(
  link: Link,
  readBeganAtMs: number,
  traits: { readonly stampResolutionMs: number; readonly readLagMs: number },
): Link {
  const isNeeded = (receipt: Receipt) =>
    receipt.answeredAtMs === undefined
      ? readBeganAtMs - receipt.claimedAtMs < UNKNOWN_RECEIPT_LIFE_MS
      : readBeganAtMs < receipt.answeredAtMs + traits.stampResolutionMs + traits.readLagMs;
  const outdated = link.receipts.filter((receipt) => !isNeeded(receipt) && Object.keys(receipt.fields).length > 0);
  const isLate = (receipt: Receipt) => readBeganAtMs - receipt.claimedAtMs < SPENT_RECEIPT_LIFE_MS;
  const { spent: before = [], forgottenToMs, ...rest } = link;
  const isRemembered = forgottenToMs !== undefined && readBeganAtMs - forgottenToMs < SPENT_RECEIPT_LIFE_MS;
  const young = { ...rest, spent: before.filter(isLate), ...(isRemembered && { forgottenToMs }) };
  return withSpent({ ...young, receipts: link.receipts.filter(isNeeded) }, outdated.filter(isLate));
}

/** The link with receipts that only witnesses need. Of those that there is no room for it remembers until when they were on their way. */
export function withSpent(link: Link, receipts: readonly Receipt[]): Link {
  const { spent: before = [], ...rest } = link;
  const all = [...before, ...receipts];
  if (all.length === 0) return rest;
  const spent = all.slice(-SPENT_MAX);
  const gone = all.slice(0, all.length - spent.length).map((one) => one.answeredAtMs ?? one.claimedAtMs);
  return { ...rest, spent, ...(gone.length > 0 && { forgottenToMs: Math.max(rest.forgottenToMs ?? 0, ...gone) }) };
}

/** A write of unknown outcome all of whose fields are there: it has come through, and the same value later is an edit. */
export function cameThrough(
  link: Link,
  { fields, readBeganAtMs }: { readonly fields: FieldValues; readonly readBeganAtMs: number },
  rules: SyncRules,
): Link {
  const receipts = link.receipts.map((receipt) => {
    const written = Object.entries(receipt.fields);
    const isThere =
      receipt.answeredAtMs === undefined &&
      link.claim?.owner !== receipt.id &&
      written.length > 0 &&
      written.every(([field, { value }]) => {
        const now = fields[field];
        return now !== undefined && sameValue(rules, field, value, now);
      });
    return isThere ? { ...receipt, answeredAtMs: readBeganAtMs } : receipt;
  });
  return { ...link, receipts };
}

/**
 * The link with one more receipt. Beyond the bound the oldest answered one goes, and stays as a witness; only then the
 * oldest of unknown outcome: its write may still land.
 */
export function withReceipt(link: Link, receipt: Receipt): Link {
  const receipts = [...link.receipts, receipt];
  if (receipts.length <= RECEIPTS_MAX) return { ...link, receipts };
  const answered = receipts.findIndex((one) => one.answeredAtMs !== undefined);
  const [gone] = receipts.splice(Math.max(0, answered), 1);
  return withSpent({ ...link, receipts }, gone === undefined ? [] : [gone]);
}

/**
 * Sets what a link has seen of a field, storing nothing where it agrees with the record.
 *
 * @param recordValue - the value the record will hold after this commit.
 * @param atMs - the time of the edit that made the seen value, where it is known.
 */
export function rememberSeen(
  seen: Record<string, Seen>,
  field: string,
  value: FieldValue,
  recordValue: FieldValue,
  atMs?: number,
): void {
  if (value === recordValue) delete seen[field];
  else seen[field] = atMs === undefined ? { value } : { value, atMs };
}
