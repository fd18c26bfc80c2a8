import type { Population } from './population.ts';
import { soundex } from './soundex.ts';

// Only objects of one block are compared: all with all would take 10^10 comparisons for 100,000 objects in two systems.
// Each object is in many blocks, so that an error in one field leaves the others to find its twin.

/** A block with more objects counts for nothing: its objects go on in narrower blocks. Bounds the comparisons of an object. */
export const BLOCK_SIZE_MAX = 100;
const PLACES_TO_THE_KEY = 2_097_152; // with a 32-bit hash before it, what a double holds exactly

/**
 * The blocks of a population, as hashes of their keys: 8 bytes for each block that an object is in. Two keys of one hash
 * only cost comparisons.
 *
 * @throws RangeError beyond two million objects.
 */
export class Blocks {
  private readonly population: Population;
  /** hash * 2^21 + place, in order: a block is a range. One level per degree of narrowness. */
  private readonly levels: Float64Array[] = [];

  constructor(population: Population) {
    if (population.size > PLACES_TO_THE_KEY) {
      throw new RangeError(`${population.size} objects are too many for one match: leave some out with the filter 'only'`);
    }
    this.population = population;
    const all = Array.from({ length: population.size }, (_, place) => place);
    this.levels.push(this.built(all, 0));
    for (let level = 1; level <= NARROWINGS; level += 1) {
      const crowded = all.filter((place) => this.isCrowded(place, level - 1));
      if (crowded.length === 0) break;
      this.levels.push(this.built(crowded, level));
    }
  }

  /** The objects that share a block with this one, each once. */
  neighbours(place: number): number[] {
    const found = new Set<number>();
    const keys = keysOf(this.population, place);
    for (const key of keys.broad) {
      for (let level = 0; level < this.levels.length; level += 1) {
        const range = this.rangeOf(hashOf(narrowed(key, keys.narrowings, level)), level);
        if (range === undefined) break;
        const [from, to] = range;
        if (to - from > BLOCK_SIZE_MAX) continue;
        const entries = this.levels[level];
        for (let at = from; at < to; at += 1) found.add((entries?.[at] ?? 0) % PLACES_TO_THE_KEY);
        break;
      }
    }
    found.delete(place);
    return [...found];
  }

  private built(places: readonly number[], level: number): Float64Array {
    const entries = new NumberList();
    for (const place of places) {
      const { broad, narrowings } = keysOf(this.population, place);
      for (const key of broad) {
        if (level > 0 && !this.isTooBroad(key, narrowings, level - 1)) continue;
        entries.push(hashOf(narrowed(key, narrowings, level)) * PLACES_TO_THE_KEY + place);
      }
    }
    return entries.sorted();
  }

  private isCrowded(place: number, level: number): boolean {
    const { broad, narrowings } = keysOf(this.population, place);
    return broad.some((key) => this.isTooBroad(key, narrowings, level));
  }

  private isTooBroad(key: string, narrowings: readonly string[], level: number): boolean {
    const range = this.rangeOf(hashOf(narrowed(key, narrowings, level)), level);
    return range !== undefined && range[1] - range[0] > BLOCK_SIZE_MAX;
  }

  private rangeOf(hash: number, level: number): [number, number] | undefined {
    const entries = this.levels[level];
    if (entries === undefined) return undefined;
    const from = firstFrom(entries, hash * PLACES_TO_THE_KEY);
    const to = firstFrom(entries, (hash + 1) * PLACES_TO_THE_KEY);
    return to > from ? [from, to] : undefined;
  }
}

/** A growing list of numbers, 8 bytes each. */
class NumberList {
  private numbers = new Float64Array(1_024);
  private length = 0;

  push(number: number): void {
    if (this.length === this.numbers.length) {
      const longer = new Float64Array(2 * this.length);
      longer.set(this.numbers);
      this.numbers = longer;
    }
    this.numbers[this.length] = number;
    this.length += 1;
  }

  sorted(): Float64Array {
    return this.numbers.slice(0, this.length).sort();
  }
}

function firstFrom(entries: Float64Array, least: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface BlockKeys {
  readonly broad: readonly string[];
  /** Added one after the other where a block is too large. */
  readonly narrowings: readonly string[];
}

const NARROWINGS = 4;

function keysOf(population: Population, place: number): BlockKeys {
  const names: string[] = [];
  const places: string[] = [];
  const years: string[] = [];
  const broad: string[] = [];
  for (const [column, { kind }] of population.fields.entries()) {
    const text = population.textAt(place, column);
    if (text === undefined) continue;
    if (kind === 'name') names.push(soundex(text));
    if (kind === 'place') places.push(`${column}:${text}`);
    if (kind === 'date') years.push(text.slice(0, 4));
    if (kind === 'date' || kind === 'identifier' || kind === 'email' || kind === 'phone') broad.push(`v${column}:${text}`);
    if (kind === 'identifier') {
      // An error in one half leaves the other.
      const half = text.length >>> 1;
      broad.push(`a${column}:${text.slice(0, half)}`, `z${column}:${text.slice(half)}`);
    }
  }
  names.sort(); // a first name in the field of the last one makes no difference
  if (names.length > 1) broad.push(`n:${names.join(' ')}`);
  for (const year of years) {
    for (const name of names) broad.push(`y:${name} ${year}`);
    for (const where of places) broad.push(`w:${where} ${year}`);
  }
  for (const where of places) for (const name of names) broad.push(`p:${name} ${where}`);
  const initials = names.map((name) => name.slice(0, 1)).join('');
  return { broad, narrowings: [years.join(' '), initials, places[0] ?? '', names.join(' ')] };
}

function narrowed(key: string, narrowings: readonly string[], level: number): string {
  return level === 0 ? key : `${key}|${narrowings.slice(0, level).join('|')}`;
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
