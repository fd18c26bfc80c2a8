import * as z from 'zod';
import type { CursorStore } from '../../shared/store/cursor-store.ts';
import type { FirstSyncStore } from '../../shared/store/first-sync-store.ts';
import { type RecordStore, refKey, type StoredRecord } from '../../shared/store/record-store.ts';
import type { RecordWorklist } from '../../shared/store/record-worklist.ts';
import { attentionOf } from '../../shared/sync/delivery.ts';
import { GUARD_ROUTES, type GuardPorts } from './guard-routes.ts';
import { QUARANTINE_ROUTES, type QuarantinePorts } from './quarantine-routes.ts';
import type { QueueDepth } from './queue-depths.ts';
import { SCHEMA_ROUTES, type SchemaRoutePorts } from './schema-routes.ts';

const PAGE_MAX = 100;
const LEDGER_MAX = 200;
/** A first look at how much waits, not a census: the count stops here. */
const COUNT_MAX = 1_000;

export interface OperatorPorts
  extends Pick<GuardPorts, 'guards' | 'syncNamed' | 'newId'>,
    Pick<QuarantinePorts, 'quarantine' | 'requestLook'>,
    Pick<SchemaRoutePorts, 'schemas'> {
  readonly syncs: readonly { readonly name: string; readonly objects: Readonly<Record<string, string>> }[];
  readonly records: RecordStore;
  readonly worklist: RecordWorklist;
  readonly firstSync: FirstSyncStore;
  readonly cursors: CursorStore;
  readonly depths: () => Promise<Record<string, QueueDepth>>;
  readonly requestPoll: (sync: string, systems: readonly string[]) => Promise<void>;
  readonly now: () => number;
}

export interface OperatorRequest {
  readonly route: string; // `GET /records/{id}`
  readonly path: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Parsed JSON; absent where none was sent. */
  readonly body?: unknown;
  /** Who asks: the ARN of the caller. */
  readonly by?: string;
}

export interface OperatorAnswer {
  readonly status: number;
  readonly body: unknown;
}

type Route = (request: OperatorRequest, ports: OperatorPorts) => Promise<OperatorAnswer>;

/** Every route there is; what is not named here does not exist. */
const ROUTES: Readonly<Record<string, Route>> = {
  'GET /health': health,
  'GET /stats': stats,
  'POST /syncs/{sync}/trigger': trigger,
  'GET /records/{id}': recordWithLedger,
  'GET /conflicts': conflicts,
  ...GUARD_ROUTES,
  ...QUARANTINE_ROUTES,
  ...SCHEMA_ROUTES,
};

export function operatorRoutes(ports: OperatorPorts): (request: OperatorRequest) => Promise<OperatorAnswer> {
  return async (request) => {
    const route = ROUTES[request.route];
    return route === undefined ? problem(404, `there is no route ${request.route}`) : route(request, ports);
  };
}

async function health(_: OperatorRequest, ports: OperatorPorts): Promise<OperatorAnswer> {
  try {
    await ports.firstSync.get(ports.syncs[0]?.name ?? '');
    return { status: 200, body: { status: 'ok' } };
  } catch {
    return { status: 503, body: { status: 'unavailable', problem: 'the table cannot be read; see docs/runbook.md' } };
  }
}

async function stats(_: OperatorRequest, ports: OperatorPorts): Promise<OperatorAnswer> {
  const [queues, syncs, dirty, waiting] = await Promise.all([
    ports.depths(),
    Promise.all(ports.syncs.map((sync) => syncStats(sync, ports))),
    ports.worklist.dirtyOlderThan(0, { limit: COUNT_MAX }),
    ports.worklist.attention({ limit: COUNT_MAX }),
  ]);
  const sinceMs = dirty.items.map((item) => item.dirtySinceMs);
  return {
    status: 200,
    body: {
      queues,
      syncs,
      undelivered: {
        records: dirty.items.length,
        atLeast: dirty.cursor !== undefined,
        oldestMs: sinceMs.length === 0 ? 0 : ports.now() - Math.min(...sinceMs),
      },
      attention: {
        records: waiting.items.length,
        atLeast: waiting.cursor !== undefined,
        byKind: counted(waiting.items.map((item) => item.kind)),
      },
    },
  };
}

async function syncStats(sync: OperatorPorts['syncs'][number], ports: OperatorPorts) {
  const first = await ports.firstSync.get(sync.name);
  const polls = await Promise.all(
    Object.keys(sync.objects).map(async (system) => {
      const cursor = await ports.cursors.get(sync.name, system);
      const polledAtMs = cursor?.polledAtMs;
      return [system, polledAtMs === undefined ? { polled: false } : { polled: true, agoMs: ports.now() - polledAtMs }] as const;
    }),
  );
  return {
    sync: sync.name,
    firstSync:
      first === undefined
        ? { phase: 'not begun' }
        : {
            phase: first.phase,
            listed: Object.fromEntries(
              Object.entries(first.listings).map(([system, { listed, done }]) => [system, { listed, done }]),
            ),
          },
    polls: Object.fromEntries(polls),
  };
}

async function trigger({ path }: OperatorRequest, ports: OperatorPorts): Promise<OperatorAnswer> {
  const sync = ports.syncs.find((candidate) => candidate.name === path.sync);
  if (sync === undefined)
    return problem(404, `there is no sync ${path.sync ?? ''}; there is ${ports.syncs.map((known) => known.name).join(', ')}`);
  await ports.requestPoll(sync.name, Object.keys(sync.objects));
  return { status: 202, body: { sync: sync.name, polling: Object.keys(sync.objects) } };
}

