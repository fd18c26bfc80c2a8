import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimitedError } from '../errors.ts';
import type { ApiBudget } from './connector.ts';

/** A budget without limits, for tests and scripts against simulators. */
export function unlimitedBudget(): ApiBudget {
  return {
    acquire: () => Promise.resolve(),
    observe: () => undefined,
    pause: () => Promise.resolve(),
  };
}

export interface CallRate {
  readonly calls: number;
  readonly intervalMs: number;
}

export interface LocalBudgetOptions {
  readonly system: string;
  readonly general: CallRate;
  /** HubSpot gives search its own, smaller bucket. Without it, search draws on `general`. */
  readonly search?: CallRate;
  readonly clock?: () => number;
  readonly sleepMs?: (ms: number) => Promise<unknown>;
}

interface Bucket {
  readonly rate: CallRate;
  tokens: number;
  filledAtMs: number;
  pausedUntilMs: number;
}

/**
 * A token bucket per lane for one process. Several processes that share a connection must share the
 * store's budget instead.
 */
export function localBudget(options: LocalBudgetOptions): ApiBudget {
  const clock = options.clock ?? Date.now;
  const sleepMs = options.sleepMs ?? ((ms: number) => sleep(ms));
  const bucket = (rate: CallRate): Bucket => ({ rate, tokens: rate.calls, filledAtMs: clock(), pausedUntilMs: 0 });
  const general = bucket(options.general);
  const lanes = { general, search: options.search === undefined ? general : bucket(options.search) };

  function refill(lane: Bucket): void {
    const nowMs = clock();
    const earned = ((nowMs - lane.filledAtMs) * lane.rate.calls) / lane.rate.intervalMs;
    lane.tokens = Math.min(lane.rate.calls, lane.tokens + Math.max(0, earned));
    lane.filledAtMs = nowMs;
  }

  return {
    async acquire(calls, laneName, deadlineMs) {
      const lane = lanes[laneName];
      refill(lane);
      const nowMs = clock();
      const shortMs = Math.max(0, ((calls - lane.tokens) * lane.rate.intervalMs) / lane.rate.calls);
      const readyAtMs = Math.max(nowMs + Math.ceil(shortMs), lane.pausedUntilMs);
      if (readyAtMs > deadlineMs) {
        throw new RateLimitedError(options.system, readyAtMs - nowMs, laneName === 'search' ? 'search' : 'burst');
      }
      // Taken before the wait, so that later callers queue behind this one.
      lane.tokens -= calls;
      if (readyAtMs > nowMs) await sleepMs(readyAtMs - nowMs);
    },
    observe(laneName, headers) {
      const lane = lanes[laneName];
      refill(lane);
      // Another user of the same credentials may have spent calls that this process knows nothing of.
      if (headers.remaining !== undefined) lane.tokens = Math.min(lane.tokens, headers.remaining);
    },
    pause(laneName, untilMs) {
      const lane = lanes[laneName];
      lane.pausedUntilMs = Math.max(lane.pausedUntilMs, untilMs);
      return Promise.resolve();
    },
  };
}
