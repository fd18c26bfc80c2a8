import type { SeededRandom } from '../random.ts';
import type { SimulatorSettings } from '../simulator.ts';
import type { ChangeEvent } from './change-events.ts';
import { notificationGate } from './notification-gate.ts';
import type { OrgSettings } from './org-settings.ts';
import { PARTNER_ENTRIES_MAX, type PartnerEndpoint, type PartnerEntry, putPartnerEvents } from './partner-events.ts';

/** What a person does with the relay on its page in Setup. */
export type RelayState = 'RUN' | 'PAUSE' | 'STOP';

export interface RelayStatus {
  readonly state: RelayState;
  /** Why nothing goes out although the relay runs. */
  readonly error?: 'DAILY_ALLOCATION_SPENT' | 'ENDPOINT_UNREACHABLE';
  readonly deliveredToday: number;
  readonly allocation: number;
  /** Events that nobody will be sent: missed while stopped or out of allocation, or older than 72 h. */
  readonly skipped: number;
  readonly queued: number;
}

/** What the bus remembers and what is still to be delivered, oldest first. */
export interface RelayMemory {
  readonly retained: readonly ChangeEvent[];
  readonly queued: readonly ChangeEvent[];
}

/** The event bus with its 72 h of memory, and the relay that carries events from it to EventBridge. */
export interface EventRelay {
  publish(events: readonly ChangeEvent[]): void;
  setState(state: RelayState): void;
  /** Looks at the clock again, which may have jumped to another day. */
  wake(): void;
  status(): RelayStatus;
  readonly pending: number;
  release(mode: 'send' | 'drop' | 'reverse'): void;
  /** Forgets every event and every count. */
  clear(): void;
  memory(): RelayMemory;
  resume(memory: RelayMemory): void;
  close(): void;
}

export interface RelayOptions {
  readonly settings: SimulatorSettings;
  readonly orgSettings: OrgSettings;
  readonly random: SeededRandom;
  /** Absent: events go nowhere, as in an org without a relay. */
  readonly endpoint?: PartnerEndpoint;
  now(): number;
}

const RETENTION_MS = 72 * 3600 * 1000;
const DAY_MS = 86_400_000;
/** AWS takes 256 KB in one request; some is left for what surrounds the details. */
const REQUEST_BYTES_MAX = 240 * 1024;
const UNREACHABLE_ALLOCATION = 1_000_000_000;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 30_000;
/** How often a relay without allocation looks whether the day has turned. */
const DAY_WATCH_MS = 1000;

interface Queued extends PartnerEntry {
  readonly event: ChangeEvent;
}

