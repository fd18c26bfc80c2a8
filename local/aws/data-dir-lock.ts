import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Takes the data directory for this process, and creates it if need be.
 *
 * The lock is SQLite's own, which the operating system drops when its holder dies, however it dies:
 * a killed run leaves nothing to clean up.
 *
 * @returns the way to give the directory back.
 * @throws Error when another live process has it.
 */
export function lockDataDir(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, 'lock.sqlite');
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS holder (pid INTEGER);');
    lock.exec('DELETE FROM holder');
    lock.prepare('INSERT INTO holder VALUES (?)').run(process.pid);
    lock.exec('COMMIT');
  } catch (error) {
    lock.close();
    throw new Error(`${dataDir} is in use by another run: stop that one, or start this one on another directory`, {
      cause: error,
    });
  }
  return () => lock.close();
}
