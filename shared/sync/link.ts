import type { FieldValue } from './field-value.ts';
import type { Link, Receipt, Seen, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/** The receipts of unknown outcome that a link keeps: enough for a deliverer that hung and two that took over. */
const RECEIPTS_MAX = 3;
const UNKNOWN_RECEIPT_LIFE_MS = 24 * 3_600_000;

const NEVER: Seen = { never: true };

/** A link to an object that was found but never looked at: nothing is known of its fields. */
export function unseenLink(objectId: string, fields: Iterable<string>): Link {
  const seen: Record<string, Seen> = {};
  for (const field of fields) seen[field] = NEVER;
  return { objectId, state: 'linked', stampMs: 0, observedAtMs: 0, seen, receipts: [] };
}

/** What the link's system was last seen to hold; links store only what differs from the record. */
export function seenOf(record: SyncRecord, link: Link, field: string): Seen {
  return link.seen[field] ?? { value: record.fields[field]?.value ?? null };
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

/** The receipts still needed once a read that began at `readBeganAtMs` has been believed. */
export function receiptsAfterRead(
  receipts: readonly Receipt[],
  readBeganAtMs: number,
  traits: { readonly stampResolutionMs: number; readonly readLagMs: number },
): readonly Receipt[] {
  const kept = receipts.filter((receipt) => {
    if (receipt.answeredAtMs === undefined) return readBeganAtMs - receipt.claimedAtMs < UNKNOWN_RECEIPT_LIFE_MS;
    return readBeganAtMs < receipt.answeredAtMs + traits.stampResolutionMs + traits.readLagMs;
  });
  return kept.length === receipts.length ? receipts : kept;
}

/** Adds a receipt and lets the oldest go beyond the bound. */
export function withReceipt(receipts: readonly Receipt[], receipt: Receipt): readonly Receipt[] {
  return [...receipts, receipt].slice(-RECEIPTS_MAX);
}

/**
 * Sets what a link has seen of a field, storing nothing where it agrees with the record.
 *
 * @param recordValue - the value the record will hold after this commit.
 */
export function rememberSeen(seen: Record<string, Seen>, field: string, value: FieldValue, recordValue: FieldValue): void {
  if (value === recordValue) delete seen[field];
  else seen[field] = { value };
}
