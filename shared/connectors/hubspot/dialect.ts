import { AuthRejectedError, RateLimitedError, RequestRefusedError } from '../../errors.ts';
import { isObject, listAt, textAt, textsIn } from '../answer-shape.ts';
import type { ApiDialect, Lane } from '../api-client.ts';
import { NotSentError, retryAfterMs, unavailable } from '../transport.ts';

/** The day ends at midnight in the account's own zone, which the API does not tell: ask again now and then. */
const DAILY_WAIT_MS = 30 * 60_000;
const BURST_WAIT_MS = 10_000;
const SEARCH_WAIT_MS = 1_000;
/** A record lock lasts two seconds. */
const LOCK_WAIT_MS = 2_000;
/** A data-centre migration lasts up to a day. */
const MIGRATION_WAIT_MS = 60 * 60_000;

/** Limits and refusals. HubSpot: developers.hubspot.com/docs, "Error handling" and "Usage guidelines". */
export function hubspotDialect(system: string): ApiDialect {
  return {
    system,
    headers: {},
    observe(headers, lane, budget) {
      const limits = {
        limit: countIn(headers, 'x-hubspot-ratelimit-max'),
        remaining: countIn(headers, 'x-hubspot-ratelimit-remaining'),
        intervalMs: countIn(headers, 'x-hubspot-ratelimit-interval-milliseconds'),
        dailyLimit: countIn(headers, 'x-hubspot-ratelimit-daily'),
        dailyRemaining: countIn(headers, 'x-hubspot-ratelimit-daily-remaining'),
      };
      // Answers of search carry none.
      if (Object.values(limits).some((count) => count !== undefined)) budget.observe(lane, limits);
    },
    refusal(answer, lane, nowMs) {
      const { status, json } = answer;
      const asked = retryAfterMs(answer.headers, nowMs);
      const category = textAt(json, 'category') ?? textAt(json, 'errorType') ?? `HTTP_${status}`;
      if (status === 429) {
        const { policy, waitMs } = limitPolicy(textAt(json, 'policyName'), lane);
        const retryMs = asked ?? waitMs;
        return { error: new RateLimitedError(system, retryMs, policy), pauseMs: retryMs };
      }
      if (status === 423) return { error: new NotSentError(system, 'record locked (HTTP 423)', asked ?? LOCK_WAIT_MS) };
      if (status === 477) {
        const waitMs = asked ?? MIGRATION_WAIT_MS;
        return { error: new NotSentError(system, 'the account is being migrated (HTTP 477)', waitMs), pauseMs: waitMs };
      }
      if (status === 403) return { error: new AuthRejectedError(system, `${category} (HTTP 403)${missingScopes(json)}`) };
      if (status === 522 || status === 525 || status === 526) {
        return {
          error: new NotSentError(system, `HubSpot cannot be reached behind its edge (HTTP ${status})`, asked ?? BURST_WAIT_MS),
        };
      }
      if (status >= 500) return { error: unavailable(system, answer, nowMs) };
      return { error: new RequestRefusedError(system, category, `HTTP ${status}${refusedNames(json)}`) };
    },
  };
}

function limitPolicy(policyName: string | undefined, lane: Lane): { policy: 'burst' | 'search' | 'daily'; waitMs: number } {
  if (policyName === 'DAILY') return { policy: 'daily', waitMs: DAILY_WAIT_MS };
  if (policyName === 'SECONDLY' || (policyName === undefined && lane === 'search'))
    return { policy: 'search', waitMs: SEARCH_WAIT_MS };
  return { policy: 'burst', waitMs: BURST_WAIT_MS };
}

function countIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function missingScopes(json: unknown): string {
  const scopes = listAt(json, 'errors').flatMap((error) => {
    const context = isObject(error) ? error.context : undefined;
    return textsIn([...listAt(context, 'requiredGranularScopes'), ...listAt(context, 'requiredScopes')]);
  });
  return scopes.length === 0 ? '' : `: the app lacks ${scopes.slice(0, 10).join(', ')}`;
}

/** Codes and property names only: messages quote values, and errors are logged. */
function refusedNames(json: unknown): string {
  const names = listAt(json, 'errors').flatMap((error) => {
    const context = isObject(error) ? error.context : undefined;
    return [textAt(error, 'code') ?? '', ...textsIn(listAt(context, 'propertyName'))];
  });
  const shown = names.filter((text) => /^[A-Za-z0-9_]{1,80}$/.test(text)).slice(0, 10);
  return shown.length === 0 ? '' : `, ${shown.join(', ')}`;
}
