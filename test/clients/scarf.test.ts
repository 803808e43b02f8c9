import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { type Curl, openCurl } from './programs/curl.ts';
import { createPipProject, debianPip, makeTrixiePip, type PipProgram } from './programs/pip.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { startBlobStore } from './upstreams/blob-store.ts';
import { type FileOrigin, startFileOrigin } from './upstreams/file-origin.ts';
import { createImageStore } from './upstreams/image-store.ts';
import { makeDistribution, type PythonFiles, startPythonFiles } from './upstreams/python-index.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

const cleanup = createCleanup();
const domain = '127.0.0.1';
const TOKEN = 'only-our-programs-know';
const wheel = makeDistribution({ name: 'acme-cli', version: '1.0.0' });
const newer = makeDistribution({ name: 'acme-cli', version: '1.1.0' });
const source = makeDistribution({ name: 'acme-source', version: '3.0', kind: 'sdist' });

let curl: Curl;
let origin: FileOrigin;
let files: PythonFiles;
let mirror: PythonFiles;
let registry: Registry;
let digests: Readonly<Record<'app' | 'tool', string>>;
let skopeo: Skopeo;
let turnout: Turnout;

const place = (file: string): string => `/packages/ab/${file}`;

function makeManifest(): string {
  const python = (distribution: typeof wheel) => ({
    type: 'python-v1',
    'package-id': 'python',
    domain,
    'package-name': distribution.name,
    'file-name': distribution.file,
    version: distribution.version,
    'hash-value': { type: 'sha256', hash: distribution.sha256 },
    'requires-python': '>=3.6',
    'backend-url': files.origin + place(distribution.file),
  });
  const rules = [
    {
      type: 'docker-v1',
      'package-id': 'app',
      domain,
      'repository-name': 'acme/app',
      registry: registry.origin,
    },
    {
      type: 'docker-v2',
      'rule-id': 'tools',
      domain,
      pattern: '{tools,plugins}/*-cli',
      registry: registry.origin,
    },
    {
      type: 'file-v1',
      'package-id': 'cli',
      domain,
      'incoming-path': '/cli/{version}/{+file}',
      'outgoing-url': `${origin.origin}/v{version}/{+file}`,
    },
    {
      type: 'file-v1',
      'package-id': 'query',
      domain,
      'incoming-path': '/get?os={os}&v={v}',
      'outgoing-url': `${origin.origin}/{os}?v={v}`,
    },
    {
      type: 'file-v2',
      'package-id': 'expression',
      domain,
      'incoming-path': '^/dl-(?<v>[0-9.]+)/(?<rest>.*)$',
      'outgoing-url': `${origin.origin}/{v}/{rest}`,
    },
    { type: 'file-v1', 'package-id': 'collect', domain, 'incoming-path': '/collect', 'outgoing-url': null },
    ...[wheel, source].map(python),
    {
      type: 'telemetry-v1',
      'package-id': 'events',
      domain,
      'incoming-path': '/events',
      'access-tokens': [TOKEN],
    },
    { type: 'pixel-v1', domain },
    { type: 'package-event-v1', domain },
    { type: 'catch-all-v1', 'package-id': 'rest', domain, 'redirect-target-domain': origin.origin },
  ];
  return JSON.stringify({ rules }, null, 2);
}

beforeAll(async () => {
  curl = await cleanup.use(openCurl());
  skopeo = await cleanup.use(openSkopeo());
  origin = await cleanup.use(startFileOrigin());
  files = await cleanup.use(startPythonFiles('127.0.0.2'));
  mirror = await cleanup.use(startPythonFiles('127.0.0.3'));
  for (const each of [wheel, newer, source]) files.put(place(each.file), each.body);
  for (const each of [wheel, newer, source]) mirror.put(`/pypi${place(each.file)}`, each.body);
  const folder = await cleanup.use(createTemporaryFolder());
  const store = await cleanup.use(createImageStore(folder.path));
  const blobStore = await cleanup.use(startBlobStore());
  registry = await cleanup.use(startRegistry('lenient', { store, blobStore }));
  const app = await store.put(makeQuickImage(), 'acme/app', 'v1');
  const tool = await store.put(makeQuickImage(), 'tools/acme-cli', 'v1');
  digests = { app: app.digest, tool: tool.digest };
  turnout = await cleanup.use(startTurnout(makeManifest(), { file: 'manifest.json' }));
}, 900_000);
beforeEach(() => {
  for (const server of [origin, files, mirror, turnout]) server.forget();
});
afterAll(() => cleanup.run());

