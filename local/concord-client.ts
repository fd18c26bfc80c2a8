import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Environment } from './environment.ts';

const fieldValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const recordSchema = z.looseObject({
  record: z.looseObject({
    recordId: z.string(),
    version: z.number(),
    fields: z.record(z.string(), z.looseObject({ value: fieldValue, by: z.string(), atMs: z.number() })),
    links: z.record(
      z.string(),
      z.looseObject({
        objectId: z.string().optional(),
        state: z.string(),
        refusal: z.looseObject({ code: z.string() }).optional(),
      }),
    ),
  }),
  ledger: z.array(
    z.looseObject({
      version: z.number(),
      correlationId: z.string(),
      lines: z.array(
        z.looseObject({
          event: z.string(),
          field: z.string().optional(),
          rule: z.string(),
          by: z.string(),
          to: fieldValue.optional(),
          lost: z.looseObject({ value: fieldValue, by: z.string() }).optional(),
        }),
      ),
    }),
  ),
});
export type ShownRecord = z.infer<typeof recordSchema>;

const guardsSchema = z.object({
  syncs: z.array(
    z.object({
      systems: z.record(z.string(), z.object({ stops: z.array(z.object({ id: z.string(), reason: z.string() })) })),
    }),
  ),
});
const frozenSchema = z.object({ items: z.array(z.object({ recordId: z.string() })) });

/** What a guard keeps from being written until an operator says so. */
export interface Tripped {
  readonly stops: readonly { readonly id: string; readonly reason: string }[];
  /** Ids of records; 100 at most at a time. */
  readonly frozen: readonly string[];
}

const THROTTLED_MS = 250;
const TRIES_MAX = 100;

const statsSchema = z.object({
  syncs: z.array(z.object({ sync: z.string(), firstSync: z.object({ phase: z.string() }) })),
  undelivered: z.object({ records: z.number() }),
  attention: z.object({ records: z.number(), byKind: z.record(z.string(), z.number()) }),
});

/** What a run asks of Concord: its operator API, and the embedded AWS for "now" and "until quiet". */
export interface ConcordClient {
  /** By record id or `system:objectId`; undefined when there is none. */
  record(id: string): Promise<ShownRecord | undefined>;
  stats(): Promise<z.infer<typeof statsSchema>>;
  tripped(): Promise<Tripped>;
  /** Lets what the guards stopped be written after all, each stop and each record by its own approval. */
  approve(tripped: Tripped, reason: string): Promise<void>;
  /** Polls both systems now and waits until all that follows is done. */
  pollNow(timeoutMs?: number): Promise<void>;
  /** Nothing queued, nothing running, no notification on its way. */
  untilQuiet(timeoutMs?: number): Promise<void>;
  /** Runs the first sync to its end. */
  untilLive(timeoutMs?: number): Promise<void>;
}

export function concordClient(environment: Environment): ConcordClient {
  const ask = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(environment.stack.apiUrl + path, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (response.status === 404) return undefined;
      if (response.ok) return response.json();
      const reason = (await response.text()).slice(0, 300);
      // The API is throttled, as on AWS: whoever asks for much at once waits for its turn.
      if (response.status !== 429 || attempt === TRIES_MAX)
        throw new Error(`${method} ${path} answered ${response.status}: ${reason}`);
      await sleep(THROTTLED_MS);
    }
  };
  const get = (path: string) => ask('GET', path);
  const untilQuiet = async (timeoutMs = 60_000): Promise<void> => {
    const deadline = Date.now() + timeoutMs;
    const { stack, crms } = environment;
    for (;;) {
      await stack.waitUntilQuiet({ timeoutMs: Math.max(1, deadline - Date.now()) });
      const before = stack.activity();
      const pending = crms ? (await crms.salesforce.pendingNotifications()) + (await crms.hubspot.pendingNotifications()) : 0;
      // The CRMs are asked one after the other: what one said holds only if nothing happened until the last one answered.
      if (pending === 0 && stack.isQuiet() && stack.activity() === before) return;
      if (Date.now() > deadline) throw new Error(`not quiet within ${timeoutMs} ms: ${pending} notifications are on their way`);
      await sleep(20);
    }
  };
  const client: ConcordClient = {
    async record(id) {
      const found = await get(`/records/${encodeURIComponent(id)}`);
      return found === undefined ? undefined : recordSchema.parse(found);
    },
    stats: async () => statsSchema.parse(await get('/stats')),
    async tripped() {
      const { syncs } = guardsSchema.parse(await get('/guards'));
      const { items } = frozenSchema.parse(await get('/conflicts?kind=frozen&limit=100'));
      return {
        stops: syncs.flatMap(({ systems }) => Object.values(systems).flatMap(({ stops }) => stops)),
        frozen: items.map(({ recordId }) => recordId),
      };
    },
    async approve({ stops, frozen }, reason) {
      for (const { id } of stops) await ask('POST', `/guards/${encodeURIComponent(id)}/approve`, { reason });
      for (const id of frozen) await ask('POST', `/records/${encodeURIComponent(id)}/unfreeze`, { reason });
    },
    untilQuiet,
    async pollNow(timeoutMs) {
      await environment.stack.runSchedules('Poll');
      await untilQuiet(timeoutMs);
    },
    async untilLive(timeoutMs = 120_000) {
      const deadline = Date.now() + timeoutMs;
      while ((await client.stats()).syncs.some((sync) => sync.firstSync.phase !== 'live')) {
        if (Date.now() > deadline) throw new Error(`the first sync did not end within ${timeoutMs} ms`);
        await environment.stack.runSchedules('Poll');
      }
      await untilQuiet(Math.max(1_000, deadline - Date.now()));
    },
  };
  return client;
}
