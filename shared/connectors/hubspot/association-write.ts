import { SyncError, SystemUnavailableError } from '../../errors.ts';
import type { NativeValue, NativeValues } from '../../sync/change-hint.ts';
import { isObject, listAt, textsIn } from '../answer-shape.ts';
import { type BatchAnswer, writeInBatches } from '../batched-write.ts';
import type { WriteOutcome } from '../connector.ts';
import { type Association, associationsOf, isAssociation } from './association.ts';
import { type AssociationTarget, readTied } from './association-read.ts';
import { refusedOutcome } from './write-outcome.ts';

/** Of associations to be set HubSpot takes 2,000 per call, of those to be cut 100; a batch of writes is no larger. */
const BATCH_MAX = 100;
const LOCKED = 423;
const LOCK_LIFE_MS = 2_000;
const LATER_MS = 10_000;

interface Tie {
  readonly fromId: string;
  readonly toId: string;
}

/** The values of a write, properties apart from associations. */
export function partedValues(values: NativeValues): { properties: NativeValues; associations: NativeValues } {
  const parted = Object.entries(values);
  return {
    properties: Object.fromEntries(parted.filter(([name]) => !isAssociation(name))),
    associations: Object.fromEntries(parted.filter(([name]) => isAssociation(name))),
  };
}

/**
 * Ties objects to others as `wanted` says, and cuts the tie where it says null: a call per kind of tie and 100 objects, and
 * for cuts a read before it, since a cut has to name both ends. Setting a tie takes it from the object that had it; what is
 * left there is a plain association, as when a person does so in HubSpot.
 *
 * @param wanted - by object id, native values of associations.
 * @returns what did not go well, by object id.
 */
export async function writeAssociations(
  target: AssociationTarget,
  wanted: ReadonlyMap<string, NativeValues>,
): Promise<Map<string, WriteOutcome>> {
  const failures = new Map<string, WriteOutcome>();
  for (const association of associationsOf(target.object)) {
    const values = [...wanted].flatMap(([objectId, native]): [string, NativeValue][] => {
      const value = failures.has(objectId) ? undefined : native[association.native];
      return value === undefined ? [] : [[objectId, value]];
    });
    const cuts = values.filter(([, value]) => isEmpty(value)).map(([objectId]) => objectId);
    const ties = values.filter(([, value]) => !isEmpty(value));
    const cut = await cutAll(target, association, cuts);
    const tied = await restOrLater(cut.size > 0, new Map(ties), () => tieAll(target, association, ties));
    const outcomes = [...cut, ...tied];
    for (const [objectId, outcome] of outcomes) {
      if (outcome.outcome !== 'written') failures.set(objectId, blaming(outcome, association));
    }
  }
  return failures;
}

/** The written objects now hold their associations as well, and the answers say so. */
export function withWrittenTies(
  outcomes: ReadonlyMap<string, WriteOutcome>,
  ties: ReadonlyMap<string, NativeValues>,
): Map<string, WriteOutcome> {
  return new Map(
    [...outcomes].map(([key, outcome]): [string, WriteOutcome] => {
      const tied = ties.get(key);
      // The answer names the values it knows; without properties it names none.
      if (outcome.outcome !== 'written' || tied === undefined) return [key, outcome];
      return [key, { ...outcome, values: { ...outcome.values, ...tied } }];
    }),
  );
}

/**
 * A later part of a write of which an earlier part is done: it must not throw as if nothing had been written.
 *
 * @param begun - whether there was an earlier part.
 */
export async function restOrLater<Write>(
  begun: boolean,
  writes: ReadonlyMap<string, Write>,
  send: () => Promise<Map<string, WriteOutcome>>,
): Promise<Map<string, WriteOutcome>> {
  try {
    return await send();
  } catch (error) {
    if (!begun || !(error instanceof SyncError)) throw error;
    const retryAfterMs = 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : LATER_MS;
    const outcome: WriteOutcome =
      error instanceof SystemUnavailableError
        ? { outcome: 'unknown', message: error.message }
        : { outcome: 'retry', code: error.name, retryAfterMs };
    return new Map([...writes.keys()].map((key) => [key, outcome]));
  }
}

/**
 * Ties what was just created, which takes its id. What does not succeed is `unknown`: the object is there, and the next look
 * finds out what it lacks.
 */
