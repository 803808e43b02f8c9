import { gzipSync } from 'node:zlib';
import { build, type Metafile, type Platform } from 'esbuild';
import { expect, test } from 'vitest';

/** The bytes that `compileRules`, `decide` and `rule` may cost, minified and compressed. */
const coreBudget = 21 * 1024;

test('the core has a size budget', async () => {
  const { contents } = await bundle("export { compileRules, decide, rule } from './src/index.ts'", 'neutral');
  expect(gzipSync(contents).byteLength).toBeLessThanOrEqual(coreBudget);
});

test.each([
  ['src/index.ts', 'neutral'],
  ['src/adapters/fetch.ts', 'browser'],
] as const)('%s on the %s platform pulls in nothing of Node, no zod, no YAML', async (entry, platform) => {
  const { metafile } = await bundle(`export * from './${entry}'`, platform);
  const modules = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(modules).not.toHaveLength(0);
  expect(modules.filter((path) => /^node:|node_modules\/(zod|yaml)\//.test(path))).toEqual([]);
});

test('rules at an HTTP address need nothing of Node, unless a program fetches their credentials', async () => {
  const { metafile } = await bundle("export * from './src/rules/sources/http.ts'", 'browser');
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const node = imports.filter(({ path }) => path.startsWith('node:'));
  expect(node.map(({ kind, path }) => `${kind} ${path}`)).toEqual(['dynamic-import node:child_process']);
});

test('what fetches credentials loads Node, and no AWS SDK, only when it is used', async () => {
  const { metafile } = await bundle("export * from './src/gateway/credentials/index.ts'", 'browser');
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const direct = imports.filter(({ path }) => /^node:|aws-sdk|node-program/.test(path));
  expect(direct.map(({ kind, path }) => `${kind} ${path}`).toSorted()).toEqual([
    'dynamic-import node:child_process',
    'dynamic-import src/gateway/credentials/node-program.ts',
  ]);
});

async function bundle(
  contents: string,
  platform: Platform,
): Promise<{ contents: Uint8Array; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: '.', loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform,
    mainFields: ['browser', 'module', 'main'],
    conditions: platform === 'browser' ? ['workerd', 'worker'] : [],
    external: ['node:*'],
  });
  return { contents: outputFiles[0]?.contents ?? new Uint8Array(), metafile };
}
