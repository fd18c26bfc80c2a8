/**
 * Where all chance of a run comes from. 0 always means "no fault", "the first", "the smallest", so that a tape of zeros is the
 * mildest run there is, and a shorter tape a simpler one.
 *
 * The label names a track of the tape. Each track has a generator of its own, so that what is drawn for one concern (what
 * people do, say) stays the same when another concern (which calls fail) draws more or less.
 */
export interface Chooser {
  /** A whole number from 0 to n - 1. */
  choose(n: number, label: string): number;
  /** True in `perMille` of 1,000 cases. */
  chance(perMille: number, label: string): boolean;
}

/** What was drawn in a run, by track. What a track no longer has is drawn as 0. */
export interface Tape {
  readonly tracks: Readonly<Record<string, readonly number[]>>;
}

export interface RecordedChooser extends Chooser {
  /** What was drawn so far. */
  tape(): Tape;
}

interface Source {
  whole(n: number): number;
  chance(perMille: number): boolean;
}

/** Draws anew from a seed, and records. */
export function recordingChooser(seed: number): RecordedChooser {
  return chooserOn((label) => {
    const random = randomFrom(seed >>> 0, hashOfText(label));
    return { whole: (n) => random() % n, chance: (perMille) => random() % 1000 < perMille };
  });
}

/** Draws what a tape says. A draw beyond its end, and one that is no longer possible, is the smallest. */
export function replayingChooser(tape: Tape): RecordedChooser {
  return chooserOn((label) => {
    const values = tape.tracks[label] ?? [];
    let position = 0;
    return {
      whole: (n) => Math.min(values[position++] ?? 0, n - 1),
      chance: () => (values[position++] ?? 0) > 0,
    };
  });
}

function chooserOn(open: (label: string) => Source): RecordedChooser {
  const tracks = new Map<string, { readonly drawn: number[]; readonly source: Source }>();
  const trackOf = (label: string) => {
    const known = tracks.get(label);
    if (known !== undefined) return known;
    const track = { drawn: [], source: open(label) };
    tracks.set(label, track);
    return track;
  };
  return {
    choose(n, label) {
      if (n <= 1) return 0; // no choice, and nothing to record
      const { drawn, source } = trackOf(label);
      const value = source.whole(n);
      drawn.push(value);
      return value;
    },
    chance(perMille, label) {
      if (perMille <= 0) return false;
      const { drawn, source } = trackOf(label);
      const happens = source.chance(perMille);
      drawn.push(happens ? 1 : 0);
      return happens;
    },
    tape: () => ({ tracks: Object.fromEntries([...tracks].map(([label, { drawn }]) => [label, trimmed(drawn)])) }),
  };
}

/** A tape without what it would say anyway: zeros at the end of a track, and tracks of nothing but zeros. */
export function trimmedTape(tape: Tape): Tape {
  const tracks = Object.entries(tape.tracks).map(([label, values]) => [label, trimmed(values)] as const);
  return { tracks: Object.fromEntries(tracks.filter(([, values]) => values.length > 0)) };
}

function trimmed(values: readonly number[]): readonly number[] {
  let end = values.length;
  while (end > 0 && values[end - 1] === 0) end -= 1;
  return values.slice(0, end);
}

/** A tape as it is kept in a file: per track, pairs of how many zeros and the number after them. */
export type PackedTape = Readonly<Record<string, readonly (readonly [zeros: number, value: number])[]>>;

export function packTape(tape: Tape): PackedTape {
  return Object.fromEntries(
    Object.entries(trimmedTape(tape).tracks).map(([label, values]) => {
      const pairs: [number, number][] = [];
      let zeros = 0;
      for (const value of values) {
        if (value === 0) {
          zeros += 1;
          continue;
        }
        pairs.push([zeros, value]);
        zeros = 0;
      }
      return [label, pairs];
    }),
  );
}

export function unpackTape(packed: PackedTape): Tape {
  return {
    tracks: Object.fromEntries(
      Object.entries(packed).map(([label, pairs]) => [
        label,
        pairs.flatMap(([zeros, value]) => [...new Array<number>(zeros).fill(0), value]),
      ]),
    ),
  };
}

/** FNV-1a, 32 bit. */
export function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** sfc32 (public domain, PractRand): four 32-bit words of state, the same on every machine. */
function randomFrom(seed: number, stream: number): () => number {
  let a = seed;
  let b = stream;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  return next;
}
