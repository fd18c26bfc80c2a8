import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';

/** Properties as they stand in the template, intrinsics and all. */
export type Json = z.infer<ReturnType<typeof z.json>>;

const resourceSchema = z.object({
  Type: z.string().min(1),
  Properties: z.record(z.string(), z.json()).default({}),
  Condition: z.string().optional(),
});
const templateSchema = z.object({
  Resources: z.record(z.string(), resourceSchema),
  Parameters: z
    .record(z.string(), z.object({ Type: z.string(), Default: z.union([z.string(), z.number()]).optional() }))
    .default({}),
  Outputs: z.record(z.string(), z.object({ Value: z.json() })).default({}),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.json()))).optional(),
  Transform: z.json().optional(),
});

export interface Resource {
  readonly id: string; // logical
  readonly type: string;
  readonly properties: Readonly<Record<string, Json>>;
}

/** One stack of a cloud assembly, as `cdk synth` wrote it. */
export interface Template {
  readonly stackName: string;
  /** Holds the assets too, as `asset.<hash>`. */
  readonly assemblyDir: string;
  readonly resources: ReadonlyMap<string, Resource>;
  readonly parameterDefaults: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, Json>>;
  ofType(...types: readonly string[]): Resource[];
}

/**
 * Reads `<stackName>.template.json` of a cloud assembly.
 *
 * @throws Error saying what to do, when there is none or when it uses what cannot be run here.
 */
export function loadTemplate(assemblyDir: string, stackName: string): Template {
  const file = path.join(assemblyDir, `${stackName}.template.json`);
  const parsed = templateSchema.safeParse(readJson(file));
  if (!parsed.success) throw new Error(`${file} is no CloudFormation template: ${z.prettifyError(parsed.error)}`);
  const { Resources, Parameters, Outputs, Transform } = parsed.data;
  if (Transform !== undefined)
    throw new Error(`${file} uses Transform, which only CloudFormation itself can carry out: write the resources out`);
  const resources = new Map<string, Resource>();
  for (const [id, { Type, Properties, Condition }] of Object.entries(Resources)) {
    if (Condition !== undefined) {
      throw new Error(
        `Resource ${id} (${Type}) has the Condition ${Condition}: the embedded AWS does not evaluate conditions. Decide while synthesising, with an "if" in the CDK app.`,
      );
    }
    resources.set(id, { id, type: Type, properties: Properties });
  }
  return {
    stackName,
    assemblyDir: path.resolve(assemblyDir),
    resources,
    parameterDefaults: defaultsOf(Parameters),
    outputs: Object.fromEntries(Object.entries(Outputs).map(([name, { Value }]) => [name, Value])),
    ofType: (...types) => [...resources.values()].filter((resource) => types.includes(resource.type)),
  };
}

function defaultsOf(parameters: Record<string, { Type: string; Default?: string | number | undefined }>): Record<string, string> {
  const defaults: Record<string, string> = {};
  for (const [name, { Default }] of Object.entries(parameters)) if (Default !== undefined) defaults[name] = String(Default);
  return defaults;
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`There is no template ${file}: synthesise the CDK app first, and check the stack's name`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: synthesise the CDK app again`, { cause: error });
  }
}
