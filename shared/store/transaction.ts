import {
  TransactionCanceledException,
  TransactionInProgressException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { untilDone } from './batched-calls.ts';
import type { Item, StoreContext } from './table.ts';

/** Reasons that pass: another transaction was on the same item, or there was too much to do. */
const PASSING_REASONS: ReadonlySet<string> = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/**
 * Writes all items or none.
 *
 * @returns undefined when written; otherwise, by position, the item that failed its condition (empty where
 *   there was none, or where the write did not ask for it) and undefined for those that did not fail.
 * @throws SystemUnavailableError when it keeps colliding or being throttled.
 */
export async function transactWrite(
  context: StoreContext,
  items: TransactWriteItem[],
): Promise<(Item | undefined)[] | undefined> {
  let failed: (Item | undefined)[] | undefined;
  await untilDone(context, 'written together', async () => {
    try {
      await context.client.send(new TransactWriteItemsCommand({ TransactItems: items }));
      return 0;
    } catch (error) {
      if (error instanceof TransactionInProgressException) return items.length;
      if (!(error instanceof TransactionCanceledException)) throw error;
      const reasons = error.CancellationReasons ?? [];
      if (reasons.some((reason) => reason.Code === 'ConditionalCheckFailed')) {
        failed = reasons.map((reason) => (reason.Code === 'ConditionalCheckFailed' ? (reason.Item ?? {}) : undefined));
        return 0;
      }
      if (reasons.some((reason) => PASSING_REASONS.has(reason.Code ?? ''))) return items.length;
      throw error;
    }
  });
  return failed;
}
