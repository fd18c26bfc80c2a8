import * as z from 'zod';
import { calendarDay } from '../sync/calendar-day.ts';
import { kindIn, name, notA, settings } from './schema-words.ts';

// The shape of strategies and policies. How they must fit their field is `strategy-faults.ts`.

const PLAIN_WORDS =
  'lastWriteWins(), firstWriteWins(), preferSystem(system, reason), fillOnly(), additive(), maximum(), minimum(), setUnion(), custom(name, decide)';
const STRATEGY_WORDS = `use ${PLAIN_WORDS}, businessRules(rules, otherwise) or manual()`;
const PLAIN_STRATEGY_WORDS = `use ${PLAIN_WORDS} or manual()`;
const RULE_WORDS =
  'neverBelow(bound), neverAbove(bound), increaseNeedsApproval(), decreaseNeedsApproval(), changeNeedsApproval(percent)';
const POLICY_WORDS = `use sourceOfTruth(system, reason), ${RULE_WORDS}, maximum(), minimum(), fillOnly() or ownValue(system, reason, { until })`;

/** @param why - what the ledger shows the reason for. */
const reason = (why: string) =>
  z
    .string({ error: notA('a reason', `${why}: the ledger shows it`) })
    .trim()
    .min(1, { error: `is empty; ${why}: the ledger shows it` });

const systemWithReason = <const Kind extends string>(kind: Kind, why: string) => ({
  kind: z.literal(kind),
  system: name,
  reason: reason(why),
});

const unionOf = <const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  options: Options,
  noun: string,
  instead: string,
) => z.discriminatedUnion('kind', options, { error: (issue) => notA(noun, instead)({ ...issue, input: kindIn(issue.input) }) });

const plainStrategies = [
  settings({ kind: z.literal('last-write-wins') }, 'lastWriteWins()'),
  settings({ kind: z.literal('first-write-wins') }, 'firstWriteWins()'),
  settings(systemWithReason('prefer-system', 'say why this system is preferred'), 'preferSystem(system, reason)'),
  settings({ kind: z.literal('fill-only') }, 'fillOnly()'),
  settings({ kind: z.literal('additive') }, 'additive()'),
  settings({ kind: z.literal('maximum') }, 'maximum()'),
  settings({ kind: z.literal('minimum') }, 'minimum()'),
  settings({ kind: z.literal('set-union') }, 'setUnion()'),
  settings(
    {
      kind: z.literal('custom'),
      name: reason('name what the function decides'),
      decide: z.custom<unknown>((given) => typeof given === 'function', {
        error: notA('a function', "give (conflict) => 'record', 'observed', 'manual' or { value }"),
      }),
    },
    'custom(name, decide)',
  ),
  settings({ kind: z.literal('manual') }, 'manual()'),
] as const;

const bound = z.number({ error: notA('a bound', 'give a number') });

const rules = [
  settings({ kind: z.literal('never-below'), bound }, 'neverBelow(bound)'),
  settings({ kind: z.literal('never-above'), bound }, 'neverAbove(bound)'),
  settings({ kind: z.literal('increase-needs-approval') }, 'increaseNeedsApproval()'),
  settings({ kind: z.literal('decrease-needs-approval') }, 'decreaseNeedsApproval()'),
  settings(
    {
      kind: z.literal('change-needs-approval'),
      abovePercent: z
        .number({ error: notA('a share in percent', 'give a number above 0') })
        .positive({ error: notA('a share in percent', 'give a number above 0') }),
    },
    'changeNeedsApproval(percent)',
  ),
] as const;

const ruleSchema = unionOf(rules, 'a business rule', `use ${RULE_WORDS}`);

export const strategySchema = unionOf(
  [
    ...plainStrategies,
    settings(
      {
        kind: z.literal('business-rules'),
        rules: z
          .array(ruleSchema, { error: notA('a list of business rules', `give a list of ${RULE_WORDS}`) })
          .min(1, { error: `is empty; give one rule at least: ${RULE_WORDS}` }),
        otherwise: unionOf(plainStrategies, 'a strategy to fall back on', PLAIN_STRATEGY_WORDS),
      },
      'businessRules(rules, otherwise)',
    ),
  ],
  'a strategy',
  STRATEGY_WORDS,
);

const policySchema = unionOf(
  [
    ...rules,
    settings(systemWithReason('source-of-truth', 'say why only this system is asked'), 'sourceOfTruth(system, reason)'),
    settings({ kind: z.literal('maximum') }, 'maximum()'),
    settings({ kind: z.literal('minimum') }, 'minimum()'),
    settings({ kind: z.literal('fill-only') }, 'fillOnly()'),
    settings(
      {
        ...systemWithReason('own-value', 'say why this system has a value of its own'),
        until: z
          .string({ error: notA('a day', "give it as '2026-12-31'") })
          .refine((text) => calendarDay(text) === text, { error: notA('a day', "give it as '2026-12-31'") })
          .optional(),
      },
      'ownValue(system, reason, { until })',
    ),
  ],
  'a policy',
  POLICY_WORDS,
);

export const policiesSchema = z.array(policySchema, { error: notA('a list of policies', `give a list; ${POLICY_WORDS}`) });

/** Settings whose value is told by its kind: what has no such kind is itself at fault. */
const TOLD_BY_KIND: readonly unknown[] = ['strategy', 'firstSync', 'otherwise', 'transform'];
const LISTS_TOLD_BY_KIND: readonly unknown[] = ['policies', 'rules'];

/** True for the path of a kind that stands for the strategy, policy or transform it is the kind of. */
export function isKindOfWhole(path: readonly PropertyKey[]): boolean {
  const [kind, whole, list] = path.toReversed();
  if (kind !== 'kind') return false;
  return list !== 'fields' && (TOLD_BY_KIND.includes(whole) || (typeof whole === 'number' && LISTS_TOLD_BY_KIND.includes(list)));
}
