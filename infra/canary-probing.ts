import { Duration } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-events';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import { EXPENDABLE, runExpendably } from './expendable-run.ts';
import type { RecordTable } from './record-table.ts';
import { idPrefix, type SystemName } from './systems.ts';

export interface CanaryProbingProps {
  readonly ground: FunctionGround;
  readonly system: SystemName;
  readonly records: RecordTable;
  readonly secret: ISecret;
}

/** Proves every hour that one system is the one it was and that the sync reaches it, and tells of stops as long as they stand. */
export class CanaryProbing extends Construct {
  constructor(scope: Construct, id: string, props: CanaryProbingProps) {
    super(scope, id);
    const { ground, system, records, secret } = props;
    const fn = concordFunction(this, `Probe${idPrefix(system)}`, ground, {
      name: 'probe-canaries',
      description: `Writes and awaits the canaries of ${system}, and tells which of its guards have stopped`,
      timeout: Duration.minutes(1),
      memoryMb: 512, // it mostly waits for the CRM
      environment: {
        CONCORD_SYSTEM: system,
        CONCORD_TABLE: records.table.tableName,
        CONNECTION_SECRET_ARN: secret.secretArn,
      },
      asynchronous: EXPENDABLE, // the next run does what this one would have done
    });
    records.grant(fn, 'probe-canaries');
    allow(fn, ['secretsmanager:GetSecretValue'], [secret.secretArn]);
    runExpendably(this, 'Schedule', fn, {
      description: `Probes the canaries of ${system}`,
      schedule: Schedule.rate(Duration.minutes(15)), // a token written at one run has to have arrived by the next
    });
    ground.alarms.writesStopped(system);
    ground.alarms.canaryLate(system);
  }
}
