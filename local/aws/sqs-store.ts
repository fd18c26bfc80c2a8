import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { type GroupCommit, groupCommit } from './group-commit.ts';

/** One message as it lies in its queue. Times are epoch ms. */
const rowSchema = z.object({
  seq: z.number(),
  message_id: z.string(),
  body: z.string(),
  attributes: z.string().nullable(), // JSON of the user's attributes
  trace_header: z.string().nullable(),
  sent_at: z.number(),
  first_received_at: z.number().nullable(),
  receives: z.number(),
  source_arn: z.string().nullable(), // the queue that gave it up, for a dead letter
});
export type StoredMessage = z.infer<typeof rowSchema>;

export interface QueueRow {
  readonly id: number;
  readonly name: string;
  readonly attributes: string; // JSON
  readonly created_at: number;
  readonly modified_at: number;
}

const queueRowSchema = z.object({
  id: z.number(),
  name: z.string(),
  attributes: z.string(),
  created_at: z.number(),
  modified_at: z.number(),
});
const numberRowSchema = z.object({ value: z.number().nullable() });
const heldRowSchema = z.object({ in_flight: z.number(), value: z.number() });
const flightRowSchema = z.object({ visible_at: z.number(), taken_at: z.number() });

const moveTaskSchema = z.object({
  handle: z.string(),
  source: z.string(),
  destination: z.string().nullable(), // ARN; null: back to where each message came from
  per_second_max: z.number().nullable(),
  status: z.enum(['RUNNING', 'COMPLETED', 'FAILED']),
  moved: z.number(),
  to_move: z.number(),
  started_at: z.number(),
  failure: z.string().nullable(),
});
export type MoveTask = z.infer<typeof moveTaskSchema>;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL; -- survives the death of the process; a power cut may lose the last moments
  CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL, created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT, trace_header TEXT,
    sent_at INTEGER NOT NULL, first_received_at INTEGER, receives INTEGER NOT NULL DEFAULT 0,
    visible_at INTEGER NOT NULL, in_flight INTEGER NOT NULL DEFAULT 0, taken_at INTEGER, receipt TEXT, source_arn TEXT);
  -- Whatever waits for later lies behind what is due, so a receive reads only rows that it takes.
  CREATE INDEX IF NOT EXISTS due ON messages (queue, visible_at, in_flight);
  CREATE TABLE IF NOT EXISTS move_tasks (
    handle TEXT PRIMARY KEY, source TEXT NOT NULL, destination TEXT, per_second_max INTEGER, status TEXT NOT NULL,
    moved INTEGER NOT NULL, to_move INTEGER NOT NULL, started_at INTEGER NOT NULL, failure TEXT);
