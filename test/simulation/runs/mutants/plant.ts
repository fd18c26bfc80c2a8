import { MUTANTS, type Mutant } from './mutants.ts';

/** What of a mutant was planted in this process. */
const planted = new Set<string>();

export function mutantNamed(id: string): Mutant {
  const mutant = MUTANTS.find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`there is no mutant ${id}; see test/simulation/runs/mutants/mutants.ts`);
  return mutant;
}

/**
 * @param path - of the module, from the root of the project.
 * @returns the module's source with the mutant in it; undefined when it is not in this module.
 * @throws Error when what the mutant replaces is not there, or more than once: the code has moved on, and so must the mutant.
 */
export function plantedSource(id: string, path: string, source: string): string | undefined {
  const mutant = mutantNamed(id);
  if (mutant.file !== path) return undefined;
  const parts = source.split(mutant.find);
  if (parts.length !== 2)
    throw new Error(`mutant ${id}: what it replaces occurs ${parts.length - 1} times in ${path}; bring it up to date`);
  planted.add(id);
  return parts.join(mutant.replace);
}

/** True when the module of the mutant was loaded, with the mutant in it. */
export function isPlanted(id: string): boolean {
  return planted.has(id);
}
