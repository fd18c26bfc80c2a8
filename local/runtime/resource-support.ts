import type { LocalTemplate, TemplateResource } from './template.ts';
import { TemplateError } from './template-error.ts';

/** How far a resource type is carried out here. */
type Support =
  /** Run, with these properties; another property could change behaviour, so it stops the start. */
  | { readonly runs: readonly string[]; readonly ignores?: Readonly<Record<string, string>> }
  /** Has no part in running the system on one machine. */
  | { readonly skipped: string };

const DESCRIPTIVE = 'describes or labels, changes no behaviour';
const LABELS = { Description: DESCRIPTIVE, Tags: DESCRIPTIVE } as const;

const TABLE = [
  'TableName',
  'AttributeDefinitions',
  'KeySchema',
  'BillingMode',
  'GlobalSecondaryIndexes',
  'LocalSecondaryIndexes',
  'StreamSpecification',
  'TimeToLiveSpecification',
] as const;
const NOT_ABOUT_ANSWERS = {
  SSESpecification: 'nothing leaves this machine',
  PointInTimeRecoverySpecification: 'the data directory can be copied',
  DeletionProtectionEnabled: 'nothing is deleted but by hand',
} as const;

/** The one place that says what the embedded AWS runs, and why not the rest. */
const SUPPORT: Readonly<Record<string, Support>> = {
  'AWS::Lambda::Function': {
    runs: [
      'Code',
      'Handler',
      'Runtime',
      'Environment',
      'Timeout',
      'MemorySize',
      'Role',
      'FunctionName',
      'ReservedConcurrentExecutions',
    ],
    ignores: {
      ...LABELS,
      EphemeralStorage: 'functions write to the temporary directory of this machine',
      Architectures: 'bundles hold no native code',
      LoggingConfig: 'log lines go to the control API',
      TracingConfig: 'there is no X-Ray',
    },
  },
  'AWS::Lambda::EventSourceMapping': {
    runs: [
      'EventSourceArn',
      'FunctionName',
      'BatchSize',
      'MaximumBatchingWindowInSeconds',
      'FunctionResponseTypes',
      'ScalingConfig',
      'StartingPosition',
      'FilterCriteria',
      'BisectBatchOnFunctionError',
      'MaximumRetryAttempts',
      'MaximumRecordAgeInSeconds',
      'DestinationConfig',
      'Enabled',
    ],
    ignores: { ...LABELS, ParallelizationFactor: 'a local stream has one shard, read in order: the strictest case' },
  },
  'AWS::Lambda::EventInvokeConfig': {
    runs: ['FunctionName', 'MaximumRetryAttempts', 'MaximumEventAgeInSeconds', 'Qualifier'],
  },
  'AWS::SQS::Queue': {
    runs: [
      'QueueName',
      'VisibilityTimeout',
      'DelaySeconds',
      'MaximumMessageSize',
      'MessageRetentionPeriod',
      'ReceiveMessageWaitTimeSeconds',
      'RedrivePolicy',
    ],
    ignores: {
      ...LABELS,
      RedriveAllowPolicy: 'says which queues may send dead letters; only those of the template can',
      SqsManagedSseEnabled: 'nothing leaves this machine',
      KmsMasterKeyId: 'nothing leaves this machine',
    },
  },
  'AWS::DynamoDB::Table': { runs: TABLE, ignores: { ...LABELS, ...NOT_ABOUT_ANSWERS } },
  'AWS::DynamoDB::GlobalTable': {
    runs: TABLE,
    ignores: { ...NOT_ABOUT_ANSWERS, Replicas: 'one region; point-in-time recovery and deletion protection have no counterpart' },
  },
  'AWS::SecretsManager::Secret': {
    runs: ['Name', 'GenerateSecretString', 'SecretString'],
    ignores: { ...LABELS, KmsKeyId: 'nothing leaves this machine' },
  },
  'AWS::Events::EventBus': { runs: ['Name', 'EventSourceName'], ignores: LABELS },
  'AWS::Events::Rule': {
    runs: ['EventPattern', 'ScheduleExpression', 'State', 'Targets', 'EventBusName', 'Name'],
    ignores: LABELS,
  },
  'AWS::ApiGatewayV2::Api': {
    runs: ['ProtocolType', 'Name'],
    ignores: { ...LABELS, DisableExecuteApiEndpoint: 'there is one endpoint' },
  },
  'AWS::ApiGatewayV2::Route': { runs: ['ApiId', 'RouteKey', 'Target', 'AuthorizationType'] },
  'AWS::ApiGatewayV2::Integration': {
    runs: ['ApiId', 'IntegrationType', 'IntegrationUri', 'PayloadFormatVersion', 'TimeoutInMillis'],
  },
  'AWS::ApiGatewayV2::Stage': {
    runs: ['ApiId', 'StageName', 'AutoDeploy', 'DefaultRouteSettings'],
    ignores: { ...LABELS, AccessLogSettings: 'there is one caller, on this machine' },
  },
  'AWS::IAM::Role': { runs: ['AssumeRolePolicyDocument', 'Policies', 'ManagedPolicyArns', 'RoleName'], ignores: LABELS },
  'AWS::IAM::Policy': { runs: ['PolicyDocument', 'PolicyName', 'Roles'] },
  'AWS::Lambda::Permission': { skipped: 'says who may invoke a function; here only what the template wires together can' },
  'AWS::SQS::QueuePolicy': {
    skipped: 'refuses plain HTTP and lets EventBridge send; here every caller is on the loopback interface',
  },
  'AWS::CloudWatch::Alarm': { skipped: 'there is no CloudWatch; the metrics are in the log lines' },
  'AWS::CloudWatch::Dashboard': { skipped: 'there is no CloudWatch' },
  'AWS::Logs::LogGroup': { skipped: 'log lines go to the control API' },
  'AWS::SNS::Topic': { skipped: 'only alarms publish to it' },
  'AWS::SNS::TopicPolicy': { skipped: 'only alarms publish to the topic' },
  'AWS::SNS::Subscription': { skipped: 'only alarms publish to the topic' },
  'AWS::CDK::Metadata': { skipped: 'the CDK’s own statistics' },
};

