import type { NativeValues } from '../../sync/change-hint.ts';
import { isObject, listAt, requiredList, textAt, textsIn } from '../answer-shape.ts';
import type { ApiClient } from '../api-client.ts';
import type { BatchAnswer } from '../batched-write.ts';
import type { WriteOutcome } from '../connector.ts';
import { propertiesOf, readRow, valuesOf } from './row.ts';
import { refusedOutcome, refusedProperties } from './write-outcome.ts';

/** One write of a batch. `key` comes back as its trace id. */
export interface TracedWrite {
  readonly id: string; // of the object, or the value of `idProperty`
  readonly idProperty?: string;
  readonly values: NativeValues;
}

/** A record lock, which lasts two seconds. */
const LOCKED = 423;
const LOCK_LIFE_MS = 2_000;

/** Errors that a property causes wherever it appears: each row that carries it would fail alike. */
const PROPERTY_WIDE: ReadonlySet<string> = new Set(['PROPERTY_DOESNT_EXIST', 'READ_ONLY_VALUE']);

/**
 * Sends one batch/update or batch/upsert. Results are matched by trace id, then by id or the value
 * of the unique property, never by position. HubSpot: developers.hubspot.com/docs/api-reference/error-handling
 */
export async function sendBatch(
  api: ApiClient,
  request: { system: string; path: string; stampProperty: string },
  batch: ReadonlyMap<string, TracedWrite>,
): Promise<BatchAnswer> {
  const inputs = [...batch].map(([key, { id, idProperty, values }]) => ({
    id,
    idProperty,
    properties: propertiesOf(values),
    objectWriteTraceId: key,
  }));
  const answer = await api.call({
    method: 'POST',
    path: request.path,
    body: { inputs },
    effect: 'write',
    judged: [400, 404, 409, LOCKED],
  });
  if (answer.status === LOCKED) {
    // One locked record refuses the batch: halving lets the others through.
    return { settled: new Map(), alone: { outcome: 'retry', code: 'LOCKED', retryAfterMs: LOCK_LIFE_MS } };
  }
  if (answer.status >= 400) return { settled: namedByRefusal(answer.json, batch), alone: refusedOutcome(answer.json) };

  const outcomes = new Map<string, WriteOutcome>();
  const keyOfId = new Map([...batch].map(([key, write]) => [write.id, key]));
  for (const result of requiredList(request.system, isObject(answer.json) ? answer.json.results : undefined)) {
    const row = readRow(result, request.stampProperty);
    if (row === undefined) continue;
    const key = keyOfResult(textAt(result, 'objectWriteTraceId'), row.objectId, row.properties, batch, keyOfId);
    const write = key === undefined ? undefined : batch.get(key);
    if (key === undefined || write === undefined) continue;
    outcomes.set(key, {
      outcome: 'written',
      objectId: row.objectId,
      values: valuesOf(row.properties, Object.keys(write.values), 'leave-out'),
      stampMs: row.stampMs,
    });
  }
  for (const error of listAt(answer.json, 'errors')) {
    for (const key of keysOfError(error, batch, keyOfId)) {
      if (!outcomes.has(key)) outcomes.set(key, refusedOutcome(error));
    }
  }
  return { outcomes };
}

function keyOfResult(
  trace: string | undefined,
  objectId: string,
  properties: Readonly<Record<string, unknown>>,
  batch: ReadonlyMap<string, TracedWrite>,
  keyOfId: ReadonlyMap<string, string>,
): string | undefined {
  if (trace !== undefined && batch.has(trace)) return trace;
  const [any] = batch.values();
  if (any?.idProperty === undefined) return keyOfId.get(objectId);
  const unique = textAt(properties, any.idProperty);
  return unique === undefined ? undefined : keyOfId.get(unique);
}

function keysOfError(error: unknown, batch: ReadonlyMap<string, TracedWrite>, keyOfId: ReadonlyMap<string, string>): string[] {
  const context = isObject(error) ? error.context : undefined;
  const traced = textsIn(listAt(context, 'objectWriteTraceId')).filter((key) => batch.has(key));
  if (traced.length > 0) return traced;
  return textsIn(listAt(context, 'ids')).flatMap((id) => keyOfId.get(id) ?? []);
}

/** The writes a refusal of the whole batch points at; empty when only halving can tell. */
function namedByRefusal(error: unknown, batch: ReadonlyMap<string, TracedWrite>): Map<string, WriteOutcome> {
  const named = new Map<string, WriteOutcome>();
  const wide = refusedProperties(error).filter(({ property, code }) => property !== '' && PROPERTY_WIDE.has(code));
  if (wide.length === 0) return named;
  const message = (textAt(error, 'message') ?? '').slice(0, 500);
  for (const [key, write] of batch) {
    const carried = wide.filter(({ property }) => Object.hasOwn(write.values, property));
    const [first] = carried;
    if (first === undefined) continue;
    named.set(key, { outcome: 'rejected', code: first.code, message, fields: carried.map(({ property }) => property) });
  }
  return named;
}
