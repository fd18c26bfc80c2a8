import type { FieldValues } from '../field-value.ts';
import { duplicateFailures } from './duplicates.ts';
import { isEmpty, shapeFailures } from './field-shapes.ts';
import { ruleFailures } from './fields-rules.ts';
import type { Assessment, QualityFailure, QualityRules } from './quality-rules.ts';
import { referenceFailures } from './reference-lists.ts';

/** A link keeps the reason in the record's item, which is written often. */
const REASON_MAX = 200;

/**
 * Judges what an object shows, before it is merged. Pure: the same fields get the same assessment. All stages run, so that a
 * person sees everything that is wrong at once.
 *
 * @param fields - canonical, as observed; fields that were not read are absent, and fail nothing.
 * @param candidates - other objects of the same system with the same duplicate key (`duplicateKeyOf`).
 */
export function assess(quality: QualityRules, fields: FieldValues, candidates: readonly string[] = []): Assessment {
  const failures: QualityFailure[] = [
    ...shapeFailures(quality, fields),
    ...ruleFailures(quality.rules, fields),
    ...referenceFailures(quality, fields),
    ...duplicateFailures(quality, candidates),
  ];
  const score = scoreOf(quality, fields, failures);
  const minimum = quality.score?.minimum ?? 0;
  if (quality.score !== undefined && score < minimum)
    failures.push({
      stage: 'score',
      rule: 'Q9',
      reason: `its quality is ${score}, and ${minimum} is asked`,
      onFail: quality.score.onFail,
    });
  return {
    score,
    failures,
    verdict: failures.some(({ onFail }) => onFail === 'quarantine') ? 'quarantine' : 'pass',
    dropped: [...new Set(failures.filter(({ onFail }) => onFail === 'drop-field').flatMap(fieldsOf))],
  };
}

/** Why an object is in quarantine, in one short text: rules and fields, never values. */
export function quarantineReason({ failures }: Assessment): string {
  const text = failures
    .filter(({ onFail }) => onFail === 'quarantine')
    .map(({ rule, reason }) => `${rule} ${reason}`)
    .join('; ');
  return text.length > REASON_MAX ? `${text.slice(0, REASON_MAX - 1)}…` : text;
}

/** The fields that are taken. */
export function withoutDropped(fields: FieldValues, { dropped }: Assessment): FieldValues {
  if (dropped.length === 0) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !dropped.includes(field)));
}

/** The weighted share of the fields that are filled and without fault, to two digits. Fields that were not read do not count. */
function scoreOf({ score }: QualityRules, fields: FieldValues, failures: readonly QualityFailure[]): number {
  const faulty = new Set(failures.flatMap(fieldsOf));
  let reached = 0;
  let possible = 0;
  for (const [field, weight] of Object.entries(score?.weights ?? {})) {
    if (fields[field] === undefined) continue;
    possible += weight;
    if (!isEmpty(fields[field]) && !faulty.has(field)) reached += weight;
  }
  return possible === 0 ? 1 : Math.round((reached / possible) * 100) / 100;
}

function fieldsOf({ field, fields }: QualityFailure): readonly string[] {
  return fields ?? (field === undefined ? [] : [field]);
}
