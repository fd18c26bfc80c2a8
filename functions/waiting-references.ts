import { inTurns } from '../shared/in-turns.ts';
import type { FirstSyncStore } from '../shared/store/first-sync-store.ts';
import { type RecordStore, refKey } from '../shared/store/record-store.ts';
import { type Awaited, awaitedKey, type DueLook, type WaitingItem, type WaitingStore } from '../shared/store/waiting-store.ts';
import type { ChangeHint } from '../shared/sync/change-hint.ts';
import type { SyncRecord } from '../shared/sync/record.ts';
import { newObjectsOf, type PostponedReference, type UnresolvedReference } from '../shared/sync/references/reference-values.ts';
import { followMerges } from './references.ts';

// F56: a child that comes before its parent. Its other fields go on at once; for the reference it waits, parked under its
// parent, until the parent has a record (or an object in the system to be written to). Nothing is made in the parent's place.

export interface WaitingPorts {
  readonly records: Pick<RecordStore, 'resolveMany' | 'getMany'>;
  readonly waiting: WaitingStore;
  readonly now: () => number;
}

/** To be put on the changes queue of `system`. */
export interface HintToSend {
  readonly system: string;
  readonly sync: string;
  readonly hint: ChangeHint;
}

/** To be put on the delivery queue of `system`. */
export interface DeliveryToSend {
  readonly system: string;
  readonly sync: string;
  readonly recordId: string;
  readonly correlationId: string;
}

export interface Woken {
  readonly hints: readonly HintToSend[];
  readonly deliveries: readonly DeliveryToSend[];
  /** To be called once both are safely queued; without it they are woken again. */
  done(): Promise<void>;
}

/** The first look for what a lost wake-up left behind; the later ones. */
const FIRST_LOOK_MS = 10 * 60_000;
const NEXT_LOOK_MS = 3_600_000;
/** A parent that is not there after this time is a case for a person. */
const PATIENCE_MS = 24 * 3_600_000;
const WAITERS_PER_PAGE = 100;
/** A parent with more children than this is woken for in turns: the rest by the next look. */
const WAITERS_PER_WAKE = 2_000;
const LOOKS_PER_SWEEP = 100;
const QUERIES_AT_ONCE = 8;
/** Children that a case names. */
const CASE_OBJECTS_MAX = 20;

/** An object whose references are not all known. */
export interface WaitingChild {
  readonly objectId: string;
  readonly correlationId: string;
  readonly unresolved: readonly UnresolvedReference[];
}

/**
 * R2: parks children under the parents they wait for.
 *
 * @param child - the sync, system and object type of the children.
 * @returns hints for parents that nobody waited for yet, and for children whose parent came in this very moment.
 */
export async function parkChildren(
  children: readonly WaitingChild[],
  child: { readonly sync: string; readonly system: string; readonly object: string },
  ports: WaitingPorts,
): Promise<HintToSend[]> {
  const parked = children.flatMap(({ objectId, correlationId, unresolved }) =>
    unresolved.map(({ field, to, parentObject, parentObjectId }) => ({
      to,
      awaited: {
        what: 'record-of-object' as const,
        system: child.system,
        object: parentObject,
        objectId: parentObjectId,
      },
      waiter: { act: 'read' as const, ...child, objectId, field, correlationId },
    })),
  );
  if (parked.length === 0) return [];
  const fresh = new Set((await ports.waiting.park(parked, ports.now() + FIRST_LOOK_MS)).map(awaitedKey));
  // A parent that came after the look and before the parking has woken nobody.
  const come = await arrivals(
    parked.map(({ awaited }) => awaited),
    ports,
  );
  const hints = new Map<string, HintToSend>();
  for (const { to, awaited, waiter } of parked) {
    const key = awaitedKey(awaited);
    if (come.has(key)) hints.set(`child ${waiter.objectId}`, hintOf(waiter, ports.now()));
    else if (fresh.has(key)) hints.set(key, hintOf({ ...awaited, sync: to, correlationId: waiter.correlationId }, ports.now()));
  }
  await ports.waiting.release(parked.filter(({ awaited }) => come.has(awaitedKey(awaited))));
  return [...hints.values()];
}

