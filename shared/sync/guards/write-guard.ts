import { type BlastLimits, type Excess, judgeBlast } from './blast-radius.ts';
import { stopped } from './guard-stops.ts';
import { countedWrites, hourOf, uncountedWrites, type WriteCounts, type WriteWindow, windowCounts } from './write-window.ts';

const DAY_MS = 24 * 3_600_000;

export const STOP_CAUSES = ['deletes', 'alters', 'first-sync', 'listing', 'canary', 'pause'] as const;
export type StopCause = (typeof STOP_CAUSES)[number];

/** Why nothing is written to a system. It stands until a person ends it by its id; edits go on being taken in. */
export interface Stop {
  readonly id: string; // <sync>-<system>-<cause>-<number>
  readonly cause: StopCause;
  readonly reason: string;
  readonly atMs: number;
  /** A person has seen it and wants it to stand: its alarm is quiet. */
  readonly kept?: true;
}

/** What a person approved beyond the limits: so many objects, or all until `untilMs`. */
export interface Allowance {
  readonly stopId: string;
  readonly cause: 'deletes' | 'alters';
  readonly left: number | 'run';
  readonly untilMs: number;
}

/** What an operator did, and why. */
export interface GuardAct {
  readonly act: 'approved' | 'resumed' | 'kept' | 'paused';
  readonly stopId: string;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/** The guard of everything that one sync writes into one system. */
export interface WriteGuard {
  /** Objects linked there; changes with each link that is made or ends. */
  readonly linked: number;
  readonly window: WriteWindow;
  readonly stops: readonly Stop[];
  readonly allowances: readonly Allowance[];
  /** Since when Concord writes there; absent before the first write. */
  readonly firstWriteAtMs?: number;
  readonly firstSyncApproved?: true;
  /** When a stop last ended: what it held back needs a moment to be written. */
  readonly resumedAtMs?: number;
  readonly acts: readonly GuardAct[]; // newest last
}

export const UNTOUCHED: WriteGuard = { linked: 0, window: [], stops: [], allowances: [], acts: [] };

export interface GuardLimits extends BlastLimits {
  /** `ask`: nothing is written in a system's first sync before a person approves. */
  readonly firstSyncApproval: 'auto' | 'ask';
}

export interface WriteAsk extends WriteCounts {
  /** Objects to be altered that were written within the last 24 hours: when each last was, epoch ms. */
  readonly again?: readonly number[];
}

/** Keep it until the batch is written: what was not written is given back by it. */
export interface Reservation {
  readonly hour: number;
  /** How much of it was paid for by approvals, or is of a first sync. */
  readonly excused: { readonly deletes: number; readonly alters: number };
}

export type Reserved =
  | { readonly kind: 'go'; readonly reservation: Reservation }
  | { readonly kind: 'stopped'; readonly stopId: string; readonly cause: StopCause; readonly reason: string };

/** A guard's next state, and what it says. `linkedBy` is the change of `linked`, which others change at the same time. */
export interface GuardStep<Said> {
  readonly next: WriteGuard;
  readonly linkedBy: number;
  readonly said: Said;
}

/**
 * G1: asks for a batch before it is written. Either all of it may be written, and counts from now on, or nothing, and then
 * nothing else may until a person says so.
 */
export function reserve(
  guard: WriteGuard,
  ask: WriteAsk,
  limits: GuardLimits,
  nowMs: number,
  stopId: (cause: StopCause) => string,
): GuardStep<Reserved> {
  const [standing] = guard.stops;
  if (standing !== undefined) return refused(guard, standing);
  if (isUnapprovedFirstSync(guard, limits, nowMs))
    return tripped(guard, 'first-sync', 'the first sync of this system waits for an approval', nowMs, stopId);

  const isFirst = guard.firstWriteAtMs === undefined || nowMs - guard.firstWriteAtMs < DAY_MS;
  const { deletes, alters, creates, again = [] } = ask;
  const count = (excused: number, uncounted: number) =>
    countedWrites(guard.window, nowMs, { deletes: deletes - uncounted, alters, creates, excused, again });
  const { fresh } = count(0, 0);
  // A first sync makes two sides agree that never did: that is what it is for.
  const judged = { deletes, alters: isFirst ? 0 : fresh };
  const excess = judgeBlast({ linked: guard.linked, ...windowCounts(guard.window, nowMs) }, judged, limits);
  const alive = guard.allowances.filter((allowance) => allowance.untilMs > nowMs);
  const beyond = excess.find(({ cause, over }) => over > allowed(alive, cause));
  if (beyond !== undefined) return tripped({ ...guard, allowances: alive }, beyond.cause, beyond.reason, nowMs, stopId);

  const excused = { deletes: overIn(excess, 'deletes'), alters: isFirst ? fresh : overIn(excess, 'alters') };
  const next: WriteGuard = {
    ...guard,
    linked: guard.linked + creates - deletes,
    window: count(excused.alters, excused.deletes).window,
    allowances: paid(alive, excess),
    firstWriteAtMs: guard.firstWriteAtMs ?? nowMs,
  };
  return { next, linkedBy: creates - deletes, said: { kind: 'go', reservation: { hour: hourOf(nowMs), excused } } };
}

/** Gives back what was reserved and surely not written. What may have been written stays counted. */
export function settle(guard: WriteGuard, reservation: Reservation, unwritten: WriteCounts): GuardStep<undefined> {
  const excused = {
    deletes: Math.min(unwritten.deletes, reservation.excused.deletes),
    alters: Math.min(unwritten.alters, reservation.excused.alters),
  };
  const linkedBy = unwritten.deletes - unwritten.creates;
  const window = uncountedWrites(guard.window, reservation.hour, {
    ...unwritten,
    deletes: unwritten.deletes - excused.deletes,
    excused: excused.alters,
  });
  const credited = { ...guard, linked: guard.linked + linkedBy, window, allowances: credit(guard.allowances, excused) };
  return { next: credited, linkedBy, said: undefined };
}

function isUnapprovedFirstSync(guard: WriteGuard, limits: GuardLimits, nowMs: number): boolean {
  if (limits.firstSyncApproval === 'auto' || guard.firstSyncApproved) return false;
  return guard.firstWriteAtMs === undefined || nowMs - guard.firstWriteAtMs < DAY_MS;
}

function refused(guard: WriteGuard, { id, cause, reason }: Stop): GuardStep<Reserved> {
  return { next: guard, linkedBy: 0, said: { kind: 'stopped', stopId: id, cause, reason } };
}

function tripped(
  guard: WriteGuard,
  cause: StopCause,
  reason: string,
  nowMs: number,
  stopId: (cause: StopCause) => string,
): GuardStep<Reserved> {
  const { next, said } = stopped(guard, cause, reason, nowMs, stopId);
  return refused(next, said);
}

function allowed(allowances: readonly Allowance[], cause: Allowance['cause']): number {
  return allowances
    .filter((allowance) => allowance.cause === cause)
    .reduce((sum, { left }) => sum + (left === 'run' ? Number.POSITIVE_INFINITY : left), 0);
}

function overIn(excess: readonly Excess[], cause: Excess['cause']): number {
  return excess.find((one) => one.cause === cause)?.over ?? 0;
}

/** An approval that is used up is not revived. */
function credit(allowances: readonly Allowance[], back: Reservation['excused']): readonly Allowance[] {
  const due = { ...back };
  return allowances.map((allowance) => {
    if (allowance.left === 'run') return allowance;
    const left = allowance.left + due[allowance.cause];
    due[allowance.cause] = 0;
    return { ...allowance, left };
  });
}

/** What is beyond the limits is taken from the approvals, the oldest first; one that is used up is gone. */
function paid(allowances: readonly Allowance[], excess: readonly Excess[]): readonly Allowance[] {
  const due = { deletes: overIn(excess, 'deletes'), alters: overIn(excess, 'alters') };
  return allowances.flatMap((allowance) => {
    if (allowance.left === 'run') {
      due[allowance.cause] = 0;
      return [allowance];
    }
    const share = Math.min(allowance.left, due[allowance.cause]);
    due[allowance.cause] -= share;
    return allowance.left > share ? [{ ...allowance, left: allowance.left - share }] : [];
  });
}
