import type { FieldValue } from './field-value.ts';
import type { LedgerLine } from './ledger.ts';
import { receiptsAfterRead, rememberSeen, sameValue, seenOf, trustedFromMs } from './link.ts';
import type { FieldTime, Observation, PresentObservation } from './observation.ts';
import type { Hold, Link, RecordField, Seen, SyncRecord } from './record.ts';
import type { SyncRules, SystemRules } from './rules.ts';
import { judge } from './strategies.ts';

/** What an observation means for its record. A value, so that a test can look at it. */
export type Decision =
  /** Nothing to write. */
  | { readonly kind: 'unchanged' }
  /** Cannot be told from a stale read: look again, beginning no sooner than `rereadAfterMs` (epoch). */
  | { readonly kind: 'doubt'; readonly rereadAfterMs: number; readonly fields: readonly string[] }
  /** Commit `record`, on condition that its version is still one less. */
  | { readonly kind: 'changed'; readonly record: SyncRecord; readonly lines: readonly LedgerLine[]; readonly hasLoser: boolean };

const UNCHANGED: Decision = { kind: 'unchanged' };
/** Most writes are confirmed well within it; a dozen of them outlast the longest claim. */
const IN_FLIGHT_WAIT_MS = 10_000;

/**
 * Decides what one observation of a linked object means. Pure: the same record and observation
 * give the same decision. The rules (O.., S.., H.., D..) are those of RULES.md.
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
      return decideDeleted(record, link, observation.system, observation.deletedAtMs, rules);
    case 'missing':
      return endLink(record, link, observation.system, 'missing', {
        event: 'missing',
        rule: 'D4',
        reason: 'not found and no tombstone: absence alone proves no deletion',
        by: observation.system,
        atMs: observation.readBeganAtMs,
      });
    case 'merged':
      return endLink(record, link, observation.system, 'merged', {
        event: 'merged',
        rule: 'D5',
        reason: `merged into ${observation.intoObjectId}; its twins elsewhere are left alone`,
        by: observation.system,
        atMs: observation.readBeganAtMs,
      });
  }
}

/** A record under decision: what is changed so far, copied from the original only once. */
class Draft {
  readonly fields: Record<string, RecordField>;
  readonly seen: Record<string, Seen>;
  readonly holds: Record<string, Hold>;
  readonly lines: LedgerLine[] = [];
  touched = false;
  hasLoser = false;
  readonly base: SyncRecord;
  readonly system: string;
  private otherSeen: Record<string, Record<string, Seen>> | undefined;

  constructor(base: SyncRecord, system: string, link: Link) {
    this.base = base;
    this.system = system;
    this.fields = { ...base.fields };
    this.seen = { ...link.seen };
    this.holds = { ...base.holds };
  }

  /** Links store only what differs: when the record moves, the others start to differ from it. */
  setField(name: string, next: RecordField): void {
    const previous = this.fields[name]?.value ?? null;
    this.fields[name] = next;
    this.touched = true;
    if (previous === next.value) return;
    this.otherSeen ??= Object.fromEntries(
      Object.entries(this.base.links)
        .filter(([other]) => other !== this.system)
        .map(([other, link]) => [other, { ...link.seen }]),
    );
    for (const seen of Object.values(this.otherSeen)) {
      const known = seen[name] ?? { value: previous };
      if ('value' in known) rememberSeen(seen, name, known.value, next.value);
    }
  }

  see(name: string, value: FieldValue): void {
    rememberSeen(this.seen, name, value, this.fields[name]?.value ?? null);
    this.touched = true;
  }

  finish(own: Link): SyncRecord {
    const links: Record<string, Link> = { ...this.base.links, [this.system]: own };
    const valueChanged = this.otherSeen !== undefined;
    for (const [other, seen] of Object.entries(this.otherSeen ?? {})) {
      const link = this.base.links[other];
      if (link !== undefined) links[other] = withoutRefusal({ ...link, seen });
    }
    if (valueChanged) links[this.system] = withoutRefusal(own);
    return { ...this.base, version: this.base.version + 1, fields: this.fields, holds: this.holds, links };
  }
}

/** A refusal stands until the record asks for something else. */
function withoutRefusal(link: Link): Link {
  if (link.refusal === undefined) return link;
  const { refusal: _, ...rest } = link;
  return rest;
}

