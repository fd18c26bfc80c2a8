import { isEcho } from './doubt.ts';
import type { Draft } from './draft.ts';
import type { FieldValue } from './field-value.ts';
import type { LedgerLine } from './ledger.ts';
import { sameValue, seenOf } from './link.ts';
import type { FieldTime, PresentObservation } from './observation.ts';
import { admit, admitMerged } from './policies/admit.ts';
import type { Hold, Link, RecordField, Seen } from './record.ts';
import type { FieldRules, StrategySpec, SyncRules, SystemRules } from './rules.ts';
import { type FieldConflict, judge, strongerClaim } from './strategies/judge.ts';
import { compareVectors } from './version-vector.ts';

/** What one field of a believed observation says. */
export interface FieldSighting {
  readonly field: string;
  readonly now: FieldValue;
  readonly time: FieldTime;
  /** False where the field only travels to this system. */
  readonly admitted: boolean;
}

/** Decides one field of a believed observation, from the top of RULES.md's table to its bottom. */
export function decideField(
  draft: Draft,
  link: Link,
  sighting: FieldSighting,
  seenNow: PresentObservation,
  rules: SyncRules,
): void {
  const { field, now, time, admitted } = sighting;
  const record = draft.fields[field];
  const recordValue = record?.value ?? null;
  const seen = seenOf(draft.base, link, field);

  if ('value' in seen && sameValue(rules, field, seen.value, now)) return; // O1
  if (isKnownRendering(draft, field, now, seen, rules)) return; // O8
  if (isEcho(draft.base, link, field, now, seenNow, rules)) {
    draft.see(field, now); // O2
    return;
  }
  if (isNewRendering(link, field, now, seen, seenNow, rules)) {
    learnRendering(draft, link, sighting, seen, rules); // O8
    return;
  }
  const hold = draft.holds[field];
  if (hold !== undefined) {
    joinHold(draft, hold, sighting, rules);
    return;
  }
  const own = draft.overrides[field];
  if (own !== undefined && admitted && (own.untilMs === undefined || time.atMs < own.untilMs)) {
    // P8: this system has its own value of the field, and somebody there changed it. Only a bound speaks against it.
    if (!passesPolicies(draft, sighting, 'value' in seen ? seen.value : null, rules)) return;
    draft.overrides[field] = { ...own, value: now, atMs: time.atMs };
    draft.see(field, now);
    draft.lines.push({ ...lineOf(draft, sighting, 'override-set', 'P8'), from: own.value, to: now, reason: own.reason });
    return;
  }
  const strategy = rules.fields[field]?.strategy ?? { kind: 'last-write-wins' };
  const isOwn = hasOwnValue(rules.fields[field], draft.system);
  if (record !== undefined && sameValue(rules, field, recordValue, now) && !countsTwice(strategy, seen) && !isOwn) {
    agree(draft, sighting, record, seen, strategy, rules); // O4
    return;
  }
  if ('never' in seen) {
    decideFirstSight(draft, sighting, seenNow, rules);
    return;
  }
  if (!admitted) {
    refuseEdit(draft, sighting, 'P1', `${draft.system} only receives this field`);
    return;
  }
  if (!passesPolicies(draft, sighting, seen.value, rules)) return;
  const causal = causality(rules.fields[field], seenNow.vectors?.[field], record);
  const unrivalled = causal === undefined ? sameValue(rules, field, recordValue, seen.value) : causal === 'after';
  if (unrivalled) {
    // O6: only this system changed.
    const made = { ...sighting, time: laterThan(record?.atMs, time) };
    setTo(draft, made, now, made.time, seenNow, rules);
    draft.lines.push({ ...lineOf(draft, made, 'changed', 'O6'), from: recordValue, to: now });
    return;
  }
  // What the record's edit was raised to by causality, its rival is raised to as well: both were made on the same base.
  const rival = { ...sighting, time: laterThan(seen.atMs, time) };
  settleConflict(draft, rival, seen.value, 'O7', strategy, seenNow, rules);
}

/** When the field changed: as a hint says, or else after our last look and by the row's stamp. */
export function fieldTime(link: Link, field: string, seenNow: PresentObservation, system: SystemRules): FieldTime {
  const exactMs = seenNow.fieldTimesMs[field];
  if (exactMs !== undefined) return { atMs: exactMs };
  const latestMs = Math.min(seenNow.stampMs + system.stampResolutionMs - 1, seenNow.readBeganAtMs);
  return { atMs: latestMs, fromMs: Math.min(Math.max(0, link.observedAtMs - system.readLagMs), latestMs - 1) };
}

