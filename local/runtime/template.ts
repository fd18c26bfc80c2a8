import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { type LocalAccount, tableArn } from '../aws/local-account.ts';
import { resolver } from './intrinsics.ts';
import { type PhysicalValues, physicalValues } from './physical-values.ts';
import { TemplateError } from './template-error.ts';

const resourceSchema = z.object({
  Type: z.string().min(1),
  Properties: z.record(z.string(), z.unknown()).default({}),
  Condition: z.string().optional(),
});
const templateSchema = z.object({
  Resources: z.record(z.string(), resourceSchema),
  Parameters: z.record(z.string(), z.object({ Type: z.string(), Default: z.unknown().optional() })).default({}),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown() })).default({}),
  Conditions: z.record(z.string(), z.unknown()).default({}),
  Transform: z.unknown().optional(),
});
type RawTemplate = z.infer<typeof templateSchema>;
const propertiesSchema = z.record(z.string(), z.unknown());

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
  readonly outputs: Readonly<Record<string, unknown>>;
  ofType(...types: string[]): TemplateResource[];
  /** The name a resource goes by at its service. */
  nameOf(logicalId: string): string;
  arnOf(logicalId: string): string;
  /** The directory of a staged asset, by the key under which it would be uploaded. */
  assetDir(s3Key: string): string;
}

export interface TemplateOptions {
  /** Of `cdk synth`: `<stackName>.template.json`, and the assets as `asset.<hash>`. */
  readonly assemblyDir: string;
  readonly stackName: string;
  readonly account: LocalAccount;
  readonly gatewayUrl: string;
  readonly apiUrl: string;
}

/** @throws TemplateError naming the resource and the place when something cannot be resolved. */
export function loadTemplate(options: TemplateOptions): LocalTemplate {
  const { assemblyDir, stackName, account } = options;
  const file = path.join(assemblyDir, `${stackName}.template.json`);
  const template = readTemplate(file);
  refuseWhatOnlyCloudFormationDoes(template, file);

  const known = new Map<string, PhysicalValues>();
  function physical(logicalId: string, place: string): PhysicalValues {
    const before = known.get(logicalId);
    if (before !== undefined) return before;
    const resource = template.Resources[logicalId];
    if (resource === undefined)
      throw new TemplateError(`${place} names ${logicalId}, which is neither a resource nor a parameter of the template.`);
    const property = (name: string): unknown => resolve(resource.Properties[name], placeOf(logicalId, name));
    const values = physicalValues({ logicalId, type: resource.Type, property }, options);
    known.set(logicalId, values);
    return values;
  }

  const resolve = resolver({
    pseudo: {
      'AWS::Region': account.region,
      'AWS::AccountId': account.accountId,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': stackName,
      'AWS::StackId': `arn:aws:cloudformation:${account.region}:${account.accountId}:stack/${stackName}/local`,
    },
    reference(name, place) {
      const parameter = template.Parameters[name];
      return parameter === undefined ? physical(name, place).ref : defaultOf(name, parameter, place);
    },
    attribute(logicalId, name, place) {
      const value = physical(logicalId, place).attributes[name];
      if (value !== undefined) return value;
      throw new TemplateError(
        `${place}: the embedded AWS does not know the attribute ${name} of ${logicalId} (${template.Resources[logicalId]?.Type}): teach local/runtime/physical-values.ts.`,
      );
    },
  });

  const resources = Object.entries(template.Resources).map(
    ([logicalId, { Type: type, Properties }]): TemplateResource => ({
      logicalId,
      type,
      properties: propertiesSchema.parse(resolve(Properties, placeOf(logicalId))),
    }),
  );
  const outputs = Object.entries(template.Outputs).map(([name, { Value }]) => [name, resolve(Value, `Outputs.${name}.Value`)]);
  return {
    stackName,
    resources,
    outputs: Object.fromEntries(outputs),
    ofType: (...types) => resources.filter((resource) => types.includes(resource.type)),
    nameOf: (logicalId) => physical(logicalId, placeOf(logicalId)).name,
    arnOf: (logicalId) => physical(logicalId, placeOf(logicalId)).arn,
    assetDir: (s3Key) => path.join(assemblyDir, `asset.${s3Key.replace(/\.zip$/, '')}`),
  };
}

const placeOf = (logicalId: string, property?: string): string =>
  `Resources.${logicalId}.Properties${property === undefined ? '' : `.${property}`}`;

function readTemplate(file: string): RawTemplate {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TemplateError(`There is no template ${file}: synthesise first, and check the stack's name.`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new TemplateError(`${file} is not JSON: synthesise again.`, { cause: error });
  }
  const parsed = templateSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new TemplateError(`${file} is no CloudFormation template: ${z.prettifyError(parsed.error)}`);
}

function refuseWhatOnlyCloudFormationDoes({ Resources, Conditions, Transform }: RawTemplate, file: string): void {
  if (Transform !== undefined)
    throw new TemplateError(`${file} uses Transform, which only CloudFormation carries out: write the resources out.`);
  const conditional = Object.entries(Resources).find(([, resource]) => resource.Condition !== undefined);
  if (conditional !== undefined) {
    const [logicalId, { Type, Condition }] = conditional;
    throw new TemplateError(
      `${logicalId} (${Type}) has the Condition ${Condition}, which the embedded AWS does not evaluate: decide in code, at synthesis.`,
    );
  }
  const [condition] = Object.keys(Conditions);
  if (condition !== undefined)
    throw new TemplateError(
      `The template has Conditions (${condition}), which the embedded AWS does not evaluate: decide in code, at synthesis.`,
    );
}

function defaultOf(name: string, parameter: { Type: string; Default?: unknown }, place: string): unknown {
  if (parameter.Default === undefined)
    throw new TemplateError(`${place} names the parameter ${name}, which has no Default: give it one, or write the value out.`);
  if (parameter.Type.startsWith('AWS::SSM::'))
    throw new TemplateError(`${place} names the parameter ${name}, whose value lies in Parameter Store: write the value out.`);
  return parameter.Default;
}

/** The table whose stream this is; undefined for another ARN. */
export function tableOfStream(streamArn: string, account: LocalAccount): string | undefined {
  const prefix = tableArn(account, '');
  const [name, kind] = streamArn.slice(prefix.length).split('/');
  return streamArn.startsWith(prefix) && kind === 'stream' ? name : undefined;
}
