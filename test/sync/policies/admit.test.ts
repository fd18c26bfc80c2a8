import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import { admit, admitMerged } from '../../../shared/sync/policies/admit.ts';
import type { PolicySpec } from '../../../shared/sync/rules.ts';
import { amounts, anything, inTwoOrders, rankOf, SYSTEMS, settled } from '../strategies/arrivals.ts';

function said(policies: PolicySpec | readonly PolicySpec[], base: FieldValue, value: FieldValue, by = 'hubspot', atMs = 2_000) {
  return admit([policies].flat(), { field: 'price', base, observed: { value, by, atMs }, rankOf });
}

const truth: PolicySpec = { kind: 'source-of-truth', system: 'salesforce', reason: 'prices are set there' };
const promotion: PolicySpec = { kind: 'own-value', system: 'hubspot', reason: 'promotional price', untilMs: 5_000 };
const above10: PolicySpec = { kind: 'change-needs-approval', abovePercent: 10 };

describe('P2 source of truth', () => {
  it('takes its edits and refuses those of others', () => {
    expect(said(truth, 1, 2, 'salesforce')).toEqual({ kind: 'admit' });
    expect(said(truth, 1, 2, 'hubspot')).toEqual({ kind: 'refuse', rule: 'P2', reason: 'prices are set there' });
  });
});

describe('P3 bounds', () => {
  it.each([
    ['never-below', 0, -0.01, { kind: 'refuse', rule: 'P3', reason: 'never below 0' }],
    ['never-below', 0, 0, { kind: 'admit' }],
    ['never-below', 0.3, '0.30', { kind: 'admit' }],
    ['never-above', 100, '100.00000000000000000001', { kind: 'refuse', rule: 'P3', reason: 'never above 100' }],
    ['never-above', 100, null, { kind: 'admit' }],
    [
      'never-above',
      100,
      'about 5',
      { kind: 'hold', rule: 'P3', reason: 'a value that is no number cannot be compared with the bound of 100' },
    ],
  ] as const)('%s %s: %s', (kind, bound, value, expected) => {
    expect(said({ kind, bound }, 50, value)).toEqual(expected);
  });

  it("hold what several changes add up to, for it is nobody's edit", () => {
    const stock: PolicySpec[] = [{ kind: 'never-below', bound: 0 }];
    expect(admitMerged(stock, -2)).toEqual({ kind: 'hold', rule: 'P3', reason: 'below 0 once all changes are put together' });
    expect(admitMerged(stock, 3)).toEqual({ kind: 'admit' });
    expect(admitMerged([above10, truth], 'anything')).toEqual({ kind: 'admit' });
  });
});

describe('P4 approvals of one direction', () => {
  it.each([
    ['increase-needs-approval', 10, 10.01, 'hold'],
    ['increase-needs-approval', 10, 9, 'admit'],
    ['increase-needs-approval', null, 1, 'hold'], // an empty field counts as 0
    ['decrease-needs-approval', 10, null, 'hold'],
    ['decrease-needs-approval', '0.3', 0.3, 'admit'],
    ['decrease-needs-approval', 10, 'free', 'hold'],
  ] as const)('%s: from %s to %s is %s', (kind, base, value, outcome) => {
    expect(said({ kind }, base, value).kind).toBe(outcome);
  });
});

describe('P5 approval of a large change', () => {
  it.each([
    [100, 110, 'admit'],
    [100, 110.01, 'hold'],
    [100, 89.99, 'hold'],
    [-100, -110, 'admit'],
    [0.3, 0.33, 'admit'], // ten percent exactly: binary fractions would say more
    [0, 0.01, 'hold'],
    [null, 5, 'hold'],
    [100, null, 'hold'],
    ['12345678901234567890', '12345678901234567891', 'admit'],
  ])('from %s to %s is %s where more than 10 % needs it', (base, value, outcome) => {
    expect(said(above10, base, value).kind).toBe(outcome);
  });
});

describe('P6 one direction', () => {
  it('takes only growth, only shrinking, and is never cleared', () => {
    expect(said({ kind: 'maximum' }, 5, 4)).toMatchObject({ kind: 'refuse', rule: 'P6' });
    expect(said({ kind: 'maximum' }, 5, 6)).toEqual({ kind: 'admit' });
    expect(said({ kind: 'maximum' }, 5, null)).toMatchObject({ kind: 'refuse', rule: 'P6' });
    expect(said({ kind: 'minimum' }, '2026-06-15', '2026-06-16')).toMatchObject({ kind: 'refuse', rule: 'P6' });
    expect(said({ kind: 'minimum' }, null, '2026-06-16')).toEqual({ kind: 'admit' });
    expect(said({ kind: 'maximum' }, '2026-06-15', 'soon')).toMatchObject({ kind: 'hold', rule: 'P6' });
  });
});

