import * as z from 'zod';
import { associationsOf, isAssociation } from '../connectors/hubspot/association.ts';
import { didYouMean } from './nearest-name.ts';

/** Whatever has a wrong shape is left out here: the schema names it. */
export const looseReferenceTo = z.string().optional().catch(undefined);

interface LooseSync {
  readonly name: string;
  readonly objects: Readonly<Record<string, { readonly type?: string | undefined }>>;
  readonly fields: Readonly<
    Record<
      string,
      {
        readonly kind: string;
        readonly to?: string | undefined;
        readonly in: Readonly<Record<string, { readonly field?: string | undefined; readonly transform?: unknown }>>;
      }
    >
  >;
  readonly matchKeys: readonly (readonly string[])[];
}

/** @returns one sentence per fault of a reference, or of an association that is none. */
export function referenceFieldFaults(
  sync: LooseSync,
  at: string,
  syncs: readonly Pick<LooseSync, 'name' | 'objects'>[],
  connectorOf: (system: string) => string | undefined,
): string[] {
  return Object.entries(sync.fields).flatMap(([name, field]) => {
    const path = `${at}.fields.${name}`;
    if (field.kind !== 'reference') return plainFieldFaults(field, path);
    const names = syncs.map((one) => one.name);
    const target = syncs.find((one) => one.name === field.to);
    const faults = sync.matchKeys.flatMap((key, index) =>
      key.includes(name)
        ? [`${at}.matchKeys.${index}: "${name}" is a reference, and tells no two objects to be the same one; take it out`]
        : [],
    );
    if (field.to === undefined) return [...faults, `${path}.to: is missing; name the sync whose records it stands for`];
    if (target === undefined)
      return [
        ...faults,
        `${path}.to: there is no sync "${field.to}"${didYouMean(field.to, names, `there is ${names.join(', ')}`)}`,
      ];
    return [
      ...faults,
      ...Object.entries(field.in).flatMap(([system, side]) =>
        sideFaults(side, `${path}.in.${system}`, {
          object: sync.objects[system]?.type,
          target: target.objects[system]?.type,
          to: target.name,
          system,
          connector: connectorOf(system),
        }),
      ),
    ];
  });
}

function plainFieldFaults(field: LooseSync['fields'][string], path: string): string[] {
  const to = field.to === undefined ? [] : [`${path}.to: says nothing of a ${field.kind}; take it out, or set kind: 'reference'`];
  const associations = Object.entries(field.in).flatMap(([system, { field: native }]) =>
    native !== undefined && isAssociation(native)
      ? [`${path}.in.${system}: an association stands for another record; set kind: 'reference', and to: its sync`]
      : [],
  );
  return [...to, ...associations];
}

function sideFaults(
  side: { readonly field?: string | undefined; readonly transform?: unknown },
  path: string,
  about: {
    readonly object: string | undefined;
    readonly target: string | undefined;
    readonly to: string;
    readonly system: string;
    readonly connector: string | undefined;
  },
): string[] {
  const { field: native } = side;
  const faults: string[] = [];
  if (side.transform !== undefined) faults.push(`${path}.transform: a reference is an id, which nothing transforms; take it out`);
  if (about.target === undefined) {
    faults.push(
      `${path}: the sync "${about.to}" has no objects in ${about.system} to refer to; add them there, or take this side out`,
    );
    return faults;
  }
  if (native === undefined || about.connector !== 'hubspot') return faults;
  const possible = associationsOf(about.object ?? '').filter(({ to }) => to === about.target);
  if (!possible.some((one) => one.native === native)) {
    const known = possible.map((one) => `association('${one.to}', '${one.native.split(':').at(-1)}')`);
    faults.push(
      `${path}: "${native}" is no association that ${about.object} can have with ${about.target}; ${known.length > 0 ? `use ${known.join(' or ')}` : 'take this side out'}`,
    );
  }
  return faults;
}
