import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { whilePaused } from '../shared/config/paused-sync.ts';
import type { SchemaStore } from '../shared/store/schema-store.ts';

/** Long enough to cost nothing, short enough that a pause is felt before a batch or two has failed. */
const KNOWN_FOR_MS = 30_000;

/** The sync as it runs now: without the fields that rest. */
export type WorkingSync = (sync: CompiledSync, system: string) => Promise<CompiledSync>;

/** Asks the table every half minute at most, for each sync and system that a function works for. */
export function workingSyncs(ports: { readonly schemas: Pick<SchemaStore, 'state'>; readonly now: () => number }): WorkingSync {
  const known = new Map<string, { readonly of: CompiledSync; readonly working: CompiledSync; readonly askedAtMs: number }>();
  return async (sync, system) => {
    const key = `${sync.name}#${system}`;
    const last = known.get(key);
    if (last !== undefined && last.of === sync && ports.now() - last.askedAtMs < KNOWN_FOR_MS) return last.working;
    const askedAtMs = ports.now();
    const state = await ports.schemas.state(sync.name, system);
    const working = state === undefined ? sync : whilePaused(sync, system, state);
    known.set(key, { of: sync, working, askedAtMs });
    return working;
  };
}
