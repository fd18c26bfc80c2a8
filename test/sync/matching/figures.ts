import type { Thresholds } from '../../../shared/sync/matching/assign.ts';
import type { ScoredField } from '../../../shared/sync/matching/comparable.ts';
import { Population } from '../../../shared/sync/matching/population.ts';
import { ScoredMatch } from '../../../shared/sync/matching/scored-match.ts';
import { type FebrlRow, factsOf } from './febrl.ts';

export interface Figures {
  readonly truePairs: number;
  readonly linked: number; // pairs
  readonly wronglyLinked: number;
  /** True pairs of which both are in one case, or one is in a case that shows the other. */
  readonly reviewed: number;
  readonly cases: number;
  readonly precision: number;
  /** True pairs that were linked, or are shown to a person. */
  readonly recall: number;
}

export type Row = Pick<FebrlRow, 'person' | 'values'> & { readonly system: string };

/** Matches the rows and compares with the truth. */
export function figuresOf(rows: readonly Row[], fields: readonly ScoredField[], thresholds: Thresholds): Figures {
  const population = new Population(fields);
  const places = rows.map(({ system, values }, index) =>
    population.add({ system, objectId: `${index}` }, factsOf(values, fields)),
  );
  const match = new ScoredMatch(population, thresholds);
  for (const place of places) match.remember(place, match.rivalsOf(place, [place]));
  const { links, reviews } = match.assignment({ groups: new Map(), closed: new Set() });
  const person = (place: number) => rows[place]?.person;
  const pairsOf = (members: readonly number[]) =>
    members.flatMap((one, index) => members.slice(index + 1).map((other): [number, number] => [one, other]));
  const isTrue = ([one, other]: readonly [number, number]) => person(one) === person(other);
  const named = ([one, other]: readonly [number, number]) => `${Math.min(one, other)} ${Math.max(one, other)}`;
  const linked = links.flatMap(pairsOf);
  const linkedNames = new Set(linked.map(named));
  const shown = new Set(
    reviews.flatMap(({ held, pairs }) =>
      [...pairsOf(held), ...pairs.map(({ one, other }): [number, number] => [one, other])]
        .filter((pair) => isTrue(pair) && rows[pair[0]]?.system !== rows[pair[1]]?.system)
        .map(named)
        .filter((name) => !linkedNames.has(name)),
    ),
  );
  const byPerson = Map.groupBy(places, (place) => person(place) ?? '');
  const truePairs = [...byPerson.values()]
    .flatMap(pairsOf)
    .filter(([one, other]) => rows[one]?.system !== rows[other]?.system).length;
  const wronglyLinked = linked.filter((pair) => !isTrue(pair)).length;
  const right = linked.length - wronglyLinked;
  return {
    truePairs,
    linked: linked.length,
    wronglyLinked,
    reviewed: shown.size,
    cases: reviews.length,
    precision: linked.length === 0 ? 1 : right / linked.length,
    recall: truePairs === 0 ? 1 : (right + shown.size) / truePairs,
  };
}
