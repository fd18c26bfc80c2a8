import type { PackedTape, Tape } from '../kernel/choice-tape.ts';
import type { RunReport } from './run-report.ts';

/** What a worker is asked to do; `id` comes back with the answer. */
export type Task =
  | { readonly do: 'seed'; readonly seed: number; readonly twice: boolean }
  | { readonly do: 'tell'; readonly from: { readonly seed: number } | { readonly tape: PackedTape }; readonly storyLines: number }
  | { readonly do: 'shrink'; readonly seed: number; readonly invariant: string; readonly budgetMs: number }
  | { readonly do: 'walk'; readonly scenario: string; readonly part: number; readonly parts: number };

/** A report without its tape, which is long and can be drawn again. */
export type SeedReport = Omit<RunReport, 'tape'>;

export interface ShrunkSeed {
  readonly tape: PackedTape;
  readonly report: SeedReport;
  readonly trials: number;
  readonly isMinimal: boolean;
}

export interface WalkReport {
  readonly scenario: string;
  readonly walked: number;
  readonly violations: readonly { readonly killed: string; readonly message: string; readonly invariant: string }[];
}

export type Answer =
  | { readonly did: 'seed'; readonly seed: number; readonly report: SeedReport }
  | { readonly did: 'tell'; readonly report: SeedReport }
  | ({ readonly did: 'shrink' } & ShrunkSeed)
  | ({ readonly did: 'walk' } & WalkReport)
  | { readonly did: 'failed'; readonly problem: string };

/** A regression tape as kept in test/simulation/tapes. */
export interface KeptTape {
  readonly invariant: string;
  readonly name: string;
  /** What was wrong, as the oracle said it then. */
  readonly message: string;
  /** The world it was found in: the draws of one mean nothing in another. */
  readonly world: string;
  readonly seed: number;
  /** False while the engine still breaks here: then the test says so when it no longer does. */
  readonly mended: boolean;
  readonly tape: PackedTape;
}

export function seedReport({ tape: _, ...report }: RunReport): SeedReport {
  return report;
}

export type { Tape };
