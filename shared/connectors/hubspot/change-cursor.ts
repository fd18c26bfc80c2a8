import * as z from 'zod';

const searchPositionSchema = z.object({
  /** Rows modified at `fromMs` or later. */
  fromMs: z.int(),
  /** Only rows modified at `fromMs` itself, with a higher id: used when more than a page share the stamp. */
  tieAfterId: z.string().optional(),
  /** Where the next run begins, once known. */
  resumeMs: z.int().optional(),
});
export type SearchPosition = z.infer<typeof searchPositionSchema>;

const archivePassSchema = z.object({
  /** Deletions since then are reported. */
  sinceMs: z.int(),
  /** Within a pass: when it began, and where its next page begins. */
  startedAtMs: z.int().optional(),
  after: z.string().optional(),
});
export type ArchivePass = z.infer<typeof archivePassSchema>;

const cursorSchema = z.object({
  v: z.literal(1),
  /** Absent while the archived listing is read. */
  search: searchPositionSchema.optional(),
  /** Where the next run of searches begins; set when the searches of this run are done. */
  nextFromMs: z.int().optional(),
  archive: archivePassSchema,
  /** Archived pages read in this run. */
  archivePages: z.int().default(0),
});
export type ChangePosition = z.infer<typeof cursorSchema>;

export function readCursor(cursor: string | undefined, from: { fromMs: number; overlapMs: number }): ChangePosition {
  if (cursor !== undefined) return cursorSchema.parse(JSON.parse(cursor));
  const startMs = Math.max(0, from.fromMs - from.overlapMs);
  return { v: 1, search: { fromMs: startMs }, archive: { sinceMs: startMs }, archivePages: 0 };
}
