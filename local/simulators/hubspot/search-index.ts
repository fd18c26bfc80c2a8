import type { CrmRecord } from './crm-record.ts';
import { OrderedIndex } from './ordered-index.ts';

interface Pending {
  readonly visibleAtMs: number;
  readonly turn: number;
  readonly id: string;
  readonly revision: number;
  readonly record: CrmRecord | undefined; // undefined: gone from search
}

/**
 * What search knows of the records of one type: copies that lag behind the records themselves.
 * Nothing here runs on a timer; what is due becomes visible when somebody searches.
 */
export class SearchIndex {
  readonly byModified = new OrderedIndex<CrmRecord>();
  readonly byCreated = new OrderedIndex<CrmRecord>();
  private documents = new Map<string, CrmRecord>();
  private revisions = new Map<string, number>();
  private pending = new OrderedIndex<Pending>();
  /** Ids by lower-case value, for the properties that were searched by value so far. */
  private readonly idsByValue = new Map<string, Map<string, Set<string>>>();
  private turns = 0;

  /** Takes note of a new state; `record` undefined takes the document out. */
  expect(id: string, revision: number, record: CrmRecord | undefined, visibleAtMs: number): void {
    this.turns += 1;
    this.pending.add(visibleAtMs, this.turns, { visibleAtMs, turn: this.turns, id, revision, record });
  }

  /** Shows at once: records that were there before anybody watched. */
  show(record: CrmRecord): void {
    this.apply(record.id, record.revision, record);
  }

  catchUp(nowMs: number): void {
    const due = [...this.pending.between(0, this.pending.position(nowMs, Number.POSITIVE_INFINITY))];
    for (const { visibleAtMs, turn, id, revision, record } of due) {
      this.pending.remove(visibleAtMs, turn);
      this.apply(id, revision, record);
    }
  }

  get(id: string): CrmRecord | undefined {
    return this.documents.get(id);
  }

  /** Records whose `property` is one of `values`, compared without case. The first search by a property builds its index. */
  withValue(property: string, values: readonly string[]): CrmRecord[] {
    let ids = this.idsByValue.get(property);
    if (ids === undefined) {
      ids = new Map();
      this.idsByValue.set(property, ids);
      for (const record of this.documents.values()) addValue(ids, record.properties[property], record.id);
    }
    const found = new Set<string>();
    for (const value of values) for (const id of ids.get(value.toLowerCase()) ?? []) found.add(id);
    return [...found].flatMap((id) => this.documents.get(id) ?? []);
  }

  private apply(id: string, revision: number, record: CrmRecord | undefined): void {
    // Lags differ: a later state may have come first, and must not be undone.
    if ((this.revisions.get(id) ?? 0) >= revision) return;
    this.revisions.set(id, revision);
    const previous = this.documents.get(id);
    const tie = Number(id);
    if (previous !== undefined) {
      this.documents.delete(id);
      this.byModified.remove(previous.updatedAtMs, tie);
      this.byCreated.remove(previous.createdAtMs, tie);
    }
    if (record !== undefined) {
      this.documents.set(id, record);
      this.byModified.add(record.updatedAtMs, tie, record);
      this.byCreated.add(record.createdAtMs, tie, record);
    }
    for (const [property, ids] of this.idsByValue) {
      const before = previous?.properties[property];
      const after = record?.properties[property];
      if (before === after) continue;
      if (before !== undefined) ids.get(before.toLowerCase())?.delete(id);
      addValue(ids, after, id);
    }
  }
}

function addValue(ids: Map<string, Set<string>>, value: string | undefined, id: string): void {
  if (value === undefined) return;
  const key = value.toLowerCase();
  const known = ids.get(key);
  if (known) known.add(id);
  else ids.set(key, new Set([id]));
}
