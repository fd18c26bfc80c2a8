import type { PairScore } from './pair-score.ts';
import type { Population } from './population.ts';

/** From which score on two objects are linked, and from which on a person is asked; in bits, as {@link PairScore}. */
export interface Thresholds {
  readonly link: number;
  readonly review: number;
}

/** How much better than the second best a link has to be: 3 bits are eight times likelier. */
export const MARGIN_BITS = 3;
/** Enough to know the best of a system and whether it stands out, and to show a person the others. */
export const RIVALS_MAX = 3;
/** A longer list is no help to anybody. */
const CASE_SIZE_MAX = 20;

/** One object that another one may be the same as. */
export interface Rival extends PairScore {
  readonly place: number;
}

/** Objects that were settled before: by a match key, or by a record that ties them. Places may stand alone in their group. */
export type Settled = ReadonlyMap<number, readonly number[]>;

export interface Assignment {
  /** L4: groups of two and more, one object per system; those that were groups before are not told again. */
  readonly links: readonly (readonly number[])[];
  readonly reviews: readonly UnsureCase[];
}

export interface UnsureCase {
  /** Objects that wait until the case is decided. */
  readonly held: readonly number[];
  readonly pairs: readonly { readonly one: number; readonly other: number; readonly bits: number }[];
  readonly reason: string;
}

/**
 * Keeps what an object may be the same as: per system the best few, in an order that hangs on nothing but the scores and
 * the objects themselves.
 */
export function bestRivals(population: Population, rivals: readonly Rival[], thresholds: Thresholds): Rival[] {
  const perSystem = new Map<string, number>();
  return rivals
    .filter((rival) => rival.bits >= thresholds.review)
    .sort((a, b) => b.bits - a.bits || (population.keyOf(a.place) < population.keyOf(b.place) ? -1 : 1))
    .filter(({ place }) => {
      const { system } = population.object(place);
      const taken = perSystem.get(system) ?? 0;
      perSystem.set(system, taken + 1);
      return taken < RIVALS_MAX;
    });
}

/**
 * L4, L5. Ties objects one to one: two objects are linked when each is clearly the best that the other system has for the
 * other one. Whatever is likely but not that sure goes to a person, never to the first that was found.
 *
 * @param rivalsOf - per object that looks for a twin: its {@link bestRivals}.
 * @param groups - what is settled already; objects that only wait for a person are groups of one that take nobody in.
 * @param score - of any pair, to see that a group of three agrees within itself.
 */
export function assign(
  population: Population,
  rivalsOf: ReadonlyMap<number, readonly Rival[]>,
  settled: { readonly groups: Settled; readonly closed: ReadonlySet<number> },
  thresholds: Thresholds,
  score: (one: number, other: number) => PairScore,
): Assignment {
  const groupOf = new Map<number, readonly number[]>(settled.groups);
  const group = (place: number) => groupOf.get(place) ?? [place];
  const system = (place: number) => population.object(place).system;
  const lacks = (place: number, wanted: string) => !group(place).some((member) => system(member) === wanted);
  const grown = new Set<number>();
  const refused: Pair[] = [];

  for (const pair of surePairs(population, rivalsOf, settled.closed, thresholds)) {
    const [ones, others] = [group(pair.one), group(pair.other)];
    if (ones === others || ones.includes(pair.other)) continue;
    const fit = ones.every((one) => others.every((other) => system(one) !== system(other) && !score(one, other).isForbidden));
    if (!fit) {
      refused.push(pair);
      continue;
    }
    const joined = [...ones, ...others];
    for (const member of joined) {
      groupOf.set(member, joined);
      grown.add(member);
    }
  }

  const open = new OpenQuestions();
  for (const pair of refused) open.ask(pair, group(pair.one), group(pair.other), 'a third system contradicts it');
  for (const [place, rivals] of rivalsOf) {
    for (const [wanted, [best, ...rest]] of bySystem(rivals, system)) {
      if (best === undefined || !lacks(place, wanted)) continue;
      const close = rest.filter((rival) => best.bits - rival.bits < MARGIN_BITS);
      for (const rival of [best, ...close]) {
        const answers = !settled.closed.has(rival.place) && lacks(rival.place, system(place));
        const reason = reasonOf(best, close.length > 0, answers, thresholds);
        open.ask({ one: place, other: rival.place, bits: rival.bits }, group(place), answers ? group(rival.place) : [], reason);
      }
    }
  }
  const reviews = open.cases();
  const held = new Set(reviews.flatMap((review) => review.held));
  const links = [...new Set([...grown].map((place) => group(place)))].filter((members) => !members.some((one) => held.has(one)));
  return { links, reviews };
}