/** Causality beats a slow clock: an edit is later than what it was made on. */
function laterThan(baseMs: number | undefined, time: FieldTime): FieldTime {
  const atMs = Math.max(time.atMs, (baseMs ?? 0) + 1);
  return time.fromMs === undefined ? { atMs } : { atMs, fromMs: Math.min(time.fromMs, atMs - 1) };
}

/** O8: the form in which this system is known to store what we sent. */
function isKnownRendering(draft: Draft, field: string, now: FieldValue, seen: Seen, rules: SyncRules): boolean {
  const rendering = draft.renderings[field];
  return (
    rendering !== undefined &&
    'value' in seen &&
    (sameValue(rules, field, rendering.sent, seen.value) || sameValue(rules, field, rendering.shown, seen.value)) &&
    sameValue(rules, field, rendering.shown, now)
  );
}

/**
 * O8: what we wrote comes back in another form while we are the last to have changed the row: the system's way of storing
 * it. Not where the outcome of any write of ours is unknown: such a late write makes us the last one too.
 */
function isNewRendering(
  link: Link,
  field: string,
  now: FieldValue,
  seen: Seen,
  seenNow: PresentObservation,
  rules: SyncRules,
): boolean {
  if (seenNow.modifiedBy !== 'us' || !('value' in seen)) return false;
  if (link.receipts.some((receipt) => receipt.answeredAtMs === undefined)) return false;
  const written = link.receipts.at(-1)?.fields[field];
  if (written === undefined || !sameValue(rules, field, written.value, seen.value)) return false;
  const witness = seenNow.witnesses[field];
  if (witness !== undefined && sameValue(rules, field, witness.value, now)) return false;
  return !(link.spent ?? []).some(({ answeredAtMs, fields }) => {
    const known = fields[field];
    return answeredAtMs === undefined && known !== undefined && sameValue(rules, field, known.value, now);
  });
}

/** Learns a rendering; a second one of the same value is a system that argues with us: the field waits for a person. */
function learnRendering(draft: Draft, link: Link, sighting: FieldSighting, seen: Seen, rules: SyncRules): void {
  const { field, now, time } = sighting;
  const sent = 'value' in seen ? seen.value : null;
  const known = link.renderings?.[field];
  draft.see(field, now);
  if (known !== undefined && sameValue(rules, field, known.shown, sent)) {
    hold(draft, sighting, known.sent, 'O8', 'the system rewrote what Concord had written, and rewrote it again');
    return;
  }
  draft.renderings[field] = { sent, shown: now };
  draft.lines.push({
    ...lineOf(draft, { ...sighting, time }, 'agreed', 'O8'),
    reason: 'the form in which the system stores what was written',
    from: sent,
    to: now,
  });
}

/** Two equal amounts added on two sides are two additions, not one. */
function countsTwice(strategy: StrategySpec, seen: Seen): boolean {
  return strategy.kind === 'additive' && 'value' in seen;
}

/** True where the named system's edits are its own, even one that happens to equal the record. */
function hasOwnValue(rules: FieldRules | undefined, system: string): boolean {
  return rules?.policies?.some((policy) => policy.kind === 'own-value' && policy.system === system) ?? false;
}

/**
 * O4: both sides made the same edit. It goes on under the author and time that would win, or a third edit would win or lose by
 * which of the two came first.
 */
function agree(
  draft: Draft,
  sighting: FieldSighting,
  record: RecordField,
  seen: Seen,
  strategy: StrategySpec,
  rules: SyncRules,
): void {
  const { field, now } = sighting;
  if ('never' in seen) {
    draft.see(field, now);
    return;
  }
  const time = laterThan(seen.atMs, sighting.time);
  const conflict = conflictOf(draft, { ...sighting, time }, seen.value, rules);
  draft.lines.push(lineOf(draft, sighting, 'agreed', 'O4'));
  const isAdmitted =
    sighting.admitted && admit(rules.fields[field]?.policies ?? [], { ...conflict, record: conflict.record }).kind === 'admit';
  if (isAdmitted && strongerClaim(strategy, conflict) === 'observed') {
    draft.setField(field, { ...timeless(record), ...timeOf(time), by: draft.system });
  }
  draft.see(field, now);
}

/** O5: no base to compare with. An empty side takes the other's value; two values go to the first-sync strategy. */
function decideFirstSight(draft: Draft, sighting: FieldSighting, seenNow: PresentObservation, rules: SyncRules): void {
  const { field, now, time, admitted } = sighting;
  const recordValue = draft.fields[field]?.value ?? null;
  if (now === null) {
    draft.see(field, now); // ours to fill: the link is dirty if the record has a value
    return;
  }
  if (!admitted) {
    refuseEdit(draft, sighting, 'P1', `${draft.system} only receives this field`);
    return;
  }
  if (recordValue === null) {
    setTo(draft, sighting, now, time, seenNow, rules);
    draft.lines.push({
      ...lineOf(draft, sighting, 'changed', 'O5'),
      reason: 'the other side was empty',
      from: null,
      to: now,
    });
    return;
  }
  if (!passesPolicies(draft, sighting, recordValue, rules)) return;
  settleConflict(draft, sighting, null, 'O5', firstSightStrategy(rules, field), seenNow, rules);
}

