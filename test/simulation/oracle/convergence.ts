import type { StoredRecord } from '../../../shared/store/record-item.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import { objectKey } from '../world/crm-log.ts';
import { storedForm } from '../world/native-field.ts';
import { type Case, type Say, shown } from './evidence.ts';

type Link = StoredRecord['links'][string];

/**
 * I1: all sides of a record hold the same, as far as each can, unless somebody was told why not. I10: what no look ever reached,
 * though the cursors went on. I12: what is known to be lacking, and nothing does about.
 */
export function judgeConvergence(facts: Case, say: Say): void {
  for (const record of facts.evidence.records.values()) {
    for (const [system, link] of Object.entries(record.links)) judgeLink(facts, record, system, link, say);
    judgeMissingObjects(facts, record, say);
  }
  judgeStrays(facts, say);
}

function judgeLink(facts: Case, record: StoredRecord, system: string, link: Link, say: Say): void {
  const { systems, sync } = facts.evidence;
  const own = systems.get(system);
  const { objectId } = link;
  if (own === undefined || objectId === undefined) return;
  const values = own.live.get(objectId);
  const what = `${system} ${objectId} of record ${record.recordId}`;
  if (link.state !== 'linked') {
    if (
      values !== undefined &&
      link.contested !== true &&
      (link.state === 'deleted' || link.state === 'missing' || link.state === 'merged')
    )
      say('I1', `${what} is there, and its link says that it is ${link.state}`);
    return;
  }
  if (values === undefined) {
    if (record.deleted === undefined || link.archive !== 'done')
      say('I1', `${what} is ${own.merged.has(objectId) ? 'merged away' : 'gone'}, and its link says that it is there`);
    return;
  }
  if (record.deleted !== undefined) {
    if (link.archive === 'wanted' && link.refusal === undefined && record.frozen === undefined && link.quarantine === undefined)
      say('I12', `${what} was to be archived, and is there`);
    return;
  }
  if (record.frozen !== undefined || link.quarantine !== undefined || link.refusal !== undefined) return;
  const rules = sync.rules.systems[system];
  const side = facts.side(system);
  if (rules === undefined || side === undefined) return;
  const canonical = side.toCanonical(values);
  for (const [field, direction] of Object.entries(rules.fields)) {
    if (record.holds[field] !== undefined || direction === 'in') continue;
    const now = canonical[field] ?? null;
    const override = link.overrides?.[field];
    const asked = override === undefined ? (record.fields[field]?.value ?? null) : override.value;
    if (facts.same(field, now, asked) || isAsStored(facts, record, system, field, values, asked)) continue;
    if (isRewritten(facts, system, objectId, field, asked, now)) continue;
    const seen = link.seen[field];
    const known = seen === undefined ? (record.fields[field]?.value ?? null) : 'value' in seen ? seen.value : undefined;
    const difference = `${what} holds ${shown(now)} in ${field}, and ${shown(asked)} is asked of it`;
    if (known === undefined) say('I12', `${difference}; it was never looked at`);
    else if (facts.same(field, known, now)) say('I12', `${difference}; that is known, and nothing does about it`);
    else say(isUnseen(facts, system, objectId, record) ? 'I10' : 'I1', `${difference}; it is believed to hold ${shown(known)}`);
  }
}

/** What the system makes of the asked value is the image of the map. */
function isAsStored(
  facts: Case,
  record: StoredRecord,
  system: string,
  field: string,
  values: Readonly<Record<string, unknown>>,
  asked: FieldValue,
): boolean {
  const own = facts.evidence.systems.get(system);
  const side = facts.side(system);
  if (own === undefined || side === undefined) return false;
  const all = Object.fromEntries(Object.entries(record.fields).map(([name, { value }]) => [name, value]));
  const native = side.toNative({ [field]: asked }, all);
  return Object.entries(native).every(([name, value]) => {
    const definition = own.setup.fields.find((one) => one.name === name);
    if (definition === undefined) return false;
    const stored = storedForm(definition, value, own.setup.family);
    // What another side holds is stored in its own form before it comes here.
    return (
      stored === (values[name] ?? null) ||
      facts.canonOf(system, name, stored) === facts.canonOf(system, name, nativeOf(values[name]))
    );
  });
}

