import * as z from 'zod';
import { nativeValueSchema } from '../sync/change-hint.ts';
import { isPhoneCountry } from '../sync/phone-number.ts';
import { canarySchema, guardsSchema } from './guard-schema.ts';
import { matchingSchema } from './matching-schema.ts';
import { qualitySchema } from './quality-schema.ts';
import { kindIn, name, named, nativeName, notA, oneOf, settings, wholeNumber } from './schema-words.ts';
import { isKindOfWhole, policiesSchema, strategySchema } from './strategy-schema.ts';

// The shape of the config, word by word. How its names refer to one another is `config-references.ts`.

const KINDS = ['text', 'email', 'phone', 'date', 'number', 'boolean', 'picklist', 'set', 'domain', 'reference'] as const;
const PLAIN_TRANSFORMS = ['text', 'trim', 'lower-case', 'upper-case', 'email', 'number-text', 'boolean-text', 'date'] as const;
const TRANSFORM_WORDS =
  'use one of text(), trim(), lowerCase(), upperCase(), email(), numberText(), booleanText(), date(), phone(country), picklist(table), separated(separator)';
const SIDE_WORDS = 'give the name of a field, or { field, transform, direction }';

const country = z.string({ error: notA('a country', "use its two-letter code, such as 'AU'") }).refine(isPhoneCountry, {
  error: notA('a country that telephone numbers know', "use its two-letter ISO code in capitals, such as 'AU' or 'GB'"),
});

const choice = z
  .string({ error: notA('a choice', 'give the internal value of a choice, or a list of them') })
  .trim()
  .min(1, { error: 'is empty; give the internal value of a choice' })
  .refine((text) => !text.includes(';'), { error: notA('a choice', 'a semicolon separates choices: name each alone') });
const choiceList = z.preprocess(
  (given) => (Array.isArray(given) ? given : [given]),
  z.array(choice).min(1, { error: 'is an empty list; give the choice to write first, then the others that mean the same' }),
);
const choiceTable = z.record(choice, choiceList, {
  error: notA('a table of choices', 'give { canonical: native } for each choice'),
});

const separator = z
  .string({ error: notA('a separator', "give what stands between two members, such as ', '") })
  .min(1, { error: "is empty; give what stands between two members, such as ', '" });

const transform = z.discriminatedUnion(
  'kind',
  [
    settings({ kind: z.literal(PLAIN_TRANSFORMS) }, 'this transform'),
    settings({ kind: z.literal('phone'), defaultCountry: country }, 'phone(country)'),
    settings({ kind: z.literal('picklist'), table: choiceTable }, 'picklist(table)'),
    settings({ kind: z.literal('separated'), separator }, 'separated(separator)'),
  ],
  { error: (issue) => notA('a transform', TRANSFORM_WORDS)({ ...issue, input: kindIn(issue.input) }) },
);

const side = z.preprocess(
  (given) => (typeof given === 'string' ? { field: given } : given),
  settings(
    {
      field: nativeName,
      transform: transform.optional(),
      direction: oneOf(['both', 'in', 'out'], 'a direction').optional(),
    },
    `a field of a system (${SIDE_WORDS})`,
  ),
);

const field = settings(
  {
    kind: oneOf(KINDS, 'a kind of field').optional(),
    defaultCountry: country.optional(),
    to: name.optional(),
    ignoreCase: z.boolean({ error: notA('yes or no', 'use true or false') }).optional(),
    strategy: strategySchema.optional(),
    policies: policiesSchema.optional(),
    in: named(side, 'a list of systems'),
  },
  'a field',
);

const object = settings(
  {
    type: nativeName,
    externalId: nativeName,
    receivesCreates: z.boolean({ error: notA('yes or no', 'use true or false') }).optional(),
    direction: oneOf(['both', 'in', 'out'], 'a direction').optional(),
    only: z
      .record(nativeName, z.union([nativeValueSchema, z.array(nativeValueSchema).min(1)]), {
        error: notA('a filter', "give the values that take part by field, such as { RecordTypeId: ['012...'] }"),
      })
      .optional(),
  },
  "a system's object",
);

const fullName = settings(
  {
    system: name,
    field: nativeName,
    first: name,
    last: name,
    direction: z.enum(['in', 'out'], {
      error: notA(
        'possible for a full name',
        "use 'in' to split it or 'out' to join it: \"Ada van Lovelace\" does not say where the last name begins, so there is no way back",
      ),
    }),
  },
  'a full name',
);

const sync = settings(
  {
    name,
    objects: named(object, 'a list of objects by system'),
    fields: named(field, 'a list of fields'),
    fullNames: z
      .array(fullName, { error: notA('a list of full names', 'give [{ system, field, first, last, direction }]') })
      .optional(),
    matchKeys: z.array(
      z.array(name, { error: notA('a match key', "give a list of fields, such as ['email']") }).min(1, {
        error: 'is an empty match key; name a field, or take it out',
      }),
      { error: notA('a list of match keys', "give a list of lists of fields, such as [['personNumber'], ['email']]") },
    ),
    strategy: strategySchema,
    firstSync: strategySchema,
    onDelete: oneOf(['archive', 'unlink'], 'a way to treat deletions'),
    onUpdateDelete: oneOf(['edit-survives', 'delete-wins'], 'a way to treat an edit against a deletion').optional(),
    matching: matchingSchema.optional(),
    quality: qualitySchema.optional(),
    guards: guardsSchema.optional(),
    canary: canarySchema.optional(),
    poll: settings({ everyMinutes: wholeNumber(1, 1_440, 'minutes'), overlapMinutes: wholeNumber(1, 1_440, 'minutes') }, 'poll'),
  },
  'a sync',
);

const system = settings(
  {
    connector: oneOf(['salesforce', 'hubspot'], 'a connector'),
    stampResolutionMs: wholeNumber(1, 3_600_000, 'milliseconds').optional(),
    readLagMs: wholeNumber(0, 3_600_000, 'milliseconds').optional(),
  },
  'a system',
);

const configSchema = settings(
  {
    tenant: z.string({ error: notA('a tenant', 'give it a short name') }).regex(/^[a-z][a-z0-9-]{0,31}$/, {
      error: notA('a tenant', 'use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter'),
    }),
    systems: named(system, 'a list of systems'),
    syncs: z
      .array(sync, { error: notA('a list of syncs', 'give [defineSync({ ... })]') })
      .min(1, { error: 'is empty; give one sync at least' }),
  },
  'the config',
);

/** @returns one sentence per fault, none when the shape is right. */
export function shapeFaults(config: unknown): string[] {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) => {
    // A key that is refused is reported with what is wrong with it.
    const message = issue.code === 'invalid_key' ? issue.issues.map((inner) => inner.message).join('; ') : issue.message;
    const path = pathIn(config, issue.path);
    return path === '' ? `the config ${message}` : `${path}: ${message}`;
  });
}

const namedSyncs = z.object({ syncs: z.array(z.object({ name: z.string() }).partial().catch({})) });

/** Syncs are named, not numbered, in a path; and what has no kind is itself at fault, not the kind. */
function pathIn(config: unknown, path: readonly PropertyKey[]): string {
  const steps = isKindOfWhole(path) ? path.slice(0, -1) : path;
  const syncs = namedSyncs.safeParse(config).data?.syncs ?? [];
  return steps
    .map((step, index) => (index === 1 && path[0] === 'syncs' && typeof step === 'number' ? (syncs[step]?.name ?? step) : step))
    .join('.');
}
