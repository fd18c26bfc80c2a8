/** So many calls in any stretch of `intervalMs`. */
export interface CallLimit {
  readonly limit: number;
  readonly intervalMs: number;
}

/** Left to other users of the account, to clocks that differ, and to calls that travel longer than others. */
const RESERVE = 0.1;
/** A lease takes this share of an interval's calls at most, so that one function cannot take them all. */
const BURST_SHARE = 0.1;
const USABLE_SHARE = 0.05;
/** Time for the table to answer and for the call to leave. */
const USABLE_MIN_MS = 200;
/** Above it, counting costs more than it can save. */
const COUNTLESS = 100_000;

/**
 * How fast leases may follow each other so that no stretch of an interval sees more calls than allowed.
 *
 * The account of a lane is one time, in whole microseconds: the moment until which calls are spoken for (GCRA, the
 * leaky bucket as a queue). A lease moves it on by {@link costUs} and may be used {@link headStartUs} before it.
 */
export interface CallPace {
  /** Calls in any interval at most. */
  readonly allowed: number;
  /** Calls that may be leased at once after a rest. */
  readonly burst: number;
  /** Leased calls lapse after this. */
  readonly usableMs: number;
  /** Microseconds per call. */
  readonly stepUs: number;
}

export function paceOf({ limit, intervalMs }: CallLimit): CallPace {
  const allowed = Math.max(1, Math.floor(limit * (1 - RESERVE)));
  const burst = Math.max(1, Math.floor(allowed * BURST_SHARE));
  const usableMs = Math.max(USABLE_MIN_MS, Math.ceil(intervalMs * USABLE_SHARE));
  // A stretch of one interval holds calls leased during it or up to `usableMs` before: first a burst, then one per step,
  // so burst - 1 + (interval + usable) / step <= allowed.
  const stepUs = Math.ceil(((intervalMs + usableMs) * 1000) / (allowed - burst + 1));
  return { allowed, burst, usableMs, stepUs };
}

/** By how much a lease moves the account on. More than a burst at once is paid for by a rest after it. */
export function costUs(pace: CallPace, calls: number): number {
  return (calls + Math.max(0, calls - pace.burst)) * pace.stepUs;
}

/** How long before the account's new time a lease of so many calls becomes usable. */
export function headStartUs(pace: CallPace, calls: number): number {
  return Math.max(pace.burst, calls) * pace.stepUs;
}

export function isCountless({ limit }: CallLimit): boolean {
  return limit >= COUNTLESS;
}
