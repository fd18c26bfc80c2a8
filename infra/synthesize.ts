import config from '../concord.config.ts';
import { compileSync } from '../shared/config/compile-sync.ts';
import { type AssemblyOptions, assemble, type Synthesis } from './assemble.ts';
import type { SyncShape } from './topology.ts';

export type { Synthesis };

export interface SynthesizeOptions extends AssemblyOptions {
  /** @defaultValue those of concord.config.ts, checked on the way. */
  readonly syncs?: readonly SyncShape[];
}

/**
 * Synthesises the stack of this checkout: its functions and its config.
 *
 * @throws Error when the config, an entry or a setting is wrong, or a check fails.
 */
export function synthesize({ syncs, ...options }: SynthesizeOptions): Synthesis {
  const configured = syncs ?? config.syncs.map(({ name }) => compileSync(config, name));
  return assemble({ tenant: config.tenant, syncs: configured }, options);
}
