import * as z from 'zod';
import { named, notA, oneOf, settings, wholeNumber } from './schema-words.ts';

// The shape of `quality`. How its names refer to the sync's fields is `quality-faults.ts`.

const onFail = oneOf(['quarantine', 'warn', 'drop-field'], 'a way to treat what fails');
const onFailOfWhole = oneOf(['quarantine', 'warn'], 'a way to treat a whole object that fails');
const text = z.string({ error: notA('a text', 'give a text') });
const bound = z.union([z.number(), z.string().min(1)], { error: notA('a bound', "give a number, or a day as '2000-01-01'") });
const fieldName = text.min(1, { error: 'is empty; name a field' });

const fieldQuality = settings(
  {
    required: z.boolean({ error: notA('yes or no', 'use true or false') }).optional(),
    maxLength: wholeNumber(1, 1_000_000, 'characters').optional(),
    pattern: z.instanceof(RegExp, { error: notA('a regular expression', 'give one, such as /^\\d{5}$/') }).optional(),
    min: bound.optional(),
    max: bound.optional(),
    oneOf: z
      .array(z.union([z.string(), z.number(), z.boolean()]), {
        error: notA('a list of values', "give a list, such as ['a', 'b']"),
      })
      .min(1, { error: 'is an empty list; give the values that are allowed' })
      .optional(),
    onFail: onFail.optional(),
  },
  "a field's quality",
);

const rule = settings(
  {
    name: text.trim().min(1, { error: 'is empty; say what has to hold: quarantine and log show it' }),
    fields: z
      .array(fieldName, { error: notA('a list of fields', 'name the fields that the rule is about') })
      .min(1, { error: 'is an empty list; name the fields that the rule is about' }),
    holds: z.custom<unknown>((given) => typeof given === 'function', {
      error: notA('a function', 'give (values) => true or false'),
    }),
    onFail: onFail.optional(),
  },
  'a quality rule',
);

const allowed = z.union([z.array(text).min(1), z.record(text, z.array(text)).refine((table) => Object.keys(table).length > 0)], {
  error: notA('a list of values', "give a list, or a table of aliases such as { DE: ['Germany'] }"),
});

/** @see QualityConfig */
export const qualitySchema = settings(
  {
    schema: named(fieldQuality, 'a list of fields').optional(),
    rules: z.array(rule, { error: notA('a list of rules', 'give [{ name, fields, holds }]') }).optional(),
    reference: named(settings({ allowed, onFail: onFail.optional() }, 'a reference list'), 'a list of fields').optional(),
    duplicates: settings(
      {
        within: z
          .array(fieldName, { error: notA('a list of fields', "name fields, such as ['email']") })
          .min(1, { error: 'is an empty list; name the fields that tell duplicates' }),
        onFail: onFailOfWhole.optional(),
      },
      'duplicates',
    ).optional(),
    score: settings(
      {
        weights: named(
          z
            .number({ error: notA('a weight', 'give a number above 0') })
            .positive({ error: notA('a weight', 'give a number above 0') }),
          'a list of weights by field',
        ),
        minimum: z
          .number({ error: notA('a minimum', 'give a number from 0 to 1') })
          .min(0, { error: notA('a minimum', 'give a number from 0 to 1') })
          .max(1, { error: notA('a minimum', 'give a number from 0 to 1') }),
        onFail: onFailOfWhole.optional(),
      },
      'a score',
    ).optional(),
  },
  'quality',
);
