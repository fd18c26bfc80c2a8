import type { FieldDescription } from '../connectors/connector.ts';
import type { CompiledSide, CompiledSync } from './compiled-sync.ts';
import { didYouMean } from './nearest-name.ts';

/** A field as its system describes it. `required`: an object cannot be made without it, and nothing fills it by itself. */
export type DescribedField = FieldDescription & { readonly required?: boolean };

/** What a mapped native field was like when it was last found to be in order. */
export interface KnownField {
  readonly type: string;
  readonly options?: readonly string[] | undefined; // of a picklist
  readonly mapping: string; // see NativeNeeds
}

/** By native field. */
export type SchemaSnapshot = Readonly<Record<string, KnownField>>;

/** A native field that rests: its other side goes on where it can. Nothing that rests is written; `reading` says the rest. */
export interface FieldPause {
  /** True where what is read there cannot be believed either. */
  readonly reading: boolean;
  /** A sentence for the operator: what is wrong, and what would be right. */
  readonly message: string;
}

export interface SchemaDrift {
  /** Why nothing can be synced at all; empty where it can. */
  readonly stops: readonly string[];
  readonly pauses: Readonly<Record<string, FieldPause>>; // by native field
  /** Why this system gets no new objects. */
  readonly creates?: string;
  /** What to compare with next time: the new state of what is in order, the old one of what rests. */
  readonly snapshot: SchemaSnapshot;
}

/** Longer lists of options are somebody's data, not a choice; they are not compared. */
const OPTIONS_MAX = 1_000;

/** Types between which a field may change without its values becoming others. Salesforce's and HubSpot's names. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  text: ['string', 'textarea', 'text', 'url', 'email', 'phone', 'phone_number', 'id', 'encryptedstring', 'html', 'combobox'],
  choice: ['picklist', 'multipicklist', 'enumeration'],
  number: ['int', 'long', 'double', 'currency', 'percent', 'number'],
  boolean: ['boolean', 'bool'],
};

/**
 * Compares what a mapping asks of a system, and what the system was like, with what it is like now (F57). Only the fields
 * that changed rest. The external id and the fields of the sync's filter have to be there: without the one, creates are
 * doubled, and without the other nobody knows who takes part.
 *
 * @param known - undefined before the first look: then nothing can have changed.
 */
export function schemaDrift(
  sync: CompiledSync,
  system: string,
  described: readonly DescribedField[],
  known: SchemaSnapshot = {},
): SchemaDrift {
  const side = sync.sides[system];
  if (side === undefined) return { stops: [], pauses: {}, snapshot: {} };
  const fields = new Map(described.map((field) => [field.name, field]));
  const stops: string[] = [];
  const pauses: Record<string, FieldPause> = {};
  const snapshot: Record<string, KnownField> = {};
  for (const native of side.nativeFields) {
    const now = fields.get(native);
    const before = known[native];
    if (native === side.externalIdField || side.canonicalOf(native).length === 0) {
      const fault = native === side.externalIdField ? externalIdFault(side, now, fields) : absence(side, native, now, fields);
      if (fault !== undefined) stops.push(fault);
      continue;
    }
    const mapping = side.needs?.[native]?.mapping ?? '';
    const pause = pauseOf(sync, side, native, now, before?.mapping === mapping ? before : undefined, fields);
    if (pause !== undefined) pauses[native] = pause;
    const kept = pause === undefined ? undefined : before;
    const found = now === undefined ? undefined : { type: now.type, ...optionsOf(now), mapping };
    const next = kept ?? found;
    if (next !== undefined) snapshot[native] = next;
  }
  const creates = creationFault(sync, side, described);
  return { stops, pauses, ...(creates !== undefined && { creates }), snapshot };
}

