import { Duration, Stack } from 'aws-cdk-lib';
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import type { FrontDoor, Route } from './front-door.ts';
import type { RecordTable } from './record-table.ts';

export interface OperatorApiProps {
  readonly ground: FunctionGround;
  readonly frontDoor: FrontDoor;
  readonly records: RecordTable;
  /** Every queue whose depth an operator wants to see, by the name it is shown under. */
  readonly queues: Readonly<Record<string, IQueue>>;
}

const routes: readonly Route[] = [
  {
    method: HttpMethod.GET,
    path: '/health',
    access: { open: 'Says only whether the API and its table answer, for uptime checks without credentials.' },
  },
  { method: HttpMethod.GET, path: '/stats', access: 'iam' },
  { method: HttpMethod.POST, path: '/syncs/{sync}/trigger', access: 'iam' },
  { method: HttpMethod.GET, path: '/records/{id}', access: 'iam' },
  { method: HttpMethod.GET, path: '/conflicts', access: 'iam' },
];

/** What an operator sees and may do: read, and ask for a poll. It holds no credentials of a CRM. */
export class OperatorApi extends Construct {
  constructor(scope: Construct, id: string, props: OperatorApiProps) {
    super(scope, id);
    const { ground, frontDoor, records, queues } = props;
    const stack = Stack.of(this);
    const fn = concordFunction(this, 'OperatorApi', ground, {
      name: 'operator-api',
      description: 'Shows records, conflicts and queues; starts polls',
      timeout: Duration.seconds(15), // API Gateway waits 30 s at most
      memoryMb: 512,
      environment: {
        CONCORD_TABLE: records.table.tableName,
        QUEUE_URLS: stack.toJsonString(Object.fromEntries(Object.entries(queues).map(([name, queue]) => [name, queue.queueUrl]))),
      },
    });
    records.grant(fn, 'operator-api');
    allow(
      fn,
      ['sqs:GetQueueAttributes'],
      Object.values(queues).map((queue) => queue.queueArn),
    );
    allow(fn, ['events:PutEvents'], [stack.formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' })]);
    frontDoor.add('OperatorApi', fn, routes);
  }
}
