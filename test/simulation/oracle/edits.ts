import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { CrmChange } from '../world/crm-log.ts';
import { objectKey } from '../world/crm-log.ts';
import { type Case, type Say, shown } from './evidence.ts';

/** A hint, the queue and a read that can be believed take about so long. */
const RETYPED_WITHIN_MS = 10_000;

/** Every value that can be found somewhere, by field: applied, superseded, held, refused or shown. */
class Named {
  private readonly values = new Map<string, Set<FieldValue>>();
  private readonly facts: Case;

  constructor(facts: Case) {
    this.facts = facts;
    for (const { lines } of facts.evidence.ledger) {
      for (const line of lines) {
        if (line.field === undefined) continue;
        for (const value of [line.from, line.to, line.lost?.value]) if (value !== undefined) this.add(line.field, value);
      }
    }
    for (const record of facts.evidence.records.values()) {
      for (const [field, { value }] of Object.entries(record.fields)) this.add(field, value);
      for (const [field, hold] of Object.entries(record.holds))
        for (const { value } of Object.values(hold.parties)) this.add(field, value);
      for (const link of Object.values(record.links))
        for (const [field, { value }] of Object.entries(link.overrides ?? {})) this.add(field, value);
    }
    for (const change of facts.evidence.changes) {
      if (change.author.by !== 'concord') continue;
      for (const [native, value] of Object.entries(change.sent ?? {})) {
        const field = facts.fieldOf(change.system, native);
        if (field !== undefined) this.add(field, facts.canonOf(change.system, native, value));
      }
    }
  }

  has(field: string, value: FieldValue): boolean {
    const known = this.values.get(field);
    if (known?.has(this.facts.canon(field, value))) return true;
    // Each member of a set counts for itself: sets are united.
    if (this.facts.evidence.sync.rules.fields[field]?.strategy.kind !== 'set-union' || typeof value !== 'string') return false;
    return value.split(';').every((member) => known?.has(this.facts.canon(field, member)));
  }

  private add(field: string, value: FieldValue): void {
    const known = this.values.get(field) ?? new Set();
    this.values.set(field, known);
    known.add(this.facts.canon(field, value));
    if (typeof value === 'string' && value.includes(';'))
      for (const member of value.split(';')) known.add(this.facts.canon(field, member));
  }
}

/**
 * I2: what somebody saved, and Concord went over, can be found: it was applied, or the ledger names it, or it waits for a person.
 * Not judged is what was saved between the last look and the write, where no notification told of it: docs/guarantees.md names
 * that window.
 */
export function judgeEdits(facts: Case, say: Say): void {
  const named = new Named(facts);
  for (const change of facts.evidence.changes) {
    if (!isEdit(change)) continue;
    const rules = facts.evidence.sync.rules.systems[change.system];
    for (const [native, { before, after }] of Object.entries(change.fields)) {
      const field = facts.fieldOf(change.system, native);
      if (field === undefined || rules?.fields[field] === undefined) continue;
      const value = facts.canonOf(change.system, native, after);
      if (value === facts.canonOf(change.system, native, before)) continue;
      if (isTellingValue(value) ? named.has(field, value) : isAnswered(facts, change, field, native, value)) continue;
      const over = overwrittenBy(facts, change, native, value);
      if (over === undefined || isShown(facts, change, field) || isInWindow(change, over)) continue;
      say(
        'I2',
        `${change.system} ${change.objectId}: ${shown(after)} in ${field}, saved at ${change.atMs} by ${change.author.by} (notification: ${change.telling}), ` +
          `was ${over.kind === 'delete' ? 'deleted' : 'written over'} at ${over.atMs} after a look at ${over.verifiedAsOfMs ?? 'no time'}, and is named nowhere`,
        over.atMs,
      );
    }
  }
}

/** Of a merge a person decides what goes; a rule within our own write is the system's form of it. */
function isEdit({ kind, author }: CrmChange): boolean {
  if (kind !== 'create' && kind !== 'update') return false;
  return author.by === 'person' || (author.by === 'automation' && author.inside !== 'concord');
}

/** What only one edit can have made. */
function isTellingValue(value: FieldValue): boolean {
  return value !== null && typeof value !== 'boolean';
}

