import { type Assignment, assign, bestRivals, type Rival, type Settled, type Thresholds } from './assign.ts';
import { Blocks } from './blocks.ts';
import type { ScoredField } from './comparable.ts';
import { type PairScorer, pairScorer } from './pair-score.ts';
import type { Population } from './population.ts';

/** How objects that no match key ties are recognised. */
export interface ScoredMatching extends Thresholds {
  readonly fields: readonly ScoredField[];
}

/**
 * L4. The match of a population on several fields. Rivals of an object can be found in any order and kept between two runs:
 * they hang on nothing but the population.
 */
export class ScoredMatch {
  readonly scorer: PairScorer;
  private readonly population: Population;
  private readonly thresholds: Thresholds;
  private readonly blocks: Blocks;
  private readonly rivals = new Map<number, readonly Rival[]>();

  constructor(population: Population, thresholds: Thresholds) {
    this.population = population;
    this.thresholds = thresholds;
    this.scorer = pairScorer(population);
    this.blocks = new Blocks(population);
  }

  /** @returns the best few that may be the same one, of each system but those that `group` has. */
  rivalsOf(place: number, group: readonly number[]): Rival[] {
    const had = new Set(group.map((member) => this.population.object(member).system));
    const found = this.blocks
      .neighbours(place)
      .filter((other) => !had.has(this.population.object(other).system))
      .map((other): Rival => ({ place: other, ...this.scorer.score(place, other) }));
    return bestRivals(this.population, found, this.thresholds);
  }

  /** Takes over what {@link rivalsOf} found, now or in an earlier run. */
  remember(place: number, rivals: readonly Rival[]): void {
    this.rivals.set(place, rivals);
  }

  assignment(settled: { readonly groups: Settled; readonly closed: ReadonlySet<number> }): Assignment {
    return assign(this.population, this.rivals, settled, this.thresholds, this.scorer.score);
  }
}
