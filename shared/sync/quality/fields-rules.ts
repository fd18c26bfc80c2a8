import type { FieldValues } from '../field-value.ts';
import type { FieldsRule, QualityFailure } from './quality-rules.ts';

/** Q6: sentences about several fields. A rule that fails by itself never lets anything through, and never stops the batch. */
export function ruleFailures(rules: readonly FieldsRule[], fields: FieldValues): QualityFailure[] {
  return rules.flatMap((rule): QualityFailure[] => {
    if (rule.fields.some((field) => fields[field] === undefined)) return []; // not read: nothing can be said
    const broken = { stage: 'rules', rule: 'Q6', fields: rule.fields } as const;
    const answer = answerOf(rule, fields);
    if (answer === true) return [];
    if (answer === false) return [{ ...broken, reason: `"${rule.name}" does not hold`, onFail: rule.onFail }];
    return [{ ...broken, reason: `the rule "${rule.name}" itself failed: ${answer}`, onFail: 'quarantine' }];
  });
}

/** What the rule says, or what is wrong with it. Its message may hold a value, so only the error's name is told. */
function answerOf(rule: FieldsRule, fields: FieldValues): boolean | string {
  const values = Object.fromEntries(rule.fields.map((field) => [field, fields[field] ?? null]));
  try {
    const answer = rule.holds(Object.freeze(values));
    return typeof answer === 'boolean' ? answer : `it answered ${kindOf(answer)} instead of true or false`;
  } catch (error) {
    return `it threw ${error instanceof Error ? error.name : kindOf(error)}`;
  }
}

function kindOf(answer: unknown): string {
  if (answer === null) return 'null';
  if (answer instanceof Promise) return 'a promise';
  return answer === undefined ? 'nothing' : `a ${typeof answer}`;
}