/** What of the template is run, and what is not and why. */
export interface SupportReport {
  readonly run: readonly { readonly type: string; readonly count: number }[];
  readonly skipped: readonly { readonly type: string; readonly count: number; readonly reason: string }[];
  /** Properties without effect here, of resources that are run. */
  readonly ignored: readonly { readonly type: string; readonly property: string; readonly reason: string }[];
}

/**
 * Holds a template against what the embedded AWS carries out.
 *
 * @throws TemplateError listing every resource type and property that it would have to pass over in silence.
 */
export function checkSupport(template: LocalTemplate): SupportReport {
  const faults = template.resources.flatMap(faultsOf);
  if (faults.length > 0) {
    throw new TemplateError(
      `The embedded AWS cannot run this template as it stands:\n${faults.map((fault) => `  - ${fault}`).join('\n')}\nTeach local/runtime/resource-support.ts (and what runs it) about them, or take them out of the stack.`,
    );
  }
  const run: { type: string; count: number }[] = [];
  const skipped: { type: string; count: number; reason: string }[] = [];
  const ignored: { type: string; property: string; reason: string }[] = [];
  for (const type of [...new Set(template.resources.map((resource) => resource.type))].sort()) {
    const resources = template.ofType(type);
    const support = SUPPORT[type];
    if (support === undefined) continue; // refused above
    if ('skipped' in support) {
      skipped.push({ type, count: resources.length, reason: support.skipped });
      continue;
    }
    run.push({ type, count: resources.length });
    for (const [property, reason] of Object.entries(support.ignores ?? {}))
      if (resources.some(({ properties }) => property in properties)) ignored.push({ type, property, reason });
  }
  return { run, skipped, ignored };
}

function faultsOf({ logicalId, type, properties }: TemplateResource): string[] {
  const support = SUPPORT[type];
  if (support === undefined) return [`${logicalId} is of type ${type}, which is not known here`];
  if ('skipped' in support) return [];
  return Object.keys(properties)
    .filter((name) => !support.runs.includes(name) && support.ignores?.[name] === undefined)
    .map((name) => `${logicalId} (${type}) has ${name}, which is not known here`);
}
