import type { FieldValues } from '../field-value.ts';
import { isEmpty } from './field-shapes.ts';
import type { QualityFailure, QualityRules } from './quality-rules.ts';

/** More candidates than this tell nothing new: the value is one that many objects share. */
export const CANDIDATES_MAX = 5;

/**
 * The key under which possible duplicates meet: the canon of each field, whatever its case. Undefined where one of them is
 * empty or was not read: such an object is nobody's duplicate.
 */
export function duplicateKeyOf({ duplicates, canon }: QualityRules, fields: FieldValues): string | undefined {
  if (duplicates === undefined) return undefined;
  const parts: string[] = [];
  for (const field of duplicates.within) {
    const value = fields[field];
    const part = value === undefined || isEmpty(value) ? null : canon(field, value);
    if (part === null) return undefined;
    parts.push(String(part).toLowerCase().normalize('NFC'));
  }
  return JSON.stringify(parts);
}

/** @param candidates - other objects of the same system that have the same key, as far as they were looked up. */
export function duplicateFailures({ duplicates }: QualityRules, candidates: readonly string[]): QualityFailure[] {
  if (duplicates === undefined || candidates.length === 0) return [];
  const some = candidates.slice(0, CANDIDATES_MAX);
  const others = `${some.join(', ')}${candidates.length > some.length ? ' and more' : ''}`;
  const reason = `has the same ${duplicates.within.join(' and ')} as ${others} of the same system`;
  return [{ stage: 'duplicates', rule: 'Q8', reason, onFail: duplicates.onFail }];
}
