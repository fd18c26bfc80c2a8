import { Duration, Stack } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-events';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import { EXPENDABLE, runExpendably } from './expendable-run.ts';
import type { RecordTable } from './record-table.ts';
import { type BySystem, bySystem, idPrefix, type SystemName, systemNames } from './systems.ts';

export interface ChangePollingProps {
  readonly ground: FunctionGround;
  readonly system: SystemName;
  readonly everyMinutes: number;
  readonly records: RecordTable;
  readonly secret: ISecret;
  /** Of all systems: a first sync announces its matches to both sides. */
  readonly changes: BySystem<IQueue>;
}

/** Lists what changed in one system: what no webhook or event announced is found here, and the first sync starts here. */
export class ChangePolling extends Construct {
  constructor(scope: Construct, id: string, props: ChangePollingProps) {
    super(scope, id);
    const { system, everyMinutes, records, secret, changes } = props;
    const fn = concordFunction(this, `Poll${idPrefix(system)}`, props.ground, {
      name: 'poll-changes',
      description: `Lists what changed in ${system}`,
      timeout: Duration.minutes(5), // a page after another within it; the cursor holds what is left
      memoryMb: 1024, // a first sync holds all that it matches: 430 MB for 200,000 objects
      environment: {
        CONCORD_SYSTEM: system,
        CONCORD_TABLE: records.table.tableName,
        CHANGES_QUEUE_URLS: Stack.of(this).toJsonString(bySystem((name) => changes[name].queueUrl)),
        CONNECTION_SECRET_ARN: secret.secretArn,
      },
      asynchronous: EXPENDABLE, // the next poll lists the same and more
    });
    records.grant(fn, 'poll-changes');
    allow(fn, ['secretsmanager:GetSecretValue'], [secret.secretArn]);
    allow(
      fn,
      ['sqs:SendMessage'],
      systemNames.map((name) => changes[name].queueArn),
    );
    runExpendably(this, 'Schedule', fn, {
      description: `Polls ${system}`,
      schedule: Schedule.rate(Duration.minutes(everyMinutes)),
    });
    runExpendably(this, 'Requested', fn, {
      description: `Polls ${system} now: an operator asked for it`,
      eventPattern: {
        source: ['concord'],
        detailType: ['PollRequested'],
        detail: { systems: [system, { exists: false }] }, // names this system, or names none
      },
    });
    props.ground.alarms.pollingStale(system, everyMinutes);
    props.ground.alarms.fieldsPaused(system, everyMinutes);
  }
}
