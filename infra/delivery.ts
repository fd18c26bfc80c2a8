import { Duration, Stack } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { FilterCriteria, FilterRule, type Function as LambdaFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq, SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { TABLE } from '../shared/store/table.ts';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import { type DurableQueue, deadLetterQueue, durableQueue } from './durable-queue.ts';
import { EXPENDABLE, runExpendably } from './expendable-run.ts';
import type { RecordTable } from './record-table.ts';
import { type BySystem, bySystem, idPrefix, type SystemName, systemNames } from './systems.ts';

export interface DeliveryProps {
  readonly ground: FunctionGround;
  readonly records: RecordTable;
  readonly secrets: BySystem<ISecret>;
  /** What waited for an object goes on there when it is made. */
  readonly changes: BySystem<IQueue>;
  /** Batches written to one system at once. */
  readonly concurrency: number;
}

/** From commit to CRM: dispatch asks for deliveries, deliver makes them, sweep asks again for what stayed dirty. */
export class Delivery extends Construct {
  readonly queues: BySystem<DurableQueue>;
  /** Which batches of the stream were given up. Sweep asks for their deliveries again; their ledger lines need a person (docs/runbook.md). */
  readonly streamFailures: Queue;
  readonly queuesByName: Readonly<Record<string, Queue>>;
  readonly #props: DeliveryProps;

  constructor(scope: Construct, id: string, props: DeliveryProps) {
    super(scope, id);
    this.#props = props;
    this.queues = bySystem((system) => this.#deliverTo(system));
    this.streamFailures = deadLetterQueue(this, 'StreamFailures');
    this.queuesByName = {
      'salesforce-deliveries': this.queues.salesforce.queue,
      'salesforce-deliveries-dead-letters': this.queues.salesforce.deadLetterQueue,
      'hubspot-deliveries': this.queues.hubspot.queue,
      'hubspot-deliveries-dead-letters': this.queues.hubspot.deadLetterQueue,
      'stream-failures': this.streamFailures,
    };
    this.#dispatch();
    this.#sweep();
  }

  #deliverTo(system: SystemName): DurableQueue {
    const { ground, records, secrets, changes, concurrency } = this.#props;
    const timeout = Duration.seconds(60); // claim, verify, write, confirm; shorter than the lease of a claim
    const deliveries = durableQueue(this, `${idPrefix(system)}Deliveries`, timeout);
    const fn = concordFunction(this, `DeliverTo${idPrefix(system)}`, ground, {
      name: 'deliver-changes',
      description: `Makes ${system} hold what the records hold`,
      timeout,
      memoryMb: 1024, // the merge of what the verify read finds is work for the processor
      environment: {
        CONCORD_SYSTEM: system,
        CONCORD_TABLE: records.table.tableName,
        CHANGES_QUEUE_URL: changes[system].queueUrl,
        DELIVERY_QUEUE_URL: deliveries.queue.queueUrl,
        CONNECTION_SECRET_ARN: secrets[system].secretArn,
      },
    });
    fn.addEventSource(
      new SqsEventSource(deliveries.queue, { batchSize: 10, reportBatchItemFailures: true, maxConcurrency: concurrency }),
    );
    records.grant(fn, 'deliver-changes');
    allow(fn, ['secretsmanager:GetSecretValue'], [secrets[system].secretArn]);
    // Puts back what must wait, and has an object looked at whose parent it met.
    allow(fn, ['sqs:SendMessage'], [deliveries.queue.queueArn, changes[system].queueArn]);
    const alarms = ground.alarms;
    const what = `deliveries to ${system}`;
    alarms.deadLetters(`${idPrefix(system)}Deliveries`, deliveries.deadLetterQueue, 'deliveries-given-up', `Some ${what}`);
    alarms.delayed(`${idPrefix(system)}Deliveries`, deliveries.queue, 'deliveries-delayed', `the ${what}`, Duration.minutes(15));
    return deliveries;
  }

  #dispatch(): void {
    const { ground, records } = this.#props;
    const fn = concordFunction(this, 'Dispatch', ground, {
      name: 'dispatch-deliveries',
      description: 'Writes the ledger of what was committed, asks for its deliveries and wakes what waited for it',
      timeout: Duration.seconds(30),
      memoryMb: 512,
      environment: { CONCORD_TABLE: records.table.tableName, ...this.#queueUrls() },
    });
    fn.addEventSource(
      new DynamoEventSource(records.table, {
        startingPosition: StartingPosition.TRIM_HORIZON, // LATEST would lose what is committed while the mapping is made
        // Lambda's `exists` sees leaves only, so the filter goes down to the attribute's type.
        filters: [FilterCriteria.filter({ dynamodb: { NewImage: { [TABLE.outbox]: { S: FilterRule.exists() } } } })],
        batchSize: 100,
        maxBatchingWindow: Duration.seconds(0), // users wait for this
        bisectBatchOnError: true,
        retryAttempts: 50, // a queue that does not answer for a minute must not cost ledger lines
        maxRecordAge: Duration.hours(6), // by then sweep has asked again many times
        reportBatchItemFailures: true,
        onFailure: new SqsDlq(this.streamFailures),
      }),
    );
    records.grant(fn, 'dispatch-deliveries');
    this.#allowToAsk(fn);
    ground.alarms.deadLetters(
      'Dispatch',
      this.streamFailures,
      'stream-batches-given-up',
      'Batches of the stream that failed for good',
    );
    ground.alarms.streamDelayed('Dispatch', fn, Duration.minutes(5));
  }

  #sweep(): void {
    const { ground, records } = this.#props;
    const fn = concordFunction(this, 'Sweep', ground, {
      name: 'sweep-deliveries',
      description: 'Asks again for deliveries to links that stayed dirty, and looks at what waits for parents',
      timeout: Duration.minutes(2),
      memoryMb: 512,
      environment: {
        CONCORD_TABLE: records.table.tableName,
        ...this.#queueUrls(),
      },
      asynchronous: EXPENDABLE, // the next sweep asks for the same and more
    });
    runExpendably(this, 'SweepSchedule', fn, {
      description: 'Sweeps for deliveries that were lost',
      schedule: Schedule.rate(Duration.minutes(5)),
    });
    records.grant(fn, 'sweep-deliveries');
    this.#allowToAsk(fn);
  }

  #queueUrls(): Record<'CHANGES_QUEUE_URLS' | 'DELIVERY_QUEUE_URLS', string> {
    const stack = Stack.of(this);
    return {
      CHANGES_QUEUE_URLS: stack.toJsonString(bySystem((system) => this.#props.changes[system].queueUrl)),
      DELIVERY_QUEUE_URLS: stack.toJsonString(bySystem((system) => this.queues[system].queue.queueUrl)),
    };
  }

  #allowToAsk(fn: LambdaFunction): void {
    const arns = systemNames.flatMap((system) => [this.queues[system].queue.queueArn, this.#props.changes[system].queueArn]);
    allow(fn, ['sqs:SendMessage'], arns);
  }
}
