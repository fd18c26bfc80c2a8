import { choicesOf } from '../canon.ts';
import type { FieldValue, FieldValues } from '../field-value.ts';
import { isEmpty } from './field-shapes.ts';
import type { QualityFailure, QualityRules } from './quality-rules.ts';

/** Q7: values that have to be on a list. An alias is as good as its value; nothing is rewritten. */
export function referenceFailures({ references, canon }: QualityRules, fields: FieldValues): QualityFailure[] {
  return references.flatMap(({ field, allowed, onFail }): QualityFailure[] => {
    const value = fields[field];
    if (value === undefined || isEmpty(value)) return []; // an empty field refers to nothing
    const known = new Set<FieldValue>(allowed.map((one) => canon(field, one)));
    const unknown = choicesIn(value).filter((one) => !known.has(canon(field, one)));
    if (unknown.length === 0 || known.has(canon(field, value))) return [];
    return [{ stage: 'reference', rule: 'Q7', field, reason: `${field} is not in its reference list`, onFail }];
  });
}

/** Several choices (`a;b`) are looked up one by one. */
function choicesIn(value: FieldValue): FieldValue[] {
  if (typeof value !== 'string' || !value.includes(';')) return [value];
  return choicesOf(value);
}
