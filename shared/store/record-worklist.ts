import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { DIRTY_SHARDS, keysOf } from './keys.ts';
import { decodeCursor, encodeCursor } from './page-cursor.ts';
import { attentionOfSortKey, attentionPrefix, recordIdOf } from './record-item.ts';
import { numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

export type RecordWorklist = ReturnType<typeof recordWorklist>;

/**
 * Records that somebody has to look at: the sweep, or a person. Read from indexes that follow the table within
 * moments, so what is listed has to be read before it is acted on.
 */
export function recordWorklist(context: StoreContext) {
  const { client, tableName, tenant } = context;
  const keys = keysOf(tenant);
  return {
    /** Records that have been dirty for longer than `ageMs`, oldest first within each of the index's partitions. */
    async dirtyOlderThan(
      ageMs: number,
      options: { readonly limit: number; readonly cursor?: string | undefined },
    ): Promise<{ items: { recordId: string; dirtySinceMs: number }[]; cursor?: string }> {
      const { dirtyIndex } = TABLE;
      const items: { recordId: string; dirtySinceMs: number }[] = [];
      const from = decodeCursor(options.cursor, tenant);
      let after = from.after;
      for (let shard = from.partition; shard < DIRTY_SHARDS; shard++) {
        const answer = await client.send(
          new QueryCommand({
            TableName: tableName,
            IndexName: dirtyIndex.name,
            KeyConditionExpression: '#dk = :dk AND #ds < :before',
            ExpressionAttributeNames: { '#dk': dirtyIndex.partitionKey, '#ds': dirtyIndex.sortKey },
            ExpressionAttributeValues: { ':dk': { S: keys.dirtyShard(shard) }, ':before': { N: String(context.now() - ageMs) } },
            Limit: options.limit - items.length,
            ExclusiveStartKey: after,
          }),
        );
        for (const item of answer.Items ?? []) {
          items.push({ recordId: recordIdOf(item), dirtySinceMs: numberOf(item[dirtyIndex.sortKey]) ?? 0 });
        }
        after = answer.LastEvaluatedKey;
        if (after !== undefined) return { items, cursor: encodeCursor({ partition: shard, after }) };
        if (items.length >= options.limit && shard + 1 < DIRTY_SHARDS) {
          return { items, cursor: encodeCursor({ partition: shard + 1 }) };
        }
      }
      return { items };
    },

    /** Records that wait for a person, by kind, the longest waiting first. */
    async attention(options: {
      readonly kind?: string | undefined;
      readonly limit: number;
      readonly cursor?: string | undefined;
    }): Promise<{ items: { recordId: string; kind: string; sinceMs: number }[]; cursor?: string }> {
      const { attentionIndex } = TABLE;
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          IndexName: attentionIndex.name,
          KeyConditionExpression: options.kind === undefined ? '#ak = :ak' : '#ak = :ak AND begins_with(#as, :kind)',
          ExpressionAttributeNames: {
            '#ak': attentionIndex.partitionKey,
            ...(options.kind !== undefined && { '#as': attentionIndex.sortKey }),
          },
          ExpressionAttributeValues: {
            ':ak': { S: keys.attention() },
            ...(options.kind !== undefined && { ':kind': { S: attentionPrefix(options.kind) } }),
          },
          Limit: options.limit,
          ExclusiveStartKey: decodeCursor(options.cursor, tenant).after,
        }),
      );
      const items = (answer.Items ?? []).map((item) => ({
        recordId: recordIdOf(item),
        ...attentionOfSortKey(stringOf(item[attentionIndex.sortKey]) ?? ''),
      }));
      const after = answer.LastEvaluatedKey;
      return { items, ...(after && { cursor: encodeCursor({ partition: 0, after }) }) };
    },
  };
}
