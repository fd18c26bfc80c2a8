import type { CountryCode } from 'libphonenumber-js';
import type { NativeValue } from '../sync/change-hint.ts';
import type { Direction } from '../sync/rules.ts';
import type { CanaryConfig, GuardConfig } from './guard-config.ts';
import type { MatchingConfig } from './matching-config.ts';
import type { QualityConfig } from './quality-config.ts';
import type { Policy, Strategy, SyncStrategy } from './strategy-config.ts';

// The words of `concord.config.ts`. All of it is plain data, but for functions of the user's own: only the functions that
// map fields carry the code that does it. docs/configuration.md explains every key.

export type { CustomDecision } from '../sync/rules.ts';
export { association } from './reference-config.ts';
export type { BusinessRule, PlainStrategy, Policy, Strategy, SyncStrategy } from './strategy-config.ts';
export {
  additive,
  businessRules,
  changeNeedsApproval,
  custom,
  decreaseNeedsApproval,
  fillOnly,
  firstWriteWins,
  increaseNeedsApproval,
  lastWriteWins,
  manual,
  maximum,
  minimum,
  neverAbove,
  neverBelow,
  ownValue,
  preferSystem,
  setUnion,
  sourceOfTruth,
} from './strategy-config.ts';

/** How a system's form of a value becomes the canonical one and back. */
export type TransformSpec =
  | { readonly kind: 'text' | 'trim' | 'lower-case' | 'upper-case' | 'email' | 'number-text' | 'boolean-text' | 'date' }
  | { readonly kind: 'phone'; readonly defaultCountry: CountryCode }
  | { readonly kind: 'picklist'; readonly table: ChoiceTable }
  | { readonly kind: 'separated'; readonly separator: string };

/** The system's choice by the canonical one; of several, the first is written and all are read. */
export type ChoiceTable = Readonly<Record<string, string | readonly string[]>>;

/** A field in one system: its native name, or more of it. */
export type FieldSide = string | { readonly field: string; readonly transform?: TransformSpec; readonly direction?: Direction };

interface FieldBasics<System extends string> {
  /** Instead of the sync's strategy. */
  readonly strategy?: Strategy<System>;
  /** Which edits the field takes at all, also those that nobody contests. */
  readonly policies?: readonly Policy<System>[];
  /** By system. */
  readonly in: { readonly [S in System]?: FieldSide };
}

/** A canonical field. Its kind (text where none is given) says how two values of it are compared. */
export type FieldConfig<System extends string = string> = FieldBasics<System> &
  (
    | { readonly kind?: 'text' | 'picklist'; readonly ignoreCase?: boolean }
    | { readonly kind: 'email' | 'date' | 'number' | 'boolean' | 'set' }
    /** The country is that of numbers without a country code. */
    | { readonly kind: 'phone'; readonly defaultCountry: CountryCode }
    /** A web address of which only the domain counts. */
    | { readonly kind: 'domain' }
    /** Another record: the sync that it belongs to. Each system has an id of its own for it. */
    | { readonly kind: 'reference'; readonly to: string }
  );

export type FieldKind = NonNullable<FieldConfig['kind']>;

/** A native field that holds a first and a last name in one text. There is no sure way back, so it travels one way. */
export interface FullNameConfig<System extends string = string, Field extends string = string> {
  readonly system: System;
  readonly field: string;
  readonly first: Field; // canonical fields
  readonly last: Field;
  readonly direction: 'in' | 'out';
}

export interface ObjectConfig {
  /** The system's name of the object type: Contact, contacts. */
  readonly type: string;
  /** The native field, unique and written by nobody else, that carries the record's id. */
  readonly externalId: string;
  /** False where this system gets no new objects, only changes of those it has. */
  readonly receivesCreates?: boolean;
  /** `in`: the system is only read. `out`: it only receives. */
  readonly direction?: Direction;
  /** Only objects whose native fields have one of these values take part. Leaving the filter is not a delete. */
  readonly only?: { readonly [nativeField: string]: NativeValue | readonly NativeValue[] };
}