/** What was reported since the start, without the time. */
function reports(): readonly unknown[] {
  const lines = turnout.process
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"msg":"report"') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line)).map(({ type, rule, data }) => ({ type, rule, data }));
}

describe('curl', () => {
  const bytes = '/a%2Fb+c~d%7Ee%25f%20g/%C3%A4:@!$&(x)*,;=';
  test.each([
    ['a template', `/cli/1.0%2B1${bytes}`, `/v1.0%2B1${bytes}`],
    ['an expression', `/dl-1.2${bytes}`, `/1.2${bytes}`],
    ['everything else', `/else${bytes}`, `/else${bytes}`],
    ['a query', `${bytes}?q=a+b%20c~%7E%25&r=%C3%A4`, `${bytes}?q=a+b%20c~%7E%25&r=%C3%A4`],
    ['parameters in another order', '/get?v=1+2&utm=x&os=linux', '/linux?v=1+2&utm=x&os=linux'],
  ])('asks for the very same bytes behind %s', async (_, asked, arrived) => {
    const { redirects, finalUrl } = await curl.fetch('--path-as-is', '--globoff', turnout.origin + asked);
    expect([redirects, finalUrl]).toEqual([1, origin.origin + arrived]);
    expect(origin.requests.map(({ url }) => url)).toEqual([arrived]);
  });

  test('downloads a file', async () => {
    origin.put('/v1.0/acme.tgz', { body: Buffer.from('an archive') });
    const { status, body } = await curl.fetch(`${turnout.origin}/cli/1.0/acme.tgz`);
    expect([status, body.toString()]).toEqual([200, 'an archive']);
    expect((await turnout.waitForAccess(({ path }) => path === '/cli/1.0/acme.tgz')).rule).toBe('cli');
  });

  test('is answered with nothing where there is no target', async () => {
    const { status, body } = await curl.fetch(`${turnout.origin}/collect?version=1`);
    expect([status, body.length]).toEqual([200, 0]);
  });

  test('is shown a real image of one transparent dot, each time', async () => {
    const { status, headers, body } = await curl.fetch(`${turnout.origin}/a.png?x-pxid=pixel-1&page=home`);
    expect([status, headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(headers.get('cache-control')).toContain('no-store');
    expect([body.readUInt32BE(16), body.readUInt32BE(20)]).toEqual([1, 1]);
    const at = body.indexOf('IDAT');
    expect([...inflateSync(body.subarray(at + 4, at + 4 + body.readUInt32BE(at - 4)))]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    await expect.poll(reports).toContainEqual({
      type: 'pixel',
      data: { pixel: 'pixel-1', page: 'home', userAgent: expect.stringMatching(/^curl\//) },
      rule: 'pixel',
    });
  });

  test('reports an install', async () => {
    const body = '{"libraryType":"npm","dependencyInfo":{"parent":{"name":"a"}}}';
    const { status } = await curl.fetch('--json', body, `${turnout.origin}/package-event/install/id-1`);
    expect(status).toBe(200);
    const data = { libraryType: 'npm', 'dependencyInfo.parent.name': 'a', package: 'id-1' };
    await expect.poll(reports).toContainEqual({ type: 'install', rule: 'installs', data });
    expect((await curl.fetch(`${turnout.origin}/package-event/install`)).status).toBe(405);
  });
});

describe('telemetry of curl', () => {
  const send = (path: string, body: string, ...more: string[]) =>
    curl.fetch('--data-binary', body, ...more, turnout.origin + path);
  const authorized = ['--header', `Authorization: Bearer ${TOKEN}`];

  test.each([
    ['one object', '{"os":"linux","run":{"id":1}}', [{ os: 'linux', 'run.id': 1 }]],
    ['lines', '{"line":1}\n{"line":2}\n', [{ line: 1 }, { line: 2 }]],
    ['a list', '[{"item":1}]', [{ item: 1 }]],
  ])('with %s is taken', async (_, body, expected) => {
    expect((await send('/events', body, ...authorized)).status).toBe(200);
    for (const data of expected)
      await expect.poll(reports).toContainEqual({ type: 'telemetry', rule: 'events', data });
  });

  test('needs no token where none is wanted', async () => {
    expect((await send('/collect?version=2', '{"collected":true}')).status).toBe(200);
    const data = { version: '2', collected: true };
    await expect.poll(reports).toContainEqual({ type: 'telemetry', rule: 'collect-events', data });
  });

  test.each<[title: string, status: number, body: string, more: readonly string[], message: RegExp]>([
    ['without a token', 401, '{}', [], /Bearer/],
    ['with a wrong token', 401, '{}', ['--header', `Authorization: Bearer ${TOKEN.slice(1)}`], /Bearer/],
    ['that is no JSON', 400, '{"a":', authorized, /^Event 1 is not JSON\.\n$/],
    ['with too many events', 413, '{}'.repeat(101), authorized, /at most 100 events/],
  ])('%s is refused with %i', async (_, status, body, more, message) => {
    const transfer = await send('/events', body, ...more);
    expect([transfer.status, transfer.body.toString()]).toEqual([status, expect.stringMatching(message)]);
  });

  test.each([
    ['with its length', []],
    ['in pieces', ['--header', 'Transfer-Encoding: chunked']],
  ])('that is too large, %s, is refused with a reason', async (_, more) => {
    const file = join(curl.folder, 'large.json');
    await writeFile(file, JSON.stringify({ text: 'x'.repeat(200_000) }));
    const transfer = await send('/events', `@${file}`, ...authorized, ...more);
    expect([transfer.status, transfer.body.toString()]).toEqual([
      413,
      'A body has at most 65536 bytes here.\n',
    ]);
  });
});

describe('skopeo', () => {
  test('copies an image by its name, and one by a pattern', async () => {
    const app = await skopeo.pull(`${turnout.authority}/acme/app:v1`);
    expect(app.digests, app.output).toEqual([digests.app]);
    const tool = await skopeo.pull(`${turnout.authority}/tools/acme-cli:v1`);
    expect(tool.digests, tool.output).toEqual([digests.tool]);
    const rules = turnout
      .access()
      .filter(({ path }) => path.includes('/manifests/'))
      .map(({ rule }) => rule);
    expect(new Set(rules)).toEqual(new Set(['app', 'tools']));
  });
});

const programs: readonly [title: string, make: () => Promise<PipProgram>, version: RegExp][] = [
  ['pip of Debian 12', async () => debianPip, /^pip 23\.0\.1 /],
  ['pip of Debian 13', makeTrixiePip, /^pip 25\.1/],
];

describe.each(programs)('%s', (_, make, version) => {
  let program: PipProgram;

  beforeAll(async () => {
    program = await make();
  }, 900_000);

  test('installs with digests from pages that are made here, and again after a switch', async () => {
    const manifest = makeManifest();
    await turnout.reloadAfter(() => writeFile(turnout.file, `${manifest}\n`)).catch(() => undefined);
    const project = await cleanup.use(createPipProject(`${turnout.origin}/simple/`, program));
    expect((await project.pip('--version')).stdout).toMatch(version);
    const lock = await project.demand(
      [wheel, source].map((each) => `${each.name}==${each.version} --hash=sha256:${each.sha256}`),
    );
    const install = () =>
      project.install('--no-build-isolation', '--no-deps', '--require-hashes', '-r', lock);
    const first = await install();
    expect(first.ok, first.output).toBe(true);
    expect(served(files.requests)).toEqual([wheel, source].map(({ file }) => place(file)));
    expect(
      turnout
        .access()
        .filter(({ type }) => type === 'redirect')
        .map(({ path }) => path),
    ).toEqual([`/simple/acme-cli/${wheel.file}`, `/simple/acme-source/${source.file}`]);

    const moved = manifest
      .replaceAll(`${files.origin}/`, `${mirror.origin}/pypi/`)
      .replaceAll(wheel.file, newer.file);
    await turnout.reloadAfter(() =>
      writeFile(
        turnout.file,
        moved.replaceAll(wheel.sha256, newer.sha256).replaceAll('"version": "1.0.0"', '"version": "1.1.0"'),
      ),
    );
    files.forget();
    const upgraded = await project.install('--upgrade', '--no-deps', 'acme-cli');
    expect(upgraded.ok, upgraded.output).toBe(true);
    expect((await project.run('import acme_cli; print(acme_cli.version)')).stdout).toBe('1.1.0\n');
    expect([served(files.requests), served(mirror.requests)]).toEqual([[], [`/pypi${place(newer.file)}`]]);
  });

  test('is told that there is no such project, and that a digest is another', async () => {
    const project = await cleanup.use(createPipProject(`${turnout.origin}/simple/`, program));
    const missing = await project.install('--no-deps', 'acme-missing');
    expect([missing.ok, missing.output]).toEqual([
      false,
      expect.stringContaining('No matching distribution found'),
    ]);
    const lock = await project.demand([`acme-source==3.0 --hash=sha256:${'0'.repeat(64)}`]);
    const wrong = await project.install('--no-deps', '--require-hashes', '-r', lock);
    expect([wrong.ok, wrong.output]).toEqual([false, expect.stringMatching(/DO NOT MATCH|mismatch/i)]);
  });
});
