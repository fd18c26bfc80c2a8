import * as z from 'zod';
import { LINK_DEFAULT, REVIEW_DEFAULT } from './matching-config.ts';
import { didYouMean } from './nearest-name.ts';
import { name, notA, settings } from './schema-words.ts';

const COMPARABLE_KINDS = ['name', 'date', 'identifier', 'email', 'phone', 'place', 'text', 'category'] as const;

const comparable = z.union([z.enum(COMPARABLE_KINDS), z.literal(false)], {
  error: notA('what a field can tell', `use one of ${COMPARABLE_KINDS.join(', ')}, or false to leave it out`),
});
const BITS_ERROR = notA('a score in bits from -20 to 100', 'try 10 for link and 0 for review');
const bits = z.number({ error: BITS_ERROR }).min(-20, { error: BITS_ERROR }).max(100, { error: BITS_ERROR });

/** The shape of a sync's `matching`. */
export const matchingSchema = settings(
  {
    scored: z
      .union(
        [
          z.boolean(),
          settings(
            {
              fields: z.record(name, comparable, { error: notA('a list of fields', "give { field: 'name' }") }).optional(),
              link: bits.optional(),
              review: bits.optional(),
            },
            'scored',
          ),
        ],
        { error: notA('a scored match', 'use true, false, or { fields, link, review }') },
      )
      .optional(),
  },
  'matching',
);

/** Whatever has a wrong shape is left out here: the schema names it. */
export const looseMatching = z
  .object({
    scored: z.object({
      fields: z.record(z.string(), z.unknown()).catch({}),
      link: z.number().catch(LINK_DEFAULT),
      review: z.number().catch(REVIEW_DEFAULT),
    }),
  })
  .optional()
  .catch(undefined);

/** @returns one sentence per fault of names and thresholds that do not fit together. */
export function matchingFaults(
  sync: { readonly matching?: z.infer<typeof looseMatching>; readonly fields: Readonly<Record<string, unknown>> },
  at: string,
): string[] {
  if (sync.matching === undefined) return [];
  const { fields, link, review } = sync.matching.scored;
  const names = Object.keys(sync.fields);
  const path = `${at}.matching.scored`;
  return [
    ...Object.keys(fields)
      .filter((field) => sync.fields[field] === undefined)
      .map(
        (field) =>
          `${path}.fields.${field}: "${field}" is not a field of this sync${didYouMean(field, names, `it has ${names.join(', ')}`)}`,
      ),
    ...(link <= review
      ? [`${path}.link: ${link} is not more than review (${review}); what is linked has to be surer than what is asked`]
      : []),
  ];
}
