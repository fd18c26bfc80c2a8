import { QueryCommand } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { LedgerEntry } from '../sync/ledger.ts';
import { batchPut } from './batched-calls.ts';
import { keysOf, ledgerSortKey } from './keys.ts';
import { decodeNote, encodedNoteSchema, encodeNote } from './note-encoding.ts';
import { recordIdOf } from './record-item.ts';
import { type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

export type LedgerStore = ReturnType<typeof ledgerStore>;

/** The history of one tenant's records: one entry per commit that had something to tell. */
export function ledgerStore(context: StoreContext) {
  const keys = keysOf(context.tenant);
  return {
    /**
     * Writes entries; an entry of the same record and version is replaced by its equal. An entry without lines
     * is left out: it has nothing to tell, and could only erase the one that was written with its commit.
     */
    async putMany(entries: readonly LedgerEntry[]): Promise<void> {
      const telling = entries.filter((entry) => entry.lines.length > 0);
      // A batch must not name one item twice, and the stream may show a commit twice.
      const byKey = new Map(telling.map((entry) => [JSON.stringify([entry.recordId, entry.version]), entry]));
      await batchPut(
        context,
        [...byKey.values()].map((entry) => ledgerItem(context, entry)),
      );
    },

    /** @returns the entries of a record, newest first, of versions below `before`. */
    async ofRecord(recordId: string, options: { readonly limit: number; readonly before?: number }): Promise<LedgerEntry[]> {
      const { before = Number.MAX_SAFE_INTEGER } = options;
      if (before <= 1) return []; // the first version is 1, and DynamoDB refuses a range that is upside down
      const { pk, sk: oldest } = keys.ledger(recordId, 1);
      const newest = ledgerSortKey(before - 1);
      const answer = await context.client.send(
        new QueryCommand({
          TableName: context.tableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :oldest AND :newest',
          ExpressionAttributeValues: { ':pk': pk, ':oldest': oldest, ':newest': { S: newest } },
          ScanIndexForward: false,
          Limit: options.limit,
        }),
      );
      return (answer.Items ?? []).map(ledgerEntryOf);
    },
  };
}

export function ledgerItem(context: StoreContext, entry: LedgerEntry): Item {
  return {
    ...keysOf(context.tenant).ledger(entry.recordId, entry.version),
    [TABLE.version]: { N: String(entry.version) },
    [TABLE.body]: { S: JSON.stringify(encodeNote(entry)) },
  };
}

const bodySchema = z.string().transform((text) => encodedNoteSchema.parse(JSON.parse(text)));

export function ledgerEntryOf(item: Item): LedgerEntry {
  const recordId = recordIdOf(item);
  const version = numberOf(item[TABLE.version]);
  if (version === undefined) throw new Error(`a ledger item of record ${recordId} lacks its version; restore it`);
  return { recordId, version, ...decodeNote(bodySchema.parse(stringOf(item[TABLE.body]))) };
}
