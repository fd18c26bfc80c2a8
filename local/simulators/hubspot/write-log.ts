import * as z from 'zod';
import { writeLogEntrySchema } from '../control-messages.ts';
import type { WriteLogEntry } from '../simulator.ts';
import type { AssociationChange } from './association-store.ts';
import type { Author } from './author.ts';
import type { ObjectType } from './object-types.ts';
import type { FieldChange } from './record-draft.ts';

/** One committed write, told to whoever listens. */
export interface Commit {
  readonly type: ObjectType;
  readonly kind: WriteLogEntry['kind'];
  readonly id: string;
  readonly atMs: number;
  readonly author: Author;
  readonly changes: Readonly<Record<string, FieldChange>>;
  /** A merge: the records that went into `id`. */
  readonly merge?: { readonly primaryId: string; readonly absorbedId: string; readonly propertiesMoved: number };
  /** Ties between records that came or went: told as associations, not as property changes. */
  readonly associations?: readonly AssociationChange[];
  /** A privacy deletion, after which nothing is left. */
  readonly privacy?: boolean;
}

/** The API call that carries a write. */
export interface Carrier {
  readonly call?: number;
  readonly trace?: string;
}

export const writeLogStateSchema = z.object({ entries: z.array(writeLogEntrySchema), lastSeq: z.number() });

/** A saved log keeps its newest part only. */
const SAVED_ENTRIES_MAX = 10_000;

/** Everything that was ever written, numbered without gaps. */
export class WriteLog {
  private readonly listeners = new Set<(entry: WriteLogEntry) => void>();
  private entries: WriteLogEntry[] = [];
  private last = 0;

  get lastSeq(): number {
    return this.last;
  }

  add(commit: Commit, carrier: Carrier): void {
    this.last += 1;
    const entry: WriteLogEntry = {
      seq: this.last,
      atMs: commit.atMs,
      system: 'hubspot',
      object: commit.type.name,
      objectId: commit.id,
      kind: commit.kind,
      fields: commit.changes,
      by: { kind: commit.author.kind, name: commit.author.name },
      ...carrier,
    };
    this.entries.push(entry);
    for (const listener of this.listeners) listener(entry);
  }

  after(seq: number): WriteLogEntry[] {
    const firstSeq = this.last - this.entries.length + 1;
    return this.entries.slice(Math.max(0, seq - firstSeq + 1));
  }

  /** @returns the way to stop. */
  onAdd(listener: (entry: WriteLogEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Forgets the entries; numbers go on. */
  clear(): void {
    this.entries = [];
  }

  state(): z.infer<typeof writeLogStateSchema> {
    return { entries: this.entries.slice(-SAVED_ENTRIES_MAX), lastSeq: this.last };
  }

  resume(state: z.infer<typeof writeLogStateSchema>): void {
    this.entries = state.entries;
    this.last = state.lastSeq;
  }
}
