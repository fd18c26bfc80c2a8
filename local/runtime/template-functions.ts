import { existsSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import type { Gateway } from '../aws/gateway.ts';
import type { FunctionSpec } from './functions.ts';
import { concurrencyOf, sqsMapping } from './sqs-event-source.ts';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

/** Instances for callers that nothing else bounds: routes and rules. */
const INSTANCES_DEFAULT = 4;

const functionSchema = z.object({
  Code: z.strictObject({ S3Bucket: z.unknown(), S3Key: z.string() }),
  Handler: z.string().regex(/^[^.]+\.[^.]+$/, { error: 'must be <file>.<export>' }),
  Runtime: z.string().startsWith('nodejs', { error: 'only Node.js runs here' }),
  Role: z.string(),
  Timeout: z.coerce.number().int().min(1).max(900).default(3), // seconds
  MemorySize: z.coerce.number().int().min(128).max(10_240).default(128),
  ReservedConcurrentExecutions: z.coerce.number().int().min(1, { error: '0 would let it never run' }).optional(),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.coerce.string()) }).default({ Variables: {} }),
});

/** The template's functions, each with the environment that leads its SDK to the gateway, and with its role's rights there. */
export function templateFunctions(template: LocalTemplate, around: { gateway: Gateway; region: string }): FunctionSpec[] {
  return template.ofType('AWS::Lambda::Function').map(({ logicalId, properties }) => {
    const parsed = functionSchema.safeParse(properties);
    if (!parsed.success) throw new TemplateError(`${logicalId} is not run here as it stands: ${z.prettifyError(parsed.error)}`);
    const { Code, Handler, Role, Timeout, MemorySize, ReservedConcurrentExecutions, Environment } = parsed.data;
    const name = template.nameOf(logicalId);
    const arn = template.arnOf(logicalId);
    const [module = '', handler = ''] = Handler.split('.');
    const accessKey = `FN${logicalId}`;
    around.gateway.admit(accessKey, { name: logicalId, documents: policiesOf(template, logicalId, Role) });
    return {
      logicalId,
      name,
      arn,
      entry: entryOf(logicalId, template.assetDir(Code.S3Key), module),
      handler,
      timeoutMs: Timeout * 1_000,
      memoryMb: MemorySize,
      instancesMax: ReservedConcurrentExecutions ?? instancesOf(template, name, arn),
      environment: {
        ...Environment.Variables,
        AWS_REGION: around.region,
        AWS_DEFAULT_REGION: around.region,
        AWS_ACCESS_KEY_ID: accessKey,
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_SESSION_TOKEN: 'local',
        AWS_ENDPOINT_URL: around.gateway.url,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        TZ: 'UTC',
      },
    };
  });
}

function entryOf(logicalId: string, dir: string, module: string): string {
  const candidates = ['.mjs', '.js', '.cjs'].map((extension) => path.resolve(dir, module + extension));
  const entry = candidates.find((candidate) => existsSync(candidate));
  if (entry !== undefined) return entry;
  throw new TemplateError(`${logicalId}: there is no ${module}.mjs in ${dir}: synthesise again.`);
}

const sourceSchema = z.object({ EventSourceArn: z.string(), FunctionName: z.string() });

/** As many as its event sources ask for at once, and some for its other callers. */
function instancesOf(template: LocalTemplate, name: string, arn: string): number {
  const wanted = template.ofType('AWS::Lambda::EventSourceMapping').flatMap(({ logicalId, properties }) => {
    const { EventSourceArn, FunctionName } = sourceSchema.parse(properties);
    if (FunctionName !== name && FunctionName !== arn) return [];
    return [EventSourceArn.includes(':sqs:') ? concurrencyOf(sqsMapping(logicalId, properties)) : 1];
  });
  const calledOtherwise = template
    .ofType('AWS::ApiGatewayV2::Integration', 'AWS::Events::Rule')
    .some(({ properties }) => JSON.stringify(properties).includes(`"${arn}"`));
  const bySources = wanted.reduce((sum, instances) => sum + instances, 0);
  return wanted.length === 0 || calledOtherwise ? bySources + INSTANCES_DEFAULT : bySources;
}

const roleSchema = z.object({
  Policies: z.array(z.object({ PolicyDocument: z.unknown() })).default([]),
  ManagedPolicyArns: z.array(z.string()).default([]),
});
const policySchema = z.object({ PolicyDocument: z.unknown(), Roles: z.array(z.string()).default([]) });
/** Only the right to write log lines, which needs none here. */
const LOGGING_POLICY = /AWSLambdaBasicExecutionRole$/;

function policiesOf(template: LocalTemplate, functionId: string, roleArn: string): unknown[] {
  const role = template.ofType('AWS::IAM::Role').find((candidate) => template.arnOf(candidate.logicalId) === roleArn);
  if (role === undefined) throw new TemplateError(`The role ${roleArn} of ${functionId} is none of this template.`);
  const { Policies: inline, ManagedPolicyArns: managed } = roleSchema.parse(role.properties);
  const unknownPolicy = managed.find((arn) => !LOGGING_POLICY.test(arn));
  if (unknownPolicy !== undefined)
    throw new TemplateError(
      `${role.logicalId} uses ${unknownPolicy}, whose statements are not known here: write the grants out.`,
    );
  const roleName = template.nameOf(role.logicalId);
  const attached = template.ofType('AWS::IAM::Policy').map(({ properties }) => policySchema.parse(properties));
  return [...inline, ...attached.filter((policy) => policy.Roles.includes(roleName))].map((policy) => policy.PolicyDocument);
}