/** A record whose references cannot all be written yet. */
export interface WaitingWrite {
  readonly recordId: string;
  readonly correlationId: string;
  readonly postponed: readonly PostponedReference[];
}

/**
 * R4: parks writes under the records that have no object in the system yet.
 *
 * @returns deliveries to ask for again: their parent came in this very moment.
 */
export async function parkWrites(
  writes: readonly WaitingWrite[],
  target: { readonly sync: string; readonly system: string },
  ports: WaitingPorts,
): Promise<DeliveryToSend[]> {
  const parked = writes.flatMap(({ recordId, correlationId, postponed }) =>
    postponed.map(({ field, parentRecordId }) => ({
      awaited: { what: 'object-of-record' as const, system: target.system, recordId: parentRecordId },
      waiter: { act: 'deliver' as const, ...target, recordId, field, correlationId },
    })),
  );
  if (parked.length === 0) return [];
  await ports.waiting.park(parked, ports.now() + FIRST_LOOK_MS);
  const come = await arrivals(
    parked.map(({ awaited }) => awaited),
    ports,
  );
  const ready = parked.filter(({ awaited }) => come.has(awaitedKey(awaited)));
  await ports.waiting.release(ready);
  return [...new Map(ready.map(({ waiter }) => [waiter.recordId, deliveryOf(waiter)])).values()];
}

/** R5: what a commit brought that somebody may wait for. `sync` is that of the record; it has to be one that is referred to. */
export function broughtBy(
  before: SyncRecord | undefined,
  after: SyncRecord,
  objectTypeOf: (system: string) => string | undefined,
): Awaited[] {
  return newObjectsOf(before, after).flatMap(({ system, objectId }): Awaited[] => {
    const object = objectTypeOf(system);
    return [
      ...(object === undefined ? [] : [{ what: 'record-of-object' as const, system, object, objectId }]),
      { what: 'object-of-record' as const, system, recordId: after.recordId },
    ];
  });
}

/** R5: who waited for these. Send what it returns, then call `done`. One query for each, without waiters nothing else. */
export async function wake(arrived: readonly Awaited[], ports: Pick<WaitingPorts, 'waiting' | 'now'>): Promise<Woken> {
  const woken: WaitingItem[] = [];
  const left: Awaited[] = [];
  await inTurns(arrived, QUERIES_AT_ONCE, async (awaited) => {
    const limit = WAITERS_PER_WAKE - woken.length;
    const page = limit > 0 ? await ports.waiting.waiters(awaited, { limit }) : { items: [], more: true };
    woken.push(...page.items);
    if (page.more) left.push(awaited);
  });
  await ports.waiting.lookAgain(left, ports.now());
  const nowMs = ports.now();
  const hints = new Map<string, HintToSend>();
  const deliveries = new Map<string, DeliveryToSend>();
  for (const { waiter } of woken) {
    if (waiter.act === 'read') hints.set(`${waiter.sync} ${waiter.system} ${waiter.objectId}`, hintOf(waiter, nowMs));
    else deliveries.set(`${waiter.sync} ${waiter.system} ${waiter.recordId}`, deliveryOf(waiter));
  }
  return {
    hints: [...hints.values()],
    deliveries: [...deliveries.values()],
    done: () => ports.waiting.release(woken),
  };
}

/**
 * Looks at what is waited for since a while, on a schedule: a parent that is there by now wakes its children (a wake-up that
 * was lost with its process), one that is not there after a day is shown to a person, and waited for all the same.
 */
