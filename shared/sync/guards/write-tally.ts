import * as z from 'zod';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Nobody reads, thinks and types so soon after our write; a rule of the system that answers it does. */
const REACTION_MS = 30_000;

/** What the loop breaker remembers of a link; nearly always empty, for it lies in the record's item. */
export const writeTallySchema = z.object({
  /** By field: since when the same value has been written again and again (epoch ms), and how often. */
  again: z.record(z.string(), z.tuple([z.int(), z.int()])).optional(),
  /** Since when edits have come at once after our own writes (epoch ms), and how many. */
  reactions: z.tuple([z.int(), z.int()]).optional(),
});
export type WriteTally = z.infer<typeof writeTallySchema>;

export interface LoopLimits {
  /** Writes of one value into one field within an hour, with no edit of the record between them. */
  readonly sameValuePerHour: number;
  /** Edits of one object within a day that came at once after a write of ours to it. */
  readonly reactionsPerDay: number;
}

export const LOOP_LIMITS: LoopLimits = { sameValuePerHour: 5, reactionsPerDay: 20 };

/** Counts a write: of each field, whether it repeats the value that was written before. */
export function talliedWrite(
  tally: WriteTally | undefined,
  fields: readonly { readonly field: string; readonly repeated: boolean }[],
  nowMs: number,
): WriteTally | undefined {
  const again = { ...tally?.again };
  for (const { field, repeated } of fields) {
    const [sinceMs, count] = again[field] ?? [nowMs, 1];
    if (!repeated) delete again[field];
    else again[field] = nowMs - sinceMs > HOUR_MS ? [nowMs, 1] : [sinceMs, count + 1];
  }
  return compact({ again, reactions: tally?.reactions });
}

/** Counts an edit that was made so soon after our own write that a rule of the system must have made it. */
export function talliedReaction(tally: WriteTally | undefined, nowMs: number): WriteTally | undefined {
  const [sinceMs, count] = tally?.reactions ?? [nowMs, 0];
  return compact({ again: tally?.again ?? {}, reactions: nowMs - sinceMs > DAY_MS ? [nowMs, 1] : [sinceMs, count + 1] });
}

/** @param deliveredAtMs - our last write to the object; @param editedAtMs - by the system's clock. */
export function isReaction(deliveredAtMs: number | undefined, editedAtMs: number): boolean {
  return deliveredAtMs !== undefined && Math.abs(editedAtMs - deliveredAtMs) < REACTION_MS;
}

/** Why the record has to be frozen; undefined while it has not. */
export function trippedBy(tally: WriteTally | undefined, limits: LoopLimits): string | undefined {
  for (const [field, [, count]] of Object.entries(tally?.again ?? {})) {
    if (count > limits.sameValuePerHour) return `the same value of ${field} was written ${count} times within an hour`;
  }
  const [, reactions] = tally?.reactions ?? [0, 0];
  if (reactions > limits.reactionsPerDay)
    return `${reactions} of Concord's writes were answered at once by another edit within a day`;
  return undefined;
}

function compact(tally: {
  again: Record<string, [number, number]>;
  reactions: [number, number] | undefined;
}): WriteTally | undefined {
  const hasAgain = Object.keys(tally.again).length > 0;
  if (!hasAgain && tally.reactions === undefined) return undefined;
  return { ...(hasAgain && { again: tally.again }), ...(tally.reactions !== undefined && { reactions: tally.reactions }) };
}
