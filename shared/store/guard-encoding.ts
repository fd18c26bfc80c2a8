import * as z from 'zod';
import type { CanaryRound } from '../sync/guards/canary.ts';
import type { HighWater } from '../sync/guards/high-water.ts';
import { STOP_CAUSES, type WriteGuard } from '../sync/guards/write-guard.ts';

// The bodies of a guard's items. Keys are short where an item is written with every batch of deliveries.

const ms = z.int();
const count = z.int().nonnegative();
const stop = z.object({
  id: z.string(),
  cause: z.enum(STOP_CAUSES),
  reason: z.string(),
  atMs: ms,
  kept: z.literal(true).optional(),
});
const allowance = z.object({
  stopId: z.string(),
  cause: z.enum(['deletes', 'alters']),
  left: z.union([count, z.literal('run')]),
  untilMs: ms,
});
const act = z.object({
  act: z.enum(['approved', 'resumed', 'kept', 'paused']),
  stopId: z.string(),
  by: z.string(),
  reason: z.string(),
  atMs: ms,
});
const guardBody = z.object({
  w: z.array(z.tuple([z.int(), count, count, count])), // hour, written, excused, deleted
  s: z.array(stop).optional(),
  a: z.array(allowance).optional(),
  f: ms.optional(), // first write at
  y: z.literal(1).optional(), // first sync approved
  r: ms.optional(), // resumed at
  x: z.array(act).optional(),
});

/** All but `linked`, which is an attribute of its own: others count on it at the same time. */
export function encodeGuard(guard: WriteGuard): string {
  const encoded: z.infer<typeof guardBody> = {
    w: guard.window.map(({ hour, written, excused, deleted }) => [hour, written, excused, deleted]),
    ...(guard.stops.length > 0 && { s: [...guard.stops] }),
    ...(guard.allowances.length > 0 && { a: [...guard.allowances] }),
    ...(guard.firstWriteAtMs !== undefined && { f: guard.firstWriteAtMs }),
    ...(guard.firstSyncApproved && { y: 1 }),
    ...(guard.resumedAtMs !== undefined && { r: guard.resumedAtMs }),
    ...(guard.acts.length > 0 && { x: [...guard.acts] }),
  };
  return JSON.stringify(encoded);
}

/** @throws ZodError when the text was not written by {@link encodeGuard}. */
export function decodeGuard(text: string, linked: number): WriteGuard {
  const { w, s, a, f, y, r, x } = guardBody.parse(JSON.parse(text));
  return {
    linked,
    window: w.map(([hour, written, excused, deleted]) => ({ hour, written, excused, deleted })),
    stops: s ?? [],
    allowances: a ?? [],
    ...(f !== undefined && { firstWriteAtMs: f }),
    ...(y !== undefined && { firstSyncApproved: true }),
    ...(r !== undefined && { resumedAtMs: r }),
    acts: x ?? [],
  };
}

const roundBody = z.object({
  number: count,
  token: z.string(),
  writer: z.string(),
  writtenAtMs: ms.optional(),
  begunAtMs: ms,
  found: z.record(z.string(), z.enum(['held', 'stale'])),
});

/** @throws ZodError when the text is not a round. */
export const decodeRound = (text: string): CanaryRound => roundBody.parse(JSON.parse(text));

const markBody = z.object({
  accountId: z.string().optional(),
  listed: count.optional(),
  newest: z.array(z.object({ objectId: z.string(), stampMs: ms })),
  atMs: ms,
});

/** @throws ZodError when the text is not a mark. */
export const decodeMark = (text: string): HighWater => markBody.parse(JSON.parse(text));
