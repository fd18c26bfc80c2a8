import { eventBusArn, type LocalAccount, queueArn, queueUrl, secretArn, streamArn, tableArn } from '../aws/local-account.ts';
import { TemplateError } from './template-error.ts';

/** What `Ref` and `Fn::GetAtt` of one resource give once it exists. */
export interface PhysicalValues {
  readonly name: string;
  readonly arn: string;
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface NamedResource {
  readonly logicalId: string;
  readonly type: string;
  /** A property, resolved. */
  property(name: string): unknown;
}

/** The property by which the template may choose a name, and the longest name that the service takes. */
const NAMES: Readonly<Record<string, { readonly property: string; readonly lengthMax: number }>> = {
  'AWS::SQS::Queue': { property: 'QueueName', lengthMax: 80 },
  'AWS::DynamoDB::Table': { property: 'TableName', lengthMax: 255 },
  'AWS::DynamoDB::GlobalTable': { property: 'TableName', lengthMax: 255 },
  'AWS::Lambda::Function': { property: 'FunctionName', lengthMax: 64 },
  'AWS::SecretsManager::Secret': { property: 'Name', lengthMax: 512 },
  'AWS::Events::Rule': { property: 'Name', lengthMax: 64 },
  'AWS::Events::EventBus': { property: 'Name', lengthMax: 256 },
  'AWS::Logs::LogGroup': { property: 'LogGroupName', lengthMax: 512 },
  'AWS::SNS::Topic': { property: 'TopicName', lengthMax: 256 },
  'AWS::IAM::Role': { property: 'RoleName', lengthMax: 64 },
};
const NAME_LENGTH_MAX = 255;
/** The hash at the end of a CDK id keeps a shortened name unique. */
const ID_HASH_LENGTH = 8;

/** The same template gives the same names at every start, so that data of a former run still belongs to it. */
export function physicalValues(
  resource: NamedResource,
  around: {
    readonly account: LocalAccount;
    readonly stackName: string;
    readonly gatewayUrl: string;
    readonly apiUrl: string;
  },
): PhysicalValues {
  const { account } = around;
  const name = nameOf(resource, around.stackName);
  const arnOf = (service: string, rest: string): string => `arn:aws:${service}:${account.region}:${account.accountId}:${rest}`;
  /** Most services: Ref is the name, and the ARN an attribute. */
  const named = (arn: string, attributes: Record<string, string> = {}): PhysicalValues => ({
    name,
    arn,
    ref: name,
    attributes: { Arn: arn, ...attributes },
  });
  switch (resource.type) {
    case 'AWS::SQS::Queue': {
      const url = queueUrl(around.gatewayUrl, account, name);
      return { ...named(queueArn(account, name), { QueueName: name, QueueUrl: url }), ref: url };
    }
    case 'AWS::DynamoDB::Table':
    case 'AWS::DynamoDB::GlobalTable':
      return named(tableArn(account, name), { StreamArn: streamArn(account, name) });
    case 'AWS::Lambda::Function':
      return named(arnOf('lambda', `function:${name}`));
    case 'AWS::SecretsManager::Secret': {
      const arn = secretArn(account, name);
      return { name, arn, ref: arn, attributes: { Id: arn } };
    }
    case 'AWS::Events::Rule':
      return named(arnOf('events', `rule/${name}`));
    case 'AWS::Events::EventBus':
      return named(eventBusArn(account, name), { Name: name });
    case 'AWS::ApiGatewayV2::Api': {
      const id = resource.logicalId;
      return { name, arn: arnOf('apigateway', `/apis/${id}`), ref: id, attributes: { ApiId: id, ApiEndpoint: around.apiUrl } };
    }
    case 'AWS::ApiGatewayV2::Integration':
      return { name, arn: '', ref: resource.logicalId, attributes: { IntegrationId: resource.logicalId } };
    case 'AWS::Logs::LogGroup':
      return named(arnOf('logs', `log-group:${name}:*`));
    case 'AWS::IAM::Role':
      return named(`arn:aws:iam::${account.accountId}:role/${name}`);
    case 'AWS::SNS::Topic': {
      const arn = arnOf('sns', name);
      return { name, arn, ref: arn, attributes: { TopicArn: arn, TopicName: name } };
    }
    case 'AWS::CloudWatch::Alarm':
      return named(arnOf('cloudwatch', `alarm:${name}`));
    default:
      return { name, arn: '', ref: name, attributes: {} };
  }
}

function nameOf({ logicalId, type, property }: NamedResource, stackName: string): string {
  const naming = NAMES[type];
  const given = naming === undefined ? undefined : property(naming.property);
  if (given !== undefined) {
    if (typeof given === 'string' && given !== '') return given;
    throw new TemplateError(`Resources.${logicalId}.Properties.${naming?.property} must be a text.`);
  }
  const whole = `${stackName}-${logicalId}`;
  const lengthMax = naming?.lengthMax ?? NAME_LENGTH_MAX;
  return whole.length <= lengthMax ? whole : whole.slice(0, lengthMax - ID_HASH_LENGTH) + whole.slice(-ID_HASH_LENGTH);
}
