import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';

/** The page's files by their path, ready to be sent. */
export type PageFiles = ReadonlyMap<string, { readonly type: string; readonly bytes: Buffer }>;

const PAGE = path.join(import.meta.dirname, 'page');

/** Builds the page from its sources: there is no build output to commit, and none to forget. */
export function pageFiles(): PageFiles {
  const { outputFiles } = buildSync({
    entryPoints: [path.join(PAGE, 'app.tsx')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    outfile: 'app.js',
  });
  const [script] = outputFiles;
  const read = (file: string) => readFileSync(path.join(PAGE, file));
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', bytes: read('index.html') }],
    ['/app.js', { type: 'text/javascript; charset=utf-8', bytes: Buffer.from(script?.contents ?? []) }],
    ['/style.css', { type: 'text/css; charset=utf-8', bytes: read('style.css') }],
    ['/icon.svg', { type: 'image/svg+xml', bytes: read('icon.svg') }],
  ]);
}
