import type { FieldValue, FieldValues } from './field-value.ts';
import { talliedWrite } from './guards/write-tally.ts';
import type { LedgerLine } from './ledger.ts';
import { askedOf, rememberSeen, sameValue, seenOf, withReceipt } from './link.ts';
import { type Link, type Receipt, type Refusal, type Seen, type SyncRecord, valuesOf } from './record.ts';
import type { SyncRules } from './rules.ts';

/** What the record asks of one system right now. Derived from state, so a lost or doubled message changes nothing. */
export type Want =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'update'; readonly objectId: string; readonly fields: FieldValues }
  | { readonly kind: 'create'; readonly fields: FieldValues }
  | { readonly kind: 'archive'; readonly objectId: string };

const NOTHING: Want = { kind: 'nothing' };

/** W1-W4: compares what a system was last seen to hold with what the record asks of it. */
export function wantOf(record: SyncRecord, system: string, rules: SyncRules): Want {
  const systemRules = rules.systems[system];
  if (systemRules === undefined) return NOTHING;
  const link = record.links[system];
  if (record.frozen !== undefined || link?.refusal !== undefined || link?.quarantine !== undefined) return NOTHING;
  if (link?.archive === 'wanted' && link.state === 'linked' && link.objectId !== undefined) {
    return { kind: 'archive', objectId: link.objectId };
  }
  if (record.deleted !== undefined) return NOTHING;
  if (link === undefined || link.state === 'creating') {
    if (!systemRules.receivesCreates || record.mergedInto !== undefined) return NOTHING;
    const fields: Record<string, FieldValue> = {};
    for (const [field, direction] of Object.entries(systemRules.fields)) {
      const value = record.fields[field]?.value ?? null;
      if (direction !== 'in' && value !== null && record.holds[field] === undefined) fields[field] = value;
    }
    return Object.keys(fields).length > 0 ? { kind: 'create', fields } : NOTHING;
  }
  if (link.state !== 'linked' || link.objectId === undefined) return NOTHING;
  // An object that was never looked at may hold anything: nothing is written over it, but the verify read looks.
  if (isUnseen(link)) return { kind: 'update', objectId: link.objectId, fields: {} };
  const fields = dirtyFields(record, link, system, rules);
  return Object.keys(fields).length > 0 ? { kind: 'update', objectId: link.objectId, fields } : NOTHING;
}

/** Linked, and never looked at: its own hint brings the first look, and where that was lost, the sweep. */
export function isUnseen(link: Link): boolean {
  return link.state === 'linked' && link.objectId !== undefined && link.observedAtMs === 0;
}

function dirtyFields(record: SyncRecord, link: Link, system: string, rules: SyncRules): Record<string, FieldValue> {
  const directions = rules.systems[system]?.fields ?? {};
  const isWritable = (field: string) =>
    directions[field] !== undefined && directions[field] !== 'in' && record.holds[field] === undefined;
  const dirty: Record<string, FieldValue> = {};
  // What a link has not stored agrees with the record; where it shall differ, it has to be looked at all the same.
  for (const field of new Set([...Object.keys(link.seen), ...Object.keys(link.overrides ?? {})])) {
    const seen = seenOf(record, link, field);
    if (!isWritable(field) || 'never' in seen) continue;
    const asked = askedOf(record, link, field);
    if (sameValue(rules, field, seen.value, asked)) continue;
    const rendering = link.renderings?.[field];
    const rendered =
      rendering !== undefined &&
      sameValue(rules, field, rendering.sent, asked) &&
      sameValue(rules, field, rendering.shown, seen.value);
    if (!rendered) dirty[field] = asked;
  }
  for (const [field, value] of Object.entries(possiblyThere(link))) {
    const asked = askedOf(record, link, field);
    if (isWritable(field) && !sameValue(rules, field, value, asked)) dirty[field] = asked;
  }
  return dirty;
}

/**
 * What our own last write may have left in a system, though it is not what was last seen there: a claimed write that
 * nobody confirmed, or one that was answered only after the newest look began. The next verify read tells.
 */
function possiblyThere(link: Link): Record<string, FieldValue> {
  const values: Record<string, FieldValue> = {};
  for (const { id, answeredAtMs, fields } of link.receipts) {
    const isUncertain = answeredAtMs === undefined ? link.claim?.owner === id : link.observedAtMs <= answeredAtMs;
    for (const [field, { value }] of Object.entries(fields)) {
      if (isUncertain) values[field] = value;
      else if (answeredAtMs !== undefined) delete values[field]; // a later write, and a look after it
    }
  }
  return values;
}

/** The systems that do not hold what the record asks of them. */
export function dirtySystems(record: SyncRecord, rules: SyncRules): string[] {
  return Object.keys(rules.systems).filter((system) => wantOf(record, system, rules).kind !== 'nothing');
}

export type Attention = 'frozen' | 'conflict' | 'quarantine' | 'delete-conflict' | 'refused' | 'merged' | 'missing';

