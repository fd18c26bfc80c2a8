import type { ComparableKind } from './comparable.ts';
import type { Population } from './population.ts';
import { likeness } from './similarity.ts';

// Fellegi and Sunter's weights (A Theory for Record Linkage, 1969), in bits: log2 of how much likelier a finding is for
// two objects of one person than for two strangers. How likely strangers agree is counted in the data: sharing a rare
// surname says much, sharing the country nothing.

interface KindWeights {
  /** The most that agreement may count for. */
  readonly agreesMax: number;
  /** What a clear difference counts for. */
  readonly differs: number;
  /** How many in a million share a value, before anything was counted. */
  readonly sharedPerMillion: number;
  /** A clear difference forbids an automatic link: twins, or father and son, share all but one field. */
  readonly forbids: boolean;
}

const WEIGHTS: Readonly<Record<ComparableKind, KindWeights>> = {
  name: { agreesMax: 10, differs: -4, sharedPerMillion: 5_000, forbids: true },
  date: { agreesMax: 12, differs: -4, sharedPerMillion: 100, forbids: true },
  identifier: { agreesMax: 14, differs: -4, sharedPerMillion: 10, forbids: true },
  email: { agreesMax: 14, differs: -1.5, sharedPerMillion: 10, forbids: false },
  phone: { agreesMax: 10, differs: -1, sharedPerMillion: 100, forbids: false },
  place: { agreesMax: 9, differs: -1.5, sharedPerMillion: 5_000, forbids: false },
  text: { agreesMax: 3, differs: -0.5, sharedPerMillion: 20_000, forbids: false },
  category: { agreesMax: 3, differs: -0.5, sharedPerMillion: 100_000, forbids: false },
};
/** The parts of an address depend on each other, and a household shares them all. */
const PLACES_MAX = 12;
/** The counts of a small population are mixed with the expectation, as if so many had been counted before. */
const EXPECTED_COUNT = 50;
/** A name in the wrong field is rarer than one in the right field. */
const CROSSED = 0.8;

export interface FieldEvidence {
  readonly field: string;
  readonly says: 'agrees' | 'alike' | 'crossed' | 'differs';
  readonly bits: number;
}

export interface PairScore {
  /** log2 of the odds that both are the same one, were the fields independent: +10 is a thousand to one. */
  readonly bits: number;
  /** Some field clearly says that they are not the same one; a shared identifier outweighs one such. */
  readonly isForbidden: boolean;
}

/** Scores pairs of objects of one population. Symmetric. */
export function pairScorer(population: Population) {
  const { fields } = population;
  const nameColumns = fields.flatMap(({ kind }, column) => (kind === 'name' ? [column] : []));
  const priorBits = -Math.log2(population.largestSystem + EXPECTED_COUNT);

  function agreementBits(column: number, value: number): number {
    const weights = WEIGHTS[fields[column]?.kind ?? 'text'];
    const expected = (weights.sharedPerMillion / 1_000_000) * EXPECTED_COUNT;
    const shared = (population.holdersOf(column, value) + expected) / (population.filledIn(column) + EXPECTED_COUNT);
    return Math.min(weights.agreesMax, Math.max(0, -Math.log2(shared)));
  }

  /** Two names that stand in each other's fields, or of which one stands in the other's field. */
  function crossing(one: number, other: number): Map<number, number> {
    const crossed = new Map<number, number>();
    for (const column of nameColumns) {
      for (const across of nameColumns) {
        if (across === column) continue;
        const text = population.textAt(one, column);
        if (text === undefined || text !== population.textAt(other, across)) continue;
        const back = population.textAt(one, across);
        const forth = population.textAt(other, column);
        if (back !== undefined && forth !== undefined && back !== forth && likeness(back, forth, 'name') === 0) continue;
        const bits = CROSSED * agreementBits(column, population.valueAt(one, column));
        crossed.set(column, Math.max(bits, crossed.get(column) ?? 0));
        if (!crossed.has(across)) crossed.set(across, 0);
      }
    }
    return crossed;
  }

  function evaluate(one: number, other: number, tell?: (evidence: FieldEvidence) => void): PairScore {
    let bits = priorBits;
    let places = 0;
    let contradictions = 0;
    let sharesIdentifier = false;
    let crossed: ReadonlyMap<number, number> | undefined;
    for (let column = 0; column < fields.length; column += 1) {
      const a = population.valueAt(one, column);
      const b = population.valueAt(other, column);
      const { field, kind } = fields[column] ?? { field: '', kind: 'text' as const };
      let says: FieldEvidence['says'] = 'agrees';
      let weight = 0;
      if (a >= 0 && a === b) {
        weight = agreementBits(column, a);
        sharesIdentifier ||= kind === 'identifier';
      } else {
        if (kind === 'name') {
          crossed ??= crossing(one, other);
          const across = crossed.get(column);
          if (across !== undefined) {
            if (across > 0) tell?.({ field, says: 'crossed', bits: across });
            bits += across;
            continue;
          }
        }
        if (a < 0 || b < 0) continue;
        const alike = likeness(population.textOf(column, a) ?? '', population.textOf(column, b) ?? '', kind);
        says = alike > 0 ? 'alike' : 'differs';
        weight = alike > 0 ? alike * alike * Math.min(agreementBits(column, a), agreementBits(column, b)) : WEIGHTS[kind].differs;
        if (alike === 0 && WEIGHTS[kind].forbids) contradictions += 1;
      }
      if (kind === 'place' && weight > 0) {
        weight = Math.min(weight, PLACES_MAX - places);
        places += weight;
      }
      bits += weight;
      tell?.({ field, says, bits: weight });
    }
    return { bits, isForbidden: contradictions > (sharesIdentifier ? 1 : 0) };
  }

  return {
    score: (one: number, other: number): PairScore => evaluate(one, other),
    /** What each field said, the most telling first; fields that are empty say nothing. */
    evidence(one: number, other: number): FieldEvidence[] {
      const told: FieldEvidence[] = [];
      evaluate(one, other, (evidence) => told.push(evidence));
      return told.sort((a, b) => Math.abs(b.bits) - Math.abs(a.bits));
    },
  };
}

export type PairScorer = ReturnType<typeof pairScorer>;
