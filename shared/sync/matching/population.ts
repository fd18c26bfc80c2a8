import type { Facts, ScoredField } from './comparable.ts';
import type { ObjectKey } from './key-groups.ts';

export interface MatchObject {
  readonly system: string;
  readonly objectId: string;
}

/** A value that nobody has. */
const NONE = -1;

/**
 * The objects of all systems with their comparable values, compactly: each distinct value of a field is held once, and an
 * object holds four bytes per field.
 */
export class Population {
  readonly fields: readonly ScoredField[];
  private readonly objects: MatchObject[] = [];
  private readonly systemSizes = new Map<string, number>();
  private readonly dictionaries: readonly Dictionary[];
  private values = new Int32Array(1_024);

  constructor(fields: readonly ScoredField[]) {
    this.fields = fields;
    this.dictionaries = fields.map(() => new Dictionary());
  }

  get size(): number {
    return this.objects.length;
  }

  /** Objects of the largest system: so many might be somebody's twin. */
  get largestSystem(): number {
    return Math.max(0, ...this.systemSizes.values());
  }

  /** @returns the object's place, from 0. */
  add(object: MatchObject, facts: Facts): number {
    const place = this.objects.length;
    const width = this.fields.length;
    this.objects.push({ system: object.system, objectId: object.objectId });
    this.systemSizes.set(object.system, (this.systemSizes.get(object.system) ?? 0) + 1);
    if ((place + 1) * width > this.values.length) {
      const wider = new Int32Array(2 * this.values.length + width);
      wider.set(this.values);
      this.values = wider;
    }
    for (const [column, { field }] of this.fields.entries()) {
      const text = facts[field];
      this.values[place * width + column] = text === undefined ? NONE : (this.dictionaries[column]?.count(text) ?? NONE);
    }
    return place;
  }

  object(place: number): MatchObject {
    const object = this.objects[place];
    if (object === undefined) throw new RangeError(`there is no object at place ${place} of ${this.objects.length}`);
    return object;
  }

  keyOf(place: number): ObjectKey {
    const { system, objectId } = this.object(place);
    return `${system}:${objectId}`;
  }

  /** Equal numbers are equal values; negative is empty. */
  valueAt(place: number, column: number): number {
    return this.values[place * this.fields.length + column] ?? NONE;
  }

  textAt(place: number, column: number): string | undefined {
    return this.textOf(column, this.valueAt(place, column));
  }

  textOf(column: number, value: number): string | undefined {
    return value < 0 ? undefined : this.dictionaries[column]?.texts[value];
  }

  /** How many objects have this value. */
  holdersOf(column: number, value: number): number {
    return this.dictionaries[column]?.counts[value] ?? 0;
  }

  /** How many objects have any value in this field. */
  filledIn(column: number): number {
    return this.dictionaries[column]?.filled ?? 0;
  }
}

class Dictionary {
  readonly texts: string[] = [];
  readonly counts: number[] = [];
  filled = 0;
  private readonly places = new Map<string, number>();

  count(text: string): number {
    this.filled += 1;
    const known = this.places.get(text);
    if (known !== undefined) {
      this.counts[known] = (this.counts[known] ?? 0) + 1;
      return known;
    }
    this.places.set(text, this.texts.length);
    this.texts.push(text);
    this.counts.push(1);
    return this.texts.length - 1;
  }
}
