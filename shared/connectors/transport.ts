import { SystemUnavailableError } from '../errors.ts';

/** Largest answer that is read, bytes. A full page of 2,000 wide rows stays well below. */
export const ANSWER_BYTES_MAX = 20 * 1024 * 1024;
const DEFAULT_RETRY_AFTER_MS = 5_000;
const RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000;

export type Fetch = typeof globalThis.fetch;

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole call, answer body included. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; undefined when it is empty or, on an error status, not JSON. */
  readonly json: unknown;
}

/** The call never left, so nothing can have happened there: also a write may simply be tried again. */
export class NotSentError extends SystemUnavailableError {}

/**
 * Sends one call and reads its JSON answer. Redirects are not followed: they could lead the
 * credentials elsewhere.
 *
 * @throws NotSentError when no connection was made.
 * @throws SystemUnavailableError when the answer is lost, late, too large or not the API's.
 */
export async function send(system: string, call: HttpCall, fetch: Fetch): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(call.timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(call.url, {
      method: call.method,
      headers: call.headers,
      body: call.body,
      redirect: 'manual',
      signal,
    });
    text = await readText(system, response);
  } catch (cause) {
    if (cause instanceof SystemUnavailableError) throw cause;
    if (signal.aborted) {
      throw new SystemUnavailableError(system, `no answer within ${call.timeoutMs} ms`, DEFAULT_RETRY_AFTER_MS, { cause });
    }
    const code = networkCodeOf(cause);
    if (code !== undefined && NEVER_CONNECTED.has(code)) {
      throw new NotSentError(system, `cannot connect (${code})`, DEFAULT_RETRY_AFTER_MS, { cause });
    }
    throw new SystemUnavailableError(system, `the connection broke (${code ?? 'no code'})`, DEFAULT_RETRY_AFTER_MS, { cause });
  }
  const { status, headers } = response;
  if (status >= 300 && status < 400) {
    throw new SystemUnavailableError(system, `redirect ${status} refused`, DEFAULT_RETRY_AFTER_MS);
  }
  if (text === '') return { status, headers, json: undefined };
  try {
    return { status, headers, json: JSON.parse(text) };
  } catch {
    // A maintenance page with status 200 is no answer. With an error status, the status says enough.
    if (status >= 400) return { status, headers, json: undefined };
    const contentType = headers.get('content-type') ?? 'no content type';
    throw new SystemUnavailableError(system, `answer is not JSON (${contentType.slice(0, 60)})`, DEFAULT_RETRY_AFTER_MS);
  }
}

/** Milliseconds that a `Retry-After` header asks for (seconds or an HTTP date), a day at most. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = Number(text);
  const delayMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - nowMs;
  if (Number.isNaN(delayMs)) return undefined;
  return Math.min(Math.max(delayMs, 0), RETRY_AFTER_MAX_MS);
}

export function unavailable(system: string, answer: HttpAnswer, nowMs: number): SystemUnavailableError {
  return new SystemUnavailableError(
    system,
    `HTTP ${answer.status}`,
    retryAfterMs(answer.headers, nowMs) ?? DEFAULT_RETRY_AFTER_MS,
  );
}

/**
 * When a call was asked, by the clock of the system that answered it (its `Date` header), since that
 * clock stamps its rows too; by ours where it sends none.
 *
 * @param times - by our clock, epoch ms.
 */
export function askedAtTheirs(answer: HttpAnswer, times: { askedAtMs: number; answeredAtMs: number }): number {
  const theirs = Date.parse(answer.headers.get('date') ?? '');
  return Number.isNaN(theirs) ? times.askedAtMs : theirs - Math.max(0, times.answeredAtMs - times.askedAtMs);
}

const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function networkCodeOf(error: unknown): string | undefined {
  // fetch hides the reason in `cause`, and that of several tried addresses one level deeper.
  let current = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    current = current.cause;
  }
  return undefined;
}

async function readText(system: string, response: Response): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) {
      // Leaving the loop cancels the stream, which ends the download.
      throw new SystemUnavailableError(system, `answer exceeds ${ANSWER_BYTES_MAX} bytes`, DEFAULT_RETRY_AFTER_MS);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
