import type { NativeValue } from '../../shared/sync/change-hint.ts';
import {
  COLUMNS,
  columnOf,
  isShownObject,
  isShownSync,
  isSystem,
  looseCanon,
  otherSystem,
  SYSTEMS,
  type System,
} from './fields.ts';
import { isOpen, type Journey, linksOf, NO_TRAVELS, settle, type Travels, withEvent } from './journeys.ts';
import type { ContactsAnswer, Status, TrailMessage, WriteMessage } from './messages.ts';
import { type Contact, type Contacts, type Pair, pairsOf } from './pairs.ts';

/** Everything the page shows. Changed only by `reduce`, so that what is on the screen follows from what was received. */
export interface Session {
  readonly connection: 'connecting' | 'open' | 'lost';
  readonly contacts: Contacts | undefined; // undefined until they are loaded
  readonly problem?: string; // why they could not be
  readonly travels: Travels;
  readonly status: Status | undefined;
  /** Values that just arrived from the other CRM, by `system:objectId:field`; the field `*` stands for the whole object. */
  readonly arrivals: ReadonlyMap<string, Arrived>;
  /** Contacts made while the page was open, newest first: they are shown at the top, where their maker looks. */
  readonly newcomers: readonly string[]; // `system:objectId`
  /** Links that Concord was asked for, by the Salesforce id. */
  readonly knownLinks: ReadonlyMap<string, string>;
  readonly openedAtMs: number;
  /** The newest write seen of each system: the stream repeats older ones when it is opened anew. */
  readonly lastWrites: Readonly<Partial<Record<string, { readonly seq: number; readonly atMs: number }>>>;
}

export interface Arrived {
  readonly fromSystem: System;
  /** Since a person saved it on the other side, ms; undefined where that was not seen. */
  readonly tookMs: number | undefined;
  readonly seenAtMs: number;
}

export type Action =
  | { readonly kind: 'connection'; readonly state: Session['connection'] }
  | { readonly kind: 'contacts'; readonly contacts: ContactsAnswer }
  | { readonly kind: 'problem'; readonly message: string }
  | { readonly kind: 'status'; readonly status: Status; readonly nowMs: number }
  | { readonly kind: 'events'; readonly events: readonly TrailMessage[]; readonly nowMs: number }
  | {
      readonly kind: 'saved';
      readonly system: System;
      readonly objectId: string;
      readonly native: string;
      readonly value: NativeValue;
    }
  | { readonly kind: 'link'; readonly salesforce: string; readonly hubspot: string }
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'restart'; readonly nowMs: number };

/** How long an arrival is marked, and a deleted contact is still shown. */
export const ARRIVAL_SHOWN_MS = 6_000;
export const DELETED_SHOWN_MS = 3_500;
/** Both sides agree, and no event told so: the edit travelled with another one. */
const AGREED_AFTER_MS = 2_000;
/** Concord has nothing left to do, and the edit is still open: there was nothing to carry. */
const QUIET_AFTER_MS = 6_000;
/** An edit older than this is not what caused a value to arrive now. */
const CAUSE_MAX_MS = 10 * 60_000;

export function newSession(nowMs: number): Session {
  return {
    connection: 'connecting',
    contacts: undefined,
    travels: NO_TRAVELS,
    status: undefined,
    arrivals: new Map(),
    newcomers: [],
    knownLinks: new Map(),
    openedAtMs: nowMs,
    lastWrites: {},
  };
}

export function reduce(session: Session, action: Action): Session {
  switch (action.kind) {
    case 'connection':
      // The stream begins with what happened before: the trail is built anew from it.
      return action.state === 'open' && session.connection === 'lost'
        ? { ...session, connection: 'open', travels: NO_TRAVELS }
        : { ...session, connection: action.state };
    case 'contacts': {
      const { problem: _, ...rest } = session;
      return { ...rest, contacts: { salesforce: byId(action.contacts.salesforce), hubspot: byId(action.contacts.hubspot) } };
    }
    case 'problem':
      return { ...session, problem: action.message };
    case 'status':
      return settled({ ...session, status: action.status }, action.nowMs);
    case 'events':
      return action.events.reduce((before, event) => withTrailEvent(before, event, action.nowMs), session);
    case 'saved': {
      const contact = session.contacts?.[action.system].get(action.objectId);
      if (contact === undefined) return session;
      return withContact(session, action.system, {
        ...contact,
        values: { ...contact.values, [action.native]: action.value },
      });
    }
    case 'link':
      return { ...session, knownLinks: new Map([...session.knownLinks, [action.salesforce, action.hubspot]]) };
    case 'tick':
      return settled(forgetOld(session, action.nowMs), action.nowMs);
    case 'restart':
      return { ...newSession(action.nowMs), connection: session.connection, status: session.status };
  }
}

