const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

/** What Concord wrote into one system within one hour of the epoch. */
export interface HourCount {
  readonly hour: number; // epoch ms / 3,600,000
  /** Objects whose newest write of ours fell into this hour. */
  readonly written: number;
  /** Of all objects written, those that count as no alteration: created, approved, or of a first sync. */
  readonly excused: number;
  /** Objects deleted without an approval. */
  readonly deleted: number;
}

/** The writes of the last 24 hours, by hour. The hour that has begun is added to 24 whole ones, so it is never too short. */
export type WriteWindow = readonly HourCount[];

/** Objects that a batch is about to write. */
export interface WriteCounts {
  readonly deletes: number;
  /** Without those that `again` names. */
  readonly alters: number;
  readonly creates: number;
}

export function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS);
}

/** Different objects altered, and objects deleted, within the window. */
export function windowCounts(window: WriteWindow, nowMs: number): { readonly altered: number; readonly deleted: number } {
  let altered = 0;
  let deleted = 0;
  for (const count of current(window, nowMs)) {
    altered += count.written - count.excused;
    deleted += count.deleted;
  }
  return { altered: Math.max(0, altered), deleted };
}

/**
 * Counts a batch. An object that was written within the window counts once: its newest write is what is counted.
 *
 * @param again - when the objects among those altered that we wrote lately were last written, epoch ms. An object of whose
 *   hour nothing is known any more counts anew.
 */
export function countedWrites(
  window: WriteWindow,
  nowMs: number,
  batch: WriteCounts & { readonly excused: number; readonly again: readonly number[] },
): { readonly window: WriteWindow; readonly fresh: number } {
  const byHour = new Map(current(window, nowMs).map((count) => [count.hour, count]));
  let moved = 0;
  for (const hour of batch.again.map(hourOf)) {
    const before = byHour.get(hour);
    if (before === undefined || before.written <= 0) continue;
    byHour.set(hour, { ...before, written: before.written - 1 });
    moved += 1;
  }
  const fresh = batch.alters + batch.again.length - moved;
  const hour = hourOf(nowMs);
  const now = byHour.get(hour) ?? { hour, written: 0, excused: 0, deleted: 0 };
  byHour.set(hour, {
    hour,
    written: now.written + fresh + moved + batch.creates,
    excused: now.excused + batch.creates + batch.excused,
    deleted: now.deleted + batch.deletes,
  });
  return { window: [...byHour.values()].sort((a, b) => a.hour - b.hour), fresh };
}

/** Takes back what was counted and not written after all. */
export function uncountedWrites(
  window: WriteWindow,
  hour: number,
  back: WriteCounts & { readonly excused: number },
): WriteWindow {
  return window.map((count) =>
    count.hour !== hour
      ? count
      : {
          hour,
          written: Math.max(0, count.written - back.alters - back.creates),
          excused: Math.max(0, count.excused - back.creates - back.excused),
          deleted: Math.max(0, count.deleted - back.deletes),
        },
  );
}

function current(window: WriteWindow, nowMs: number): WriteWindow {
  return window.filter((count) => count.hour >= hourOf(nowMs) - DAY_HOURS);
}