/**
 * Of a clear, a tick and the like: the ledger has a line about this side's edit, or the field was so before, and then nobody who
 * looks at states can tell that anything happened.
 */
function isAnswered(facts: Case, change: CrmChange, field: string, native: string, value: FieldValue): boolean {
  const wasSoBefore = facts
    .changesOf(change.system, change.objectId)
    .some((earlier) => earlier.seq < change.seq && holdsBefore(facts, earlier, native, value));
  if (wasSoBefore) return true;
  const group = facts.groupOfObject(change.system, change.objectId);
  // O5: at a first look an empty side takes the other's value; that it was emptied before, nobody can tell.
  if (value === null && !wasKnown(facts, change, group)) return true;
  for (const record of facts.evidence.records.values()) {
    if (facts.groupOfRecord(record.recordId) === group && facts.same(field, record.fields[field]?.value ?? null, value))
      return true;
  }
  return facts.evidence.ledger.some(
    (entry) =>
      entry.decidedAtMs >= change.atMs &&
      facts.groupOfRecord(entry.recordId) === group &&
      entry.lines.some((line) => {
        if (line.field !== field) return false;
        const isMine = line.by === change.system && (line.to === undefined || facts.same(field, line.to, value));
        // What the record was changed from had been taken over.
        const wasTaken = line.from !== undefined && facts.same(field, line.from, value);
        return (
          isMine ||
          wasTaken ||
          (line.lost !== undefined && line.lost.by === change.system && facts.same(field, line.lost.value, value))
        );
      }),
  );
}

/** Concord had looked at the object, or written to it, before the change. */
function wasKnown(facts: Case, change: CrmChange, group: string): boolean {
  const written = facts
    .changesOf(change.system, change.objectId)
    .some((earlier) => earlier.seq < change.seq && earlier.author.by === 'concord');
  return (
    written ||
    facts.evidence.ledger.some(
      ({ recordId, decidedAtMs, lines }) =>
        decidedAtMs < change.atMs && facts.groupOfRecord(recordId) === group && lines.some(({ by }) => by === change.system),
    )
  );
}

function holdsBefore(facts: Case, earlier: CrmChange, native: string, value: FieldValue): boolean {
  const change = earlier.fields[native];
  if (earlier.kind === 'create') {
    const first = change?.after ?? null;
    return facts.canonOf(earlier.system, native, first) === value;
  }
  return change !== undefined && facts.canonOf(earlier.system, native, change.before) === value;
}

/** Concord's write that ended the value; undefined where it still stands, or somebody else ended it. */
function overwrittenBy(facts: Case, edit: CrmChange, native: string, value: FieldValue): CrmChange | undefined {
  for (const change of facts.changesOf(edit.system, edit.objectId)) {
    if (change.seq <= edit.seq) continue;
    if (change.kind === 'merged-away') return undefined;
    if (change.kind === 'delete') return change.author.by === 'concord' ? change : undefined;
    const next = change.fields[native];
    if (next === undefined) continue;
    if (facts.canonOf(edit.system, native, next.after) === value) continue; // another form of it
    if (change.author.by !== 'concord') return undefined;
    return isRetyped(facts, change, native) ? undefined : change;
  }
  return undefined;
}

/** The person wrote once more, before anybody could have looked at what Concord had written: the later one is what is meant. */
function isRetyped(facts: Case, over: CrmChange, native: string): boolean {
  const next = facts
    .changesOf(over.system, over.objectId)
    .find((change) => change.seq > over.seq && change.fields[native] !== undefined);
  return next?.author.by === 'person' && next.atMs - over.atMs < RETYPED_WITHIN_MS;
}

/** A person is shown the object, or the whole record: nothing of it is lost in silence. */
function isShown(facts: Case, edit: CrmChange, field: string): boolean {
  if (facts.evidence.reviewed.has(objectKey(edit.system, edit.objectId))) return true;
  return facts
    .recordsOf(edit.system, edit.objectId)
    .some((record) => record.holds[field] !== undefined || record.links[edit.system]?.quarantine !== undefined);
}

function isInWindow(edit: CrmChange, over: CrmChange): boolean {
  if (edit.telling === 'told' || over.verifiedAsOfMs === undefined) return false;
  return over.verifiedAsOfMs <= edit.atMs;
}
