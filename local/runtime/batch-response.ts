import * as z from 'zod';

const responseSchema = z.object({
  batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish(),
});

/**
 * Reads what a function with ReportBatchItemFailures answered.
 *
 * No answer, an empty one and an empty list mean success. A malformed answer, an empty identifier and one that is not in the
 * batch fail all of it. docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html and services-ddb-batchfailurereporting.html
 *
 * @returns the identifiers that failed, or 'all'.
 */
export function failedItems(answer: unknown, batch: readonly string[]): ReadonlySet<string> | 'all' {
  if (answer === null || answer === undefined) return new Set();
  const parsed = responseSchema.safeParse(answer);
  if (!parsed.success) return 'all';
  const failed = (parsed.data.batchItemFailures ?? []).map((failure) => failure.itemIdentifier);
  const known = new Set(batch);
  return failed.every((identifier) => known.has(identifier)) ? new Set(failed) : 'all';
}
