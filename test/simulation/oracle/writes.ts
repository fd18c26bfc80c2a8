import type { FieldValue } from '../../../shared/sync/field-value.ts';
import { type CrmChange, objectKey } from '../world/crm-log.ts';
import { comparable } from '../world/model-crm.ts';
import { type Case, type Say, shown } from './evidence.ts';

/** Writes of one field to one system per edit of it: to bring it over, and one to put a read-back right. */
const WRITES_PER_EDIT = 2;
/** What the loop breaker lets pass before it stops a record, and what faults of transport may repeat. */
const WRITES_FREE = 8;
/** Rules of the systems that answer our writes may argue for so long before the loop breaker ends it. */
const ANSWERS_MAX = 40;
/** Tries of one and the same write within an hour, however often its outcome stays unknown: claims last two minutes. */
const TRIES_PER_HOUR = 40;
const HOUR_MS = 3_600_000;
/** Time from the look for twins to the create: the slowest call, and a queue between. */
const CREATE_TAKES_MS = 5 * 60_000;

/** I3: edits cause a bounded number of writes, and writes alone cause none. */
export function judgeWriteCounts(facts: Case, say: Say): void {
  const edits = new Map<string, number>(); // by group and field
  const writes = new Map<string, { count: number; late: number; last: string; system: string; field: string; group: string }>();
  const tries = new Map<string, number[]>();
  const answers = new Map<string, number>(); // by group
  for (const change of facts.evidence.changes) {
    const group = facts.groupOfObject(change.system, change.objectId);
    if (change.author.by !== 'concord') {
      // A rule that answers our own write is no edit: writes must not feed on writes.
      const isAnswer = change.author.by === 'automation' && change.author.inside === 'concord';
      const isWhole = change.kind !== 'update' && change.kind !== 'touch';
      if (change.author.by === 'automation') add(answers, group);
      if (!isAnswer) for (const field of fieldsOf(facts, change)) add(edits, `${group} ${field}`);
      if (isWhole) add(edits, `${group} *`);
      continue;
    }
    const attempt = `${change.system} ${change.objectId} ${shown(change.sent)}`;
    const times = [...(tries.get(attempt) ?? []).filter((atMs) => change.atMs - atMs < HOUR_MS), change.atMs];
    tries.set(attempt, times);
    if (times.length === TRIES_PER_HOUR + 1)
      say(
        'I3',
        `Concord wrote ${shown(change.sent)} to ${change.system} ${change.objectId} ${times.length} times within an hour`,
        change.atMs,
      );
    for (const [native, value] of Object.entries(change.sent ?? {})) {
      const field = facts.fieldOf(change.system, native);
      if (field === undefined) continue;
      const key = `${group} ${field} ${change.system}`;
      const known = writes.get(key) ?? { count: 0, late: 0, last: '', system: change.system, field, group };
      writes.set(key, known);
      const effect = `${change.objectId} ${shown(value)}`;
      if (known.last !== effect) known.count += 1; // the same again is a retry
      known.last = effect;
      if (change.author.late) known.late += 1;
    }
  }
  for (const { count, late, system, field, group } of writes.values()) {
    const edited = (edits.get(`${group} ${field}`) ?? 0) + (edits.get(`${group} *`) ?? 0);
    const most = WRITES_PER_EDIT * (edited + late) + WRITES_FREE + Math.min(ANSWERS_MAX, answers.get(group) ?? 0);
    if (count > most)
      say('I3', `${field} of ${group} was written ${count} times to ${system} for ${edited} edits; ${most} would be many`);
  }
}

/** I4: no record has two objects made for it. */
export function judgeCreates(facts: Case, say: Say): void {
  const made = new Map<string, CrmChange>();
  for (const change of facts.evidence.changes) {
    if (change.kind !== 'create' || change.author.by !== 'concord') continue;
    const own = facts.evidence.systems.get(change.system);
    const recordId = change.sent?.[own?.setup.externalIdField ?? ''];
    const key = `${change.system} ${String(recordId)}`;
    const first = made.get(key);
    // Whoever deletes an object before its create was answered is not heard: it is made again.
    const wasDeleted =
      first !== undefined &&
      facts
        .changesOf(first.system, first.objectId)
        .some(
          (one) => one.seq < change.seq && (one.kind === 'delete' || one.kind === 'merged-away') && one.author.by !== 'concord',
        );
    if (first !== undefined && !wasDeleted)
      say(
        'I4',
        `${change.system} ${first.objectId} and ${change.objectId} were both made for record ${shown(recordId)}`,
        change.atMs,
      );
    made.set(key, change);
  }
}

