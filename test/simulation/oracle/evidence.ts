import * as z from 'zod';
import type { CompiledSide, CompiledSync } from '../../../shared/config/compiled-sync.ts';
import { isLedgerItem, partsOf } from '../../../shared/store/keys.ts';
import { ledgerEntryOf } from '../../../shared/store/ledger-store.ts';
import { recordOf, type StoredRecord } from '../../../shared/store/record-item.ts';
import { type Item, stringOf, TABLE } from '../../../shared/store/table.ts';
import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { LedgerEntry } from '../../../shared/sync/ledger.ts';
import type { Violation } from '../runs/run-report.ts';
import { type CrmChange, objectKey } from '../world/crm-log.ts';
import type { SystemSetup } from '../world/draw-setup.ts';

/** One system at the end of a run: what it is like, and what it holds. */
export interface SystemEvidence {
  readonly setup: Pick<
    SystemSetup,
    'system' | 'family' | 'notifies' | 'object' | 'externalIdField' | 'stampResolutionMs' | 'readLagMs' | 'listLagMs' | 'fields'
  >;
  /** Live objects and what they hold. */
  readonly live: ReadonlyMap<string, NativeValues>;
  /** Ids that lead to another object. */
  readonly merged: ReadonlyMap<string, string>;
  /** When Concord could not see objects that were there. */
  readonly hidden?: readonly { readonly objectId: string; readonly fromMs: number; readonly toMs?: number }[];
}

/** All that an oracle goes by: the logs of the systems, and what the table says. A test can make it by hand. */
export interface Evidence {
  readonly nowMs: number;
  readonly sync: CompiledSync;
  readonly systems: ReadonlyMap<string, SystemEvidence>;
  /** Of all systems, in the order in which they happened. */
  readonly changes: readonly CrmChange[];
  readonly records: ReadonlyMap<string, StoredRecord>;
  readonly ledger: readonly LedgerEntry[]; // in any order
  /** Objects that a case shows to a person, as `system:objectId`. */
  readonly reviewed: ReadonlySet<string>;
  /** Calls that should have been refused. */
  readonly intrusions: readonly { readonly atMs: number; readonly system: string; readonly what: string }[];
}

export type Say = (invariant: string, message: string, atMs?: number) => void;

/** What a check needs, beside the evidence, and what all checks look up again and again. */
export class Case {
  readonly evidence: Evidence;
  private readonly groups = new Map<string, string>();
  private readonly changesByObject = new Map<string, CrmChange[]>();
  private readonly owners = new Map<string, StoredRecord[]>();

  constructor(evidence: Evidence) {
    this.evidence = evidence;
    for (const change of evidence.changes) {
      const key = objectKey(change.system, change.objectId);
      const known = this.changesByObject.get(key);
      if (known === undefined) this.changesByObject.set(key, [change]);
      else known.push(change);
      for (const absorbed of change.absorbed ?? []) this.unite(key, objectKey(change.system, absorbed));
      const recordId = change.sent?.[evidence.systems.get(change.system)?.setup.externalIdField ?? ''];
      if (typeof recordId === 'string' && change.author.by === 'concord') this.unite(key, recordKey(recordId));
    }
    for (const record of evidence.records.values()) {
      if (record.mergedInto !== undefined) this.unite(recordKey(record.recordId), recordKey(record.mergedInto));
      for (const [system, link] of Object.entries(record.links)) {
        for (const objectId of [...(link.objectId === undefined ? [] : [link.objectId]), ...(link.aliases ?? [])]) {
          const key = objectKey(system, objectId);
          this.unite(key, recordKey(record.recordId));
          this.owners.set(key, [...(this.owners.get(key) ?? []), record]);
        }
      }
    }
  }

  /** Changes of one object, in order. */
  changesOf(system: string, objectId: string): readonly CrmChange[] {
    return this.changesByObject.get(objectKey(system, objectId)) ?? [];
  }

  /** Records with a link to the object, or a memory of it. */
  recordsOf(system: string, objectId: string): readonly StoredRecord[] {
    return this.owners.get(objectKey(system, objectId)) ?? [];
  }

  /** Objects and records that have to do with each other have the same group. */
  groupOfObject(system: string, objectId: string): string {
    return this.rootOf(objectKey(system, objectId));
  }

  groupOfRecord(recordId: string): string {
    return this.rootOf(recordKey(recordId));
  }

  /** True where the object was out of Concord's sight at some time of an interval. */
  wasHidden(system: string, objectId: string, fromMs: number, toMs: number): boolean {
    return (this.evidence.systems.get(system)?.hidden ?? []).some(
      (one) => one.objectId === objectId && one.fromMs <= toMs && (one.toMs ?? toMs) >= fromMs,
    );
  }

  side(system: string): CompiledSide | undefined {
    return this.evidence.sync.sides[system];
  }

  /** The canonical field of a native one; undefined where it is not mapped. */
  fieldOf(system: string, native: string): string | undefined {
    const [field] = this.side(system)?.canonicalOf(native) ?? [];
    return field;
  }

  /** A native value as the sync compares it. */
  canonOf(system: string, native: string, value: NativeValue): FieldValue {
    const field = this.fieldOf(system, native);
    const canonical = this.side(system)?.toCanonical({ [native]: value });
    return field === undefined ? value : this.canon(field, canonical?.[field] ?? null);
  }

  canon(field: string, value: FieldValue): FieldValue {
    const rules = this.evidence.sync.rules.fields[field];
    return rules === undefined ? value : rules.canon(value);
  }

  same(field: string, a: FieldValue, b: FieldValue): boolean {
    return this.canon(field, a) === this.canon(field, b);
  }

  private unite(a: string, b: string): void {
    const [rootA, rootB] = [this.rootOf(a), this.rootOf(b)];
    if (rootA !== rootB) this.groups.set(rootA, rootB);
  }

  private rootOf(key: string): string {
    let root = key;
    for (let next = this.groups.get(root); next !== undefined; next = this.groups.get(root)) root = next;
    if (root !== key) this.groups.set(key, root);
    return root;
  }
}

const reviewSchema = z.object({ objects: z.array(z.object({ system: z.string(), objectId: z.string() })).default([]) });

/** Reads what the table says: records, ledger, and the objects that wait for a person. */
export function readTable(items: Iterable<Item>): Pick<Evidence, 'records' | 'ledger' | 'reviewed'> {
  const records = new Map<string, StoredRecord>();
  const ledger: LedgerEntry[] = [];
  const reviewed = new Set<string>();
  for (const item of items) {
    const [, kind] = partsOf(stringOf(item[TABLE.partitionKey]) ?? '');
    if (kind === 'R') {
      if (isLedgerItem(item)) ledger.push(ledgerEntryOf(item));
      else {
        const record = recordOf(item);
        records.set(record.recordId, record);
      }
    } else if (kind === 'V') {
      const { objects } = reviewSchema.parse(JSON.parse(stringOf(item[TABLE.body]) ?? '{}'));
      for (const { system, objectId } of objects) reviewed.add(objectKey(system, objectId));
    }
  }
  return { records, ledger, reviewed };
}

/** Collects what checks say. */
export function judgedBy(nowMs: number, checks: readonly ((say: Say) => void)[]): Violation[] {
  const violations: Violation[] = [];
  const say: Say = (invariant, message, atMs = nowMs) => violations.push({ invariant, message, atMs });
  for (const check of checks) check(say);
  return violations;
}

export function shown(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function recordKey(recordId: string): string {
  return `record ${recordId}`;
}
