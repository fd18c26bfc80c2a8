import { columnOf, isSystem, otherSystem, type System } from './fields.ts';
import type { TrailMessage, WriteMessage } from './messages.ts';

/** How one saved edit travelled: from the CRM where a person saved it to the one where it arrived. Times are epoch ms. */
export interface Journey {
  readonly key: string; // stays the same while the row is shown
  readonly correlationId?: string; // known once Concord received it
  readonly system: string; // where the edit was made
  readonly objectId: string;
  readonly recordId?: string;
  readonly person?: string;
  readonly act: 'create' | 'update' | 'delete' | 'restore' | 'merge' | 'noticed';
  readonly fields: readonly string[]; // canonical
  readonly beganAtMs: number; // the first that is known of it
  readonly savedAtMs?: number;
  readonly receivedAtMs?: number;
  readonly merged?: Merge;
  readonly arrivals: readonly Arrival[];
  /** Why nothing more is to come although not every delivery was seen. */
  readonly settled?: 'agreed' | 'overtaken' | 'quiet';
}

export interface Merge {
  readonly atMs: number;
  readonly rules: readonly string[];
  readonly losers: number;
  readonly deliver: readonly string[];
}

export interface Arrival {
  readonly system: string;
  readonly objectId: string;
  readonly kind: string; // update, create, archive, linked, refused
  readonly code?: string;
  readonly atMs: number;
}

/** First syncs move everybody at once: they are counted, not listed. */
export interface FirstSyncCount {
  readonly beganAtMs: number;
  readonly records: ReadonlySet<string>;
  readonly deliveries: number;
}

export interface Travels {
  readonly journeys: readonly Journey[]; // newest first
  /** Concord's own writes as the CRMs committed them, newest first: the true moments of arrival. */
  readonly commits: readonly { readonly system: string; readonly objectId: string; readonly atMs: number }[];
  readonly firstSync?: FirstSyncCount;
}

export const NO_TRAVELS: Travels = { journeys: [], commits: [] };

/** More are not kept: the ledger has them all. */
const JOURNEYS_MAX = 200;
const COMMITS_MAX = 100;
const FIRST_SYNC = 'first-sync-';
/** The two processes that stamp a save and its receipt share a clock, which still rounds to milliseconds. */
const STAMP_SLACK_MS = 2;

/** Pure: the travels after one more event. */
export function withEvent(travels: Travels, event: TrailMessage): Travels {
  switch (event.type) {
    case 'write':
      return withWrite(travels, event);
    case 'polled':
      return travels;
    case 'received':
      // By ourselves: the echo of a delivery, which starts no journey.
      if (event.change.by === 'us') return travels;
      return upsert(travels, event.change.correlationId, event.system, event.change.objectId, event.atMs, (journey) => ({
        ...journey,
        receivedAtMs: journey.receivedAtMs ?? event.atMs,
      }));
    case 'processed':
      return withProcessed(travels, event);
    case 'delivered':
      return withDelivered(travels, event);
  }
}

export function isOpen(journey: Journey): boolean {
  if (journey.settled !== undefined) return false;
  if (journey.merged === undefined) return journey.act !== 'noticed' || journey.arrivals.length === 0;
  return journey.merged.deliver.some((system) => !journey.arrivals.some((arrival) => arrival.system === system));
}

/** From the save to its last arrival, ms; undefined while it travels, or when nothing was carried. */
export function totalMs(journey: Journey): number | undefined {
  const arrived = journey.arrivals.filter((arrival) => arrival.kind !== 'refused').map((arrival) => arrival.atMs);
  if (isOpen(journey) || journey.savedAtMs === undefined || arrived.length === 0) return undefined;
  return Math.max(0, Math.max(...arrived) - journey.savedAtMs);
}

/** Half of this session's journeys were faster. */
export function medianMs(travels: Travels): number | undefined {
  const totals = travels.journeys.flatMap((journey) => totalMs(journey) ?? []).sort((a, b) => a - b);
  return totals[Math.floor((totals.length - 1) / 2)];
}

/** Marks open journeys as over where `isOver` can tell so by other means than their events. */
export function settle(travels: Travels, isOver: (journey: Journey) => Journey['settled']): Travels {
  let changed = false;
  const journeys = travels.journeys.map((journey) => {
    const settled = isOpen(journey) ? isOver(journey) : undefined;
    if (settled === undefined) return journey;
    changed = true;
    return { ...journey, settled };
  });
  return changed ? { ...travels, journeys } : travels;
}

/** The links between objects that the events tell, by the Salesforce id. */
export function linksOf(travels: Travels): Map<string, string> {
  const sides = new Map<string, Partial<Record<System, string>>>();
  const note = (recordId: string | undefined, system: string, objectId: string) => {
    if (recordId === undefined || recordId === '' || !isSystem(system)) return;
    sides.set(recordId, { [system]: objectId, ...sides.get(recordId) });
  };
  for (const journey of travels.journeys) {
    note(journey.recordId, journey.system, journey.objectId);
    for (const arrival of journey.arrivals) note(journey.recordId, arrival.system, arrival.objectId);
  }
  return new Map(
    [...sides.values()].flatMap(({ salesforce, hubspot }) =>
      salesforce === undefined || hubspot === undefined ? [] : [[salesforce, hubspot] as const],
    ),
  );
}

