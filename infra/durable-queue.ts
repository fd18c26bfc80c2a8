import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** A queue, and where its messages end that nobody could handle. */
export interface DurableQueue {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
}

/** @param consumerTimeout - of the function that the queue feeds. */
export function durableQueue(scope: Construct, id: string, consumerTimeout: Duration): DurableQueue {
  const deadLetters = deadLetterQueue(scope, `${id}DeadLetters`);
  const queue = new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14), // a CRM that is down for days loses nothing
    // Six timeouts, as Lambda advises: a throttled batch must not reappear while it is in hand.
    visibilityTimeout: Duration.seconds(6 * consumerTimeout.toSeconds()),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: 5 },
  });
  return { queue, deadLetterQueue: deadLetters };
}

/** The end of the line: what lies here waits for a person, and an alarm says so. */
export function deadLetterQueue(scope: Construct, id: string): Queue {
  const queue = new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14), // the SQS maximum
  });
  const reason = 'It is a dead-letter queue itself; an alarm rings as soon as it holds anything.';
  Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason }, { id: 'Serverless-SQSRedrivePolicy', reason });
  return queue;
}
