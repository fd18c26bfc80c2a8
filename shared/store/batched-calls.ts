import { BatchGetItemCommand, BatchWriteItemCommand, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { SystemUnavailableError } from '../errors.ts';
import { inTurns } from '../in-turns.ts';
import type { Item, StoreContext } from './table.ts';

// DynamoDB: docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const GET_BATCH_SIZE_MAX = 100;
const WRITE_BATCH_SIZE_MAX = 25;
/** More calls at once only queue in the client's connections and make throttling likelier. */
export const PARALLEL_CALLS_MAX = 4;

const ATTEMPTS_MAX = 8;
const FIRST_WAIT_MS = 25;
const WAIT_MAX_MS = 1_000;
const RETRY_AFTER_MS = 2_000;

/**
 * Reads items by key in as few calls as possible; missing ones are absent. The order is any.
 *
 * @param keys - without doubles (DynamoDB refuses them).
 */
export async function batchGet(
  context: StoreContext,
  keys: readonly Item[],
  options: { readonly consistent: boolean; readonly attributes?: readonly string[] },
): Promise<Item[]> {
  const found = await inTurns(chunksOf(keys, GET_BATCH_SIZE_MAX), PARALLEL_CALLS_MAX, async (chunk) => {
    const items: Item[] = [];
    let unread: Item[] = [...chunk];
    await untilDone(context, 'read', async () => {
      const answer = await context.client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [context.tableName]: {
              Keys: unread,
              ConsistentRead: options.consistent,
              ...(options.attributes && { ProjectionExpression: options.attributes.join(', ') }),
            },
          },
        }),
      );
      items.push(...(answer.Responses?.[context.tableName] ?? []));
      unread = answer.UnprocessedKeys?.[context.tableName]?.Keys ?? [];
      return unread.length;
    });
    return items;
  });
  return found.flat();
}

/** Puts items without a condition, in as few calls as possible. Repeating it changes nothing. */
export async function batchPut(context: StoreContext, items: readonly Item[]): Promise<void> {
  await inTurns(chunksOf(items, WRITE_BATCH_SIZE_MAX), PARALLEL_CALLS_MAX, async (chunk) => {
    let unwritten: WriteRequest[] = chunk.map((item) => ({ PutRequest: { Item: item } }));
    await untilDone(context, 'written', async () => {
      const answer = await context.client.send(new BatchWriteItemCommand({ RequestItems: { [context.tableName]: unwritten } }));
      unwritten = answer.UnprocessedItems?.[context.tableName] ?? [];
      return unwritten.length;
    });
  });
}

/**
 * Repeats `attempt` with growing, jittered waits until it leaves nothing undone.
 *
 * @param attempt - returns how many items are still to be done.
 * @throws SystemUnavailableError when some stay undone.
 */
export async function untilDone(context: StoreContext, what: string, attempt: () => Promise<number>): Promise<void> {
  let undone = 0;
  for (let tries = 0; tries < ATTEMPTS_MAX; tries++) {
    if (tries > 0) await backOff(context, tries);
    undone = await attempt();
    if (undone === 0) return;
  }
  throw new SystemUnavailableError('DynamoDB', `${undone} items could not be ${what} in ${ATTEMPTS_MAX} tries`, RETRY_AFTER_MS);
}

/** Full jitter: callers that were throttled together do not come back together. */
async function backOff(context: StoreContext, tries: number): Promise<void> {
  const waitMs = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** tries) * (context.random ?? Math.random)();
  await sleepOf(context)(waitMs);
}

export function sleepOf(context: StoreContext): (ms: number) => Promise<void> {
  return context.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
}

export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
