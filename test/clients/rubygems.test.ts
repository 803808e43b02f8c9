import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { served } from './lab/recording-server.ts';
import { createRubyProject, type RubyProject } from './programs/ruby.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type BuiltGem, buildGem, type GemSource, startGemSource } from './upstreams/gem-source.ts';

const TOKEN = 'only-the-gateway-knows';

const cleanup = createCleanup();
let gems: Readonly<Record<'base' | 'newer' | 'cli' | 'native', BuiltGem>>;
let sources: Readonly<Record<'root' | 'below' | 'old' | 'hidden', GemSource>>;

beforeAll(async () => {
  gems = {
    base: await buildGem({ name: 'acme-base', version: '1.0.0' }),
    newer: await buildGem({ name: 'acme-base', version: '1.1.0' }),
    cli: await buildGem({ name: 'acme-cli', version: '2.0.0', dependencies: { 'acme-base': '~> 1.0' } }),
    native: await buildGem({ name: 'acme-native', version: '0.1.0', platform: 'x86_64-linux' }),
  };
  const here = '127.0.0.2';
  sources = {
    root: await cleanup.use(startGemSource({ address: here, base: '/', compact: true })),
    below: await cleanup.use(
      startGemSource({ address: '127.0.0.3', base: '/api/gems/acme/', compact: true }),
    ),
    old: await cleanup.use(startGemSource({ address: here, base: '/', compact: false })),
    hidden: await cleanup.use(startGemSource({ address: here, base: '/acme/', compact: true, token: TOKEN })),
  };
  for (const source of Object.values(sources)) await source.add(gems.base, gems.cli, gems.native);
});
beforeEach(() => {
  for (const source of Object.values(sources)) source.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['rules:', '  - name: gems', '    protocol: rubygems', '    at: /gems/', `    to: ${to}`];
  const env = { GEMS_TOKEN: TOKEN };
  return cleanup.use(startTurnout([...lines, ...more.map((line) => `    ${line}`), ''].join('\n'), { env }));
}

function createProject({ origin }: Turnout, ...lines: readonly string[]): Promise<RubyProject> {
  const wanted = lines.length > 0 ? lines : ["gem 'acme-cli'", "gem 'acme-native'"];
  return cleanup.use(createRubyProject(`${origin}/gems/`, wanted));
}

/** The paths that were asked for with GET and not refused. */
function paths({ access }: Turnout): string[] {
  return access()
    .filter(({ method, status }) => method === 'GET' && status < 400)
    .map(({ path }) => path);
}

const files = ['/gems/gems/acme-base-1.0.0.gem', '/gems/gems/acme-cli-2.0.0.gem'] as const;

describe.each(['auto', 'redirect', 'proxy'])('Bundler, in mode %s', (mode) => {
  let turnout: Turnout;
  let project: RubyProject;

  beforeAll(async () => {
    turnout = await start(sources.root.url, `mode: ${mode}`);
    project = await createProject(turnout);
    const installed = await project.bundle('install');
    expect(installed.ok, installed.output).toBe(true);
  });

  test('installs, and all that it fetches it asks the gateway for', async () => {
    expect(paths(turnout)).toEqual(
      expect.arrayContaining(['/gems/versions', '/gems/info/acme-cli', ...files]),
    );
    expect(paths(turnout)).toContain('/gems/gems/acme-native-0.1.0-x86_64-linux.gem');
    const loaded = await project.bundle('exec', 'ruby', '-e', "require 'acme-cli'; print ACME_CLI");
    expect(loaded.stdout, loaded.output).toBe('2.0.0');
  });

  test('has a lock file that names the gateway and nothing else', async () => {
    const addresses = (await project.lockFile()).match(/https?:\/\/\S+/g);
    expect(addresses).toEqual([`${turnout.origin}/gems/`]);
  });

  test('installs from the lock file while the gems are elsewhere', async () => {
    const lockFile = await project.lockFile();
    await turnout.edit(`to: ${sources.root.url}`, `to: ${sources.below.url}`);
    await project.clean();
    turnout.forget();
    await project.bundle('config', 'set', '--local', 'deployment', 'true');
    const installed = await project.bundle('install');
    expect(installed.ok, installed.output).toBe(true);
    expect(await project.lockFile()).toBe(lockFile);
    expect(paths(turnout)).toEqual(expect.arrayContaining([...files]));
    expect(served(sources.below.requests)).toContain('/api/gems/acme/gems/acme-cli-2.0.0.gem');
    expect(sources.root.requests).toEqual([]);
    await turnout.edit(`to: ${sources.below.url}`, `to: ${sources.root.url}`);
  });
});

describe.each(['redirect', 'proxy'])('the compact index, in mode %s', (mode) => {
  test('is brought up to date by a range, which Bundler checks', async () => {
    const source = await cleanup.use(startGemSource({ address: '127.0.0.2', base: '/', compact: true }));
    await source.add(gems.base, gems.cli);
    const turnout = await start(source.url, `mode: ${mode}`);
    const project = await createProject(turnout, "gem 'acme-cli'");
    expect((await project.bundle('install')).ok).toBe(true);

    await source.add(gems.newer);
    source.forget();
    const updated = await project.bundle('update');
    expect(updated.ok, updated.output).toBe(true);
    expect(await project.lockFile()).toContain('acme-base (1.1.0)');
    const asked = source.requests.filter(({ url }) => url === '/versions');
    expect(asked.map(({ status, headers }) => [status, headers.range?.slice(0, 6)])).toEqual([
      [206, 'bytes='],
    ]);

    // Another source, whose index starts otherwise: Bundler sees that it does not fit, and takes the whole.
    const other = await cleanup.use(startGemSource({ address: '127.0.0.3', base: '/', compact: true }));
    await other.add(gems.native, gems.newer, gems.base, gems.cli);
    await turnout.edit(`to: ${source.url}`, `to: ${other.url}`);
    await project.demand(["gem 'acme-cli'", "gem 'acme-native'"]);
    await project.clean('installed');
    const installed = await project.bundle('install');
    expect(installed.ok, installed.output).toBe(true);
    expect(await project.lockFile()).toContain('acme-native (0.1.0');
  });

  test('keeps its tag and its digest', async () => {
    const turnout = await start(sources.root.url, `mode: ${mode}`);
    const own = await fetch(`${sources.root.url}/versions`);
    const shown = await fetch(`${turnout.origin}/gems/versions`);
    expect(await shown.text()).toBe(await own.text());
    for (const name of ['etag', 'repr-digest', 'accept-ranges'])
      expect(shown.headers.get(name)).toBe(own.headers.get(name));
    const headers = { 'if-none-match': own.headers.get('etag') ?? '' };
    expect((await fetch(`${turnout.origin}/gems/versions`, { headers })).status).toBe(304);
    const range = { range: 'bytes=5-' };
    expect((await fetch(`${turnout.origin}/gems/versions`, { headers: range })).status).toBe(206);
  });
});

describe('gem', () => {
  test.each([
    ['with a compact index', () => sources.root, '/gems/info/acme-cli'],
    ['below a path', () => sources.below, '/gems/info/acme-cli'],
    ['with the lists of old', () => sources.old, '/gems/quick/Marshal.4.8/acme-cli-2.0.0.gemspec.rz'],
  ])('installs from a source %s', async (_, source, asked) => {
    const turnout = await start(source().url);
    const project = await createProject(turnout);
    const installed = await project.gem('install', 'acme-cli', ...only(turnout));
    expect(installed.ok, installed.output).toBe(true);
    expect(installed.output).toContain('2 gems installed');
    // gem stays where its first question was answered: were that one redirected, the rest would never come here.
    expect(paths(turnout)).toEqual(expect.arrayContaining([asked, ...files]));
  });

  test('Bundler falls back to the lists of old', async () => {
    const turnout = await start(sources.old.url);
    const project = await createProject(turnout);
    const installed = await project.bundle('install');
    expect(installed.ok, installed.output).toBe(true);
    expect(paths(turnout)).toContain('/gems/specs.4.8.gz');
    expect(paths(turnout)).toEqual(expect.arrayContaining([...files]));
  });

  test('fetches a gem, and lists what there is', async () => {
    const turnout = await start(sources.below.url);
    const project = await createProject(turnout);
    const listed = await project.gem('list', '--remote', ...only(turnout));
    expect(listed.stdout).toContain('acme-native (0.1.0 x86_64-linux)');
    const fetched = await project.gem('fetch', 'acme-base', ...only(turnout));
    expect(fetched.output).toContain('Downloaded acme-base-1.0.0');
  });
});

function only({ origin }: Turnout): string[] {
  return ['--clear-sources', '--source', `${origin}/gems/`];
}

describe('what goes wrong', () => {
  test('a gem that is not there', async () => {
    const turnout = await start(sources.root.url);
    const project = await createProject(turnout, "gem 'no-such-gem'");
    const installed = await project.bundle('install');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain("Could not find gem 'no-such-gem'");
    const shown = await project.gem('install', 'no-such-gem', ...only(turnout));
    expect(shown.ok).toBe(false);
    expect(shown.output).toContain(`bad response Not Found 404 (${sources.root.url}/info/no-such-gem)`);
  });

  test('a source that is down', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`, 'mode: proxy');
    const project = await createProject(turnout);
    const installed = await project.bundle('install');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain('Could not fetch specs');
    const asked = await fetch(`${turnout.origin}/gems/versions`);
    expect([asked.status, asked.headers.has('retry-after')]).toEqual([502, true]);
    const shown = await project.gem('install', 'acme-cli', ...only(turnout));
    expect(shown.output).toContain('502');
  });

  test('a push, which belongs to the source itself', async () => {
    const turnout = await start(sources.root.url);
    const pushed = await fetch(`${turnout.origin}/gems/api/v1/gems`, { method: 'POST', body: 'x' });
    expect([pushed.status, await pushed.text()]).toEqual([
      405,
      'This address is for installing; push to the source itself.\n',
    ]);
    expect(sources.root.requests).toEqual([]);
  });
});

test('a source that wants a token, which only the gateway has', async () => {
  const turnout = await start(sources.hidden.url, 'auth: { token: "${GEMS_TOKEN}" }');
  const project = await createProject(turnout);
  const installed = await project.bundle('install');
  expect(installed.ok, installed.output).toBe(true);
  expect(await project.lockFile()).not.toContain(TOKEN);
  expect(sources.hidden.requests.every(({ status }) => status === 200)).toBe(true);

  const closed = await start(sources.hidden.url);
  const refused = await (await createProject(closed)).bundle('install');
  expect(refused.ok).toBe(false);
  expect(refused.output).toMatch(/Authentication is required|Bad username or password/);
});
