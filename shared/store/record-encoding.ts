import * as z from 'zod';
import type { FieldValue } from '../sync/field-value.ts';
import { writeTallySchema } from '../sync/guards/write-tally.ts';
import type { Claim, Hold, Link, Override, Receipt, RecordField, Refusal, Seen, SyncRecord } from '../sync/record.ts';

// A record is written three times per edit and a write unit is 1 KB, so the stored form is terse: one-letter names,
// times as distances from one base, fields that were set together sharing one stamp, and nothing that has its usual value.

const ENCODING = 1;

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const ms = z.int(); // relative to the base `t`
/** A system by its position among the links, anyone else by name. */
const author = z.union([z.int().nonnegative(), z.string()]);

const receipt = z.tuple([
  z.string(), // id
  ms, // claimed at
  ms.nullable(), // answered at
  z.record(z.string(), z.tuple([value, value])), // before, value
  ms.nullable().optional(), // stamp seen before; older items lack it
]);

const override = z.tuple([value, z.string(), author, ms, ms.nullable()]); // value, reason, by, at, until

const link = z.object({
  i: z.string().optional(), // object id
  s: z.enum(['creating', 'deleted', 'unlinked', 'missing', 'merged', 'outside']).optional(), // absent: linked
  t: z.array(ms.nullable()).max(3).optional(), // stamp, observed at, delivered at
  n: z.array(z.string()).optional(), // fields never seen
  d: z.record(z.string(), value).optional(), // fields seen to differ
  k: z.record(z.string(), ms).optional(), // of those, when the value was made
  r: z.record(z.string(), z.tuple([value, value])).optional(), // renderings: sent, shown
  c: z.tuple([ms, z.union([z.int().nonnegative(), z.string()])]).optional(), // claim: until, position of its receipt or the owner
  p: z.array(receipt).optional(),
  z: z.array(receipt).optional(), // spent receipts
  f: ms.optional(), // until when receipts are forgotten
  w: z.record(z.string(), z.array(ms)).optional(), // witnessed
  o: z.record(z.string(), override).optional(), // overrides
  b: z.array(z.string()).optional(), // aliases
  x: z.tuple([z.string(), z.string(), z.array(z.string()), ms]).optional(), // refusal: code, message, fields, at
  a: z.enum(['w', 'd']).optional(), // archive wanted, done
  q: z.literal(1).optional(), // contested
  u: z.tuple([ms, z.string()]).optional(), // quarantine: at, reason
  y: writeTallySchema.optional(), // what the loop breaker remembers
});

const hold = z.tuple([
  ms, // opened at
  z.string(), // rule
  z.string(), // reason
  z.int(), // version
  value, // base
  z.record(z.string(), z.tuple([value, ms])),
]);

const body = z.object({
  e: z.literal(ENCODING),
  s: z.string(), // sync
  t: z.int(), // base of all times, epoch ms
  m: z.array(z.tuple([ms, author]).or(z.tuple([ms, author, ms]))), // stamps: at, by, from
  f: z.record(z.string(), z.union([value, z.tuple([value, z.int().nonnegative()])])), // a bare value has stamp 0
  l: z.record(z.string(), link),
  h: z.record(z.string(), hold).optional(),
  d: z.tuple([ms, author]).optional(), // deleted: at, by
  z: z.tuple([ms, z.string(), z.string()]).optional(), // frozen: at, rule, reason
  g: z.string().optional(), // merged into
  v: z.record(z.string(), z.record(z.string(), z.int())).optional(), // version vectors, by field
});

type Body = z.infer<typeof body>;
type LinkBody = z.infer<typeof link>;
type ReceiptBody = z.infer<typeof receipt>;

