import { randomUUID } from 'node:crypto';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { ChangeFeed, ObjectState } from '../../shared/connectors/connector.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { FirstSync, FirstSyncStore, ListedObject } from '../../shared/store/first-sync-store.ts';
import type { RecordStore } from '../../shared/store/record-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { type Matched, matchGroups, type ObjectKey } from '../../shared/sync/match.ts';
import { sideOf } from './poll-changes.ts';

const INDEX_PAGE = 1_000;
/** Of twins, the one in the system named first makes the record; the others find it made, instead of racing for it. */
const TWIN_DELAY_MS = 2_000;
/** Hints sent in one go: bounds the memory of a large first sync. */
const HINTS_PER_SEND = 2_000;

export interface FirstSyncPorts {
  readonly tenant: string;
  readonly system: string;
  readonly connector: ChangeFeed;
  readonly firstSync: FirstSyncStore;
  readonly records: Pick<RecordStore, 'moveMatchKey'>;
  readonly changes: ReadonlyMap<string, MessageSender>; // changes queues, by system
  readonly now: () => number;
  readonly deadlineMs: number;
}

export interface FirstSyncProgress {
  readonly phase: FirstSync['phase'];
  readonly startedAtMs: number;
  readonly listed: number;
  readonly matched: number;
  readonly reviews: number;
}

/**
 * Takes the first sync of a system as far as time allows: list everything, then (once every system is listed) match, then
 * go live. Nothing is delivered before all listings ended; each step can be repeated after a stop at any point.
 */
export async function advanceFirstSync(sync: CompiledSync, ports: FirstSyncPorts): Promise<FirstSyncProgress> {
  const systems = Object.keys(sync.sides);
  let state = await ports.firstSync.begin(sync.name, systems);
  if (state.phase === 'listing') {
    await list(sync, state, ports);
    state = (await ports.firstSync.get(sync.name)) ?? state;
    const allListed = systems.every((system) => state.listings[system]?.done);
    if (allListed && state.phase === 'listing') {
      await ports.firstSync.move(sync.name, { phase: 'matching', version: state.version });
      state = (await ports.firstSync.get(sync.name)) ?? state;
    }
  }
  const listed = Object.values(state.listings).reduce((sum, listing) => sum + listing.listed, 0);
  if (state.phase !== 'matching') return { phase: state.phase, startedAtMs: state.startedAtMs, listed, matched: 0, reviews: 0 };
  const { matched, reviews } = await match(sync, ports);
  await ports.firstSync.move(sync.name, { phase: 'live', version: state.version });
  return { phase: 'live', startedAtMs: state.startedAtMs, listed, matched, reviews };
}

async function list(sync: CompiledSync, state: FirstSync, ports: FirstSyncPorts): Promise<void> {
  const side = sideOf(sync, ports.system);
  let listing = state.listings[ports.system];
  while (listing !== undefined && !listing.done && ports.now() < ports.deadlineMs) {
    const page = await ports.connector.list(side.object, side.nativeFields, listing.cursor);
    const objects = page.rows.flatMap((row) => indexEntries(sync, ports.system, row));
    await ports.firstSync.index(sync.name, objects);
    const saved = await ports.firstSync.saveListing(sync.name, ports.system, {
      ...(page.cursor !== undefined && { cursor: page.cursor }),
      done: page.done,
      listed: listing.listed + page.rows.length,
      version: listing.version,
    });
    if (saved === 'conflict') return; // another poller lists; both index the same rows
    listing = saved;
  }
}

function indexEntries(sync: CompiledSync, system: string, row: ObjectState): ListedObject[] {
  if (row.state !== 'present') return [];
  const values = sideOf(sync, system).toCanonical(row.values);
  const entries = sync.matchKeys.flatMap((key, keyIndex): ListedObject[] => {
    const keyValue = key.keyOf(values);
    return keyValue === undefined ? [] : [{ keyIndex, keyValue, system, objectId: row.objectId }];
  });
  return entries.length > 0 ? entries : [{ keyIndex: 'none', keyValue: '', system, objectId: row.objectId }];
}

