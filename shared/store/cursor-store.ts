import { ConditionalCheckFailedException, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { keysOf } from './keys.ts';
import { openSeenRows, type SeenRows } from './seen-rows.ts';
import { type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

/** How far the poll of one system has come. */
export interface PollPosition {
  /** Opaque, from the connector; absent before the first page. */
  readonly cursor?: string | undefined;
  /** Where a poll without a cursor starts, epoch ms by the system's clock. */
  readonly fromMs: number;
  /** When a poll last came to the end of what there was, epoch ms by ours. */
  readonly polledAtMs?: number | undefined;
}

export interface PollCursor extends PollPosition {
  /** Raised by each lease and each put: only the newest poller can move the cursor. */
  readonly version: number;
}

export type CursorStore = ReturnType<typeof cursorStore>;

/** The cursors of one tenant's polls. */
export function cursorStore(context: StoreContext) {
  const { client, tableName } = context;
  const keys = keysOf(context.tenant);

  /** @returns the updated item, or undefined when the condition failed. */
  async function update(key: Item, expressions: { set: string; remove?: string; condition: string; values: Item }) {
    try {
      const answer = await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: key,
          UpdateExpression: `SET ${expressions.set}${expressions.remove ? ` REMOVE ${expressions.remove}` : ''}`,
          ConditionExpression: expressions.condition,
          ExpressionAttributeValues: expressions.values,
          ReturnValues: 'ALL_NEW',
        }),
      );
      return answer.Attributes;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return undefined;
    }
  }

  return {
    async get(sync: string, system: string): Promise<PollCursor | undefined> {
      const answer = await client.send(
        new GetItemCommand({ TableName: tableName, Key: keys.poll(sync, system), ConsistentRead: true }),
      );
      return answer.Item && cursorOf(answer.Item);
    },

    /**
     * Takes the poll for `owner` for a while, so that two schedules that overlap do not ask for the same pages.
     * A lease that ran out may be taken by anyone, and then its old owner can no longer put.
     *
     * @param lease.fromMs - where the very first poll starts; ignored later.
     * @returns the cursor to go on from, or undefined while another owner's lease lasts.
     */
    async lease(
      sync: string,
      system: string,
      lease: { readonly owner: string; readonly leaseMs: number; readonly fromMs: number },
    ): Promise<PollCursor | undefined> {
      const nowMs = context.now();
      const item = await update(keys.poll(sync, system), {
        set: 'v = if_not_exists(v, :none) + :one, fm = if_not_exists(fm, :from), lo = :owner, lu = :until',
        condition: 'attribute_not_exists(lu) OR lu <= :now OR lo = :owner',
        values: {
          ':none': { N: '0' },
          ':one': { N: '1' },
          ':from': { N: String(lease.fromMs) },
          ':owner': { S: lease.owner },
          ':until': { N: String(nowMs + lease.leaseMs) },
          ':now': { N: String(nowMs) },
        },
      });
      return item && cursorOf(item);
    },

    /**
     * Moves the cursor, if nobody leased or moved it since.
     *
     * @param expected.version - of the lease or the put before.
     * @param expected.owner - who must still hold the lease.
     * @param expected.release - ends the lease with this put.
     */
    async put(
      sync: string,
      system: string,
      position: PollPosition,
      expected: { readonly version: number; readonly owner?: string; readonly release?: boolean },
    ): Promise<PollCursor | 'conflict'> {
      const set = ['v = :next', 'fm = :from'];
      const remove = expected.release ? ['lo', 'lu'] : [];
      const values: Item = {
        ':next': { N: String(expected.version + 1) },
        ':from': { N: String(position.fromMs) },
        ':version': { N: String(expected.version) },
      };
      if (position.cursor === undefined) {
        remove.push('c');
      } else {
        set.push('c = :cursor');
        values[':cursor'] = { S: position.cursor };
      }
      if (expected.owner !== undefined) values[':owner'] = { S: expected.owner };
      if (position.polledAtMs !== undefined) {
        set.push('pm = :polled');
        values[':polled'] = { N: String(position.polledAtMs) };
      }
      const item = await update(keys.poll(sync, system), {
        set: set.join(', '),
        remove: remove.join(', '),
        condition: `v = :version${expected.owner === undefined ? '' : ' AND lo = :owner'}`,
        values,
      });
      return item ? cursorOf(item) : 'conflict';
    },

    /** The rows of the last `windowMs` that were turned into hints already. Open it once per poll run. */
    seenRows(sync: string, system: string, options: { readonly windowMs: number }): Promise<SeenRows> {
      return openSeenRows(context, keys.seenRows(sync, system), options.windowMs);
    },
  };
}

function cursorOf(item: Item): PollCursor {
  const cursor = stringOf(item.c);
  const polledAtMs = numberOf(item.pm);
  return {
    ...(cursor !== undefined && { cursor }),
    fromMs: numberOf(item.fm) ?? 0,
    ...(polledAtMs !== undefined && { polledAtMs }),
    version: numberOf(item[TABLE.version]) ?? 0,
  };
}
