import type { CompiledSide, CompiledSync } from '../shared/config/compiled-sync.ts';
import type { ObjectState } from '../shared/connectors/connector.ts';
import { isAssociation } from '../shared/connectors/hubspot/association.ts';
import { type RecordStore, refKey } from '../shared/store/record-store.ts';
import type { ChangeHint, NativeValues } from '../shared/sync/change-hint.ts';
import type { FieldValue, FieldValues } from '../shared/sync/field-value.ts';
import type { ToCanonical } from '../shared/sync/hints.ts';
import {
  type PostponedReference,
  parentIdIn,
  type ReferenceField,
  readReferences,
  standingOf,
  type UnresolvedReference,
  writeReferences,
} from '../shared/sync/references/reference-values.ts';

export interface ReferencePorts {
  readonly system: string;
  readonly sync: CompiledSync;
  readonly records: Pick<RecordStore, 'resolveMany' | 'getMany'>;
}

/** A record that was merged into one that was merged again: followed so often. */
const MERGES_MAX = 8;

/** The fields of a sync that stand for other records, by name, with each system's side of them. */
export function referencesOf(
  sync: CompiledSync,
): Readonly<Record<string, { readonly to: string; readonly sides: Readonly<Record<string, ReferenceField>> }>> {
  const fields: Record<string, { to: string; sides: Record<string, ReferenceField> }> = {};
  for (const [system, { references }] of Object.entries(sync.sides)) {
    for (const reference of references) {
      const known = fields[reference.field] ?? { to: reference.to, sides: {} };
      known.sides[system] = reference;
      fields[reference.field] = known;
    }
  }
  return fields;
}

/** Whether records of this sync stand in fields of some sync: only then can somebody wait for one of them. */
export function isReferredTo(sync: string, all: Iterable<CompiledSync>): boolean {
  return [...all].some((one) => Object.values(one.sides).some((side) => side.references.some(({ to }) => to === sync)));
}

/**
 * What to read of objects that hints name. Associations cost a call of their own and change without their object: they are
 * read only where a hint does not say what changed, or says that one did. What is not read is not observed.
 *
 * @param whole - some of the objects were never looked at: all of them is to be read.
 */
export function fieldsToRead(side: CompiledSide, hints: readonly ChangeHint[], whole: boolean): readonly string[] {
  const apart = new Set(side.references.map(({ native }) => native).filter(isAssociation));
  if (apart.size === 0 || whole || hints.some((hint) => mayTellOf(hint, apart))) return side.nativeFields;
  return side.nativeFields.filter((native) => !apart.has(native));
}

function mayTellOf({ kind, fields }: ChangeHint, natives: ReadonlySet<string>): boolean {
  const named = Object.keys(fields);
  return kind !== 'changed' || named.length === 0 || named.some((name) => natives.has(name));
}

/** What to read before a write: associations only where one is to be written. */
export function fieldsToVerify(side: CompiledSide, writes: readonly FieldValues[]): readonly string[] {
  const idle = side.references.filter(
    ({ native, field }) => isAssociation(native) && !writes.some((fields) => Object.hasOwn(fields, field)),
  );
  return idle.length === 0 ? side.nativeFields : side.nativeFields.filter((name) => !idle.some(({ native }) => native === name));
}

/** What the native values of a batch mean, their references included. */
export interface ReferenceBook {
  /** As the side's own, with the records that references stand for; one whose record is not known is absent. */
  readonly toCanonical: ToCanonical;
  unresolvedIn(native: NativeValues): readonly UnresolvedReference[];
  /** The hint without those values that cannot be read yet: it still names their fields, so its object is looked at. */
  readable(hint: ChangeHint): ChangeHint;
}

/**
 * Looks up the records that a batch's references stand for: the identities that this instance remembers cost nothing, the
 * others one batched read. A sync without references costs nothing at all.
 *
 * @param natives - all native values that are to be read by the book: states, and what hints say.
 */
