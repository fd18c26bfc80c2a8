import * as z from 'zod';
import { type ApiAnswer, type ApiCall, type ApiWorld, type Endpoint, parseBody } from './api-call.ts';
import { invalidRequest } from './api-refusal.ts';
import { type AssociationType, associationType } from './association-types.ts';
import { lookUpLive } from './record-lookup.ts';
import type { RecordStore } from './record-store.ts';
import { isoStamp } from './timestamps.ts';

/** HubSpot: developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide, "Limits" */
const READ_MAX = 1_000;
const CREATE_MAX = 2_000;
const ARCHIVE_MAX = 100;

const ref = z.object({ id: z.union([z.string(), z.number().transform(String)]) });
const readSchema = z.object({ inputs: z.array(z.object({ id: z.string(), after: z.string().optional() })) });
const specSchema = z.object({ associationCategory: z.string(), associationTypeId: z.int() });
const createSchema = z.object({ inputs: z.array(z.object({ from: ref, to: ref, types: z.array(specSchema).min(1) })) });
const archiveSchema = z.object({ inputs: z.array(z.object({ from: ref, to: z.array(ref) })) });
/** As a new record brings its ties along. */
export const ownAssociationsSchema = z.array(z.object({ to: ref, types: z.array(specSchema).min(1) }));
export type OwnAssociations = z.infer<typeof ownAssociationsSchema>;

