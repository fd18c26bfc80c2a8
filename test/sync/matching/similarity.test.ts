import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ComparableKind, comparableText } from '../../../shared/sync/matching/comparable.ts';
import { likeness } from '../../../shared/sync/matching/similarity.ts';

describe('a value as it is compared', () => {
  it.each<[string, ComparableKind, string | undefined]>([
    ['  Zoë O’Neill ', 'name', 'zoe o neill'],
    ['12, St. James-Square', 'place', '12 st james square'],
    ['AB-12 34', 'identifier', 'ab1234'],
    ['1815-12-10', 'date', '18151210'],
    ['+61 2 5550 1234', 'phone', '61255501234'],
    ['Ada@Example.com', 'email', 'ada@example.com'],
    [' - ', 'text', undefined],
    ['unknown', 'date', undefined],
  ])('%j as %s is %j', (value, kind, text) => expect(comparableText(value, kind)).toBe(text));

  it('is short, whatever was stored', () => expect(comparableText('x'.repeat(10_000), 'text')).toHaveLength(60));
});

describe('how alike two values are', () => {
  it.each<[ComparableKind, string, string]>([
    ['name', 'catherine', 'catehrine'],
    ['name', 'chris', 'christopher'],
    ['name', 'a', 'ada'],
    ['place', '12 st james square', '12 st jams square'],
    ['date', '18151210', '18151012'],
    ['date', '18151210', '18151219'],
    ['identifier', '6988048', '6998048'],
    ['email', 'ada@example.com', 'ada@example.org'],
  ])('takes two of kind %s for alike: %s, %s', (kind, one, other) => {
    expect(likeness(one, other, kind)).toBeGreaterThan(0);
    expect(likeness(one, other, kind)).toBeLessThan(1);
  });

  it.each<[ComparableKind, string, string]>([
    ['name', 'ada', 'eva'],
    ['name', 'b', 'ada'],
    ['place', '6 tullaroop street', '8 tullaroop street'],
    ['text', 'branch 1', 'branch 2'],
    ['date', '18151210', '19020304'],
    ['identifier', '6988048', '5033334'],
    ['email', 'ada1@example.com', 'ada2@example.com'],
    ['phone', '61255501234', '61255501235'],
  ])('tells two of kind %s apart: %s, %s', (kind, one, other) => expect(likeness(one, other, kind)).toBe(0));

  it('is symmetric and between 0 and 1', () => {
    const kind = fc.constantFrom<ComparableKind>('name', 'date', 'identifier', 'email', 'phone', 'place', 'text', 'category');
    const text = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '1', '2', ' ', '@') });
    fc.assert(
      fc.property(kind, text, text, (each, one, other) => {
        expect(likeness(one, other, each)).toBe(likeness(other, one, each));
        expect(likeness(one, other, each)).toBeGreaterThanOrEqual(0);
        expect(likeness(one, other, each)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
