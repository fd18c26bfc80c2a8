import * as z from 'zod';
import { didYouMean } from './nearest-name.ts';

// What the schema of `quality` cannot say: its fields have to be those of the sync, and bounds have to fit together.

const list = z.array(z.string()).catch([]);
const record = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value).catch({});
const bound = z.union([z.number(), z.string()]).optional().catch(undefined);

/** Whatever has a wrong shape is left out: the schema names it. */
export const looseQuality = z
  .object({
    schema: record(z.object({ min: bound, max: bound }).catch({})),
    rules: z.array(z.object({ name: z.string().catch(''), fields: list }).catch({ name: '', fields: [] })).catch([]),
    reference: record(z.unknown()),
    duplicates: z.object({ within: list }).catch({ within: [] }),
    score: z.object({ weights: record(z.unknown()) }).catch({ weights: {} }),
  })
  .optional()
  .catch(undefined);
export type LooseQuality = z.infer<typeof looseQuality>;

/** @returns one sentence per fault. */
export function qualityFaults(quality: LooseQuality, fields: readonly string[], at: string): string[] {
  if (quality === undefined) return [];
  const { schema, rules, reference, duplicates, score } = quality;
  const named: [path: string, field: string][] = [
    ...Object.keys(schema).map((field): [string, string] => [`${at}.schema.${field}`, field]),
    ...rules.flatMap((rule, index) => rule.fields.map((field): [string, string] => [`${at}.rules.${index}.fields`, field])),
    ...Object.keys(reference).map((field): [string, string] => [`${at}.reference.${field}`, field]),
    ...duplicates.within.map((field): [string, string] => [`${at}.duplicates.within`, field]),
    ...Object.keys(score.weights).map((field): [string, string] => [`${at}.score.weights.${field}`, field]),
  ];
  const known = fields.length === 0 ? 'there is none' : `there is ${fields.join(', ')}`;
  return [
    ...named
      .filter(([, field]) => !fields.includes(field))
      .map(([path, field]) => `${path}: "${field}" is not a field of this sync${didYouMean(field, fields, known)}`),
    ...Object.entries(schema).flatMap(([field, { min, max }]) => boundFaults(`${at}.schema.${field}`, min, max)),
    ...rules.flatMap(({ name }, index) =>
      name !== '' && rules.findIndex((other) => other.name === name) < index
        ? [`${at}.rules.${index}.name: "${name}" is there already; give each rule a name of its own`]
        : [],
    ),
  ];
}

function boundFaults(at: string, min: string | number | undefined, max: string | number | undefined): string[] {
  if (min === undefined || max === undefined) return [];
  if (typeof min !== typeof max) return [`${at}: min is a ${typeof min} and max a ${typeof max}; give two of one kind`];
  return min > max ? [`${at}: nothing is at least ${min} and at most ${max}; change one of the bounds`] : [];
}
