import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { served } from './lab/recording-server.ts';
import {
  createPipProject,
  debianPip,
  makeTrixiePip,
  type PipProgram,
  type PipProject,
} from './programs/pip.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  type Distribution,
  makeDistribution,
  type PythonFiles,
  type PythonIndex,
  startPythonFiles,
  startPythonIndex,
} from './upstreams/python-index.ts';

const PASSWORD = 'only-the-gateway-knows';

const cleanup = createCleanup();
const base = makeDistribution({ name: 'acme-base', version: '1.0.0' });
const newer = makeDistribution({ name: 'acme-base', version: '1.1.0' });
const cli = makeDistribution({ name: 'acme-cli', version: '2.0', requires: ['acme_base<1.1'] });
const source = makeDistribution({ name: 'acme-source', version: '3.0', kind: 'sdist' });
const all = [base, newer, cli, source];
let files: PythonFiles;
let indexes: Readonly<Record<'api' | 'folder' | 'rebased' | 'hidden', PythonIndex>>;

beforeAll(async () => {
  files = await cleanup.use(startPythonFiles('127.0.0.3'));
  const start = (options: Parameters<typeof startPythonIndex>[0]): Promise<PythonIndex> =>
    cleanup.use(startPythonIndex(options));
  const address = '127.0.0.2';
  indexes = {
    api: await start({ address, layout: 'api', base: '/', files }),
    folder: await start({ address, layout: 'static', base: '/pub/python/' }),
    rebased: await start({ address, layout: 'base', base: '/x/' }),
    hidden: await start({ address, layout: 'api', base: '/api/pypi/own/', user: `ci:${PASSWORD}` }),
  };
  for (const index of Object.values(indexes)) index.add(...all);
});
beforeEach(() => {
  for (const server of [files, ...Object.values(indexes)]) server.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['rules:', '  - name: python', '    protocol: pypi', '    at: /py/', `    to: ${to}`];
  const env = { PYPI_PASSWORD: PASSWORD };
  return cleanup.use(startTurnout([...lines, ...more.map((line) => `    ${line}`), ''].join('\n'), { env }));
}

function createProject({ origin }: Turnout, program?: PipProgram): Promise<PipProject> {
  return cleanup.use(createPipProject(`${origin}/py/simple/`, program));
}

/** The paths that were asked for with GET and not refused. */
function paths({ access }: Turnout): string[] {
  return access()
    .filter(({ method, status }) => method === 'GET' && status < 400)
    .map(({ path }) => path);
}

const pathOf = ({ name, file }: Distribution): string => `/py/files/${name}/${file}`;
const lock = [base, cli, source].map(
  ({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}`,
);
/** What builds a source distribution is Debian's, and not asked for. */
const OFFLINE_BUILD = '--no-build-isolation';

const programs: readonly [title: string, make: () => Promise<PipProgram>, version: RegExp][] = [
  ['pip of Debian 12', async () => debianPip, /^pip 23\.0\.1 /],
  ['pip of Debian 13', makeTrixiePip, /^pip 25\.1/],
];

describe.each(programs)('%s', (_, make, version) => {
  let program: PipProgram;

  beforeAll(async () => {
    program = await make();
  }, 900_000);

  test('is the version that it should be', async () => {
    const turnout = await start(indexes.api.url);
    const project = await createProject(turnout, program);
    expect((await project.pip('--version')).stdout).toMatch(version);
  });

  describe.each(['auto', 'redirect', 'proxy'])('in mode %s', (mode) => {
    test.each([
      ['another layout, relative to the page', () => indexes.folder],
      ['another layout, relative to a base', () => indexes.rebased],
    ])('installs, and from the same hashes while the files are elsewhere: in %s', async (_, other) => {
      const turnout = await start(indexes.api.url, `mode: ${mode}`);
      const project = await createProject(turnout, program);
      const installed = await project.install('Acme.CLI', 'acme_source', OFFLINE_BUILD);
      expect(installed.ok, installed.output).toBe(true);
      const loaded = await project.run(
        'import acme_base, acme_cli, acme_source as s; print(acme_base.version, acme_cli.version, s.version, s.kind)',
      );
      expect(loaded.stdout, loaded.output).toBe('1.0.0 2.0 3.0 sdist\n');
      expect(paths(turnout)).toEqual(expect.arrayContaining([base, cli, source].map(pathOf)));
      expect(served(files.requests).some((path) => path.endsWith(cli.file))).toBe(true);

      const requirements = await project.demand(lock);
      const hashed = ['--require-hashes', '-r', requirements, OFFLINE_BUILD];
      await project.clean();
      const before = await project.install(...hashed);
      expect(before.ok, before.output).toBe(true);

      await turnout.edit(`to: ${indexes.api.url}`, `to: ${other().url}/simple`);
      await project.clean();
      turnout.forget();
      for (const server of [files, indexes.api]) server.forget();
      const after = await project.install(...hashed);
      expect(after.ok, after.output).toBe(true);
      expect((await project.run('import acme_cli; print(acme_cli.version)')).stdout).toBe('2.0\n');
      expect(paths(turnout)).toEqual(expect.arrayContaining([base, cli, source].map(pathOf)));
      expect([...files.requests, ...indexes.api.requests]).toEqual([]);
      expect(served(other().requests).filter((path) => path.endsWith(cli.file))).toHaveLength(1);
    });
  });

  test('asks no address but the gateway’s, in mode proxy', async () => {
    const turnout = await start(indexes.api.url, 'mode: proxy');
    const project = await createProject(turnout, program);
    const { finished, files: downloaded } = await project.download('acme-cli');
    expect(finished.ok, finished.output).toBe(true);
    expect(downloaded).toEqual([base.file, cli.file].sort());
    const asked = [...finished.output.matchAll(/https?:\/\/[^/\s]+/g)].map(([origin]) => origin);
    expect(new Set(asked)).toEqual(new Set([turnout.origin]));
  });

  test('downloads by hashes, and takes no file that has another', async () => {
    const turnout = await start(indexes.folder.url);
    const project = await createProject(turnout, program);
    const good = await project.demand(lock.slice(0, 2));
    const { finished, files: downloaded } = await project.download('--require-hashes', '-r', good);
    expect(finished.ok, finished.output).toBe(true);
    expect(downloaded).toEqual([base.file, cli.file].sort());

    const bad = await project.demand([`acme-base==1.0.0 --hash=sha256:${'0'.repeat(64)}`]);
    const refused = (await project.download('--require-hashes', '-r', bad)).finished;
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('THESE PACKAGES DO NOT MATCH THE HASHES');
  });

  test('sees what an upgrade brings', async () => {
    const turnout = await start(indexes.api.url);
    const project = await createProject(turnout, program);
    const found = await project.pip('index', 'versions', 'acme-base');
    expect(found.stdout, found.output).toContain('Available versions: 1.1.0, 1.0.0');
  });

  test('installs from an index that wants a password, which only the gateway has', async () => {
    const turnout = await start(indexes.hidden.url, `auth: { username: ci, password: "\${PYPI_PASSWORD}" }`);
    const project = await createProject(turnout, program);
    const installed = await project.install('acme-cli');
    expect(installed.ok, installed.output).toBe(true);
    expect(installed.output).not.toContain(PASSWORD);
    expect(indexes.hidden.requests.every(({ status }) => status === 200)).toBe(true);

    const closed = await start(indexes.hidden.url);
    const refused = await (await createProject(closed, program)).install('-vv', 'acme-cli');
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain(': 401 Client Error');
  });

  test('installs with a password of its own', async () => {
    const turnout = await start(indexes.hidden.url, 'auth: client');
    const index = `${turnout.origin.replace('://', `://ci:${PASSWORD}@`)}/py/simple/`;
    const project = await cleanup.use(createPipProject(index, program));
    const installed = await project.install('acme-cli');
    expect(installed.ok, installed.output).toBe(true);

    const refused = await (await createProject(turnout, program)).install('-vv', 'acme-cli');
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain(': 401 Client Error');
  });

  test('says that a project is not there', async () => {
    const turnout = await start(indexes.api.url);
    const project = await createProject(turnout, program);
    const installed = await project.install('no-such-project');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain('No matching distribution found for no-such-project');
  });

  test('says that an index is down', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`);
    const project = await createProject(turnout, program);
    // Without this, pip says of a page that it cannot have what it says of one that is not there.
    const installed = await project.install('-vv', 'acme-cli');
    expect(installed.ok).toBe(false);
    expect(installed.output).toMatch(/Could not fetch URL .* 502 /);
    expect(installed.output).toContain('No matching distribution found for acme-cli');
    const asked = await fetch(`${turnout.origin}/py/simple/acme-cli/`);
    expect([asked.status, asked.headers.has('retry-after')]).toEqual([502, true]);
  });

  test('never takes a public project that has a private name', async () => {
    const own = await cleanup.use(
      startPythonIndex({ address: '127.0.0.2', layout: 'static', base: '/own/' }),
    );
    own.add(base, cli);
    const open = await cleanup.use(startPythonIndex({ address: '127.0.0.3', layout: 'api', base: '/' }));
    const evil = makeDistribution({ name: 'acme-base', version: '99.0' });
    const absent = makeDistribution({ name: 'acme-absent', version: '99.0' });
    const free = makeDistribution({ name: 'free', version: '1.0', requires: ['acme-cli'] });
    open.add(evil, absent, free);
    const rules = [
      ...['- name: own', '  protocol: pypi', '  at: /py/', '  match: acme-*', `  to: ${own.url}`],
      ...['- name: open', '  protocol: pypi', '  at: /py/', `  to: ${open.url}`],
    ];
    const turnout = await cleanup.use(startTurnout(['rules:', ...rules, ''].join('\n')));
    const project = await createProject(turnout, program);
    const installed = await project.install('free', 'acme-base');
    expect(installed.ok, installed.output).toBe(true);
    expect((await project.run('import acme_base; print(acme_base.version)')).stdout).toBe('1.0.0\n');
    for (const name of ['acme-absent', 'Acme_Absent']) {
      const refused = await project.install(name);
      expect(refused.ok).toBe(false);
      expect(refused.output).toContain(`No matching distribution found for ${name}`);
    }
    expect(open.requests.map(({ url }) => url).filter((url) => url.includes('acme'))).toEqual([]);
  });

  test('takes the files of two indexes for one, where the rule says so', async () => {
    const address = '127.0.0.2';
    const old = await cleanup.use(startPythonIndex({ address, layout: 'static', base: '/old/' }));
    const fresh = await cleanup.use(startPythonIndex({ address, layout: 'api', base: '/new/', files }));
    old.add(base, cli);
    fresh.add(newer);
    const turnout = await cleanup.use(
      startTurnout(
        `rules:\n  - { protocol: pypi, at: /py/, to: ['${old.url}', '${fresh.url}'], merge: true }\n`,
      ),
    );
    const project = await createProject(turnout, program);
    const installed = await project.install('acme-base');
    expect(installed.ok, installed.output).toBe(true);
    expect((await project.run('import acme_base; print(acme_base.version)')).stdout).toBe('1.1.0\n');
    await project.clean();
    const both = await project.install('acme-cli', 'acme-base==1.0.0');
    expect(both.ok, both.output).toBe(true);
  });
});

