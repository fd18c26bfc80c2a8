import { Duration, Validations } from 'aws-cdk-lib';
import { Rule, type RuleProps } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

/**
 * How to call a function whose next run does all that a lost one would have done: never again, and not late.
 * A minute is the shortest age that Lambda and EventBridge take.
 */
export const EXPENDABLE = { maxEventAge: Duration.minutes(1), retryAttempts: 0 } as const;

/** Calls `fn` by schedule or event, once each. */
export function runExpendably(
  scope: Construct,
  id: string,
  fn: IFunction,
  on: Pick<RuleProps, 'description' | 'schedule' | 'eventPattern'>,
): void {
  const rule = new Rule(scope, id, { ...on, targets: [new LambdaTarget(fn, EXPENDABLE)] });
  Validations.of(rule).acknowledge({
    id: 'Serverless-EventBusDLQ',
    reason: 'A lost run needs no replay: the next one does the same and more.',
  });
}
