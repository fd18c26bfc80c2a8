import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import { assess, quarantineReason, withoutDropped } from '../../../shared/sync/quality/assess.ts';
import { duplicateKeyOf } from '../../../shared/sync/quality/duplicates.ts';
import type { FieldShape, FieldsRule, QualityRules } from '../../../shared/sync/quality/quality-rules.ts';

const NOTHING_ASKED: QualityRules = { shapes: [], rules: [], references: [], canon: (_, value) => canons.text(value) };
const asking = (more: Partial<QualityRules>): QualityRules => ({ ...NOTHING_ASKED, ...more });
const shape = (more: Partial<FieldShape>): QualityRules =>
  asking({ shapes: [{ field: 'email', onFail: 'quarantine', ...more }] });
const rulesBroken = (quality: QualityRules, fields: Record<string, FieldValue>) =>
  assess(quality, fields).failures.map(({ rule }) => rule);

describe('a field on its own', () => {
  it.each<[string, Partial<FieldShape>, FieldValue, string[]]>([
    ['Q1: a required field is not empty', { required: true }, null, ['Q1']],
    ['Q1: white space is empty', { required: true }, '  ', ['Q1']],
    ['an empty field that is not required breaks no rule', { maxLength: 1, pattern: /x/, min: 3, oneOf: ['a'] }, null, []],
    ['Q2: a text is not too long', { maxLength: 3 }, 'abcd', ['Q2']],
    ['Q2: an emoji is one character', { maxLength: 3 }, '😀😀😀', []],
    ['Q3: a text looks as it should', { pattern: /^\d{4}$/ }, '123', ['Q3']],
    ['Q4: a number is not too small', { min: 10 }, 9.99, ['Q4']],
    ['Q4: numbers in text compare by size', { max: 100 }, '99', []],
    ['Q4: days compare as days', { min: '2000-01-01' }, '1999-12-31', ['Q4']],
    ['Q4: what cannot be compared is not within bounds', { min: 10 }, 'about ten', ['Q4']],
    ['Q5: a value is one of those allowed', { oneOf: ['a', 'b'] }, 'c', ['Q5']],
    ['Q5: values are compared as the field compares them', { oneOf: ['a', 'b'] }, ' a ', []],
  ])('%s', (_, rule, value, broken) => {
    expect(rulesBroken(shape(rule), { email: value })).toEqual(broken);
  });

  it('F58: fails nothing where it was not read', () => {
    expect(assess(shape({ required: true }), {}).verdict).toBe('pass');
  });
});

describe('a rule about several fields', () => {
  const closing: FieldsRule = {
    name: 'is closed after it was made',
    fields: ['created', 'closed'],
    holds: ({ created, closed }) => closed === null || String(closed) >= String(created),
    onFail: 'quarantine',
  };
  const quality = asking({ rules: [closing] });

  it('Q6: keeps out what breaks it', () => {
    expect(assess(quality, { created: '2026-02-01', closed: '2026-01-01' }).verdict).toBe('quarantine');
    expect(assess(quality, { created: '2026-02-01', closed: '2026-03-01' }).verdict).toBe('pass');
  });

  it('is not asked where one of its fields was not read', () => {
    expect(assess(quality, { closed: '2026-01-01' }).failures).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new TypeError('ada@example.test is bad');
      },
    ],
    ['answers nothing', () => undefined],
    ['answers later', async () => true],
    ['answers something else', () => 'yes'],
  ])('that %s is itself at fault, and lets nothing through', (_, holds) => {
    const faulty = asking({ rules: [{ ...closing, holds, onFail: 'warn' }] });
    const { verdict, failures } = assess(faulty, { created: '2026-02-01', closed: null });
    expect(verdict).toBe('quarantine');
    expect(failures[0]?.reason).toMatch(/itself failed/);
    expect(failures[0]?.reason).not.toContain('ada@');
  });

  it('cannot change what it is asked about', () => {
    const meddling: FieldsRule = { ...closing, holds: (values) => Reflect.set(values, 'closed', 'never') || true };
    const fields = { created: '2026-02-01', closed: '2026-03-01' };
    assess(asking({ rules: [meddling] }), fields);
    expect(fields.closed).toBe('2026-03-01');
  });
});

describe('a reference list', () => {
  const quality = asking({
    references: [{ field: 'country', allowed: ['DE', 'Germany', 'AT'], onFail: 'drop-field' }],
    canon: (_, value) => canons.textIgnoringCase(value),
  });

  it.each([['DE'], ['germany'], ['AT;DE'], [null]])('Q7: knows %s', (country) => {
    expect(rulesBroken(quality, { country })).toEqual([]);
  });

  it.each([['Atlantis'], ['DE;Atlantis']])('Q7: does not know %s, and only that field is left out', (country) => {
    const assessment = assess(quality, { country, city: 'Bonn' });
    expect(assessment).toMatchObject({ verdict: 'pass', dropped: ['country'] });
    expect(withoutDropped({ country, city: 'Bonn' }, assessment)).toEqual({ city: 'Bonn' });
  });
});