test('pip reads the metadata beside a wheel by the gateway', async () => {
  const turnout = await start(indexes.api.url);
  const project = await createProject(turnout, await makeTrixiePip());
  const installed = await project.install('acme-cli');
  expect(installed.ok, installed.output).toBe(true);
  const read = [cli, base].map((each) => `${pathOf(each)}.metadata`);
  expect(paths(turnout).filter((path) => path.endsWith('.metadata'))).toEqual(read);
  expect(served(files.requests).filter((path) => path.endsWith('.metadata'))).toHaveLength(2);

  // A folder has none, and says of none.
  await turnout.edit(`to: ${indexes.api.url}`, `to: ${indexes.folder.url}`);
  turnout.forget();
  await project.clean();
  const again = await project.install('acme-cli');
  expect(again.ok, again.output).toBe(true);
  expect(turnout.access().some(({ path }) => path.endsWith('.metadata'))).toBe(false);
});

test('pip locks addresses of the gateway and no others, which hold while the files are elsewhere', async () => {
  const turnout = await start(indexes.api.url);
  const project = await createProject(turnout, await makeTrixiePip());
  const locked = await project.pip('lock', '--quiet', 'acme-cli', '--output', '-');
  expect(locked.ok, locked.output).toBe(true);
  const addresses = locked.stdout.match(/https?:\/\/[^"']+/g) ?? [];
  expect(addresses.sort()).toEqual([base, cli].map((each) => turnout.origin + pathOf(each)));

  await turnout.edit(`to: ${indexes.api.url}`, `to: ${indexes.rebased.url}`);
  for (const { file, body } of [base, cli]) {
    const address = addresses.find((each) => each.endsWith(file)) ?? '';
    const answer = await fetch(address);
    expect(answer.url.startsWith(indexes.rebased.origin)).toBe(true);
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
  }
});

describe('a page', () => {
  test('comes in the form that is asked for, with its type', async () => {
    const turnout = await start(indexes.api.url);
    const types = ['application/vnd.pypi.simple.v1+json', 'application/vnd.pypi.simple.v1+html', 'text/html'];
    for (const accept of types) {
      const answer = await fetch(`${turnout.origin}/py/simple/acme-cli/`, { headers: { accept } });
      expect(answer.headers.get('content-type')).toBe(accept);
      expect(answer.headers.get('vary')?.toLowerCase()).toContain('accept');
      const text = await answer.text();
      expect(text).toContain(`../../files/acme-cli/${cli.file}`);
      expect(text).toContain(cli.sha256);
      expect(text).not.toContain('127.0.0.3');
    }
  });
});
