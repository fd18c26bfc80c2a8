import type { NativeValues } from '../change-hint.ts';
import type { FieldValue, FieldValues } from '../field-value.ts';
import type { SyncRecord } from '../record.ts';
import type { Direction } from '../rules.ts';

/** A field that stands for another record, in one system. */
export interface ReferenceField {
  readonly field: string; // canonical
  readonly native: string;
  /** The sync whose records it stands for. */
  readonly to: string;
  /** Those records' object type in this system. */
  readonly object: string;
  readonly direction: Direction;
}

/** A native id that no record is known for (yet). */
export interface UnresolvedReference {
  readonly field: string;
  readonly to: string;
  readonly parentObject: string;
  readonly parentObjectId: string;
}

/** The id of the object that a reference names; null where it names none, undefined where the field was not read. */
export function parentIdIn(native: NativeValues, { native: name }: ReferenceField): string | null | undefined {
  const value = Object.hasOwn(native, name) ? native[name] : undefined;
  if (value === undefined) return undefined;
  const id = value === null ? '' : String(value).trim();
  return id === '' ? null : id;
}

/**
 * R1, R2: a native id means the record of its object. One whose record is not known is not observed: absent never clears.
 *
 * @param recordIdOf - the record of an object of a type.
 */
export function readReferences(
  references: readonly ReferenceField[],
  native: NativeValues,
  recordIdOf: (object: string, objectId: string) => string | undefined,
): { readonly fields: Record<string, FieldValue>; readonly unresolved: UnresolvedReference[] } {
  const fields: Record<string, FieldValue> = {};
  const unresolved: UnresolvedReference[] = [];
  for (const reference of references) {
    if (reference.direction === 'out') continue;
    const parentObjectId = parentIdIn(native, reference);
    if (parentObjectId === undefined) continue;
    const recordId = parentObjectId === null ? null : recordIdOf(reference.object, parentObjectId);
    if (recordId !== undefined) fields[reference.field] = recordId;
    else if (parentObjectId !== null)
      unresolved.push({ field: reference.field, to: reference.to, parentObject: reference.object, parentObjectId });
  }
  return { fields, unresolved };
}

/** A write that waits until the record it refers to has an object in the system. */
export interface PostponedReference {
  readonly field: string;
  readonly to: string;
  readonly parentRecordId: string;
}

/**
 * R3, R4: a record id means that record's object in the system. Where there is none yet, the field is left out of the write
 * and stays to be written; nothing is made up in its place.
 *
 * @param objectIdOf - the object of a record, if it has one there.
 */
export function writeReferences(
  references: readonly ReferenceField[],
  changed: FieldValues,
  objectIdOf: (recordId: string) => string | undefined,
): { readonly native: Record<string, string | null>; readonly postponed: PostponedReference[] } {
  const native: Record<string, string | null> = {};
  const postponed: PostponedReference[] = [];
  for (const { field, native: name, to, direction } of references) {
    if (direction === 'in' || !Object.hasOwn(changed, field)) continue;
    const value = changed[field] ?? null;
    const objectId = value === null ? null : objectIdOf(String(value));
    if (objectId !== undefined) native[name] = objectId;
    else postponed.push({ field, to, parentRecordId: String(value) });
  }
  return { native, postponed };
}

/** Where a record stands in a system: the object that stands for it there, or the record it was merged into. */
export function standingOf(
  record: SyncRecord | undefined,
  system: string,
): { readonly objectId?: string; readonly next?: string } {
  if (record === undefined) return {};
  if (record.mergedInto !== undefined) return { next: record.mergedInto };
  const link = record.links[system];
  const isThere = record.deleted === undefined && (link?.state === 'linked' || link?.state === 'outside');
  return isThere && link.objectId !== undefined ? { objectId: link.objectId } : {};
}

/** R5: the objects that a commit gave to a record, by system: whatever waited for one of them can go on. */
export function newObjectsOf(
  before: SyncRecord | undefined,
  after: SyncRecord,
): { readonly system: string; readonly objectId: string }[] {
  return Object.entries(after.links).flatMap(([system, link]) => {
    const { objectId } = link;
    const had = before?.links[system];
    if (objectId === undefined || (had?.objectId === objectId && had.state === link.state)) return [];
    return link.state === 'linked' || link.state === 'outside' ? [{ system, objectId }] : [];
  });
}
