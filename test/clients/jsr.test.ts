import { afterAll, beforeAll, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import {
  createNodeProject,
  type NodeClient,
  type NodeProject,
  nodeClients,
} from './programs/node-clients.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type JsrPackage, startJsrRegistry } from './upstreams/jsr-registry.ts';

const packages: readonly JsrPackage[] = [
  {
    name: '@acme/cli',
    version: '1.0.0',
    modules: {
      '/mod.ts':
        "import { hello } from './src/hello.ts';\nexport const greet = (): string => hello('JSR');\n",
      '/src/hello.ts':
        "import { upper } from 'jsr:@other/text@^2.0.0';\nexport const hello = (name: string): string => `Hello, ${upper(name)}`;\n",
    },
  },
  {
    name: '@other/text',
    version: '2.1.0',
    modules: { '/mod.ts': 'export const upper = (text: string): string => text.toUpperCase();\n' },
  },
];
const documents = packages.flatMap(({ name, version, modules }) => [
  ...Object.keys(modules).map((path) => `/${name}/${version}${path}`),
  `/${name}/${version}_meta.json`,
]);

const cleanup = createCleanup();
let first: RecordingServer;
let turnout: Turnout;
let project: NodeProject;
let to: string;

beforeAll(async () => {
  first = await cleanup.use(startJsrRegistry(packages));
  to = first.origin;
  turnout = await cleanup.use(
    startTurnout(`
rules:
  - name: modules
    protocol: jsr
    at: /jsr/
    mode: redirect
    to: ${to}
`),
  );
  const deno = nodeClients.find(({ name }) => name === 'deno') as NodeClient;
  const wish = { registry: 'http://127.0.0.1:9/', dependencies: {} };
  project = await cleanup.use(
    createNodeProject(deno, wish, 'hidden.invalid', { JSR_URL: `${turnout.origin}/jsr/` }),
  );
  await project.write('deno.json', JSON.stringify({ imports: { '@acme/cli': 'jsr:@acme/cli@^1.0.0' } }));
  await project.write('main.ts', "import { greet } from '@acme/cli';\nconsole.log(greet());\n");
});
afterAll(() => cleanup.run());

async function lead(url: string): Promise<void> {
  await turnout.edit(`    to: ${to}`, `    to: ${url}`);
  to = url;
  await project.clean();
  turnout.forget();
}

function paths(): string[] {
  return turnout.access().map(({ path }) => path);
}

test('deno imports packages through the gateway, which hands all of it through', async () => {
  const run = await project.run('run', 'main.ts');
  expect(run.ok, run.output).toBe(true);
  expect(run.stdout).toBe('Hello, JSR\n');
  await expect.poll(paths).toEqual(expect.arrayContaining(documents.map((path) => `/jsr${path}`)));
  expect(turnout.access().every(({ status, type }) => status === 200 && type === 'proxy')).toBe(true);
});

test('the lock file names packages and no host', async () => {
  const lockFile = await project.lockFile();
  expect(lockFile).toContain('"@acme/cli@1.0.0"');
  expect(lockFile).toMatch(/"integrity": "[\da-f]{64}"/);
  expect(lockFile).not.toContain('http');
});

test.each([
  ['below a path', { base: '/modules/jsr' }],
  ['that sends its clients on', { redirects: true }],
])('the same lock file holds after a switch to a registry %s', async (_, options) => {
  const lockFile = await project.lockFile();
  const registry = await cleanup.use(startJsrRegistry(packages, options));
  await lead(`${registry.origin}${'base' in options ? options.base : ''}`);
  first.forget();

  const run = await project.run('run', '--frozen', 'main.ts');

  expect(run.ok, run.output).toBe(true);
  expect(run.stdout).toBe('Hello, JSR\n');
  expect(await project.lockFile()).toBe(lockFile);
  expect(first.requests).toEqual([]);
  expect(served(registry.requests).length).toBeGreaterThanOrEqual(documents.length);
  await expect.poll(() => documents.filter((path) => !paths().includes(`/jsr${path}`))).toEqual([]);
});

test('deno refuses a registry that serves another module under the same name', async () => {
  const registry = await cleanup.use(
    startJsrRegistry(packages, { spoil: (source) => `${source}// More.\n` }),
  );
  await lead(registry.origin);
  const run = await project.run('run', '--frozen', 'main.ts');
  expect(run.ok).toBe(false);
  expect(run.output).toMatch(/integrity|checksum/i);
});

test('deno says so when there is no such package', async () => {
  await lead(first.origin);
  const added = await project.run('run', '--no-lock', 'jsr:@acme/no-such-package');
  expect(added.ok).toBe(false);
  expect(added.output).toMatch(/JSR package not found: @acme\/no-such-package/);
});

test('deno says so when the registry is out of order', async () => {
  await lead(`http://127.0.0.2:${await freePort('127.0.0.2')}`);
  const run = await project.run('run', 'main.ts');
  expect(run.ok).toBe(false);
  expect(run.output).toMatch(/502/);
});
