import { isObject, listAt, textAt, textsIn } from '../answer-shape.ts';
import type { WriteOutcome } from '../connector.ts';
import { recordId18 } from './record-id.ts';

const GONE: ReadonlySet<string> = new Set(['ENTITY_IS_DELETED', 'NOT_FOUND']);
const MESSAGE_LENGTH_MAX = 500;

/** One element of a collections answer: `{id, success, errors: [{statusCode, message, fields}]}`. */
export function outcomeOf(result: unknown, sentId: string | undefined): WriteOutcome {
  if (!isObject(result)) return { outcome: 'unknown', message: 'no result for this row' };
  const answeredId = recordId18(textAt(result, 'id') ?? '');
  if (result.success === true) {
    const objectId = answeredId ?? sentId;
    if (objectId === undefined || (sentId !== undefined && objectId !== sentId)) {
      return { outcome: 'unknown', message: 'the result is about another row' };
    }
    return { outcome: 'written', objectId };
  }
  const [error] = listAt(result, 'errors');
  return refusedOutcome(error);
}

/** An error of a row (`statusCode`) or of a whole call (`errorCode`). */
export function refusedOutcome(error: unknown): WriteOutcome {
  const code = textAt(error, 'statusCode') ?? textAt(error, 'errorCode') ?? 'UNKNOWN';
  const message = (textAt(error, 'message') ?? '').slice(0, MESSAGE_LENGTH_MAX);
  const fields = textsIn(listAt(error, 'fields'));
  if (code === 'UNABLE_TO_LOCK_ROW' || code === 'ALL_OR_NONE_OPERATION_ROLLED_BACK') {
    // Jittered, so that rows that fought over one parent do not meet again.
    return { outcome: 'retry', code, retryAfterMs: 1_000 + Math.floor(Math.random() * 2_000) };
  }
  if (GONE.has(code)) return { outcome: 'gone' };
  if (code === 'INVALID_CROSS_REFERENCE_KEY' && fields.every((field) => field === 'Id')) return { outcome: 'gone' };
  if (code === 'DUPLICATE_VALUE') {
    const named = /record with id: ([A-Za-z0-9]{15,18})\b/.exec(message)?.[1];
    return { outcome: 'duplicate', existingObjectId: recordId18(named ?? ''), message };
  }
  if (code === 'DUPLICATES_DETECTED') return { outcome: 'duplicate', existingObjectId: firstMatch(error), message };
  return { outcome: 'rejected', code, message, fields };
}

/** `duplicateResult.matchResults[].matchRecords[].record.Id` of a duplicate rule. */
function firstMatch(error: unknown): string | undefined {
  const result = isObject(error) ? error.duplicateResult : undefined;
  for (const match of listAt(result, 'matchResults')) {
    for (const matched of listAt(match, 'matchRecords')) {
      const id = recordId18(textAt(isObject(matched) ? matched.record : undefined, 'Id') ?? '');
      if (id !== undefined) return id;
    }
  }
  return undefined;
}
