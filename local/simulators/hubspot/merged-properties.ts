import type { CrmRecord } from './crm-record.ts';
import type { ObjectType } from './object-types.ts';

/** Ids of all records that went into this one so far. */
export function mergedIds(record: CrmRecord): string[] {
  return record.properties.hs_merged_object_ids?.split(';') ?? [];
}

/**
 * What the survivor of a merge holds: the primary's values, and the other's where the primary has none.
 * The other's e-mail addresses stay with the survivor as additional ones.
 *
 * @param gone - ids that lead to the survivor from now on.
 */
export function mergedProperties(
  type: ObjectType,
  primary: CrmRecord,
  absorbed: CrmRecord,
  gone: readonly string[],
  atMs: number,
): Record<string, string> {
  const properties: Record<string, string> = { ...absorbed.properties, ...primary.properties };
  properties.hs_merged_object_ids = [...mergedIds(primary), ...mergedIds(absorbed), ...gone].join(';');
  if (type.name !== 'contacts') return properties;
  const stamped = [primary, absorbed].flatMap((record) => record.properties.hs_calculated_merged_vids?.split(';') ?? []);
  properties.hs_calculated_merged_vids = [...stamped, ...gone.map((id) => `${id}:${atMs}`)].join(';');
  const emails = [primary, absorbed].flatMap(({ properties: { email, hs_additional_emails: more } }) => [
    ...(email ? [email] : []),
    ...(more?.split(';') ?? []),
  ]);
  const additional = [...new Set(emails)].filter((email) => email !== properties.email);
  if (additional.length > 0) properties.hs_additional_emails = additional.join(';');
  return properties;
}
