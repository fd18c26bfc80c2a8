import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as z from 'zod';
import { nativeValueSchema } from '../shared/sync/change-hint.ts';
import { concordClient } from './concord-client.ts';
import type { Environment } from './environment.ts';
import type { PageFiles } from './page-files.ts';
import { portError } from './runtime/http-api.ts';
import type { RemoteSimulator } from './simulators/remote.ts';
import { trailOf } from './trail.ts';

const BODY_BYTES_MAX = 1_000_000;
const HEARTBEAT_MS = 15_000;

const systemSchema = z.enum(['salesforce', 'hubspot']);
const valuesSchema = z.record(z.string(), nativeValueSchema);
const actSchemas = {
  edit: z.strictObject({ system: systemSchema, objectId: z.string(), values: valuesSchema, person: z.string().optional() }),
  create: z.strictObject({ system: systemSchema, values: valuesSchema, person: z.string().optional() }),
  remove: z.strictObject({ system: systemSchema, objectId: z.string(), person: z.string().optional() }),
  kill: z.strictObject({ function: z.string().min(1) }), // part of its logical id
  settings: z.looseObject({ system: systemSchema }),
} as const;

const afterSchema = z.coerce.number().int().min(0);

/** The object type that stands for a contact in each CRM. */
const CONTACTS = { salesforce: 'Contact', hubspot: 'contacts' } as const;

/** A request that cannot be carried out as it stands; the message says what would be right. */
class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Drives the local environment: for the page, for tests, and for whoever wants to play. Loopback only; see local/README.md.
 *
 * @param afterReset - brings back what a first start would have.
 */
export async function startControlApi(
  environment: Environment,
  files: PageFiles,
  port: number,
  afterReset: () => Promise<void> = async () => undefined,
): Promise<{ url: string; close(): Promise<void> }> {
  const concord = concordClient(environment);
  const trail = trailOf(environment);

  const crm = (system: z.infer<typeof systemSchema>): RemoteSimulator => {
    if (environment.crms === undefined) throw new RequestError(409, 'the CRMs run elsewhere: edit them there');
    return environment.crms[system];
  };
  /** A CRM refuses what a person may not do; its reason is the caller's business. */
  const asked = async <T>(act: Promise<T>): Promise<T> => {
    try {
      return await act;
    } catch (error) {
      throw new RequestError(422, error instanceof Error ? error.message : String(error));
    }
  };
  const status = async () => ({
    paused: environment.stack.isPaused(),
    quiet: environment.stack.isQuiet(),
    api: environment.stack.apiUrl,
    crms: environment.crms && { salesforce: environment.crms.salesforce.url, hubspot: environment.crms.hubspot.url },
    ...(await concord.stats()),
  });

  const routes: Record<string, (body: unknown, query: URLSearchParams) => Promise<unknown>> = {
    'GET /control/status': status,
    'GET /control/stats': async () => environment.stack.stats(),
    'POST /control/reset': async () => {
      await environment.reset();
      trail.forget();
      trail.follow();
      await afterReset();
      return status();
    },
    'POST /control/restart': async () => {
      await environment.restartStack();
      trail.follow();
      return status();
    },
    'POST /control/pause': async () => {
      environment.stack.pause();
      return { paused: true };
    },
    'POST /control/resume': async () => {
      environment.stack.resume();
      return { paused: false };
    },
    'POST /control/kill': async (body) => ({ killed: environment.stack.kill(actSchemas.kill.parse(body).function) }),
    'GET /control/logs': async (_, query) => {
      const wanted = query.get('function') ?? '';
      return { lines: trail.logLines.filter(({ functionName }) => functionName.includes(wanted)) };
    },
    'POST /control/poll': async () => {
      await environment.stack.runSchedules('Poll');
      return { polled: true };
    },
    'GET /control/quiet': async (_, query) => {
      const timeoutMs = z.coerce
        .number()
        .int()
        .min(1)
        .max(600_000)
        .default(60_000)
        .parse(query.get('timeoutMs') ?? undefined);
      await concord.untilQuiet(timeoutMs);
      return { quiet: true };
    },
    'GET /control/contacts': async () => ({
      salesforce: await crm('salesforce').objects(CONTACTS.salesforce),
      hubspot: await crm('hubspot').objects(CONTACTS.hubspot),
    }),
    'GET /control/record': async (_, query) => {
      const id = query.get('id') ?? '';
      const found = await concord.record(id);
      if (found === undefined) throw new RequestError(404, `no record has ${id}`);
      return found;
    },
    'GET /control/writes': async (_, query) => ({
      writes: await crm(systemSchema.parse(query.get('system'))).writes(afterSchema.parse(query.get('after') ?? 0)),
    }),
    'GET /control/calls': async () => ({ salesforce: await crm('salesforce').calls(), hubspot: await crm('hubspot').calls() }),
    'POST /control/calls/reset': async () => {
      await Promise.all([crm('salesforce').resetCalls(), crm('hubspot').resetCalls()]);
      return {};
    },
    'POST /control/edit': async (body) => {
      const { system, objectId, values, person } = actSchemas.edit.parse(body);
      await asked(crm(system).edit(CONTACTS[system], objectId, values, person));
      return {};
    },
    'POST /control/create': async (body) => {
      const { system, values, person } = actSchemas.create.parse(body);
      return { objectId: await asked(crm(system).create(CONTACTS[system], values, person)) };
    },
    'POST /control/remove': async (body) => {
      const { system, objectId, person } = actSchemas.remove.parse(body);
      await asked(crm(system).remove(CONTACTS[system], objectId, person));
      return {};
    },
    'GET /control/settings': async (_, query) => crm(systemSchema.parse(query.get('system'))).settings(),
    'PATCH /control/settings': async (body) => {
      const { system, ...patch } = actSchemas.settings.parse(body);
      return asked(crm(system).changeSettings(patch));
    },
  };

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => refuse(response, error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    // A name that resolves to loopback, or a form on some page, must not drive this.
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? ''))
      throw new RequestError(403, 'call this on 127.0.0.1 or localhost');
    if (url.pathname === '/control/events') return stream(request, response);
    const route = routes[`${request.method} ${url.pathname}`];
    if (route === undefined) {
      const file = request.method === 'GET' ? files.get(url.pathname) : undefined;
      if (file === undefined) throw new RequestError(404, `there is no ${request.method} ${url.pathname}; see local/README.md`);
      response
        .writeHead(200, {
          'content-type': file.type,
          'cache-control': 'no-cache',
          'content-security-policy': "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
          'x-content-type-options': 'nosniff',
        })
        .end(file.bytes);
      return;
    }
    const body = request.method === 'GET' ? {} : await jsonBody(request);
    const result = await route(body, url.searchParams);
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(result));
  }

  function stream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const send = (event: unknown) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.flushHeaders();
    for (const event of trail.history) send(event);
    const unsubscribe = trail.subscribe(send);
    // Keeps proxies and browsers from taking a quiet stream for a dead one.
    const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    request.once('close', () => {
      clearInterval(heartbeat);
      unsubscribe();
    });
  }

  await listening(server, port);
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}`;
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        trail.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listening(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw portError(error, port);
  }
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  if (!request.headers['content-type']?.startsWith('application/json'))
    throw new RequestError(415, 'send content-type application/json');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new RequestError(413, `the body is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, 'the body is not JSON');
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  const status = error instanceof RequestError ? error.status : error instanceof z.ZodError ? 400 : 500;
  const message = error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : 'failed';
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}
