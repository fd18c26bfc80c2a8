import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { CustomDecision, StrategySpec } from '../../../shared/sync/rules.ts';
import { type Contender, judge, type Verdict } from '../../../shared/sync/strategies/judge.ts';
import { amounts, anything, inTwoOrders, rankOf, SYSTEMS, sets, settled, texts } from './arrivals.ts';

const bySalesforce = (value: FieldValue, atMs = 2_000): Contender => ({ value, atMs, by: 'salesforce' });
const byHubspot = (value: FieldValue, atMs = 2_000): Contender => ({ value, atMs, by: 'hubspot' });

function verdictOf(strategy: StrategySpec, record: Contender, observed: Contender, base: FieldValue = null): Verdict {
  return judge(strategy, { field: 'field', base, record, observed, rankOf });
}

const preferHubspot = { kind: 'prefer-system', system: 'hubspot', reason: 'people sign up there' } as const;
const longer: StrategySpec = {
  kind: 'custom',
  name: 'the longer text',
  decide: ({ record, observed }) => {
    const [a, b] = [String(record.value), String(observed.value)];
    if (a.length !== b.length) return a.length > b.length ? 'record' : 'observed';
    return a > b ? 'record' : 'observed';
  },
};

/** Strategies that choose one of the edits, with values they are made for. */
const choosing: [string, StrategySpec, fc.Arbitrary<FieldValue>][] = [
  ['S1 last write wins', { kind: 'last-write-wins' }, texts],
  ['S2 prefer a system', preferHubspot, texts],
  ['S4 first write wins', { kind: 'first-write-wins' }, texts],
  ['S5 fill-only', { kind: 'fill-only' }, texts],
  ['S7 maximum of numbers', { kind: 'maximum' }, fc.oneof(amounts, fc.constant(null))],
  ['S8 minimum of numbers', { kind: 'minimum' }, fc.oneof(amounts, fc.constant(null))],
  ['S7 maximum of days', { kind: 'maximum' }, fc.constantFrom('2026-01-31', '2026-02-01', '1999-12-31')],
  ['S7 maximum of texts', { kind: 'maximum' }, fc.constantFrom('a', 'B', 'é', 'e\u0301', '', 'Z')],
  ['S8 minimum of yes and no', { kind: 'minimum' }, fc.constantFrom(true, false, null)],
];

const everyStrategy: [string, StrategySpec][] = [
  ...choosing.map(([name, strategy]): [string, StrategySpec] => [name, strategy]),
  ['S3 manual', { kind: 'manual' }],
  ['S6 additive', { kind: 'additive' }],
  ['S9 set union', { kind: 'set-union' }],
  ['S11 custom', longer],
];

