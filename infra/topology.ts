import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import { type BySystem, bySystem, type SystemName } from './systems.ts';

/** What the stack must know of the configured syncs about one system. */
export interface SystemTopology {
  /** Object types that some sync takes part in: Contact, contacts. */
  readonly objects: readonly string[];
  readonly pollEveryMinutes: number;
}

/** The part of a sync that shapes the infrastructure. */
export type SyncShape = Pick<CompiledSync, 'name' | 'poll'> & {
  readonly sides: Readonly<Record<string, Pick<CompiledSync['sides'][string], 'system' | 'object'>>>;
};

/** What the stack is made for: one tenant, and the syncs of concord.config.ts. */
export interface Configuration {
  readonly tenant: string;
  readonly syncs: readonly SyncShape[];
}

/** The most impatient sync sets the pace: one poll of a system serves all of its syncs. */
export function topologyOf(syncs: readonly SyncShape[]): BySystem<SystemTopology> {
  return bySystem((system) => systemTopology(system, syncs));
}

function systemTopology(system: SystemName, syncs: readonly SyncShape[]): SystemTopology {
  const mine = syncs.flatMap((sync) =>
    Object.values(sync.sides)
      .filter((side) => side.system === system)
      .map((side) => ({ object: side.object, everyMinutes: sync.poll.everyMinutes })),
  );
  if (mine.length === 0) {
    throw new Error(
      `No sync in concord.config.ts has a side in ${system}: give one sync a ${system} side before you synthesise.`,
    );
  }
  return {
    objects: [...new Set(mine.map(({ object }) => object))].sort(),
    pollEveryMinutes: Math.min(...mine.map(({ everyMinutes }) => everyMinutes)),
  };
}
