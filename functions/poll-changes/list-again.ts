import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { CursorStore } from '../../shared/store/cursor-store.ts';
import type { SchemaStore } from '../../shared/store/schema-store.ts';

export interface ListAgainPorts {
  readonly system: string;
  readonly cursors: Pick<CursorStore, 'lease' | 'put'>;
  readonly schemas: Pick<SchemaStore, 'state' | 'putState'>;
  readonly newId: () => string;
}

/** A poll that hung gives its lease back by then. */
const LEASE_MS = 6 * 60_000;

/**
 * Sets the poll of a system back, so that the next one lists again what changed while a field rested. Repeating it lists
 * rows once more, and changes nothing.
 *
 * @param from.fromMs - epoch ms by our clock; the poll's overlap is allowed for the difference to the system's.
 * @param from.firstMs - where the very first poll begins: a system that was never polled begins there.
 * @returns false when another poller has the cursor: the next poll tries again.
 */
export async function listAgain(
  sync: CompiledSync,
  { fromMs, firstMs }: { readonly fromMs: number; readonly firstMs: number },
  ports: ListAgainPorts,
): Promise<boolean> {
  const owner = ports.newId();
  const startMs = Math.max(0, fromMs - sync.poll.overlapMinutes * 60_000);
  const leased = await ports.cursors.lease(sync.name, ports.system, { owner, leaseMs: LEASE_MS, fromMs: firstMs });
  if (leased === undefined) return false;
  const moved = await ports.cursors.put(
    sync.name,
    ports.system,
    { fromMs: leased.cursor === undefined ? Math.min(startMs, leased.fromMs) : startMs, polledAtMs: leased.polledAtMs },
    { version: leased.version, owner, release: true },
  );
  if (moved === 'conflict') return false;
  const state = await ports.schemas.state(sync.name, ports.system);
  if (state === undefined) return true;
  const { listAgainFromMs: _, ...rest } = state;
  await ports.schemas.putState(sync.name, ports.system, rest);
  return true;
}
