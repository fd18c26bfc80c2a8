import { describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';
import {
  additive,
  businessRules,
  changeNeedsApproval,
  custom,
  defineConfig,
  defineSync,
  type FieldConfig,
  fillOnly,
  firstWriteWins,
  increaseNeedsApproval,
  lastWriteWins,
  manual,
  maximum,
  minimum,
  neverAbove,
  neverBelow,
  ownValue,
  preferSystem,
  separated,
  setUnion,
  sourceOfTruth,
} from '../../shared/config/define-sync.ts';
import { faultsOf, wrong } from './broken-config.ts';

type System = 'salesforce' | 'hubspot';
const price = { kind: 'number', in: { salesforce: 'Price__c', hubspot: 'price' } } as const;
const interests = { kind: 'set', in: { salesforce: 'Interests__c', hubspot: 'interests' } } as const;

/** A sync whose field `it` is as given, beside an e-mail address. */
function compiledWith(field: FieldConfig<System>) {
  const config = defineConfig({
    tenant: 'main',
    systems: { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspot' } },
    syncs: [
      defineSync({
        name: 'contacts',
        objects: {
          salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
          hubspot: { type: 'contacts', externalId: 'concord_id' },
        },
        fields: { email: { kind: 'email', in: { salesforce: 'Email', hubspot: 'email' } }, it: field },
        matchKeys: [['email']],
        strategy: firstWriteWins(),
        firstSync: fillOnly(),
        onDelete: 'archive',
        poll: { everyMinutes: 1, overlapMinutes: 10 },
      }),
    ],
  });
  return compileSync(config, 'contacts');
}

function rulesOf(field: FieldConfig<System>) {
  const { strategy, policies } = compiledWith(field).rules.fields.it ?? {};
  return { strategy, policies };
}

const longer = () => 'record' as const;

describe('a field of the config', () => {
  it.each<[string, FieldConfig<System>, unknown]>([
    ['takes the strategy of its sync', price, { strategy: { kind: 'first-write-wins' } }],
    ['has one of its own', { ...price, strategy: additive() }, { strategy: { kind: 'additive' } }],
    [
      'is decided by a function',
      { ...price, strategy: custom('mine', longer) },
      { strategy: { kind: 'custom', name: 'mine', decide: longer } },
    ],
    ['is a set', { ...interests, strategy: setUnion() }, { strategy: { kind: 'set-union' } }],
    [
      'follows business rules, and a strategy between those that pass',
      { ...price, strategy: businessRules([neverBelow(0), changeNeedsApproval(20)], preferSystem('hubspot', 'r')) },
      {
        strategy: { kind: 'prefer-system', system: 'hubspot', reason: 'r' },
        policies: [
          { kind: 'never-below', bound: 0 },
          { kind: 'change-needs-approval', abovePercent: 20 },
        ],
      },
    ],
    [
      'never shrinks where the greatest value wins',
      { ...price, strategy: maximum() },
      { strategy: { kind: 'maximum' }, policies: [{ kind: 'maximum' }] },
    ],
    [
      'goes by the strategy that its policy stands for',
      { ...price, policies: [neverAbove(9), minimum()] },
      { strategy: { kind: 'minimum' }, policies: [{ kind: 'never-above', bound: 9 }, { kind: 'minimum' }] },
    ],
    [
      'may be held wherever two edits of it meet',
      { ...price, policies: [maximum()], strategy: manual() },
      { strategy: { kind: 'manual' }, policies: [{ kind: 'maximum' }] },
    ],
    [
      'has one source of truth',
      { ...price, policies: [sourceOfTruth('salesforce', 'r'), increaseNeedsApproval()] },
      {
        strategy: { kind: 'prefer-system', system: 'salesforce', reason: 'r' },
        policies: [{ kind: 'source-of-truth', system: 'salesforce', reason: 'r' }, { kind: 'increase-needs-approval' }],
      },
    ],
    [
      'has a value of its own in one system, until a day begins',
      { ...price, policies: [ownValue('hubspot', 'promotion', { until: '2026-12-31' })] },
      {
        strategy: { kind: 'first-write-wins' },
        policies: [{ kind: 'own-value', system: 'hubspot', reason: 'promotion', untilMs: Date.UTC(2026, 11, 31) }],
      },
    ],
  ])('%s', (_, field, expected) => {
    expect(rulesOf(field)).toEqual(expected);
  });

  it('of kind set is compared and carried as one, whatever separates its members', () => {
    const sync = compiledWith({
      ...interests,
      in: { salesforce: 'Interests__c', hubspot: { field: 'interests', transform: separated(', ') } },
    });
    expect(sync.sides.hubspot?.toCanonical({ interests: 'sports, art' })).toEqual({ it: 'art;sports' });
    expect(sync.sides.hubspot?.toNative({ it: 'art;sports' }, {})).toEqual({ interests: 'art, sports' });
    expect(sync.sides.salesforce?.toCanonical({ Interests__c: 'sports;art' })).toEqual({ it: 'art;sports' });
    expect(sync.rules.fields.it?.canon('sports;art')).toBe('art;sports');
  });
});

// The directive is itself the test: it fails the type check when the compiler sees nothing wrong.
it('the compiler sees a strategy of single fields given to a whole sync, and a system that takes no part in a policy', () => {
  const objects = {
    salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
    hubspot: { type: 'contacts', externalId: 'concord_id' },
  } as const;
  const rest = {
    firstSync: manual(),
    onDelete: 'archive',
    poll: { everyMinutes: 1, overlapMinutes: 10 },
    matchKeys: [],
  } as const;
  // @ts-expect-error -- additive
  defineSync({ name: 'contacts', objects, fields: { price }, strategy: additive(), ...rest });
  defineSync({
    name: 'contacts',
    objects,
    // @ts-expect-error -- hubspott
    fields: { price: { ...price, policies: [sourceOfTruth('hubspott', 'r')] } },
    strategy: lastWriteWins(),
    ...rest,
  });
});

describe('a strategy or policy that cannot be carried out', () => {
  const number = (more: object) => ({ sync: { fields: wrong('it', { ...price, ...more }) } });
  const textual = (more: object) => ({
    sync: { fields: wrong('it', { in: { salesforce: 'Title', hubspot: 'jobtitle' }, ...more }) },
  });
  const at = 'syncs.contacts.fields.it';

  it.each<[string, Parameters<typeof faultsOf>[0], string]>([
    [
      'a sum of texts',
      textual({ strategy: additive() }),
      `${at}.strategy: "additive" does not fit a field of kind text; it fits number`,
    ],
    [
      'a union of what is no set',
      textual({ strategy: setUnion() }),
      `${at}.strategy: "set-union" does not fit a field of kind text; it fits set`,
    ],
    [
      'the greatest of two sets',
      { sync: { fields: wrong('it', { ...interests, strategy: maximum() }) } },
      `${at}.strategy: "maximum" does not fit a field of kind set; it fits number, date, boolean, text, picklist`,
    ],
    [
      'a bound on a text',
      textual({ policies: [neverBelow(0)] }),
      `${at}.policies.0: "never-below" does not fit a field of kind text; it fits number`,
    ],
    [
      'a rule of a strategy on a text',
      textual({ strategy: businessRules([neverBelow(0)], additive()) }),
      `${at}.strategy.rules.0: "never-below" does not fit a field of kind text; it fits number`,
    ],
    [
      'a fallback on what does not fit',
      textual({ strategy: businessRules([neverBelow(0)], additive()) }),
      `${at}.strategy.otherwise: "additive" does not fit a field of kind text; it fits number`,
    ],
    [
      'a share of nothing',
      number({ policies: [changeNeedsApproval(0)] }),
      `${at}.policies.0.abovePercent: 0 is not a share in percent; give a number above 0`,
    ],
    [
      'a bound that is text',
      number({ policies: [{ kind: 'never-below', bound: '0' }] }),
      `${at}.policies.0.bound: "0" is not a bound; give a number`,
    ],
    [
      'a policy that does not exist',
      number({ policies: [{ kind: 'never-under', bound: 0 }] }),
      `${at}.policies.0: "never-under" is not a policy; use sourceOfTruth(system, reason), neverBelow(bound), neverAbove(bound), increaseNeedsApproval(), decreaseNeedsApproval(), changeNeedsApproval(percent), maximum(), minimum(), fillOnly() or ownValue(system, reason, { until })`,
    ],
    [
      'business rules without any',
      number({ strategy: { kind: 'business-rules', rules: [], otherwise: manual() } }),
      `${at}.strategy.rules: is empty; give one rule at least: neverBelow(bound), neverAbove(bound), increaseNeedsApproval(), decreaseNeedsApproval(), changeNeedsApproval(percent)`,
    ],
    [
      'a function that is none',
      number({ strategy: { kind: 'custom', name: 'mine', decide: 'later' } }),
      `${at}.strategy.decide: "later" is not a function; give (conflict) => 'record', 'observed', 'manual' or { value }`,
    ],
    [
      'no reason',
      number({ policies: [sourceOfTruth('hubspot', ' ')] }),
      `${at}.policies.0.reason: is empty; say why only this system is asked: the ledger shows it`,
    ],
    [
      'a day that there is not',
      number({ policies: [ownValue('hubspot', 'r', { until: '2026-02-30' })] }),
      `${at}.policies.0.until: "2026-02-30" is not a day; give it as '2026-12-31'`,
    ],
    [
      'a strategy of single fields for a whole sync',
      { sync: { strategy: additive() } },
      'syncs.contacts.strategy: "additive" does not fit every field; give it to single fields',
    ],
    [
      'a sum of what was there before the sync',
      { sync: { firstSync: additive() } },
      'syncs.contacts.firstSync: "additive" does not fit every field; give it to single fields',
    ],
    [
      'a fallback on a system that takes no part',
      number({ strategy: businessRules([neverBelow(0)], preferSystem('hubpot', 'r')) }),
      `${at}.strategy.otherwise.system: "hubpot" takes no part in this sync; did you mean hubspot?`,
    ],
    [
      'a source of truth that only receives',
      number({
        policies: [sourceOfTruth('hubspot', 'r')],
        in: { salesforce: 'Price__c', hubspot: { field: 'price', direction: 'out' } },
      }),
      `${at}.policies.0.system: "hubspot" only receives this field, so it has nothing to say; name another system`,
    ],
    [
      'one policy twice',
      number({ policies: [neverBelow(0), neverBelow(1)] }),
      `${at}.policies.1: "never-below" is there already; take one of them out`,
    ],
    [
      'bounds with nothing between them',
      number({ policies: [neverBelow(10), neverAbove(5)] }),
      `${at}.policies: nothing is at least 10 and at most 5; change one of the bounds`,
    ],
    [
      'a field that neither grows nor shrinks',
      number({ policies: [maximum(), minimum()] }),
      `${at}.policies: maximum and minimum leave no edit to take; choose one of them`,
    ],
    [
      'a policy and a strategy that work against each other',
      number({ policies: [fillOnly()], strategy: lastWriteWins() }),
      `${at}.strategy: "last-write-wins" works against the policy "fill-only"; leave the strategy out, or use manual()`,
    ],
    [
      'a sum of one system',
      number({ policies: [sourceOfTruth('hubspot', 'r')], strategy: additive() }),
      `${at}.strategy: "additive" has nothing to add where only hubspot is asked; leave the strategy out`,
    ],
    [
      'a source of truth that keeps its edits',
      number({ policies: [sourceOfTruth('hubspot', 'r'), ownValue('hubspot', 'r')] }),
      `${at}.policies: hubspot is the source of truth and keeps its edits to itself, so nobody edits the field; choose one`,
    ],
    [
      'a separator that is none',
      {
        sync: {
          fields: wrong('it', { ...interests, in: { salesforce: 'A__c', hubspot: { field: 'b', transform: separated('') } } }),
        },
      },
      `${at}.in.hubspot.transform.separator: is empty; give what stands between two members, such as ', '`,
    ],
  ])('%s is explained', (_, changes, sentence) => {
    expect(faultsOf(changes)).toContain(sentence);
  });

  it('is no strategy or policy that can', () => {
    expect(faultsOf(number({ policies: [neverBelow(0), ownValue('hubspot', 'r')], strategy: additive() }))).toEqual([]);
    expect(
      faultsOf({ sync: { fields: wrong('it', { ...interests, strategy: setUnion(), policies: [fillOnly()] }) } }),
    ).toHaveLength(1);
    expect(faultsOf(number({ policies: [fillOnly()], strategy: fillOnly() }))).toEqual([]);
  });
});
