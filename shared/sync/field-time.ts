import type { FieldValue } from './field-value.ts';
import type { FieldTime } from './observation.ts';

/** A value, whose edit it is, and when it was made. */
export interface FieldEdit extends FieldTime {
  readonly value: FieldValue;
  readonly by: string;
}

/**
 * Orders two edits of one field, the same way everywhere: by time, then by the order of the systems in the config, then by
 * the values themselves. An approximate time counts as its upper bound: comparing whole intervals would not be
 * transitive, and then the winner of three would depend on who came first.
 *
 * @param rankOf - position of a system in the config; the lower one wins a tie of time.
 * @returns positive when `a` wins as the later edit, negative when `b` does, 0 only for edits that cannot be told apart.
 */
export function compareEdits(a: FieldEdit, b: FieldEdit, rankOf: (system: string) => number): number {
  return Math.sign(a.atMs - b.atMs) || breakTie(a, b, rankOf);
}

/** The same for the earlier edit: only time counts the other way round, ties are broken as everywhere. */
export function compareEarliness(a: FieldEdit, b: FieldEdit, rankOf: (system: string) => number): number {
  return Math.sign(b.atMs - a.atMs) || breakTie(a, b, rankOf);
}

/** True where the times alone do not surely say which edit was later: one is approximate, and the other may lie inside. */
export function isTimeUncertain(a: FieldTime, b: FieldTime): boolean {
  return (a.fromMs ?? a.atMs) < b.atMs && (b.fromMs ?? b.atMs) < a.atMs;
}

function breakTie(a: FieldEdit, b: FieldEdit, rankOf: (system: string) => number): number {
  return Math.sign(rankOf(b.by) - rankOf(a.by)) || compareTexts(JSON.stringify(a.value), JSON.stringify(b.value));
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a > b ? 1 : -1;
}
