import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

const rowSchema = z.object({ sequence: z.string() });

/** Where each event source mapping stands in its stream, kept over restarts. */
export interface Checkpoints {
  /** The last sequence number that is done with; undefined before the first. @param mapping - its logical id. */
  get(mapping: string): string | undefined;
  set(mapping: string, sequence: string): void;
  close(): void;
}

/** @param file - of SQLite; it is created if need be. */
export function openCheckpoints(file: string): Checkpoints {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS checkpoints (mapping TEXT PRIMARY KEY, sequence TEXT NOT NULL);
  `);
  const read = database.prepare('SELECT sequence FROM checkpoints WHERE mapping = ?');
  const write = database.prepare(
    'INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT (mapping) DO UPDATE SET sequence = excluded.sequence',
  );
  return {
    get(mapping) {
      const row = read.get(mapping);
      return row === undefined ? undefined : rowSchema.parse(row).sequence;
    },
    set: (mapping, sequence) => void write.run(mapping, sequence),
    close: () => database.close(),
  };
}
