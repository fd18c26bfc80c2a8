import path from 'node:path';
import { type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Alarms } from './alarms.ts';
import type { FunctionName } from './function-bundle.ts';
import { metricsNamespace } from './metrics.ts';

/** What every function of the stack stands on. */
export interface FunctionGround {
  readonly bundleDirectory: string;
  readonly service: string;
  readonly logRetention: RetentionDays;
  readonly alarms: Alarms;
}

export interface ConcordFunctionProps {
  readonly name: FunctionName;
  readonly description: string;
  readonly timeout: Duration;
  /** Also its share of a processor: 1769 MB is one whole vCPU. */
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>>;
  /** How long an asynchronous call may wait, and how often it is repeated; only for functions that are called so. */
  readonly asynchronous?: { readonly maxEventAge: Duration; readonly retryAttempts: 0 | 1 | 2 };
}

/** A function with a role of its own that, to begin with, may do nothing but write its log. */
export function concordFunction(
  scope: Construct,
  id: string,
  ground: FunctionGround,
  props: ConcordFunctionProps,
): LambdaFunction {
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: ground.logRetention,
    removalPolicy: RemovalPolicy.DESTROY, // the ledger is the history; logs are for looking into faults
  });
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  logGroup.grantWrite(role);
  const fn = new LambdaFunction(scope, id, {
    description: props.description,
    code: Code.fromAsset(path.join(ground.bundleDirectory, props.name)),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: props.memoryMb,
    timeout: props.timeout,
    role,
    logGroup,
    environment: {
      ...props.environment,
      POWERTOOLS_SERVICE_NAME: ground.service,
      POWERTOOLS_METRICS_NAMESPACE: metricsNamespace,
      NODE_OPTIONS: '--enable-source-maps',
    },
    ...props.asynchronous,
  });
  const failuresGoElsewhere =
    'Queues redrive to their own dead letters, the stream has a failure queue, HTTP callers repeat, and the next scheduled run does what a lost one would have done.';
  Validations.of(fn).acknowledge(
    {
      id: 'Serverless-LambdaTracing',
      reason:
        'A correlation id runs through hint, commit, delivery and log instead; the tracer would add 40 ms to each cold start.',
    },
    { id: 'Serverless-LambdaDLQ', reason: failuresGoElsewhere },
    { id: 'Serverless-LambdaAsyncFailureDestination', reason: failuresGoElsewhere },
    { id: 'Serverless-LambdaEventSourceMappingDestination', reason: failuresGoElsewhere },
  );
  ground.alarms.functionErrors(id, fn, props.name);
  return fn;
}

/** Lets a function do `actions`, and nothing like them, on `resources`. */
export function allow(fn: LambdaFunction, actions: readonly string[], resources: readonly string[]): void {
  fn.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
}