export async function openReferences(natives: readonly NativeValues[], ports: ReferencePorts): Promise<ReferenceBook> {
  const side = sideOf(ports);
  const references = side.references.filter(({ native }) => side.nativeFields.includes(native)); // others rest
  if (references.length === 0) return { toCanonical: side.toCanonical, unresolvedIn: () => [], readable: (hint) => hint };
  const { system } = ports;
  const refs = new Map(
    natives.flatMap((native) =>
      references.flatMap((reference): [string, { system: string; object: string; objectId: string }][] => {
        const objectId = parentIdIn(native, reference);
        if (objectId === undefined || objectId === null) return [];
        const ref = { system, object: reference.object, objectId };
        return [[refKey(ref), ref]];
      }),
    ),
  );
  const recordIds = refs.size === 0 ? new Map<string, string>() : await ports.records.resolveMany([...refs.values()]);
  const read = (native: NativeValues) =>
    readReferences(references, native, (object, objectId) => recordIds.get(refKey({ system, object, objectId })));
  return {
    toCanonical: (native) => ({ ...side.toCanonical(native), ...read(native).fields }),
    unresolvedIn: (native) => read(native).unresolved,
    readable(hint) {
      const unread = Object.entries(hint.fields).filter(
        ([name, { value }]) => value !== undefined && read({ [name]: value }).unresolved.length > 0,
      );
      if (unread.length === 0) return hint;
      const named = unread.map(([name, { value: _, ...said }]) => [name, said] as const);
      return { ...hint, fields: { ...hint.fields, ...Object.fromEntries(named) } };
    },
  };
}

/** The native values that a hint tells of, as `openReferences` takes them. */
export function nativesOf(hint: ChangeHint): NativeValues {
  return Object.fromEntries(
    Object.entries(hint.fields).flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** The reference fields of objects as they were just read, by object id; objects that are not there are left out. */
export async function toCanonicalRefs(
  states: readonly ObjectState[],
  ports: ReferencePorts,
): Promise<Map<string, { fields: Record<string, FieldValue>; unresolved: readonly UnresolvedReference[] }>> {
  const present = states.flatMap((state) => (state.state === 'present' ? [state] : []));
  const { references } = sideOf(ports);
  const book = await openReferences(
    present.map(({ values }) => values),
    ports,
  );
  return new Map(
    present.map(({ objectId, values }) => {
      const canonical = book.toCanonical(values);
      const fields = Object.fromEntries(
        references.flatMap(({ field }) => (canonical[field] === undefined ? [] : [[field, canonical[field]]])),
      );
      return [objectId, { fields, unresolved: book.unresolvedIn(values) }];
    }),
  );
}

/** A write's references in native form, and those that have to wait. */
export interface NativeReferences {
  readonly native: NativeValues;
  readonly postponed: readonly PostponedReference[];
}

/**
 * The objects that stand for the records which writes refer to: one batched read, and one more for each step of a merge.
 *
 * @param wants - by record id, the canonical fields to write.
 * @returns by record id; a want without references has nothing native and nothing postponed.
 */
export async function toNativeRefs(
  wants: ReadonlyMap<string, FieldValues>,
  ports: ReferencePorts,
): Promise<Map<string, NativeReferences>> {
  const { references } = sideOf(ports);
  const parents = new Set(
    [...wants.values()].flatMap((fields) =>
      references.flatMap(({ field }) => (typeof fields[field] === 'string' ? [fields[field]] : [])),
    ),
  );
  const standings = await followMerges([...parents], ports);
  return new Map(
    [...wants].map(([recordId, fields]): [string, NativeReferences] => {
      const { native, postponed } = writeReferences(references, fields, (parent) => standings.get(parent)?.objectId);
      // It is the record at the end of its merges that will get the object.
      const waiting = postponed.map((one) => ({
        ...one,
        parentRecordId: standings.get(one.parentRecordId)?.at ?? one.parentRecordId,
      }));
      return [recordId, { native, postponed: waiting }];
    }),
  );
}

/** By record id: the record at the end of its merges, and the object that one has in the system, if any. */
export async function followMerges(
  recordIds: readonly string[],
  { system, records }: Pick<ReferencePorts, 'system'> & { readonly records: Pick<RecordStore, 'getMany'> },
): Promise<Map<string, { readonly at: string; readonly objectId?: string }>> {
  const standings = new Map<string, { at: string; objectId?: string }>();
  let open = new Map(recordIds.map((id) => [id, id])); // asked for -> where its merges lead so far
  for (let step = 0; step < MERGES_MAX && open.size > 0; step += 1) {
    const current = await records.getMany([...new Set(open.values())], { consistent: true });
    const next = new Map<string, string>();
    for (const [asked, at] of open) {
      const { objectId, next: survivor } = standingOf(current.get(at), system);
      standings.set(asked, { at, ...(objectId !== undefined && { objectId }) });
      if (survivor !== undefined) next.set(asked, survivor);
    }
    open = next;
  }
  return standings;
}

function sideOf({ sync, system }: ReferencePorts): CompiledSide {
  const side = sync.sides[system];
  if (side === undefined) throw new Error(`sync ${sync.name} has no side in ${system}: see concord.config.ts`);
  return side;
}
