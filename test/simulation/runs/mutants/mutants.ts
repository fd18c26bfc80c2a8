/** A bug that is planted to see whether the simulator sees it. */
export interface Mutant {
  readonly id: string;
  /** The invariant that it is expected to break; another one will do. */
  readonly invariant: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [];
