import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { compileEventPattern } from './event-pattern.ts';
import { openEventStore, type PendingEvent } from './event-store.ts';
import { type JsonApi, parseRequest } from './json-api.ts';
import { LOCAL_ACCOUNT, type LocalAccount } from './local-account.ts';

/** Where a rule sends what it matched. */
export interface EventTarget {
  readonly id: string; // unique within the rule
  /** @param eventText - the event's JSON. Its detail is as the sender wrote it, so numbers beyond 2^53 survive. A rejection means: try again. */
  deliver(eventText: string): Promise<void>;
  /** Takes what could not be delivered; without it such an event is dropped with a warning. */
  deadLetter?(eventText: string, cause: { readonly message: string; readonly attempts: number }): Promise<void>;
  /** Tries in all; 185 on AWS unless the rule says otherwise: eb-rule-retry-policy.html */
  readonly maxAttempts?: number;
  /** 24 hours on AWS unless the rule says otherwise. */
  readonly maxAgeSeconds?: number;
}

export interface EventRule {
  readonly name: string;
  readonly busName: string;
  readonly pattern: unknown;
  readonly targets: readonly EventTarget[];
}

export interface OutgoingEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: string; // JSON of an object
  readonly timeMs?: number;
  readonly resources?: readonly string[];
}

export interface EventCounts {
  readonly received: number;
  /** One for each target of each rule that matched. */
  readonly matched: number;
  readonly delivered: number;
  readonly deadLettered: number;
  /** Events for a bus that does not exist, and those that no target took in the end. */
  readonly dropped: number;
}

export interface EventBus {
  /** `default` is always there. A partner's bus is named like its event source: aws.partner/salesforce.com/<org>/<channel>. */
  ensureBus(name: string): void;
  busNames(): string[];
  /** Sets a rule, in the place of one of that name. */
  setRule(rule: EventRule): void;
  /** Delivers what a former run left. Call it when all rules are set. */
  resume(): void;
  /** Gives the events' ids, once they are kept for each target whose rule matches. */
  put(busName: string, events: readonly OutgoingEvent[]): Promise<string[]>;
  /** Matched events that their targets have not taken yet. */
  pending(): number;
  counts(): EventCounts;
  /** The JSON protocol: PutEvents, PutPartnerEvents. */
  readonly api: JsonApi;
  /** Ends deliveries; those under way are waited for. */
  close(): Promise<void>;
}

const MAX_ATTEMPTS = 185;
const MAX_AGE_SECONDS = 86_400;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 60_000;
/** Deliveries under way at once, per target: one slow target must not stop the others. */
const CONCURRENCY = 10;
/** docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html */
const REQUEST_BYTES_MAX = 256 * 1_024;
const PUT_EVENTS_MAX = 10;
const PUT_PARTNER_EVENTS_MAX = 20;
/** Node's timers take no more than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const entrySchema = z.object({
  Source: z.string().optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().optional(),
  Resources: z.array(z.string()).optional(),
  Time: z.number().optional(), // epoch, seconds
});
type Entry = z.infer<typeof entrySchema>;
const requestSchema = (max: number) => z.object({ Entries: z.array(entrySchema).min(1).max(max) });
const detailSchema = z.record(z.string(), z.unknown());

interface Rule extends EventRule {
  readonly matches: (event: unknown) => boolean;
}

/** The line of one target: what waits for its turn, and what is under way. */
interface Line {
  readonly waiting: PendingEvent[];
  active: number;
}

