import type * as z from 'zod';
import type { NativeValues } from '../../shared/sync/change-hint.ts';
import { PERSONS, type System } from './fields.ts';
import {
  anythingSchema,
  type ContactsAnswer,
  contactsSchema,
  createdSchema,
  type RecordAnswer,
  recordAnswerSchema,
  refusalSchema,
  type Status,
  statusSchema,
} from './messages.ts';

/** The control API said no; its message is fit to be shown. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const control = {
  contacts: (): Promise<ContactsAnswer> => get('contacts', contactsSchema),
  status: (): Promise<Status> => get('status', statusSchema),
  /** @returns undefined when Concord has no record of the object (yet). */
  async record(system: System, objectId: string): Promise<RecordAnswer | undefined> {
    try {
      return await get(`record?id=${encodeURIComponent(`${system}:${objectId}`)}`, recordAnswerSchema);
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) return undefined;
      throw error;
    }
  },
  edit: (system: System, objectId: string, values: NativeValues) =>
    post('edit', { system, objectId, values, person: PERSONS[system] }),
  create: (system: System, values: NativeValues) => post('create', { system, values, person: PERSONS[system] }, createdSchema),
  remove: (system: System, objectId: string) => post('remove', { system, objectId, person: PERSONS[system] }),
  pause: () => post('pause', {}),
  resume: () => post('resume', {}),
  poll: () => post('poll', {}),
  reset: () => post('reset', {}),
};

export function messageOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message;
  if (error instanceof TypeError) return 'Concord does not answer. Is it still running?'; // fetch: no connection
  return error instanceof Error ? error.message : String(error);
}

function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return answerOf(fetch(`/control/${path}`), schema);
}

function post<T = unknown>(path: string, body: unknown, schema?: z.ZodType<T>): Promise<T | unknown> {
  const sent = fetch(`/control/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return answerOf(sent, schema ?? anythingSchema);
}

async function answerOf<T>(sent: Promise<Response>, schema: z.ZodType<T>): Promise<T> {
  const response = await sent;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return schema.parse(body);
  const refusal = refusalSchema.safeParse(body);
  throw new RefusedError(response.status, refusal.success ? refusal.data.message : `Concord answered ${response.status}.`);
}