/** I4: nobody is made who was there. Judged at the end: only then is it known whether a value was about to be given up. */
export function judgeTwins(facts: Case, say: Say): void {
  for (const change of facts.evidence.changes)
    if (change.kind === 'create' && change.author.by === 'concord') judgeTwin(facts, change, say);
}

/** Somebody with the same match key was there, and had been long enough to be found. */
function judgeTwin(facts: Case, create: CrmChange, say: Say): void {
  const own = facts.evidence.systems.get(create.system);
  const [key] = facts.evidence.sync.matchKeys;
  const [keyField] = key?.fields ?? [];
  const native = Object.keys(create.sent ?? {}).find((name) => facts.fieldOf(create.system, name) === keyField);
  const value = native === undefined ? undefined : create.sent?.[native];
  if (own === undefined || native === undefined || value === undefined || value === null) return;
  const knownSinceMs = create.atMs - own.setup.listLagMs - own.setup.readLagMs - CREATE_TAKES_MS;
  const holders = new Map<string, number>(); // object -> since when it has had the value
  for (const change of facts.evidence.changes) {
    if (change.seq >= create.seq) break;
    if (change.system !== create.system || change.type !== create.type) continue;
    const now = change.fields[native];
    if (change.kind === 'delete' || change.kind === 'merged-away') holders.delete(change.objectId);
    else if (now !== undefined && now.after !== null && comparable(now.after) === comparable(value))
      holders.set(change.objectId, change.atMs);
    else if (now !== undefined) holders.delete(change.objectId);
  }
  for (const [objectId, sinceMs] of holders) {
    // Its own record may have moved on already: then the value there is only not yet written over.
    const next = facts.changesOf(create.system, objectId).find((one) => one.seq > create.seq && one.fields[native] !== undefined);
    if (next?.author.by === 'concord') continue;
    if (facts.wasHidden(create.system, objectId, knownSinceMs, create.atMs)) continue;
    if (sinceMs < knownSinceMs)
      say(
        'I4',
        `${create.system} ${create.objectId} was made although ${objectId} had had ${shown(value)} since ${sinceMs}`,
        create.atMs,
      );
  }
}

/** I6: every value that Concord wrote came from an edit of that record, or from a decision that its ledger names. */
export function judgeOrigins(facts: Case, say: Say): void {
  const known = new Map<string, Set<FieldValue>>(); // by group and field
  const learn = (group: string, field: string, value: FieldValue): void => {
    const key = `${group} ${field}`;
    const values = known.get(key) ?? new Set();
    known.set(key, values);
    values.add(facts.canon(field, value));
  };
  for (const { recordId, lines } of facts.evidence.ledger) {
    for (const { field, from, to, lost } of lines) {
      if (field === undefined) continue;
      for (const value of [from, to, lost?.value]) if (value !== undefined) learn(facts.groupOfRecord(recordId), field, value);
    }
  }
  for (const change of facts.evidence.changes) {
    const group = facts.groupOfObject(change.system, change.objectId);
    if (change.author.by !== 'concord') {
      for (const [native, { after }] of Object.entries(change.fields)) {
        const field = facts.fieldOf(change.system, native);
        if (field !== undefined) learn(group, field, facts.canonOf(change.system, native, after));
      }
    } else {
      // What a system makes of a value that we wrote is a value somebody may take up.
      for (const [native, { after, sent }] of Object.entries(change.fields)) {
        const field = facts.fieldOf(change.system, native);
        if (field !== undefined && sent !== undefined) learn(group, field, facts.canonOf(change.system, native, after));
      }
    }
  }
  for (const change of facts.evidence.changes) {
    if (change.author.by !== 'concord') continue;
    const rules = facts.evidence.sync.rules.systems[change.system];
    const group = facts.groupOfObject(change.system, change.objectId);
    for (const [native, value] of Object.entries(change.sent ?? {})) {
      const field = facts.fieldOf(change.system, native);
      if (field === undefined) continue; // the record's own id
      if (rules?.fields[field] === 'in' || rules?.direction === 'in')
        say('I6', `${field} of ${change.system} ${change.objectId} was written, and the field is only read there`, change.atMs);
      const canonical = facts.canonOf(change.system, native, value);
      if (known.get(`${group} ${field}`)?.has(canonical) || canonical === null || canonical === false) continue;
      say(
        'I6',
        `${shown(value)} was written to ${field} of ${change.system} ${change.objectId}, and no edit of that record and no decision explains it`,
        change.atMs,
      );
    }
  }
}

