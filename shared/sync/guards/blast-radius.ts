/** How much of what a sync has linked in one system may be deleted or altered within 24 hours without an approval. */
export interface BlastLimits {
  /** Percent of the linked objects that may be deleted, where there are more than 25. Of 4 to 25 it is always half. */
  readonly deletesPercent: number;
  /** Percent of the linked objects that may be altered, where there are more than 200. */
  readonly altersPercent: number;
}

export const BLAST_LIMITS: BlastLimits = { deletesPercent: 5, altersPercent: 30 };

/** Of fewer, one is a large share already: nothing can be told from it. */
const DELETES_JUDGED_FROM = 4;
const SMALL_SET_MAX = 25;
const ALTERS_JUDGED_ABOVE = 200;

/** The last 24 hours of one sync in one system, approved writes left out. */
export interface BlastCounts {
  /** Objects linked now: those that were deleted within the window are gone from it. */
  readonly linked: number;
  readonly deleted: number;
  readonly altered: number;
}

/** What a batch would add beyond a limit. */
export interface Excess {
  readonly cause: 'deletes' | 'alters';
  /** How many of the batch are too many. */
  readonly over: number;
  readonly reason: string;
}

/** The most that may be deleted, and altered, within the window; undefined where the set is too small to be judged. */
export function blastCeilings(
  { linked, deleted }: Pick<BlastCounts, 'linked' | 'deleted'>,
  limits: BlastLimits,
): { readonly deletes?: number; readonly alters?: number } {
  const size = sizeOf({ linked, deleted });
  const deletes = size > SMALL_SET_MAX ? percentOf(size, limits.deletesPercent) : Math.floor(size / 2);
  return {
    ...(size >= DELETES_JUDGED_FROM && { deletes }),
    ...(size > ALTERS_JUDGED_ABOVE && { alters: percentOf(size, limits.altersPercent) }),
  };
}

/** G1: holds a batch against the limits. @returns what is beyond them, nothing where all of it may be written. */
export function judgeBlast(
  counts: BlastCounts,
  ask: { readonly deletes: number; readonly alters: number },
  limits: BlastLimits,
): readonly Excess[] {
  const ceilings = blastCeilings(counts, limits);
  const size = sizeOf(counts);
  const excess: Excess[] = [];
  const judge = (cause: Excess['cause'], asked: number, done: number, ceiling: number | undefined, verb: string) => {
    if (asked <= 0 || ceiling === undefined || done + asked <= ceiling) return;
    const reason = `${done + asked} of ${size} linked objects would be ${verb} within 24 hours; ${ceiling} may be without an approval`;
    excess.push({ cause, over: Math.min(asked, done + asked - ceiling), reason });
  };
  judge('deletes', ask.deletes, counts.deleted, ceilings.deletes, 'deleted');
  judge('alters', ask.alters, counts.altered, ceilings.alters, 'altered');
  return excess;
}

/** The set as it was before the window's deletes made it smaller. */
function sizeOf({ linked, deleted }: Pick<BlastCounts, 'linked' | 'deleted'>): number {
  return Math.max(0, linked) + deleted;
}

function percentOf(size: number, percent: number): number {
  return Math.floor((size * percent) / 100);
}
