import type { NativeValue, NativeValues } from '../../sync/change-hint.ts';
import { isObject } from '../answer-shape.ts';
import type { ObjectState } from '../connector.ts';
import { recordId18 } from './record-id.ts';

/** Objects whose rows can be merged, and so name the winner (`MasterRecordId`). */
const MERGEABLE: ReadonlySet<string> = new Set(['Account', 'Contact', 'Lead']);
/** Salesforce answers `2026-06-15T10:00:02.000+0000`: an offset without a colon, which strict parsers refuse. */
const DATETIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?\+0000$/;

/** One row as read, with its place in the order of changes. */
export interface SalesforceRow {
  readonly objectId: string; // 18 characters
  readonly stampMs: number; // SystemModstamp
  readonly state: ObjectState;
}

/** Fields to ask for, so that `rowReader` can tell what became of a row. */
export function fieldsToRead(object: string, fields: readonly string[], tombstones: boolean): string[] {
  const own = ['Id', 'SystemModstamp', 'LastModifiedById', 'IsDeleted'];
  if (tombstones && MERGEABLE.has(object)) own.push('MasterRecordId');
  if (object === 'Lead') own.push('IsConverted', 'ConvertedContactId');
  return [...new Set([...own, ...fields])];
}

/** A function that reads rows which hold `fields`; undefined for what is no row. */
export function rowReader(fields: readonly string[], ourUserId: string | undefined): (row: unknown) => SalesforceRow | undefined {
  return (row) => {
    if (!isObject(row)) return undefined;
    const { Id, SystemModstamp, LastModifiedById, IsDeleted, MasterRecordId, IsConverted, ConvertedContactId } = row;
    const objectId = typeof Id === 'string' ? recordId18(Id) : undefined;
    const stampMs = typeof SystemModstamp === 'string' ? instantMs(SystemModstamp) : Number.NaN;
    if (objectId === undefined || Number.isNaN(stampMs)) return undefined;
    if (IsDeleted === true) {
      const winner = typeof MasterRecordId === 'string' ? recordId18(MasterRecordId) : undefined;
      const state: ObjectState =
        winner === undefined
          ? { state: 'deleted', objectId, deletedAtMs: stampMs, values: valuesOf(row, fields) }
          : { state: 'merged', objectId, intoObjectId: winner };
      return { objectId, stampMs, state };
    }
    // A converted lead cannot be changed any more: the person goes on as a contact.
    const contact = IsConverted === true && typeof ConvertedContactId === 'string' ? recordId18(ConvertedContactId) : undefined;
    if (contact !== undefined) {
      return { objectId, stampMs, state: { state: 'merged', objectId, intoObjectId: contact, intoObject: 'Contact' } };
    }
    const modifiedBy =
      ourUserId === undefined || LastModifiedById === undefined ? 'unknown' : LastModifiedById === ourUserId ? 'us' : 'other';
    return {
      objectId,
      stampMs,
      state: { state: 'present', objectId, values: valuesOf(row, fields), stampMs, modifiedBy },
    };
  };
}

function valuesOf(row: Readonly<Record<string, unknown>>, fields: readonly string[]): NativeValues {
  return Object.fromEntries(
    fields.flatMap((field): [string, NativeValue][] => {
      const value = nativeValue(row[field]);
      return value === undefined ? [] : [[field, value]];
    }),
  );
}

/** Undefined for a compound value (an address object): it is read-only and its parts are fields of their own. */
function nativeValue(value: unknown): NativeValue | undefined {
  if (typeof value === 'string') return DATETIME.test(value) ? `${value.slice(0, -5)}Z` : value;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : undefined;
}

function instantMs(text: string): number {
  return Date.parse(DATETIME.test(text) ? `${text.slice(0, -5)}Z` : text);
}
