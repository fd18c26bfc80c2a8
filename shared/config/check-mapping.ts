import type { FieldDescription } from '../connectors/connector.ts';
import type { CompiledSync } from './compiled-sync.ts';

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
    return side.nativeFields.flatMap((name): MappingProblem[] => {
      const found = known.get(name);
      const at = `${side.object}.${name}`;
      if (found === undefined)
        return [{ system, field: name, message: `${at} does not exist in ${system}${nearest(name, [...known.keys()])}.` }];
      if (name === side.externalIdField) {
        if (found.unique) return [];
        return [
          {
            system,
            field: name,
            message: `${at} must be unique: it carries the record's id, so that no create is doubled (docs/deploy.md).`,
          },
        ];
      }
      const written = side.canonicalOf(name).some((field) => sync.rules.systems[system]?.fields[field] !== 'in');
      if (found.writable || !written) return [];
      return [
        {
          system,
          field: name,
          message: `${at} cannot be written: map it with direction 'in', or give the integration user the right to edit it.`,
        },
      ];
    });
  });
}

/** The field that was probably meant. */
function nearest(name: string, known: readonly string[]): string {
  const ranked = known
    .map((other) => ({ other, distance: editDistance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(2, name.length / 3)
    ? `; did you mean ${best.other}?`
    : '; create it, or take it out of concord.config.ts';
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of [...a].entries()) {
    const row = [i + 1];
    for (const [j, right] of [...b].entries()) {
      row.push(Math.min((row[j] ?? 0) + 1, (previous[j + 1] ?? 0) + 1, (previous[j] ?? 0) + (left === right ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
