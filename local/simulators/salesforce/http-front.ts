import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiFault, SimulatorSettings } from '../simulator.ts';
import { type ApiAnswer, type ApiCall, refusalAnswer } from './api-call.ts';
import { type ApiRoute, type ApiWorld, apiRoutes, findRoute } from './api-routes.ts';
import type { Oauth } from './oauth.ts';
import { RowRefusal, resourceNotFound } from './row-refusal.ts';
import { fieldValue } from './rows.ts';

/** URI and body sizes as documented for the REST API. */
const URI_BYTES_MAX = 16_384;
const BODY_BYTES_MAX = 50 * 1024 * 1024;
const VERSION_MIN = 31; // 21 to 30 are retired
const VERSION_MAX = 68;

const htmlError = (status: number) => `<html><head><title>Error</title></head><body><h1>HTTP ${status}</h1></body></html>`;

/** The org's HTTP face: tokens, the versioned REST API, limits and the faults that the settings ask for. */
export function httpFront(
  world: ApiWorld,
  auth: Oauth,
  settings: SimulatorSettings,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const routes = apiRoutes(world);

  return async (request, response) => {
    const { method = 'GET', url = '/' } = request;
    response.setHeader('date', new Date(world.org.now()).toUTCString()); // by the org's clock, which may not be the machine's
    const body = await readBody(request);
    if (settings.latencyMs > 0) await sleep(settings.latencyMs, undefined, { ref: false });
    if (url.length > URI_BYTES_MAX) return send(response, { status: 414 }, htmlError(414));
    if (body === undefined) return send(response, { status: 413 }, htmlError(413));

    const target = new URL(url, world.url());
    const { pathname } = target;
    const path = pathname.replace(/\/+$/, '');
    const versioned = /^\/services\/data\/v([^/]+)(?:\/(.*))?$/.exec(path);
    const found = versioned ? findRoute(routes, method, versioned[2] ?? '') : undefined;
    const fault = takeFault(settings, `${method} ${url}`);

    let outcome = '';
    let answer: ApiAnswer | undefined;
    const number = versioned ? world.meter.begin() : 0;
    if (!fault || fault.afterEffect) {
      answer = versioned
        ? await answerApi(request, method, versioned[1] ?? '', found, target.searchParams, body, number)
        : answerUnversioned(path, method, request, body);
      outcome = String(answer.status);
    }
    if (fault) outcome = fault.kind === 'status' ? String(fault.status ?? 503) : fault.kind;
    if (versioned) {
      const template = found && 'route' in found ? found.route.template : versioned[2];
      world.meter.end(`${method} /services/data/vXX.X/${templateShown(template, found)}`, outcome);
    }
    if (fault) return strike(request, response, fault);
    if (answer) send(response, versioned ? withLimitInfo(answer) : answer);
  };

  function withLimitInfo(answer: ApiAnswer): ApiAnswer {
    const { used, max } = world.meter.usage();
    return { ...answer, headers: { ...answer.headers, 'sforce-limit-info': `api-usage=${used}/${max}` } };
  }

  async function answerApi(
    request: IncomingMessage,
    method: string,
    version: string,
    found: ReturnType<typeof findRoute> | undefined,
    query: URLSearchParams,
    body: Buffer,
    number: number,
  ): Promise<ApiAnswer> {
    try {
      refuseVersion(version);
      const userId = auth.userOf(request.headers.authorization);
      if (userId === undefined) throw new RowRefusal('INVALID_SESSION_ID', 'Session expired or invalid', [], 401);
      if (!world.meter.bill()) {
        throw new RowRefusal('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', [], 403);
      }
      const route = routeOf(found, method);
      const call: ApiCall = {
        number,
        method,
        version,
        userId,
        path: route.path,
        query,
        header: (name) => headerOf(request, name),
        json: () => parseJson(request, body),
      };
      return await route.route.handle(call);
    } catch (error) {
      if (error instanceof RowRefusal) return refusalAnswer(error);
      throw error;
    }
  }

  function answerUnversioned(path: string, method: string, request: IncomingMessage, body: Buffer): ApiAnswer {
    const form = () => new URLSearchParams(body.toString('utf8'));
    if (path === '/services/oauth2/token' && method === 'POST') return auth.token(form());
    if (path === '/services/oauth2/revoke' && method === 'POST') return auth.revoke(form());
    if (path === '/services/data' && method === 'GET') return { status: 200, body: versions() };
    const userId = auth.userOf(request.headers.authorization);
    if (path.startsWith('/id/') || path === '/services/oauth2/userinfo') {
      return userId === undefined ? { status: 403 } : { status: 200, body: identity(world, userId) };
    }
    return refusalAnswer(resourceNotFound());
  }
}