function nativeOf(value: unknown): string | number | boolean | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** Our last write of the field asked for the value, and this is what the system made of it, by its form or by a rule of its own. */
function isRewritten(facts: Case, system: string, objectId: string, field: string, asked: FieldValue, now: FieldValue): boolean {
  const names = nativeNames(facts, system, field);
  const last = facts.changesOf(system, objectId).findLast((change) => names.some((name) => change.sent?.[name] !== undefined));
  return names.some((name) => {
    const sent = last?.sent?.[name];
    const formed = last?.formed?.[name];
    if (sent === undefined || formed === undefined) return false;
    return (
      facts.canonOf(system, name, sent) === facts.canon(field, asked) &&
      facts.canonOf(system, name, formed) === facts.canon(field, now)
    );
  });
}

function nativeNames(facts: Case, system: string, field: string): string[] {
  return (facts.side(system)?.nativeFields ?? []).filter((name) => facts.fieldOf(system, name) === field);
}

/** Nobody looked at the object after it was changed last. */
function isUnseen(facts: Case, system: string, objectId: string, record: StoredRecord): boolean {
  const last = facts.changesOf(system, objectId).findLast((change) => change.author.by !== 'concord');
  const observedAtMs = record.links[system]?.observedAtMs ?? 0;
  return last !== undefined && last.atMs > observedAtMs && last.telling !== 'told';
}

function judgeMissingObjects(facts: Case, record: StoredRecord, say: Say): void {
  if (record.deleted !== undefined || record.frozen !== undefined || record.mergedInto !== undefined) return;
  const values = Object.entries(record.fields).filter(
    ([field, { value }]) => value !== null && record.holds[field] === undefined,
  );
  // A record that has no object left anywhere waits for a person, or for its object to be made again.
  const isAlive = Object.values(record.links).some((link) => link.state === 'linked');
  if (!isAlive) return;
  for (const [system, rules] of Object.entries(facts.evidence.sync.rules.systems)) {
    const link = record.links[system];
    if (!rules.receivesCreates || (link !== undefined && link.state !== 'creating') || link?.refusal !== undefined) continue;
    if (values.some(([field]) => rules.fields[field] !== undefined && rules.fields[field] !== 'in'))
      say('I12', `record ${record.recordId} has no object in ${system}, and nothing says why`);
  }
}

/** An object that no record knows is one that somebody sees and Concord does not. */
function judgeStrays(facts: Case, say: Say): void {
  const { systems, sync, reviewed } = facts.evidence;
  const linkedBy = new Map<string, string>();
  for (const record of facts.evidence.records.values()) {
    for (const [system, { objectId, state }] of Object.entries(record.links)) {
      if (objectId === undefined || state !== 'linked') continue;
      const key = objectKey(system, objectId);
      const other = linkedBy.get(key);
      if (other !== undefined) say('I4', `${system} ${objectId} belongs to two records, ${other} and ${record.recordId}`);
      linkedBy.set(key, record.recordId);
    }
  }
  for (const [system, { live }] of systems) {
    if (sync.rules.systems[system]?.direction === 'out') continue;
    for (const objectId of live.keys()) {
      const key = objectKey(system, objectId);
      if (linkedBy.has(key) || reviewed.has(key) || facts.recordsOf(system, objectId).length > 0) continue;
      say('I1', `${system} ${objectId} belongs to no record, and no case shows it`);
    }
  }
}

/**
 * I1: a full pass over what is quiet writes nothing. An object that waits for a person may have found its place meanwhile.
 *
 * @param sinceSeq - position in the log at which the pass began.
 */
export function judgeFixpoint(facts: Case, sinceSeq: number, say: Say): void {
  const waiting = new Set(
    [...facts.evidence.reviewed].map((key) =>
      facts.groupOfObject(key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)),
    ),
  );
  for (const change of facts.evidence.changes) {
    if (change.seq < sinceSeq || change.author.by !== 'concord') continue;
    if (waiting.has(facts.groupOfObject(change.system, change.objectId))) continue;
    say(
      'I1',
      `a full pass after all was quiet made Concord ${change.kind} ${change.system} ${change.objectId}: ${shown(change.sent)}`,
      change.atMs,
    );
  }
}