describe('any order of arrival gives the same field', () => {
  it.each(choosing)('%s', (_, strategy, values) => {
    fc.assert(
      fc.property(fc.oneof(values, fc.constant(null)), inTwoOrders(values), (base, [arrived, shuffled]) => {
        const outcome = settled(strategy, base, arrived);
        const other = settled(strategy, base, shuffled);
        expect(other.isHeld).toBe(outcome.isHeld);
        expect(canons.text(other.record.value)).toEqual(canons.text(outcome.record.value));
        expect([other.record.by, other.record.atMs]).toEqual([outcome.record.by, outcome.record.atMs]);
      }),
    );
  });

  it('S6 additive: the base and all that was added to it', () => {
    const value = fc.oneof({ weight: 9, arbitrary: amounts }, { weight: 1, arbitrary: fc.constantFrom(null, 'about 5') });
    fc.assert(
      fc.property(fc.oneof(amounts, fc.constant(null)), inTwoOrders(value), (base, [arrived, shuffled]) => {
        const outcome = settled({ kind: 'additive' }, base, arrived, { canon: canons.number });
        const other = settled({ kind: 'additive' }, base, shuffled, { canon: canons.number });
        expect(other.isHeld).toBe(outcome.isHeld);
        if (!outcome.isHeld) expect(canons.number(other.record.value)).toBe(canons.number(outcome.record.value));
      }),
    );
  });

  it('S6 additive: whole numbers add up to what plain arithmetic says', () => {
    const whole = fc.integer({ min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(whole, inTwoOrders(whole), (base, [arrived]) => {
        const expected = arrived.reduce((sum, { value }) => sum + Number(value) - base, base);
        expect(settled({ kind: 'additive' }, base, arrived, { canon: canons.number }).record.value).toBe(expected);
      }),
    );
  });

  it('S9 set union: all that was added, without all that was removed', () => {
    fc.assert(
      fc.property(sets, inTwoOrders(sets), (base, [arrived, shuffled]) => {
        const members = (value: FieldValue) => new Set(value === null ? [] : String(value).split(';'));
        const before = members(base);
        const expected = [...'abcde'].filter((member) =>
          before.has(member)
            ? arrived.every(({ value }) => members(value).has(member))
            : arrived.some(({ value }) => members(value).has(member)),
        );
        for (const order of [arrived, shuffled]) {
          const outcome = settled({ kind: 'set-union' }, base, order, { canon: canons.set });
          expect(outcome.record.value).toBe(expected.join(';') || null);
        }
      }),
    );
  });

  it('S7, S8: sorts that have no order wait for a person, whoever comes first', () => {
    const mixed = fc.constantFrom(1, 2, 'about 5', '2026-06-15');
    fc.assert(
      fc.property(fc.constantFrom('maximum', 'minimum'), inTwoOrders(mixed), (kind, [arrived, shuffled]) => {
        expect(settled({ kind }, null, shuffled).isHeld).toBe(settled({ kind }, null, arrived).isHeld);
      }),
    );
  });

  it('S3 manual: the field is held wherever two values differ', () => {
    fc.assert(
      fc.property(inTwoOrders(texts), ([arrived, shuffled]) => {
        const isHeld = new Set(arrived.map(({ value }) => value).filter((value) => value !== 'base')).size > 1;
        expect(settled({ kind: 'manual' }, 'base', arrived).isHeld).toBe(isHeld);
        expect(settled({ kind: 'manual' }, 'base', shuffled).isHeld).toBe(isHeld);
      }),
    );
  });

  it('S11 custom: as far as the function itself does not care', () => {
    fc.assert(
      fc.property(inTwoOrders(texts), ([arrived, shuffled]) => {
        expect(settled(longer, 'base', shuffled).record.value).toBe(settled(longer, 'base', arrived).record.value);
      }),
    );
  });
});

describe('a judgement', () => {
  const contender = fc.record({ value: anything, atMs: fc.nat({ max: 3 }), by: fc.constantFrom(...SYSTEMS, 'operator') });

  it.each(everyStrategy)('is there for any two values, and never breaks: %s', (_, strategy) => {
    fc.assert(
      fc.property(contender, contender, anything, (record, observed, base) => {
        const verdict = verdictOf(strategy, record, observed, base);
        expect(verdict.rule).toMatch(/^S\d+$/);
        expect(verdict.reason).not.toBe('');
        if (verdict.winner === 'merged') expect(verdict.value).not.toBe('');
        expect(verdictOf(strategy, record, observed, base)).toEqual(verdict);
      }),
    );
  });

  it.each(choosing)('does not care which of the two the record has: %s', (_, strategy, values) => {
    const edit = (by: string) => fc.record({ value: values, atMs: fc.nat({ max: 2 }), by: fc.constant(by) });
    fc.assert(
      fc.property(edit('salesforce'), edit('hubspot'), (a, b) => {
        const mirrored = { record: 'observed', observed: 'record', nobody: 'nobody', merged: 'merged' } as const;
        expect(verdictOf(strategy, b, a).winner).toBe(mirrored[verdictOf(strategy, a, b).winner]);
      }),
    );
  });

  it.each([
    ['S6', { kind: 'additive' }, amounts, canons.number],
    ['S9', { kind: 'set-union' }, sets, canons.set],
  ] as const)('changes nothing when an edit that is in already is seen again: %s', (_, strategy, values, canon) => {
    fc.assert(
      fc.property(inTwoOrders(values), values, ([arrived], base) => {
        const once = settled(strategy, base, arrived, { canon });
        const twice = settled(strategy, base, [...arrived, ...arrived], { canon });
        expect(twice).toEqual(once);
      }),
    );
  });
});

describe('S1 last write wins', () => {
  it('goes by the end of an approximate time, and says so where the other lies inside', () => {
    const record = bySalesforce('a', 5_000);
    expect(verdictOf({ kind: 'last-write-wins' }, record, { ...byHubspot('b', 6_000), fromMs: 4_000 })).toEqual({
      winner: 'observed',
      rule: 'S1',
      reason: 'the later edit wins; the times are approximate and overlap, so each counts as the latest it can be',
    });
  });

  it('breaks a tie by the order of the config', () => {
    expect(verdictOf({ kind: 'last-write-wins' }, byHubspot('b'), bySalesforce('a'))).toMatchObject({
      winner: 'observed',
      reason: 'the times cannot be told apart: the system named first in the config wins',
    });
  });
});

describe('S5 fill-only', () => {
  it('lets a value beat an empty field, however old it is', () => {
    expect(verdictOf({ kind: 'fill-only' }, bySalesforce(null, 9_000), byHubspot('x', 1))).toMatchObject({
      winner: 'observed',
      rule: 'S5',
    });
  });

  it('keeps what was there first', () => {
    expect(verdictOf({ kind: 'fill-only' }, bySalesforce('a', 1), byHubspot('b', 2)).winner).toBe('record');
  });
});

describe('S6 additive', () => {
  const add = (base: FieldValue, record: FieldValue, observed: FieldValue) =>
    verdictOf({ kind: 'additive' }, bySalesforce(record), byHubspot(observed), base);

  it.each([
    [0.1, 0.3, 0.2, 0.4], // 0.3 + (0.2 - 0.1) is 0.4 in decimals alone
    [10, 12, 7, 9],
    [null, 5, 7, 12],
    ['12345678901234567890', '12345678901234567891', '12345678901234567892', '12345678901234567893'],
    ['1.50', '2', 1, 1.5],
  ])('from %s to %s and to %s makes %s', (base, record, observed, sum) => {
    expect(add(base, record, observed)).toMatchObject({ winner: 'merged', value: sum, rule: 'S6' });
  });

  it.each([
    ['a field that was cleared', 10, null, 12],
    ['text', 10, 'about 5', 12],
    ['yes and no', null, true, 1],
    ['a sum too long to be a number', '0', '1e99', '-0.1e-99'],
  ])('leaves %s to a person', (_, base, record, observed) => {
    expect(add(base, record, observed)).toMatchObject({ winner: 'nobody', rule: 'S6' });
    expect(add(base, observed, record)).toMatchObject({ winner: 'nobody', rule: 'S6' });
  });
});

describe('S7 maximum and S8 minimum', () => {
  it.each([
    ['numbers by size', 9, 10],
    ['long numbers by all their digits', '12345678901234567890', '12345678901234567891'],
    ['days by the calendar', '2026-02-28', '2026-03-01'],
    ['instants by time, whatever their notation', '2026-06-15T12:00:00+02:00', '2026-06-15T10:00:00.5Z'],
    ['texts by their letters', 'bronze', 'gold'],
    ['no before yes', false, true],
    ['an empty field below all', null, -5],
  ])('order %s', (_, smaller, greater) => {
    expect(verdictOf({ kind: 'maximum' }, bySalesforce(smaller), byHubspot(greater))).toMatchObject({
      winner: 'observed',
      rule: 'S7',
    });
    if (smaller !== null)
      expect(verdictOf({ kind: 'minimum' }, bySalesforce(smaller), byHubspot(greater))).toMatchObject({
        winner: 'record',
        rule: 'S8',
      });
  });

  it('do not guess what a text means beside a day', () => {
    expect(verdictOf({ kind: 'maximum' }, bySalesforce('2026-06-15'), byHubspot('15/06/2026'))).toEqual({
      winner: 'nobody',
      rule: 'S7',
      reason: 'a day and a text have no order: a person has to choose',
    });
  });
});

describe('S9 set union', () => {
  it('adds and removes at once, in a stable order', () => {
    const verdict = verdictOf({ kind: 'set-union' }, bySalesforce('news;sports'), byHubspot('art; music ;news'), 'art;news');
    expect(verdict).toMatchObject({ winner: 'merged', value: 'music;news;sports', rule: 'S9' });
  });

  it('is empty where each side removed what the other kept', () => {
    expect(verdictOf({ kind: 'set-union' }, bySalesforce('a'), byHubspot('b'), 'a;b')).toMatchObject({
      winner: 'merged',
      value: null,
    });
  });
});

describe('S11 custom', () => {
  const asked = (decide: CustomDecision) =>
    verdictOf({ kind: 'custom', name: 'mine', decide }, bySalesforce('a'), byHubspot('b'), 'x');

  it('sees both sides, their authors and times, and the base', () => {
    const seen: unknown[] = [];
    asked((conflict) => {
      seen.push(structuredClone(conflict));
      return 'record';
    });
    expect(seen).toEqual([
      {
        field: 'field',
        base: 'x',
        record: { value: 'a', by: 'salesforce', atMs: 2_000 },
        observed: { value: 'b', by: 'hubspot', atMs: 2_000 },
      },
    ]);
  });

  it.each([
    ['record', { winner: 'record' }],
    ['observed', { winner: 'observed' }],
    ['manual', { winner: 'nobody' }],
    [{ value: 'a and b' }, { winner: 'merged', value: 'a and b' }],
    [{ value: ' ' }, { winner: 'merged', value: null }],
    [{ value: 'b' }, { winner: 'observed' }],
  ] as const)('may answer %j', (answer, expected) => {
    expect(asked(() => answer)).toMatchObject({ ...expected, rule: 'S11' });
  });

  it('that throws leaves the field to a person, and says why', () => {
    const failing: CustomDecision = () => {
      throw new TypeError('no such table');
    };
    expect(asked(failing)).toEqual({
      winner: 'nobody',
      rule: 'S11',
      reason: 'the function "mine" of the config failed (TypeError: no such table)',
    });
  });

  it('that answers what nobody understands leaves the field to a person', () => {
    const known: readonly unknown[] = ['record', 'observed', 'manual'];
    fc.assert(
      fc.property(fc.anything(), (answer) => {
        fc.pre(!known.includes(answer) && !isValue(answer));
        const nonsense = verdictOf({ kind: 'custom', name: 'mine', decide: untyped(answer) }, bySalesforce('a'), byHubspot('b'));
        expect(nonsense).toMatchObject({ winner: 'nobody', rule: 'S11' });
        expect(nonsense.reason).toContain('gave no answer that can be used');
      }),
    );
    expect(asked(untyped({ value: Number.NaN })).winner).toBe('nobody');
    expect(asked(untyped(Promise.resolve('record'))).winner).toBe('nobody');
  });

  it('that changes what it was given changes nothing else', () => {
    const record = bySalesforce('a');
    verdictOf(
      { kind: 'custom', name: 'mine', decide: (conflict) => Object.assign(conflict.record, { value: 'z' }) && 'manual' },
      record,
      byHubspot('b'),
    );
    expect(record.value).toBe('a');
  });
});

function isValue(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'value' in answer;
}

/** A function of a config that nobody type-checked. */
function untyped(answer: unknown): CustomDecision {
  const decide: unknown = () => answer;
  if (!isDecision(decide)) throw new Error('not a function');
  return decide;
}

function isDecision(given: unknown): given is CustomDecision {
  return typeof given === 'function';
}