function pauseOf(
  sync: CompiledSync,
  side: CompiledSide,
  native: string,
  now: DescribedField | undefined,
  before: KnownField | undefined,
  fields: ReadonlyMap<string, DescribedField>,
): FieldPause | undefined {
  const at = `${side.object}.${native}`;
  const gone = absence(side, native, now, fields);
  if (gone !== undefined || now === undefined) return { reading: true, message: gone ?? at };
  if (before !== undefined && familyOf(before.type) !== familyOf(now.type))
    return {
      reading: true,
      message: `${at} was a ${before.type} and is a ${now.type} now: change it back, fit its mapping in concord.config.ts, or accept the new schema.`,
    };
  if (!isWritten(sync, side, native)) return undefined;
  if (!now.writable)
    return {
      reading: false,
      message: `${at} cannot be written: map it with direction 'in', or give the integration user the right to edit it.`,
    };
  const missing = missingChoices(side, native, now, before);
  if (missing.length === 0) return undefined;
  return {
    reading: false,
    message: `${at} no longer has ${missing.map((choice) => `"${choice}"`).join(', ')}: add the choice again, take it out of the mapping, or accept the new schema.`,
  };
}

/** Choices that we may write and the field does not have: of the mapping's table, and those that were there before. */
function missingChoices(side: CompiledSide, native: string, now: DescribedField, before: KnownField | undefined): string[] {
  const { options } = now;
  if (options === undefined) return [];
  const there = new Set(options);
  const written = (choice: string) => {
    const canonical = side.toCanonical({ [native]: choice });
    return side.toNative(canonical, canonical)[native] === choice;
  };
  const asked = side.needs?.[native]?.choices ?? [];
  const removed = (before?.options ?? []).filter(written);
  return [...new Set([...asked, ...removed])].filter((choice) => !there.has(choice));
}

function absence(
  side: CompiledSide,
  native: string,
  now: DescribedField | undefined,
  fields: ReadonlyMap<string, DescribedField>,
): string | undefined {
  if (now !== undefined) return undefined;
  const otherwise = 'create it, let the integration user see it, or take it out of concord.config.ts.';
  return `${side.object}.${native} does not exist in ${side.system}${didYouMean(native, [...fields.keys()], otherwise)}`;
}

function externalIdFault(
  side: CompiledSide,
  now: DescribedField | undefined,
  fields: ReadonlyMap<string, DescribedField>,
): string | undefined {
  const native = side.externalIdField;
  const gone = absence(side, native, now, fields);
  const at = `${side.object}.${native}`;
  if (gone !== undefined || now === undefined) return gone ?? at;
  if (!now.unique) return `${at} must be unique: it carries the record's id, so that no create is doubled (docs/deploy.md).`;
  if (now.writable) return undefined;
  return `${at} cannot be written, and it has to carry the record's id: give the integration user the right to edit it.`;
}

/** A field that every new object needs, and that no mapping fills. */
function creationFault(sync: CompiledSync, side: CompiledSide, described: readonly DescribedField[]): string | undefined {
  if (sync.rules.systems[side.system]?.receivesCreates !== true) return undefined;
  const filled = (native: string) => native === side.externalIdField || isWritten(sync, side, native);
  const missing = described.filter(({ name, required }) => required === true && !filled(name)).map(({ name }) => name);
  if (missing.length === 0) return undefined;
  return `${side.object} cannot be made in ${side.system} without ${missing.join(' and ')}: map it, give it a default value, or make it optional.`;
}

function isWritten(sync: CompiledSync, side: CompiledSide, native: string): boolean {
  const directions = sync.rules.systems[side.system]?.fields ?? {};
  return side.canonicalOf(native).some((field) => directions[field] !== undefined && directions[field] !== 'in');
}

function familyOf(type: string): string {
  const [family] = Object.entries(FAMILIES).find(([, types]) => types.includes(type)) ?? [type];
  return family;
}

function optionsOf({ options }: DescribedField): { options?: readonly string[] } {
  return options === undefined || options.length > OPTIONS_MAX ? {} : { options };
}
