import * as z from 'zod';
import { didYouMean } from './nearest-name.ts';

// What the schemas of the config are made of: each says of a wrong setting what stands there and what would be right.

/** A value as a fault shows it: short, and as it would be typed. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

type Problem = Pick<z.core.$ZodRawIssue, 'code' | 'input'>;

/** `"fone" is not a transform; use one of ...`, or that there is nothing. */
export const notA = (noun: string, instead: string) => (problem: Problem) =>
  problem.input === undefined ? `is missing; ${instead}` : `${shown(problem.input)} is not ${noun}; ${instead}`;

/** An object with these settings and no others: a misspelt one must not be passed over. */
export function settings<Shape extends z.core.$ZodShape>(shape: Shape, noun: string) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return notA(noun, `it has ${known.join(', ')}`)(issue);
      const unknown = issue.keys.map(
        (key) => `"${key}" is no setting of ${noun}${didYouMean(key, known, `it has ${known.join(', ')}`)}`,
      );
      return unknown.join('; ');
    },
  });
}

export const oneOf = <const Values extends readonly string[]>(values: Values, noun: string) =>
  z.enum(values, { error: notA(noun, `use one of ${values.join(', ')}`) });

export const name = z
  .string({ error: notA('a name', 'use letters, digits and underscores') })
  .regex(/^[A-Za-z][A-Za-z0-9_]*$/, {
    error: notA('a name', 'use letters, digits and underscores, beginning with a letter'),
  })
  .refine((text) => !(text in Object.prototype), { error: notA('a usable name', 'JavaScript keeps that word for itself') });
export const nativeName = z.string({ error: notA('a name', 'copy the API name from the CRM') }).min(1, {
  error: 'is empty; copy the API name from the CRM',
});

/** @param noun - with its article. */
export const named = <Value extends z.ZodType>(value: Value, noun: string) =>
  z.record(name, value, { error: notA(noun, 'give an object with one entry for each') });

export const wholeNumber = (min: number, max: number, unit: string) => {
  const error = notA(`a whole number of ${unit} from ${min} to ${max}`, 'change it');
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** A discriminated union tells only its own input: what it was meant to be is its kind, if it has one. */
export function kindIn(input: unknown): unknown {
  return typeof input === 'object' && input !== null && 'kind' in input ? input.kind : input;
}
