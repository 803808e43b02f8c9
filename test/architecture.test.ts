import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { expect, test } from 'vitest';

/** Which folders, or single files, each folder of src may import besides itself; '' is src/index.ts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  '': ['core'],
  core: [],
  protocols: ['core'],
  gateway: ['core'],
  rules: ['core', 'protocols/index.ts', 'gateway/credentials/index.ts', 'convert'],
  convert: ['core', 'rules/mistake.ts', 'rules/rule-file.ts'],
  adapters: ['core', 'gateway'],
  logs: ['core'],
  'known-clients': ['core'],
  verify: ['core', 'gateway'],
  cli: [
    'core',
    'protocols',
    'gateway',
    'rules',
    'adapters',
    'logs',
    'known-clients',
    'verify',
    '../package.json',
  ],
};

/** Where alone each of these may stand. */
const onlyIn: readonly (readonly [what: RegExp, where: RegExp])[] = [
  [/^path-to-regexp$/, /^core\/path\.ts$/],
  [/^zod(\/|$)/, /^rules\/schema\.ts$/],
  [/^yaml$/, /^(rules\/|verify\/helm\.ts$)/],
  [/^re2js$/, /^rules\/regexp\.ts$/],
  [/^commander$/, /^cli\//],
  [/^node:/, /^(cli|adapters|rules(?!\/schema\.ts)|gateway\/.*node)/],
];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);
const folder = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
const protocols = readdirSync('src/protocols').filter((file) => !/^(_.*|index\.ts)$/.test(file));

test.each(files)('%s imports only what its folder may', (path) => {
  const source = readFileSync(`src/${path}`, 'utf8');
  for (const [, from, dynamic] of source.matchAll(
    /^(?:import|(?:import|export|\}).* from) '(.+?)'|\bimport\('(.+?)'\)/gm,
  )) {
    const name = from ?? dynamic ?? '';
    for (const [what, where] of onlyIn) if (what.test(name)) expect(path, `imports ${name}`).toMatch(where);
    if (!name.startsWith('.')) continue;

    const target = posix.join(dirname(path), name);
    const allowed = [folder(path), ...(mayImport[folder(path)] ?? [])];
    expect(
      [folder(target), target].some((place) => allowed.includes(place)),
      `imports ${target}`,
    ).toBe(true);
    // An adapter shares helpers, and leaves its siblings alone.
    if (folder(path) === 'adapters' && folder(target) === 'adapters') expect(target).toMatch(/\/_[^/]+$/);
  }
  if (!/^(cli\/|rules\/load\.ts$)/.test(path)) expect(source).not.toMatch(/\bprocess\.(env|argv)\b/);
  expect(source).not.toMatch(
    /^export default|^(export )?(declare )?(const )?enum |[:<] ?any([;,)>[]| [=|&{])|\bas any\b/m,
  );
});

test.each(protocols)('protocols/%s exports itself, and is tested and documented', async (file) => {
  const name = file.replace(/\.ts$/, '');
  const module: Record<string, { name: string }> = await import(`../src/protocols/${name}.ts`);
  expect(module[name]?.name).toBe(name);
  expect(existsSync(`test/protocols/${name}.test.ts`), 'has a test').toBe(true);
  expect(existsSync(`docs/protocols/${name}.md`), 'has a page').toBe(true);
});

test('the list of protocols is the list of their files', async () => {
  const listed: object = await import('../src/protocols/index.ts');
  const names = Object.values(listed).flatMap((value) => (typeof value === 'object' ? value : []));
  expect(new Set(names.map(({ name }) => `${name}.ts`))).toEqual(new Set(protocols));
});