/** Why a person should look at this record, if at all. */
export function attentionOf(record: SyncRecord): Attention | undefined {
  if (record.frozen !== undefined) return 'frozen';
  if (Object.keys(record.holds).length > 0) return 'conflict';
  const links = Object.values(record.links);
  if (links.some((link) => link.quarantine !== undefined)) return 'quarantine';
  if (links.some((link) => link.contested)) return 'delete-conflict';
  if (links.some((link) => link.refusal !== undefined)) return 'refused';
  if (links.some((link) => link.state === 'merged')) return 'merged';
  if (links.some((link) => link.state === 'missing')) return 'missing';
  return undefined;
}

/** When something about a record falls due though nobody touches it: an override that ends. Epoch ms. */
export function wakeAtMs(record: SyncRecord): number | undefined {
  let earliest: number | undefined;
  for (const link of Object.values(record.links)) {
    for (const { untilMs } of Object.values(link.overrides ?? {})) {
      if (untilMs !== undefined && (earliest === undefined || untilMs < earliest)) earliest = untilMs;
    }
  }
  return earliest;
}

/** P8: overrides whose time is over. Their systems are asked for the record's value again. */
export function endOverrides(
  record: SyncRecord,
  nowMs: number,
): { readonly record: SyncRecord; readonly lines: readonly LedgerLine[] } | undefined {
  const lines: LedgerLine[] = [];
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const entries = Object.entries(link.overrides ?? {});
      const over = entries.filter(([, { untilMs }]) => untilMs !== undefined && untilMs <= nowMs);
      if (over.length === 0) return [system, link];
      for (const [field, { value, reason }] of over) {
        const to = record.fields[field]?.value ?? null;
        lines.push({ event: 'override-ended', field, rule: 'P8', reason, by: system, atMs: nowMs, from: value, to });
      }
      const { overrides: _, ...rest } = link;
      const left = Object.fromEntries(entries.filter((entry) => !over.includes(entry)));
      return [system, Object.keys(left).length > 0 ? { ...rest, overrides: left } : rest];
    }),
  );
  return lines.length === 0 ? undefined : { record: { ...record, version: record.version + 1, links }, lines };
}

/** True while another deliverer's claim stands. */
export function isClaimed(record: SyncRecord, system: string, nowMs: number): boolean {
  const claim = record.links[system]?.claim;
  return claim !== undefined && claim.untilMs > nowMs;
}

/**
 * W5: takes the right to write, and leaves a receipt of what will be written, so that its echo is
 * known again even if this deliverer dies.
 */
export function claim(record: SyncRecord, system: string, want: Want, owner: string, nowMs: number, leaseMs: number): SyncRecord {
  const link: Link = record.links[system] ?? { state: 'creating', stampMs: 0, observedAtMs: 0, seen: {}, receipts: [] };
  const fields = want.kind === 'update' || want.kind === 'create' ? want.fields : {};
  const receipt: Receipt = {
    id: owner,
    claimedAtMs: nowMs,
    stampMs: link.stampMs,
    fields: Object.fromEntries(
      Object.entries(fields).map(([field, value]) => {
        const seen = want.kind === 'create' ? { value: null } : seenOf(record, link, field);
        return [field, { before: 'value' in seen ? seen.value : null, value }];
      }),
    ),
  };
  const claimed: Link = { ...withReceipt(link, receipt), claim: { owner, untilMs: nowMs + leaseMs } };
  return withLink(record, system, claimed);
}

/** Gives the claim back without having written: its receipt goes too, for nothing of it can come back. */
export function releaseClaim(record: SyncRecord, system: string, owner: string): SyncRecord {
  const link = record.links[system];
  if (link?.claim?.owner !== owner) return record;
  const { claim: _, ...rest } = link;
  return withLink(record, system, { ...rest, receipts: link.receipts.filter((receipt) => receipt.id !== owner) });
}

/** The system's answer to our write, in canonical form. */
export interface WrittenAnswer {
  readonly objectId: string;
  /** What the system says it now holds, where its answer says so. */
  readonly shown?: FieldValues;
  readonly stampMs?: number;
}

/**
 * W6: the write is done. `seen` moves only where it still is what the claim saw (a person's edit that was
 * observed meanwhile stays); the receipt stays until a read that cannot be older has been believed.
 */
