import * as z from 'zod';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

/** How often a function that was invoked by an event is tried. */
export interface AsyncRetry {
  readonly attemptsMax: number;
  readonly ageSecondsMax: number;
}

/** Lambda's defaults: docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
const DEFAULT_RETRY: AsyncRetry = { attemptsMax: 3, ageSecondsMax: 21_600 };

const configSchema = z.strictObject({
  FunctionName: z.string(),
  Qualifier: z.literal('$LATEST', { error: 'versions and aliases are not run here' }),
  MaximumRetryAttempts: z.coerce.number().int().min(0).max(2).optional(),
  MaximumEventAgeInSeconds: z.coerce.number().int().min(60).max(21_600).optional(),
});

/**
 * What the template's event invoke configs say, by the function's name.
 *
 * The retry policy of a rule's target is another thing: it is about events that never reached the function, which always do here.
 */
export function asyncRetries(template: LocalTemplate): (functionName: string) => AsyncRetry {
  const configs = template.ofType('AWS::Lambda::EventInvokeConfig').map(({ logicalId, properties }) => {
    const parsed = configSchema.safeParse(properties);
    if (parsed.success) return parsed.data;
    throw new TemplateError(`${logicalId} is not run here as it stands: ${z.prettifyError(parsed.error)}`);
  });
  return (functionName) => {
    const config = configs.find((candidate) => candidate.FunctionName === functionName);
    return {
      attemptsMax: config?.MaximumRetryAttempts === undefined ? DEFAULT_RETRY.attemptsMax : config.MaximumRetryAttempts + 1,
      ageSecondsMax: config?.MaximumEventAgeInSeconds ?? DEFAULT_RETRY.ageSecondsMax,
    };
  };
}
