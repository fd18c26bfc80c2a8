import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildSync, type Metafile } from 'esbuild';

/** Every function of the stack; each has its entry at `functions/<name>/handler.ts`. */
export const functionNames = [
  'receive-hubspot-webhook',
  'receive-salesforce-message',
  'poll-changes',
  'process-changes',
  'deliver-changes',
  'dispatch-deliveries',
  'sweep-deliveries',
  'probe-canaries',
  'operator-api',
] as const;
export type FunctionName = (typeof functionNames)[number];

export interface FunctionBundles {
  /** Holds one asset per function: `<name>/index.mjs` and its source map. */
  readonly directory: string;
  /** Minified size of each `index.mjs`, by function. */
  readonly sizesInBytes: ReadonlyMap<FunctionName, number>;
  /** What went into each bundle, as esbuild tells it: for size reports. */
  readonly metafile: Metafile;
}

// Some CommonJS dependencies still call require(), which an ES module does not have.
const requireBanner = "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);";

/**
 * Bundles all functions in one esbuild call: one call costs about half a second, one per function would cost that each.
 *
 * @param functionsDir - holds `<name>/handler.ts` for every function.
 * @param outdir - receives `<name>/index.mjs` and `<name>/index.mjs.map`.
 * @throws Error naming every missing entry.
 */
export function bundleFunctions(functionsDir: string, outdir: string): FunctionBundles {
  const entryOf = (name: FunctionName) => path.join(functionsDir, name, 'handler.ts');
  const missing = functionNames.filter((name) => !existsSync(entryOf(name)));
  if (missing.length > 0) {
    const files = missing.map((name) => `  ${entryOf(name)}`);
    throw new Error(
      `Cannot bundle the functions, these entries do not exist:\n${files.join('\n')}\nEach must export \`handler\`.`,
    );
  }
  const { metafile } = buildSync({
    entryPoints: functionNames.map((name) => ({ in: entryOf(name), out: path.join(name, 'index') })),
    outdir,
    absWorkingDir: path.dirname(functionsDir),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'], // the SDK's ES modules: what is not used falls out, a quarter of each bundle
    outExtension: { '.js': '.mjs' },
    banner: { js: requireBanner },
    minify: true,
    sourcemap: true,
    sourcesContent: false, // stack traces need the mappings only
    metafile: true,
    logLevel: 'warning',
  });
  return {
    directory: outdir,
    sizesInBytes: new Map(functionNames.map((name) => [name, outputSize(metafile, name)])),
    metafile,
  };
}

function outputSize(metafile: Metafile, name: FunctionName): number {
  const suffix = `${name}/index.mjs`;
  const output = Object.entries(metafile.outputs).find(([file]) => file === suffix || file.endsWith(`/${suffix}`));
  if (output === undefined) throw new Error(`esbuild made no ${suffix}; look at its warnings above.`);
  return output[1].bytes;
}
