import type { FieldValue } from './field-value.ts';
import { openReceipts, sameValue, seenOf, trustedFromMs } from './link.ts';
import type { PresentObservation } from './observation.ts';
import type { Link, Receipt, SyncRecord } from './record.ts';
import type { SyncRules, SystemRules } from './rules.ts';

/** Most writes are confirmed well within it; a dozen of them outlast the longest claim. */
const IN_FLIGHT_WAIT_MS = 10_000;

/** Most reads take far less, and one that takes longer is cut off by its caller. */
const READ_TAKES_MS = 10_000;
/** While only an older stamp speaks against what was read: a lagging replica has caught up long before. */
const OLDER_ROW_WAIT_MS = 2_000;

/** O3: what of an observation cannot be told from a stale read, and when a read may begin that can; undefined when all can. */
export function doubtOf(
  record: SyncRecord,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): { readonly rereadAfterMs: number; readonly fields: readonly string[] } | undefined {
  const undecided = undecidedInFlight(link, seenNow, rules);
  if (undecided.length > 0) return { rereadAfterMs: seenNow.readBeganAtMs + IN_FLIGHT_WAIT_MS, fields: undecided };
  const doubtful = doubtfulFields(record, link, system, seenNow, rules);
  if (doubtful.length === 0) return undefined;
  const settleMs = system.stampResolutionMs + system.readLagMs;
  const waitMs = seenNow.readBeganAtMs < trustedFromMs(link, system) ? settleMs : Math.max(settleMs, OLDER_ROW_WAIT_MS);
  return { rereadAfterMs: Math.max(trustedFromMs(link, system), seenNow.readBeganAtMs + waitMs), fields: doubtful };
}

/** Fields whose value cannot be told from a stale read, given what we saw and wrote before. */
function doubtfulFields(
  record: SyncRecord,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): string[] {
  const notYetShown = Object.entries(seenNow.witnesses)
    .filter(([field, witness]) => {
      const now = seenNow.fields[field];
      // A lagging replica: the hint's edit is newer than the row that was read, and the read is too fresh to overrule it.
      return (
        now !== undefined &&
        !sameValue(rules, field, witness.value, now) &&
        seenNow.stampMs + system.stampResolutionMs <= witness.atMs &&
        seenNow.readBeganAtMs < witness.receivedAtMs + system.stampResolutionMs + system.readLagMs
      );
    })
    .map(([field]) => field);
  if (notYetShown.length > 0) return notYetShown;
  if (isBehind(seenNow, system)) return Object.keys(system.fields);
  const older = seenNow.stampMs < link.stampMs;
  // The newest look is known by when it began, and shows what was there when it ended: an older row may outlast it by so much.
  const trustedMs = trustedFromMs(link, system) + (older ? READ_TAKES_MS : 0);
  if (seenNow.readBeganAtMs >= trustedMs) return [];
  const sameStamp = link.stampMs > 0 && seenNow.stampMs === link.stampMs;
  const open = openReceipts(link, seenNow.readBeganAtMs, system);
  const doubtful: string[] = [];
  for (const field of Object.keys(system.fields)) {
    const now = seenNow.fields[field];
    if (now === undefined) continue;
    const seen = seenOf(record, link, field);
    if ('value' in seen && sameValue(rules, field, seen.value, now)) continue;
    if (isEcho(record, link, field, now, seenNow, rules)) continue;
    const receipts = open.filter((receipt) => receipt.fields[field] !== undefined);
    const equalsBefore = receipts.some((receipt) => {
      const written = receipt.fields[field];
      return written !== undefined && sameValue(rules, field, written.before, now);
    });
    // Another author's saved value, named by a hint, is no stale read: unless it is the very value we wrote over.
    const witness = seenNow.witnesses[field];
    const witnessed =
      witness !== undefined &&
      sameValue(rules, field, witness.value, now) &&
      witness.atMs + system.stampResolutionMs > link.stampMs;
    if (equalsBefore || (!witnessed && (older || sameStamp || receipts.length > 0))) doubtful.push(field);
  }
  return doubtful;
}

/** A lagging replica shows a row that is older than it is known to be: a poll has listed the newer one, or a hint names its time. */
function isBehind({ told, stampMs, readBeganAtMs }: PresentObservation, system: SystemRules): boolean {
  if (told === undefined || stampMs + system.stampResolutionMs > told.stampMs) return false;
  return readBeganAtMs < told.receivedAtMs + system.stampResolutionMs + system.readLagMs;
}

