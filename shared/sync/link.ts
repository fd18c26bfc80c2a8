import type { FieldValue } from './field-value.ts';
import type { Link, Receipt, Seen, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/** The receipts of unknown outcome that a link keeps: enough for a deliverer that hung and two that took over. */
const RECEIPTS_MAX = 3;
const UNKNOWN_RECEIPT_LIFE_MS = 24 * 3_600_000;
/** Hints may be that late: both CRMs give up sending them well within it (Salesforce keeps events for 72 h). */
const SPENT_RECEIPT_LIFE_MS = 73 * 3_600_000;
export const SPENT_MAX = 6;

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
  return lastLookMs + traits.stampResolutionMs + traits.readLagMs;
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
  const { spent: before = [], ...rest } = link;
  const spent = [...before, ...outdated]
    .filter((receipt) => readBeganAtMs - receipt.claimedAtMs < SPENT_RECEIPT_LIFE_MS)
    .slice(-SPENT_MAX);
  return { ...rest, receipts: link.receipts.filter(isNeeded), ...(spent.length > 0 && { spent }) };
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
  const spent = gone === undefined ? (link.spent ?? []) : [...(link.spent ?? []), gone].slice(-SPENT_MAX);
  return { ...link, receipts, ...(spent.length > 0 && { spent }) };
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
