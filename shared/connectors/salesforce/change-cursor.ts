import * as z from 'zod';
import { mustStartOver, resumeAfterPage } from '../poll-run.ts';

const cursorSchema = z.object({
  v: z.literal(1),
  /** Where the next row is looked for: stamps from `fromMs` on; with `afterId`, past that row of the very stamp. */
  fromMs: z.int(),
  afterId: z.string().optional(),
  /** Present within a run: where the run after it begins, once known. */
  resumeMs: z.int().optional(),
});

/** A place in the order (SystemModstamp, Id), and what the present run has learned. */
export type ChangePosition = z.infer<typeof cursorSchema>;

export function readCursor(cursor: string | undefined, from: { fromMs: number; overlapMs: number }): ChangePosition {
  if (cursor === undefined) return { v: 1, fromMs: Math.max(0, from.fromMs - from.overlapMs) };
  return cursorSchema.parse(JSON.parse(cursor));
}

/** The cursor after a page; `last` is its last row, absent when no full page came and the run ends. */
export function cursorAfter(
  position: ChangePosition,
  page: { last: { stampMs: number; objectId: string } | undefined; askedAtMs: number; overlapMs: number },
): { cursor: string; done: boolean } {
  const { last, askedAtMs, overlapMs } = page;
  const resumeMs = resumeAfterPage(position.resumeMs, { fromMs: position.fromMs, toMs: last?.stampMs, askedAtMs, overlapMs });
  const next: ChangePosition =
    last === undefined || mustStartOver(resumeMs, askedAtMs, overlapMs)
      ? { v: 1, fromMs: resumeMs ?? position.fromMs }
      : { v: 1, fromMs: last.stampMs, afterId: last.objectId, resumeMs };
  return { cursor: JSON.stringify(next), done: last === undefined };
}
