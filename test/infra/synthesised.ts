import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { assemble, type Synthesis } from '../../infra/assemble.ts';
import { functionNames } from '../../infra/function-bundle.ts';
import type { SyncShape } from '../../infra/topology.ts';

export const contacts: SyncShape = {
  name: 'contacts',
  poll: { everyMinutes: 5, overlapMinutes: 10 },
  sides: { salesforce: { system: 'salesforce', object: 'Contact' }, hubspot: { system: 'hubspot', object: 'contacts' } },
};

export const salesforceEventSource = 'aws.partner/salesforce.com/00DSim000000001MAA/0YLSim000000001OAA';

const resourceSchema = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.json()).default({}),
  DeletionPolicy: z.string().optional(),
});
const templateSchema = z.object({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), z.object({ Value: z.json() })),
});
export type Resource = z.infer<typeof resourceSchema> & { readonly id: string };

/** A synthesised template, asked in the words of the constructs: `ProcessHubspot`, not a logical id with its hash. */
export interface SynthesisedTemplate {
  readonly assembly: Synthesis;
  readonly outputs: Readonly<Record<string, unknown>>;
  all(type: string): Resource[];
  /** The one resource of `type` whose logical id ends with `name` and a hash. */
  one(type: string, name: string): Resource;
}

/** Synthesises the stack around stub handlers. Everything it writes goes to a temporary folder, which it removes. */
export function synthesised(
  context: Readonly<Record<string, unknown>> = {},
  options: { readonly validate?: boolean; readonly tenant?: string; readonly syncs?: readonly SyncShape[] } = {},
): SynthesisedTemplate {
  const folder = mkdtempSync(path.join(tmpdir(), 'concord-infra-'));
  try {
    const { tenant = 'main', syncs = [contacts], validate = false } = options;
    const assembly = assemble(
      { tenant, syncs },
      { outdir: path.join(folder, 'cdk.out'), functionsDir: stubFunctions(folder), context, validate },
    );
    const file = path.join(assembly.assemblyDir, `${assembly.stackName}.template.json`);
    return asked(assembly, templateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Entries that do nothing, for tests of the infrastructure alone. */
export function stubFunctions(folder: string): string {
  const functionsDir = path.join(folder, 'functions');
  for (const name of functionNames) {
    mkdirSync(path.join(functionsDir, name), { recursive: true });
    writeFileSync(
      path.join(functionsDir, name, 'handler.ts'),
      `export const handler = async (): Promise<string> => '${name}';\n`,
    );
  }
  return functionsDir;
}

function asked(assembly: Synthesis, template: z.infer<typeof templateSchema>): SynthesisedTemplate {
  const resources = Object.entries(template.Resources).map(([id, resource]) => ({ id, ...resource }));
  return {
    assembly,
    outputs: Object.fromEntries(Object.entries(template.Outputs).map(([name, { Value }]) => [name, Value])),
    all: (type) => resources.filter((resource) => resource.Type === type),
    one(type, name) {
      const found = resources.filter((resource) => resource.Type === type && withoutHash(resource.id).endsWith(name));
      const [only] = found;
      if (only === undefined || found.length > 1) throw new Error(`${found.length} resources of ${type} are named ${name}`);
      return only;
    },
  };
}

/** A logical id as the constructs spell it: CloudFormation's ids end with eight characters of hash. */
export function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '');
}

const reference = z.union([
  z.object({ Ref: z.string() }).transform(({ Ref }) => Ref),
  z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) }).transform(({ 'Fn::GetAtt': [id] }) => id),
]);

/** What a Ref, a GetAtt or a Join of them points to, without hashes: `RecordsTable/index/dirty`. */
export function pointsTo(value: unknown): string {
  const direct = reference.safeParse(value);
  if (direct.success) return direct.data.includes('::') ? `<${direct.data}>` : withoutHash(direct.data);
  const join = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.json())]) }).safeParse(value);
  if (join.success) {
    const [separator, parts] = join.data['Fn::Join'];
    return parts.map((part) => (typeof part === 'string' ? part : pointsTo(part))).join(separator);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
