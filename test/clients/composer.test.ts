import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { served } from './lab/recording-server.ts';
import { type ComposerProject, createComposerProject } from './programs/composer.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type ComposerRepository, startComposerRepository } from './upstreams/composer-repository.ts';

const TOKEN = 'only-the-gateway-knows';
const versions = [
  { name: 'acme/base', version: '1.0.0' },
  { name: 'acme/base', version: '1.1.0' },
  { name: 'acme/cli', version: '2.0.0', require: { 'acme/base': '^1.0' } },
];

const cleanup = createCleanup();
let repositories: Readonly<
  Record<'packagist' | 'elsewhere' | 'included' | 'inlined' | 'hidden', ComposerRepository>
>;

beforeAll(async () => {
  const start = (layout: 'packagist' | 'elsewhere' | 'included' | 'inlined', address: string, base: string) =>
    cleanup.use(startComposerRepository(versions, { layout, address, base }));
  const hidden = { layout: 'packagist', address: '127.0.0.2', base: '/acme/', token: TOKEN } as const;
  repositories = {
    packagist: await cleanup.use(
      startComposerRepository(versions, {
        layout: 'packagist',
        address: '127.0.0.2',
        base: '/',
        notified: true,
      }),
    ),
    elsewhere: await start('elsewhere', '127.0.0.3', '/repository/php/'),
    included: await start('included', '127.0.0.3', '/satis/'),
    inlined: await start('inlined', '127.0.0.3', '/'),
    hidden: await cleanup.use(startComposerRepository(versions, hidden)),
  };
});
beforeEach(() => {
  for (const repository of Object.values(repositories)) repository.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['rules:', '  - name: php', '    protocol: composer', '    at: /php/', `    to: ${to}`];
  const env = { PHP_TOKEN: TOKEN };
  return cleanup.use(startTurnout([...lines, ...more.map((line) => `    ${line}`), ''].join('\n'), { env }));
}

function createProject({ origin }: Turnout, name = 'acme/cli'): Promise<ComposerProject> {
  return cleanup.use(createComposerProject(`${origin}/php`, { [name]: '*' }));
}

/** The archives that were asked of the gateway, and not refused. */
function archives({ access }: Turnout): string[] {
  const paths = access().filter(({ method, status }) => method === 'GET' && status < 400);
  return paths.map(({ path }) => path).filter((path) => path.startsWith('/php/dists/'));
}

describe.each(['auto', 'redirect', 'proxy'])('in mode %s', (mode) => {
  let turnout: Turnout;
  let project: ComposerProject;

  beforeAll(async () => {
    turnout = await start(repositories.packagist.url, `mode: ${mode}`);
    project = await createProject(turnout);
    const installed = await project.composer('update');
    expect(installed.ok, installed.output).toBe(true);
  });

  test('Composer installs, and all that it fetches it asks the gateway for', async () => {
    expect(archives(turnout)).toEqual([
      expect.stringMatching(/^\/php\/dists\/acme\/base\/1\.1\.0\/[\da-f]{40}\.zip$/),
      expect.stringMatching(/^\/php\/dists\/acme\/cli\/2\.0\.0\/[\da-f]{40}\.zip$/),
    ]);
    const shown = await project.php("require 'vendor/autoload.php'; echo Acme\\Cli\\Version::TEXT;");
    expect(shown.stdout, shown.output).toBe('2.0.0');
  });

  test('the lock file names the gateway and nothing else', async () => {
    const addresses = JSON.stringify(JSON.parse(await project.lockFile())).match(/https?:\/\/[^"]+/g) ?? [];
    const own = addresses.filter((address) => !address.startsWith('https://getcomposer.org/'));
    expect(own).toHaveLength(4);
    expect(own.every((address) => address.startsWith(`${turnout.origin}/php/`))).toBe(true);
  });

  test.each(['elsewhere', 'included', 'inlined'] as const)(
    'installs from the lock file while the archives are at a repository of another layout: %s',
    async (layout) => {
      const repository = repositories[layout];
      const lockFile = await project.lockFile();
      await turnout.edit(`to: ${repositories.packagist.url}`, `to: ${repository.url}`);
      await project.clean();
      turnout.forget();
      const installed = await project.composer('install');
      expect(installed.ok, installed.output).toBe(true);
      expect(await project.lockFile()).toBe(lockFile);
      expect(archives(turnout)).toHaveLength(2);
      expect(served(repository.requests).filter((url) => url.endsWith('.zip'))).toHaveLength(2);
      expect(repositories.packagist.requests).toEqual([]);
      await turnout.edit(`to: ${repository.url}`, `to: ${repositories.packagist.url}`);
    },
  );

  test('the repository is told of the install', async () => {
    await project.clean();
    const before = repositories.packagist.notifications.length;
    const installed = await project.composer('install');
    expect(installed.ok, installed.output).toBe(true);
    expect(repositories.packagist.notifications.slice(before)).toEqual([
      {
        downloads: [
          expect.objectContaining({ name: 'acme/base', version: '1.1.0.0' }),
          expect.objectContaining({ name: 'acme/cli', version: '2.0.0.0' }),
        ],
      },
    ]);
  });
});

describe.each(['elsewhere', 'included', 'inlined'] as const)(
  'a repository of another layout: %s',
  (layout) => {
    test('is updated and installed from', async () => {
      const turnout = await start(repositories[layout].url);
      const project = await createProject(turnout);
      const installed = await project.composer('update');
      expect(installed.ok, installed.output).toBe(true);
      expect(archives(turnout)).toHaveLength(2);
      expect(await project.lockFile()).not.toContain(repositories[layout].origin);
      // The news of the install, which this repository does not want, are taken here.
      expect(turnout.access().filter(({ method }) => method === 'POST')).toMatchObject([{ status: 200 }]);
    });
  },
);

test('metadata that Composer has is not fetched again', async () => {
  const turnout = await start(repositories.packagist.url);
  const project = await createProject(turnout);
  expect((await project.composer('update')).ok).toBe(true);
  turnout.forget();
  const updated = await project.composer('update');
  expect(updated.ok, updated.output).toBe(true);
  const metadata = turnout.access().filter(({ path }) => path === '/php/p2/acme/cli.json');
  expect(metadata.map(({ status }) => status)).toEqual([304]);
});

test('a lock file of before takes the address of the gateway, and no other version', async () => {
  const project = await cleanup.use(
    createComposerProject(repositories.packagist.url, { 'acme/base': '1.0.0' }),
  );
  expect((await project.composer('update')).ok).toBe(true);
  expect(await project.lockFile()).toContain(repositories.packagist.origin);
  const turnout = await start(repositories.packagist.url);
  await project.moveTo(`${turnout.origin}/php`);
  const updated = await project.composer('update', 'mirrors');
  expect(updated.ok, updated.output).toBe(true);
  expect(await project.lockFile()).not.toContain(repositories.packagist.origin);
  expect(await project.lockFile()).toContain('"version": "1.0.0"');
});

describe('what goes wrong', () => {
  test('a package that is not there', async () => {
    const turnout = await start(repositories.packagist.url);
    const project = await createProject(turnout, 'acme/none');
    const updated = await project.composer('update');
    expect(updated.ok).toBe(false);
    expect(updated.output).toContain('acme/none, it could not be found in any version');
  });

  test('a repository that is down', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`);
    const project = await createProject(turnout);
    const updated = await project.composer('update');
    expect(updated.ok).toBe(false);
    expect(updated.output).toContain('502');
    expect((await fetch(`${turnout.origin}/php/packages.json`)).headers.get('retry-after')).not.toBeNull();
  });

  test('an archive that has changed', async () => {
    const turnout = await start(repositories.packagist.url);
    const project = await createProject(turnout);
    expect((await project.composer('update')).ok).toBe(true);
    const other = [{ ...versions[1], require: { php: '*' } }, ...versions.slice(2)] as typeof versions;
    const options = { layout: 'packagist', address: '127.0.0.3', base: '/' } as const;
    const changed = await cleanup.use(startComposerRepository(other, options));
    await turnout.edit(`to: ${repositories.packagist.url}`, `to: ${changed.url}`);
    await project.clean();
    const installed = await project.composer('install');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain('checksum verification of the file failed');
  });
});

test('a repository that wants a token, which only the gateway has', async () => {
  const turnout = await start(repositories.hidden.url, 'auth: { token: "${PHP_TOKEN}" }');
  const project = await createProject(turnout);
  const installed = await project.composer('update');
  expect(installed.ok, installed.output).toBe(true);
  expect(await project.lockFile()).not.toContain(TOKEN);
  expect(repositories.hidden.requests.every(({ status }) => status < 400)).toBe(true);

  const closed = await start(repositories.hidden.url);
  const refused = await (await createProject(closed)).composer('update');
  expect(refused.ok).toBe(false);
  expect(refused.output).toMatch(/401|authenticat/i);
});
