import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type HttpAnswer, httpAnswer, payloadEvent } from './http-payload.ts';
import type { Route, Throttling } from './http-routes.ts';

/** Quotas of an HTTP API: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const PAYLOAD_BYTES_MAX = 10 * 1024 * 1024;
/** So much of a body that is too large is read past, to be able to answer. */
const DRAINED_BYTES_MAX = 10 * PAYLOAD_BYTES_MAX;
const HEADER_BYTES_MAX = 10_240; // request line and headers; more is answered with 431
/** Lambda's own bound on an event; base64 counts four thirds. */
const EVENT_BYTES_MAX = 6 * 1024 * 1024;
const KEEP_ALIVE_MS = 60_000;

export interface HttpApi {
  readonly url: string;
  /** Opens the routes; until then every call is answered with 503. */
  serve(routes: readonly Route[], throttling: Throttling | undefined): void;
  /** Calls that are not answered yet. */
  underWay(): number;
  /** Answers what is under way for at most `graceMs`, takes nothing new, and ends. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves an HTTP API with payload format 2.0. A route with AWS_IAM is open here: whoever reaches the loopback interface of this
 * machine counts as the signed operator.
 *
 * @throws Error when the port is in use.
 */
export async function startHttpApi(options: {
  port: number; // 0: a free one
  accountId: string;
  now: () => number;
  warn: (message: string) => void;
}): Promise<HttpApi> {
  const { warn, now } = options;
  let routes: readonly Route[] | undefined;
  let admit: () => boolean = () => true;
  let underWay = 0;

  async function serve(request: IncomingMessage): Promise<HttpAnswer> {
    // A name that resolves to loopback must not lead a browser here.
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')) return refusal(403, 'Forbidden');
    if (routes === undefined) return refusal(503, 'Service Unavailable');
    const [path = '/', ...queryParts] = (request.url ?? '/').split('?');
    const query = queryParts.join('?');
    const method = request.method ?? 'GET';
    let pathParameters: Readonly<Record<string, string>> = {};
    const route = routes.find((candidate) => {
      const matched = candidate.match(method, path);
      pathParameters = matched ?? {};
      return matched !== undefined;
    });
    if (route === undefined) return refusal(404, 'Not Found');
    if (!admit()) return refusal(429, 'Too Many Requests');
    const body = await bodyOf(request);
    if (body === undefined) return refusal(413, 'Request Entity Too Large');
    const around = { accountId: options.accountId, nowMs: now() };
    const event = payloadEvent({ request, path, query, body, routeKey: route.key, pathParameters, ...around });
    if (Buffer.byteLength(event.body ?? '') > EVENT_BYTES_MAX) return refusal(413, 'Request Entity Too Large');
    const result = await withinTime(route.target.invoke(event), route.timeoutMs);
    if (result === undefined) return refusal(503, 'Service Unavailable');
    if (!result.ok) {
      warn(`${route.target.spec.name}: ${result.error.type}: ${result.error.message}`);
      return refusal(500, 'Internal Server Error');
    }
    const answer = httpAnswer(result.payload);
    if (answer !== undefined) return answer;
    warn(`${route.target.spec.name} answered ${route.key} with what is no response of an HTTP API`);
    return refusal(500, 'Internal Server Error');
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    underWay += 1;
    try {
      send(response, await serve(request));
    } catch (error) {
      // The caller went away, or the function gave a header that cannot be sent.
      warn(`HTTP API: ${error instanceof Error ? error.message : String(error)}`);
      if (!response.headersSent) send(response, refusal(500, 'Internal Server Error'));
    } finally {
      underWay -= 1;
    }
  }

  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => void respond(request, response),
  );
  server.listen(options.port, '127.0.0.1');
  await listening(server, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    serve(opened, throttling) {
      routes = opened;
      admit = throttling === undefined ? () => true : tokenBucket(throttling, now);
    },
    underWay: () => underWay,
    async close(graceMs) {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** @throws Error saying what to do when the port is taken. */
async function listening(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  try {
    await once(server, 'listening');
  } catch (error) {
    throw portError(error, port);
  }
}

/** A clearer error where a port is taken; any other error as it is. */
export function portError(error: unknown, port: number): unknown {
  const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return taken
    ? new Error(`port ${port} of 127.0.0.1 is in use: end what listens there, or choose another with --port`, { cause: error })
    : error;
}

/** API Gateway's throttling: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html */
function tokenBucket({ burst, perSecond }: Throttling, now: () => number): () => boolean {
  let tokens = burst;
  let filledAtMs = now();
  return () => {
    const atMs = now();
    tokens = Math.min(burst, tokens + ((atMs - filledAtMs) / 1_000) * perSecond);
    filledAtMs = atMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/** Undefined when it is too large. It is read to its end all the same: a caller that is still sending does not look at answers. */
function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= PAYLOAD_BYTES_MAX) chunks.push(chunk);
      else chunks = [];
      if (bytes > DRAINED_BYTES_MAX) request.destroy(new Error('a body without end'));
    });
    request.on('end', () => resolve(bytes > PAYLOAD_BYTES_MAX ? undefined : Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function withinTime<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const refusal = (status: number, message: string): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message }),
});

function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}
