import * as z from 'zod';
import { type AssociationType, associationType } from './association-types.ts';
import type { ObjectType } from './object-types.ts';

export interface RecordRef {
  readonly type: ObjectType['name'];
  readonly id: string;
}

/** A tie that came or went, from one end. */
export interface AssociationChange {
  readonly type: AssociationType;
  readonly fromId: string;
  readonly toId: string;
  readonly removed: boolean;
}

export const associationsStateSchema = z.array(z.tuple([z.string(), z.string(), z.array(z.number())]));

/** Who is tied to whom, each tie known from both ends. */
export class AssociationStore {
  /** By record, by the record at the other end: the type ids between them. */
  private ties = new Map<string, Map<string, Set<number>>>();

  /** The records of a type that a record is tied to, with the type ids, in the order in which they came. */
  of(from: RecordRef, to: ObjectType['name']): { readonly id: string; readonly typeIds: readonly number[] }[] {
    return [...(this.ties.get(keyOf(from)) ?? [])].flatMap(([other, typeIds]) => {
      const ref = refOf(other);
      return ref.type === to ? [{ id: ref.id, typeIds: [...typeIds] }] : [];
    });
  }

  /** Ties two records. A tie of which there is one only is taken from the record that had it; the plain tie to that one stays. */
  add(type: AssociationType, fromId: string, toId: string): AssociationChange[] {
    const changes: AssociationChange[] = [];
    if (type.single) {
      for (const { id, typeIds } of this.of({ type: type.from, id: fromId }, type.to)) {
        if (id !== toId && typeIds.includes(type.typeId)) changes.push(...this.set(type, fromId, id, false));
      }
    }
    const plain = associationType(type.from, type.to, type.plain);
    if (plain !== undefined) changes.push(...this.set(plain, fromId, toId, true));
    if (type !== plain) changes.push(...this.set(type, fromId, toId, true));
    return changes;
  }

  /** Cuts every tie between two records. */
  remove(from: RecordRef, to: RecordRef): AssociationChange[] {
    const typeIds = [...(this.ties.get(keyOf(from))?.get(keyOf(to)) ?? [])];
    return typeIds.flatMap((typeId) => {
      const type = associationType(from.type, to.type, typeId);
      return type === undefined ? [] : this.set(type, from.id, to.id, false);
    });
  }

  /** What was tied to `gone` is tied to `survivor`; of ties of which there is one only, the survivor's own counts. */
  move(gone: RecordRef, survivor: RecordRef): void {
    const ties = [...(this.ties.get(keyOf(gone)) ?? [])].map(([other, typeIds]) => ({ to: refOf(other), typeIds: [...typeIds] }));
    for (const { to, typeIds } of ties) {
      this.remove(gone, to);
      if (keyOf(to) === keyOf(survivor)) continue;
      for (const typeId of typeIds) {
        const type = associationType(gone.type, to.type, typeId);
        if (type === undefined) continue;
        const taken = type.single && this.of(survivor, to.type).some((tie) => tie.typeIds.includes(typeId));
        if (!taken) this.add(type, survivor.id, to.id);
      }
    }
  }

  clear(): void {
    this.ties = new Map();
  }

  state(): z.infer<typeof associationsStateSchema> {
    return [...this.ties].flatMap(([from, others]) =>
      [...others].map(([to, typeIds]): [string, string, number[]] => [from, to, [...typeIds]]),
    );
  }

  resume(state: z.infer<typeof associationsStateSchema>): void {
    this.clear();
    for (const [from, to, typeIds] of state) for (const typeId of typeIds) this.between(from, to).add(typeId);
  }

  private set(type: AssociationType, fromId: string, toId: string, present: boolean): AssociationChange[] {
    const from = keyOf({ type: type.from, id: fromId });
    const to = keyOf({ type: type.to, id: toId });
    if (this.between(from, to).has(type.typeId) === present) return [];
    for (const [ends, typeId] of [[[from, to], type.typeId] as const, [[to, from], type.inverse] as const]) {
      const typeIds = this.between(ends[0], ends[1]);
      if (present) typeIds.add(typeId);
      else typeIds.delete(typeId);
      if (typeIds.size === 0) this.ties.get(ends[0])?.delete(ends[1]);
    }
    return [{ type, fromId, toId, removed: !present }];
  }

  private between(from: string, to: string): Set<number> {
    const others = this.ties.get(from) ?? new Map<string, Set<number>>();
    this.ties.set(from, others);
    const typeIds = others.get(to) ?? new Set<number>();
    others.set(to, typeIds);
    return typeIds;
  }
}

function keyOf({ type, id }: RecordRef): string {
  return `${type}/${id}`;
}

const TYPES: readonly ObjectType['name'][] = ['contacts', 'companies', 'deals'];

function refOf(key: string): RecordRef {
  const [name = '', id = ''] = key.split('/');
  const type = TYPES.find((known) => known === name);
  if (type === undefined) throw new Error(`${key} is no record`);
  return { type, id };
}
