import type { GuardAct, GuardStep, Stop, StopCause, WriteGuard } from './write-guard.ts';

/** An approval is for the run that was looked at, not for ever. */
export const APPROVAL_LIFE_MAX_MS = 7 * 24 * 3_600_000;
const ALLOWANCES_MAX = 8;
const ACTS_MAX = 10;

/** Stops everything that is written there. A stop of the same cause that stands already stays as it is. */
export function stopped(
  guard: WriteGuard,
  cause: StopCause,
  reason: string,
  nowMs: number,
  stopId: (cause: StopCause) => string,
): GuardStep<Stop> {
  const standing = guard.stops.find((stop) => stop.cause === cause);
  if (standing !== undefined) return { next: guard, linkedBy: 0, said: standing };
  const stop: Stop = { id: stopId(cause), cause, reason, atMs: nowMs };
  return { next: { ...guard, stops: [...guard.stops, stop] }, linkedBy: 0, said: stop };
}

export interface Approval {
  readonly by: string;
  readonly reason: string;
  /** How many objects beyond the limit, or all of them; for stops that counted. */
  readonly allow: number | 'run';
  /** Epoch ms. */
  readonly untilMs: number;
}

/** A person approves the run that a stop names. @returns undefined when there is no such stop (any more). */
export function approved(guard: WriteGuard, stopId: string, approval: Approval, nowMs: number): WriteGuard | undefined {
  const { by, reason, allow } = approval;
  const stop = guard.stops.find(({ id }) => id === stopId);
  if (stop === undefined) return undefined;
  const free = ended(guard, stop, { act: 'approved', stopId, by, reason, atMs: nowMs });
  if (stop.cause === 'first-sync') return { ...free, firstSyncApproved: true };
  if (stop.cause !== 'deletes' && stop.cause !== 'alters') return free;
  const untilMs = Math.min(approval.untilMs, nowMs + APPROVAL_LIFE_MAX_MS);
  const alive = guard.allowances.filter((allowance) => allowance.untilMs > nowMs);
  return { ...free, allowances: [...alive, { stopId, cause: stop.cause, left: allow, untilMs }].slice(-ALLOWANCES_MAX) };
}

/** Ends a stop and approves nothing: its cause is gone, or it will trip again. */
export function resumed(
  guard: WriteGuard,
  stopId: string,
  by: { readonly by: string; readonly reason: string },
  nowMs: number,
): WriteGuard | undefined {
  const stop = guard.stops.find(({ id }) => id === stopId);
  return stop && ended(guard, stop, { act: 'resumed', stopId, ...by, atMs: nowMs });
}

/** The stop is to stand. */
export function kept(
  guard: WriteGuard,
  stopId: string,
  by: { readonly by: string; readonly reason: string },
  nowMs: number,
): WriteGuard | undefined {
  if (!guard.stops.some(({ id }) => id === stopId)) return undefined;
  const stops = guard.stops.map((stop) => (stop.id === stopId ? { ...stop, kept: true as const } : stop));
  return withAct({ ...guard, stops }, { act: 'kept', stopId, ...by, atMs: nowMs });
}

/** A person stops it all. Nobody needs an alarm for what he did himself. */
export function paused(
  guard: WriteGuard,
  by: { readonly by: string; readonly reason: string },
  nowMs: number,
  stopId: (cause: StopCause) => string,
): GuardStep<Stop> {
  const { next, said } = stopped(guard, 'pause', by.reason, nowMs, stopId);
  const quiet = next.stops.map((stop) => (stop.id === said.id ? { ...stop, kept: true as const } : stop));
  const act: GuardAct = { act: 'paused', stopId: said.id, ...by, atMs: nowMs };
  return { next: withAct({ ...next, stops: quiet }, act), linkedBy: 0, said };
}

function ended(guard: WriteGuard, stop: Stop, act: GuardAct): WriteGuard {
  const stops = guard.stops.filter(({ id }) => id !== stop.id);
  return withAct({ ...guard, stops, resumedAtMs: act.atMs }, act);
}

function withAct(guard: WriteGuard, act: GuardAct): WriteGuard {
  return { ...guard, acts: [...guard.acts, act].slice(-ACTS_MAX) };
}
