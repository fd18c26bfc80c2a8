import { setTimeout as sleep } from 'node:timers/promises';
import { AuthRejectedError, type SyncError, SystemUnavailableError } from '../errors.ts';
import type { AccessGrants } from './access-grant.ts';
import type { ApiBudget } from './connector.ts';
import { type Fetch, type HttpAnswer, send } from './transport.ts';

export type Lane = 'general' | 'search';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query below the grant's base URL. */
  readonly path: string;
  readonly body?: unknown;
  readonly lane?: Lane;
  /** Only a read is repeated by itself: a write whose answer was lost may have happened. */
  readonly effect: 'read' | 'write';
  /** Error statuses whose answer the caller wants to judge; all others throw. */
  readonly judged?: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** What differs between the systems' APIs, as far as every call is concerned. */
export interface ApiDialect {
  readonly system: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Reports the limit headers of an answer. */
  observe(headers: Headers, lane: Lane, budget: ApiBudget): void;
  /** Turns a refusal into our error; `pauseMs` stops all callers of the lane. */
  refusal(answer: HttpAnswer, lane: Lane, nowMs: number): { error: SyncError; pauseMs?: number };
}

export interface ApiClientOptions {
  readonly dialect: ApiDialect;
  readonly grants: AccessGrants;
  readonly budget: ApiBudget;
  readonly clock: () => number;
  readonly fetch: Fetch;
  /** For one call, ms. */
  readonly callTimeoutMs: number;
  /** How long a call may wait for its share of the budget, ms. */
  readonly budgetWaitMs: number;
}

export interface ApiClient {
  /** @throws RateLimitedError, AuthRejectedError, SystemUnavailableError, RequestRefusedError */
  call(request: ApiRequest): Promise<HttpAnswer>;
  /** The same client, whose calls name the changes they serve. */
  withCorrelation(ids: readonly string[]): ApiClient;
}

const READ_TRIES_MAX = 2;
/** A system that asks for a longer wait is left to the queue's own retry. */
const SHORT_WAIT_MS = 5_000;

export function apiClient(options: ApiClientOptions, correlationIds: readonly string[] = []): ApiClient {
  const { dialect, grants, budget, clock } = options;
  const correlation = correlationHeader(correlationIds);

  async function callOnce(request: ApiRequest): Promise<HttpAnswer> {
    const lane = request.lane ?? 'general';
    let grant = await grants.current();
    // Twice at most: a refused token is renewed once. A 401 is answered before anything is carried out.
    for (let renewed = false; ; renewed = true) {
      await budget.acquire(1, lane, clock() + options.budgetWaitMs);
      const answer = await send(
        dialect.system,
        {
          method: request.method,
          url: grant.baseUrl + request.path,
          headers: {
            accept: 'application/json',
            ...dialect.headers,
            ...correlation,
            ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
            ...request.headers,
            authorization: `Bearer ${grant.token}`,
          },
          body: request.body === undefined ? undefined : JSON.stringify(request.body),
          timeoutMs: options.callTimeoutMs,
        },
        options.fetch,
      );
      dialect.observe(answer.headers, lane, budget);
      if (answer.status < 300 || request.judged?.includes(answer.status)) return answer;
      if (answer.status === 401) {
        if (renewed) throw new AuthRejectedError(dialect.system, 'a new access token is refused too (HTTP 401)');
        grant = await grants.renew(grant);
        continue;
      }
      const { error, pauseMs } = dialect.refusal(answer, lane, clock());
      if (pauseMs !== undefined) await budget.pause(lane, clock() + pauseMs);
      throw error;
    }
  }

  return {
    async call(request) {
      const triesMax = request.effect === 'read' ? READ_TRIES_MAX : 1;
      for (let tries = 1; ; tries++) {
        try {
          return await callOnce(request);
        } catch (error) {
          const again = error instanceof SystemUnavailableError && error.retryAfterMs <= SHORT_WAIT_MS && tries < triesMax;
          if (!again) throw error;
          await sleep(100 + Math.random() * 200);
        }
      }
    },
    withCorrelation: (ids) => apiClient(options, ids),
  };
}

/** One id, and how many more the call serves: enough to find it in both systems' logs. */
function correlationHeader(ids: readonly string[]): Record<string, string> {
  const first = ids[0]?.replace(/[^\x21-\x7e]/g, '').slice(0, 128);
  if (first === undefined || first === '') return {};
  return { 'x-concord-correlation-id': ids.length === 1 ? first : `${first};n=${ids.length}` };
}