export function eventRelay(options: RelayOptions): EventRelay {
  const { settings, orgSettings, endpoint, now } = options;
  const closing = new AbortController();
  let retained: ChangeEvent[] = [];
  let queue: Queued[] = [];
  let inFlight: Queued[] = [];
  let state: RelayState = 'RUN';
  let error: RelayStatus['error'];
  let day = Math.floor(now() / DAY_MS);
  let deliveredToday = 0;
  let skipped = 0;
  let sending = false;
  let backoffMs = BACKOFF_MIN_MS;
  let timer: NodeJS.Timeout | undefined;
  // Once `clear` or STOP has emptied the queue, the answer to an older request is of no concern.
  let generation = 0;

  const allocation = () => (settings.limits ? orgSettings.dailyEventDeliveries : UNREACHABLE_ALLOCATION);
  const pending = () => queue.length + inFlight.length + gate.waiting;
  const gate = notificationGate<ChangeEvent>(settings, options.random, (events) => {
    queue.push(...events.map(queuedEvent));
    void pump();
  });

  function turnDay(): void {
    const today = Math.floor(now() / DAY_MS);
    if (today === day) return;
    day = today;
    deliveredToday = 0;
    if (error !== 'DAILY_ALLOCATION_SPENT') return;
    error = undefined;
    recover();
  }

  /** After an error or a STOP: either only what comes from now on, or everything the bus still remembers. */
  function recover(): void {
    if (orgSettings.replayRecovery === 'LATEST') return;
    expire();
    skipped = 0;
    queue = retained.map(queuedEvent);
    void pump();
  }

  function expire(): void {
    const oldestMs = now() - RETENTION_MS;
    const firstKept = retained.findIndex((event) => event.atMs >= oldestMs);
    retained.splice(0, firstKept < 0 ? retained.length : firstKept);
    if (queue[0] === undefined || queue[0].atMs >= oldestMs) return;
    const kept = queue.filter((queued) => queued.atMs >= oldestMs);
    skipped += queue.length - kept.length;
    queue = kept;
  }

  function later(delayMs: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void pump(), delayMs).unref();
  }

  function nextBatch(): Queued[] {
    const allowed = Math.min(PARTNER_ENTRIES_MAX, allocation() - deliveredToday);
    let bytes = 0;
    let count = 0;
    for (const queued of queue.slice(0, Math.max(0, allowed))) {
      bytes += queued.detail.length;
      if (count > 0 && bytes > REQUEST_BYTES_MAX) break;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function pump(): Promise<void> {
    turnDay();
    if (error === 'DAILY_ALLOCATION_SPENT') later(DAY_WATCH_MS);
    if (sending || !endpoint || state !== 'RUN') return;
    sending = true;
    try {
      // Every round sends a batch, or ends the loop.
      while (queue.length > 0 && state === 'RUN' && !closing.signal.aborted) {
        expire();
        turnDay();
        const batch = nextBatch();
        if (batch.length === 0) return stopForTheDay();
        if (await sendBatch(endpoint, batch)) continue;
        later(backoffMs);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
        return;
      }
    } finally {
      sending = false;
    }
  }

  /** @returns false when all or some of it must be sent again; that goes back to the head of the queue. */
  async function sendBatch(to: PartnerEndpoint, batch: Queued[]): Promise<boolean> {
    const asked = generation;
    inFlight = batch;
    let refused = batch;
    try {
      refused = await putPartnerEvents(to, batch, now(), closing.signal);
      error = undefined;
    } catch {
      error = 'ENDPOINT_UNREACHABLE';
    }
    inFlight = [];
    if (asked !== generation) return true;
    deliveredToday += batch.length - refused.length;
    queue.unshift(...refused);
    if (refused.length > 0) return false;
    backoffMs = BACKOFF_MIN_MS;
    return true;
  }

  function stopForTheDay(): void {
    if (queue.length === 0) return;
    error = 'DAILY_ALLOCATION_SPENT';
    skipped += queue.length;
    queue = [];
    later(DAY_WATCH_MS);
  }

  return {
    publish(events) {
      if (!endpoint) return;
      turnDay();
      expire();
      if (state === 'STOP' || error === 'DAILY_ALLOCATION_SPENT') {
        retained.push(...events);
        skipped += events.length;
        if (error === 'DAILY_ALLOCATION_SPENT') later(DAY_WATCH_MS);
        return;
      }
      // What is lost is lost to a replay too.
      for (const event of events) if (gate.push(event)) retained.push(event);
    },
    setState(wanted) {
      const before = state;
      state = wanted;
      if (wanted === 'STOP') {
        generation += 1;
        skipped += pending();
        queue = [];
        gate.clear();
      }
      if (wanted === 'RUN' && before === 'STOP') recover();
      if (wanted === 'RUN') void pump();
    },
    wake: () => void pump(),
    status() {
      turnDay();
      return { state, ...(error ? { error } : {}), deliveredToday, allocation: allocation(), skipped, queued: pending() };
    },
    get pending() {
      return pending();
    },
    release: (mode) => gate.release(mode),
    clear() {
      generation += 1;
      clearTimeout(timer);
      gate.clear();
      retained = [];
      queue = [];
      state = 'RUN';
      error = undefined;
      deliveredToday = 0;
      skipped = 0;
      backoffMs = BACKOFF_MIN_MS;
    },
    memory: () => ({ retained, queued: [...inFlight, ...queue].map((queued) => queued.event) }),
    resume(saved) {
      retained = [...saved.retained];
      queue = saved.queued.map(queuedEvent);
      void pump();
    },
    close() {
      closing.abort();
      clearTimeout(timer);
      gate.clear();
    },
  };
}

function queuedEvent(event: ChangeEvent): Queued {
  return { event, detailType: detailTypeOf(event.entityName), detail: event.detail, atMs: event.atMs };
}

/** `ContactChangeEvent`; of a custom object `Shipment__ChangeEvent`. */
function detailTypeOf(entityName: string): string {
  return entityName.endsWith('__c') ? `${entityName.slice(0, -1)}ChangeEvent` : `${entityName}ChangeEvent`;
}
