import * as z from 'zod';
import type { QuarantineRef, QuarantineStore, Ruling, StoredQuarantineItem } from '../../shared/store/quarantine-store.ts';
import { quarantineKey } from '../../shared/store/quarantine-store.ts';
import type { RecordStore } from '../../shared/store/record-store.ts';
import { valuesOf } from '../../shared/sync/record.ts';
import type { LookRequester } from './look-requests.ts';
import type { OperatorAnswer, OperatorRequest } from './operator-routes.ts';

const PAGE_MAX = 100;

export interface QuarantinePorts {
  readonly quarantine: Pick<QuarantineStore, 'list' | 'get' | 'rule' | 'rulings' | 'forget'>;
  readonly records: Pick<RecordStore, 'getMany'>;
  readonly syncs: readonly { readonly name: string; readonly objects: Readonly<Record<string, string>> }[];
  readonly requestLook: LookRequester;
  readonly now: () => number;
}

type Route = (request: OperatorRequest, ports: QuarantinePorts) => Promise<OperatorAnswer>;

/** What an operator sees of the objects that are not taken in, and says of them. */
export const QUARANTINE_ROUTES: Readonly<Record<string, Route>> = {
  'GET /quarantine': list,
  'GET /quarantine/{system}/{objectId}': show,
  'POST /quarantine/{system}/{objectId}/release': (request, ports) => rule(request, 'accept', ports),
  'POST /quarantine/{system}/{objectId}/discard': (request, ports) => rule(request, 'discard', ports),
};

const listQuerySchema = z.strictObject({
  sync: z.string().optional(),
  system: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
  cursor: z.string().max(2_000).optional(),
});

/** Rules and fields, no values: those are shown one object at a time. */
async function list({ query }: OperatorRequest, ports: QuarantinePorts): Promise<OperatorAnswer> {
  const asked = listQuerySchema.safeParse(query);
  if (!asked.success) return unreadable(asked.error, 'query');
  const { sync, system, limit, cursor } = asked.data;
  const known = ports.syncs.map(({ name }) => name);
  const chosen = sync ?? (known.length === 1 ? known[0] : undefined);
  if (chosen === undefined) return problem(400, `sync: is missing; there is ${known.join(', ')}`);
  if (!known.includes(chosen)) return problem(404, `there is no sync ${chosen}; there is ${known.join(', ')}`);
  try {
    const page = await ports.quarantine.list(chosen, { limit, system, cursor });
    const items = page.items.map(({ fields: _, native: __, ...rest }) => rest);
    return { status: 200, body: { items, ...(page.cursor !== undefined && { cursor: page.cursor }) } };
  } catch (error) {
    if (cursor !== undefined && error instanceof RangeError) return problem(400, error.message);
    throw error;
  }
}

/** One object with what it shows, beside what its record holds. */
async function show({ path }: OperatorRequest, ports: QuarantinePorts): Promise<OperatorAnswer> {
  const item = await waiting(path, ports);
  if (item === undefined) return notWaiting(path);
  const [ruling, record] = await Promise.all([rulingOn(item, ports), recordOf(item, ports)]);
  return {
    status: 200,
    body: { item, ...(record !== undefined && { record: valuesOf(record) }), ...(ruling !== undefined && { ruling }) },
  };
}

const rulingBodySchema = z.strictObject({
  payloadHash: z.string({
    error: 'is missing; give the payloadHash of the object as it was shown: what is ruled on is what was seen',
  }),
});

/** The object is read again, and treated as said if it still shows that very payload. */
async function rule(request: OperatorRequest, ruling: Ruling['ruling'], ports: QuarantinePorts): Promise<OperatorAnswer> {
  const { path, body, by = 'operator' } = request;
  const asked = rulingBodySchema.safeParse(body ?? {});
  if (!asked.success) return unreadable(asked.error, 'body');
  const item = await waiting(path, ports);
  if (item === undefined) return notWaiting(path);
  const { payloadHash } = item;
  if (payloadHash !== asked.data.payloadHash)
    return problem(409, `${item.system} object ${item.objectId} shows something else by now; look at it again`);
  const isFirst = await ports.quarantine.rule(item, { ruling, payloadHash, by, atMs: ports.now() });
  const stands = isFirst ? ruling : (await rulingOn(item, ports))?.ruling;
  if (stands !== ruling) return problem(409, `somebody has said "${stands ?? 'something else'}" of it already`);
  // What belongs to no record has nothing to be put back; it stays out until it is edited.
  if (ruling === 'discard' && item.recordId === undefined) await ports.quarantine.forget(item);
  else await ports.requestLook({ ...refOf(item), object: objectOf(item, ports) });
  return { status: 202, body: { ...refOf(item), ruling } };
}

/** An object id belongs to one sync of its system: syncs share no object types. Ids of two types may be equal, though. */
async function waiting(path: OperatorRequest['path'], ports: QuarantinePorts): Promise<StoredQuarantineItem | undefined> {
  const { system = '', objectId = '' } = path;
  for (const sync of ports.syncs) {
    if (sync.objects[system] === undefined || objectId === '') continue;
    const item = await ports.quarantine.get({ sync: sync.name, system, objectId });
    if (item !== undefined) return item;
  }
  return undefined;
}

async function rulingOn(item: StoredQuarantineItem, ports: QuarantinePorts): Promise<Ruling | undefined> {
  const ruling = (await ports.quarantine.rulings([item])).get(quarantineKey(item));
  return ruling?.payloadHash === item.payloadHash ? ruling : undefined;
}

async function recordOf({ recordId }: StoredQuarantineItem, ports: QuarantinePorts) {
  return recordId === undefined ? undefined : (await ports.records.getMany([recordId], { consistent: false })).get(recordId);
}

function refOf({ sync, system, objectId }: QuarantineRef): QuarantineRef {
  return { sync, system, objectId };
}

function objectOf({ sync, system }: QuarantineRef, ports: QuarantinePorts): string {
  return ports.syncs.find(({ name }) => name === sync)?.objects[system] ?? '';
}

function notWaiting({ system = '', objectId = '' }: OperatorRequest['path']): OperatorAnswer {
  return problem(404, `no object ${objectId} of ${system} is in quarantine; GET /quarantine lists those that are`);
}

function unreadable(error: z.ZodError, what: string): OperatorAnswer {
  return problem(400, error.issues.map((issue) => `${issue.path.join('.') || what}: ${issue.message}`).join('; '));
}

function problem(status: number, message: string): OperatorAnswer {
  return { status, body: { message } };
}
