import { checkMapping } from '../../shared/config/check-mapping.ts';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { Connector } from '../../shared/connectors/connector.ts';
import { sideOf } from './poll-changes.ts';

/** Fields come and go in a CRM; a mapping is looked at again this often. */
const CHECK_LIFE_MS = 15 * 60_000;
const checkedAtMs = new Map<string, number>();

/** The mapping names fields that the system does not have as it needs them. Nothing is synced until it is mended. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
}

/**
 * Compares the mapping with what the system says it has, before anything is read or written by it.
 *
 * @throws MappingError naming every field that is missing or cannot be written, and what would be right.
 */
export async function checkConnection(sync: CompiledSync, system: string, connector: Pick<Connector, 'describe'>): Promise<void> {
  const key = `${sync.name}#${system}`;
  if (Date.now() - (checkedAtMs.get(key) ?? 0) < CHECK_LIFE_MS) return;
  const problems = checkMapping(sync, { [system]: await connector.describe(sideOf(sync, system).object) });
  if (problems.length > 0)
    throw new MappingError(`sync ${sync.name} cannot use ${system}: ${problems.map((problem) => problem.message).join(' ')}`);
  checkedAtMs.set(key, Date.now());
}