/**
 * Fields that a claimed write is about to write, or has just written, of which only the state after the confirm tells what
 * happened: somebody saved the very value that it writes over (which of the two came last?), or they show neither that value nor
 * ours though we were the last to change the row (a form of ours that the confirm will tell of?).
 */
function undecidedInFlight(link: Link, seenNow: PresentObservation, rules: SyncRules): string[] {
  const { claim } = link;
  if (claim === undefined || claim.untilMs <= seenNow.readBeganAtMs) return [];
  const receipt = link.receipts.find((candidate) => candidate.id === claim.owner);
  if (receipt === undefined || receipt.answeredAtMs !== undefined) return [];
  return Object.entries(receipt.fields)
    .filter(([field, { before, value }]) => {
      const now = seenNow.fields[field];
      const witness = seenNow.witnesses[field];
      if (now === undefined) return false;
      const isOther = !sameValue(rules, field, before, now) && !isOurValue(link, field, now, rules);
      if (isOther && seenNow.modifiedBy === 'us') return witness === undefined || !sameValue(rules, field, witness.value, now);
      if (witness === undefined || witness.atMs <= receipt.claimedAtMs) return false;
      return (
        sameValue(rules, field, witness.value, now) &&
        sameValue(rules, field, before, now) &&
        !sameValue(rules, field, value, now)
      );
    })
    .map(([field]) => field);
}

function isOurValue(link: Link, field: string, now: FieldValue, rules: SyncRules): boolean {
  return [...(link.spent ?? []), ...link.receipts].some(({ fields }) => {
    const written = fields[field];
    return written !== undefined && sameValue(rules, field, written.value, now);
  });
}

/** O2: the value of one of our own writes, and nobody else is known to have saved it since. */
export function isEcho(
  record: SyncRecord,
  link: Link,
  field: string,
  now: FieldValue,
  seenNow: PresentObservation,
  rules: SyncRules,
): boolean {
  const traits = rules.systems[seenNow.system];
  const open = traits === undefined ? link.receipts : openReceipts(link, seenNow.readBeganAtMs, traits);
  const isOurs = open.some((receipt) => {
    const written = receipt.fields[field];
    if (written === undefined || !sameValue(rules, field, written.value, now)) return false;
    const witness = seenNow.witnesses[field];
    if (witness !== undefined && sameValue(rules, field, witness.value, now) && witness.atMs > receipt.claimedAtMs) return false;
    // The row's modifier counts only where we never learnt whether the write happened, and where nothing else explains it.
    if (receipt.answeredAtMs !== undefined || seenNow.modifiedBy !== 'other') return true;
    return isFirstLookAfter(link, receipt, field) || showsOtherEdit(record, link, receipt, seenNow, rules);
  });
  return isOurs || isLateWrite(link, field, now, seenNow, rules);
}

/** Nobody has looked since, and we wrote nothing else there: it is our write that came through, whoever touched the row after it. */
function isFirstLookAfter(link: Link, receipt: Receipt, field: string): boolean {
  if (link.observedAtMs > receipt.claimedAtMs) return false;
  const later = link.receipts.slice(link.receipts.indexOf(receipt) + 1);
  return !later.some((one) => one.fields[field] !== undefined);
}

/** Somebody edited a field of the row that our write did not touch: that is why the row is his. */
function showsOtherEdit(
  record: SyncRecord,
  link: Link,
  receipt: Receipt,
  seenNow: PresentObservation,
  rules: SyncRules,
): boolean {
  return Object.entries(seenNow.fields).some(([field, now]) => {
    if (receipt.fields[field] !== undefined) return false;
    const seen = seenOf(record, link, field);
    return 'value' in seen && !sameValue(rules, field, seen.value, now);
  });
}

/** The write of a deliverer that hung landed after all, when its receipt had been answered by later ones. */
function isLateWrite(link: Link, field: string, now: FieldValue, seenNow: PresentObservation, rules: SyncRules): boolean {
  if (seenNow.modifiedBy !== 'us') return false;
  const witness = seenNow.witnesses[field];
  if (witness !== undefined && sameValue(rules, field, witness.value, now)) return false;
  return (link.spent ?? []).some(({ answeredAtMs, fields }) => {
    const written = fields[field];
    return answeredAtMs === undefined && written !== undefined && sameValue(rules, field, written.value, now);
  });
}
