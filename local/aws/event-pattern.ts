import * as z from 'zod';

/** Judges one value of an event: undefined when the event has no such field. */
type ValueTest = (value: unknown) => boolean;
type EventTest = (event: unknown) => boolean;

const objectSchema = z.record(z.string(), z.unknown());
const textsSchema = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const scalarsSchema = z.union([
  z.union([z.string(), z.number(), z.boolean(), z.null()]).transform((one) => [one]),
  z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])),
]);
const numericSchema = z
  .array(z.union([z.string(), z.number()]))
  .min(2)
  .max(4);

/**
 * Compiles a pattern of EventBridge, which event source mappings use for their filters too.
 * docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 *
 * Known: exact values, `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but` (also of a prefix or suffix), `exists`,
 * `numeric`, nested fields, `$or`. A field that holds a list matches when one of its elements does.
 *
 * @throws Error on anything else: an unknown operator would silently never match.
 */
export function compileEventPattern(pattern: unknown): EventTest {
  const fields = objectSchema.parse(pattern);
  const tests = Object.entries(fields).map(([name, wanted]) => (name === '$or' ? anyPattern(wanted) : fieldTest(name, wanted)));
  return (event) => tests.every((test) => test(event));
}

function anyPattern(patterns: unknown): EventTest {
  const tests = z.array(objectSchema).min(2).parse(patterns).map(compileEventPattern);
  return (event) => tests.some((test) => test(event));
}

function fieldTest(name: string, wanted: unknown): EventTest {
  if (!Array.isArray(wanted)) {
    const nested = compileEventPattern(wanted);
    return (event) => elements(fieldOf(event, name)).some(nested);
  }
  const tests = wanted.map((matcher) => compileMatcher(matcher, name));
  return (event) => {
    const value = fieldOf(event, name);
    // An empty list has a field but no value; it counts as absent, as on AWS.
    const values = elements(value);
    return tests.some((test) => (values.length === 0 ? test(undefined) : values.some(test)));
  };
}

const elements = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

function fieldOf(event: unknown, name: string): unknown {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return undefined;
  return Object.hasOwn(event, name) ? Reflect.get(event, name) : undefined;
}

function compileMatcher(matcher: unknown, field: string): ValueTest {
  if (typeof matcher !== 'object' || matcher === null) return (value) => value === matcher;
  const [entry, ...more] = Object.entries(objectSchema.parse(matcher));
  if (entry === undefined || more.length > 0)
    throw new Error(`event pattern: ${field} has a matcher with none or several operators`);
  const [operator, operand] = entry;
  switch (operator) {
    case 'exists': {
      const wanted = z.boolean().parse(operand);
      return (value) => isLeaf(value) === wanted;
    }
    case 'prefix':
    case 'suffix':
      return endTest(operator, operand);
    case 'equals-ignore-case': {
      const wanted = z.string().parse(operand).toLowerCase();
      return (value) => typeof value === 'string' && value.toLowerCase() === wanted;
    }
    case 'wildcard': {
      const source = z
        .string()
        .parse(operand)
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*');
      const expression = new RegExp(`^${source}$`, 's');
      return (value) => typeof value === 'string' && expression.test(value);
    }
    case 'anything-but':
      return anythingBut(operand, field);
    case 'numeric':
      return numericTest(operand);
    default:
      throw new Error(
        `event pattern: ${field} uses ${operator}, which the embedded EventBridge does not know: teach local/aws/event-pattern.ts`,
      );
  }
}

/** `exists` looks at leaves: a nested object is none. */
const isLeaf = (value: unknown): boolean => value !== undefined && (typeof value !== 'object' || value === null);

function endTest(operator: 'prefix' | 'suffix', operand: unknown): ValueTest {
  const folded = z.object({ 'equals-ignore-case': z.string() }).safeParse(operand);
  const wanted = folded.success ? folded.data['equals-ignore-case'].toLowerCase() : z.string().parse(operand);
  return (value) => {
    if (typeof value !== 'string') return false;
    const text = folded.success ? value.toLowerCase() : value;
    return operator === 'prefix' ? text.startsWith(wanted) : text.endsWith(wanted);
  };
}

function anythingBut(operand: unknown, field: string): ValueTest {
  const excluded = scalarsSchema.safeParse(operand);
  if (excluded.success) return (value) => isLeaf(value) && !excluded.data.some((other) => other === value);
  const [entry] = Object.entries(objectSchema.parse(operand));
  const tests = textsSchema.parse(entry?.[1]).map((text) => compileMatcher({ [entry?.[0] ?? '']: text }, field));
  return (value) => isLeaf(value) && !tests.some((test) => test(value));
}

function numericTest(operand: unknown): ValueTest {
  const parts = numericSchema.parse(operand);
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const bound = z.number().parse(parts[at + 1]);
    const sign = z.enum(['=', '<', '<=', '>', '>=']).parse(parts[at]);
    tests.push((value) =>
      sign === '='
        ? value === bound
        : sign === '<'
          ? value < bound
          : sign === '<='
            ? value <= bound
            : sign === '>'
              ? value > bound
              : value >= bound,
    );
  }
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}