/** I6: a field is emptied only where somebody emptied it, or a unique value was let go of to change hands. */
export function judgeEmptied(facts: Case, say: Say): void {
  const emptied = new Set<string>();
  for (const { recordId, lines } of facts.evidence.ledger)
    for (const { field, to } of lines)
      if (field !== undefined && to === null) emptied.add(`${facts.groupOfRecord(recordId)} ${field}`);
  for (const change of facts.evidence.changes) {
    const group = facts.groupOfObject(change.system, change.objectId);
    const definitions = facts.evidence.systems.get(change.system)?.setup.fields ?? [];
    for (const [native, { after }] of Object.entries(change.fields)) {
      const field = facts.fieldOf(change.system, native);
      if (field === undefined || after !== null) continue;
      if (change.author.by !== 'concord') emptied.add(`${group} ${field}`);
      else if (!emptied.has(`${group} ${field}`) && !definitions.some(({ name, unique }) => name === native && unique))
        say('I6', `${field} of ${change.system} ${change.objectId} was emptied, and nobody had emptied it anywhere`, change.atMs);
    }
  }
}

/**
 * I4: of several objects with one match key none is chosen silently.
 *
 * Judged is each tie by match key: no other object of the system may have had the same key for long, belong to nobody else, and be
 * shown to nobody.
 */
export function judgeMatches(facts: Case, say: Say): void {
  const [key] = facts.evidence.sync.matchKeys;
  const [keyField] = key?.fields ?? [];
  for (const { recordId, lines, decidedAtMs } of facts.evidence.ledger) {
    const record = facts.evidence.records.get(recordId);
    for (const line of lines) {
      if (line.event !== 'linked' || (line.rule !== 'L1' && line.rule !== 'L2')) continue;
      const link = record?.links[line.by];
      if (link?.objectId === undefined || (link.aliases ?? []).length > 0) continue;
      const native = (facts.side(line.by)?.nativeFields ?? []).find((name) => facts.fieldOf(line.by, name) === keyField);
      if (native === undefined) continue;
      const held = keysAt(facts, line.by, native, decidedAtMs);
      const mine = held.get(link.objectId);
      if (mine === undefined) continue;
      for (const [objectId, other] of held) {
        const isRival = objectId !== link.objectId && other.form === mine.form && other.sinceMs < decidedAtMs - CREATE_TAKES_MS;
        if (!isRival || facts.evidence.reviewed.has(objectKey(line.by, objectId))) continue;
        if (facts.recordsOf(line.by, objectId).length > 0) continue;
        say(
          'I4',
          `record ${recordId} took ${line.by} ${link.objectId}, and ${objectId} has the same key and is shown to nobody`,
          decidedAtMs,
        );
      }
    }
  }
}

/** By object: the comparable form of a native field at a time, and since when. */
function keysAt(facts: Case, system: string, native: string, atMs: number): Map<string, { form: string; sinceMs: number }> {
  const held = new Map<string, { form: string; sinceMs: number }>();
  for (const change of facts.evidence.changes) {
    if (change.atMs > atMs) break;
    if (change.system !== system) continue;
    const now = change.fields[native];
    if (change.kind === 'delete' || change.kind === 'merged-away') held.delete(change.objectId);
    else if (now !== undefined && now.after === null) held.delete(change.objectId);
    else if (now !== undefined) held.set(change.objectId, { form: comparable(now.after), sinceMs: change.atMs });
  }
  return held;
}

/** I9: nothing is deleted that nobody deleted elsewhere, and nothing at all where deletes are not carried over. */
export function judgeDeletes(facts: Case, say: Say): void {
  const deleted = new Set<string>();
  for (const change of facts.evidence.changes) {
    if (change.kind !== 'delete') continue;
    const group = facts.groupOfObject(change.system, change.objectId);
    if (change.author.by !== 'concord') {
      deleted.add(group);
      continue;
    }
    const what = `${change.system} ${change.objectId} was deleted by Concord`;
    if (facts.evidence.sync.rules.onDelete === 'unlink')
      say('I9', `${what}, and the policy is to leave the others as they are`, change.atMs);
    else if (!deleted.has(group)) say('I9', `${what}, and nobody had deleted that record anywhere`, change.atMs);
  }
}

function fieldsOf(facts: Case, change: CrmChange): string[] {
  return Object.keys(change.fields).flatMap((native) => facts.fieldOf(change.system, native) ?? []);
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