function withWrite(travels: Travels, write: WriteMessage): Travels {
  if (write.by.kind === 'api') return withCommit(travels, write);
  const fields = Object.keys(write.fields).flatMap((native) => columnOf(write.system, native)?.field ?? []);
  if (write.kind === 'update' && fields.length === 0) return travels; // nothing that Concord carries
  const key = `${write.system}:${write.seq}:${write.atMs}`; // after a reset the numbers begin anew
  if (travels.journeys.some((journey) => journey.key === key)) return travels;
  return added(travels, {
    key,
    system: write.system,
    objectId: write.objectId,
    person: write.by.name,
    act: write.kind,
    fields,
    beganAtMs: write.atMs,
    savedAtMs: write.atMs,
    arrivals: [],
  });
}

function withCommit(travels: Travels, { system, objectId, atMs }: WriteMessage): Travels {
  return { ...travels, commits: [{ system, objectId, atMs }, ...travels.commits].slice(0, COMMITS_MAX) };
}

function withProcessed(travels: Travels, event: Extract<TrailMessage, { type: 'processed' }>): Travels {
  const { change } = event;
  if (change.correlationId.startsWith(FIRST_SYNC)) return counted(travels, event.atMs, change.recordId, 0);
  const known = travels.journeys.some((journey) => journey.correlationId === change.correlationId);
  if (!known && change.rules.length === 0) return travels; // an echo was recognised
  const receivedAtMs = event.atMs - change.sinceReceivedMs;
  return upsert(travels, change.correlationId, event.system, change.objectId, receivedAtMs, (journey) => ({
    ...journey,
    recordId: change.recordId,
    receivedAtMs: journey.receivedAtMs ?? receivedAtMs,
    fields: journey.fields.length > 0 ? journey.fields : change.fields,
    merged: { atMs: event.atMs, rules: change.rules, losers: change.losers, deliver: change.deliver },
  }));
}

function withDelivered(travels: Travels, event: Extract<TrailMessage, { type: 'delivered' }>): Travels {
  const { change } = event;
  if (change.correlationId.startsWith(FIRST_SYNC)) return counted(travels, event.atMs, change.recordId, 1);
  const commit = travels.commits.find(({ system, objectId }) => system === event.system && objectId === change.objectId);
  const arrival: Arrival = {
    system: event.system,
    objectId: change.objectId,
    kind: change.kind,
    ...(change.code !== undefined && { code: change.code }),
    // Concord logs a delivery when the CRM's answer is back; the value stood there since the commit.
    atMs: commit?.atMs ?? event.atMs,
  };
  const origin = isSystem(event.system) ? otherSystem(event.system) : event.system;
  return upsert(travels, change.correlationId, origin, '', event.atMs - change.sinceReceivedMs, (journey) => ({
    ...journey,
    recordId: change.recordId,
    fields: journey.fields.length > 0 ? journey.fields : change.fields,
    arrivals: [...journey.arrivals.filter((known) => known.system !== event.system), arrival],
  }));
}

/** The journey of this correlation; else the oldest saved edit of the object that is not yet received; else a new one. */
function upsert(
  travels: Travels,
  correlationId: string,
  system: string,
  objectId: string,
  atMs: number,
  change: (journey: Journey) => Journey,
): Travels {
  const byCorrelation = travels.journeys.findIndex((journey) => journey.correlationId === correlationId);
  const index = byCorrelation >= 0 ? byCorrelation : waitingFor(travels, system, objectId, atMs);
  const journey = travels.journeys[index];
  if (journey !== undefined) {
    return { ...travels, journeys: travels.journeys.with(index, change({ ...journey, correlationId })) };
  }
  return added(
    travels,
    change({ key: correlationId, correlationId, system, objectId, act: 'noticed', fields: [], beganAtMs: atMs, arrivals: [] }),
  );
}

function waitingFor(travels: Travels, system: string, objectId: string, atMs: number): number {
  return travels.journeys.findLastIndex(
    (journey) =>
      journey.correlationId === undefined &&
      journey.system === system &&
      journey.objectId === objectId &&
      journey.savedAtMs !== undefined &&
      journey.savedAtMs <= atMs + STAMP_SLACK_MS,
  );
}

function added(travels: Travels, journey: Journey): Travels {
  const at = travels.journeys.findIndex((known) => known.beganAtMs <= journey.beganAtMs);
  const journeys = travels.journeys.toSpliced(at === -1 ? travels.journeys.length : at, 0, journey);
  return { ...travels, journeys: journeys.slice(0, JOURNEYS_MAX) };
}

function counted(travels: Travels, atMs: number, recordId: string, deliveries: number): Travels {
  const known = travels.firstSync ?? { beganAtMs: atMs, records: new Set<string>(), deliveries: 0 };
  return {
    ...travels,
    firstSync: {
      beganAtMs: known.beganAtMs,
      records: known.records.has(recordId) ? known.records : new Set([...known.records, recordId]),
      deliveries: known.deliveries + deliveries,
    },
  };
}
