import path from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import type { SynthesisMessage } from 'aws-cdk-lib/cx-api';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { ConcordStack } from './concord-stack.ts';
import { bundleFunctions, type FunctionBundles } from './function-bundle.ts';
import { readSettings } from './settings.ts';
import { type Configuration, topologyOf } from './topology.ts';

/** How the CDK itself shall behave; here, not in cdk.json, so that every way to synthesise makes the same template. */
const CDK_CHOICES = {
  '@aws-cdk/core:validateAgainstDefaultRules': true, // faults in the template are errors
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/aws-events:eventsTargetQueueSameAccount': true,
  '@aws-cdk/aws-lambda:useCdkManagedLogGroup': false, // each function has its own, with a retention
  '@aws-cdk/core:checkSecretUsage': true,
};

const root = path.resolve(import.meta.dirname, '..');

export interface AssemblyOptions {
  /** Receives the cloud assembly. The CDK command line's own choice wins when it runs this. */
  readonly outdir: string;
  /** Settings (settings.ts) by context key; `-c key=value` of the CDK command line wins. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Holds `<name>/handler.ts` of every function. */
  readonly functionsDir?: string;
  /**
   * Also checks the template against CloudFormation's schemas and the cdk-nag rules. It takes seconds, so it is for
   * builds and deployments.
   *
   * @defaultValue false
   */
  readonly validate?: boolean;
}

export interface Synthesis {
  readonly assemblyDir: string;
  readonly stackName: string;
  readonly bundles: FunctionBundles;
  /** What the constructs want the operator to know, and what the checks found. */
  readonly messages: readonly SynthesisMessage[];
}

/**
 * Bundles the functions and synthesises the stack, in this process and without any network.
 *
 * @throws Error when an entry is missing, a setting is wrong, or a check fails.
 */
export function assemble(configuration: Configuration, options: AssemblyOptions): Synthesis {
  const { context = {}, functionsDir = path.join(root, 'functions'), validate = false } = options;
  const outdir = path.resolve(process.env.CDK_OUTDIR ?? options.outdir);
  const bundles = bundleFunctions(functionsDir, path.join(outdir, 'bundles'));
  const app = new App({
    outdir,
    analyticsReporting: false,
    builtinCloudFormationValidation: validate,
    context: { ...CDK_CHOICES, ...context },
  });
  const settings = readSettings(app.node);
  new ConcordStack(app, settings.stackName, {
    description: 'Concord: two-way, field-by-field sync of contacts between Salesforce and HubSpot',
    settings,
    tenant: configuration.tenant,
    topology: topologyOf(configuration.syncs),
    bundleDirectory: bundles.directory,
    terminationProtection: settings.dataProtection === 'retain',
  });
  if (validate) Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  const assembly = app.synth();
  const { messages } = assembly.getStackByName(settings.stackName);
  return { assemblyDir: assembly.directory, stackName: settings.stackName, bundles, messages };
}
