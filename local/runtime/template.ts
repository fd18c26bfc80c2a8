import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { eventBusArn, type LocalAccount, queueArn, queueUrl, secretArn, streamArn, tableArn } from '../aws/local-account.ts';

const resourceSchema = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
});
const templateSchema = z.looseObject({
  Resources: z.record(z.string(), resourceSchema),
  Parameters: z.record(z.string(), z.looseObject({ Default: z.unknown().optional() })).default({}),
  Conditions: z.record(z.string(), z.unknown()).optional(),
});

export interface TemplateResource {
  readonly logicalId: string;
  readonly type: string;
  /** With every intrinsic function resolved. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A synthesised template as this machine sees it: names, ARNs and URLs are the embedded AWS's. */
export interface LocalTemplate {
  readonly stackName: string;
  readonly resources: readonly TemplateResource[];
  ofType(...types: string[]): TemplateResource[];
  /** The name a resource goes by at its service. */
  nameOf(logicalId: string): string;
  arnOf(logicalId: string): string;
  /** The directory of a staged asset, by the key under which it would be uploaded. */
  assetDir(s3Key: string): string;
}

/** The template holds something that the embedded AWS would have to guess at. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** @throws TemplateError naming the resource and the place when something cannot be resolved. */
export function loadTemplate(options: {
  assemblyDir: string;
  stackName: string;
  account: LocalAccount;
  gatewayUrl: string;
}): LocalTemplate {
  const { assemblyDir, stackName, account, gatewayUrl } = options;
  const file = path.join(assemblyDir, `${stackName}.template.json`);
  const template = templateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (Object.keys(template.Conditions ?? {}).length > 0) {
    throw new TemplateError(
      'The template has Conditions, which the embedded AWS does not evaluate: decide in code, at synthesis.',
    );
  }
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::Region': account.region,
    'AWS::AccountId': account.accountId,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stackName,
    'AWS::StackId': `arn:aws:cloudformation:${account.region}:${account.accountId}:stack/${stackName}/local`,
  };

  const raw = (logicalId: string, place: string) => {
    const resource = template.Resources[logicalId];
    if (resource === undefined) throw new TemplateError(`${place}: there is no resource ${logicalId} in the template.`);
    return resource;
  };
  const named = (logicalId: string, property: string, lengthMax: number): string => {
    const given = resolve(raw(logicalId, logicalId).Properties[property], `${logicalId}.${property}`);
    return typeof given === 'string' ? given : `${stackName}-${logicalId}`.slice(0, lengthMax);
  };
  const nameOf = (logicalId: string): string => {
    switch (raw(logicalId, logicalId).Type) {
      case 'AWS::SQS::Queue':
        return named(logicalId, 'QueueName', 80);
      case 'AWS::DynamoDB::GlobalTable':
      case 'AWS::DynamoDB::Table':
        return named(logicalId, 'TableName', 255);
      case 'AWS::Lambda::Function':
        return named(logicalId, 'FunctionName', 64);
      case 'AWS::SecretsManager::Secret':
      case 'AWS::Events::EventBus':
        return named(logicalId, 'Name', 256);
      case 'AWS::Logs::LogGroup':
        return named(logicalId, 'LogGroupName', 512);
      default:
        return `${stackName}-${logicalId}`;
    }
  };
  const arnOf = (logicalId: string): string => {
    const name = nameOf(logicalId);
    const arn = (service: string, rest: string) => `arn:aws:${service}:${account.region}:${account.accountId}:${rest}`;
    switch (raw(logicalId, logicalId).Type) {
      case 'AWS::SQS::Queue':
        return queueArn(account, name);
      case 'AWS::DynamoDB::GlobalTable':
      case 'AWS::DynamoDB::Table':
        return tableArn(account, name);
      case 'AWS::Lambda::Function':
        return arn('lambda', `function:${name}`);
      case 'AWS::SecretsManager::Secret':
        return secretArn(account, name);
      case 'AWS::Events::EventBus':
        return eventBusArn(account, name);
      case 'AWS::Logs::LogGroup':
        return arn('logs', `log-group:${name}:*`);
      case 'AWS::IAM::Role':
        return `arn:aws:iam::${account.accountId}:role/${name}`;
      case 'AWS::SNS::Topic':
        return arn('sns', name);
      default:
        return arn('local', name);
    }
  };
  const reference = (logicalId: string, place: string): unknown => {
    const known = pseudo[logicalId];
    if (known !== undefined) return known;
    if (logicalId === 'AWS::NoValue') return undefined;
    const parameter = template.Parameters[logicalId];
    if (parameter !== undefined) return parameter.Default;
    switch (raw(logicalId, place).Type) {
      case 'AWS::SQS::Queue':
        return queueUrl(gatewayUrl, account, nameOf(logicalId));
      case 'AWS::SecretsManager::Secret':
      case 'AWS::SNS::Topic':
        return arnOf(logicalId);
      case 'AWS::ApiGatewayV2::Api':
      case 'AWS::ApiGatewayV2::Integration':
        return logicalId;
      default:
        return nameOf(logicalId);
    }
  };
  const attribute = (logicalId: string, name: string, place: string): string => {
    raw(logicalId, place);
    if (name === 'Arn' || name === 'TopicArn') return arnOf(logicalId);
    if (name === 'StreamArn') return streamArn(account, nameOf(logicalId));
    if (name === 'QueueName' || name === 'Name') return nameOf(logicalId);
    if (name === 'QueueUrl') return queueUrl(gatewayUrl, account, nameOf(logicalId));
    if (name === 'ApiEndpoint') return 'http://127.0.0.1';
    throw new TemplateError(`${place}: the embedded AWS has no attribute ${name} of ${raw(logicalId, place).Type}.`);
  };

