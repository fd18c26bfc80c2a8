import type { Direction, StrategySpec } from '../sync/rules.ts';

/**
 * How a system's form of a value becomes the canonical one and back. Plain data: only the functions that
 * map fields carry the code that does it.
 */
export type TransformSpec =
  | { readonly kind: 'text' }
  | { readonly kind: 'lower-case' }
  | { readonly kind: 'upper-case' }
  | { readonly kind: 'email' }
  | { readonly kind: 'number-text' }
  | { readonly kind: 'boolean-text' }
  | { readonly kind: 'date' }
  | { readonly kind: 'phone'; readonly defaultCountry: string }
  | { readonly kind: 'picklist'; readonly table: Readonly<Record<string, string>> };

/** What a field is, as far as comparing two values of it goes. */
export type FieldKind = 'text' | 'email' | 'phone' | 'date' | 'number' | 'boolean' | 'picklist';

/** A field in one system: its native name, or more of it. */
export type FieldSide = string | { readonly field: string; readonly transform?: TransformSpec; readonly direction?: Direction };

export interface FieldConfig {
  readonly kind?: FieldKind; // text
  /** For telephone numbers without a country code: ISO 3166, two letters. */
  readonly defaultCountry?: string;
  readonly strategy?: StrategySpec;
  /** By system. */
  readonly in: Readonly<Record<string, FieldSide>>;
}

/** A native field that holds a first and a last name in one text. */
export interface FullNameConfig {
  readonly system: string;
  readonly field: string;
  readonly first: string; // canonical fields
  readonly last: string;
}

export interface SyncConfig {
  readonly name: string;
  readonly objects: Readonly<
    Record<string, { readonly type: string; readonly externalId: string; readonly receivesCreates?: boolean }>
  >;
  readonly fields: Readonly<Record<string, FieldConfig>>;
  readonly fullNames?: readonly FullNameConfig[];
  readonly matchKeys: readonly (readonly string[])[];
  readonly strategy: StrategySpec;
  readonly firstSync: StrategySpec;
  readonly onDelete: 'archive' | 'unlink';
  readonly poll: { readonly everyMinutes: number; readonly overlapMinutes: number };
}

export interface SystemConfig {
  readonly connector: 'salesforce' | 'hubspot';
  /** Resolution of its last-modified stamps, ms. */
  readonly stampResolutionMs?: number;
  /** How long a read may still show the state before a write, ms. */
  readonly readLagMs?: number;
}

export interface ConcordConfig {
  readonly tenant: string;
  /** In the order in which they win a tie of time. */
  readonly systems: Readonly<Record<string, SystemConfig>>;
  readonly syncs: readonly SyncConfig[];
}

/** Declares the whole of `concord.config.ts`. It is checked when a sync is compiled: at synthesis, and at each function's start. */
export const defineConfig = <const Config extends ConcordConfig>(config: Config): ConcordConfig => config;

/** Declares one sync: one entity kept in agreement among two or more systems. */
export const defineSync = (sync: SyncConfig): SyncConfig => sync;

export const lastWriteWins = (): StrategySpec => ({ kind: 'last-write-wins' });
/** @param reason - shown in the ledger next to what lost. */
export const preferSystem = (system: string, reason: string): StrategySpec => ({ kind: 'prefer-system', system, reason });
export const manual = (): StrategySpec => ({ kind: 'manual' });

export const lowerCase = (): TransformSpec => ({ kind: 'lower-case' });
export const upperCase = (): TransformSpec => ({ kind: 'upper-case' });
export const email = (): TransformSpec => ({ kind: 'email' });
export const numberText = (): TransformSpec => ({ kind: 'number-text' });
export const booleanText = (): TransformSpec => ({ kind: 'boolean-text' });
export const date = (): TransformSpec => ({ kind: 'date' });
export const phone = (defaultCountry: string): TransformSpec => ({ kind: 'phone', defaultCountry });
/** @param table - the system's value by the canonical one; each side's values must be distinct. */
export const picklist = (table: Readonly<Record<string, string>>): TransformSpec => ({ kind: 'picklist', table });
/** A field that travels one way only, seen from the record. */
export const oneWay = (field: string, direction: 'in' | 'out', transform?: TransformSpec): FieldSide => ({
  field,
  direction,
  ...(transform !== undefined && { transform }),
});
