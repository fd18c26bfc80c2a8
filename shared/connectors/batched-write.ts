import { AuthRejectedError, RateLimitedError, RequestRefusedError, SyncError, SystemUnavailableError } from '../errors.ts';
import type { WriteOutcome } from './connector.ts';
import { NotSentError } from './transport.ts';

/** What one call of a batched write came to. */
export type BatchAnswer =
  | { readonly outcomes: ReadonlyMap<string, WriteOutcome> }
  /**
   * The call was refused as a whole and wrote nothing. `settled` are the writes the refusal itself
   * points at; `alone` is what the refusal means for a write that was sent alone.
   */
  | { readonly settled: ReadonlyMap<string, WriteOutcome>; readonly alone: WriteOutcome };

/** Halving 100 writes down to a handful of bad ones takes about 14 calls each; the rest is tried again later. */
const EXTRA_CALLS_MAX = 40;
const LEFT_OVER_RETRY_MS = 1_000;
const AUTH_RETRY_MS = 60_000;

/**
 * Sends writes in batches and gives each its own outcome. A batch refused as a whole is halved down
 * to the writes at fault; a batch whose answer is lost is `unknown`, and what was not sent is `retry`.
 *
 * @throws the error of the first call when it proves that nothing at all was written.
 */
export async function writeInBatches<Write>(
  writes: ReadonlyMap<string, Write>,
  batchSizeMax: number,
  sendBatch: (batch: ReadonlyMap<string, Write>) => Promise<BatchAnswer>,
): Promise<Map<string, WriteOutcome>> {
  const outcomes = new Map<string, WriteOutcome>();
  const waiting = batchesOf([...writes], batchSizeMax);
  let callsLeft = waiting.length + EXTRA_CALLS_MAX;

  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    const stop = (outcome: WriteOutcome) => {
      for (const rest of waiting.splice(0)) for (const [key] of rest) outcomes.set(key, outcome);
    };
    if (callsLeft-- === 0) {
      waiting.unshift(batch);
      stop({ outcome: 'retry', code: 'TOO_MANY_REFUSED', retryAfterMs: LEFT_OVER_RETRY_MS });
      break;
    }
    try {
      const answer = await sendBatch(new Map(batch));
      if ('outcomes' in answer) {
        for (const [key] of batch) outcomes.set(key, answer.outcomes.get(key) ?? unanswered());
        continue;
      }
      const open = batch.filter(([key]) => !answer.settled.has(key));
      for (const [key, outcome] of answer.settled) outcomes.set(key, outcome);
      const [only] = open;
      if (only === undefined) continue;
      if (open.length < batch.length) waiting.unshift(open);
      else if (open.length === 1) outcomes.set(only[0], answer.alone);
      else waiting.unshift(...batchesOf(open, Math.ceil(open.length / 2)));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      if (error instanceof SystemUnavailableError && !(error instanceof NotSentError)) {
        for (const [key] of batch) outcomes.set(key, { outcome: 'unknown', message: error.message });
        stop({ outcome: 'retry', code: 'NOT_SENT', retryAfterMs: error.retryAfterMs });
        break;
      }
      if (outcomes.size === 0) throw error;
      if (error instanceof RequestRefusedError) {
        for (const [key] of batch) {
          outcomes.set(key, { outcome: 'rejected', code: error.code, message: error.message, fields: [] });
        }
        continue;
      }
      // Nothing of this batch was written, but the outcomes of earlier ones must reach the caller.
      waiting.unshift(batch);
      stop({ outcome: 'retry', code: error.name, retryAfterMs: waitAfter(error) });
    }
  }
  return outcomes;
}

function unanswered(): WriteOutcome {
  return { outcome: 'unknown', message: 'the answer does not mention this object' };
}

function waitAfter(error: SyncError): number {
  if (error instanceof RateLimitedError || error instanceof SystemUnavailableError) return error.retryAfterMs;
  return error instanceof AuthRejectedError ? AUTH_RETRY_MS : LEFT_OVER_RETRY_MS;
}

export function batchesOf<Item>(items: readonly Item[], sizeMax: number): Item[][] {
  const batches: Item[][] = [];
  for (let start = 0; start < items.length; start += sizeMax) batches.push(items.slice(start, start + sizeMax));
  return batches;
}
