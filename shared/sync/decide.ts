import { decideField, fieldTime } from './decide-field.ts';
import { decideDeleted, decideMerged, decideMissing, decideOutside, decideQuarantined, undeleted } from './decide-lifecycle.ts';
import { doubtOf } from './doubt.ts';
import { Draft } from './draft.ts';
import { frozenIfLooping } from './freeze.ts';
import { isReaction, talliedReaction } from './guards/write-tally.ts';
import type { LedgerLine } from './ledger.ts';
import { afterBelievedRead, cameThrough, sameValue } from './link.ts';
import type { Observation, PresentObservation } from './observation.ts';
import type { Link, SyncRecord } from './record.ts';
import type { SyncRules, SystemRules } from './rules.ts';
import { decideWitnesses } from './witness.ts';

/** What an observation means for its record. A value, so that a test can look at it. */
export type Decision =
  /** Nothing to write. */
  | { readonly kind: 'unchanged' }
  /** Cannot be told from a stale read: look again, beginning no sooner than `rereadAfterMs` (epoch). */
  | { readonly kind: 'doubt'; readonly rereadAfterMs: number; readonly fields: readonly string[] }
  /** Commit `record`, on condition that its version is still one less. */
  | { readonly kind: 'changed'; readonly record: SyncRecord; readonly lines: readonly LedgerLine[]; readonly hasLoser: boolean };

/**
 * Decides what one observation of a linked object means. Pure: the same record and observation
 * give the same decision. The rules (O.., S.., P.., H.., D.., F..) are those of RULES.md.
 *
 * @throws Error when the record has no link to the observed object: the caller resolves identity first.
 */
export function decide(record: SyncRecord, observation: Observation, rules: SyncRules): Decision {
  const link = record.links[observation.system];
  const system = rules.systems[observation.system];
  if (link === undefined || system === undefined || link.objectId !== observation.objectId) {
    throw new Error(`record ${record.recordId} has no link to ${observation.system} object ${observation.objectId}`);
  }
  switch (observation.state) {
    case 'present':
      return decidePresent(record, link, system, observation, rules);
    case 'deleted':
      return decideDeleted(record, link, observation, rules);
    case 'missing':
      return decideMissing(record, link, observation);
    case 'merged':
      return decideMerged(record, link, observation, rules);
    case 'outside':
      return decideOutside(record, link, observation);
    case 'quarantined':
      return decideQuarantined(record, link, observation);
  }
}

function decidePresent(
  record: SyncRecord,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): Decision {
  const doubt = doubtOf(record, link, system, seenNow, rules);
  if (doubt !== undefined) return { kind: 'doubt', ...doubt };

  const draft = new Draft(record, seenNow.system, link);
  for (const [field, direction] of Object.entries(system.fields)) {
    const now = seenNow.fields[field];
    if (now === undefined) continue; // not read: absent never clears
    const time = fieldTime(link, field, seenNow, system);
    decideField(draft, link, { field, now, time, admitted: direction !== 'out' }, seenNow, rules);
  }
  decideWitnesses(draft, link, system, seenNow, rules);

  const line = { by: seenNow.system, atMs: seenNow.stampMs } as const;
  const back = link.state === 'outside';
  const revived = link.state !== 'linked' && !back;
  if (revived) draft.lines.push({ ...line, event: 'restored', rule: 'D6', reason: 'the object is there again' });
  if (back) draft.lines.push({ ...line, event: 'joined-filter', rule: 'F1', reason: 'it meets the filter of this sync again' });
  if (link.quarantine !== undefined)
    draft.lines.push({ ...line, event: 'accepted', rule: 'Q', reason: 'what it shows now is fit' });
  if (revived || back || link.quarantine !== undefined) draft.touched = true;
  // A first look ends here even when every field agrees: from now on the link has a base.
  if (!draft.touched && link.observedAtMs > 0 && !overtakesOlderReads(link, seenNow, rules)) return { kind: 'unchanged' };

  const { quarantine: _, writes: before, ...kept } = link;
  const edited = draft.lines.some((one) => one.event === 'changed' && one.rule !== 'O5');
  const isAnswer = edited && isReaction(link.deliveredAtMs, seenNow.stampMs);
  const writes = isAnswer ? talliedReaction(before, seenNow.readBeganAtMs) : before;
  const own: Link = {
    ...afterBelievedRead(cameThrough(kept, seenNow, rules), seenNow.readBeganAtMs, system),
    ...(writes !== undefined && { writes }),
    state: 'linked',
    stampMs: Math.max(link.stampMs, seenNow.stampMs),
    observedAtMs: Math.max(link.observedAtMs, seenNow.readBeganAtMs),
  };
  const next = draft.finish(own);
  const alive = revived ? undeleted(next, seenNow.system) : next;
  const { record: calmed, lines } = frozenIfLooping(alive, seenNow.system, seenNow.readBeganAtMs, rules);
  return { kind: 'changed', record: calmed, lines: [...draft.lines, ...lines], hasLoser: draft.hasLoser };
}

/**
 * O1: somebody saved the value that was seen before our last look. It went away and came back, so whoever read it in
 * between must not commit: a commit of ours, though it changes no value, sends him to read again.
 */
function overtakesOlderReads(link: Link, { fields, witnesses }: PresentObservation, rules: SyncRules): boolean {
  return Object.entries(witnesses).some(([field, witness]) => {
    const now = fields[field];
    return now !== undefined && witness.atMs > link.observedAtMs && sameValue(rules, field, witness.value, now);
  });
}
