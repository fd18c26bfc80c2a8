import { seededRandom as seededNumbers } from '../aws/seeded-random.ts';

/** A source of chance that repeats itself for the same seed, so that a failing run can be run again. */
export interface SeededRandom {
  /** 0 <= x < 1 */
  next(): number;
  /** 0 <= n < bound, whole */
  below(bound: number): number;
  shuffled<T>(items: readonly T[]): T[];
}

/** Good enough to choose faults, never for secrets. */
export function seededRandom(seed: number): SeededRandom {
  const next = seededNumbers(seed);
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    next,
    below,
    shuffled(items) {
      const rest = [...items];
      return items.flatMap(() => rest.splice(below(rest.length), 1));
    },
  };
}