/** Where the values themselves say which one it is, no side need be preferred. */
function firstSightStrategy(rules: SyncRules, field: string): StrategySpec {
  const strategy = rules.fields[field]?.strategy;
  const byValue = strategy?.kind === 'maximum' || strategy?.kind === 'minimum' || strategy?.kind === 'set-union';
  return byValue ? strategy : rules.firstSync;
}

/** Whether the field takes the edit at all (P2-P8). What it does not take is dealt with here. */
export function passesPolicies(draft: Draft, sighting: FieldSighting, base: FieldValue, rules: SyncRules, shown = true): boolean {
  const { field, now, time } = sighting;
  const policies = rules.fields[field]?.policies ?? [];
  if (policies.length === 0) return true;
  const record = draft.fields[field];
  const admission = admit(policies, {
    field,
    base,
    ...(record !== undefined && { record }),
    observed: { value: now, ...time, by: draft.system },
    rankOf: rankIn(rules),
  });
  switch (admission.kind) {
    case 'admit':
      return true;
    case 'refuse':
      refuseEdit(draft, sighting, admission.rule, admission.reason, shown);
      return false;
    case 'hold':
      if (shown) draft.see(field, now, time.atMs);
      hold(draft, sighting, base, admission.rule, admission.reason);
      return false;
    case 'own-value':
      draft.overrides[field] = {
        value: now,
        reason: admission.reason,
        by: draft.system,
        atMs: time.atMs,
        ...(admission.untilMs !== undefined && { untilMs: admission.untilMs }),
      };
      if (shown) draft.see(field, now);
      draft.lines.push({
        ...lineOf(draft, sighting, 'override-set', admission.rule),
        reason: admission.reason,
        from: record?.value ?? null,
        to: now,
      });
      return false;
  }
}

/** The system gets the record's value back, and the ledger keeps the edit. */
function refuseEdit(draft: Draft, { field, now, time }: FieldSighting, rule: string, reason: string, shown = true): void {
  const record = draft.fields[field];
  if (shown) draft.see(field, now, time.atMs);
  draft.hasLoser = true;
  draft.lines.push({
    event: 'refused-edit',
    field,
    rule,
    reason,
    by: record?.by ?? draft.system,
    atMs: record?.atMs ?? time.atMs,
    to: record?.value ?? null,
    lost: { value: now, by: draft.system, atMs: time.atMs },
  });
}

/**
 * Two edits, neither of which knew of the other.
 *
 * @param cause - the row of the table that led here: O5 without a base, O7 with one, O9 where only a hint tells of the edit.
 */
export function settleConflict(
  draft: Draft,
  sighting: FieldSighting,
  base: FieldValue,
  cause: 'O5' | 'O7' | 'O9',
  strategy: StrategySpec,
  seenNow: PresentObservation,
  rules: SyncRules,
): void {
  const { field, now, time } = sighting;
  const conflict = conflictOf(draft, sighting, base, rules);
  const current = conflict.record;
  const verdict = judge(strategy, conflict);
  const rule = `${cause}/${verdict.rule}`;
  const isShown = cause !== 'O9';
  if (isShown) draft.see(field, now, time.atMs);
  const lostNow = { value: now, by: draft.system, atMs: time.atMs };
  const lostRecord = { value: current.value, by: current.by, atMs: current.atMs };
  switch (verdict.winner) {
    case 'nobody':
      hold(draft, sighting, base, rule, verdict.reason);
      return;
    case 'observed':
      draft.hasLoser = true;
      setTo(draft, sighting, now, time, seenNow, rules, isShown);
      draft.lines.push({
        ...lineOf(draft, sighting, 'changed', rule),
        reason: verdict.reason,
        from: current.value,
        to: now,
        lost: lostRecord,
      });
      return;
    case 'record':
      draft.hasLoser = true;
      draft.lines.push({
        event: 'kept',
        field,
        rule,
        reason: verdict.reason,
        by: current.by,
        atMs: current.atMs,
        to: current.value,
        lost: lostNow,
      });
      return;
    case 'merged': {
      const { value } = verdict;
      const bounded = admitMerged(rules.fields[field]?.policies ?? [], value);
      if (bounded.kind === 'hold') {
        hold(draft, sighting, base, bounded.rule, bounded.reason);
        return;
      }
      draft.hasLoser = true;
      setTo(draft, sighting, value, { atMs: Math.max(time.atMs, current.atMs) }, seenNow, rules, isShown);
      const line = { ...lineOf(draft, sighting, 'changed', rule), reason: verdict.reason, from: current.value, to: value };
      draft.lines.push({ ...line, lost: lostNow });
      // What both added is in the sum; what a function made up instead of both has lost both.
      if (strategy.kind === 'custom') draft.lines.push({ ...line, event: 'kept', lost: lostRecord });
    }
  }
}

