import * as z from 'zod';
import type { AccessRequest } from './iam.ts';
import { parseRequest } from './json-api.ts';
import { leadingKeys, type PartitionKeyOf } from './leading-keys.ts';
import { eventBusArn, indexArn, type LocalAccount, queueArn, queueNameOf, secretArn, tableArn } from './local-account.ts';
import { readStatement } from './partiql.ts';

export type ServiceName = 'dynamodb' | 'dynamodbstreams' | 'sqs' | 'events' | 'secretsmanager';

export interface AccessContext {
  readonly account: LocalAccount;
  readonly partitionKeyOf: PartitionKeyOf;
}

const tablePartSchema = z.object({ TableName: z.string(), IndexName: z.string().optional() });
const dynamoSchema = z.object({
  TableName: z.string().optional(),
  IndexName: z.string().optional(),
  RequestItems: z.record(z.string(), z.unknown()).optional(),
  TransactItems: z.array(z.record(z.string(), tablePartSchema.loose())).optional(),
  Statement: z.string().optional(),
  Statements: z.array(z.looseObject({ Statement: z.string() })).optional(),
  TransactStatements: z.array(z.looseObject({ Statement: z.string() })).optional(),
});
/** What a part of a transaction asks of IAM: docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html */
const TRANSACTION_ACTIONS: Readonly<Record<string, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
  Get: 'GetItem',
};
const queueRequestSchema = z.object({
  QueueUrl: z.string().optional(),
  QueueName: z.string().optional(),
  SourceArn: z.string().optional(),
  DestinationArn: z.string().optional(),
});
const putEventsSchema = z.object({ Entries: z.array(z.object({ EventBusName: z.string().optional() })) });
const secretRequestSchema = z.object({ SecretId: z.string().optional() });
const streamRequestSchema = z.object({ StreamArn: z.string().optional() });

/**
 * What a call needs leave for: each action on each resource it names.
 *
 * @throws AwsError ValidationException when the body does not name them as the service documents.
 */
export function accessRequests(service: ServiceName, operation: string, body: unknown, context: AccessContext): AccessRequest[] {
  switch (service) {
    case 'dynamodb':
      return dynamoRequests(operation, parseRequest(dynamoSchema, body), body, context);
    case 'dynamodbstreams':
      return [{ action: `dynamodb:${operation}`, resource: parseRequest(streamRequestSchema, body).StreamArn ?? '*' }];
    case 'sqs':
      return queueRequests(operation, parseRequest(queueRequestSchema, body), context.account);
    case 'events':
      return eventRequests(operation, body, context.account);
    case 'secretsmanager': {
      const { SecretId } = parseRequest(secretRequestSchema, body);
      const arn = SecretId === undefined ? '*' : SecretId.startsWith('arn:') ? SecretId : secretArn(context.account, SecretId);
      return [{ action: `secretsmanager:${operation}`, resource: arn }];
    }
  }
}

function dynamoRequests(
  operation: string,
  request: z.infer<typeof dynamoSchema>,
  body: unknown,
  context: AccessContext,
): AccessRequest[] {
  const { account, partitionKeyOf } = context;

  function onTable(action: string, tableName: string, indexName: string | undefined, part: unknown): AccessRequest {
    return {
      action: `dynamodb:${action}`,
      resource: indexName === undefined ? tableArn(account, tableName) : indexArn(account, tableName, indexName),
      conditionValues: (key) => {
        if (key === 'dynamodb:LeadingKeys') return leadingKeys(part, tableName, partitionKeyOf);
        if (key === 'dynamodb:EnclosingOperation' && request.TransactItems !== undefined) return [operation];
        return undefined;
      },
    };
  }
  const byStatement = (part: { Statement: string }): AccessRequest => {
    const { verb, tableName, indexName } = readStatement(part.Statement);
    return onTable(`PartiQL${verb}`, tableName, indexName, part);
  };

  if (request.TransactItems !== undefined) {
    return request.TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, part]) => onTable(TRANSACTION_ACTIONS[kind] ?? kind, part.TableName, undefined, part)),
    );
  }
  const statements = request.Statements ?? request.TransactStatements;
  if (statements !== undefined) return statements.map(byStatement);
  if (request.Statement !== undefined) return [byStatement({ Statement: request.Statement, ...(isObject(body) ? body : {}) })];
  if (request.RequestItems !== undefined) {
    return Object.entries(request.RequestItems).map(([tableName, part]) => onTable(operation, tableName, undefined, part));
  }
  if (request.TableName !== undefined) return [onTable(operation, request.TableName, request.IndexName, body)];
  return [{ action: `dynamodb:${operation}`, resource: '*' }];
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function queueRequests(operation: string, request: z.infer<typeof queueRequestSchema>, account: LocalAccount): AccessRequest[] {
  // A batch needs the leave of its single form: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
  const action = `sqs:${operation.replace(/Batch$/, '')}`;
  if (operation === 'StartMessageMoveTask' && request.SourceArn !== undefined) {
    const resource = request.SourceArn;
    const onSource = ['StartMessageMoveTask', 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'];
    const toDestination =
      request.DestinationArn === undefined ? [] : [{ action: 'sqs:SendMessage', resource: request.DestinationArn }];
    return [...onSource.map((name) => ({ action: `sqs:${name}`, resource })), ...toDestination];
  }
  if (request.SourceArn !== undefined) return [{ action, resource: request.SourceArn }];
  const name = request.QueueUrl === undefined ? request.QueueName : queueNameOf(request.QueueUrl);
  return [{ action, resource: name === undefined ? '*' : queueArn(account, name) }];
}

function eventRequests(operation: string, body: unknown, account: LocalAccount): AccessRequest[] {
  const action = `events:${operation}`;
  if (operation !== 'PutEvents') return [{ action, resource: '*' }];
  const buses = new Set(parseRequest(putEventsSchema, body).Entries.map(({ EventBusName = 'default' }) => EventBusName));
  return [...buses].map((bus) => ({ action, resource: bus.startsWith('arn:') ? bus : eventBusArn(account, bus) }));
}
