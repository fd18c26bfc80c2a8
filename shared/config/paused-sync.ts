import type { NativeValues } from '../sync/change-hint.ts';
import type { Direction, SystemRules } from '../sync/rules.ts';
import type { CompiledSide, CompiledSync } from './compiled-sync.ts';
import type { FieldPause } from './schema-drift.ts';

/** What rests in one system because its schema changed. */
export interface SchemaPauses {
  readonly fields: Readonly<Record<string, FieldPause>>; // by native field
  /** Why no new objects are made there. */
  readonly creates?: string | undefined;
}

export const NOTHING_PAUSED: SchemaPauses = { fields: {} };

/**
 * The sync as it runs while fields of a system rest: they are not asked for, not read and not written, and what was last
 * seen of them stays as it is; so the sync goes on with them where it stopped.
 *
 * Decide, read and write by it. Whether a record is *dirty* is to be told by the whole sync: so what a resting field
 * lacks is delivered once it no longer rests.
 */
export function whilePaused(sync: CompiledSync, system: string, pauses: SchemaPauses): CompiledSync {
  const side = sync.sides[system];
  const rules = sync.rules.systems[system];
  const written = new Set(Object.keys(pauses.fields));
  if (side === undefined || rules === undefined || (written.size === 0 && pauses.creates === undefined)) return sync;
  const unread = unreadNatives(side, rules, pauses);
  const restingRules: SystemRules = {
    ...rules,
    fields: Object.fromEntries(
      Object.entries(rules.fields).map(([field, direction]): [string, Direction] => [
        field,
        isFedBy(side, field, written) ? 'in' : direction, // what is not written, and not read either where it is in doubt
      ]),
    ),
    receivesCreates: rules.receivesCreates && pauses.creates === undefined,
  };
  const resting: CompiledSide = {
    ...side,
    nativeFields: side.nativeFields.filter((native) => !unread.has(native)),
    toCanonical: (native) => side.toCanonical(without(native, unread)),
    toNative: (changed, all) => without(side.toNative(changed, all), written),
  };
  return {
    ...sync,
    rules: { ...sync.rules, systems: { ...sync.rules.systems, [system]: restingRules } },
    sides: { ...sync.sides, [system]: resting },
  };
}

/** The canonical fields that are not read from a system while they rest. */
export function pausedFields(sync: CompiledSync, system: string, pauses: SchemaPauses): ReadonlySet<string> {
  const side = sync.sides[system];
  const rules = sync.rules.systems[system];
  if (side === undefined || rules === undefined) return new Set();
  const unread = unreadNatives(side, rules, pauses);
  return new Set(Object.keys(rules.fields).filter((field) => isFedBy(side, field, unread)));
}

/** A field that only travels there is not read while it cannot be written: what people enter meanwhile would pass for an edit. */
function unreadNatives(side: CompiledSide, rules: SystemRules, { fields }: SchemaPauses): ReadonlySet<string> {
  return new Set(
    Object.entries(fields)
      .filter(([native, { reading }]) => reading || side.canonicalOf(native).every((field) => rules.fields[field] === 'out'))
      .map(([native]) => native),
  );
}

/** True where all native fields of a canonical one are among these. */
function isFedBy(side: CompiledSide, field: string, natives: ReadonlySet<string>): boolean {
  const feeding = side.nativeFields.filter((native) => side.canonicalOf(native).includes(field));
  return feeding.length > 0 && feeding.every((native) => natives.has(native));
}

function without(values: NativeValues, natives: ReadonlySet<string>): NativeValues {
  return Object.fromEntries(Object.entries(values).filter(([native]) => !natives.has(native)));
}
