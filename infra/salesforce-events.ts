import { Duration } from 'aws-cdk-lib';
import { EventBus, Match, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Alarms } from './alarms.ts';
import { deadLetterQueue } from './durable-queue.ts';

export interface SalesforceEventsProps {
  /** Name of the partner event source; the bus that takes its events must bear the same name. */
  readonly eventSourceName: string;
  /** Contact, Account, Shipment__c. */
  readonly objects: readonly string[];
  readonly changes: IQueue;
  readonly alarms: Alarms;
}

/** Change events of Salesforce's Event Relay. EventBridge is durable itself, so no function stands before the queue. */
export class SalesforceEvents extends Construct {
  readonly queuesByName: Readonly<Record<string, Queue>>;

  constructor(scope: Construct, id: string, props: SalesforceEventsProps) {
    super(scope, id);
    const bus = new EventBus(this, 'Bus', {
      eventSourceName: props.eventSourceName,
      description: "Salesforce's change events, relayed",
    });
    const undeliverable = deadLetterQueue(this, 'Undeliverable');
    this.queuesByName = { 'salesforce-events-undeliverable': undeliverable };
    new Rule(this, 'Changes', {
      eventBus: bus,
      description: 'Change events of the synced objects, to the changes queue of Salesforce',
      eventPattern: {
        source: Match.prefix('aws.partner/salesforce.com/'),
        detailType: props.objects.map(changeEventOf),
      },
      targets: [
        new SqsQueue(props.changes, {
          // The most that EventBridge offers, stated: the relay does not repeat what it has handed over.
          maxEventAge: Duration.hours(24),
          retryAttempts: 185,
          deadLetterQueue: undeliverable,
        }),
      ],
    });
    props.alarms.deadLetters(
      'SalesforceEvents',
      undeliverable,
      'change-events-undeliverable',
      'Change events that EventBridge could not put into the changes queue',
    );
    props.alarms.changeEventsMissing('salesforce');
  }
}

/** `Contact` is announced as ContactChangeEvent, `Shipment__c` as Shipment__ChangeEvent. */
export function changeEventOf(object: string): string {
  return object.endsWith('__c') ? `${object.slice(0, -1)}ChangeEvent` : `${object}ChangeEvent`;
}
