import config from '../../concord.config.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { ConfigError } from '../../shared/config/config-error.ts';
import type { ConcordConfig } from '../../shared/config/define-sync.ts';

/** A small config that is right, as plain data. */
const sync = {
  name: 'contacts',
  objects: {
    salesforce: { type: 'Contact', externalId: 'Concord_Id__c' },
    hubspot: { type: 'contacts', externalId: 'concord_id' },
  },
  fields: fields(),
  matchKeys: [['email']],
  strategy: { kind: 'last-write-wins' },
  firstSync: { kind: 'manual' },
  onDelete: 'archive',
  poll: { everyMinutes: 1, overlapMinutes: 10 },
};

function fields(): Record<string, unknown> {
  return {
    lastName: { in: { salesforce: 'LastName', hubspot: 'lastname' } },
    email: { kind: 'email', in: { salesforce: 'Email', hubspot: 'email' } },
  };
}

/** The fields of the small config, one of them replaced or added. */
export const wrong = (name: string, field: unknown): Record<string, unknown> => ({ ...fields(), [name]: field });

export interface ConfigChanges {
  readonly [key: string]: unknown;
  /** Changes of its only sync. */
  readonly sync?: Readonly<Record<string, unknown>>;
}

/** What a user wrote who does not run the compiler: anything at all. */
export function brokenConfig({ sync: changes, ...rest }: ConfigChanges): ConcordConfig {
  const written: unknown = {
    tenant: 'main',
    systems: { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspot' } },
    syncs: [{ ...sync, ...changes }],
    ...rest,
  };
  return asWritten(written) ? written : config;
}

/** The compiler is not asked. */
function asWritten(written: unknown): written is ConcordConfig {
  return written !== undefined;
}

/** The faults that compiling names; none when the config is right. */
export function faultsOf(changes: ConfigChanges): readonly string[] {
  try {
    compileSync(brokenConfig(changes), 'contacts');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}
