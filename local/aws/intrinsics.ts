import * as z from 'zod';
import type { LocalAccount } from './local-account.ts';
import { type LocalEndpoints, type PhysicalValues, physicalValues } from './physical-values.ts';
import type { Json, Resource, Template } from './template.ts';

/** A template's values once its resources exist. */
export interface ResolvedTemplate {
  readonly template: Template;
  physical(logicalId: string): PhysicalValues;
  /** The resource's properties without any intrinsic. */
  properties(resource: Resource): Record<string, unknown>;
  readonly outputs: Readonly<Record<string, string>>;
}

const getAttSchema = z.union([
  z.tuple([z.string(), z.string()]),
  z.string().transform((text): [string, string] => {
    const dot = text.indexOf('.');
    return [text.slice(0, dot), text.slice(dot + 1)];
  }),
]);
const joinSchema = z.tuple([z.string(), z.json()]);
const subSchema = z.union([
  z.string().transform((text): [string, Record<string, Json>] => [text, {}]),
  z.tuple([z.string(), z.record(z.string(), z.json())]),
]);
const selectSchema = z.tuple([z.coerce.number().int().nonnegative(), z.json()]);
const splitSchema = z.tuple([z.string(), z.json()]);

/** Stands for AWS::NoValue: the property is not there. */
const NOTHING = Symbol('AWS::NoValue');

/** Chains of references are short; a longer one goes in a circle. */
const DEPTH_MAX = 100;

/**
 * Evaluates Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select, Fn::Split and the pseudo parameters.
 *
 * docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 *
 * @throws Error (also from its methods) naming the place and what to do, on any other intrinsic and on a reference to nothing.
 */
export function resolveTemplate(template: Template, account: LocalAccount, endpoints: LocalEndpoints): ResolvedTemplate {
  const known = new Map<string, PhysicalValues>();
  let depth = 0;
  const pseudo: Readonly<Record<string, string | typeof NOTHING>> = {
    'AWS::Region': account.region,
    'AWS::AccountId': account.accountId,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': template.stackName,
    'AWS::StackId': `arn:aws:cloudformation:${account.region}:${account.accountId}:stack/${template.stackName}/local`,
    'AWS::NoValue': NOTHING,
  };

  function physical(id: string, at = `Resources.${id}`): PhysicalValues {
    const before = known.get(id);
    if (before !== undefined) return before;
    const resource = template.resources.get(id);
    if (resource === undefined)
      throw new Error(`${at} refers to ${id}, which is neither a resource nor a parameter of the template`);
    if (++depth > DEPTH_MAX) throw new Error(`${at}: the references of ${id} go in a circle`);
    const resolve = (value: Json, property: string) => evaluate(value, `Resources.${id}.Properties.${property}`);
    const values = physicalValues(resource, { account, stackName: template.stackName, endpoints, resolve });
    depth--;
    known.set(id, values);
    return values;
  }

  function reference(id: string, at: string): string | typeof NOTHING {
    const value = pseudo[id] ?? (template.resources.has(id) ? undefined : template.parameterDefaults[id]);
    if (value !== undefined) return value;
    if (id.startsWith('AWS::')) throw new Error(`${at}: the embedded AWS does not know the pseudo parameter ${id}`);
    return physical(id, at).ref;
  }

  function attribute(id: string, name: string, at: string): string {
    const value = physical(id, at).attributes[name];
    if (value !== undefined) return value;
    const type = template.resources.get(id)?.type;
    throw new Error(
      `${at}: the embedded AWS does not know the attribute ${name} of ${id} (${type}): add it to local/aws/physical-values.ts`,
    );
  }

  function list(value: Json, at: string): unknown[] {
    const evaluated = evaluate(value, at);
    if (!Array.isArray(evaluated)) throw new Error(`${at} must be a list`);
    return evaluated;
  }

  function substitute(text: string, variables: Record<string, Json>, at: string): string {
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) => {
      if (escaped !== '') return `\${${name}}`;
      const given = variables[name];
      if (given !== undefined) return String(evaluate(given, `${at}.${name}`));
      const dot = name.indexOf('.');
      return dot < 0 ? textOf(reference(name, at), at) : attribute(name.slice(0, dot), name.slice(dot + 1), at);
    });
  }

  function intrinsic(name: string, given: Json, at: string): unknown {
    const place = `${at}.${name}`;
    switch (name) {
      case 'Ref':
        return reference(shaped(z.string(), given, place), place);
      case 'Fn::GetAtt': {
        const [id, attributeName] = shaped(getAttSchema, given, place);
        return attribute(id, attributeName, place);
      }
      case 'Fn::Join': {
        const [separator, parts] = shaped(joinSchema, given, place);
        return list(parts, place).join(separator);
      }
      case 'Fn::Sub': {
        const [text, variables] = shaped(subSchema, given, place);
        return substitute(text, variables, place);
      }
      case 'Fn::Select': {
        const [index, from] = shaped(selectSchema, given, place);
        const values = list(from, place);
        if (index >= values.length) throw new Error(`${place}: there is no value ${index} in a list of ${values.length}`);
        return values[index];
      }
      case 'Fn::Split': {
        const [separator, from] = shaped(splitSchema, given, place);
        return String(evaluate(from, place)).split(separator);
      }
      default:
        throw new Error(
          `${place}: the embedded AWS does not evaluate ${name}. It knows Ref and Fn::GetAtt, Join, Sub, Select and Split: write the value with these, or teach local/aws/intrinsics.ts.`,
        );
    }
  }

  function evaluate(value: Json, at: string): unknown {
    if (Array.isArray(value))
      return value.map((item, index) => evaluate(item, `${at}[${index}]`)).filter((item) => item !== NOTHING);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value);
    const [only] = entries;
    if (only !== undefined && entries.length === 1 && isIntrinsic(only[0])) return intrinsic(only[0], only[1], at);
    const evaluated = entries.map(([key, item]): [string, unknown] => [key, evaluate(item, `${at}.${key}`)]);
    return Object.fromEntries(evaluated.filter(([, item]) => item !== NOTHING));
  }

  return {
    template,
    physical,
    properties(resource) {
      const entries = Object.entries(resource.properties).map(([name, value]): [string, unknown] => [
        name,
        evaluate(value, `Resources.${resource.id}.Properties.${name}`),
      ]);
      return Object.fromEntries(entries.filter(([, value]) => value !== NOTHING));
    },
    outputs: Object.fromEntries(
      Object.entries(template.outputs).map(([name, value]) => [name, String(evaluate(value, `Outputs.${name}`))]),
    ),
  };
}

const isIntrinsic = (key: string): boolean => key === 'Ref' || key === 'Condition' || key.startsWith('Fn::');

function shaped<T>(schema: z.ZodType<T>, given: Json, at: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Error(`${at} is not formed as CloudFormation wants it: ${z.prettifyError(parsed.error)}`);
}

function textOf(value: string | typeof NOTHING, at: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${at}: AWS::NoValue cannot stand in a text`);
}
