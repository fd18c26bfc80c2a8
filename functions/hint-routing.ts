import { config } from './config.ts';

/** Names of the syncs that take part, by the system's name of the object type. */
export type SyncsByObject = ReadonlyMap<string, readonly string[]>;

export function syncsByObject(system: string): SyncsByObject {
  const syncs = new Map<string, string[]>();
  for (const sync of config.syncs) {
    for (const [side, object] of Object.entries(sync.objects)) {
      if (side !== system) continue;
      syncs.set(object.type, [...(syncs.get(object.type) ?? []), sync.name]);
    }
  }
  return syncs;
}
