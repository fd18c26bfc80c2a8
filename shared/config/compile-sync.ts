import { assembleSync } from './assemble-sync.ts';
import type { CompiledSync } from './compiled-sync.ts';
import { ConfigError } from './config-error.ts';
import { referenceFaults } from './config-references.ts';
import { shapeFaults } from './config-schema.ts';
import type { ConcordConfig } from './define-sync.ts';
import { lawFaults } from './mapping-laws.ts';

/** A config is checked once, however many of its syncs are compiled. */
const checked = new WeakSet<ConcordConfig>();

/**
 * Checks the whole config.
 *
 * @throws ConfigError naming every fault: where it is, what stands there, and what would be right.
 */
export function checkConfig(config: ConcordConfig): void {
  if (checked.has(config)) return;
  const faults = [...shapeFaults(config), ...referenceFaults(config)];
  // A mapping can only be tried once it can be read.
  const broken = faults.length > 0 ? faults : config.syncs.flatMap(lawFaults);
  if (broken.length > 0) throw new ConfigError(broken);
  checked.add(config);
}

/**
 * Checks the config and makes one of its syncs ready to run.
 *
 * @throws ConfigError when the config is wrong, has no such sync, or a transform does not survive its round trip.
 */
export function compileSync(config: ConcordConfig, name: string): CompiledSync {
  checkConfig(config);
  const sync = config.syncs.find((one) => one.name === name);
  if (sync === undefined)
    throw new ConfigError([`syncs: there is no sync "${name}"; there is ${config.syncs.map((one) => one.name).join(', ')}`]);
  return assembleSync(sync, config);
}