/** The record as one compact JSON string. Its id and version are attributes of their own. */
export function encodeRecord(record: SyncRecord): string {
  const fields = Object.entries(record.fields);
  const base = Math.max(0, ...fields.map(([, field]) => field.atMs));
  const systems = Object.keys(record.links);
  const authorOf = (name: string) => (systems.includes(name) ? systems.indexOf(name) : name);
  const { stamps, stampOf } = stampsOf(fields.map(([, field]) => field));
  const vectors = Object.fromEntries(fields.flatMap(([name, { vector }]) => (vector === undefined ? [] : [[name, vector]])));

  const encoded: Body = {
    e: ENCODING,
    s: record.sync,
    t: base,
    m: stamps.map((stamp) =>
      stamp.fromMs === undefined
        ? [stamp.atMs - base, authorOf(stamp.by)]
        : [stamp.atMs - base, authorOf(stamp.by), stamp.fromMs - base],
    ),
    f: mapped(record.fields, (field) => {
      const stamp = stampOf(field);
      return stamp === 0 ? field.value : [field.value, stamp];
    }),
    l: mapped(record.links, (each) => encodeLink(each, base, authorOf)),
    ...(hasAny(record.holds) && { h: mapped(record.holds, (each) => encodeHold(each, base)) }),
    ...(record.deleted && { d: [record.deleted.atMs - base, authorOf(record.deleted.by)] }),
    ...(record.frozen && { z: [record.frozen.atMs - base, record.frozen.rule, record.frozen.reason] }),
    ...(record.mergedInto !== undefined && { g: record.mergedInto }),
    ...(hasAny(vectors) && { v: vectors }),
  };
  return JSON.stringify(encoded);
}

/** @throws ZodError when the text was not written by {@link encodeRecord}. */
export function decodeRecord(recordId: string, version: number, text: string): SyncRecord {
  const encoded = body.parse(JSON.parse(text));
  const base = encoded.t;
  const systems = Object.keys(encoded.l);
  const nameOf = (by: number | string) => (typeof by === 'string' ? by : (systems[by] ?? unreadable(recordId)));
  const stamps = encoded.m.map(([at, by, from]) => ({
    atMs: at + base,
    ...(from !== undefined && { fromMs: from + base }),
    by: nameOf(by),
  }));
  return {
    recordId,
    sync: encoded.s,
    version,
    fields: Object.fromEntries(
      Object.entries(encoded.f).map(([name, field]) => {
        const [fieldValue, position] = Array.isArray(field) ? field : [field, 0];
        const stamp = stamps[position] ?? unreadable(recordId);
        const vector = encoded.v !== undefined && Object.hasOwn(encoded.v, name) ? encoded.v[name] : undefined;
        return [name, { value: fieldValue, ...stamp, ...(vector !== undefined && { vector }) }];
      }),
    ),
    links: mapped(encoded.l, (each) => decodeLink(each, base, recordId, nameOf)),
    holds: mapped(encoded.h ?? {}, (each) => decodeHold(each, base)),
    ...(encoded.d && { deleted: { atMs: encoded.d[0] + base, by: nameOf(encoded.d[1]) } }),
    ...(encoded.z && { frozen: { atMs: encoded.z[0] + base, rule: encoded.z[1], reason: encoded.z[2] } }),
    ...(encoded.g !== undefined && { mergedInto: encoded.g }),
  };
}

interface Stamp {
  readonly atMs: number;
  readonly fromMs?: number | undefined;
  readonly by: string;
}

/** The distinct stamps of the fields, the commonest first: it costs its fields nothing. */
function stampsOf(fields: readonly RecordField[]): { stamps: Stamp[]; stampOf: (field: RecordField) => number } {
  const counted = new Map<string, { stamp: Stamp; count: number }>();
  const nameOf = (stamp: Stamp) => `${stamp.atMs}/${stamp.fromMs ?? ''}/${stamp.by}`;
  for (const field of fields) {
    const name = nameOf(field);
    const known = counted.get(name);
    if (known) known.count++;
    else counted.set(name, { stamp: field, count: 1 });
  }
  const ordered = [...counted].sort(([, a], [, b]) => b.count - a.count);
  const positions = new Map(ordered.map(([name], position) => [name, position]));
  return {
    stamps: ordered.map(([, { stamp }]) => stamp),
    stampOf: (field) => positions.get(nameOf(field)) ?? 0,
  };
}

