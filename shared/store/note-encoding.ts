import * as z from 'zod';
import type { CommitNote, LedgerLine } from '../sync/ledger.ts';

// Terse for the same reason as the record: a note travels inside the record's item and is kept for years as a ledger item.

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const line = z.object({
  e: z.enum([
    'created',
    'linked',
    'changed',
    'agreed',
    'kept',
    'held',
    'released',
    'refused-edit',
    'deleted',
    'unlinked',
    'restored',
    'missing',
    'merged',
    'delivery-refused',
    'review',
    'witnessed',
    'resolved',
    'override-set',
    'override-ended',
    'left-filter',
    'joined-filter',
    'quarantined',
    'accepted',
    'frozen',
    'unfrozen',
  ]),
  f: z.string().optional(), // field
  r: z.string(), // rule
  y: z.string().optional(), // reason
  b: z.string(), // by
  a: z.int(), // at, ms after `decidedAtMs` (mostly negative)
  x: value.optional(), // from
  z: value.optional(), // to
  l: z.tuple([value, z.string(), z.int()]).optional(), // lost: value, by, at (relative)
});

/** correlation id, decided at, received at (ms before it), lines */
export const encodedNoteSchema = z.tuple([z.string(), z.int(), z.int().nullable(), z.array(line)]);
export type EncodedNote = z.infer<typeof encodedNoteSchema>;

export function encodeNote(note: CommitNote): EncodedNote {
  const base = note.decidedAtMs;
  const received = note.receivedAtMs === undefined ? null : base - note.receivedAtMs;
  return [note.correlationId, base, received, note.lines.map((each) => encodeLine(each, base))];
}

export function decodeNote([correlationId, decidedAtMs, received, lines]: EncodedNote): CommitNote {
  return {
    correlationId,
    lines: lines.map((each) => decodeLine(each, decidedAtMs)),
    decidedAtMs,
    ...(received !== null && { receivedAtMs: decidedAtMs - received }),
  };
}

function encodeLine(each: LedgerLine, base: number): z.infer<typeof line> {
  return {
    e: each.event,
    ...(each.field !== undefined && { f: each.field }),
    r: each.rule,
    ...(each.reason !== undefined && { y: each.reason }),
    b: each.by,
    a: each.atMs - base,
    ...(each.from !== undefined && { x: each.from }),
    ...(each.to !== undefined && { z: each.to }),
    ...(each.lost && { l: [each.lost.value, each.lost.by, each.lost.atMs - base] }),
  };
}

function decodeLine(each: z.infer<typeof line>, base: number): LedgerLine {
  return {
    event: each.e,
    ...(each.f !== undefined && { field: each.f }),
    rule: each.r,
    ...(each.y !== undefined && { reason: each.y }),
    by: each.b,
    atMs: each.a + base,
    ...(each.x !== undefined && { from: each.x }),
    ...(each.z !== undefined && { to: each.z }),
    ...(each.l && { lost: { value: each.l[0], by: each.l[1], atMs: each.l[2] + base } }),
  };
}
