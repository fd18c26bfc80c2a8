import type { DatabaseSync } from 'node:sqlite';

/** Writes that come within one turn of the event loop share one transaction, and so one commit. */
export interface GroupCommit {
  /**
   * Makes `change` at once, all of it or nothing, and answers when it is committed.
   *
   * @throws what `change` throws; the other writes of the group stand.
   */
  write<T>(change: () => T): Promise<T>;
  /** Commits what is open, now. */
  flush(): void;
}

interface Group {
  readonly committed: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

/** @param onLost - called when a whole group could not be committed, so that what is kept in memory can be read anew. */
export function groupCommit(database: DatabaseSync, onLost: () => void): GroupCommit {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const savepoint = database.prepare('SAVEPOINT change');
  const release = database.prepare('RELEASE change');
  const undo = database.prepare('ROLLBACK TO change');
  let open: Group | undefined;

  function joinGroup(): Group {
    if (open !== undefined) return open;
    begin.run();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // a change that threw leaves nobody waiting for the group
    open = { committed: promise, settle: (error) => (error === undefined ? resolve() : reject(error)) };
    setImmediate(flush);
    return open;
  }

  function flush(): void {
    const group = open;
    if (group === undefined) return;
    open = undefined;
    try {
      commit.run();
      group.settle();
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      onLost();
      group.settle(error);
    }
  }

  return {
    async write(change) {
      const group = joinGroup();
      savepoint.run();
      let result: ReturnType<typeof change>;
      try {
        result = change();
      } catch (error) {
        undo.run();
        release.run();
        throw error;
      }
      release.run();
      await group.committed;
      return result;
    },
    flush,
  };
}
