import type { FieldConfig } from './define-sync.ts';
import { nativeOf, transformSpecOf } from './field-mapping.ts';

/** What a mapping asks of a native field beyond its being there. */
export interface NativeNeeds {
  /** Choices that may be written, of a table of choices. */
  readonly choices: readonly string[];
  /** How the field is mapped, as one text: whoever changes it has looked at what the field is like now. */
  readonly mapping: string;
}

/** By native field of one system. */
export function nativeNeeds(system: string, fields: Readonly<Record<string, FieldConfig>>): Record<string, NativeNeeds> {
  const needs: Record<string, NativeNeeds> = {};
  for (const [field, { in: sides, kind = 'text' }] of Object.entries(fields)) {
    const side = sides[system];
    if (side === undefined) continue;
    const transform = transformSpecOf(side);
    const table = transform?.kind === 'picklist' ? transform.table : {};
    const choices = Object.values(table).flatMap((native) => [native].flat().slice(0, 1)); // of several, the first is written
    needs[nativeOf(side)] = { choices, mapping: JSON.stringify([field, kind, side]) };
  }
  return needs;
}