export async function tieCreated(
  target: AssociationTarget,
  creates: readonly { readonly recordId: string; readonly values: NativeValues }[],
  outcomes: ReadonlyMap<string, WriteOutcome>,
): Promise<Map<string, WriteOutcome>> {
  const ties = new Map<string, NativeValues>();
  const idOf = new Map<string, string>();
  for (const { recordId, values } of creates) {
    const outcome = outcomes.get(recordId);
    const { associations } = partedValues(values);
    if (outcome?.outcome !== 'written' || Object.keys(associations).length === 0) continue;
    ties.set(outcome.objectId, associations);
    idOf.set(recordId, outcome.objectId);
  }
  if (ties.size === 0) return new Map(outcomes);
  const failures = await writeAssociations(target, ties).catch((error: unknown): Map<string, WriteOutcome> => {
    if (!(error instanceof SyncError)) throw error;
    return new Map([...ties.keys()].map((objectId) => [objectId, { outcome: 'unknown', message: error.message }]));
  });
  return new Map(
    [...outcomes].map(([recordId, outcome]): [string, WriteOutcome] => {
      const objectId = idOf.get(recordId);
      if (objectId === undefined || outcome.outcome !== 'written') return [recordId, outcome];
      if (failures.has(objectId))
        return [recordId, { outcome: 'unknown', message: 'created, but its associations are not all set' }];
      return [recordId, { ...outcome, values: { ...outcome.values, ...ties.get(objectId) } }];
    }),
  );
}

async function tieAll(
  target: AssociationTarget,
  association: Association,
  values: readonly (readonly [string, NativeValue])[],
): Promise<Map<string, WriteOutcome>> {
  const ties = new Map(values.map(([fromId, value]): [string, Tie] => [fromId, { fromId, toId: String(value) }]));
  const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: association.typeId }];
  return writeInBatches(ties, BATCH_MAX, (batch) =>
    send(
      target,
      target.paths.associations(target.object, association.to, 'create'),
      [...batch.values()].map(({ fromId, toId }) => ({ from: { id: fromId }, to: { id: toId }, types })),
      batch,
    ),
  );
}

async function cutAll(
  target: AssociationTarget,
  association: Association,
  objectIds: readonly string[],
): Promise<Map<string, WriteOutcome>> {
  const outcomes = new Map<string, WriteOutcome>();
  if (objectIds.length === 0) return outcomes;
  const tied = await readTied(target, association, objectIds);
  const ties = new Map<string, Tie>();
  for (const fromId of objectIds) {
    const toId = tied.get(fromId);
    if (toId === undefined) outcomes.set(fromId, { outcome: 'unknown', message: 'the answer says nothing of its associations' });
    else if (toId !== null) ties.set(fromId, { fromId, toId });
  }
  const cut = await writeInBatches(ties, BATCH_MAX, (batch) =>
    send(
      target,
      target.paths.associations(target.object, association.to, 'archive'),
      [...batch.values()].map(({ fromId, toId }) => ({ from: { id: fromId }, to: [{ id: toId }] })),
      batch,
    ),
  );
  return new Map([...outcomes, ...cut]);
}

/** What the answer has no error for is done: rows are named by their errors, results by numbers or texts. */
async function send(
  target: AssociationTarget,
  path: string,
  inputs: readonly unknown[],
  batch: ReadonlyMap<string, Tie>,
): Promise<BatchAnswer> {
  const answer = await target.api.call({
    method: 'POST',
    path,
    body: { inputs },
    effect: 'write',
    judged: [400, 404, 409, LOCKED],
  });
  if (answer.status === LOCKED)
    return { settled: new Map(), alone: { outcome: 'retry', code: 'LOCKED', retryAfterMs: LOCK_LIFE_MS } };
  if (answer.status >= 400) return { settled: new Map(), alone: refusedOutcome(answer.json) };
  const outcomes = new Map<string, WriteOutcome>();
  for (const error of listAt(answer.json, 'errors')) {
    const context = isObject(error) ? error.context : undefined;
    const named = textsIn(listAt(context, 'fromObjectId')).filter((id) => batch.has(id));
    // An error that names nobody may be about any of them.
    for (const id of named.length > 0 ? named : batch.keys()) outcomes.set(id, refusedOutcome(error));
  }
  for (const { fromId } of batch.values()) {
    if (!outcomes.has(fromId)) outcomes.set(fromId, { outcome: 'written', objectId: fromId });
  }
  return { outcomes };
}

/** "Not found" is said of the other end as well: the object itself was read a moment ago. */
function blaming(outcome: WriteOutcome, { native }: Association): WriteOutcome {
  if (outcome.outcome === 'gone')
    return {
      outcome: 'rejected',
      code: 'ASSOCIATION_NOT_FOUND',
      message: 'one of the two objects does not exist',
      fields: [native],
    };
  return outcome.outcome === 'rejected' ? { ...outcome, fields: [native] } : outcome;
}

function isEmpty(value: NativeValue): boolean {
  return value === null || value === '';
}
