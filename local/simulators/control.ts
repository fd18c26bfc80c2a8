import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import {
  createRequestSchema,
  editRequestSchema,
  loadRequestSchema,
  objectQuerySchema,
  objectsQuerySchema,
  pointRequestSchema,
  releaseRequestSchema,
  settingsPatchSchema,
  writesQuerySchema,
} from './control-messages.ts';
import type { CrmSimulator, WriteLogEntry } from './simulator.ts';

/** Where the control surface lives on each simulator's own port. Calls here are not API calls: they are never counted. */
export const CONTROL_PREFIX = '/__sim/';

/** Enough for `load` with some 100,000 rows. */
const BODY_BYTES_MAX = 128 * 1024 * 1024;
/** Proxies and browsers drop an event stream that stays silent for long. */
const STREAM_HEARTBEAT_MS = 15_000;

/** One act of the control surface: takes the parsed JSON body (or the query of a GET), gives the JSON answer. */
export type ControlAct = (input: unknown) => unknown | Promise<unknown>;
/** Acts by `METHOD path`, the path without the prefix: `POST edit`. */
export type ControlActs = Readonly<Record<string, ControlAct>>;

class ControlRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Answers requests under `/__sim/`: what a person would do at the CRM's own page, and what only
 * the owner of a simulator may do (look at everything, lose notifications, inject faults).
 *
 * Answers are JSON: 200 with a result or `{}`, 400 `{error}` naming what is wrong, 404, 405.
 * Only loopback hosts and pages served from them are admitted, so that a web page elsewhere
 * cannot drive a simulator through the visitor's browser.
 *
 * @param more - further acts of one CRM (`POST merge`), beside those that every simulator has.
 * @returns false when the path is none of ours: the request is untouched.
 */
export async function handleControl(
  simulator: CrmSimulator,
  request: IncomingMessage,
  response: ServerResponse,
  more: ControlActs = {},
): Promise<boolean> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (!url.pathname.startsWith(CONTROL_PREFIX)) return false;
  try {
    admitLoopbackOnly(request, response);
    const path = url.pathname.slice(CONTROL_PREFIX.length);
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    else if (path === 'events' && request.method === 'GET') streamWrites(simulator, request, response);
    else answerJson(response, 200, await carryOut({ ...actsOf(simulator), ...more }, path, url, request));
  } catch (error) {
    const status = error instanceof ControlRefusal ? error.status : 400;
    answerJson(response, status, { error: reasonOf(error) });
  }
  return true;
}

async function carryOut(acts: ControlActs, path: string, url: URL, request: IncomingMessage): Promise<unknown> {
  const method = request.method ?? 'GET';
  const act = acts[`${method} ${path}`];
  if (act) {
    const input = method === 'GET' ? Object.fromEntries(url.searchParams) : await readJson(request);
    return (await act(input)) ?? {};
  }
  const allowed = Object.keys(acts).flatMap((key) => (key.endsWith(` ${path}`) ? [key.split(' ')[0]] : []));
  if (allowed.length > 0) throw new ControlRefusal(405, `${path} takes ${allowed.join(' or ')}, not ${method}`);
  throw new ControlRefusal(404, `no control act ${method} ${path}; there are: ${Object.keys(acts).join(', ')}, GET events`);
}

function actsOf(simulator: CrmSimulator): ControlActs {
  return {
    'POST edit': (input) => {
      const { object, objectId, values, person } = editRequestSchema.parse(input);
      simulator.edit(object, objectId, values, person);
    },
    'POST create': (input) => {
      const { object, values, person } = createRequestSchema.parse(input);
      return { objectId: simulator.create(object, values, person) };
    },
    'POST remove': (input) => {
      const { object, objectId, person } = pointRequestSchema.parse(input);
      simulator.remove(object, objectId, person);
    },
    'POST restore': (input) => {
      const { object, objectId, person } = pointRequestSchema.parse(input);
      simulator.restore(object, objectId, person);
    },
    'POST load': (input) => {
      const { object, rows, atMs } = loadRequestSchema.parse(input);
      return { objectIds: simulator.load(object, rows, atMs) };
    },
    'GET objects': (input) => ({ objects: simulator.objects(objectsQuerySchema.parse(input).object) }),
    'GET object': (input) => {
      const { object, objectId } = objectQuerySchema.parse(input);
      const found = simulator.object(object, objectId);
      return { objects: found ? [found] : [] };
    },
    'GET writes': (input) => ({ writes: simulator.writes(writesQuerySchema.parse(input).after) }),
    'GET calls': () => simulator.calls(),
    'POST calls/reset': () => simulator.resetCalls(),
    'GET settings': () => simulator.settings,
    'PATCH settings': (input) => Object.assign(simulator.settings, settingsPatchSchema.parse(input)),
    'GET notifications/pending': () => ({ pending: simulator.pendingNotifications() }),
    'POST notifications/release': (input) => simulator.releaseNotifications(releaseRequestSchema.parse(input).mode),
    'POST reset': () => simulator.reset(),
  };
}

/** Server-sent events: one `data:` line of JSON per committed write, its `id` the write's number. */
function streamWrites(simulator: CrmSimulator, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (entry: WriteLogEntry) => response.write(`id: ${entry.seq}\ndata: ${JSON.stringify(entry)}\n\n`);
  response.write(': connected\n\n');
  const lastSeen = Number(request.headers['last-event-id'] ?? Number.NaN);
  if (Number.isInteger(lastSeen)) for (const entry of simulator.writes(lastSeen)) send(entry);
  const stop = simulator.onWrite(send);
  const heartbeat = setInterval(() => response.write(': still here\n\n'), STREAM_HEARTBEAT_MS);
  heartbeat.unref();
  response.on('close', () => {
    clearInterval(heartbeat);
    stop();
  });
}

function admitLoopbackOnly(request: IncomingMessage, response: ServerResponse): void {
  const host = request.headers.host ?? '';
  if (!isLoopback(`http://${host}`)) throw new ControlRefusal(403, `call the control surface at 127.0.0.1, not at ${host}`);
  const { origin } = request.headers;
  if (origin === undefined) return;
  if (!isLoopback(origin)) throw new ControlRefusal(403, `pages of ${origin} may not drive a simulator`);
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-methods', 'GET, POST, PATCH');
  response.setHeader('access-control-allow-headers', 'content-type');
  response.setHeader('vary', 'origin');
}

function isLoopback(url: string): boolean {
  const { hostname } = URL.parse(url) ?? { hostname: '' };
  return hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]';
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new ControlRefusal(413, `send at most ${BODY_BYTES_MAX} bytes; load rows in parts`);
    chunks.push(part);
  }
  if (length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new ControlRefusal(400, `the body is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