/** By the record's id, or by `system:objectId` or `system:object:objectId` of any of its objects. */
async function recordWithLedger({ path }: OperatorRequest, ports: OperatorPorts): Promise<OperatorAnswer> {
  const asked = path.id ?? '';
  const recordId = asked.includes(':') ? await recordIdOfObject(asked, ports) : asked;
  if (recordId === undefined) return problem(404, `no record has the object ${asked}`);
  const { record, entries } = await ports.records.getWithLedger(recordId, { limit: LEDGER_MAX });
  if (record === undefined) return problem(404, `there is no record ${recordId}`);
  return { status: 200, body: { record: shown(record), ledger: entries } };
}

async function recordIdOfObject(asked: string, ports: OperatorPorts): Promise<string | undefined> {
  const [system = '', ...path] = asked.split(':');
  const objectId = path.pop() ?? '';
  // A system may give the same id to a contact and to a company: then the object type tells, or else the order of the syncs.
  const [type] = path;
  const refs = ports.syncs.flatMap((sync) => {
    const object = sync.objects[system];
    return object === undefined || (type !== undefined && type !== object) ? [] : [{ system, object, objectId }];
  });
  const found = await ports.records.resolveMany(refs);
  return refs.map((ref) => found.get(refKey(ref))).find((recordId) => recordId !== undefined);
}

const conflictsQuerySchema = z.strictObject({
  kind: z.enum(['conflict', 'frozen', 'quarantine', 'refused', 'delete-conflict', 'missing', 'merged', 'review']).optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
  cursor: z.string().max(2_000).optional(),
});

/** Everything that waits for a person: held fields, refused deliveries, contested deletes, and objects that match several. */
async function conflicts({ query }: OperatorRequest, ports: OperatorPorts): Promise<OperatorAnswer> {
  const asked = conflictsQuerySchema.safeParse(query);
  if (!asked.success)
    return problem(400, asked.error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`).join('; '));
  try {
    return await conflictsPage(asked.data, ports);
  } catch (error) {
    // What the stores say of a cursor that none of their listings gave.
    if (asked.data.cursor !== undefined && error instanceof RangeError) return problem(400, error.message);
    throw error;
  }
}

async function conflictsPage(
  { kind, limit, cursor }: z.infer<typeof conflictsQuerySchema>,
  ports: OperatorPorts,
): Promise<OperatorAnswer> {
  if (kind === 'review') return reviews(limit, cursor, ports);
  const page = await ports.worklist.attention({
    limit,
    ...(kind !== undefined && { kind }),
    ...(cursor !== undefined && { cursor }),
  });
  const records = await ports.records.getMany(
    page.items.map((item) => item.recordId),
    { consistent: false },
  );
  const items = page.items.flatMap((item) => {
    const record = records.get(item.recordId);
    return record === undefined ? [] : [{ kind: item.kind, sinceMs: item.sinceMs, ...openPoints(record) }];
  });
  const review = kind === undefined && cursor === undefined ? await openReviews(limit, ports) : [];
  return { status: 200, body: { items: [...items, ...review], ...(page.cursor !== undefined && { cursor: page.cursor }) } };
}

/** One sync's cases after another's: the cursor says in which sync it goes on, and where. */
async function reviews(limit: number, cursor: string | undefined, ports: OperatorPorts): Promise<OperatorAnswer> {
  const names = ports.syncs.map(({ name }) => name);
  const [from = '', ...rest] = (cursor ?? `${names[0] ?? ''}:`).split(':');
  if (!names.includes(from)) throw new RangeError('no page ended at this cursor; begin without one');
  let after = rest.join(':');
  const items = [];
  for (const sync of names.slice(names.indexOf(from))) {
    if (items.length === limit) return { status: 200, body: { items, cursor: `${sync}:` } };
    const page = await ports.firstSync.reviews(sync, { limit: limit - items.length, ...(after !== '' && { cursor: after }) });
    items.push(...page.reviews.map((review) => ({ kind: 'review', ...review })));
    if (page.cursor !== undefined) return { status: 200, body: { items, cursor: `${sync}:${page.cursor}` } };
    after = '';
  }
  return { status: 200, body: { items } };
}

async function openReviews(limit: number, ports: OperatorPorts) {
  const pages = await Promise.all(ports.syncs.map((sync) => ports.firstSync.reviews(sync.name, { limit })));
  return pages.flatMap((page) => page.reviews.map((review) => ({ kind: 'review', ...review })));
}

function openPoints(record: StoredRecord) {
  const refusals = Object.entries(record.links).flatMap(([system, link]) =>
    link.refusal === undefined ? [] : [{ system, ...link.refusal }],
  );
  return { recordId: record.recordId, sync: record.sync, attention: attentionOf(record), holds: record.holds, refusals };
}

/** What an operator may see of a record: no receipts or claims, which are the engine's own business. */
function shown(record: StoredRecord) {
  return {
    recordId: record.recordId,
    sync: record.sync,
    version: record.version,
    fields: record.fields,
    holds: record.holds,
    ...(record.frozen !== undefined && { frozen: record.frozen }),
    ...(record.deleted !== undefined && { deleted: record.deleted }),
    links: Object.fromEntries(
      Object.entries(record.links).map(([system, { objectId, state, stampMs, deliveredAtMs, refusal, seen }]) => [
        system,
        { objectId, state, stampMs, deliveredAtMs, refusal, differs: Object.keys(seen) },
      ]),
    ),
  };
}

function counted(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function problem(status: number, message: string): OperatorAnswer {
  return { status, body: { message } };
}
