import type { ResourceText } from './assembly.ts';

/** Calls a service through the gateway as an SDK would, without loading one. */
const CALL = `
const call = async (target, body) => {
  const response = await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: { 'x-amz-target': target, authorization: 'AWS4-HMAC-SHA256 Credential=' + process.env.AWS_ACCESS_KEY_ID + '/local' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.__type + ': ' + answer.message);
  return answer;
};
`;

/** HTTP -> queue -> function -> table -> stream -> function, and a rule on a partner's bus that sends to the queue. */
export const SMALL_BUNDLES: Readonly<Record<string, string>> = {
  receive: `${CALL}
export const handler = async (event) => {
  const { MessageId } = await call('AmazonSQS.SendMessage', { QueueUrl: process.env.QUEUE_URL, MessageBody: event.body });
  return { statusCode: 202, body: JSON.stringify({ MessageId }) };
};`,
  work: `${CALL}
export const handler = async ({ Records }) => {
  const batchItemFailures = [];
  for (const { messageId, body } of Records) {
    const event = JSON.parse(body);
    const { id, slowMs = 0 } = event.detail ?? event;
    if (id === 'poison') { batchItemFailures.push({ itemIdentifier: messageId }); continue; }
    await new Promise((resolve) => setTimeout(resolve, slowMs));
    console.log('working on ' + id);
    await call('DynamoDB_20120810.PutItem', { TableName: process.env.TABLE, Item: { id: { S: id }, state: { S: 'written' } } });
  }
  return { batchItemFailures };
};`,
  project: `${CALL}
export const handler = async ({ Records }) => {
  for (const { dynamodb } of Records) {
    const { id } = dynamodb.Keys;
    await call('DynamoDB_20120810.UpdateItem', { TableName: process.env.TABLE, Key: { id },
      UpdateExpression: 'SET #state = :projected', ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':projected': { S: 'projected' } } });
  }
};`,
};

const role = (...statements: object[]): ResourceText => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {},
    Policies: [{ PolicyName: 'All', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
  },
});
const allow = (Action: string[], Resource: unknown): object => ({ Effect: 'Allow', Action, Resource });
const attribute = (id: string, name: string): object => ({ 'Fn::GetAtt': [id, name] });
const lambda = (bundle: string, roleId: string, more: object = {}): ResourceText => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: `${bundle}.zip` },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: attribute(roleId, 'Arn'),
    Timeout: 10,
    ...more,
  },
});

export const PARTNER_BUS = 'aws.partner/salesforce.com/00D000000000001AAA/0YL000000000001AAA';

export const SMALL_RESOURCES: Readonly<Record<string, ResourceText>> = {
  Dead: { Type: 'AWS::SQS::Queue' },
  Work: {
    Type: 'AWS::SQS::Queue',
    Properties: {
      VisibilityTimeout: 60,
      RedrivePolicy: { deadLetterTargetArn: attribute('Dead', 'Arn'), maxReceiveCount: 2 },
    },
  },
  Table: {
    Type: 'AWS::DynamoDB::GlobalTable',
    Properties: {
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      Replicas: [{ Region: { Ref: 'AWS::Region' } }],
    },
  },
  ReceiveRole: role(allow(['sqs:SendMessage'], attribute('Work', 'Arn'))),
  Receive: lambda('receive', 'ReceiveRole', { Environment: { Variables: { QUEUE_URL: { Ref: 'Work' } } } }),
  WorkRole: role(allow(['dynamodb:PutItem'], attribute('Table', 'Arn'))),
  Worker: lambda('work', 'WorkRole', { Environment: { Variables: { TABLE: { Ref: 'Table' } } } }),
  ProjectRole: role(allow(['dynamodb:UpdateItem'], attribute('Table', 'Arn'))),
  Project: lambda('project', 'ProjectRole', { Environment: { Variables: { TABLE: { Ref: 'Table' } } } }),
  FromQueue: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: attribute('Work', 'Arn'),
      FunctionName: { Ref: 'Worker' },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    },
  },
  FromStream: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: attribute('Table', 'StreamArn'),
      FunctionName: { Ref: 'Project' },
      StartingPosition: 'TRIM_HORIZON',
      FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"NewImage":{"state":{"S":["written"]}}}}' }] },
    },
  },
  Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'Small', ProtocolType: 'HTTP' } },
  Stage: {
    Type: 'AWS::ApiGatewayV2::Stage',
    Properties: { ApiId: { Ref: 'Api' }, StageName: '$default', AutoDeploy: true },
  },
  Integration: {
    Type: 'AWS::ApiGatewayV2::Integration',
    Properties: {
      ApiId: { Ref: 'Api' },
      IntegrationType: 'AWS_PROXY',
      IntegrationUri: attribute('Receive', 'Arn'),
      PayloadFormatVersion: '2.0',
    },
  },
  Route: {
    Type: 'AWS::ApiGatewayV2::Route',
    Properties: {
      ApiId: { Ref: 'Api' },
      RouteKey: 'POST /things',
      Target: { 'Fn::Join': ['/', ['integrations', { Ref: 'Integration' }]] },
    },
  },
  Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: PARTNER_BUS, EventSourceName: PARTNER_BUS } },
  FromPartner: {
    Type: 'AWS::Events::Rule',
    Properties: {
      EventBusName: { Ref: 'Bus' },
      EventPattern: { source: [PARTNER_BUS] },
      Targets: [{ Id: 'Queue', Arn: attribute('Work', 'Arn') }],
    },
  },
  Token: {
    Type: 'AWS::SecretsManager::Secret',
    Properties: { Name: 'small/token', GenerateSecretString: { GenerateStringKey: 'token', SecretStringTemplate: '{}' } },
  },
};
