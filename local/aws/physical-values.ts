import { eventBusArn, type LocalAccount, queueArn, queueUrl, secretArn, streamArn, tableArn } from './local-account.ts';
import type { Json, Resource } from './template.ts';

/** Where the embedded services listen: queue URLs and the API's endpoint carry it. */
export interface LocalEndpoints {
  readonly gatewayUrl: string;
  readonly apiUrl: string;
}

/** What `Ref` and `Fn::GetAtt` of one resource give once it exists. */
export interface PhysicalValues {
  readonly name: string;
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface PhysicalContext {
  readonly account: LocalAccount;
  readonly stackName: string;
  readonly endpoints: LocalEndpoints;
  /** Resolves a property, such as a name given in the template. */
  readonly resolve: (value: Json, property: string) => unknown;
}

/** Longest names that the services take. CloudFormation shortens too; the hash at the end of a CDK id must survive. */
const NAME_LENGTHS_MAX: Readonly<Record<string, number>> = {
  'AWS::SQS::Queue': 80,
  'AWS::Lambda::Function': 64,
  'AWS::Events::Rule': 64,
  'AWS::Scheduler::Schedule': 64,
  'AWS::IAM::Role': 64,
};
const ID_HASH_LENGTH = 8;

/** The property that names a resource, where the template may choose the name. */
const NAME_PROPERTIES: Readonly<Record<string, string>> = {
  'AWS::SQS::Queue': 'QueueName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::Events::Rule': 'Name',
  'AWS::Events::EventBus': 'Name',
  'AWS::Scheduler::Schedule': 'Name',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::IAM::Role': 'RoleName',
};

export const functionArn = (account: LocalAccount, name: string): string =>
  `arn:aws:lambda:${account.region}:${account.accountId}:function:${name}`;

/** The same template gives the same names at every start, so that data found from a former run still belongs to it. */
export function physicalValues(resource: Resource, context: PhysicalContext): PhysicalValues {
  const { account, endpoints } = context;
  const name = nameOf(resource, context);
  const arn = (service: string, rest: string) => `arn:aws:${service}:${account.region}:${account.accountId}:${rest}`;
  switch (resource.type) {
    case 'AWS::SQS::Queue': {
      const url = queueUrl(endpoints.gatewayUrl, account, name);
      return { name, ref: url, attributes: { Arn: queueArn(account, name), QueueName: name, QueueUrl: url } };
    }
    case 'AWS::DynamoDB::Table':
    case 'AWS::DynamoDB::GlobalTable':
      return { name, ref: name, attributes: { Arn: tableArn(account, name), StreamArn: streamArn(account, name) } };
    case 'AWS::Lambda::Function':
      return { name, ref: name, attributes: { Arn: functionArn(account, name) } };
    case 'AWS::Lambda::Version':
      return aliasOf(resource, context, '$LATEST');
    case 'AWS::Lambda::Alias':
      return aliasOf(resource, context, text(context, resource, 'Name'));
    case 'AWS::SecretsManager::Secret':
      return { name, ref: secretArn(account, name), attributes: { Id: secretArn(account, name) } };
    case 'AWS::Events::Rule':
      return { name, ref: name, attributes: { Arn: arn('events', `rule/${name}`) } };
    case 'AWS::Events::EventBus':
      return { name, ref: name, attributes: { Arn: eventBusArn(account, name), Name: name } };
    case 'AWS::Scheduler::Schedule':
      return { name, ref: name, attributes: { Arn: arn('scheduler', `schedule/default/${name}`) } };
    case 'AWS::ApiGatewayV2::Api':
      return { name, ref: 'local', attributes: { ApiEndpoint: endpoints.apiUrl, ApiId: 'local' } };
    case 'AWS::Logs::LogGroup':
      return { name, ref: name, attributes: { Arn: arn('logs', `log-group:${name}:*`) } };
    case 'AWS::SNS::Topic':
      return { name, ref: arn('sns', name), attributes: { TopicArn: arn('sns', name), TopicName: name } };
    case 'AWS::IAM::Role':
      return {
        name,
        ref: name,
        attributes: { Arn: `arn:aws:iam::${account.accountId}:role/${name}`, RoleId: `AROALOCAL${name}` },
      };
    case 'AWS::CloudWatch::Alarm':
      return { name, ref: name, attributes: { Arn: arn('cloudwatch', `alarm:${name}`) } };
    default:
      return { name, ref: name, attributes: {} };
  }
}

function nameOf(resource: Resource, context: PhysicalContext): string {
  const property = NAME_PROPERTIES[resource.type];
  const given = property === undefined ? undefined : resource.properties[property];
  if (property !== undefined && given !== undefined) {
    const name = context.resolve(given, property);
    if (typeof name === 'string' && name !== '') return name;
  }
  const long = `${context.stackName}-${resource.id}`;
  const max = NAME_LENGTHS_MAX[resource.type] ?? 255;
  return long.length <= max ? long : long.slice(0, max - ID_HASH_LENGTH) + long.slice(-ID_HASH_LENGTH);
}

function aliasOf(resource: Resource, context: PhysicalContext, qualifier: string): PhysicalValues {
  const functionName = text(context, resource, 'FunctionName');
  const unqualified = functionName.startsWith('arn:') ? functionName : functionArn(context.account, functionName);
  const ref = `${unqualified}:${qualifier}`;
  return { name: qualifier, ref, attributes: { FunctionArn: ref, AliasArn: ref, Version: qualifier } };
}

function text(context: PhysicalContext, resource: Resource, property: string): string {
  const value = context.resolve(resource.properties[property] ?? null, property);
  if (typeof value === 'string') return value;
  throw new Error(`Resources.${resource.id}.Properties.${property} of ${resource.type} must be a text`);
}
