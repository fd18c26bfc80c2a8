import type * as z from 'zod';
import { AwsError } from './aws-error.ts';

/** One request of AWS's JSON protocols, its body parsed as JSON and nothing more. */
export interface JsonCall {
  readonly operation: string;
  readonly body: unknown;
  /** Where the caller reached us: queue URLs must lead there again. */
  readonly gatewayUrl: string;
  /** Aborted when the caller hangs up. */
  readonly gone: () => AbortSignal;
}

/** A service's answer to a call. @throws AwsError for what AWS would refuse. */
export type JsonApi = (call: JsonCall) => Promise<object>;

/** @throws AwsError `ValidationException` naming the first wrong member. */
export function parseRequest<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: ${issue?.path.join('.') || 'request'}: ${issue?.message}`,
  );
}