function conflictOf(draft: Draft, { field, now, time }: FieldSighting, base: FieldValue, rules: SyncRules): FieldConflict {
  const record = draft.fields[field] ?? { value: null, atMs: 0, by: 'nobody' };
  return { field, base, record, observed: { value: now, ...time, by: draft.system }, rankOf: rankIn(rules) };
}

/** The record takes a value. `shown`: the observed system holds what was seen there (not so where only a hint tells of it). */
function setTo(
  draft: Draft,
  { field, now }: FieldSighting,
  value: FieldValue,
  time: FieldTime,
  seenNow: PresentObservation,
  rules: SyncRules,
  shown = true,
): void {
  const vector = rules.fields[field]?.versionVector ? draft.nextVector(field, seenNow.vectors?.[field]) : undefined;
  draft.setField(field, { value, ...timeOf(time), by: draft.system, ...(vector !== undefined && { vector }) });
  if (shown) draft.see(field, now, time.atMs);
}

function causality(
  rules: FieldRules | undefined,
  known: Readonly<Record<string, number>> | undefined,
  record: RecordField | undefined,
): 'after' | 'concurrent' | undefined {
  if (!rules?.versionVector || known === undefined || record?.vector === undefined) return undefined;
  const order = compareVectors(known, record.vector);
  return order === 'equal' || order === 'after' ? 'after' : 'concurrent'; // after: it knew of all that the record holds
}

/** The party that stands for the record where both values come from one system. */
const RECORD = 'record';
/** Holds that wait for an approval: agreement among those who have none is not one. */
const APPROVAL = /^P\d/;

/** The field waits for a person; each system keeps its own value meanwhile. */
function hold(draft: Draft, { field, now, time }: FieldSighting, base: FieldValue, rule: string, reason: string): void {
  const current = draft.fields[field] ?? { value: null, atMs: 0, by: 'nobody' };
  draft.touched = true;
  draft.holds[field] = {
    openedAtMs: time.atMs,
    rule,
    reason,
    version: 1,
    base,
    parties: {
      [current.by === draft.system ? RECORD : current.by]: { value: current.value, atMs: current.atMs },
      [draft.system]: { value: now, atMs: time.atMs },
    },
  };
  draft.lines.push({
    event: 'held',
    field,
    rule,
    reason,
    by: draft.system,
    atMs: time.atMs,
    from: current.value,
    to: now,
  });
}

/** H2, H3: a held field's party moved. The hold ends by itself only when all parties agree. */
function joinHold(draft: Draft, held: Hold, sighting: FieldSighting, rules: SyncRules): void {
  const { field, now, time } = sighting;
  const parties = { ...held.parties, [draft.system]: { value: now, atMs: time.atMs } };
  draft.see(field, now);
  const isAgreed = Object.values(parties).every((party) => sameValue(rules, field, party.value, now));
  const isTakenBack = sameValue(rules, field, draft.fields[field]?.value ?? null, now);
  if (isAgreed && (isTakenBack || !APPROVAL.test(held.rule))) {
    delete draft.holds[field];
    draft.setField(field, { value: now, ...timeOf(time), by: draft.system });
    draft.see(field, now);
    draft.lines.push({ ...lineOf(draft, sighting, 'released', 'H3'), reason: 'all sides came to agree', to: now });
    return;
  }
  draft.holds[field] = { ...held, version: held.version + 1, parties };
  draft.lines.push({ ...lineOf(draft, sighting, 'held', 'H2'), to: now });
}

function lineOf(draft: Draft, { field, time }: FieldSighting, event: LedgerLine['event'], rule: string): LedgerLine {
  return { event, field, rule, by: draft.system, atMs: time.atMs };
}

function rankIn(rules: SyncRules): (system: string) => number {
  return (system) => rules.systems[system]?.rank ?? -1; // an operator ranks first
}

function timeless({ fromMs: _, ...field }: RecordField): RecordField {
  return field;
}

/** Only the two parts of a time, whatever else the value that carries it has. */
function timeOf(time: FieldTime): FieldTime {
  return time.fromMs === undefined ? { atMs: time.atMs } : { atMs: time.atMs, fromMs: time.fromMs };
}
