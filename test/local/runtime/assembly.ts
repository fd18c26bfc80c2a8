import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A cloud assembly as `cdk synth` would have left it, written by hand, in a directory of its own. */
export interface WrittenAssembly {
  readonly assemblyDir: string;
  readonly stackName: string;
  /** An empty directory beside it. */
  readonly dataDir: string;
  remove(): void;
}

export interface ResourceText {
  readonly Type: string;
  readonly Properties?: object;
  readonly [more: string]: unknown;
}

/**
 * @param resources - by logical id.
 * @param bundles - source of each `index.mjs`, by the hash of its asset.
 */
export function writeAssembly(
  resources: Readonly<Record<string, ResourceText>>,
  bundles: Readonly<Record<string, string>> = {},
  more: object = {},
): WrittenAssembly {
  const root = mkdtempSync(join(tmpdir(), 'assembly-'));
  const assemblyDir = join(root, 'assembly');
  mkdirSync(assemblyDir);
  writeFileSync(join(assemblyDir, 'Small.template.json'), JSON.stringify({ Resources: resources, ...more }));
  for (const [hash, source] of Object.entries(bundles)) {
    mkdirSync(join(assemblyDir, `asset.${hash}`));
    writeFileSync(join(assemblyDir, `asset.${hash}`, 'index.mjs'), source);
  }
  return {
    assemblyDir,
    stackName: 'Small',
    dataDir: join(root, 'data'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** One file that exports the handler. Removed with the returned function. */
export function writeBundle(source: string): { readonly entry: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'bundle-'));
  const entry = join(dir, 'index.mjs');
  writeFileSync(entry, source);
  return { entry, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
