import type { FieldTime } from './observation.ts';

/**
 * Orders two changes in time. An approximate time is an interval open at its start, so two
 * intervals that overlap say nothing about who was first.
 *
 * @returns positive when `a` is surely later, negative when `b` is, 0 when it cannot be told.
 */
export function compareTimes(a: FieldTime, b: FieldTime): number {
  if (a.fromMs === undefined && b.fromMs === undefined) return Math.sign(a.atMs - b.atMs);
  if ((a.fromMs ?? a.atMs) >= b.atMs) return 1;
  if ((b.fromMs ?? b.atMs) >= a.atMs) return -1;
  return 0;
}
