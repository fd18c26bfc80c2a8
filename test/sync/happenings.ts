import fc from 'fast-check';
import { type Happening, SYSTEMS } from './two-systems.ts';

const system = fc.constantFrom(...SYSTEMS);
const which = fc.nat({ max: 5 });
// Seldom the same value twice, so that a lost one cannot hide behind another.
const value = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('a', 'b', 'Ada', '1', null) },
  { weight: 3, arbitrary: fc.nat({ max: 9_999 }).map((one) => `v${one}`) },
);
/** Anything that can happen between two systems and a record, in any order. */
export const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('edit' as const), in: system, field: fc.constantFrom('name', 'phone'), value }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hint' as const), in: system, which, again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), in: system, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('decide' as const), in: system }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('poll' as const), in: system }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), in: system }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'hang' as const, 'land' as const), in: system }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 400, 1_500, 10_000, 70_000) }) },
);
