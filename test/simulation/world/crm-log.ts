import type { NativeValue } from '../../../shared/sync/change-hint.ts';

/** Who wrote: a person, a rule of the system itself, or Concord. */
export type Author =
  | { readonly by: 'person' }
  /** `inside`: it ran inside somebody's transaction, and the system tells that somebody as the author. */
  | { readonly by: 'automation'; readonly inside?: 'person' | 'concord' }
  | { readonly by: 'concord'; readonly connection: number; readonly call: number; readonly late: boolean };

export interface FieldChange {
  readonly before: NativeValue;
  readonly after: NativeValue;
  /** What was sent, where the system stored another form of it. */
  readonly sent?: NativeValue;
}

/** What became of the notification about a change. `hidden`: it came without values. */
export type Telling = 'none' | 'underway' | 'told' | 'hidden' | 'lost';

/** One change as it really was, whatever anybody was told. */
export interface CrmChange {
  /** Position in the log of all systems. */
  readonly seq: number;
  /** True time, epoch ms; clocks of systems may differ. */
  readonly atMs: number;
  readonly system: string;
  readonly type: string;
  readonly objectId: string;
  /** The row's stamp after it, by the system's clock. */
  readonly stampMs: number;
  /** The system's clock at the change, in ms: what notifications say. */
  readonly clockMs: number;
  readonly author: Author;
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'merge' | 'merged-away' | 'touch';
  /** Only fields whose stored value changed. */
  readonly fields: Readonly<Record<string, FieldChange>>;
  /** Of a write by Concord: every field that it sent. */
  readonly sent?: Readonly<Record<string, NativeValue>>;
  /** Of a write by Concord: what the system then held of those fields in which it did not keep what was sent. */
  readonly formed?: Readonly<Record<string, NativeValue>>;
  /** Of a write by Concord: the true time of the state that its caller had last read of the object. */
  readonly verifiedAsOfMs?: number;
  /** Of a merge: the ids that lead to this object from now on. Of a merged-away object: the survivor. */
  readonly absorbed?: readonly string[];
  readonly into?: string;
  /** What a rule of the system did in the same transaction: one notification tells of both. */
  readonly rider?: CrmChange;
  telling: Telling;
  /** Of a write by Concord: whether its caller heard that it was done. */
  answered?: true;
}

/** What a notification about a change shows: the end of its transaction. */
export function toldFields({ fields, rider }: CrmChange): Readonly<Record<string, FieldChange>> {
  if (rider === undefined) return fields;
  const all: Record<string, FieldChange> = { ...fields };
  for (const [name, { before, after }] of Object.entries(rider.fields))
    all[name] = { before: fields[name]?.before ?? before, after };
  return all;
}

/** Everything that changed in any system, in the order in which it happened. */
export class CrmLog {
  readonly changes: CrmChange[] = [];
  private readonly byObject = new Map<string, CrmChange[]>();

  add(change: Omit<CrmChange, 'seq' | 'telling'>): CrmChange {
    const entry: CrmChange = { ...change, seq: this.changes.length, telling: 'none' };
    this.changes.push(entry);
    const key = objectKey(change.system, change.objectId);
    const known = this.byObject.get(key);
    if (known === undefined) this.byObject.set(key, [entry]);
    else known.push(entry);
    return entry;
  }

  /** Ties a change to what a rule of the system did in its transaction. */
  ride(main: CrmChange, rider: CrmChange): CrmChange {
    const both: CrmChange = { ...main, rider };
    this.changes[main.seq] = both;
    const own = this.byObject.get(objectKey(main.system, main.objectId));
    if (own !== undefined) own[own.indexOf(main)] = both;
    return both;
  }

  /** Changes of one object, in order. */
  of(system: string, objectId: string): readonly CrmChange[] {
    return this.byObject.get(objectKey(system, objectId)) ?? [];
  }
}

export function objectKey(system: string, objectId: string): string {
  return `${system}:${objectId}`;
}