function decidePresent(
  record: SyncRecord,
  link: Link,
  system: SystemRules,
  seenNow: PresentObservation,
  rules: SyncRules,
): Decision {
  const reverted = revertedInFlight(link, seenNow, rules);
  if (reverted.length > 0) return { kind: 'doubt', rereadAfterMs: seenNow.readBeganAtMs + IN_FLIGHT_WAIT_MS, fields: reverted };
  const doubtful = doubtfulFields(record, link, system, seenNow, rules);
  if (doubtful.length > 0) {
    const settleMs = system.stampResolutionMs + system.readLagMs;
    const rereadAfterMs = Math.max(trustedFromMs(link, system), seenNow.readBeganAtMs + settleMs);
    return { kind: 'doubt', rereadAfterMs, fields: doubtful };
  }

  const draft = new Draft(record, seenNow.system, link);
  for (const [field, direction] of Object.entries(system.fields)) {
    const now = seenNow.fields[field];
    if (now === undefined) continue; // not read: absent never clears
    decideField(draft, link, field, now, direction !== 'out', seenNow, system, rules);
  }

  const revived = link.state !== 'linked';
  if (revived) {
    draft.touched = true;
    draft.lines.push({
      event: 'restored',
      rule: 'D6',
      by: seenNow.system,
      atMs: seenNow.stampMs,
      reason: 'the object is there again',
    });
  }
  // A first look ends here even when every field agrees: from now on the link has a base.
  if (!draft.touched && link.observedAtMs > 0 && !overtakesOlderReads(link, seenNow, rules)) return UNCHANGED;

  const own: Link = {
    ...link,
    state: 'linked',
    stampMs: Math.max(link.stampMs, seenNow.stampMs),
    observedAtMs: Math.max(link.observedAtMs, seenNow.readBeganAtMs),
    seen: draft.seen,
    receipts: receiptsAfterRead(link.receipts, seenNow.readBeganAtMs, system),
  };
  const next = draft.finish(own);
  return {
    kind: 'changed',
    record: revived ? undeleted(next, seenNow.system) : next,
    lines: draft.lines,
    hasLoser: draft.hasLoser,
  };
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

/** D6: an archive not yet carried out is called off; a twin that is archived already is for a person to judge. */
function undeleted(record: SyncRecord, restoredIn: string): SyncRecord {
  const { deleted: _, ...alive } = record;
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const { archive, contested: __, ...rest } = link;
      if (system === restoredIn || archive === 'wanted') return [system, rest];
      return [system, archive === 'done' ? { ...link, contested: true } : link];
    }),
  );
  return { ...alive, links };
}