export async function lookAtWaiting(
  ports: WaitingPorts & { readonly firstSync: Pick<FirstSyncStore, 'putReview'> },
): Promise<Woken & { readonly cases: number }> {
  const looks = await ports.waiting.dueLooks({ limit: LOOKS_PER_SWEEP });
  const come = await arrivals(
    looks.map(({ awaited }) => awaited),
    ports,
  );
  const arrived = looks.filter(({ awaited }) => come.has(awaitedKey(awaited)));
  const absent = looks.filter(({ awaited }) => !come.has(awaitedKey(awaited)));
  const woken = await wake(
    arrived.map(({ awaited }) => awaited),
    ports,
  );
  let cases = 0;
  for (const look of absent) if (await lookAtAbsent(look, ports)) cases += 1;
  return {
    ...woken,
    cases,
    async done() {
      await woken.done();
      for (const look of arrived) await ports.waiting.lookDone(look);
    },
  };
}

/** Returns whether a case was opened. */
async function lookAtAbsent(
  look: DueLook,
  ports: WaitingPorts & { readonly firstSync: Pick<FirstSyncStore, 'putReview'> },
): Promise<boolean> {
  const { awaited } = look;
  const { items } = await ports.waiting.waiters(awaited, { limit: WAITERS_PER_PAGE });
  const [first] = items;
  const sinceMs = Math.min(...items.map((item) => item.sinceMs));
  const overdue = first !== undefined && ports.now() - sinceMs >= PATIENCE_MS;
  if (overdue) {
    await ports.firstSync.putReview({
      caseId: `reference:${awaitedKey(awaited)}`,
      sync: first.waiter.sync,
      reason: reasonOf(awaited, first.waiter.field, items.length),
      keyName: first.waiter.field,
      objects: items.slice(0, CASE_OBJECTS_MAX).map(({ waiter }) => ({
        system: waiter.system,
        objectId: waiter.act === 'read' ? waiter.objectId : waiter.recordId,
      })),
      atMs: ports.now(),
    });
  } else if (first !== undefined) {
    await ports.waiting.lookAgain([awaited], Math.min(ports.now() + NEXT_LOOK_MS, sinceMs + PATIENCE_MS));
  }
  await ports.waiting.lookDone(look);
  return overdue;
}

function reasonOf(awaited: Awaited, field: string, count: number): string {
  const who = count === 1 ? 'an object' : `${count} objects`;
  return awaited.what === 'record-of-object'
    ? `${who} refer by ${field} to ${awaited.object} ${awaited.objectId} of ${awaited.system}, which is not synced: let it take part, or clear the field`
    : `${who} refer by ${field} to record ${awaited.recordId}, which has no object in ${awaited.system}: see why it is not created there`;
}

/** Those that need not be waited for any more. */
async function arrivals(awaited: readonly Awaited[], { records }: WaitingPorts): Promise<Set<string>> {
  const objects = awaited.flatMap((one) => (one.what === 'record-of-object' ? [one] : []));
  const others = awaited.flatMap((one) => (one.what === 'object-of-record' ? [one] : []));
  const come = new Set<string>();
  if (objects.length > 0) {
    const owners = new Set((await records.resolveMany(objects)).keys());
    for (const one of objects) if (owners.has(refKey(one))) come.add(awaitedKey(one));
  }
  for (const system of new Set(others.map((one) => one.system))) {
    const ofSystem = others.filter((one) => one.system === system);
    const standings = await followMerges(
      ofSystem.map(({ recordId }) => recordId),
      { system, records },
    );
    for (const one of ofSystem) if (standings.get(one.recordId)?.objectId !== undefined) come.add(awaitedKey(one));
  }
  return come;
}

function hintOf(
  about: {
    readonly sync: string;
    readonly system: string;
    readonly object: string;
    readonly objectId: string;
    readonly correlationId: string;
  },
  nowMs: number,
): HintToSend {
  const { sync, system, object, objectId, correlationId } = about;
  return {
    system,
    sync,
    hint: {
      object,
      objectId,
      kind: 'changed',
      by: 'unknown',
      occurredAtMs: 0, // nothing is said of when it changed
      receivedAtMs: nowMs,
      fields: {},
      correlationId,
    },
  };
}

function deliveryOf(waiter: DeliveryToSend): DeliveryToSend {
  const { system, sync, recordId, correlationId } = waiter;
  return { system, sync, recordId, correlationId };
}
