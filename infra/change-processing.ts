import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import { durableQueue } from './durable-queue.ts';
import type { RecordTable } from './record-table.ts';
import { idPrefix, type SystemName } from './systems.ts';

export interface ChangeProcessingProps {
  readonly ground: FunctionGround;
  readonly system: SystemName;
  readonly records: RecordTable;
  readonly secret: ISecret;
  /** Batches decided on at once. */
  readonly concurrency: number;
}

/** Hints of one system: read the objects, decide, commit. */
export class ChangeProcessing extends Construct {
  readonly queue: Queue;
  readonly queuesByName: Readonly<Record<string, Queue>>;

  constructor(scope: Construct, id: string, props: ChangeProcessingProps) {
    super(scope, id);
    const { system, records, secret, ground } = props;
    const timeout = Duration.seconds(60); // room for a slow read of the CRM and three rounds of a contended record
    const { queue, deadLetterQueue } = durableQueue(this, 'Changes', timeout);
    this.queue = queue;
    this.queuesByName = { [`${system}-changes`]: queue, [`${system}-changes-dead-letters`]: deadLetterQueue };
    const fn = concordFunction(this, `Process${idPrefix(system)}`, ground, {
      name: 'process-changes',
      description: `Decides on what changed in ${system}`,
      timeout,
      memoryMb: 1024, // deciding on a drained backlog is work for the processor
      environment: {
        CONCORD_SYSTEM: system,
        CONCORD_TABLE: records.table.tableName,
        CHANGES_QUEUE_URL: queue.queueUrl,
        CONNECTION_SECRET_ARN: secret.secretArn,
      },
    });
    fn.addEventSource(
      new SqsEventSource(queue, {
        batchSize: 10, // the most without a batching window; a full batch drains more by itself
        reportBatchItemFailures: true,
        maxConcurrency: props.concurrency,
      }),
    );
    records.grant(fn, 'process-changes');
    allow(fn, ['secretsmanager:GetSecretValue'], [secret.secretArn]);
    allow(fn, ['sqs:SendMessage'], [queue.queueArn]); // a read that could not be believed yet is put back
    const alarms = ground.alarms;
    alarms.quarantined(system);
    alarms.deadLetters(`${idPrefix(system)}Changes`, deadLetterQueue, 'changes-given-up', `Changes of ${system}`);
    alarms.delayed(`${idPrefix(system)}Changes`, queue, 'changes-delayed', `the changes of ${system}`, Duration.minutes(15));
  }
}