function encodeLink(each: Link, base: number, authorOf: (name: string) => number | string): LinkBody {
  const never = Object.entries(each.seen).flatMap(([field, seen]) => ('never' in seen ? [field] : []));
  const differing = Object.entries(each.seen).flatMap(([field, seen]): [string, FieldValue][] =>
    'never' in seen ? [] : [[field, seen.value]],
  );
  const made = Object.entries(each.seen).flatMap(([field, seen]): [string, number][] =>
    'never' in seen || seen.atMs === undefined ? [] : [[field, seen.atMs - base]],
  );
  const times = encodeTimes(each, base);
  return {
    ...(each.objectId !== undefined && { i: each.objectId }),
    ...(each.state !== 'linked' && { s: each.state }),
    ...(times.length > 0 && { t: times }),
    ...(never.length > 0 && { n: never }),
    ...(differing.length > 0 && { d: Object.fromEntries(differing) }),
    ...(made.length > 0 && { k: Object.fromEntries(made) }),
    ...(each.renderings && { r: mapped(each.renderings, ({ sent, shown }): [FieldValue, FieldValue] => [sent, shown]) }),
    ...(each.claim && { c: encodeClaim(each.claim, each.receipts, base) }),
    ...(each.receipts.length > 0 && { p: each.receipts.map((one) => encodeReceipt(one, base)) }),
    ...(each.spent && each.spent.length > 0 && { z: each.spent.map((one) => encodeReceipt(one, base)) }),
    ...(each.forgottenToMs !== undefined && { f: each.forgottenToMs - base }),
    ...(each.witnessed && { w: mapped(each.witnessed, (times) => times.map((at) => at - base)) }),
    ...(each.overrides && { o: mapped(each.overrides, (one) => encodeOverride(one, base, authorOf)) }),
    ...(each.aliases && { b: [...each.aliases] }),
    ...(each.refusal && { x: encodeRefusal(each.refusal, base) }),
    ...(each.archive && { a: each.archive === 'wanted' ? 'w' : 'd' }),
    ...(each.contested && { q: 1 }),
    ...(each.quarantine && { u: [each.quarantine.atMs - base, each.quarantine.reason] }),
    ...(each.writes && { y: each.writes }),
  };
}

function decodeLink(each: LinkBody, base: number, recordId: string, nameOf: (by: number | string) => string): Link {
  const receipts = (each.p ?? []).map((one) => decodeReceipt(one, base));
  const [stamp, observed, delivered] = each.t ?? [];
  const seen: [string, Seen][] = [
    ...(each.n ?? []).map((field): [string, Seen] => [field, { never: true }]),
    ...Object.entries(each.d ?? {}).map(([field, held]): [string, Seen] => {
      const made = each.k !== undefined && Object.hasOwn(each.k, field) ? each.k[field] : undefined;
      return [field, made === undefined ? { value: held } : { value: held, atMs: made + base }];
    }),
  ];
  return {
    ...(each.i !== undefined && { objectId: each.i }),
    state: each.s ?? 'linked',
    stampMs: stamp == null ? 0 : stamp + base,
    observedAtMs: observed == null ? 0 : observed + base,
    seen: Object.fromEntries(seen),
    ...(each.r && { renderings: mapped(each.r, ([sent, shown]) => ({ sent, shown })) }),
    ...(each.c && { claim: decodeClaim(each.c, receipts, base, recordId) }),
    receipts,
    ...(delivered != null && { deliveredAtMs: delivered + base }),
    ...(each.z && { spent: each.z.map((one) => decodeReceipt(one, base)) }),
    ...(each.f !== undefined && { forgottenToMs: each.f + base }),
    ...(each.w && { witnessed: mapped(each.w, (times) => times.map((at) => at + base)) }),
    ...(each.o && { overrides: mapped(each.o, (one) => decodeOverride(one, base, nameOf)) }),
    ...(each.b && { aliases: each.b }),
    ...(each.x && { refusal: decodeRefusal(each.x, base) }),
    ...(each.a && { archive: each.a === 'w' ? ('wanted' as const) : ('done' as const) }),
    ...(each.q && { contested: true }),
    ...(each.u && { quarantine: { atMs: each.u[0] + base, reason: each.u[1] } }),
    ...(each.y && { writes: each.y }),
  };
}