describe('possible duplicates', () => {
  const quality = asking({ duplicates: { within: ['name', 'born'], onFail: 'warn' } });

  it('Q8: meet under the same key, whatever the case', () => {
    const key = duplicateKeyOf(quality, { name: 'Ada', born: '1815-12-10' });
    expect(key).toBeDefined();
    expect(duplicateKeyOf(quality, { name: ' ADA ', born: '1815-12-10' })).toBe(key);
    expect(duplicateKeyOf(quality, { name: 'Ada', born: null })).toBeUndefined();
    expect(duplicateKeyOf(quality, { name: 'Ada' })).toBeUndefined();
  });

  it('no two lists of values make one key', () => {
    const part = fc.string();
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        const [x, y] = [duplicateKeyOf(quality, { name: a, born: b }), duplicateKeyOf(quality, { name: c, born: d })];
        const same = (one: string, other: string) =>
          String(canons.text(one)).toLowerCase().normalize('NFC') === String(canons.text(other)).toLowerCase().normalize('NFC');
        if (x !== undefined && y !== undefined) expect(x === y).toBe(same(a, c) && same(b, d));
      }),
    );
  });

  it('Q8: are named by their ids', () => {
    const { failures, verdict } = assess(quality, { name: 'Ada', born: '1815-12-10' }, ['17', '18']);
    expect(verdict).toBe('pass');
    expect(failures).toMatchObject([{ rule: 'Q8', onFail: 'warn', reason: expect.stringContaining('17, 18') }]);
  });
});

describe('the score', () => {
  const quality = asking({
    shapes: [{ field: 'phone', pattern: /^\+/, onFail: 'warn' }],
    score: { weights: { email: 3, phone: 1 }, minimum: 0.8, onFail: 'quarantine' },
  });

  it.each<[Record<string, FieldValue>, number]>([
    [{ email: 'ada@example.test', phone: '+49' }, 1],
    [{ email: 'ada@example.test', phone: null }, 0.75],
    [{ email: 'ada@example.test', phone: '49' }, 0.75], // a faulty field counts for nothing
    [{ email: 'ada@example.test' }, 1], // and one that was not read does not count at all
    [{}, 1],
  ])('Q9: of %o is %d', (fields, score) => {
    const assessment = assess(quality, fields);
    expect(assessment.score).toBe(score);
    expect(assessment.verdict).toBe(score < 0.8 ? 'quarantine' : 'pass');
  });
});

describe('an assessment', () => {
  const value = fc.oneof(fc.string(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null));
  const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value);
  const onFail = fc.constantFrom('quarantine' as const, 'warn' as const, 'drop-field' as const);
  const quality = fc
    .record({ one: onFail, two: onFail, three: onFail, throws: fc.boolean() })
    .map(({ one, two, three, throws }) =>
      asking({
        shapes: [{ field: 'a', required: true, maxLength: 5, min: 3, onFail: one }],
        rules: [
          {
            name: 'b comes with c',
            fields: ['b', 'c'],
            holds: ({ b, c }) => {
              if (throws) throw new Error(`no ${b}`);
              return (b === null) === (c === null);
            },
            onFail: two,
          },
        ],
        references: [{ field: 'c', allowed: ['x'], onFail: three }],
      }),
    );

  it('never throws, is the same each time, and does not say what the values are', () => {
    fc.assert(
      fc.property(quality, fields, (rules, values) => {
        const assessment = assess(rules, values);
        expect(assess(rules, values)).toEqual(assessment);
        const long = Object.values(values).filter((one) => typeof one === 'string' && one.trim().length > 12);
        for (const text of long) expect(JSON.stringify(assessment)).not.toContain(JSON.stringify(text).slice(1, -1));
        expect(assessment.verdict === 'quarantine').toBe(assessment.failures.some((one) => one.onFail === 'quarantine'));
      }),
    );
  });

  it('passes with the rest what passed as a whole: leaving fields out breaks no other rule', () => {
    fc.assert(
      fc.property(quality, fields, (rules, values) => {
        const assessment = assess(rules, values);
        if (assessment.verdict === 'pass') expect(assess(rules, withoutDropped(values, assessment)).verdict).toBe('pass');
      }),
    );
  });

  it('tells why in a short text', () => {
    const shapes = Array.from(
      { length: 30 },
      (_, index): FieldShape => ({ field: `f${index}`, required: true, onFail: 'quarantine' }),
    );
    const empty = Object.fromEntries(shapes.map(({ field }) => [field, null]));
    const reason = quarantineReason(assess(asking({ shapes }), empty));
    expect(reason).toMatch(/^Q1 f0 is empty/);
    expect(reason.length).toBeLessThanOrEqual(200);
  });
});