/** Matches key by key; whatever found no partner is hinted at alone. */
async function match(sync: CompiledSync, ports: FirstSyncPorts): Promise<{ matched: number; reviews: number }> {
  const decided = new Set<ObjectKey>();
  const alone = new Map<ObjectKey, ListedObject>();
  let matched = 0;
  let reviews = 0;
  const outbox: Matched[] = [];
  for (const [keyIndex, key] of sync.matchKeys.entries()) {
    for await (const group of matchGroups(pages(sync, ports, keyIndex), decided)) {
      for (const object of group.objects) alone.set(`${object.system}:${object.objectId}`, object);
      if (group.verdict === 'alone') continue;
      for (const object of group.objects) decided.add(`${object.system}:${object.objectId}`);
      if (group.verdict === 'review') {
        reviews += 1;
        await review(sync, key.name, group.objects, ports);
        continue;
      }
      matched += 1;
      outbox.push(
        ...group.objects.map((object) => ({ object, twins: group.objects.filter((other) => other.system !== object.system) })),
      );
      if (outbox.length >= HINTS_PER_SEND) await hint(sync, outbox.splice(0), ports);
    }
  }
  for await (const object of pages(sync, ports, 'none')) alone.set(`${object.system}:${object.objectId}`, object);
  for (const [key, object] of alone) {
    if (decided.has(key)) continue;
    outbox.push({ object, twins: [] });
    if (outbox.length >= HINTS_PER_SEND) await hint(sync, outbox.splice(0), ports);
  }
  await hint(sync, outbox, ports);
  return { matched, reviews };
}

async function* pages(sync: CompiledSync, ports: FirstSyncPorts, keyIndex: number | 'none'): AsyncGenerator<ListedObject> {
  let after: string | undefined;
  do {
    const page = await ports.firstSync.page(sync.name, keyIndex, { ...(after !== undefined && { after }), limit: INDEX_PAGE });
    yield* page.objects;
    after = page.after;
  } while (after !== undefined);
}

/** L3: several candidates wait for a person. Their key is taken, so that no later edit makes a record of one of them. */
async function review(
  sync: CompiledSync,
  keyName: string,
  objects: readonly ListedObject[],
  ports: FirstSyncPorts,
): Promise<void> {
  const value = objects[0]?.keyValue ?? '';
  const caseId = `first-sync:${keyName}:${objects.map((object) => `${object.system}:${object.objectId}`).join(',')}`.slice(
    0,
    500,
  );
  await ports.firstSync.putReview({
    caseId,
    sync: sync.name,
    reason: 'several objects of one system have the same match key',
    keyName,
    objects: objects.map(({ system, objectId }) => ({ system, objectId })),
    atMs: ports.now(),
  });
  await ports.records.moveMatchKey(`review:${caseId}`, { to: { sync: sync.name, name: keyName, value } });
}

async function hint(sync: CompiledSync, found: readonly Matched[], ports: FirstSyncPorts): Promise<void> {
  const lanes = new Map<string, { readonly system: string; readonly delayMs: number; readonly hints: ChangeHint[] }>();
  const rankOf = (system: string) => sync.rules.systems[system]?.rank ?? 0;
  for (const { object, twins } of found) {
    const delayMs = twins.some((twin) => rankOf(twin.system) < rankOf(object.system)) ? TWIN_DELAY_MS : 0;
    const lane = lanes.get(`${object.system} ${delayMs}`) ?? { system: object.system, delayMs, hints: [] };
    const { hints } = lane;
    hints.push({
      object: sideOf(sync, object.system).object,
      objectId: object.objectId,
      kind: 'changed',
      by: 'unknown',
      occurredAtMs: ports.now(),
      receivedAtMs: ports.now(),
      fields: {},
      matched: twins.map(({ system, objectId }) => ({ system, objectId })),
      correlationId: `first-sync-${randomUUID()}`,
    });
    lanes.set(`${object.system} ${delayMs}`, lane);
  }
  await Promise.all(
    [...lanes.values()].map(({ system, delayMs, hints }) => {
      const sender = ports.changes.get(system);
      if (sender === undefined) throw new Error(`no changes queue for system ${system}: deploy the stack that knows it`);
      return sender.send(
        hintMessages({ tenant: ports.tenant, system, sync: sync.name }, hints).map((body) => ({ body, delayMs })),
      );
    }),
  );
}
