import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { whilePaused } from '../../shared/config/paused-sync.ts';
import type { SchemaState } from '../../shared/store/schema-store.ts';
import { lookAtSchema, type SchemaPorts } from '../schema-check.ts';

/** Fields come and go in a CRM; a mapping is looked at again this often, and at every poll while something rests. */
const CHECK_LIFE_MS = 15 * 60_000;

/** Without these fields a system cannot be synced at all. Nothing is, until it is mended. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
}

export interface CheckedConnection {
  /** The sync without the fields that rest: poll by it. */
  readonly working: CompiledSync;
  /** What an operator has to mend, a sentence each. */
  readonly problems: readonly string[];
  /** Rows that changed since then (epoch ms) are to be listed again: a field that rested does so no longer. */
  readonly listAgainFromMs?: number | undefined;
}

export interface ConnectionCheck {
  /** @throws MappingError when the record's id or the sync's filter has no field to live in. */
  check(sync: CompiledSync, system: string, connector: SchemaPorts['connector']): Promise<CheckedConnection>;
  /** The system refused what the sync asked of it: the next check looks again, however fresh the last one is. */
  doubt(sync: CompiledSync, system: string): void;
}

/** Compares mappings with what the systems say they have, before anything is read by them. */
export function connectionCheck(ports: Omit<SchemaPorts, 'connector'>): ConnectionCheck {
  const inOrder = new Map<string, { readonly of: CompiledSync; readonly checkedAtMs: number }>();
  const keyOf = (sync: CompiledSync, system: string) => `${sync.name}#${system}`;

  /** Whoever reads objects may have found a field gone since: then the last check says nothing. */
  async function isStillInOrder(sync: CompiledSync, system: string): Promise<boolean> {
    const last = inOrder.get(keyOf(sync, system));
    if (last?.of !== sync || ports.now() - last.checkedAtMs >= CHECK_LIFE_MS) return false;
    const state = await ports.schemas.state(sync.name, system);
    return state !== undefined && problemsOf(state).length === 0 && state.listAgainFromMs === undefined;
  }

  return {
    async check(sync, system, connector) {
      if (await isStillInOrder(sync, system)) return { working: sync, problems: [] };
      inOrder.delete(keyOf(sync, system));
      const { drift, state } = await lookAtSchema(sync, system, { ...ports, connector });
      if (drift.stops.length > 0) throw new MappingError(`sync ${sync.name} cannot use ${system}: ${drift.stops.join(' ')}`);
      inOrder.set(keyOf(sync, system), { of: sync, checkedAtMs: state.checkedAtMs });
      return {
        working: whilePaused(sync, system, state),
        problems: problemsOf(state),
        listAgainFromMs: state.listAgainFromMs,
      };
    },
    doubt(sync, system) {
      inOrder.delete(keyOf(sync, system));
    },
  };
}

function problemsOf({ fields, creates }: SchemaState): string[] {
  return [...Object.values(fields).map(({ message }) => message), ...(creates === undefined ? [] : [creates])];
}
