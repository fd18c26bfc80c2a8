import * as z from 'zod';
import type { NativeValues } from '../../shared/sync/change-hint.ts';
import {
  callCountsSchema,
  createdSchema,
  loadedSchema,
  objectsSchema,
  pendingSchema,
  type ReleaseMode,
  refusalSchema,
  settingsSchema,
  writeLogEntrySchema,
  writesSchema,
} from './control-messages.ts';
import type { CallCounts, SimulatedObject, SimulatorSettings, WriteLogEntry } from './simulator.ts';

/** A simulator in another process, driven over its control surface: the acts of `CrmSimulator`, each a promise. */
export interface RemoteSimulator {
  readonly url: string;
  /** @throws Error with the CRM's reason when it would refuse the edit. So do the other acts. */
  edit(object: string, objectId: string, values: NativeValues, person?: string): Promise<void>;
  create(object: string, values: NativeValues, person?: string): Promise<string>;
  remove(object: string, objectId: string, person?: string): Promise<void>;
  restore(object: string, objectId: string, person?: string): Promise<void>;
  load(object: string, rows: readonly NativeValues[], atMs?: number): Promise<string[]>;
  objects(object: string): Promise<SimulatedObject[]>;
  object(object: string, objectId: string): Promise<SimulatedObject | undefined>;
  writes(afterSeq?: number): Promise<WriteLogEntry[]>;
  calls(): Promise<CallCounts>;
  resetCalls(): Promise<void>;
  settings(): Promise<SimulatorSettings>;
  changeSettings(patch: Partial<SimulatorSettings>): Promise<SimulatorSettings>;
  pendingNotifications(): Promise<number>;
  releaseNotifications(mode: ReleaseMode): Promise<void>;
  reset(): Promise<void>;
  /** Writes as they are committed, until `signal` aborts or the simulator closes. */
  watchWrites(signal: AbortSignal): AsyncGenerator<WriteLogEntry>;
  /** An act that only this CRM has (`merge`), as its own module documents it. */
  act<T>(method: 'GET' | 'POST' | 'PATCH', path: string, answer: z.ZodType<T>, body?: unknown): Promise<T>;
}

const nothing = z.object({});

/** @param url - the simulator's own, e.g. `http://127.0.0.1:4102`. */
export function remoteSimulator(url: string): RemoteSimulator {
  async function act<T>(method: 'GET' | 'POST' | 'PATCH', path: string, answer: z.ZodType<T>, body?: unknown): Promise<T> {
    const withBody = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${url}/__sim/${path}`, { method, ...withBody });
    const json: unknown = await response.json();
    if (response.ok) return answer.parse(json);
    const refusal = refusalSchema.safeParse(json);
    throw new Error(refusal.success ? refusal.data.error : `${url} answered ${response.status} to ${method} ${path}`);
  }
  const tell = async (path: string, body: unknown) => {
    await act('POST', path, nothing, body);
  };
  const query = (parameters: Record<string, string>) => new URLSearchParams(parameters).toString();

  return {
    url,
    act,
    edit: (object, objectId, values, person) => tell('edit', { object, objectId, values, person }),
    create: async (object, values, person) => (await act('POST', 'create', createdSchema, { object, values, person })).objectId,
    remove: (object, objectId, person) => tell('remove', { object, objectId, person }),
    restore: (object, objectId, person) => tell('restore', { object, objectId, person }),
    load: async (object, rows, atMs) => (await act('POST', 'load', loadedSchema, { object, rows, atMs })).objectIds,
    objects: async (object) => (await act('GET', `objects?${query({ object })}`, objectsSchema)).objects,
    object: async (object, objectId) => (await act('GET', `object?${query({ object, objectId })}`, objectsSchema)).objects[0],
    writes: async (afterSeq = 0) => (await act('GET', `writes?after=${afterSeq}`, writesSchema)).writes,
    calls: () => act('GET', 'calls', callCountsSchema),
    resetCalls: () => tell('calls/reset', {}),
    settings: () => act('GET', 'settings', settingsSchema),
    changeSettings: (patch) => act('PATCH', 'settings', settingsSchema, patch),
    pendingNotifications: async () => (await act('GET', 'notifications/pending', pendingSchema)).pending,
    releaseNotifications: (mode) => tell('notifications/release', { mode }),
    reset: () => tell('reset', {}),
    watchWrites: (signal) => watchWrites(url, signal),
  };
}

async function* watchWrites(url: string, signal: AbortSignal): AsyncGenerator<WriteLogEntry> {
  const response = await fetch(`${url}/__sim/events`, { signal });
  if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status} to GET events`);
  let rest = '';
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const events = `${rest}${text}`.split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = event.split('\n').find((line) => line.startsWith('data: '));
        if (data) yield writeLogEntrySchema.parse(JSON.parse(data.slice('data: '.length)));
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