interface RowError {
  readonly status: 'error';
  readonly category: 'OBJECT_NOT_FOUND';
  readonly subCategory?: string;
  readonly message: string;
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** What `POST /crm/v4/associations/{from}/{to}/batch/{name}` means. */
export function associationEndpoint(world: ApiWorld, from: RecordStore, to: RecordStore, name: string): Endpoint | undefined {
  const endpoint = (access: 'read' | 'write', run: (call: ApiCall) => ApiAnswer): Endpoint => ({
    suffix: `/batch/${name}`,
    lane: 'general',
    access,
    run,
  });
  switch (name) {
    case 'read':
      return endpoint('read', (call) => read(world, from, to, call));
    case 'create':
      return endpoint('write', (call) => create(world, from, to, call));
    case 'archive':
      return endpoint('write', (call) => archive(world, from, to, call));
    default:
      return undefined;
  }
}

function read(world: ApiWorld, from: RecordStore, to: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(readSchema, call.body);
  refuseTooMany(inputs, READ_MAX);
  const { associationsPerPage } = world.behaviour;
  const errors: RowError[] = [];
  const results = inputs.flatMap(({ id, after }) => {
    const ties = isLive(from, id)
      ? world.portal.associations.of({ type: from.type.name, id }, to.type.name).filter((tie) => isLive(to, tie.id))
      : [];
    if (ties.length === 0) {
      errors.push(noAssociations(from, to, id));
      return [];
    }
    const start = after === undefined ? 0 : Number(after);
    const page = ties.slice(start, start + associationsPerPage);
    const end = start + associationsPerPage;
    return [
      {
        from: { id },
        to: page.map((tie) => ({ toObjectId: Number(tie.id), associationTypes: shownTypes(from, to, tie.typeIds) })),
        ...(end < ties.length ? { paging: { next: { after: String(end) } } } : {}),
      },
    ];
  });
  return answer(world, 200, results, errors);
}

function shownTypes(from: RecordStore, to: RecordStore, typeIds: readonly number[]) {
  return typeIds.map((typeId) => ({
    category: 'HUBSPOT_DEFINED',
    typeId,
    label: associationType(from.type.name, to.type.name, typeId)?.label ?? null,
  }));
}

function create(world: ApiWorld, from: RecordStore, to: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(createSchema, call.body);
  refuseTooMany(inputs, CREATE_MAX);
  const checked = inputs.map((input) => ({ ...input, types: input.types.map((spec) => typeOf(from, to, spec)) }));
  const errors: RowError[] = [];
  const results = checked.flatMap((input) => {
    const missing = [
      ...(isLive(from, input.from.id) ? [] : [`${from.type.singular} ${input.from.id}`]),
      ...(isLive(to, input.to.id) ? [] : [`${to.type.singular} ${input.to.id}`]),
    ];
    if (missing.length > 0) {
      errors.push({
        status: 'error',
        category: 'OBJECT_NOT_FOUND',
        message: `One or more of the objects do not exist: ${missing.join(', ')}`,
        context: { fromObjectId: [input.from.id], toObjectId: [input.to.id] },
      });
      return [];
    }
    for (const type of input.types) tie(world, { from, fromId: input.from.id, to, toId: input.to.id, type }, call);
    return [
      {
        fromObjectTypeId: from.type.typeId,
        fromObjectId: Number(input.from.id),
        toObjectTypeId: to.type.typeId,
        toObjectId: Number(input.to.id),
        labels: input.types.flatMap(({ label }) => label ?? []),
      },
    ];
  });
  return answer(world, 201, results, errors);
}

function archive(world: ApiWorld, from: RecordStore, to: RecordStore, call: ApiCall): ApiAnswer {
  const { inputs } = parseBody(archiveSchema, call.body);
  refuseTooMany(inputs, ARCHIVE_MAX);
  for (const input of inputs) {
    for (const { id } of input.to) {
      tie(world, { from, fromId: input.from.id, to, toId: id, type: undefined }, call);
    }
  }
  return { status: 204 };
}

/** Ties that a new record brings along. @throws ApiRefusal 400 for a type of tie there is not, or a record there is not. */
export function checkedAssociations(
  world: ApiWorld,
  store: RecordStore,
  given: OwnAssociations,
): { readonly to: RecordStore; readonly toId: string; readonly type: AssociationType }[] {
  return given.flatMap(({ to, types }) =>
    types.map((spec) => {
      for (const name of ['companies', 'contacts', 'deals'] as const) {
        const type = associationType(store.type.name, name, spec.associationTypeId);
        const target = world.portal.store(name);
        if (type === undefined) continue;
        if (!isLive(target, to.id)) throw invalidRequest(`${target.type.singular} ${to.id} does not exist`);
        return { to: target, toId: to.id, type };
      }
      throw invalidRequest(`${spec.associationTypeId} is no association type of ${store.type.name}`);
    }),
  );
}

export function tie(
  world: ApiWorld,
  given: {
    readonly from: RecordStore;
    readonly fromId: string;
    readonly to: RecordStore;
    readonly toId: string;
    readonly type: AssociationType | undefined;
  },
  call: ApiCall,
): void {
  const { from, fromId, to, toId, type } = given;
  world.portal.associate({ from: { store: from, id: fromId }, to: { store: to, id: toId }, type }, call.author, {
    call: call.number,
    ...(call.trace !== undefined && { trace: call.trace }),
  });
}

function typeOf(from: RecordStore, to: RecordStore, spec: z.infer<typeof specSchema>): AssociationType {
  const type =
    spec.associationCategory === 'HUBSPOT_DEFINED'
      ? associationType(from.type.name, to.type.name, spec.associationTypeId)
      : undefined;
  if (type !== undefined) return type;
  throw invalidRequest(
    `${spec.associationCategory} ${spec.associationTypeId} is no association type from ${from.type.name} to ${to.type.name}`,
  );
}

function isLive(store: RecordStore, id: string): boolean {
  return lookUpLive(store, id, undefined)?.id === id;
}

/** Benign: how "none" is said. Seen in captures, not documented. */
function noAssociations(from: RecordStore, to: RecordStore, id: string): RowError {
  return {
    status: 'error',
    category: 'OBJECT_NOT_FOUND',
    subCategory: 'crm.associations.NO_ASSOCIATIONS_FOUND',
    message: `No ${to.type.singular} is associated with ${from.type.singular} ${id}.`,
    context: { fromObjectId: [id], fromObjectType: [from.type.singular], toObjectType: [to.type.singular] },
  };
}

function answer(world: ApiWorld, status: 200 | 201, results: readonly unknown[], errors: readonly RowError[]): ApiAnswer {
  const at = isoStamp(world.now());
  const shown = world.behaviour.shuffleBatchResults ? world.random.shuffled(results) : results;
  const failures = errors.length > 0 ? { numErrors: errors.length, errors } : {};
  return {
    status: errors.length > 0 ? 207 : status,
    body: { status: 'COMPLETE', results: shown, ...failures, startedAt: at, completedAt: at },
  };
}

function refuseTooMany(inputs: readonly unknown[], max: number): void {
  if (inputs.length > max) throw invalidRequest(`At most ${max} inputs in a batch, there are ${inputs.length}`);
}
