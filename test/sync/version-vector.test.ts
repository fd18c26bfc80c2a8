import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bump, compareVectors, mergeVectors, VECTOR_ENTRIES_MAX, type VersionVector } from '../../shared/sync/version-vector.ts';

const authors = ['a', 'b', 'c', 'd'];
const vector: fc.Arbitrary<VersionVector> = fc.dictionary(fc.constantFrom(...authors), fc.integer({ min: 1, max: 3 }), {
  maxKeys: 4,
});

describe('a version vector', () => {
  it('tells an edit made on top of another from one made beside it', () => {
    const first = bump({}, 'salesforce');
    const onTop = bump(first, 'hubspot');
    const beside = bump(first, 'shop');
    expect(compareVectors(onTop, first)).toBe('after');
    expect(compareVectors(first, onTop)).toBe('before');
    expect(compareVectors(onTop, beside)).toBe('concurrent');
    expect(compareVectors(mergeVectors(onTop, beside), beside)).toBe('after');
    expect(compareVectors(onTop, { hubspot: 1, salesforce: 1 })).toBe('equal');
  });

  it('does not take a name of JavaScript itself for an author', () => {
    expect(compareVectors({}, { constructor: 1 })).toBe('before');
    expect(bump({}, 'toString')).toEqual({ toString: 1 });
  });

  it('is ordered: what is after one way is before the other, and order passes on', () => {
    const opposite = { equal: 'equal', before: 'after', after: 'before', concurrent: 'concurrent' } as const;
    fc.assert(
      fc.property(vector, vector, vector, (a, b, c) => {
        expect(compareVectors(b, a)).toBe(opposite[compareVectors(a, b)]);
        if (compareVectors(a, b) === 'before' && compareVectors(b, c) === 'before') expect(compareVectors(a, c)).toBe('before');
      }),
    );
  });

  it('merges in any order and grouping, and twice is as good as once', () => {
    fc.assert(
      fc.property(vector, vector, vector, (a, b, c) => {
        const merged = mergeVectors(a, b);
        expect(mergeVectors(b, a)).toEqual(merged);
        expect(mergeVectors(merged, b)).toEqual(merged);
        expect(mergeVectors(merged, c)).toEqual(mergeVectors(a, mergeVectors(b, c)));
        expect(['after', 'equal']).toContain(compareVectors(merged, a));
      }),
    );
  });

  it('makes each edit later than all it knew of', () => {
    fc.assert(
      fc.property(vector, vector, fc.constantFrom(...authors), (a, known, author) => {
        const next = bump(a, author, known);
        expect(compareVectors(next, a)).toBe('after');
        expect(compareVectors(next, known)).toBe('after');
      }),
    );
  });
});

describe('a version vector with more authors than it can name', () => {
  const edits = fc.array(
    fc.nat({ max: 15 }).map((index) => `device${index}`),
    { minLength: 1, maxLength: 60 },
  );
  const vectorAfter = (some: readonly string[]) => some.reduce<VersionVector>((vector, author) => bump(vector, author), {});

  it('stays small, and keeps the author of the newest edit', () => {
    fc.assert(
      fc.property(edits, (some) => {
        const vector = vectorAfter(some);
        expect(Object.keys(vector).length).toBeLessThanOrEqual(VECTOR_ENTRIES_MAX);
        expect(Object.keys(vector)).toContain(some.at(-1));
        expect(Object.keys(mergeVectors(vector, vectorAfter(some.toReversed()))).length).toBeLessThanOrEqual(VECTOR_ENTRIES_MAX);
      }),
    );
  });

  it('is still equal to itself, so an edit of what is there is known to be one', () => {
    fc.assert(
      fc.property(edits, (some) => {
        expect(compareVectors(vectorAfter(some), vectorAfter(some))).toBe('equal');
      }),
    );
  });

  it('is not compared with one that lost another author: what each knew of is forgotten', () => {
    const both = { a: 2, b: 2, c: 2, d: 2, e: 2, f: 2, g: 2 };
    const one = bump({ ...both, x: 1 }, 'new');
    const other = bump({ ...both, y: 1 }, 'new');
    expect(compareVectors(one, other)).toBe('concurrent');
    expect(compareVectors(bump(one, 'a'), other)).toBe('concurrent');
    expect(compareVectors(bump(one, 'a'), one)).toBe('after');
    expect(compareVectors(mergeVectors(one, other), one)).toBe('concurrent'); // it is after, but that cannot be told any more
  });

  it('never says that an edit knew of another that it did not know of', () => {
    // Every vector with the true set of edits it stands for: `before` and `after` must hold of those sets.
    const step = fc.record({
      author: fc.nat({ max: 11 }),
      on: fc.nat({ max: 20 }),
      with: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const versions: { vector: VersionVector; edits: ReadonlySet<number> }[] = [{ vector: {}, edits: new Set() }];
        const newest = new Map<string, (typeof versions)[number]>();
        for (const [index, { author, on, with: other }] of steps.entries()) {
          const name = `device${author}`;
          const nothing = { vector: {}, edits: new Set<number>() };
          const base = versions[on % versions.length] ?? nothing;
          // An author knows of its own earlier edits.
          const own = newest.get(name) ?? nothing;
          const beside = other === undefined ? nothing : (versions[other % versions.length] ?? nothing);
          const known = mergeVectors(own.vector, beside.vector);
          const made = {
            vector: bump(base.vector, name, known),
            edits: new Set([...base.edits, ...own.edits, ...beside.edits, index]),
          };
          versions.push(made);
          newest.set(name, made);
        }
        for (const a of versions) {
          for (const b of versions) {
            const order = compareVectors(a.vector, b.vector);
            if (order === 'after' || order === 'equal') expect([...b.edits].filter((edit) => !a.edits.has(edit))).toEqual([]);
          }
        }
      }),
    );
  });
});
