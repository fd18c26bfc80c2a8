import { ApiRefusal } from './api-refusal.ts';
import type { HubSpotBehaviour } from './behaviour.ts';

/** What the limit headers show when limits are switched off. */
const NO_LIMIT = 1_000_000;
const DAY_MS = 86_400_000;

export interface RateLimitOptions {
  readonly behaviour: HubSpotBehaviour;
  readonly settings: { readonly limits: boolean };
  now(): number;
}

/** Who calls, as far as limits care. */
export interface Caller {
  readonly appId: number;
  /** OAuth tokens have no daily limit and no daily headers. */
  readonly oauth: boolean;
}

/** Rolling and daily limits. HubSpot: developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines */
export class RateLimits {
  private readonly options: RateLimitOptions;
  private bursts = new Map<number, number[]>();
  private searches: number[] = [];
  private day = { startMs: 0, calls: 0 };

  constructor(options: RateLimitOptions) {
    this.options = options;
  }

  /**
   * Takes one call out of its budgets; a refused call costs nothing.
   *
   * @returns the headers of the answer; a search has none.
   * @throws ApiRefusal 429 with the policy that struck.
   */
  take(lane: 'general' | 'search', caller: Caller): Record<string, string> {
    const { behaviour, settings } = this.options;
    const nowMs = this.options.now();
    if (!settings.limits) return lane === 'search' ? {} : this.headers(caller, NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT);
    const startMs = nowMs - (nowMs % DAY_MS);
    if (this.day.startMs !== startMs) this.day = { startMs, calls: 0 };

    const recent = (lane === 'search' ? this.searches : (this.bursts.get(caller.appId) ?? [])).filter(
      (atMs) => atMs > nowMs - (lane === 'search' ? 1000 : behaviour.burstWindowMs),
    );
    const max = lane === 'search' ? behaviour.searchPerSecondMax : behaviour.burstMax;
    const dailyLeft = behaviour.dailyMax - this.day.calls;
    if (!caller.oauth && dailyLeft <= 0) throw this.refusal('DAILY', 'daily', (startMs + DAY_MS - nowMs) / 1000, {});
    const fits = recent.length < max;
    if (fits) {
      recent.push(nowMs);
      this.day.calls += 1;
    }
    if (lane === 'search') this.searches = recent;
    else this.bursts.set(caller.appId, recent);
    if (lane === 'search') {
      if (!fits) throw this.refusal('SECONDLY', 'secondly', 1, {});
      return {};
    }
    const headers = this.headers(
      caller,
      max,
      Math.max(0, max - recent.length),
      behaviour.dailyMax,
      behaviour.dailyMax - this.day.calls,
    );
    if (!fits) throw this.refusal('TEN_SECONDLY_ROLLING', 'ten_secondly_rolling', behaviour.burstWindowMs / 1000, headers);
    return headers;
  }

  clear(): void {
    this.bursts = new Map();
    this.searches = [];
    this.day = { startMs: 0, calls: 0 };
  }

  private headers(caller: Caller, max: number, remaining: number, daily: number, dailyRemaining: number): Record<string, string> {
    const secondly = Math.ceil(max / 10);
    return {
      'x-hubspot-ratelimit-max': String(max),
      'x-hubspot-ratelimit-remaining': String(remaining),
      'x-hubspot-ratelimit-interval-milliseconds': String(this.options.behaviour.burstWindowMs),
      // Deprecated, and still sent.
      'x-hubspot-ratelimit-secondly': String(secondly),
      'x-hubspot-ratelimit-secondly-remaining': String(Math.min(secondly, remaining)),
      ...(caller.oauth
        ? {}
        : { 'x-hubspot-ratelimit-daily': String(daily), 'x-hubspot-ratelimit-daily-remaining': String(dailyRemaining) }),
    };
  }

  private refusal(policyName: string, word: string, waitSeconds: number, headers: Readonly<Record<string, string>>): ApiRefusal {
    const wait: Record<string, string> = this.options.behaviour.retryAfterOn429
      ? { 'retry-after': String(Math.ceil(waitSeconds)) }
      : {};
    return new ApiRefusal(
      429,
      { message: `You have reached your ${word} limit.`, errorType: 'RATE_LIMIT', policyName },
      { ...headers, ...wait },
    );
  }
}