export function confirmWritten(
  record: SyncRecord,
  system: string,
  owner: string,
  answer: WrittenAnswer,
  nowMs: number,
  rules: SyncRules,
): SyncRecord {
  const link = record.links[system];
  const receipt = link?.receipts.find((candidate) => candidate.id === owner);
  if (link === undefined || receipt === undefined) return record;
  const created = link.state === 'creating';
  const seen: Record<string, Seen> = created ? seenAfterCreate(record, system, receipt, rules) : { ...link.seen };
  const renderings = { ...link.renderings };
  const predicted = predictedValues(record, system, receipt, rules);
  for (const [field, written] of Object.entries(receipt.fields)) {
    const known = created ? { value: null } : seenOf(record, link, field);
    if ('value' in known && !sameValue(rules, field, known.value, written.before)) continue;
    const shown = answer.shown?.[field] ?? predicted[field];
    const asRendered = shown !== undefined && !sameValue(rules, field, shown, written.value);
    if (asRendered) renderings[field] = { sent: written.value, shown };
    else delete renderings[field];
    rememberSeen(seen, field, asRendered ? shown : written.value, record.fields[field]?.value ?? null);
  }
  const { claim: held, writes: before, ...rest } = link;
  const writes = talliedWrite(
    before,
    Object.entries(receipt.fields).map(([field, { value }]) => ({
      field,
      repeated: wroteLast(link, receipt, field, value, rules),
    })),
    nowMs,
  );
  const confirmed: Link = {
    ...rest,
    ...(writes !== undefined && { writes }),
    ...(held !== undefined && held.owner !== owner && { claim: held }),
    state: created ? 'linked' : link.state,
    // D1: deleted elsewhere before this object was tied to its record.
    ...(created && record.deleted !== undefined && { archive: 'wanted' as const }),
    objectId: link.objectId ?? answer.objectId,
    stampMs: Math.max(link.stampMs, answer.stampMs ?? 0),
    observedAtMs: created ? nowMs : link.observedAtMs,
    seen,
    receipts: link.receipts.map((candidate) => (candidate === receipt ? { ...receipt, answeredAtMs: nowMs } : candidate)),
    deliveredAtMs: nowMs,
  };
  if (Object.keys(renderings).length > 0) return withLink(record, system, { ...confirmed, renderings });
  const { renderings: _, ...plain } = confirmed;
  return withLink(record, system, plain);
}

/** True where the write before this one wrote the same value into the field: somebody keeps undoing it. */
function wroteLast(link: Link, receipt: Receipt, field: string, value: FieldValue, rules: SyncRules): boolean {
  const earlier = [...(link.spent ?? []), ...link.receipts].filter((one) => one !== receipt && one.fields[field] !== undefined);
  const last = earlier.at(-1)?.fields[field];
  return last !== undefined && sameValue(rules, field, last.value, value);
}

/** O8: the form in which a one-way field without a way back will be shown, where the answer does not say. */
function predictedValues(record: SyncRecord, system: string, receipt: Receipt, rules: SyncRules): FieldValues {
  const written = Object.entries(receipt.fields).map(([field, { value }]) => [field, value] as const);
  return rules.systems[system]?.shownAs?.({ ...valuesOf(record), ...Object.fromEntries(written) }) ?? {};
}

/** The base of an object that we made is what we wrote into it; what we left out is empty there. */
function seenAfterCreate(record: SyncRecord, system: string, receipt: Receipt, rules: SyncRules): Record<string, Seen> {
  const seen: Record<string, Seen> = {};
  for (const field of Object.keys(rules.systems[system]?.fields ?? {})) {
    if (receipt.fields[field] === undefined) rememberSeen(seen, field, null, record.fields[field]?.value ?? null);
  }
  return seen;
}

/** W7: the archive call is answered. */
export function confirmArchived(record: SyncRecord, system: string, owner: string, nowMs: number): SyncRecord {
  const link = record.links[system];
  if (link === undefined) return record;
  const { claim: _, ...rest } = link;
  const receipts = link.receipts.filter((receipt) => receipt.id !== owner);
  return withLink(record, system, { ...rest, state: 'deleted', archive: 'done', receipts, deliveredAtMs: nowMs });
}

/** W8: the system will not take it, however often it is sent. The other fields' agreement is untouched; a person sees why. */
export function refuseDelivery(
  record: SyncRecord,
  system: string,
  owner: string,
  refusal: Refusal,
): { readonly record: SyncRecord; readonly line: LedgerLine } {
  const released = releaseClaim(record, system, owner);
  const link = released.links[system] ?? { state: 'creating', stampMs: 0, observedAtMs: 0, seen: {}, receipts: [] };
  const line: LedgerLine = {
    event: 'delivery-refused',
    rule: 'W8',
    reason: `${refusal.code}: ${refusal.message}`,
    by: system,
    atMs: refusal.atMs,
  };
  return { record: withLink({ ...released, version: record.version }, system, { ...link, refusal }), line };
}

function withLink(record: SyncRecord, system: string, link: Link): SyncRecord {
  return { ...record, version: record.version + 1, links: { ...record.links, [system]: link } };
}

/**
 * D3: somebody edited the object that was about to be archived. The edit survives, the deletion is called off, and a
 * person says which of the two is meant.
 */
export function callOffArchive(record: SyncRecord, editedIn: string): { readonly record: SyncRecord; readonly line: LedgerLine } {
  const { deleted, ...alive } = record;
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const { archive, ...rest } = link;
      if (archive === 'wanted') return [system, rest];
      return [system, link.state === 'deleted' ? { ...link, contested: true } : link];
    }),
  );
  const line: LedgerLine = {
    event: 'held',
    rule: 'D3',
    reason: `edited in ${editedIn} while its deletion in ${deleted?.by ?? 'another system'} was being carried over; the edit survives`,
    by: editedIn,
    atMs: deleted?.atMs ?? 0,
  };
  return { record: { ...alive, links }, line };
}
