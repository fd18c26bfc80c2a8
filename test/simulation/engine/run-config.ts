import type { ConcordConfig } from '../../../shared/config/define-sync.ts';

/** Takes the place of functions/config.ts during simulated runs: each run has a config of its own. */
export let config: ConcordConfig = { tenant: 'main', systems: {}, syncs: [] };
export let tenant = 'main';

export function useConfig(used: ConcordConfig): void {
  config = used;
  tenant = used.tenant;
}
