import type { Tape } from '../kernel/choice-tape.ts';

/** An invariant (docs of the simulator name them: I1 to I14) that a run broke. */
export interface Violation {
  readonly invariant: string;
  /** A sentence with object, field, values and times. */
  readonly message: string;
  readonly atMs: number;
}

/** How often a fault came up, and how often it made a difference. */
export interface FaultCount {
  readonly fired: number;
  readonly effective: number;
}

export interface RunReport {
  readonly violations: readonly Violation[];
  /** What happened in the run, as one number: equal runs have equal hashes. */
  readonly hash: string;
  /** Port events. */
  readonly events: number;
  readonly edits: number;
  readonly virtualMs: number;
  readonly coverage: Readonly<Record<string, FaultCount>>;
  readonly tape: Tape;
  /** The last things that happened; only where it was asked for. */
  readonly story?: string;
  /** What the functions used past their ports. */
  readonly sprung: Readonly<Record<string, number>>;
}
