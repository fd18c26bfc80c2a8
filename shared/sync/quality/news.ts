import type { FieldValues } from '../field-value.ts';
import { sameValue, seenOf } from '../link.ts';
import type { Link, SyncRecord } from '../record.ts';
import type { SyncRules } from '../rules.ts';

/**
 * Whether an observation brings anything that was not taken in before. Quality judges what comes in: what was there before
 * its rules were made, and the echo of our own writes, is not held against an object that somebody edits elsewhere.
 */
export function bringsNews(record: SyncRecord, link: Link, system: string, fields: FieldValues, rules: SyncRules): boolean {
  if (link.quarantine !== undefined) return true; // it may have been put right by taking it back
  const directions = rules.systems[system]?.fields ?? {};
  return Object.entries(fields).some(([field, value]) => {
    const direction = directions[field];
    if (direction === undefined || direction === 'out') return false;
    const seen = seenOf(record, link, field);
    if ('never' in seen) return true;
    if (sameValue(rules, field, seen.value, value)) return false;
    return !link.receipts.some((receipt) => {
      const written = receipt.fields[field];
      return written !== undefined && sameValue(rules, field, written.value, value);
    });
  });
}