function routeOf(
  found: ReturnType<typeof findRoute> | undefined,
  method: string,
): { route: ApiRoute; path: Record<string, string> } {
  if (found && 'route' in found) return found;
  if (!found || found.allowed.length === 0) throw resourceNotFound();
  const message = `HTTP Method '${method}' not allowed. Allowed are ${found.allowed.join(',')}`;
  throw new RowRefusal('METHOD_NOT_ALLOWED', message, [], 405);
}

function refuseVersion(version: string): void {
  const number = /^(\d{2})\.0$/.exec(version)?.[1];
  if (number === undefined || Number(number) < 21 || Number(number) > VERSION_MAX) throw resourceNotFound();
  if (Number(number) < VERSION_MIN) {
    throw new RowRefusal('UNSUPPORTED_API_VERSION', `API version ${version} is retired; use ${VERSION_MAX - 1}.0`, [], 410);
  }
}

/** The object stays in the name of an endpoint, ids and values do not. */
function templateShown(template: string | undefined, found: ReturnType<typeof findRoute> | undefined): string {
  if (template === undefined || !found || !('route' in found)) return '(unknown)';
  return template
    .split('/')
    .map((part) => {
      if (!part.startsWith(':')) return part;
      return part === ':object' || part === ':field' ? (found.path[part.slice(1)] ?? part) : `{${part.slice(1)}}`;
    })
    .join('/');
}

function takeFault(settings: SimulatorSettings, call: string): ApiFault | undefined {
  const fault = settings.faults.find((candidate) => candidate.times > 0 && call.startsWith(candidate.match));
  if (!fault) return undefined;
  fault.times -= 1;
  settings.faults = settings.faults.filter((candidate) => candidate.times > 0);
  return fault;
}

function strike(request: IncomingMessage, response: ServerResponse, fault: ApiFault): void {
  if (fault.kind === 'drop') request.socket.destroy();
  if (fault.kind !== 'status') return; // a hanging call ends when its client or the simulator does
  const status = fault.status ?? 503;
  const serverFault =
    status >= 500 ? htmlError(status) : JSON.stringify([{ message: 'injected', errorCode: 'UNKNOWN_EXCEPTION' }]);
  send(response, { status, headers: fault.headers }, fault.body ?? serverFault);
}

function send(response: ServerResponse, answer: ApiAnswer, text?: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = text ?? (answer.body === undefined ? undefined : JSON.stringify(answer.body));
  const type = text?.trimStart().startsWith('<') ? 'text/html;charset=UTF-8' : 'application/json;charset=UTF-8';
  response.writeHead(answer.status, { ...(body === undefined ? {} : { 'content-type': type }), ...answer.headers });
  response.end(body);
}

/** @returns undefined when the body is larger than the API takes. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length <= BODY_BYTES_MAX) chunks.push(part);
  }
  return length > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

function parseJson(request: IncomingMessage, body: Buffer): unknown {
  const type = headerOf(request, 'content-type') ?? '';
  if (!/^application\/json\b/i.test(type)) {
    throw new RowRefusal('UNSUPPORTED_MEDIA_TYPE', `Content-Type '${type}' is not supported; send application/json`, [], 415);
  }
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new RowRefusal('JSON_PARSER_ERROR', 'Unexpected character or end-of-input in the JSON body');
  }
}

function versions() {
  return Array.from({ length: VERSION_MAX - VERSION_MIN + 1 }, (_, i) => {
    const version = `${VERSION_MIN + i}.0`;
    return { label: `Release ${version}`, url: `/services/data/v${version}`, version };
  });
}

function identity({ org, url }: ApiWorld, userId: string) {
  const users = org.table('User');
  const user = users?.get(userId);
  const username = user && users?.schema.field('Username');
  const id = `${url()}/id/${org.organizationId}/${userId}`;
  return {
    id,
    sub: id,
    asserted_user: true,
    user_id: userId,
    organization_id: org.organizationId,
    username: user && username ? fieldValue(user, username) : null,
    display_name: user?.values.LastName ?? null,
    active: true,
    user_type: 'STANDARD',
    urls: {
      rest: `${url()}/services/data/v{version}/`,
      sobjects: `${url()}/services/data/v{version}/sobjects/`,
      query: `${url()}/services/data/v{version}/query/`,
    },
  };
}
