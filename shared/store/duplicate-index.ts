import { createHash } from 'node:crypto';
import { DeleteItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { inTurns } from '../in-turns.ts';
import { CANDIDATES_MAX } from '../sync/quality/duplicates.ts';
import { batchPut } from './batched-calls.ts';
import { type ItemKey, joined, keysOf } from './keys.ts';
import { type StoreContext, stringOf, TABLE } from './table.ts';

/** An object and the key under which its possible duplicates meet (`duplicateKeyOf`). */
export interface KeyedObject {
  readonly objectId: string;
  readonly key: string;
}

export type DuplicateIndex = ReturnType<typeof duplicateIndex>;

const QUERIES_AT_ONCE = 8;

/**
 * Which objects of a system share the values that tell duplicates: one pointer per object, below its key. An object that
 * changes its key costs one small write for the pointer, one read of at most six pointers, and one write for the pointer it
 * leaves; one that does not costs nothing. A pointer may outlive its object, so what is found is only ever possible.
 */
export function duplicateIndex(context: StoreContext) {
  const { client, tableName, tenant } = context;
  keysOf(tenant); // refuses a tenant whose name could be taken for part of another one's keys
  // Hashed, like match keys: people's details do not belong into keys, which error texts show.
  const partition = (sync: string, system: string, key: string) =>
    joined(tenant, 'QD', sync, system, createHash('sha256').update(key).digest('base64url').slice(0, 32));
  const pointer = (sync: string, system: string, { objectId, key }: KeyedObject): ItemKey => ({
    pk: { S: partition(sync, system, key) },
    sk: { S: objectId },
  });

  return {
    /**
     * Enters objects under their keys, and tells whom they meet there.
     *
     * @param objects - each once.
     * @returns by object id, up to six other objects with the same key, in a fixed order; absent where there is none.
     */
    async meet(sync: string, system: string, objects: readonly KeyedObject[]): Promise<Map<string, string[]>> {
      if (objects.length === 0) return new Map();
      await batchPut(
        context,
        objects.map((object) => pointer(sync, system, object)),
      );
      const found = await inTurns(objects, QUERIES_AT_ONCE, async ({ objectId, key }): Promise<[string, string[]]> => {
        const { Items: items = [] } = await client.send(
          new QueryCommand({
            TableName: tableName,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': { S: partition(sync, system, key) } },
            ConsistentRead: true, // those of the same batch were entered a moment ago
            Limit: CANDIDATES_MAX + 2, // itself, and one more than is shown
          }),
        );
        const others = items.map((item) => stringOf(item[TABLE.sortKey]) ?? '').filter((id) => id !== objectId);
        return [objectId, others.slice(0, CANDIDATES_MAX + 1)];
      });
      return new Map(found.filter(([, others]) => others.length > 0));
    },

    /** Takes objects out from under keys that they no longer have. */
    async leave(sync: string, system: string, objects: readonly KeyedObject[]): Promise<void> {
      await inTurns(objects, QUERIES_AT_ONCE, (object) =>
        client.send(new DeleteItemCommand({ TableName: tableName, Key: pointer(sync, system, object) })),
      );
    },
  };
}