export function startEventBus(options: {
  readonly file: string; // of SQLite
  readonly clock?: Clock;
  readonly account?: LocalAccount;
  readonly warn?: (message: string) => void;
}): EventBus {
  const { clock = systemClock, account = LOCAL_ACCOUNT, warn = console.warn } = options;
  const store = openEventStore(options.file);
  const buses = new Set(['default']);
  const rules = new Map<string, Rule>();
  const lines = new Map<string, Line>();
  const later = new Map<number, { readonly event: PendingEvent; timer: NodeJS.Timeout | undefined }>();
  const underWay = new Set<Promise<void>>();
  const left: PendingEvent[] = store.all(); // of the former run
  const counts = { received: 0, matched: 0, delivered: 0, deadLettered: 0, dropped: 0 };
  const warned = new Set<string>();
  let closed = false;
  const stopListening = clock.onJump(() => {
    for (const { event } of [...later.values()]) schedule(event);
  });

  function warnOnce(message: string): void {
    if (warned.has(message)) return;
    warned.add(message);
    warn(message);
  }

  const targetOf = (event: PendingEvent): EventTarget | undefined =>
    rules.get(event.rule)?.targets.find((target) => target.id === event.target);

  async function put(busName: string, events: readonly OutgoingEvent[]): Promise<string[]> {
    const ids = events.map(() => randomUUID());
    counts.received += events.length;
    if (!buses.has(busName)) {
      counts.dropped += events.length;
      warnOnce(`events for the bus ${busName} are dropped: no such bus. Associate the partner event source, or correct the name`);
      return ids;
    }
    const matched = events.flatMap((event, at) => matches(busName, event, ids[at] ?? ''));
    if (matched.length === 0) return ids;
    const kept = await store.commit.write(() => matched.map((event) => ({ ...event, id: store.add(event) })));
    counts.matched += kept.length;
    for (const event of kept) schedule(event);
    return ids;
  }

  function matches(busName: string, event: OutgoingEvent, id: string): Omit<PendingEvent, 'id'>[] {
    const envelope = {
      version: '0',
      id,
      'detail-type': event.detailType,
      source: event.source,
      account: account.accountId,
      time: new Date(event.timeMs ?? clock.now()).toISOString().replace(/\.\d{3}Z$/, 'Z'),
      region: account.region,
      resources: event.resources ?? [],
    };
    const judged = { ...envelope, detail: detailSchema.parse(JSON.parse(event.detail)) };
    const text = `${JSON.stringify(envelope).slice(0, -1)},"detail":${event.detail}}`;
    const now = clock.now();
    return [...rules.values()]
      .filter((rule) => rule.busName === busName && rule.matches(judged))
      .flatMap((rule) =>
        rule.targets.map((target) => ({
          rule: rule.name,
          target: target.id,
          event: text,
          attempts: 0,
          matched_at: now,
          due_at: now,
        })),
      );
  }

  /** Puts the event into its target's line, now or when it is due. */
  function schedule(event: PendingEvent): void {
    clearTimeout(later.get(event.id)?.timer);
    later.delete(event.id);
    if (closed) return;
    const waitMs = event.due_at - clock.now();
    if (waitMs > 0) {
      later.set(event.id, { event, timer: setTimeout(() => schedule(event), Math.min(waitMs, TIMER_MS_MAX)) });
      return;
    }
    const key = `${event.rule} ${event.target}`;
    const line = lines.get(key) ?? { waiting: [], active: 0 };
    lines.set(key, line);
    line.waiting.push(event);
    advance(line);
  }

  function advance(line: Line): void {
    while (!closed && line.active < CONCURRENCY) {
      const event = line.waiting.shift();
      if (event === undefined) return;
      line.active++;
      const undone = (error: unknown): void =>
        warnOnce(`an event of rule ${event.rule} stays kept until the next start: ${String(error)}`);
      const delivery = attempt(event)
        .catch(undone)
        .finally(() => {
          line.active--;
          underWay.delete(delivery);
          advance(line);
        });
      underWay.add(delivery);
    }
  }

  async function attempt(event: PendingEvent): Promise<void> {
    const target = targetOf(event);
    if (target === undefined) return; // its rule is gone; it stays kept, and is told of at the next start
    try {
      await target.deliver(event.event);
      counts.delivered++;
      await store.commit.write(() => store.remove(event.id));
    } catch (error) {
      if (!closed) await retry(event, target, error instanceof Error ? error.message : String(error));
    }
  }

  async function retry(event: PendingEvent, target: EventTarget, message: string): Promise<void> {
    const attempts = event.attempts + 1;
    const now = clock.now();
    const tooOld = now - event.matched_at >= (target.maxAgeSeconds ?? MAX_AGE_SECONDS) * 1_000;
    if (attempts < (target.maxAttempts ?? MAX_ATTEMPTS) && !tooOld) {
      const dueAt = now + Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(event.attempts, 16), BACKOFF_MAX_MS);
      await store.commit.write(() => store.retryAt(event.id, attempts, dueAt));
      schedule({ ...event, attempts, due_at: dueAt });
      return;
    }
    try {
      if (target.deadLetter === undefined) {
        counts.dropped++;
        warnOnce(
          `events of rule ${event.rule} are dropped: target ${event.target} did not take them in ${attempts} tries, and has no dead-letter queue`,
        );
      } else {
        await target.deadLetter(event.event, { message, attempts });
        counts.deadLettered++;
      }
      await store.commit.write(() => store.remove(event.id));
    } catch (error) {
      // Kept, and tried again: a dead letter must not vanish because its queue was away.
      warnOnce(`target ${event.target} of rule ${event.rule} could not dead-letter: ${String(error)}`);
      schedule({ ...event, due_at: now + BACKOFF_MAX_MS });
    }
  }

  const api: JsonApi = async ({ operation, body }) => {
    switch (operation) {
      case 'PutEvents':
        return await putEntries(
          parseRequest(requestSchema(PUT_EVENTS_MAX), body).Entries,
          (entry) => busNameOf(entry.EventBusName),
          refusalOf,
        );
      case 'PutPartnerEvents':
        return await putEntries(
          parseRequest(requestSchema(PUT_PARTNER_EVENTS_MAX), body).Entries,
          (entry) => entry.Source ?? '',
          partnerRefusalOf,
        );
      default:
        throw new AwsError('UnknownOperationException', `The embedded EventBridge has no ${operation}.`);
    }
  };

  async function putEntries(
    entries: readonly Entry[],
    busOf: (entry: Entry) => string,
    refusal: (entry: Entry) => Refusal | undefined,
  ): Promise<object> {
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (bytes > REQUEST_BYTES_MAX)
      throw new AwsError('ValidationException', 'Total size of the entries in the request is over the limit.');
    const answers = await Promise.all(
      entries.map(async (entry) => {
        const refused = refusal(entry);
        if (refused !== undefined) return refused;
        const { Source: source = '', DetailType: detailType = '', Detail: detail = '', Time, Resources: resources = [] } = entry;
        const time = Time === undefined ? {} : { timeMs: Time * 1_000 };
        const [EventId] = await put(busOf(entry), [{ source, detailType, detail, resources, ...time }]);
        return { EventId };
      }),
    );
    return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers };
  }

  return {
    ensureBus: (name) => void buses.add(name),
    busNames: () => [...buses],
    setRule(rule) {
      rules.set(rule.name, { ...rule, matches: compileEventPattern(rule.pattern) });
    },
    resume() {
      for (const event of left.splice(0)) {
        if (targetOf(event) === undefined)
          warnOnce(`events wait for target ${event.target} of rule ${event.rule}, which the template no longer has`);
        else schedule(event);
      }
    },
    put,
    pending: () =>
      left.length + later.size + underWay.size + [...lines.values()].reduce((sum, line) => sum + line.waiting.length, 0),
    counts: () => ({ ...counts }),
    api,
    async close() {
      closed = true;
      stopListening();
      for (const { timer } of later.values()) clearTimeout(timer);
      await Promise.allSettled(underWay);
      store.commit.flush();
      store.close();
    },
  };
}

