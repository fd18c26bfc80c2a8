/** One object per system that belongs to nobody, synced end to end every hour to prove that the sync still works. */
export interface Canary {
  /** A text field that travels both ways everywhere; nobody else writes it in these objects. */
  readonly field: string;
  /** By system; they must be linked to one record. */
  readonly objects: Readonly<Record<string, string>>;
}

/** One token, written in one system and awaited in all. */
export interface CanaryRound {
  readonly number: number;
  readonly token: string;
  readonly writer: string;
  /** When the token was written; absent while nobody knows whether it was. */
  readonly writtenAtMs?: number;
  readonly begunAtMs: number;
  /** What each system was found to hold, once that is certain. */
  readonly found: Readonly<Record<string, 'held' | 'stale'>>;
}

const ROUND_MS = 3_600_000;
/** Schedules are not punctual: a run that comes a minute early belongs to this hour all the same. */
const EARLY_MS = 60_000;
/** What takes longer than this to arrive does not arrive. */
export const CANARY_PATIENCE_MS = 15 * 60_000;

/** True for a canary's object: what Concord itself writes there as a probe is to be taken for somebody else's edit. */
export function isCanary(canary: Canary | undefined, system: string, objectId: string): boolean {
  return canary?.objects[system] === objectId;
}

/** G4: what a system has to do for its canary now: look whether the token has arrived, or write the next one. */
export function canaryDuties(
  canary: Canary,
  round: CanaryRound | undefined,
  system: string,
  nowMs: number,
): { readonly look: boolean; readonly write: CanaryRound | undefined } {
  const look = round?.writtenAtMs !== undefined && round.found[system] === undefined;
  return { look, write: nextRound(Object.keys(canary.objects), round, system, nowMs) };
}

/**
 * What a look means.
 *
 * @param shown - what the object holds in the canary's field; undefined where the object is not there.
 * @param resumedAtMs - when writes to the system last began again: what waited needs a moment.
 * @returns undefined while the token may still be on its way.
 */
export function judgeCanary(
  round: CanaryRound,
  shown: string | undefined,
  nowMs: number,
  resumedAtMs = 0,
): 'held' | 'stale' | undefined {
  if (shown === round.token) return 'held';
  return nowMs - Math.max(round.writtenAtMs ?? nowMs, resumedAtMs) >= CANARY_PATIENCE_MS ? 'stale' : undefined;
}

/** Each system writes in its turn, so that all ways in are tried. A write that nobody knows of is repeated by its writer. */
function nextRound(
  systems: readonly string[],
  round: CanaryRound | undefined,
  system: string,
  nowMs: number,
): CanaryRound | undefined {
  if (round !== undefined && round.writtenAtMs === undefined) return round.writer === system ? round : undefined;
  if (round !== undefined && nowMs - round.begunAtMs < ROUND_MS - EARLY_MS) return undefined;
  const number = (round?.number ?? 0) + 1;
  const writer = systems[number % systems.length];
  if (writer !== system) return undefined;
  return { number, token: `Concord canary ${number}`, writer, begunAtMs: nowMs, found: {} };
}