`;

/** A receipt handle names the row and one receive of it. */
const RECEIPT_HANDLE = /^AQEB([0-9a-z]{1,11})-([0-9a-f-]{36})$/;

export interface Receipt {
  readonly seq: number;
  readonly receipt: string;
}

/** Undefined when SQS never gave out such a handle. */
export function parseReceiptHandle(handle: string): Receipt | undefined {
  const [, seq, receipt] = RECEIPT_HANDLE.exec(handle) ?? [];
  return seq === undefined || receipt === undefined ? undefined : { seq: Number.parseInt(seq, 36), receipt };
}

/** The rows of all queues. It knows nothing of waiting, limits or protocols. All writes go through `commit.write`. */
export interface SqsStore {
  readonly commit: GroupCommit;
  queues(): QueueRow[];
  saveQueue(name: string, attributes: string, now: number): QueueRow;
  insert(
    queue: number,
    message: {
      messageId: string;
      body: string;
      attributes: string | undefined;
      traceHeader: string | undefined;
      sentAt: number;
      visibleAt: number;
    },
  ): void;
  /** What can be received at `now`, longest due first. */
  due(queue: number, now: number, limit: number): StoredMessage[];
  anyDue(queue: number, now: number): boolean;
  /** Any messages, oldest due first, for looking at them. */
  peek(queue: number, limit: number): StoredMessage[];
  /** Hands the message out until `visibleAt`. Returns the receipt handle. */
  take(message: StoredMessage, now: number, visibleAt: number): string;
  remove(queue: number, receipt: Receipt): void;
  /** When a message in flight was taken; undefined if it is not, or not with this receipt. */
  takenAt(queue: number, receipt: Receipt, now: number): number | undefined;
  setVisibleAt(receipt: Receipt, visibleAt: number): void;
  drop(queue: number, seq: number): void;
  deadLetter(seq: number, from: number, to: number, sourceArn: string, now: number): void;
  /** A redriven message is a new one: new id, sent now, never received. */
  redrive(seq: number, from: number, to: number, now: number): void;
  expire(queue: number, sentBefore: number): number;
  purge(queue: number): number;
  /** The next instant after `now` at which a message becomes visible. */
  nextDueAt(queue: number, now: number): number | undefined;
  counts(queue: number, now: number): { visible: number; inFlight: number; delayed: number };
  saveMoveTask(task: MoveTask): void;
  moveTasks(): MoveTask[];
  close(): void;
}

/** @param file - of SQLite; it is created if need be. */
export function openSqsStore(file: string): SqsStore {
  const database = new DatabaseSync(file);
  database.exec(SCHEMA);
  const sql = {
    queues: database.prepare('SELECT * FROM queues ORDER BY id'),
    saveQueue: database.prepare(
      `INSERT INTO queues (name, attributes, created_at, modified_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes, modified_at = excluded.modified_at RETURNING *`,
    ),
    insert: database.prepare(
      'INSERT INTO messages (queue, message_id, body, attributes, trace_header, sent_at, visible_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    due: database.prepare('SELECT * FROM messages WHERE queue = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?'),
    anyDue: database.prepare('SELECT 1 FROM messages WHERE queue = ? AND visible_at <= ? LIMIT 1'),
    peek: database.prepare('SELECT * FROM messages WHERE queue = ? ORDER BY visible_at LIMIT ?'),
    take: database.prepare(
      `UPDATE messages SET receipt = ?, taken_at = ?, visible_at = ?, in_flight = 1, receives = receives + 1,
       first_received_at = COALESCE(first_received_at, ?) WHERE seq = ?`,
    ),
    remove: database.prepare('DELETE FROM messages WHERE seq = ? AND queue = ? AND receipt = ?'),
    flight: database.prepare(
      'SELECT visible_at, taken_at FROM messages WHERE seq = ? AND queue = ? AND receipt = ? AND in_flight = 1 AND visible_at > ?',
    ),
    setVisibleAt: database.prepare('UPDATE messages SET visible_at = ? WHERE seq = ? AND receipt = ?'),
    drop: database.prepare('DELETE FROM messages WHERE seq = ?'),
    // The receive count goes on in the dead-letter queue; the age does too, so a dead letter expires by when it was first sent.
    deadLetter: database.prepare(
      'UPDATE messages SET queue = ?, source_arn = ?, receipt = NULL, in_flight = 0, visible_at = ? WHERE seq = ?',
    ),
    redrive: database.prepare(
      `UPDATE messages SET queue = ?, message_id = ?, sent_at = ?, visible_at = ?, receives = 0, first_received_at = NULL,
       receipt = NULL, in_flight = 0, source_arn = NULL WHERE seq = ?`,
    ),
    expire: database.prepare('DELETE FROM messages WHERE queue = ? AND sent_at <= ?'),
    purge: database.prepare('DELETE FROM messages WHERE queue = ?'),
    nextDue: database.prepare('SELECT MIN(visible_at) AS value FROM messages WHERE queue = ? AND visible_at > ?'),
    held: database.prepare(
      'SELECT in_flight, COUNT(*) AS value FROM messages WHERE queue = ? AND visible_at > ? GROUP BY in_flight',
    ),
    total: database.prepare('SELECT COUNT(*) AS value FROM messages WHERE queue = ?'),
    saveMoveTask: database.prepare('INSERT OR REPLACE INTO move_tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    moveTasks: database.prepare('SELECT * FROM move_tasks ORDER BY started_at DESC, rowid DESC LIMIT 100'),
  };
  /** How many messages each queue holds: counting a long queue anew for each question would be slow. */
  const totals = new Map<number, number>();
  const total = (queue: number): number => {
    let known = totals.get(queue);
    if (known === undefined) {
      known = numberRowSchema.parse(sql.total.get(queue)).value ?? 0;
      totals.set(queue, known);
    }
    return known;
  };
  const add = (queue: number, count: number): void => void totals.set(queue, total(queue) + count);
  const messages = (rows: unknown[]): StoredMessage[] => rows.map((row) => rowSchema.parse(row));
  const changes = (result: { changes: number | bigint }): number => Number(result.changes);

  return {
    commit: groupCommit(database, () => totals.clear()),
    queues: () => sql.queues.all().map((row) => queueRowSchema.parse(row)),
    saveQueue: (name, attributes, now) => queueRowSchema.parse(sql.saveQueue.get(name, attributes, now, now)),
    insert(queue, { messageId, body, attributes, traceHeader, sentAt, visibleAt }) {
      add(queue, 1);
      sql.insert.run(queue, messageId, body, attributes ?? null, traceHeader ?? null, sentAt, visibleAt);
    },
    due: (queue, now, limit) => messages(sql.due.all(queue, now, limit)),
    anyDue: (queue, now) => sql.anyDue.get(queue, now) !== undefined,
    peek: (queue, limit) => messages(sql.peek.all(queue, limit)),
    take(message, now, visibleAt) {
      const receipt = randomUUID();
      sql.take.run(receipt, now, visibleAt, now, message.seq);
      return `AQEB${message.seq.toString(36)}-${receipt}`;
    },
    remove(queue, { seq, receipt }) {
      add(queue, -changes(sql.remove.run(seq, queue, receipt)));
    },
    takenAt(queue, { seq, receipt }, now) {
      const row = sql.flight.get(seq, queue, receipt, now);
      return row === undefined ? undefined : flightRowSchema.parse(row).taken_at;
    },
    setVisibleAt: ({ seq, receipt }, visibleAt) => void sql.setVisibleAt.run(visibleAt, seq, receipt),
    drop(queue, seq) {
      add(queue, -changes(sql.drop.run(seq)));
    },
    deadLetter(seq, from, to, sourceArn, now) {
      add(from, -1);
      add(to, 1);
      sql.deadLetter.run(to, sourceArn, now, seq);
    },
    redrive(seq, from, to, now) {
      add(from, -1);
      add(to, 1);
      sql.redrive.run(to, randomUUID(), now, now, seq);
    },
    expire(queue, sentBefore) {
      const expired = changes(sql.expire.run(queue, sentBefore));
      add(queue, -expired);
      return expired;
    },
    purge(queue) {
      const purged = changes(sql.purge.run(queue));
      totals.set(queue, 0);
      return purged;
    },
    nextDueAt: (queue, now) => numberRowSchema.parse(sql.nextDue.get(queue, now)).value ?? undefined,
    counts(queue, now) {
      let inFlight = 0;
      let delayed = 0;
      for (const row of sql.held.all(queue, now)) {
        const { in_flight, value } = heldRowSchema.parse(row);
        if (in_flight === 1) inFlight = value;
        else delayed = value;
      }
      return { visible: total(queue) - inFlight - delayed, inFlight, delayed };
    },
    saveMoveTask(task) {
      sql.saveMoveTask.run(
        task.handle,
        task.source,
        task.destination,
        task.per_second_max,
        task.status,
        task.moved,
        task.to_move,
        task.started_at,
        task.failure,
      );
    },
    moveTasks: () => sql.moveTasks.all().map((row) => moveTaskSchema.parse(row)),
    close: () => database.close(),
  };
}
