import * as z from 'zod';
import { didYouMean } from './nearest-name.ts';

// What the schema of `canary` cannot say: its field and systems have to be those of the sync, and a token must get through.

/** Whatever has a wrong shape is left out: the schema names it. */
export const looseCanary = z
  .object({ field: z.string().catch(''), objects: z.record(z.string(), z.unknown()).catch({}) })
  .optional()
  .catch(undefined);
export type LooseCanary = z.infer<typeof looseCanary>;

/** @param directionsOf - by system, how a field of the sync travels there. */
export function canaryFaults(
  canary: LooseCanary,
  fields: Readonly<Record<string, { readonly kind: string }>>,
  systems: readonly string[],
  at: string,
  directionsOf: (field: string) => ReadonlyMap<string, string>,
): string[] {
  if (canary === undefined) return [];
  const { field, objects } = canary;
  const taking = Object.keys(objects);
  const known = Object.keys(fields);
  const strangers = taking.filter((system) => !systems.includes(system));
  const kind = fields[field]?.kind;
  const ways = directionsOf(field);
  return [
    ...(taking.length < 2 ? [`${at}.objects: names ${taking.length} of the systems; a token has to travel between two`] : []),
    ...strangers.map(
      (system) =>
        `${at}.objects.${system}: "${system}" takes no part in this sync${didYouMean(system, systems, `there is ${systems.join(', ')}`)}`,
    ),
    ...(kind === undefined
      ? [`${at}.field: "${field}" is not a field of this sync${didYouMean(field, known, `there is ${known.join(', ')}`)}`]
      : []),
    ...(kind !== undefined && kind !== 'text'
      ? [`${at}.field: "${field}" is of kind ${kind} and cannot hold a token; name a text field`]
      : []),
    ...(kind === undefined
      ? []
      : taking
          .filter((system) => !strangers.includes(system) && ways.get(system) !== 'both')
          .map((system) => `${at}.field: "${field}" does not travel both ways in ${system}; name a field that does`)),
  ];
}