describe('P7 fill-only', () => {
  it('fills an empty field and overwrites no value, not even with none', () => {
    expect(said({ kind: 'fill-only' }, null, 'x')).toEqual({ kind: 'admit' });
    expect(said({ kind: 'fill-only' }, 'x', 'y')).toMatchObject({ kind: 'refuse', rule: 'P7' });
    expect(said({ kind: 'fill-only' }, 'x', null)).toMatchObject({ kind: 'refuse', rule: 'P7' });
  });
});

describe('P8 own value', () => {
  it('keeps the edits of the named system there, with reason and end', () => {
    expect(said(promotion, 10, 8)).toEqual({ kind: 'own-value', rule: 'P8', reason: 'promotional price', untilMs: 5_000 });
    expect(said(promotion, 10, 8, 'salesforce')).toEqual({ kind: 'admit' });
  });

  it('is over at its end: an edit made then is one like any other', () => {
    expect(said(promotion, 10, 8, 'hubspot', 5_000)).toEqual({ kind: 'admit' });
  });

  it('goes before the source of truth and approvals, for it asks nothing of the record; a bound goes before it', () => {
    expect(said([above10, truth, promotion], 10, 1).kind).toBe('own-value');
    expect(said([promotion, { kind: 'never-below', bound: 5 }], 10, 1)).toMatchObject({ kind: 'refuse', rule: 'P3' });
  });
});

describe('the policies of a field', () => {
  const policy: fc.Arbitrary<PolicySpec> = fc.oneof(
    fc.constantFrom<PolicySpec>(truth, promotion, above10, { kind: 'change-needs-approval', abovePercent: 0.5 }),
    fc.record({ kind: fc.constantFrom('never-below', 'never-above'), bound: fc.integer({ min: -20, max: 20 }) }),
    fc.record({
      kind: fc.constantFrom('increase-needs-approval', 'decrease-needs-approval', 'maximum', 'minimum', 'fill-only'),
    }),
  );
  const policies = fc.array(policy, { maxLength: 5 });

  it('answer any edit, and never break', () => {
    const author = fc.constantFrom(...SYSTEMS);
    fc.assert(
      fc.property(policies, anything, anything, author, (some, base, value, by) => {
        const admission = said(some, base, value, by);
        if (admission.kind !== 'admit')
          expect(admission).toMatchObject({ rule: expect.stringMatching(/^P[2-8]$/), reason: expect.stringMatching(/./) });
        expect(said(some, base, value, by)).toEqual(admission);
      }),
    );
  });

  it('mean the same in whatever order the config lists them', () => {
    const shuffled = policies.chain((some) => fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })));
    fc.assert(
      fc.property(shuffled, amounts, amounts, ([some, other], base, value) => {
        const [one, two] = [said(some, base, value), said(other, base, value)];
        expect([two.kind, 'rule' in two && two.rule]).toEqual([one.kind, 'rule' in one && one.rule]);
      }),
    );
  });

  it('always admit what an operator decides', () => {
    fc.assert(
      fc.property(policies, anything, anything, (some, base, value) => {
        expect(said(some, base, value, 'operator')).toEqual({ kind: 'admit' });
      }),
    );
  });

  it('judge an edit the same, whichever others came before it', () => {
    fc.assert(
      fc.property(policies, anything, anything, anything, (some, base, value, held) => {
        const edit = { field: 'price', base, observed: { value, by: 'hubspot', atMs: 2_000 }, rankOf };
        expect(admit(some, { ...edit, record: { value: held, by: 'shop', atMs: 1 } })).toEqual(admit(some, edit));
      }),
    );
  });

  it.each([
    ['maximum', 'maximum'],
    ['minimum', 'minimum'],
    ['fill-only', 'fill-only'],
    ['additive', 'never-below'],
  ] as const)('and the strategy "%s" give one field in any order of arrival, with the policy "%s"', (strategy, kind) => {
    const rule: PolicySpec = kind === 'never-below' ? { kind, bound: -10 } : { kind };
    fc.assert(
      fc.property(fc.oneof(amounts, fc.constant(null)), inTwoOrders(amounts), (base, [arrived, shuffled]) => {
        const options = { policies: [rule], canon: canons.number };
        const outcome = settled({ kind: strategy }, base, arrived, options);
        const other = settled({ kind: strategy }, base, shuffled, options);
        expect(other.isHeld).toBe(outcome.isHeld);
        expect(canons.number(other.record.value)).toBe(canons.number(outcome.record.value));
        if (strategy === 'maximum' && base !== null) expect(said(rule, base, outcome.record.value).kind).toBe('admit');
      }),
    );
  });

  it('keep own values out of the record in any order of arrival', () => {
    fc.assert(
      fc.property(inTwoOrders(amounts), ([arrived, shuffled]) => {
        const options = { policies: [promotion], canon: canons.number };
        const outcome = settled({ kind: 'last-write-wins' }, 1_000, arrived, options);
        const other = settled({ kind: 'last-write-wins' }, 1_000, shuffled, options);
        expect(canons.number(other.record.value)).toBe(canons.number(outcome.record.value));
        expect([other.record.by, other.own]).toEqual([outcome.record.by, outcome.own]);
        expect(outcome.record.by).not.toBe('hubspot');
      }),
    );
  });
});