interface Refusal {
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

/** What one entry is refused for: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html */
function refusalOf(entry: Entry): Refusal | undefined {
  if (entry.Source?.startsWith('aws.') === true) {
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
  }
  return incompleteEntry(entry);
}

function partnerRefusalOf(entry: Entry): Refusal | undefined {
  if (entry.Source?.startsWith('aws.partner/') === false) {
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'A partner event source begins with aws.partner/.' };
  }
  return incompleteEntry(entry);
}

function incompleteEntry({ Source, DetailType, Detail }: Entry): Refusal | undefined {
  for (const [name, value] of Object.entries({ Source, DetailType, Detail })) {
    if (value === undefined || value === '') {
      return {
        ErrorCode: 'InvalidArgument',
        ErrorMessage: `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
      };
    }
  }
  return isJsonObject(Detail ?? '') ? undefined : { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}

function isJsonObject(text: string): boolean {
  try {
    return detailSchema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

function entryBytes(entry: Entry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), entry.Time === undefined ? 0 : 14);
}

/** A bus may be given by its ARN. Partner names have slashes of their own. */
function busNameOf(nameOrArn = 'default'): string {
  const [, name] = /^arn:[^:]*:events:[^:]*:[^:]*:event-bus\/(.+)$/.exec(nameOrArn) ?? [];
  return name ?? nameOrArn;
}
