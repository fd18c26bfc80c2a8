import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import type { DynamoDbWire } from './dynamodb-wire.ts';

export interface TtlTable {
  readonly tableName: string;
  readonly ttlAttribute: string;
  readonly keyAttributes: readonly string[];
}

export interface TtlSweep {
  /** Deletes what expired before `nowMs`, a bounded part of each table per sweep. Returns how many items went. */
  sweep(tables: readonly TtlTable[], nowMs: number): Promise<number>;
  /** Whether the removal of this item, as its stream record tells it, was ours. */
  wasExpired(tableName: string, keys: object): boolean;
}

/** DynamoDB leaves items alone that expired more than five years ago: howitworks-ttl.html */
const TOO_OLD_SECONDS = 5 * 365 * 86_400;
/** A page is up to 1 MB. A sweep that stops short goes on there the next time. */
const PAGES_PER_SWEEP = 20;
const DELETES_AT_ONCE = 8;
const REMEMBERED_MAX = 10_000;

const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const pageSchema = z.object({ Items: z.array(itemSchema), LastEvaluatedKey: itemSchema.optional() });

/** The server knows the TTL setting but never acts on it. */
export function ttlSweep(wire: DynamoDbWire): TtlSweep {
  const goOnAt = new Map<string, z.infer<typeof itemSchema>>();
  /** Items removed lately: the stream cannot tell our deletes from anybody's. Lost at a restart, bounded. */
  const removed = new Set<string>();

  async function sweepTable(table: TtlTable, nowMs: number): Promise<number> {
    const nowSeconds = Math.floor(nowMs / 1_000);
    let count = 0;
    let from = goOnAt.get(table.tableName);
    for (let page = 0; page < PAGES_PER_SWEEP; page++) {
      const { Items, LastEvaluatedKey } = pageSchema.parse(
        await wire.call('DynamoDB_20120810.Scan', {
          TableName: table.tableName,
          FilterExpression: '#ttl < :now AND #ttl > :tooOld',
          ExpressionAttributeNames: { '#ttl': table.ttlAttribute },
          ExpressionAttributeValues: {
            ':now': { N: String(nowSeconds) },
            ':tooOld': { N: String(nowSeconds - TOO_OLD_SECONDS) },
          },
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      for (let at = 0; at < Items.length; at += DELETES_AT_ONCE) {
        const gone = await Promise.all(Items.slice(at, at + DELETES_AT_ONCE).map((item) => remove(table, item)));
        count += gone.filter(Boolean).length;
      }
      from = LastEvaluatedKey;
      if (from === undefined) break;
    }
    if (from === undefined) goOnAt.delete(table.tableName);
    else goOnAt.set(table.tableName, from);
    return count;
  }

  async function remove(table: TtlTable, item: z.infer<typeof itemSchema>): Promise<boolean> {
    const keys = Object.fromEntries(Object.entries(item).filter(([name]) => table.keyAttributes.includes(name)));
    const mark = markOf(table.tableName, keys);
    remember(mark);
    try {
      await wire.call('DynamoDB_20120810.DeleteItem', {
        TableName: table.tableName,
        Key: keys,
        ConditionExpression: '#ttl = :seen',
        ExpressionAttributeNames: { '#ttl': table.ttlAttribute },
        ExpressionAttributeValues: { ':seen': item[table.ttlAttribute] },
      });
      return true;
    } catch (error) {
      removed.delete(mark);
      // Somebody gave it a longer life, or deleted it, since we looked.
      if (error instanceof AwsError && error.code === 'ConditionalCheckFailedException') return false;
      throw error;
    }
  }

  function remember(mark: string): void {
    removed.add(mark);
    if (removed.size <= REMEMBERED_MAX) return;
    const [oldest] = removed;
    if (oldest !== undefined) removed.delete(oldest);
  }

  return {
    async sweep(tables, nowMs) {
      let count = 0;
      for (const table of tables) count += await sweepTable(table, nowMs);
      return count;
    },
    wasExpired: (tableName, keys) => removed.has(markOf(tableName, keys)),
  };
}

const markOf = (tableName: string, keys: object): string =>
  JSON.stringify([tableName, Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))]);
