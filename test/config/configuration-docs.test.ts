import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';

const root = path.join(import.meta.dirname, '../..');
const docs = readFileSync(path.join(root, 'docs/configuration.md'), 'utf8');
const directory = mkdtempSync(path.join(os.tmpdir(), 'concord-docs-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('docs/configuration.md', () => {
  it('shows a config that can be used', async () => {
    const example = /```ts\n([\s\S]*?)```/.exec(docs)?.[1] ?? '';
    const file = path.join(directory, 'concord.config.ts');
    const words = pathToFileURL(path.join(root, 'shared/config/define-sync.ts')).href;
    writeFileSync(file, example.replace('./shared/config/define-sync.ts', words));
    const { default: config } = await import(pathToFileURL(file).href);
    const sync = compileSync(config, 'contacts');
    expect(sync.matchKeys.map((key) => key.name)).toEqual(['personNumber', 'email', 'lastName+dateOfBirth']);
    expect(sync.rules.systems.salesforce?.fields.score).toBe('out');
  });

  it('names every transform, strategy and policy there is', () => {
    const words = readFileSync(path.join(root, 'shared/config/define-sync.ts'), 'utf8');
    const own = [...words.matchAll(/^export const (\w+) = /gm)].map(([, name]) => name);
    const passedOn = [...words.matchAll(/^export \{([^}]*)\} from/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []);
    const builders = [...own, ...passedOn];
    expect(builders.length).toBeGreaterThan(25);
    expect(builders.filter((name) => !docs.includes(`${name}(`))).toEqual([]);
  });
});
