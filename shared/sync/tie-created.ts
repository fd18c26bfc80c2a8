import { confirmWritten } from './delivery.ts';
import type { FieldValues } from './field-value.ts';
import { sameValue } from './link.ts';
import { withFoundObject } from './new-record.ts';
import type { Link, Receipt, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/**
 * C4 after a death: the object carries the record's id, so one of our creates made it, and nobody learnt which. Several may
 * have been on their way with other values each. Its base is what that create wrote: of the receipts without an answer the one
 * that most of what is shown agrees with, the oldest of equals. Where no receipt is left, nothing is known of it (O5).
 *
 * @param shown - what the object holds now; absent where only its tombstone is left.
 */
export function tieCreated(
  record: SyncRecord,
  system: string,
  objectId: string,
  shown: FieldValues | undefined,
  rules: SyncRules,
): SyncRecord {
  const link = record.links[system];
  const creates = link === undefined ? [] : [...(link.spent ?? []), ...link.receipts].filter(isUnanswered);
  const [first, ...others] = creates;
  if (link === undefined || first === undefined) return withFoundObject(record, system, objectId, rules);
  let made = first;
  for (const receipt of others) if (agreement(receipt, shown, rules) > agreement(made, shown, rules)) made = receipt;
  const known: Link = {
    ...link,
    receipts: link.receipts.includes(made) ? link.receipts : [made, ...link.receipts],
    ...(link.spent !== undefined && { spent: link.spent.filter((receipt) => receipt !== made) }),
  };
  const own = { ...record, links: { ...record.links, [system]: known } };
  return confirmWritten(own, system, made.id, { objectId }, made.claimedAtMs, rules);
}

function isUnanswered(receipt: Receipt): boolean {
  return receipt.answeredAtMs === undefined && Object.keys(receipt.fields).length > 0;
}

/** How many fields show what the receipt says, less those that show something else. */
function agreement(receipt: Receipt, shown: FieldValues | undefined, rules: SyncRules): number {
  if (shown === undefined) return 0;
  let count = 0;
  for (const [field, now] of Object.entries(shown)) {
    const written = receipt.fields[field]?.value ?? null;
    count += sameValue(rules, field, written, now) ? 1 : -1;
  }
  return count;
}
