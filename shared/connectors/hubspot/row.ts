import type { NativeValue, NativeValues } from '../../sync/change-hint.ts';
import { isObject, textAt } from '../answer-shape.ts';
import type { ObjectState } from '../connector.ts';

export type PresentState = Extract<ObjectState, { state: 'present' }>;

/** Contacts keep their last-modified stamp under another name than all other objects. */
export function lastModifiedProperty(object: string): string {
  return object === 'contacts' || object === 'contact' || object === '0-1' ? 'lastmodifieddate' : 'hs_lastmodifieddate';
}

/** A row of any answer that lists objects: `{id, properties, updatedAt, archived, archivedAt?}`. */
export interface HubSpotRow {
  readonly objectId: string;
  readonly stampMs: number;
  readonly archivedAtMs: number | undefined; // set on an archived row
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Undefined for what is no row. */
export function readRow(row: unknown, stampProperty: string): HubSpotRow | undefined {
  const objectId = textAt(row, 'id');
  if (!isObject(row) || objectId === undefined || !isObject(row.properties)) return undefined;
  const { properties } = row;
  const updatedAtMs = Date.parse(textAt(properties, stampProperty) ?? textAt(row, 'updatedAt') ?? '');
  const archivedAtMs =
    row.archived === true ? Date.parse(textAt(row, 'archivedAt') ?? textAt(row, 'updatedAt') ?? '') : undefined;
  const stampMs = Number.isNaN(updatedAtMs) ? archivedAtMs : updatedAtMs;
  if (stampMs === undefined || Number.isNaN(stampMs) || Number.isNaN(archivedAtMs ?? 0)) return undefined;
  return { objectId, stampMs, archivedAtMs, properties };
}

/** A live row's state. HubSpot rows do not say who modified them. */
export function presentState(row: HubSpotRow, fields: readonly string[]): PresentState {
  return {
    state: 'present',
    objectId: row.objectId,
    values: valuesOf(row.properties, fields, 'null-when-absent'),
    stampMs: row.stampMs,
    modifiedBy: 'unknown',
  };
}

export function valuesOf(
  properties: Readonly<Record<string, unknown>>,
  fields: readonly string[],
  absent: 'null-when-absent' | 'leave-out',
): NativeValues {
  const values: [string, NativeValue][] = [];
  for (const field of fields) {
    const value = Object.hasOwn(properties, field) ? properties[field] : undefined;
    if (typeof value === 'string') values.push([field, value]);
    else if (value === null || absent === 'null-when-absent') values.push([field, null]);
  }
  return Object.fromEntries(values);
}

/** Every property travels as text; the empty text clears it. */
export function propertiesOf(values: NativeValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === null ? '' : String(value)]));
}

/** Ids that were merged into this row: `1;2` and, on contacts, `1:epochMs;2:epochMs`. */
export function mergedIds(row: HubSpotRow): string[] {
  const lists = [row.properties.hs_merged_object_ids, row.properties.hs_calculated_merged_vids];
  return lists
    .flatMap((list) => (typeof list === 'string' ? list.split(';') : []))
    .map((entry) => entry.split(':', 1)[0]?.trim() ?? '')
    .filter((id) => id !== '');
}