  function resolve(value: unknown, place: string): unknown {
    if (Array.isArray(value))
      return value.map((one, index) => resolve(one, `${place}.${index}`)).filter((one) => one !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [only] = entries;
    if (entries.length === 1 && only !== undefined && (only[0] === 'Ref' || only[0].startsWith('Fn::')))
      return intrinsic(only[0], only[1], place);
    return Object.fromEntries(
      entries.map(([key, one]) => [key, resolve(one, `${place}.${key}`)]).filter(([, one]) => one !== undefined),
    );
  }

  function intrinsic(name: string, argument: unknown, place: string): unknown {
    const list = Array.isArray(argument) ? argument : [argument];
    switch (name) {
      case 'Ref':
        return reference(String(argument), place);
      case 'Fn::GetAtt': {
        const [logicalId, ...rest] = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
        return attribute(logicalId ?? '', rest.join('.'), place);
      }
      case 'Fn::Join': {
        const parts = resolve(list[1], place);
        return Array.isArray(parts) ? parts.join(String(list[0])) : String(parts);
      }
      case 'Fn::Select': {
        const parts = resolve(list[1], place);
        return Array.isArray(parts) ? parts[Number(list[0])] : undefined;
      }
      case 'Fn::Split':
        return String(resolve(list[1], place)).split(String(list[0]));
      case 'Fn::Sub': {
        const local: unknown = resolve(list[1] ?? {}, place);
        return String(list[0]).replace(/\$\{([^}!]+)\}/g, (_, key: string) => {
          if (typeof local === 'object' && local !== null && key in local) return String(Reflect.get(local, key));
          const [logicalId = '', ...rest] = key.split('.');
          return String(rest.length > 0 ? attribute(logicalId, rest.join('.'), place) : reference(key, place));
        });
      }
      default:
        throw new TemplateError(`${place}: the embedded AWS does not evaluate ${name}.`);
    }
  }

  const resources = Object.entries(template.Resources).map(([logicalId, { Type: type, Properties }]): TemplateResource => {
    const properties = resolve(Properties, logicalId);
    return { logicalId, type, properties: z.record(z.string(), z.unknown()).parse(properties) };
  });
  return {
    stackName,
    resources,
    ofType: (...types) => resources.filter((resource) => types.includes(resource.type)),
    nameOf,
    arnOf,
    assetDir: (s3Key) => path.join(assemblyDir, `asset.${s3Key.replace(/\.zip$/, '')}`),
  };
}