/** Times that are 0 or absent are null; nulls at the end are cut off. */
function encodeTimes(each: Link, base: number): (number | null)[] {
  const times = [
    each.stampMs === 0 ? null : each.stampMs - base,
    each.observedAtMs === 0 ? null : each.observedAtMs - base,
    each.deliveredAtMs === undefined ? null : each.deliveredAtMs - base,
  ];
  return times.slice(0, times.findLastIndex((time) => time !== null) + 1);
}

function encodeReceipt(one: Receipt, base: number): ReceiptBody {
  const answered = one.answeredAtMs === undefined ? null : one.answeredAtMs - base;
  const fields = mapped(one.fields, ({ before, value: written }): [FieldValue, FieldValue] => [before, written]);
  return [one.id, one.claimedAtMs - base, answered, fields, one.stampMs === 0 ? null : one.stampMs - base];
}

function decodeReceipt([id, claimed, answered, fields, stamp]: ReceiptBody, base: number): Receipt {
  return {
    id,
    claimedAtMs: claimed + base,
    ...(answered !== null && { answeredAtMs: answered + base }),
    stampMs: stamp == null ? 0 : stamp + base,
    fields: mapped(fields, ([before, written]) => ({ before, value: written })),
  };
}

/** A claim's owner is the id of one of the receipts, so its position says it in one digit. */
function encodeClaim(claim: Claim, receipts: readonly Receipt[], base: number): [number, number | string] {
  const position = receipts.findIndex((one) => one.id === claim.owner);
  return [claim.untilMs - base, position < 0 ? claim.owner : position];
}

function decodeClaim(
  [until, owner]: [number, number | string],
  receipts: readonly Receipt[],
  base: number,
  recordId: string,
): Claim {
  return { owner: typeof owner === 'string' ? owner : (receipts[owner]?.id ?? unreadable(recordId)), untilMs: until + base };
}

function encodeOverride(one: Override, base: number, authorOf: (name: string) => number | string): z.infer<typeof override> {
  return [one.value, one.reason, authorOf(one.by), one.atMs - base, one.untilMs === undefined ? null : one.untilMs - base];
}

function decodeOverride(
  [held, reason, by, at, until]: z.infer<typeof override>,
  base: number,
  nameOf: (by: number | string) => string,
): Override {
  return { value: held, reason, by: nameOf(by), atMs: at + base, ...(until !== null && { untilMs: until + base }) };
}

function encodeRefusal(refusal: Refusal, base: number): [string, string, string[], number] {
  return [refusal.code, refusal.message, [...refusal.fields], refusal.atMs - base];
}

function decodeRefusal([code, message, fields, at]: [string, string, string[], number], base: number): Refusal {
  return { code, message, fields, atMs: at + base };
}

function encodeHold(each: Hold, base: number): z.infer<typeof hold> {
  const parties = mapped(each.parties, (party): [FieldValue, number] => [party.value, party.atMs - base]);
  return [each.openedAtMs - base, each.rule, each.reason, each.version, each.base, parties];
}

function decodeHold([opened, rule, reason, version, heldBase, parties]: z.infer<typeof hold>, base: number): Hold {
  return {
    openedAtMs: opened + base,
    rule,
    reason,
    version,
    base: heldBase,
    parties: mapped(parties, ([held, at]) => ({ value: held, atMs: at + base })),
  };
}

/** Entries are defined, not assigned, so a field named like a part of `Object.prototype` stays a field. */
function mapped<T, R>(entries: Readonly<Record<string, T>>, change: (entry: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, change(entry)]));
}

function hasAny(entries: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(entries).length > 0;
}

function unreadable(recordId: string): never {
  throw new Error(`the stored record ${recordId} points to a stamp, system or receipt that it does not have; restore the item`);
}
