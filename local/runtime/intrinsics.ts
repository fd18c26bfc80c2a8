import * as z from 'zod';
import { TemplateError } from './template-error.ts';

/** What the names in a template stand for. Each throws a TemplateError naming `place` when it knows no such name. */
export interface TemplateNames {
  readonly pseudo: Readonly<Record<string, string>>;
  reference(name: string, place: string): unknown;
  attribute(logicalId: string, name: string, place: string): string;
}

const getAttSchema = z.union([z.tuple([z.string(), z.string()]), z.string()]);
const joinSchema = z.tuple([z.string(), z.unknown()]);
const subSchema = z.union([z.string(), z.tuple([z.string(), z.record(z.string(), z.unknown())])]);
const selectSchema = z.tuple([z.coerce.number().int().nonnegative(), z.unknown()]);
const splitSchema = z.tuple([z.string(), z.unknown()]);

/** Chains of references are short; a longer one goes in a circle. */
const DEPTH_MAX = 100;
/** CloudFormation would read these from Secrets Manager or Parameter Store while it deploys. */
const DYNAMIC_REFERENCE = '{{resolve:';

/**
 * Evaluates Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select, Fn::Split and the pseudo parameters. A property that comes to
 * AWS::NoValue is left out.
 *
 * docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 *
 * @returns a function of a value and the place where it stands, which throws a TemplateError naming that place.
 */
export function resolver(names: TemplateNames): (value: unknown, place: string) => unknown {
  let depth = 0;

  function reference(name: string, place: string): unknown {
    if (name === 'AWS::NoValue') return undefined;
    const pseudo = names.pseudo[name];
    if (pseudo !== undefined) return pseudo;
    if (name.startsWith('AWS::'))
      throw new TemplateError(`${place}: the embedded AWS does not know the pseudo parameter ${name}.`);
    return names.reference(name, place);
  }

  function attribute(dotted: string, place: string): string {
    const dot = dotted.indexOf('.');
    if (dot < 1) throw new TemplateError(`${place}: Fn::GetAtt needs a resource and an attribute, not ${dotted}.`);
    return names.attribute(dotted.slice(0, dot), dotted.slice(dot + 1), place);
  }

  function list(value: unknown, place: string): unknown[] {
    const resolved = resolve(value, place);
    if (Array.isArray(resolved)) return resolved;
    throw new TemplateError(`${place}: there must be a list.`);
  }

  function substituted(text: string, variables: Record<string, unknown>, place: string): string {
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal !== '') return `\${${name}}`;
      if (Object.hasOwn(variables, name)) return asText(resolve(variables[name], `${place}.${name}`), place);
      return name.includes('.') ? attribute(name, place) : asText(reference(name, place), place);
    });
  }

  function intrinsic(name: string, given: unknown, place: string): unknown {
    switch (name) {
      case 'Ref':
        return reference(shaped(z.string(), given, place), place);
      case 'Fn::GetAtt': {
        const target = shaped(getAttSchema, given, place);
        return attribute(typeof target === 'string' ? target : target.join('.'), place);
      }
      case 'Fn::Join': {
        const [separator, parts] = shaped(joinSchema, given, place);
        return list(parts, place)
          .map((part) => asText(part, place))
          .join(separator);
      }
      case 'Fn::Sub': {
        const sub = shaped(subSchema, given, place);
        const [text, variables] = typeof sub === 'string' ? [sub, {}] : sub;
        return substituted(text, variables, place);
      }
      case 'Fn::Select': {
        const [index, from] = shaped(selectSchema, given, place);
        const values = list(from, place);
        if (index < values.length) return values[index];
        throw new TemplateError(`${place}: there is no value ${index} in a list of ${values.length}.`);
      }
      case 'Fn::Split': {
        const [separator, from] = shaped(splitSchema, given, place);
        return asText(resolve(from, place), place).split(separator);
      }
      default:
        throw new TemplateError(
          `${place}: the embedded AWS does not evaluate ${name}. Write the value with Ref, Fn::GetAtt, Join, Sub, Select or Split, or teach local/runtime/intrinsics.ts.`,
        );
    }
  }

  function resolve(value: unknown, place: string): unknown {
    if (typeof value === 'string' && value.includes(DYNAMIC_REFERENCE))
      throw new TemplateError(`${place} is a dynamic reference (${DYNAMIC_REFERENCE}...}}), which only CloudFormation looks up.`);
    if (typeof value !== 'object' || value === null) return value;
    if (++depth > DEPTH_MAX) throw new TemplateError(`${place}: the references go in a circle.`);
    try {
      if (Array.isArray(value))
        return value.map((one, index) => resolve(one, `${place}[${index}]`)).filter((one) => one !== undefined);
      const entries = Object.entries(value);
      const [only] = entries;
      if (only !== undefined && entries.length === 1 && isIntrinsic(only[0]))
        return intrinsic(only[0], only[1], `${place}.${only[0]}`);
      const resolved = entries.map(([key, one]): [string, unknown] => [key, resolve(one, `${place}.${key}`)]);
      return Object.fromEntries(resolved.filter(([, one]) => one !== undefined));
    } finally {
      depth--;
    }
  }

  return resolve;
}

const isIntrinsic = (key: string): boolean => key === 'Ref' || key.startsWith('Fn::');

function shaped<T>(schema: z.ZodType<T>, given: unknown, place: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new TemplateError(`${place} is not formed as CloudFormation wants it: ${z.prettifyError(parsed.error)}`);
}

function asText(value: unknown, place: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TemplateError(`${place}: only texts and numbers can be put together.`);
}
