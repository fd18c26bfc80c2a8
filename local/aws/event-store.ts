import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { type GroupCommit, groupCommit } from './group-commit.ts';

const pendingSchema = z.object({
  id: z.number(),
  rule: z.string(),
  target: z.string(),
  event: z.string(), // JSON, as it goes to the target
  attempts: z.number(),
  matched_at: z.number(), // epoch ms
  due_at: z.number(),
});
/** A matched event that its target has not taken yet. */
export type PendingEvent = z.infer<typeof pendingSchema>;

export interface EventStore {
  readonly commit: GroupCommit;
  /** Gives the row's id. */
  add(event: Omit<PendingEvent, 'id'>): number;
  all(): PendingEvent[];
  retryAt(id: number, attempts: number, dueAt: number): void;
  remove(id: number): void;
  close(): void;
}

/** Keeps matched events until they are delivered, so that a restart loses none. All writes go through `commit.write`. */
export function openEventStore(file: string): EventStore {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS pending (
      id INTEGER PRIMARY KEY, rule TEXT NOT NULL, target TEXT NOT NULL, event TEXT NOT NULL,
      attempts INTEGER NOT NULL, matched_at INTEGER NOT NULL, due_at INTEGER NOT NULL);
  `);
  const sql = {
    add: database.prepare('INSERT INTO pending (rule, target, event, attempts, matched_at, due_at) VALUES (?, ?, ?, ?, ?, ?)'),
    all: database.prepare('SELECT * FROM pending ORDER BY id'),
    retry: database.prepare('UPDATE pending SET attempts = ?, due_at = ? WHERE id = ?'),
    remove: database.prepare('DELETE FROM pending WHERE id = ?'),
  };
  return {
    commit: groupCommit(database, () => {}),
    add: (event) =>
      Number(sql.add.run(event.rule, event.target, event.event, event.attempts, event.matched_at, event.due_at).lastInsertRowid),
    all: () => sql.all.all().map((row) => pendingSchema.parse(row)),
    retryAt: (id, attempts, dueAt) => void sql.retry.run(attempts, dueAt, id),
    remove: (id) => void sql.remove.run(id),
    close: () => database.close(),
  };
}
