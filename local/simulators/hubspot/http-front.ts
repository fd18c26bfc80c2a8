import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ApiFault, CallCounts, SimulatorSettings } from '../simulator.ts';
import type { AccountWorld } from './account-endpoints.ts';
import type { ApiAnswer, ApiWorld } from './api-call.ts';
import { ApiRefusal, invalidRequest } from './api-refusal.ts';
import { appAuthor } from './author.ts';
import type { Credentials } from './credentials.ts';
import { type Destination, destinationOf } from './endpoints.ts';
import { faultAnswer, takeFault } from './fault-answers.ts';
import type { RateLimits } from './rate-limits.ts';

const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Longer URLs answer 414 (some 8 to 16 thousand characters, github.com/PostHog/posthog/pull/31617). */
const URL_CHARS_MAX = 8192;

export interface FrontOptions {
  readonly world: ApiWorld;
  readonly account: AccountWorld;
  readonly credentials: Credentials;
  readonly limits: RateLimits;
  readonly settings: SimulatorSettings;
  /** The control surface: true when it answered. */
  control(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The HTTP side of the account: counts calls, strikes faults, checks tokens and limits, then lets the endpoint answer. */
export class HttpFront {
  private readonly options: FrontOptions;
  private readonly server: Server;
  private lastCall = 0;
  private total = 0;
  private byEndpoint: Record<string, number> = {};
  private byStatus: Record<string, number> = {};

  constructor(options: FrontOptions) {
    this.options = options;
    // Room for a URL that is to be refused with 414 by us rather than with 431 by Node.
    this.server = createServer({ maxHeaderSize: 64 * 1024, keepAliveTimeout: 60_000 }, (request, response) => {
      this.handle(request, response).catch((error: unknown) => {
        // A caller that gave up in the middle of its request is no failure of ours.
        if (request.complete) console.error('the HubSpot simulator failed to answer', error);
        response.destroy();
      });
    });
  }

  /** @returns the URL, once it listens on the loopback interface. */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the HubSpot simulator has no port');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  calls(): CallCounts {
    return { total: this.total, byEndpoint: { ...this.byEndpoint }, byStatus: { ...this.byStatus } };
  }

  resetCalls(): void {
    this.total = 0;
    this.byEndpoint = {};
    this.byStatus = {};
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { settings, world, account } = this.options;
    if (await this.options.control(request, response)) return;
    const target = request.url ?? '/';
    const method = request.method ?? 'GET';
    const { pathname, searchParams } = new URL(target, 'http://127.0.0.1');
    const destination = destinationOf(world, account, method, pathname);
    this.lastCall += 1;
    this.total += 1;
    this.byEndpoint[destination.template] = (this.byEndpoint[destination.template] ?? 0) + 1;
    const number = this.lastCall;

    const fault = takeFault(settings, `${method} ${target}`);
    const body = await bodyOf(request);
    await pause(settings.latencyMs / 2);
    if (fault !== undefined && !fault.afterEffect) {
      this.strike(fault, request, response);
      return;
    }
    const answer =
      body === undefined
        ? refusalAnswer(invalidRequest(`send at most ${BODY_BYTES_MAX} bytes`), {})
        : this.answer(destination, {
            target,
            number,
            query: searchParams,
            body,
            authorization: request.headers.authorization,
            trace: traceOf(request),
          });
    await pause(settings.latencyMs / 2);
    if (fault === undefined) this.send(response, answer);
    else this.strike(fault, request, response);
  }

  private answer(
    destination: Destination,
    sent: {
      target: string;
      number: number;
      query: URLSearchParams;
      body: string;
      authorization: string | undefined;
      trace: string | undefined;
    },
  ): Answer {
    let headers: Record<string, string> = {};
    try {
      if (sent.target.length > URL_CHARS_MAX) throw new ApiRefusal(414, { message: 'URI Too Long' });
      if (destination.kind === 'account') return jsonAnswer(destination.endpoint.run(sent.query, sent.body), {});
      const { credentials, limits } = this.options;
      const token = credentials.authenticate(sent.authorization);
      const lane = destination.kind === 'records' ? destination.endpoint.lane : 'general';
      headers = limits.take(lane, { appId: token.appId, oauth: token.expiresAtMs !== undefined });
      if (destination.kind === 'nowhere') throw new ApiRefusal(404, { message: 'resource not found' });
      for (const scope of destination.scopes) credentials.authorize(token, scope);
      const { number, query, body } = sent;
      const call = { number, query, body, author: appAuthor(token.appId), dated: destination.dated, trace: sent.trace };
      return jsonAnswer(destination.endpoint.run(call), headers);
    } catch (error) {
      if (error instanceof ApiRefusal) return refusalAnswer(error, headers);
      console.error('the HubSpot simulator failed in', destination.template, error);
      return refusalAnswer(new ApiRefusal(500, { message: 'internal error' }), headers);
    }
  }

  private strike(fault: ApiFault, request: IncomingMessage, response: ServerResponse): void {
    if (fault.kind === 'status') {
      this.send(response, faultAnswer(fault));
      return;
    }
    this.count(fault.kind);
    if (fault.kind === 'drop') request.socket.destroy();
  }

  private send(response: ServerResponse, { status, body, headers }: Answer): void {
    this.count(String(status));
    // By the account's own clock, which a client may hold its own against.
    response.writeHead(status, { date: new Date(this.options.world.now()).toUTCString(), ...headers });
    response.end(body);
  }

  private count(status: string): void {
    this.byStatus[status] = (this.byStatus[status] ?? 0) + 1;
  }
}

function traceOf({ headers }: IncomingMessage): string | undefined {
  const given = headers['x-concord-correlation-id'];
  return typeof given === 'string' ? given : undefined;
}

function jsonAnswer({ status, body }: ApiAnswer, headers: Readonly<Record<string, string>>): Answer {
  const correlation = { 'x-hubspot-correlation-id': randomUUID() };
  if (body === undefined) return { status, body: '', headers: { ...correlation, ...headers } };
  return {
    status,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json;charset=utf-8', ...correlation, ...headers },
  };
}

function refusalAnswer(refusal: ApiRefusal, headers: Readonly<Record<string, string>>): Answer {
  const correlationId = randomUUID();
  return {
    status: refusal.status,
    body: JSON.stringify({ status: 'error', ...refusal.body, correlationId }),
    headers: {
      'content-type': 'application/json;charset=utf-8',
      'x-hubspot-correlation-id': correlationId,
      ...headers,
      ...refusal.headers,
    },
  };
}

/** @returns undefined where the body is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length <= BODY_BYTES_MAX) chunks.push(part);
  }
  return length <= BODY_BYTES_MAX ? Buffer.concat(chunks).toString('utf8') : undefined;
}

function pause(ms: number): Promise<void> | undefined {
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;
}
