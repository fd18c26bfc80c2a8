import { type Tape, trimmedTape } from './choice-tape.ts';

export interface ShrinkOptions {
  /** Runs a tape. @returns true when it still shows the same violation. */
  readonly fails: (tape: Tape) => Promise<boolean>;
  /** Trials at most. */
  readonly trialsMax: number;
  /** Told now and then; return true to stop early. */
  readonly isTimeUp?: () => boolean;
}

export interface Shrunk {
  readonly tape: Tape;
  readonly trials: number;
  /** True when no single cut or lowering makes it smaller: it was not stopped early. */
  readonly isMinimal: boolean;
}

/**
 * Makes a failing tape as small as it can: whole tracks to zero, blocks deleted, blocks to zero, numbers lowered, until no one
 * step helps any more.
 */
export async function shrink(failing: Tape, options: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(failing, options);
  for (let better = true; better && !search.isOver; ) {
    better = false;
    for (const pass of [emptyTracks, lowerShortTracks, cutTails, deleteBlocks, zeroBlocks, lowerNumbers])
      better = (await pass(search)) || better;
  }
  return { tape: search.best, trials: search.trials, isMinimal: !search.isOver };
}

class Search {
  best: Tape;
  trials = 0;
  private readonly options: ShrinkOptions;
  private readonly tried = new Set<string>();

  constructor(failing: Tape, options: ShrinkOptions) {
    this.best = trimmedTape(failing);
    this.options = options;
  }

  get isOver(): boolean {
    return this.trials >= this.options.trialsMax || this.options.isTimeUp?.() === true;
  }

  valuesOf(label: string): readonly number[] {
    return this.best.tracks[label] ?? [];
  }

  /** Short tracks first: they say what kind of run it is, and a milder run is also a faster one. */
  labels(): string[] {
    return Object.keys(this.best.tracks).sort((a, b) => this.valuesOf(a).length - this.valuesOf(b).length || (a < b ? -1 : 1));
  }

  async tryTrack(label: string, values: readonly number[]): Promise<boolean> {
    return this.tryTape({ tracks: { ...this.best.tracks, [label]: values } });
  }

  async tryTape(candidate: Tape): Promise<boolean> {
    if (this.isOver) return false;
    const tape = trimmedTape(candidate);
    const key = JSON.stringify(tape);
    if (this.tried.has(key)) return false;
    this.tried.add(key);
    this.trials += 1;
    if (!(await this.options.fails(tape))) return false;
    this.best = tape;
    return true;
  }
}

async function emptyTracks(search: Search): Promise<boolean> {
  let better = false;
  for (const label of search.labels()) better = (await search.tryTrack(label, [])) || better;
  return better;
}

async function cutTails(search: Search): Promise<boolean> {
  let better = false;
  for (const label of search.labels()) {
    for (let size = Math.ceil(search.valuesOf(label).length / 2); size >= 1; size = Math.floor(size / 2)) {
      while (search.valuesOf(label).length >= size && (await search.tryTrack(label, search.valuesOf(label).slice(0, -size))))
        better = true;
    }
  }
  return better;
}

async function deleteBlocks(search: Search): Promise<boolean> {
  return eachBlock(search, (values, start, size) => [...values.slice(0, start), ...values.slice(start + size)]);
}

async function zeroBlocks(search: Search): Promise<boolean> {
  return eachBlock(search, (values, start, size) =>
    values.slice(start, start + size).some((value) => value !== 0)
      ? values.map((value, index) => (index >= start && index < start + size ? 0 : value))
      : undefined,
  );
}

async function eachBlock(
  search: Search,
  without: (values: readonly number[], start: number, size: number) => readonly number[] | undefined,
): Promise<boolean> {
  let better = false;
  for (const label of search.labels()) {
    for (let size = powerBelow(search.valuesOf(label).length); size >= 1; size >>= 1) {
      for (let start = search.valuesOf(label).length - size; start >= 0; start -= size) {
        if (search.isOver) return better;
        const values = without(search.valuesOf(label), start, size);
        if (values !== undefined && (await search.tryTrack(label, values))) better = true;
      }
    }
  }
  return better;
}

const SHORT = 30;

function lowerShortTracks(search: Search): Promise<boolean> {
  return lowerNumbers(search, SHORT);
}

async function lowerNumbers(search: Search, lengthMax = Number.POSITIVE_INFINITY): Promise<boolean> {
  let better = false;
  for (const label of search.labels()) {
    if (search.valuesOf(label).length > lengthMax) continue;
    for (let index = search.valuesOf(label).length - 1; index >= 0; index -= 1) {
      for (;;) {
        const value = search.valuesOf(label)[index] ?? 0;
        if (value < 1 || search.isOver) break;
        const lowered = await firstThatFails(
          search,
          label,
          index,
          [0, 1, value >> 1, value - 1].filter((lower) => lower < value),
        );
        if (!lowered) break;
        better = true;
      }
    }
  }
  return better;
}

async function firstThatFails(search: Search, label: string, index: number, candidates: readonly number[]): Promise<boolean> {
  for (const candidate of new Set(candidates)) {
    const values = search.valuesOf(label).map((value, at) => (at === index ? candidate : value));
    if (await search.tryTrack(label, values)) return true;
  }
  return false;
}

function powerBelow(length: number): number {
  let power = 1;
  while (power * 2 <= length) power *= 2;
  return length === 0 ? 0 : power;
}