/** O3: fields whose value cannot be told from a stale read, given what we saw and wrote before. */
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
  if (seenNow.readBeganAtMs >= trustedFromMs(link, system)) return [];
  const older = seenNow.stampMs < link.stampMs;
  const sameStamp = link.stampMs > 0 && seenNow.stampMs === link.stampMs;
  const doubtful: string[] = [];
  for (const field of Object.keys(system.fields)) {
    const now = seenNow.fields[field];
    if (now === undefined) continue;
    const seen = seenOf(record, link, field);
    if ('value' in seen && sameValue(rules, field, seen.value, now)) continue;
    if (isEcho(link, field, now, seenNow, rules)) continue;
    const receipts = link.receipts.filter((receipt) => receipt.fields[field] !== undefined);
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

/**
 * O3: fields that a claimed write is about to write, or has just written, and in which somebody saved the very value it
 * writes over. Only what is there after the confirm tells which of the two came last.
 */
function revertedInFlight(link: Link, seenNow: PresentObservation, rules: SyncRules): string[] {
  const { claim } = link;
  if (claim === undefined || claim.untilMs <= seenNow.readBeganAtMs) return [];
  const receipt = link.receipts.find((candidate) => candidate.id === claim.owner);
  if (receipt === undefined || receipt.answeredAtMs !== undefined) return [];
  return Object.entries(receipt.fields)
    .filter(([field, { before, value }]) => {
      const now = seenNow.fields[field];
      const witness = seenNow.witnesses[field];
      if (now === undefined || witness === undefined || witness.atMs <= receipt.claimedAtMs) return false;
      return (
        sameValue(rules, field, witness.value, now) &&
        sameValue(rules, field, before, now) &&
        !sameValue(rules, field, value, now)
      );
    })
    .map(([field]) => field);
}

/** O2: the value of one of our own writes, and nobody else is known to have saved it since. */
function isEcho(link: Link, field: string, now: FieldValue, seenNow: PresentObservation, rules: SyncRules): boolean {
  return link.receipts.some((receipt) => {
    const written = receipt.fields[field];
    if (written === undefined || !sameValue(rules, field, written.value, now)) return false;
    const witness = seenNow.witnesses[field];
    if (witness !== undefined && sameValue(rules, field, witness.value, now) && witness.atMs > receipt.claimedAtMs) return false;
    // The row's modifier counts only where we never learnt whether the write happened.
    return receipt.answeredAtMs !== undefined || seenNow.modifiedBy !== 'other';
  });
}

function decideField(
  draft: Draft,
  link: Link,
  field: string,
  now: FieldValue,
  admitted: boolean,
  seenNow: PresentObservation,
  system: SystemRules,
  rules: SyncRules,
): void {
  const record = draft.fields[field];
  const recordValue = record?.value ?? null;
  const seen = seenOf(draft.base, link, field);
  const by = seenNow.system;

  if ('value' in seen && sameValue(rules, field, seen.value, now)) return; // O1
  const rendering = link.renderings?.[field];
  if (
    rendering !== undefined &&
    'value' in seen &&
    sameValue(rules, field, rendering.sent, seen.value) &&
    sameValue(rules, field, rendering.shown, now)
  ) {
    return; // O8: the form in which this system stores what we sent
  }
  if (isEcho(link, field, now, seenNow, rules)) {
    draft.see(field, now); // O2
    return;
  }

  const time = fieldTime(link, field, seenNow, system);
  const hold = draft.holds[field];
  if (hold !== undefined) {
    joinHold(draft, field, hold, now, time, rules);
    return;
  }
  if (record !== undefined && sameValue(rules, field, recordValue, now)) {
    // O4: both sides made the same edit; the later time is the field's.
    if ('value' in seen) draft.lines.push({ event: 'agreed', field, rule: 'O4', by, atMs: time.atMs });
    if ('value' in seen && time.atMs > record.atMs) draft.setField(field, { value: recordValue, ...time, by: record.by });
    draft.see(field, now);
    return;
  }
  if ('never' in seen) {
    decideFirstSight(draft, field, now, admitted, time, rules);
    return;
  }
  if (!admitted) {
    refuseEdit(draft, field, now, time); // P1
    return;
  }
  if (sameValue(rules, field, recordValue, seen.value)) {
    // O6: only this system changed. Causality beats a slow clock: the edit was made on the record's value.
    const atMs = Math.max(time.atMs, (record?.atMs ?? 0) + 1);
    const fromMs = time.fromMs === undefined ? undefined : Math.min(time.fromMs, atMs - 1);
    draft.setField(field, fromMs === undefined ? { value: now, atMs, by } : { value: now, atMs, fromMs, by });
    draft.see(field, now);
    draft.lines.push({ event: 'changed', field, rule: 'O6', by, atMs, from: recordValue, to: now });
    return;
  }
  settleConflict(draft, field, now, time, seen.value, 'O7', rules.fields[field]?.strategy ?? { kind: 'last-write-wins' }, rules);
}

/** O5: no base to compare with. An empty side takes the other's value; two values go to the first-sync strategy. */
function decideFirstSight(
  draft: Draft,
  field: string,
  now: FieldValue,
  admitted: boolean,
  time: FieldTime,
  rules: SyncRules,
): void {
  const recordValue = draft.fields[field]?.value ?? null;
  if (now === null || !admitted) {
    draft.see(field, now); // ours to fill, or not ours to take: the link is dirty if the record has a value
    return;
  }
  if (recordValue === null) {
    draft.setField(field, { value: now, ...time, by: draft.system });
    draft.see(field, now);
    draft.lines.push({
      event: 'changed',
      field,
      rule: 'O5',
      reason: 'the other side was empty',
      by: draft.system,
      atMs: time.atMs,
      from: null,
      to: now,
    });
    return;
  }
  settleConflict(draft, field, now, time, null, 'O5', rules.firstSync, rules);
}

/** P1: this system may not change the field; it gets the record's value back, and the ledger keeps the edit. */
function refuseEdit(draft: Draft, field: string, now: FieldValue, time: FieldTime): void {
  const record = draft.fields[field];
  draft.see(field, now);
  draft.hasLoser = true;
  draft.lines.push({
    event: 'refused-edit',
    field,
    rule: 'P1',
    reason: `${draft.system} only receives this field`,
    by: record?.by ?? draft.system,
    atMs: record?.atMs ?? time.atMs,
    to: record?.value ?? null,
    lost: { value: now, by: draft.system, atMs: time.atMs },
  });
}

function settleConflict(
  draft: Draft,
  field: string,
  now: FieldValue,
  time: FieldTime,
  base: FieldValue,
  cause: 'O5' | 'O7',
  strategy: Parameters<typeof judge>[0],
  rules: SyncRules,
): void {
  const current = draft.fields[field] ?? { value: null, atMs: 0, by: 'nobody' };
  const verdict = judge(strategy, {
    field,
    record: current,
    observed: { value: now, ...time, by: draft.system },
    rankOf: (system) => rules.systems[system]?.rank ?? -1,
  });
  const rule = `${cause}/${verdict.rule}`;
  draft.see(field, now);
  if (verdict.winner === 'nobody') {
    draft.holds[field] = {
      openedAtMs: time.atMs,
      rule,
      reason: verdict.reason,
      version: 1,
      base,
      parties: { [current.by]: { value: current.value, atMs: current.atMs }, [draft.system]: { value: now, atMs: time.atMs } },
    };
    draft.lines.push({
      event: 'held',
      field,
      rule,
      reason: verdict.reason,
      by: draft.system,
      atMs: time.atMs,
      from: current.value,
      to: now,
    });
    return;
  }
  draft.hasLoser = true;
  if (verdict.winner === 'observed') {
    draft.setField(field, { value: now, ...time, by: draft.system });
    draft.see(field, now);
    draft.lines.push({
      event: 'changed',
      field,
      rule,
      reason: verdict.reason,
      by: draft.system,
      atMs: time.atMs,
      from: current.value,
      to: now,
      lost: { value: current.value, by: current.by, atMs: current.atMs },
    });
    return;
  }
  draft.lines.push({
    event: 'kept',
    field,
    rule,
    reason: verdict.reason,
    by: current.by,
    atMs: current.atMs,
    to: current.value,
    lost: { value: now, by: draft.system, atMs: time.atMs },
  });
}

/** H2, H3: a held field's party moved. The hold ends by itself only when all parties agree. */
function joinHold(draft: Draft, field: string, hold: Hold, now: FieldValue, time: FieldTime, rules: SyncRules): void {
  const parties = { ...hold.parties, [draft.system]: { value: now, atMs: time.atMs } };
  draft.see(field, now);
  const values = Object.values(parties).map((party) => party.value);
  if (values.every((value) => sameValue(rules, field, value, now))) {
    delete draft.holds[field];
    draft.setField(field, { value: now, ...time, by: draft.system });
    draft.see(field, now);
    draft.lines.push({
      event: 'released',
      field,
      rule: 'H3',
      reason: 'all sides came to agree',
      by: draft.system,
      atMs: time.atMs,
      to: now,
    });
    return;
  }
  draft.holds[field] = { ...hold, version: hold.version + 1, parties };
  draft.lines.push({ event: 'held', field, rule: 'H2', by: draft.system, atMs: time.atMs, to: now });
}

/** When the field changed: as a hint says, or else after our last look and by the row's stamp. */
function fieldTime(link: Link, field: string, seenNow: PresentObservation, system: SystemRules): FieldTime {
  const exactMs = seenNow.fieldTimesMs[field];
  if (exactMs !== undefined) return { atMs: exactMs };
  const latestMs = Math.min(seenNow.stampMs + system.stampResolutionMs - 1, seenNow.readBeganAtMs);
  return { atMs: latestMs, fromMs: Math.min(Math.max(0, link.observedAtMs - system.readLagMs), latestMs - 1) };
}

function decideDeleted(record: SyncRecord, link: Link, system: string, deletedAtMs: number, rules: SyncRules): Decision {
  if (link.state === 'deleted') return UNCHANGED;
  if (link.archive === 'wanted' || link.archive === 'done') {
    // The echo of our own archive call, or somebody was quicker: either way it is as the record asks.
    return endLink(record, { ...link, archive: 'done' }, system, 'deleted', undefined);
  }
  const line = { by: system, atMs: deletedAtMs } as const;
  if (rules.onDelete === 'unlink') {
    return endLink(record, link, system, 'deleted', {
      ...line,
      event: 'unlinked',
      rule: 'D2',
      reason: 'deletes are not carried over',
    });
  }
  const unseenEdits = Object.keys(rules.systems[system]?.fields ?? {}).filter((field) => {
    const seen = link.seen[field];
    return seen !== undefined && 'value' in seen && !sameValue(rules, field, seen.value, record.fields[field]?.value ?? null);
  });
  if (unseenEdits.length > 0) {
    return endLink(record, { ...link, contested: true }, system, 'deleted', {
      ...line,
      event: 'held',
      rule: 'D3',
      reason: `deleted in ${system} before it got the newer edit of ${unseenEdits.join(', ')}; the edit survives elsewhere`,
    });
  }
  const links = Object.fromEntries(
    Object.entries(record.links).map(([other, theirs]): [string, Link] =>
      other === system || theirs.state !== 'linked' ? [other, theirs] : [other, { ...theirs, archive: 'wanted' }],
    ),
  );
  return endLink({ ...record, links, deleted: { atMs: deletedAtMs, by: system } }, link, system, 'deleted', {
    ...line,
    event: 'deleted',
    rule: 'D1',
    reason: 'deletes are carried over as archive',
  });
}

function endLink(
  record: SyncRecord,
  link: Link,
  system: string,
  state: 'deleted' | 'missing' | 'merged',
  line: LedgerLine | undefined,
): Decision {
  if (link.state === state) return UNCHANGED;
  const { claim: _, ...rest } = link;
  return {
    kind: 'changed',
    record: { ...record, version: record.version + 1, links: { ...record.links, [system]: { ...rest, state, receipts: [] } } },
    lines: line === undefined ? [] : [line],
    hasLoser: false,
  };
}