/** Pairs in the order of the screen: newcomers, then the matched, then the unmatched. */
export function shownPairs(session: Session): Pair[] {
  if (session.contacts === undefined) return [];
  const links = new Map([...session.knownLinks, ...linksOf(session.travels)]);
  const pairs = pairsOf(session.contacts, links);
  if (session.newcomers.length === 0) return pairs;
  const rank = (pair: Pair) => {
    const ranks = SYSTEMS.flatMap((system) => {
      const at = session.newcomers.indexOf(`${system}:${pair[system]?.objectId ?? ''}`);
      return at === -1 ? [] : [at];
    });
    return ranks.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...ranks);
  };
  const newcomers = pairs.filter((pair) => Number.isFinite(rank(pair))).sort((a, b) => rank(a) - rank(b));
  const others = pairs.filter((pair) => !Number.isFinite(rank(pair)));
  return [...newcomers, ...others];
}

/** Edits that have not arrived everywhere yet, by what the page saw and what Concord says. */
export function onTheirWay(session: Session): number {
  const open = session.travels.journeys.filter(isOpen).length;
  return Math.max(open, session.status?.undelivered.records ?? 0);
}

function byId(objects: ContactsAnswer['salesforce']): ReadonlyMap<string, Contact> {
  return new Map(
    objects.flatMap(({ objectId, values, deleted }) => (deleted ? [] : [[objectId, { objectId, values }] as const])),
  );
}

function withTrailEvent(session: Session, event: TrailMessage, nowMs: number): Session {
  if (!isOfContacts(event)) return session;
  const travels = withEvent(session.travels, event);
  if (event.type === 'delivered' && event.change.kind === 'create') {
    return nameArrival({ ...session, travels }, event.system, event.change.objectId);
  }
  if (event.type !== 'write') return travels === session.travels ? session : { ...session, travels };
  const last = session.lastWrites[event.system];
  // After a reset the numbers begin anew, and the time tells.
  if (last !== undefined && event.seq <= last.seq && event.atMs <= last.atMs) return { ...session, travels };
  const lastWrites = { ...session.lastWrites, [event.system]: { seq: event.seq, atMs: event.atMs } };
  const next = { ...session, travels, lastWrites };
  return withWrite(next, event, nowMs);
}

/** Ids are unique within an object type only: a company may have the id of a contact. */
function isOfContacts(event: TrailMessage): boolean {
  switch (event.type) {
    case 'write':
      return isShownObject(event.system, event.object);
    case 'received':
      return isShownObject(event.system, event.change.object);
    case 'processed':
    case 'delivered':
      return isShownSync(event.change.sync);
    case 'polled':
      return true;
  }
}

function withWrite(session: Session, write: WriteMessage, nowMs: number): Session {
  const { system } = write;
  // What was written before the page was opened is in the contacts as they were loaded.
  if (!isSystem(system) || session.contacts === undefined || write.atMs < session.openedAtMs) return session;
  const known = session.contacts[system].get(write.objectId);
  if (write.kind === 'delete') {
    return known === undefined ? session : withContact(session, system, { ...known, deletedAtMs: nowMs });
  }
  if (known === undefined && write.kind !== 'create') return session;
  const { deletedAtMs: _, ...alive } = known ?? { objectId: write.objectId, values: {} };
  const written = Object.fromEntries(Object.entries(write.fields).map(([native, { to }]) => [native, to]));
  const next = withContact(session, system, { ...alive, values: { ...alive.values, ...written } });
  const newcomers = known === undefined ? [`${system}:${write.objectId}`, ...next.newcomers] : next.newcomers;
  const arrivals = write.by.kind === 'person' ? withoutArrivals(next, write) : withArrivals(next, system, write, nowMs);
  return { ...next, newcomers, arrivals };
}

function withArrivals(session: Session, system: System, write: WriteMessage, nowMs: number): Session['arrivals'] {
  const from = otherSystem(system);
  const twinId = shownPairs(session).find((pair) => pair[system]?.objectId === write.objectId)?.[from]?.objectId;
  const tookMs = (field: string | undefined) => {
    const cause = session.travels.journeys.find(
      (journey) =>
        journey.system === from &&
        journey.objectId === twinId &&
        journey.savedAtMs !== undefined &&
        journey.savedAtMs <= write.atMs &&
        write.atMs - journey.savedAtMs < CAUSE_MAX_MS &&
        (field === undefined || journey.fields.includes(field)),
    );
    return cause?.savedAtMs === undefined ? undefined : write.atMs - cause.savedAtMs;
  };
  const arrived = new Map(session.arrivals);
  const mark = (field: string | undefined) =>
    arrived.set(`${system}:${write.objectId}:${field ?? '*'}`, { fromSystem: from, tookMs: tookMs(field), seenAtMs: nowMs });
  if (write.kind === 'create') mark(undefined);
  else
    for (const native of Object.keys(write.fields)) {
      const field = columnOf(system, native)?.field;
      if (field !== undefined) mark(field);
    }
  return arrived;
}

