import { AuthRejectedError, RateLimitedError, RequestRefusedError } from '../../errors.ts';
import { isObject, listAt, textAt, textsIn } from '../answer-shape.ts';
import type { ApiDialect } from '../api-client.ts';
import { type HttpAnswer, retryAfterMs, unavailable } from '../transport.ts';

/** The daily limit is a rolling one: calls come back all the time. */
const DAILY_WAIT_MS = 15 * 60_000;
/** A call counts as concurrent only while it runs for 20 s or more. */
const CONCURRENT_WAIT_MS = 20_000;

/**
 * Limits and refusals of the REST API. Salesforce: developer.salesforce.com/docs, REST API
 * Developer Guide, "Status codes and error responses".
 *
 * @param dailyCallShare - share of the organisation's daily calls that may be used up before we stop, 0..1.
 */
export function salesforceDialect(system: string, dailyCallShare: number): ApiDialect {
  return {
    system,
    // Shown in `changeOrigin` of change events for the calls that honour it.
    headers: { 'sforce-call-options': 'client=concord' },
    observe(headers, lane, budget) {
      const usage = apiUsage(headers);
      if (usage === undefined) return;
      const dailyLimit = Math.floor(usage.max * dailyCallShare);
      budget.observe(lane, { dailyLimit, dailyRemaining: Math.max(0, dailyLimit - usage.used) });
    },
    refusal(answer, _lane, nowMs) {
      const code = firstErrorCode(answer.json) ?? `HTTP_${answer.status}`;
      if (code === 'REQUEST_LIMIT_EXCEEDED' || answer.status === 429) {
        const usage = apiUsage(answer.headers);
        const daily = usage !== undefined && usage.used >= usage.max;
        const waitMs = retryAfterMs(answer.headers, nowMs) ?? (daily ? DAILY_WAIT_MS : CONCURRENT_WAIT_MS);
        return { error: new RateLimitedError(system, waitMs, daily ? 'daily' : 'concurrent'), pauseMs: waitMs };
      }
      if (answer.status === 403) {
        return { error: new AuthRejectedError(system, `${code} (HTTP 403): check the permissions of the integration user`) };
      }
      if (answer.status >= 500 || answer.status === 420) return { error: unavailable(system, answer, nowMs) };
      return { error: new RequestRefusedError(system, code, refusalDetail(answer)) };
    },
  };
}

/** `Sforce-Limit-Info: api-usage=18/100000` */
function apiUsage(headers: Headers): { used: number; max: number } | undefined {
  const parts = /\bapi-usage=(\d+)\/(\d+)/.exec(headers.get('sforce-limit-info') ?? '');
  return parts === null ? undefined : { used: Number(parts[1]), max: Number(parts[2]) };
}

/** Errors are an array; some proxies and the token endpoint answer with an object. */
function firstErrorCode(json: unknown): string | undefined {
  const first = Array.isArray(json) ? json[0] : json;
  return textAt(first, 'errorCode');
}

/** Status and names only: the message of a refused query quotes its values, and errors are logged. */
function refusalDetail(answer: HttpAnswer): string {
  const first = Array.isArray(answer.json) ? answer.json[0] : undefined;
  const names = isObject(first) ? textsIn(listAt(first, 'fields')) : [];
  const missing = /No such column '([A-Za-z0-9_.]{1,80})'/.exec(textAt(first, 'message') ?? '')?.[1];
  if (missing !== undefined) names.push(missing);
  return `HTTP ${answer.status}${names.length === 0 ? '' : `, fields ${names.join(', ')}`}`;
}
