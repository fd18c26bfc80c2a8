import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import type { LocalFunction } from './functions.ts';
import type { LocalTemplate } from './template.ts';

/** Quotas of an HTTP API. docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const PAYLOAD_BYTES_MAX = 10 * 1024 * 1024;
/** Lambda's own bound on an event; base64 counts four thirds. */
const EVENT_BYTES_MAX = 6 * 1024 * 1024;
const HEADER_BYTES_MAX = 10_240;
const INTEGRATION_TIMEOUT_MS = 30_000;

/** Bodies of these types reach the function as text, all others in base64 (measured on AWS, see local/aws/README.md). */
const TEXT_TYPES = /^(text\/.*|application\/(json|xml|javascript))(;|$)/i;

const routeSchema = z.object({
  RouteKey: z.string(),
  Target: z.string(),
  AuthorizationType: z.enum(['NONE', 'AWS_IAM']).default('NONE'),
});
const integrationSchema = z.object({
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0'),
  TimeoutInMillis: z.coerce.number().max(INTEGRATION_TIMEOUT_MS).default(INTEGRATION_TIMEOUT_MS),
});
const stageSchema = z.object({
  StageName: z.literal('$default'),
  DefaultRouteSettings: z.object({ ThrottlingBurstLimit: z.coerce.number(), ThrottlingRateLimit: z.coerce.number() }).optional(),
});
const answerSchema = z.object({
  statusCode: z.int(),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  body: z.string().default(''),
  cookies: z.array(z.string()).default([]),
  isBase64Encoded: z.boolean().default(false),
});

interface Route {
  readonly key: string;
  readonly method: string; // or ANY
  readonly pattern: RegExp;
  readonly parameters: number;
  readonly target: LocalFunction;
  readonly timeoutMs: number;
}

export interface HttpApi {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the template's HTTP API with payload format 2.0. A route with AWS_IAM is open here: whoever reaches the loopback
 * interface of this machine counts as the signed operator.
 */
export async function startHttpApi(options: {
  template: LocalTemplate;
  functionByArn: (arn: string) => LocalFunction | undefined;
  port: number;
  accountId: string;
  now: () => number;
  warn: (message: string) => void;
}): Promise<HttpApi> {
  const { template, warn } = options;
  const routes = routesOf(template, options.functionByArn);
  const [stage] = template.ofType('AWS::ApiGatewayV2::Stage');
  const throttle = throttleOf(
    stage === undefined ? undefined : stageSchema.parse(stage.properties).DefaultRouteSettings,
    options.now,
  );

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    // A name that resolves to loopback must not lead a browser here.
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) return say(response, 403, 'Forbidden');
    const route = routes.find((one) => (one.method === 'ANY' || one.method === request.method) && one.pattern.test(url.pathname));
    if (route === undefined) return say(response, 404, 'Not Found');
    if (!throttle()) return say(response, 429, 'Too Many Requests');
    const body = await bodyOf(request);
    if (body === undefined) return say(response, 413, 'Request Entity Too Large');
    const event = eventOf(request, url, route, body, options);
    if (Buffer.byteLength(event.body ?? '') > EVENT_BYTES_MAX) return say(response, 413, 'Request Entity Too Large');
    const result = await withinTime(route.target.invoke(event), route.timeoutMs);
    if (result === undefined) return say(response, 503, 'Service Unavailable');
    if (!result.ok) {
      warn(`${route.target.spec.name}: ${result.error.type}: ${result.error.message}`);
      return say(response, 500, 'Internal Server Error');
    }
    answer(response, result.payload);
  }

  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      warn(`HTTP API: ${error instanceof Error ? error.message : String(error)}`);
      if (!response.headersSent) say(response, 500, 'Internal Server Error');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${options.port} is in use: end what listens there, or choose another with --port`)
          : error,
      );
    });
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function routesOf(template: LocalTemplate, functionByArn: (arn: string) => LocalFunction | undefined): Route[] {
  const integrations = new Map(
    template.ofType('AWS::ApiGatewayV2::Integration').map((one) => [one.logicalId, integrationSchema.parse(one.properties)]),
  );
  const routes = template.ofType('AWS::ApiGatewayV2::Route').map(({ logicalId, properties }): Route => {
    const { RouteKey: key, Target: target } = routeSchema.parse(properties);
    const integration = integrations.get(target.replace(/^integrations\//, ''));
    const handler = integration === undefined ? undefined : functionByArn(integration.IntegrationUri);
    if (integration === undefined || handler === undefined) throw new Error(`route ${key} (${logicalId}) leads to no function`);
    const [method = 'ANY', path = '/'] = key === '$default' ? ['ANY', '/{proxy+}'] : key.split(' ');
    const pattern = path.replace(/\{(\w+)\+\}/g, '(?<$1>.+)').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)');
    return {
      key,
      method,
      pattern: new RegExp(`^${pattern}$`),
      parameters: path.split('{').length - 1,
      target: handler,
      timeoutMs: integration.TimeoutInMillis,
    };
  });
  return routes.sort((a, b) => a.parameters - b.parameters || (a.method === 'ANY' ? 1 : 0) - (b.method === 'ANY' ? 1 : 0));
}

/** A token bucket, as API Gateway's throttling. */
function throttleOf(
  settings: { ThrottlingBurstLimit: number; ThrottlingRateLimit: number } | undefined,
  now: () => number,
): () => boolean {
  if (settings === undefined) return () => true;
  let tokens = settings.ThrottlingBurstLimit;
  let filledAtMs = now();
  return () => {
    const atMs = now();
    tokens = Math.min(settings.ThrottlingBurstLimit, tokens + ((atMs - filledAtMs) / 1_000) * settings.ThrottlingRateLimit);
    filledAtMs = atMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > PAYLOAD_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function eventOf(
  request: IncomingMessage,
  url: URL,
  route: Route,
  body: Buffer,
  options: { accountId: string; now: () => number },
) {
  const { cookie, ...rest } = request.headers;
  // Names are lower-case, and a header sent twice is one, joined by commas.
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) query[name] = query[name] === undefined ? value : `${query[name]},${value}`;
  const isText = TEXT_TYPES.test(headers['content-type'] ?? '');
  const groups = Object.entries(route.pattern.exec(url.pathname)?.groups ?? {});
  const atMs = options.now();
  return {
    version: '2.0',
    routeKey: route.key,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    headers,
    ...(url.search !== '' && { queryStringParameters: query }),
    requestContext: {
      accountId: options.accountId,
      apiId: 'local',
      domainName: headers.host ?? '127.0.0.1',
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: url.pathname,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: route.key,
      stage: '$default',
      time: new Date(atMs).toUTCString(),
      timeEpoch: atMs,
    },
    ...(groups.length > 0 && { pathParameters: Object.fromEntries(groups.map(([name, value]) => [name, decoded(value)])) }),
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withinTime<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** An object without statusCode is the body of a 200. docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
function answer(response: ServerResponse, payload: unknown): void {
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload)) {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(typeof payload === 'string' ? payload : JSON.stringify(payload));
    return;
  }
  const parsed = answerSchema.safeParse(payload);
  if (!parsed.success) return say(response, 500, 'Internal Server Error');
  const { statusCode, headers, body, cookies, isBase64Encoded } = parsed.data;
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  response.writeHead(statusCode, { ...plain, ...(cookies.length > 0 && { 'set-cookie': cookies }) });
  response.end(isBase64Encoded ? Buffer.from(body, 'base64') : body);
}

function say(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}
