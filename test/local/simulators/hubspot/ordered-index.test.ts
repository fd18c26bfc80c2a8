import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedIndex } from '../../../../local/simulators/hubspot/ordered-index.ts';

describe('an ordered index', () => {
  it('gives what a sorted list gives, however items come and go', () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 40 }), tie: fc.integer({ min: 0, max: 60 }), add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 2500, size: 'max' }), fc.nat(2500), fc.nat(2500), (steps, a, b) => {
        const index = new OrderedIndex<string>();
        const model = new Map<string, { key: number; tie: number }>();
        for (const { key, tie, add } of steps) {
          const name = `${key}/${tie}`;
          if (add && !model.has(name)) {
            index.add(key, tie, name);
            model.set(name, { key, tie });
          } else if (!add) {
            index.remove(key, tie);
            model.delete(name);
          }
        }
        const sorted = [...model].sort(([, x], [, y]) => x.key - y.key || x.tie - y.tie).map(([name]) => name);
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        expect(index.size).toBe(sorted.length);
        expect([...index.between(from, to)]).toEqual(sorted.slice(from, to));
        expect([...index.betweenBackwards(from, to)]).toEqual(sorted.slice(from, to).reverse());
        expect(index.position(20, 30)).toBe(
          [...model.values()].filter(({ key, tie }) => key < 20 || (key === 20 && tie < 30)).length,
        );
      }),
      { numRuns: 60 },
    );
  });
});
