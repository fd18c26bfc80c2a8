import { compileSync } from '../shared/config/compile-sync.ts';
import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { config } from './config.ts';

const compiled = new Map<string, CompiledSync>();

/** @throws Error when the config has no such sync: the message is from another version of it. */
export function syncNamed(name: string): CompiledSync {
  const known = compiled.get(name) ?? compileSync(config, name);
  compiled.set(name, known);
  return known;
}

export function syncsOf(system: string): CompiledSync[] {
  return config.syncs.map((sync) => syncNamed(sync.name)).filter((sync) => sync.sides[system] !== undefined);
}
