import type { FieldValue, FieldValues } from '../field-value.ts';
import { compareValues } from '../strategies/compare-values.ts';
import type { FieldShape, QualityFailure, QualityRules } from './quality-rules.ts';

/** Q1-Q5: what single fields have to be like. Each field fails once, by the first rule that it breaks. */
export function shapeFailures({ shapes, canon }: QualityRules, fields: FieldValues): QualityFailure[] {
  return shapes.flatMap((shape) => {
    const value = fields[shape.field];
    if (value === undefined) return []; // not read: nothing is known of it
    const fault = faultOf(shape, value, (one) => canon(shape.field, one));
    return fault === undefined ? [] : [{ stage: 'schema', field: shape.field, onFail: shape.onFail, ...fault }];
  });
}

function faultOf(
  { field, required, maxLength, pattern, min, max, oneOf }: FieldShape,
  value: FieldValue,
  canon: (value: FieldValue) => FieldValue,
): { rule: string; reason: string } | undefined {
  if (isEmpty(value)) return required === true ? { rule: 'Q1', reason: `${field} is empty, and it is required` } : undefined;
  const text = String(value);
  if (maxLength !== undefined && isLonger(text, maxLength))
    return { rule: 'Q2', reason: `${field} is longer than ${maxLength} characters` };
  if (pattern !== undefined && !pattern.test(text))
    return { rule: 'Q3', reason: `${field} does not look like ${pattern.source}` };
  const range = rangeFault(field, value, min, max);
  if (range !== undefined) return { rule: 'Q4', reason: range };
  if (oneOf !== undefined && !oneOf.some((one) => canon(one) === canon(value)))
    return { rule: 'Q5', reason: `${field} is none of the values that are allowed` };
  return undefined;
}

export function isEmpty(value: FieldValue | undefined): boolean {
  return value === null || value === undefined || (typeof value === 'string' && value.trim() === '');
}

/** Counts code points, and no more of them than it needs. */
function isLonger(text: string, maxLength: number): boolean {
  if (text.length <= maxLength) return false;
  if (text.length > 2 * maxLength) return true;
  return [...text].length > maxLength;
}

function rangeFault(
  field: string,
  value: FieldValue,
  min: string | number | undefined,
  max: string | number | undefined,
): string | undefined {
  if (value === null) return undefined;
  for (const [bound, side] of [
    [min, 'below'],
    [max, 'above'],
  ] as const) {
    if (bound === undefined) continue;
    const order = compareValues(value, bound);
    if (order === undefined) return `${field} cannot be compared with ${bound}`;
    if (side === 'below' ? order < 0 : order > 0) return `${field} is ${side} ${bound}`;
  }
  return undefined;
}
