import type { FieldDescription } from '../connectors/connector.ts';
import type { CompiledSide, CompiledSync } from './compiled-sync.ts';
import { didYouMean } from './nearest-name.ts';

/** A mapping that the system cannot serve. */
export interface MappingProblem {
  readonly system: string;
  readonly field: string; // native
  /** A sentence that says what is wrong and what would be right. */
  readonly message: string;
}

/** Compares a mapping with what its systems say they have. Systems that are not given are not checked. */
export function checkMapping(
  sync: CompiledSync,
  descriptions: Readonly<Record<string, readonly FieldDescription[]>>,
): MappingProblem[] {
  return Object.entries(descriptions).flatMap(([system, fields]) => {
    const side = sync.sides[system];
    if (side === undefined) return [];
    const known = new Map(fields.map((field) => [field.name, field]));
    return side.nativeFields.flatMap((field) => {
      const message = problemOf(field, side, known, sync);
      return message === undefined ? [] : [{ system, field, message }];
    });
  });
}

function problemOf(
  field: string,
  side: CompiledSide,
  known: ReadonlyMap<string, FieldDescription>,
  sync: CompiledSync,
): string | undefined {
  const at = `${side.object}.${field}`;
  const found = known.get(field);
  if (found === undefined) {
    const otherwise = 'create it, let the integration user see it, or take it out of concord.config.ts.';
    return `${at} does not exist in ${side.system}${didYouMean(field, [...known.keys()], otherwise)}`;
  }
  if (field === side.externalIdField) {
    if (!found.unique) return `${at} must be unique: it carries the record's id, so that no create is doubled (docs/deploy.md).`;
    if (!found.writable)
      return `${at} cannot be written, and it has to carry the record's id: give the integration user the right to edit it.`;
    return undefined;
  }
  const directions = sync.rules.systems[side.system]?.fields ?? {};
  const written = side.canonicalOf(field).some((canonical) => directions[canonical] !== 'in');
  if (found.writable || !written) return undefined;
  return `${at} cannot be written: map it with direction 'in', or give the integration user the right to edit it.`;
}
