import type { ReferenceField } from '../sync/references/reference-values.ts';
import type { CompiledSide } from './compiled-sync.ts';
import type { ConcordConfig, FieldConfig, SyncConfig } from './define-sync.ts';
import { directionOf, nativeOf } from './field-mapping.ts';

type ReferenceConfig = Extract<FieldConfig, { kind: 'reference' }>;

export function isReference(field: FieldConfig): field is ReferenceConfig {
  return field.kind === 'reference';
}

/** The reference fields of a sync in one system. */
export function referencesIn(sync: SyncConfig, system: string, config: ConcordConfig): ReferenceField[] {
  return Object.entries(sync.fields).flatMap(([field, spec]): ReferenceField[] => {
    const side = spec.in[system];
    if (!isReference(spec) || side === undefined) return [];
    const target = config.syncs.find((one) => one.name === spec.to)?.objects[system];
    if (target === undefined) return [];
    return [{ field, native: nativeOf(side), to: spec.to, object: target.type, direction: directionOf(side) }];
  });
}

/**
 * A side that asks for its references too. What a value of theirs means is known only to whoever can look records up: its
 * own mapping leaves them out, both ways.
 */
export function withReferences<Side extends Pick<CompiledSide, 'nativeFields' | 'canonicalOf'>>(
  side: Side,
  references: readonly ReferenceField[],
): Side & { readonly references: readonly ReferenceField[] } {
  if (references.length === 0) return { ...side, references };
  return {
    ...side,
    references,
    nativeFields: [...new Set([...side.nativeFields, ...references.map(({ native }) => native)])],
    canonicalOf: (native) => [
      ...side.canonicalOf(native),
      ...references.flatMap((reference) => (reference.native === native ? [reference.field] : [])),
    ],
  };
}
