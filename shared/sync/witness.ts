import { passesPolicies, settleConflict } from './decide-field.ts';
import type { Draft } from './draft.ts';
import type { FieldValue } from './field-value.ts';
import { sameValue, seenOf } from './link.ts';
import type { EarlierWitness, PresentObservation } from './observation.ts';
import type { Link, Receipt, SyncRecord } from './record.ts';
import type { SyncRules, SystemRules } from './rules.ts';

/** Edits of one field that are remembered as counted. */
const WITNESSED_MAX = 4;
/** Clocks differ, and an answer takes its time: an edit within so long after it may have come before the write. */
const SKEW_MS = 2_000;

/**
 * O9: what a hint says was saved, and no read can show any more because our own write went over it between its verify
 * read and its write. No system has a conditional batch write, so the hint is the only witness. It counts where the edit
 * was saved after the look that our write went by, and its value is neither what we wrote nor what we wrote over. Each
 * counts once. It is decided where the read shows our value and nothing later from that side was decided; else it is named in the ledger.
 */
export function decideWitnesses(
  draft: Draft,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): void {
  for (const edit of seenNow.earlier ?? []) tellIfOverwritten(draft, link, system, edit, rules);
  for (const [field, { value, atMs }] of Object.entries(seenNow.witnesses)) {
    const now = seenNow.fields[field];
    const direction = system.fields[field];
    if (now === undefined || direction === undefined || sameValue(rules, field, value, now)) continue;
    if (draft.witnessed[field]?.includes(atMs)) continue;
    const write = writeOver(link, field, value, atMs, now, rules);
    if (write === undefined) {
      tellIfOverwritten(draft, link, system, { field, value, atMs }, rules);
      continue;
    }
    count(draft, field, atMs);
    const sighting = { field, now: value, time: { atMs }, admitted: direction !== 'out' };
    const hold = draft.holds[field];
    if (hold !== undefined && sighting.admitted) {
      const parties = { ...hold.parties, [draft.system]: { value, atMs } };
      draft.holds[field] = { ...hold, version: hold.version + 1, parties };
      const reason = 'overwritten by our own write; it is this side of the conflict all the same';
      draft.lines.push({ event: 'held', field, rule: 'O9/H2', reason, by: draft.system, atMs, to: value });
      continue;
    }
    const undecidable = whyNotDecided(draft, field, atMs, sighting.admitted);
    if (undecidable !== undefined) {
      tell(draft, { field, value, atMs }, undecidable);
      continue;
    }
    if (!passesPolicies(draft, sighting, write.before, rules, false)) continue;
    const strategy = rules.fields[field]?.strategy ?? { kind: 'last-write-wins' };
    settleConflict(draft, sighting, write.before, 'O9', strategy, seenNow, rules);
  }
}

/** Of an edit that others have followed it is enough to know where it went. */
function tellIfOverwritten(draft: Draft, link: Link, system: SystemRules, edit: EarlierWitness, rules: SyncRules): void {
  if (draft.witnessed[edit.field]?.includes(edit.atMs)) return;
  const isOverwritten = mayBeOverwritten(draft.base, link, system, edit, rules);
  if (!isOverwritten && !isForgotten(draft.base, link, system, edit, rules)) return;
  count(draft, edit.field, edit.atMs);
  tell(
    draft,
    edit,
    isOverwritten
      ? 'saved while a write of ours was on its way, and not there any more'
      : 'told of so late that nothing says any more whether a write of ours went over it',
  );
}

/** So many writes of ours have followed that their receipts are gone; and it is neither what is there nor what was decided. */
function isForgotten(before: SyncRecord, link: Link, system: SystemRules, edit: EarlierWitness, rules: SyncRules): boolean {
  const { field, value, atMs } = edit;
  if (link.forgottenToMs === undefined || atMs > link.forgottenToMs || system.fields[field] === undefined) return false;
  const seen = seenOf(before, link, field);
  if ('value' in seen && sameValue(rules, field, seen.value, value)) return false;
  return !sameValue(rules, field, before.fields[field]?.value ?? null, value);
}

/** Saved after the look that some write of ours went by and before its answer; neither read nor decided, as far as the link can tell. */
export function mayBeOverwritten(
  before: SyncRecord,
  link: Link,
  system: SystemRules,
  { field, value, atMs }: EarlierWitness,
  rules: SyncRules,
): boolean {
  if (system.fields[field] === undefined || link.witnessed?.[field]?.includes(atMs)) return false;
  const record = before.fields[field];
  if (record !== undefined && record.atMs === atMs && sameValue(rules, field, record.value, value)) return false; // decided as it was read
  return [...(link.spent ?? []), ...link.receipts].some(({ stampMs, answeredAtMs, fields }) => {
    const written = fields[field];
    if (written === undefined || atMs <= stampMs) return false;
    const isOurs = sameValue(rules, field, written.value, value) || sameValue(rules, field, written.before, value);
    return !isOurs && (answeredAtMs === undefined || atMs < answeredAtMs + SKEW_MS + system.stampResolutionMs);
  });
}

function tell(draft: Draft, { field, value, atMs }: EarlierWitness, reason: string): void {
  draft.hasLoser = true;
  draft.lines.push({
    event: 'witnessed',
    field,
    rule: 'O9',
    reason,
    by: draft.system,
    atMs,
    to: draft.fields[field]?.value ?? null,
    lost: { value, by: draft.system, atMs },
  });
}

function count(draft: Draft, field: string, atMs: number): void {
  draft.witnessed[field] = [...(draft.witnessed[field] ?? []), atMs].slice(-WITNESSED_MAX);
  draft.touched = true;
}

/** Why an overwritten edit is only told, not decided; undefined where it is to be decided. */
function whyNotDecided(draft: Draft, field: string, atMs: number, admitted: boolean): string | undefined {
  const record = draft.fields[field];
  if (!admitted) return 'overwritten by our own write, in a field that this system only receives';
  if (record?.by === draft.system && record.atMs > atMs)
    return 'overwritten by our own write; a later edit from there has been decided';
  return undefined;
}

/**
 * The write of ours that went over the witnessed value: of those up to the one whose value is there now, the
 * newest that went by a look from before the edit.
 */
function writeOver(
  link: Link,
  field: string,
  value: FieldValue,
  atMs: number,
  now: FieldValue,
  rules: SyncRules,
): Receipt['fields'][string] | undefined {
  const writes = [...(link.spent ?? []), ...link.receipts].filter((receipt) => receipt.fields[field] !== undefined);
  const shown = writes.findLastIndex(({ fields }) => sameValue(rules, field, fields[field]?.value ?? null, now)); // others are on their way
  const written = writes.slice(0, shown + 1).findLast((receipt) => receipt.stampMs < atMs)?.fields[field];
  if (written === undefined) return undefined;
  const isOurs = sameValue(rules, field, written.value, value) || sameValue(rules, field, written.before, value);
  return isOurs ? undefined : written;
}
