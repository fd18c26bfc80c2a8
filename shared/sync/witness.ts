import { passesPolicies, settleConflict } from './decide-field.ts';
import type { Draft } from './draft.ts';
import type { FieldValue } from './field-value.ts';
import { sameValue } from './link.ts';
import type { PresentObservation } from './observation.ts';
import type { Link, Receipt } from './record.ts';
import type { SyncRules, SystemRules } from './rules.ts';

/**
 * O9: what a hint says was saved, and no read can show any more because our own write went over it between its verify
 * read and its write. No system has a conditional batch write, so the hint is the only witness. It counts
 * where the read shows our value, the edit was saved after the look that our write went by, its value is neither what we
 * wrote nor what we wrote over, and nothing that is later from that side was decided. Each counts once.
 */
export function decideWitnesses(
  draft: Draft,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): void {
  for (const [field, witness] of Object.entries(seenNow.witnesses)) {
    const now = seenNow.fields[field];
    if (now === undefined || system.fields[field] === undefined || sameValue(rules, field, witness.value, now)) continue;
    if (witness.atMs <= (link.witnessed?.[field] ?? 0)) continue;
    const write = writeOver(link, field, witness.value, witness.atMs, now, rules);
    if (write === undefined) continue;
    const record = draft.fields[field];
    draft.witnessed[field] = witness.atMs;
    draft.touched = true;
    const sighting = { field, now: witness.value, time: { atMs: witness.atMs }, admitted: system.fields[field] !== 'out' };
    const undecidable = whyNotDecided(draft, field, witness.atMs, sighting.admitted);
    if (undecidable !== undefined) {
      draft.hasLoser = true;
      draft.lines.push({
        event: 'witnessed',
        field,
        rule: 'O9',
        reason: undecidable,
        by: draft.system,
        atMs: witness.atMs,
        to: record?.value ?? null,
        lost: { value: witness.value, by: draft.system, atMs: witness.atMs },
      });
      continue;
    }
    if (!passesPolicies(draft, sighting, write.before, rules, false)) continue;
    const strategy = rules.fields[field]?.strategy ?? { kind: 'last-write-wins' };
    settleConflict(draft, sighting, write.before, 'O9', strategy, seenNow, rules);
  }
}

/** Why an overwritten edit is only told, not decided; undefined where it is to be decided. */
function whyNotDecided(draft: Draft, field: string, atMs: number, admitted: boolean): string | undefined {
  const record = draft.fields[field];
  if (!admitted) return 'overwritten by our own write, in a field that this system only receives';
  if (draft.holds[field] !== undefined) return 'overwritten by our own write; the field waits for a person already';
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
