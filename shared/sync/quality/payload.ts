import type { FieldValues } from '../field-value.ts';

/** A payload as one text, whatever the order of its fields: equal payloads have equal texts. Empty fields count as not there. */
export function payloadText(fields: FieldValues): string {
  const filled = Object.entries(fields).filter(([, value]) => value !== null);
  return JSON.stringify(filled.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