interface Pair {
  readonly one: number;
  readonly other: number;
  readonly bits: number;
}

/** Pairs of which each is the other's clear best, the surest first. */
function surePairs(
  population: Population,
  rivalsOf: ReadonlyMap<number, readonly Rival[]>,
  closed: ReadonlySet<number>,
  thresholds: Thresholds,
): Pair[] {
  const clearBest = (place: number, wanted: string): Rival | undefined => {
    const [best, second] = (rivalsOf.get(place) ?? []).filter((rival) => population.object(rival.place).system === wanted);
    return best !== undefined && (second === undefined || best.bits - second.bits >= MARGIN_BITS) ? best : undefined;
  };
  const pairs: Pair[] = [];
  for (const [one, rivals] of rivalsOf) {
    for (const { place: other, bits, isForbidden } of rivals) {
      if (other < one || bits < thresholds.link || isForbidden || closed.has(other)) continue;
      if (clearBest(one, population.object(other).system)?.place !== other) continue;
      if (clearBest(other, population.object(one).system)?.place !== one) continue;
      pairs.push({ one, other, bits });
    }
  }
  return pairs.sort((a, b) => b.bits - a.bits || a.one - b.one || a.other - b.other);
}

function bySystem(rivals: readonly Rival[], system: (place: number) => string): Map<string, Rival[]> {
  const sorted = new Map<string, Rival[]>();
  for (const rival of rivals) {
    const own = sorted.get(system(rival.place)) ?? [];
    own.push(rival);
    sorted.set(system(rival.place), own);
  }
  return sorted;
}

function reasonOf(best: Rival, hasEqual: boolean, answers: boolean, thresholds: Thresholds): string {
  if (!answers) return 'it resembles an object that is linked to another one, or waits for a person itself';
  if (hasEqual) return 'several objects of one system resemble it about as much';
  if (best.isForbidden && best.bits >= thresholds.link) return 'most agrees, but a telling field contradicts';
  return 'they resemble each other, but not surely enough';
}

/** Questions that have an object in common are one case. */
class OpenQuestions {
  private readonly parent = new Map<number, number>();
  private readonly asked = new Map<string, { pair: Pair; reason: string }>();

  /** @param ones - the objects that wait for the answer with `pair.one`; `others`, with `pair.other`: none, if it does not. */
  ask(pair: Pair, ones: readonly number[], others: readonly number[], reason: string): void {
    const id = pair.one < pair.other ? `${pair.one} ${pair.other}` : `${pair.other} ${pair.one}`;
    if (!this.asked.has(id)) this.asked.set(id, { pair, reason });
    const root = this.rootOf(pair.one);
    for (const place of [...ones, ...others]) this.parent.set(this.rootOf(place), root);
  }

  cases(): UnsureCase[] {
    const heldBy = new Map<number, number[]>();
    for (const place of [...this.parent.keys()].sort((a, b) => a - b)) {
      const root = this.rootOf(place);
      const held = heldBy.get(root) ?? [];
      held.push(place);
      heldBy.set(root, held);
    }
    const askedBy = new Map<number, { pair: Pair; reason: string }[]>();
    for (const question of this.asked.values()) {
      const root = this.rootOf(question.pair.one);
      const own = askedBy.get(root) ?? [];
      own.push(question);
      askedBy.set(root, own);
    }
    return [...heldBy].flatMap(([root, held]) => {
      const questions = (askedBy.get(root) ?? []).sort((a, b) => b.pair.bits - a.pair.bits);
      return chunks(held, CASE_SIZE_MAX).map((part): UnsureCase => {
        const own = questions.filter(({ pair }) => part.includes(pair.one) || part.includes(pair.other));
        return {
          held: part,
          pairs: own.slice(0, CASE_SIZE_MAX).map(({ pair }) => pair),
          reason: own[0]?.reason ?? questions[0]?.reason ?? '',
        };
      });
    });
  }

  private rootOf(place: number): number {
    let root = place;
    for (;;) {
      const above = this.parent.get(root) ?? root;
      if (above === root) break;
      root = above;
    }
    this.parent.set(place, root);
    return root;
  }
}

function chunks(places: readonly number[], size: number): number[][] {
  const parts: number[][] = [];
  for (let start = 0; start < places.length; start += size) parts.push(places.slice(start, start + size));
  return parts;
}
