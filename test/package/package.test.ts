import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Installation, install, link, manifest, run } from './_install.ts';

/** The public files of a family of entries, whose `*` stands for their names. */
const namesOf = (entry: string): readonly string[] => {
  const { default: path } = (manifest.exports[entry] as { import: { default: string } }).import;
  const files = readdirSync(path.replace('./dist', 'src').replace('/*.js', ''));
  return files.filter((file) => !/^(_.*|index\.ts)$/.test(file)).map((file) => file.replace('.ts', ''));
};
const entries = Object.keys(manifest.exports)
  .filter((entry) => !entry.endsWith('.json') && manifest.exports[entry] !== null)
  .flatMap((entry) =>
    entry.includes('*') ? namesOf(entry).map((name) => entry.replace('*', name)) : [entry],
  )
  .map((entry) => entry.replace('.', 'turnout'));

let installed: Installation;

beforeAll(() => {
  installed = install();
});

afterAll(() => {
  rmSync(installed.folder, { recursive: true });
});

const evaluate = (type: 'module' | 'commonjs', code: string): string =>
  run(process.execPath, [`--input-type=${type}`, '--eval', code], installed.folder).trim();

test.each(entries)('%s is the same in both formats', (entry) => {
  const esm = evaluate('module', `console.log(Object.keys(await import('${entry}')).sort().join())`);
  const cjs = evaluate('commonjs', `console.log(Object.keys(require('${entry}')).sort().join())`);
  expect(esm).not.toBe('');
  expect(cjs).toBe(esm);
});

test('RuleError is one class in each format', () => {
  const names = ['turnout', 'turnout/rules'];
  const imported = names.map((name) => `(await import('${name}')).RuleError`).join(' === ');
  const required = names.map((name) => `require('${name}').RuleError`).join(' === ');
  expect(evaluate('module', `console.log(${imported}, typeof ${imported.split(' === ')[0]})`)).toBe(
    'true function',
  );
  expect(evaluate('commonjs', `console.log(${required})`)).toBe('true');
});

test.each([
  ['module', "(await import('turnout/credentials'))"],
  ['commonjs', "require('turnout/credentials')"],
] as const)(
  'in a %s, credentials are fetched when asked for, with what is installed',
  (type, credentials) => {
    const command = JSON.stringify([process.execPath, '-p', '"t0ken"']);
    const upstream = "{ origin: 'https://a.example', host: 'a.example' }";
    const ecr = `${credentials}.ecrCredential()(${upstream}).catch((error) => console.log(error.message))`;
    expect(evaluate(type, ecr)).toContain('run `npm install @aws-sdk/client-ecr`');
    const run = `${credentials}.commandCredential({ command: ${command} })(${upstream})`;
    expect(evaluate(type, `${run}.then(({ token }) => console.log(token))`)).toBe('t0ken');
  },
);

test.each([
  ['module', 'redis', 'redis', "redisRules('redis://127.0.0.1#key')"],
  ['commonjs', 'redis', 'redis', "redisRules('redis://127.0.0.1#key')"],
  ['module', 'postgres', 'pg', "postgresRules('postgres://127.0.0.1/db')"],
  ['commonjs', 'postgres', 'pg', "postgresRules('postgres://127.0.0.1/db')"],
  ['module', 's3', '@aws-sdk/client-s3', "s3Rules('s3://bucket/key')"],
  ['commonjs', 's3', '@aws-sdk/client-s3', "s3Rules('s3://bucket/key')"],
] as const)('in a %s, rules in %s say that the package %s is missing', (type, entry, name, store) => {
  const path = `'turnout/rules/${entry}'`;
  const code = `${type === 'module' ? `(await import(${path}))` : `require(${path})`}.${store}`;
  const read = `${code}.read({ signal: new AbortController().signal }).catch((error) => console.log(error.message))`;
  expect(evaluate(type, read)).toContain(`run \`npm install ${name}\``);
});

test('the JSON files can be read', () => {
  const read = (name: string) =>
    JSON.parse(evaluate('commonjs', `console.log(JSON.stringify(require('turnout/${name}')))`));
  expect(read('package.json')).toEqual(JSON.parse(readFileSync('package.json', 'utf8')));
  expect(read('schema.json')).toHaveProperty('$schema');
});

test('an internal module cannot be reached', () => {
  expect(() => evaluate('commonjs', "require('turnout/protocols/index')")).toThrow(
    'ERR_PACKAGE_PATH_NOT_EXPORTED',
  );
});

test('nothing but the build, the manifest and the README and licence is packed', () => {
  const packed = run('tar', ['-tzf', installed.tarball], '.').trim().split('\n');
  expect(packed.filter((path) => !path.startsWith('package/dist/')).toSorted()).toEqual([
    'package/LICENSE',
    'package/README.md',
    'package/package.json',
  ]);
});

test('the types hold for a strict project in either format', () => {
  for (const name of ['@types/node', 'undici-types']) link(installed.folder, name);
  const imports = entries
    .map((entry, index) => `import * as m${index} from '${entry}'; void m${index};`)
    .join('\n');
  writeFileSync(join(installed.folder, 'esm.mts'), imports);
  writeFileSync(join(installed.folder, 'cjs.cts'), imports);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'es2023',
    '--types',
    'node',
  ];
  run(resolve('node_modules/.bin/tsc'), [...options, 'esm.mts', 'cjs.cts'], installed.folder);
});

test('publint finds nothing', async () => {
  const { messages } = await publint({ pkgDir: installed.root, pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('the types resolve for every entry in either format', () => {
  const excluded = ['schema.json', 'package.json'];
  const parameters = [
    installed.tarball,
    '--profile',
    'node16',
    '--no-emoji',
    '--exclude-entrypoints',
    ...excluded,
  ];
  run(resolve('node_modules/.bin/attw'), parameters, '.');
});

test('the program says how it is used and which version it is', () => {
  const program = join(installed.root, 'dist/cli/turnout.js');
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(run(process.execPath, [program, '--help'], installed.folder)).toContain('Usage: turnout');
  expect(run(process.execPath, [program, '--version'], installed.folder).trim()).toBe(manifest.version);
});
