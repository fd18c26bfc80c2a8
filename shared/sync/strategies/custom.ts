import * as z from 'zod';
import type { FieldValue } from '../field-value.ts';
import type { CustomDecision } from '../rules.ts';
import type { Contender, FieldConflict, Verdict } from './conflict.ts';

/** A function of the config may answer anything at all: its types are only as good as the check they had. */
const answerSchema = z.union([
  z.enum(['record', 'observed', 'manual']),
  z.object({ value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }), // z.number() takes no NaN
]);

/** Enough of an error's message to find its cause. */
const MESSAGE_LENGTH_MAX = 200;

/** S11. A function of the config decides. What it throws, or answers wrongly, becomes a hold that says so. */
export function decideByFunction(conflict: FieldConflict, name: string, decide: CustomDecision): Verdict {
  const { field, base, record, observed } = conflict;
  const verdict = (winner: 'record' | 'observed' | 'nobody', reason: string): Verdict => ({ winner, rule: 'S11', reason });
  let answer: z.infer<typeof answerSchema> | undefined;
  try {
    answer = answerSchema.safeParse(decide({ field, base, record: sideOf(record), observed: sideOf(observed) })).data;
  } catch (error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : 'it threw what is no error';
    return verdict('nobody', `the function "${name}" of the config failed (${message.slice(0, MESSAGE_LENGTH_MAX)})`);
  }
  if (answer === undefined)
    return verdict(
      'nobody',
      `the function "${name}" of the config gave no answer that can be used: record, observed, manual or { value }`,
    );
  if (answer === 'manual') return verdict('nobody', `the function "${name}" of the config asks a person to decide`);
  const reason = `the function "${name}" of the config decided`;
  if (typeof answer === 'string') return verdict(answer, reason);
  const value = emptyToNull(answer.value);
  if (value === record.value) return verdict('record', reason);
  if (value === observed.value) return verdict('observed', reason);
  return { winner: 'merged', value, rule: 'S11', reason };
}

/** A copy, so that a function that changes what it was given changes nothing else. */
function sideOf({ value, by, atMs }: Contender): Parameters<CustomDecision>[0]['record'] {
  return { value, by, atMs };
}

/** `null` is the one way to say "empty" in a record. */
function emptyToNull(value: FieldValue): FieldValue {
  if (typeof value !== 'string') return value;
  return value.trim() === '' ? null : value.toWellFormed();
}
