import * as z from 'zod';
import type { CommitNote } from '../sync/ledger.ts';
import { partsOf } from './keys.ts';
import { decodeNote, encodedNoteSchema, encodeNote } from './note-encoding.ts';
import { type Item, numberOf, stringOf, TABLE } from './table.ts';

/** What a commit tells the readers of the table's stream. It lies in the record's item, so it is there exactly when the commit is. */
export interface Outbox {
  readonly note: CommitNote;
  /** Systems that need a delivery now; may be empty. */
  readonly deliver: readonly string[];
  /** The commit gave the record an object for which somebody may wait. */
  readonly wake?: boolean;
}

/** A commit as the stream shows it. */
export interface CommittedOutbox extends Outbox {
  readonly tenant: string;
  readonly sync: string;
  readonly recordId: string;
  readonly version: number;
}

const outboxSchema = z.object({ s: z.string(), d: z.array(z.string()), n: encodedNoteSchema, w: z.literal(1).optional() });

export function encodeOutbox(sync: string, outbox: Outbox): string {
  return JSON.stringify({
    s: sync,
    d: [...outbox.deliver],
    n: encodeNote(outbox.note),
    ...(outbox.wake === true && { w: 1 as const }),
  } satisfies z.input<typeof outboxSchema>);
}

/**
 * Reads the outbox off a NEW_IMAGE of the stream.
 *
 * @returns undefined for items that carry none (claims, confirms, identities, cursors).
 */
export function outboxOf(image: Item): CommittedOutbox | undefined {
  const text = stringOf(image[TABLE.outbox]);
  if (text === undefined) return undefined;
  const [tenant, , recordId] = partsOf(stringOf(image[TABLE.partitionKey]) ?? '');
  const version = numberOf(image[TABLE.version]);
  if (tenant === undefined || recordId === undefined || version === undefined) {
    throw new Error('a stream image with an outbox lacks its key or version; the stream must carry NEW_IMAGE');
  }
  const { s, d, n, w } = outboxSchema.parse(JSON.parse(text));
  return { tenant, sync: s, recordId, version, note: decodeNote(n), deliver: d, ...(w === 1 && { wake: true }) };
}