interface SyncSettings<System extends string, Field extends string> {
  readonly name: string;
  readonly objects: { readonly [S in System]: ObjectConfig };
  readonly fields: { readonly [F in Field]: FieldConfig<NoInfer<System>> };
  readonly fullNames?: readonly FullNameConfig<NoInfer<System>, NoInfer<Field>>[];
  /** Fields by which objects of two systems are known to be the same one; tried in order. */
  readonly matchKeys: readonly (readonly NoInfer<Field>[])[];
  /** Recognises what no match key ties, by several fields together; off unless asked for. */
  readonly matching?: MatchingConfig<NoInfer<Field>>;
  readonly strategy: SyncStrategy<NoInfer<System>>;
  /** Decides between two different values that were there before the sync. */
  readonly firstSync: SyncStrategy<NoInfer<System>>;
  readonly onDelete: 'archive' | 'unlink';
  /** Of an edit and a deletion that do not know of each other: `edit-survives` (and waits for a person), unless said otherwise. */
  readonly onUpdateDelete?: 'edit-survives' | 'delete-wins';
  /** What is asked of an object before it is merged. */
  readonly quality?: QualityConfig<NoInfer<Field>>;
  /** Where Concord stops by itself; on by default. */
  readonly guards?: GuardConfig;
  /** Objects that prove every hour that the sync works. */
  readonly canary?: CanaryConfig<NoInfer<System>, NoInfer<Field>>;
  readonly poll: { readonly everyMinutes: number; readonly overlapMinutes: number };
}

export type SyncConfig = SyncSettings<string, string>;

export interface SystemConfig {
  readonly connector: 'salesforce' | 'hubspot';
  /** Resolution of its last-modified stamps, ms; what the connector knows where absent. */
  readonly stampResolutionMs?: number;
  /** How long a read may still show the state before a write, ms; what the connector knows where absent. */
  readonly readLagMs?: number;
}

interface Settings<System extends string, Sync> {
  /** Names this deployment's keys and secrets: 1 to 32 lower-case letters, digits and hyphens. */
  readonly tenant: string;
  /** In the order in which they win a tie of time. */
  readonly systems: { readonly [S in System]: SystemConfig };
  readonly syncs: readonly Sync[];
}

export type ConcordConfig = Settings<string, SyncConfig>;

/** Lets the compiler see which systems a sync names; nothing of it is there when the program runs. */
declare const systemsNamed: unique symbol;
export type SyncNaming<System extends string> = SyncConfig & { readonly [systemsNamed]?: System };

/**
 * Declares the whole of `concord.config.ts`. What the compiler cannot see is checked when a sync is compiled: at
 * synthesis, and at each function's start.
 */
export function defineConfig<const System extends string>(config: Settings<System, SyncNaming<NoInfer<System>>>): ConcordConfig {
  return config;
}

/** Declares one sync: one entity kept in agreement among two or more systems. */
export function defineSync<const System extends string, const Field extends string>(
  sync: SyncSettings<System, Field>,
): SyncNaming<System> {
  return sync;
}

/** Text as it is, also where the field's kind would rewrite it: an e-mail address or a telephone number as it was typed. */
export const text = (): TransformSpec => ({ kind: 'text' });
export const trim = (): TransformSpec => ({ kind: 'trim' });
export const lowerCase = (): TransformSpec => ({ kind: 'lower-case' });
export const upperCase = (): TransformSpec => ({ kind: 'upper-case' });
export const email = (): TransformSpec => ({ kind: 'email' });
/** A text field that holds a number. */
export const numberText = (): TransformSpec => ({ kind: 'number-text' });
/** A text field that holds `true` or `false`. */
export const booleanText = (): TransformSpec => ({ kind: 'boolean-text' });
export const date = (): TransformSpec => ({ kind: 'date' });
/** E.164, where this system's numbers without a country code belong to another country than the field's. */
export const phone = (defaultCountry: CountryCode): TransformSpec => ({ kind: 'phone', defaultCountry });
/** @param table - the system's choice by the canonical one; each choice has one partner, unless the field is one-way. */
export const picklist = (table: ChoiceTable): TransformSpec => ({ kind: 'picklist', table });
/** A set in one text field, its members with this between them. No member may contain it. */
export const separated = (separator: string): TransformSpec => ({ kind: 'separated', separator });

/** A field that is only read from its system (`in`), or only written to it (`out`). */
export const oneWay = (field: string, direction: 'in' | 'out', transform?: TransformSpec): FieldSide => ({
  field,
  direction,
  ...(transform !== undefined && { transform }),
});
