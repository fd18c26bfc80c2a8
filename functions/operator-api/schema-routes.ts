import * as z from 'zod';
import type { SchemaStore } from '../../shared/store/schema-store.ts';
import type { OperatorAnswer, OperatorRequest } from './operator-routes.ts';

export interface SchemaRoutePorts {
  readonly schemas: Pick<SchemaStore, 'state' | 'accept'>;
  readonly syncs: readonly { readonly name: string; readonly objects: Readonly<Record<string, string>> }[];
  readonly requestPoll: (sync: string, systems: readonly string[]) => Promise<void>;
}

type Route = (request: OperatorRequest, ports: SchemaRoutePorts) => Promise<OperatorAnswer>;

/** Which fields rest because their system's schema changed, and the word that takes the schema as it is. */
export const SCHEMA_ROUTES: Readonly<Record<string, Route>> = {
  'GET /schema': show,
  'POST /schema/{sync}/{system}/accept': accept,
};

async function show(_: OperatorRequest, { schemas, syncs }: SchemaRoutePorts): Promise<OperatorAnswer> {
  const all = syncs.flatMap((sync) => Object.keys(sync.objects).map((system) => ({ sync: sync.name, system })));
  const found = await Promise.all(
    all.map(async ({ sync, system }) => {
      const state = await schemas.state(sync, system);
      return state === undefined ? { sync, system, checked: false } : { sync, system, checked: true, ...state };
    }),
  );
  return { status: 200, body: { systems: found } };
}

const bodySchema = z.strictObject({});

/** The next check compares with nothing: types and choices are right as they are. What is gone stays gone. */
async function accept(
  { path, body }: OperatorRequest,
  { schemas, syncs, requestPoll }: SchemaRoutePorts,
): Promise<OperatorAnswer> {
  const { sync = '', system = '' } = path;
  if (!bodySchema.safeParse(body ?? {}).success) return problem(400, 'body: nothing is asked; leave it out');
  const known = syncs.find(({ name }) => name === sync);
  if (known === undefined) return problem(404, `there is no sync ${sync}; there is ${syncs.map(({ name }) => name).join(', ')}`);
  if (known.objects[system] === undefined)
    return problem(404, `sync ${sync} has no system ${system}; it has ${Object.keys(known.objects).join(', ')}`);
  await schemas.accept(sync, system);
  await requestPoll(sync, [system]); // which looks at the schema first
  return { status: 202, body: { sync, system } };
}

function problem(status: number, message: string): OperatorAnswer {
  return { status, body: { message } };
}
