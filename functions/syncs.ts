import { assembleSync } from '../shared/config/assemble-sync.ts';
import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { config } from './config.ts';

const assembled = new Map<string, CompiledSync>();

/**
 * A sync of the config, ready to run. Its checks ran when the stack was synthesised: a cold start need not repeat them.
 *
 * @throws Error when the config has no such sync: the message is from another version of it.
 */
export function syncNamed(name: string): CompiledSync {
  const known = assembled.get(name);
  if (known !== undefined) return known;
  const sync = config.syncs.find((one) => one.name === name);
  if (sync === undefined) throw new Error(`concord.config.ts has no sync ${name}; the message is from another version of it`);
  const made = assembleSync(sync, config);
  assembled.set(name, made);
  return made;
}

export function allSyncs(): CompiledSync[] {
  return config.syncs.map((sync) => syncNamed(sync.name));
}

export function syncsOf(system: string): CompiledSync[] {
  return allSyncs().filter((sync) => sync.sides[system] !== undefined);
}
