import { isObject, listAt, textAt, textsIn } from '../answer-shape.ts';
import type { WriteOutcome } from '../connector.ts';

const MESSAGE_LENGTH_MAX = 500;
const RATE_RETRY_MS = 10_000;

/** What an error, of a whole call or of one row of a 207 answer, means for a write. */
export function refusedOutcome(error: unknown): WriteOutcome {
  const category = textAt(error, 'category') ?? textAt(error, 'errorType') ?? 'UNKNOWN';
  const message = (textAt(error, 'message') ?? '').slice(0, MESSAGE_LENGTH_MAX);
  const existing = /Existing ID: (\d{1,20})/.exec(message)?.[1];
  if (category === 'CONFLICT' || category === 'OBJECT_ALREADY_EXISTS' || existing !== undefined) {
    return { outcome: 'duplicate', existingObjectId: existing, message };
  }
  if (category === 'OBJECT_NOT_FOUND') return { outcome: 'gone' };
  if (category.startsWith('RATE_LIMIT')) return { outcome: 'retry', code: category, retryAfterMs: RATE_RETRY_MS };
  if (/INTERNAL|TIMEOUT|UNAVAILABLE/.test(category)) return { outcome: 'unknown', message: category };
  const details = refusedProperties(error);
  return {
    outcome: 'rejected',
    code: details[0]?.code ?? category,
    message,
    fields: [...new Set(details.map((detail) => detail.property).filter((property) => property !== ''))],
  };
}

/** Which properties a validation error names, from `errors[].context` or the list inside its message. */
export function refusedProperties(error: unknown): { property: string; code: string }[] {
  const listed = listAt(error, 'errors').flatMap((detail) => {
    const code = textAt(detail, 'code') ?? textAt(error, 'category') ?? 'VALIDATION_ERROR';
    const names = textsIn(listAt(isObject(detail) ? detail.context : undefined, 'propertyName'));
    return (names.length === 0 ? [''] : names).map((property) => ({ property, code }));
  });
  return listed.some(({ property }) => property !== '') ? listed : propertiesInMessage(textAt(error, 'message') ?? '');
}

/** `Property values were not valid: [{"isValid":false,"message":...,"error":"INVALID_EMAIL","name":"email"}]` */
function propertiesInMessage(message: string): { property: string; code: string }[] {
  const start = message.indexOf('[{');
  if (start < 0) return [];
  let list: unknown;
  try {
    list = JSON.parse(message.slice(start));
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => {
    const property = textAt(item, 'name');
    return property === undefined ? [] : [{ property, code: textAt(item, 'error') ?? 'VALIDATION_ERROR' }];
  });
}
