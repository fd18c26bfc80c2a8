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
  { method: HttpMethod.GET, path: '/guards', access: 'iam' },
  { method: HttpMethod.POST, path: '/guards/{stopId}/approve', access: 'iam' },
  { method: HttpMethod.POST, path: '/guards/{stopId}/resume', access: 'iam' },
  { method: HttpMethod.POST, path: '/guards/{stopId}/keep', access: 'iam' },
  { method: HttpMethod.POST, path: '/syncs/{sync}/pause', access: 'iam' },
  { method: HttpMethod.POST, path: '/syncs/{sync}/resume', access: 'iam' },
  { method: HttpMethod.POST, path: '/records/{id}/unfreeze', access: 'iam' },
  { method: HttpMethod.GET, path: '/quarantine', access: 'iam' },
  { method: HttpMethod.GET, path: '/quarantine/{system}/{objectId}', access: 'iam' },
  { method: HttpMethod.POST, path: '/quarantine/{system}/{objectId}/release', access: 'iam' },
  { method: HttpMethod.POST, path: '/quarantine/{system}/{objectId}/discard', access: 'iam' },
  { method: HttpMethod.GET, path: '/schema', access: 'iam' },
  { method: HttpMethod.POST, path: '/schema/{sync}/{system}/accept', access: 'iam' },
];

/** What an operator sees and may do: read, ask for a poll, and say what the guards may let pass. It holds no credentials of a CRM. */
export class OperatorApi extends Construct {
  constructor(scope: Construct, id: string, props: OperatorApiProps) {
    super(scope, id);
    const { ground, frontDoor, records, queues } = props;
    const stack = Stack.of(this);
    const fn = concordFunction(this, 'OperatorApi', ground, {
      name: 'operator-api',
      description: 'Shows records, conflicts, queues and guards; starts polls, ends stops',
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
    // An object that an operator has ruled on is read again: the hint goes the way of all others.
    allow(
      fn,
      ['sqs:SendMessage'],
      Object.entries(queues).flatMap(([name, queue]) => (name.endsWith('-changes') ? [queue.queueArn] : [])),
    );
    allow(fn, ['events:PutEvents'], [stack.formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' })]);
    frontDoor.add('OperatorApi', fn, routes);
  }
}