/** A person changed the value that had just arrived: the mark of its arrival is over. */
function withoutArrivals(session: Session, write: WriteMessage): Session['arrivals'] {
  const keys = Object.keys(write.fields).map(
    (native) => `${write.system}:${write.objectId}:${columnOf(write.system, native)?.field ?? ''}`,
  );
  if (!keys.some((key) => session.arrivals.has(key))) return session.arrivals;
  return new Map([...session.arrivals].filter(([key]) => !keys.includes(key)));
}

/** A created contact's origin is known only when its delivery is told: then the time it took is, too. */
function nameArrival(session: Session, system: string, objectId: string): Session {
  const key = `${system}:${objectId}:*`;
  const arrived = session.arrivals.get(key);
  const journey = session.travels.journeys.find((known) => known.arrivals.some((arrival) => arrival.objectId === objectId));
  const arrivedAtMs = journey?.arrivals.find((arrival) => arrival.objectId === objectId)?.atMs;
  if (arrived === undefined || journey?.savedAtMs === undefined || arrivedAtMs === undefined) return session;
  return { ...session, arrivals: new Map([...session.arrivals, [key, { ...arrived, tookMs: arrivedAtMs - journey.savedAtMs }]]) };
}

function withContact(session: Session, system: System, contact: Contact): Session {
  if (session.contacts === undefined) return session;
  const side = new Map(session.contacts[system]);
  side.set(contact.objectId, contact);
  return { ...session, contacts: { ...session.contacts, [system]: side } };
}

function forgetOld(session: Session, nowMs: number): Session {
  const arrivals = [...session.arrivals].filter(([, { seenAtMs }]) => nowMs - seenAtMs < ARRIVAL_SHOWN_MS);
  let next = session;
  if (arrivals.length < session.arrivals.size) next = { ...next, arrivals: new Map(arrivals) };
  for (const system of SYSTEMS) {
    const side = next.contacts?.[system];
    if (next.contacts === undefined || side === undefined) continue;
    const kept = [...side].filter(([, { deletedAtMs }]) => deletedAtMs === undefined || nowMs - deletedAtMs < DELETED_SHOWN_MS);
    if (kept.length < side.size) next = { ...next, contacts: { ...next.contacts, [system]: new Map(kept) } };
  }
  return next;
}

function settled(session: Session, nowMs: number): Session {
  const { status } = session;
  if (!session.travels.journeys.some(isOpen)) return session;
  const pairs = shownPairs(session);
  const idle = status?.quiet === true && !status.paused && status.undelivered.records === 0;
  const travels = settle(session.travels, (journey) => {
    const ageMs = nowMs - journey.beganAtMs;
    if (ageMs > AGREED_AFTER_MS && journey.act === 'update' && agrees(pairs, journey)) {
      return isOvertaken(journey, session.travels) ? 'overtaken' : 'agreed';
    }
    return idle && ageMs > QUIET_AFTER_MS ? 'quiet' : undefined;
  });
  return travels === session.travels ? session : { ...session, travels };
}

/** Another edit of the same field was merged after it, and somebody's lost. */
function isOvertaken(journey: Journey, { journeys }: Travels): boolean {
  return journeys.some(
    ({ recordId, merged, fields }) =>
      merged !== undefined &&
      merged.losers > 0 &&
      recordId === journey.recordId &&
      merged.atMs > (journey.merged?.atMs ?? Number.POSITIVE_INFINITY) &&
      fields.some((field) => journey.fields.includes(field)),
  );
}

function agrees(pairs: readonly Pair[], journey: Journey): boolean {
  const { system } = journey;
  if (!isSystem(system)) return false;
  const pair = pairs.find((candidate) => candidate[system]?.objectId === journey.objectId);
  if (pair?.salesforce === undefined || pair.hubspot === undefined) return false;
  const { salesforce, hubspot } = pair;
  return journey.fields.every((field) => sameValue(field, salesforce, hubspot));
}

function sameValue(field: string, salesforce: Contact, hubspot: Contact): boolean {
  const column = COLUMNS.find((candidate) => candidate.field === field);
  const { salesforce: left, hubspot: right } = column?.native ?? {};
  if (column === undefined || left === undefined || right === undefined) return true;
  return looseCanon(column.kind, salesforce.values[left]) === looseCanon(column.kind, hubspot.values[right]);
}
