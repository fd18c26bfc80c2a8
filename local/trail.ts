import * as z from 'zod';
import type { Environment } from './environment.ts';
import type { LogLine } from './runtime/stack.ts';
import type { WriteLogEntry } from './simulators/simulator.ts';

const changeSchema = z.looseObject({ correlationId: z.string(), objectId: z.string() });
const logLineSchema = z.discriminatedUnion('message', [
  z.looseObject({ message: z.literal('received'), system: z.string(), hints: z.array(changeSchema) }),
  z.looseObject({ message: z.literal('processed'), system: z.string(), changes: z.array(changeSchema), skipped: z.number() }),
  z.looseObject({ message: z.literal('delivered'), system: z.string(), changes: z.array(changeSchema) }),
  z.looseObject({ message: z.literal('polled'), system: z.string(), rows: z.number(), hints: z.number() }),
]);

/** What happened, in the order in which it was seen: writes in the CRMs, and the steps that Concord's functions log. */
export type TrailEvent =
  | ({ readonly type: 'write' } & WriteLogEntry)
  | {
      readonly type: 'received' | 'processed' | 'delivered';
      readonly atMs: number;
      readonly system: string;
      readonly change: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'polled'; readonly atMs: number; readonly system: string; readonly rows: number; readonly hints: number };

/** Events and log lines kept for those who come later. */
const HISTORY_MAX = 300;
const LOG_LINES_MAX = 500;
/** Most lines tell of other things: those are not parsed. */
const OF_INTEREST = /"message":"(received|processed|delivered|polled)"/;

export interface Trail {
  readonly history: readonly TrailEvent[];
  /** What the functions wrote last, oldest first. */
  readonly logLines: readonly LogLine[];
  subscribe(listener: (event: TrailEvent) => void): () => void;
  /** Listens to the stack anew: after a restart it is another one. */
  follow(): void;
  /** Everything was reset: nothing of it happened. */
  forget(): void;
  close(): void;
}

export function trailOf(environment: Environment): Trail {
  const history: TrailEvent[] = [];
  const logLines: LogLine[] = [];
  const listeners = new Set<(event: TrailEvent) => void>();
  const aborting = new AbortController();
  let unfollow: () => void = () => undefined;
  const tell = (event: TrailEvent) => {
    history.push(event);
    if (history.length > HISTORY_MAX) history.shift();
    for (const listener of listeners) listener(event);
  };
  for (const crm of environment.crms === undefined ? [] : [environment.crms.salesforce, environment.crms.hubspot]) {
    void (async () => {
      for await (const write of crm.watchWrites(aborting.signal)) tell({ type: 'write', ...write });
    })().catch(() => undefined); // the CRM went away: so does this
  }
  const trail: Trail = {
    history,
    logLines,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow() {
      unfollow();
      unfollow = environment.stack.onLog((line) => {
        logLines.push(line);
        if (logLines.length > LOG_LINES_MAX) logLines.shift();
        for (const event of eventsOf(line.line)) tell(event);
      });
    },
    forget() {
      history.length = 0;
    },
    close() {
      aborting.abort();
      unfollow();
    },
  };
  trail.follow();
  return trail;
}

function eventsOf(line: string): TrailEvent[] {
  if (!OF_INTEREST.test(line)) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return [];
  }
  const read = logLineSchema.safeParse(parsed);
  if (!read.success) return [];
  const atMs = Date.now();
  const { data } = read;
  switch (data.message) {
    case 'received':
      return data.hints.map((change) => ({ type: 'received', atMs, system: data.system, change }));
    case 'processed':
      return data.changes.map((change) => ({ type: 'processed', atMs, system: data.system, change }));
    case 'delivered':
      return data.changes.map((change) => ({ type: 'delivered', atMs, system: data.system, change }));
    case 'polled':
      return data.rows > 0 ? [{ type: 'polled', atMs, system: data.system, rows: data.rows, hints: data.hints }] : [];
  }
}
