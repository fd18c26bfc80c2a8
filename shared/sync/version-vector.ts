/**
 * Which edits a value knows of: for each author (a system, a device) the number of its edits, 1 and up; an author that is
 * not named made none. It tells an edit made on top of another from one made beside it, without any clock.
 */
export type VersionVector = Readonly<Record<string, number>>;

/** A vector is stored with each value of its field, so it has to stay small. */
export const VECTOR_ENTRIES_MAX = 8;

/** What was pruned, as a fingerprint. No author can be named so: names in a config begin with a letter. */
const PRUNED = '~';

/**
 * How much `a` knows of, compared with `b`: `before` and `after` where one knows of all that the other does and of more.
 *
 * Two vectors that were pruned differently are `concurrent`, for nobody can tell any more. That errs on the safe side: a
 * strategy is asked where nobody had to be, and no edit is taken for known that is not.
 */
export function compareVectors(a: VersionVector, b: VersionVector): 'equal' | 'before' | 'after' | 'concurrent' {
  const aInB = isWithin(a, b);
  const bInA = isWithin(b, a);
  if (aInB) return bInA ? 'equal' : 'before';
  return bInA ? 'after' : 'concurrent';
}

/** Knows of all that either knows of. Commutative and idempotent; associative too, as long as nothing was pruned. */
export function mergeVectors(a: VersionVector, b: VersionVector): VersionVector {
  return pruned(unionOf(a, b));
}

/**
 * The vector of an author's next edit: it knows of all that is in `vector` and `known`, and of itself.
 *
 * @param known - what else the author knew of, where that is not in `vector`.
 */
export function bump(vector: VersionVector, author: string, known: VersionVector = {}): VersionVector {
  const merged = unionOf(vector, known);
  return pruned({ ...merged, [author]: Math.min(countOf(merged, author) + 1, Number.MAX_SAFE_INTEGER) }, author);
}

/** Whether `b` surely knows of all that `a` knows of. An author's count after a pruning stands on top of what was pruned. */
function isWithin(a: VersionVector, b: VersionVector): boolean {
  const isSamePruning = countOf(a, PRUNED) === countOf(b, PRUNED);
  return (
    (isSamePruning || countOf(a, PRUNED) === 0) && authorsOf(a, {}).every((author) => countOf(a, author) <= countOf(b, author))
  );
}

function unionOf(a: VersionVector, b: VersionVector): VersionVector {
  if (isWithin(b, a)) return a;
  if (isWithin(a, b)) return b;
  const merged: Record<string, number> = {};
  for (const author of authorsOf(a, b)) merged[author] = Math.max(countOf(a, author), countOf(b, author));
  const [low = 0, high = 0] = [countOf(a, PRUNED), countOf(b, PRUNED)].sort((one, other) => one - other);
  const fingerprint = low === high ? low : fingerprintOf(`${low} ${high}`);
  return fingerprint === 0 ? merged : { ...merged, [PRUNED]: fingerprint };
}

/**
 * The prune rule: beyond the bound, the authors with the fewest edits go (of equal ones, the last by name), but never
 * the one that edits now. What goes leaves a fingerprint, so that only vectors that lost the same can be compared; an author that comes
 * back counts on from 1, on top of what was pruned.
 */
function pruned(vector: VersionVector, kept?: string): VersionVector {
  if (Object.keys(vector).length <= VECTOR_ENTRIES_MAX) return vector;
  const authors = authorsOf(vector, {}).sort((a, b) => {
    if (a === kept || b === kept) return a === kept ? -1 : 1;
    return countOf(vector, b) - countOf(vector, a) || (a < b ? -1 : 1);
  });
  const stay = authors.slice(0, VECTOR_ENTRIES_MAX - 1);
  const gone = authors.slice(VECTOR_ENTRIES_MAX - 1).sort();
  const text = gone.map((author) => `${author} ${countOf(vector, author)}`).join('\n');
  const fingerprint = fingerprintOf(`${countOf(vector, PRUNED)}\n${text}`);
  return { ...Object.fromEntries(stay.map((author) => [author, countOf(vector, author)])), [PRUNED]: fingerprint };
}

function authorsOf(a: VersionVector, b: VersionVector): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((author) => author !== PRUNED);
}

function countOf(vector: VersionVector, author: string): number {
  return Object.hasOwn(vector, author) ? (vector[author] ?? 0) : 0;
}

/** FNV-1a, 32 bits; never 0, which stands for "nothing pruned". */
function fingerprintOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}
