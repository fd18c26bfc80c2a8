import config from '../concord.config.ts';
import { compileSync } from '../shared/config/compile-sync.ts';
import { type AssemblyOptions, assemble, type Synthesis } from './assemble.ts';

export type { Synthesis };

/**
 * Synthesises the stack of this checkout: its functions, and the syncs of concord.config.ts, which are checked on the way.
 *
 * @throws Error when the config, an entry or a setting is wrong, or a check fails.
 */
export function synthesize(options: AssemblyOptions): Synthesis {
  const syncs = config.syncs.map(({ name }) => compileSync(config, name));
  return assemble({ tenant: config.tenant, syncs }, options);
}
