import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { chunksOf } from './batched-calls.ts';
import { expiry, type Item, type StoreContext, TABLE } from './table.ts';

/** A row as a poll shows it. */
export interface PolledRow {
  readonly objectId: string;
  readonly stampMs: number;
}

/**
 * What the last polls turned into hints. A poll reads again what lies within its overlap, because rows become
 * visible late; without this memory each row would be hinted once per poll until the overlap has passed.
 */
export interface SeenRows {
  /** The rows that no poll of the window has remembered. */
  unseen<R extends PolledRow>(rows: readonly R[]): R[];
  /** To be called once the rows' hints are safely queued. */
  remember(rows: readonly PolledRow[]): Promise<void>;
}

/** 48 bits: with 100,000 rows in the window, one unseen row in 3 thousand million is taken for seen until it changes again. */
const HASH_BYTES = 6;
/** Below DynamoDB's 400 KB per item, with room for the rest. */
const HASHES_PER_ITEM_MAX = Math.floor(300_000 / HASH_BYTES);
/** 1 MB each: three million rows. Beyond that a row is hinted again, which costs a read and changes nothing. */
const PAGES_MAX = 20;
const TIME_DIGITS = 15;

export async function openSeenRows(context: StoreContext, partitionKey: string, windowMs: number): Promise<SeenRows> {
  const seen = new Set<number>();
  let after: Item | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await context.client.send(
      new QueryCommand({
        TableName: context.tableName,
        KeyConditionExpression: 'pk = :pk AND sk >= :from',
        ExpressionAttributeValues: { ':pk': { S: partitionKey }, ':from': { S: sortKey(context.now() - windowMs, '') } },
        ScanIndexForward: false, // the newest first: they are the likeliest to come again
        ExclusiveStartKey: after,
      }),
    );
    for (const item of answer.Items ?? []) addHashes(seen, item[TABLE.body]?.B);
    after = answer.LastEvaluatedKey;
    if (after === undefined) break;
  }

  return {
    unseen: (rows) => rows.filter((row) => !seen.has(hashOf(row))),
    async remember(rows) {
      const fresh = [...new Set(rows.map(hashOf))].filter((hash) => !seen.has(hash));
      for (const hashes of chunksOf(fresh, HASHES_PER_ITEM_MAX)) {
        const bytes = Buffer.alloc(hashes.length * HASH_BYTES);
        for (const [index, hash] of hashes.entries()) bytes.writeUIntBE(hash, index * HASH_BYTES, HASH_BYTES);
        await context.client.send(
          new PutItemCommand({
            TableName: context.tableName,
            Item: {
              [TABLE.partitionKey]: { S: partitionKey },
              // Its own content makes the name unique, so two items of the same moment do not replace each other.
              [TABLE.sortKey]: { S: sortKey(context.now(), createHash('sha256').update(bytes).digest('base64url').slice(0, 8)) },
              [TABLE.body]: { B: bytes },
              [TABLE.timeToLive]: expiry(context, windowMs),
            },
          }),
        );
        for (const hash of hashes) seen.add(hash);
      }
    },
  };
}

function sortKey(atMs: number, name: string): string {
  return `${String(Math.max(0, atMs)).padStart(TIME_DIGITS, '0')}#${name}`;
}

function hashOf(row: PolledRow): number {
  return createHash('sha256').update(`${row.stampMs}/${row.objectId}`).digest().readUIntBE(0, HASH_BYTES);
}

function addHashes(seen: Set<number>, stored: Uint8Array | undefined): void {
  if (stored === undefined) return;
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  for (let offset = 0; offset + HASH_BYTES <= bytes.length; offset += HASH_BYTES) seen.add(bytes.readUIntBE(offset, HASH_BYTES));
}
