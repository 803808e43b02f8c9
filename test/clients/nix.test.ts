import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type Debian, makeDebian, openDebian } from './lab/debian.ts';
import { freePort } from './lab/free-port.ts';
import { type Machine, thisMachine } from './lab/machine.ts';
import type { RecordingServer } from './lab/recording-server.ts';
import { createCertificate, startTlsFront } from './lab/tls-front.ts';
import { createNix, type Nix } from './programs/nix.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { createFlakeRepository, type FlakeRepository, startSourceHost } from './upstreams/flake-host.ts';
import { type Built, buildTools, startNixCache } from './upstreams/nix-cache.ts';

/** Debian 12 has Nix 2.8, Debian 13 has 2.26. */
const trixie: Debian = { suite: 'trixie', packages: ['ca-certificates', 'nix-bin'] };
const machines: readonly (readonly [version: string, machine: Machine])[] = [
  ['2.8', thisMachine],
  ['2.26', openDebian(trixie)],
];

const cleanup = createCleanup();
let built: Built;
let repository: FlakeRepository;
let caches: Readonly<Record<'old' | 'moved' | 'zstd' | 'locked', RecordingServer>>;

beforeAll(async () => {
  await makeDebian(trixie);
  built = await buildTools(['1.0', '1.1']);
  await cleanup.use(built.nix);
  repository = await cleanup.use(createFlakeRepository());
  const [xz, zstd] = [await built.pack('xz'), await built.pack('zstd')];
  caches = {
    old: await cleanup.use(startNixCache(xz, { address: '127.0.0.2', base: '/cache' })),
    moved: await cleanup.use(startNixCache(xz, { address: '127.0.0.3', base: '/acme/nix', elsewhere: true })),
    zstd: await cleanup.use(startNixCache(zstd, { address: '127.0.0.3', base: '/z' })),
    locked: await cleanup.use(startNixCache(xz, { address: '127.0.0.2', base: '/p', password: 's3cret' })),
  };
}, 300_000);
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: nix', 'at: /nix/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return cleanup.use(startTurnout(`rules:\n  - name: cache\n${lines.join('')}`));
}

const substituter = (turnout: Turnout) => ({
  url: `${turnout.origin}/nix`,
  publicKey: built.publicKey,
});
const toolOf = (version: string): string => built.tools[version] ?? '';

async function expectInstalled(nix: Nix, turnout: Turnout, version: string): Promise<void> {
  const path = toolOf(version);
  const installed = await nix.install(substituter(turnout), path);
  expect(installed.ok, installed.output).toBe(true);
  expect(await readFile(join(nix.locate(path), 'bin/tool'), 'utf8')).toContain(`echo tool ${version}`);
  expect(await readFile(nix.locate(built.words), 'utf8')).toBe('words of 1.0\n');
}

/** The requests for NARs that the gateway saw. */
const narsAt = (turnout: Turnout) => turnout.access().filter(({ path }) => path.startsWith('/nix/nar/'));

const withModes = machines.flatMap(([version, machine]) =>
  ['auto', 'proxy'].map((mode) => ({ version, machine, mode })),
);

describe.each(withModes)('Nix $version in mode $mode', ({ version, machine, mode }) => {
  let turnout: Turnout;
  let nix: Nix;
  let line: string;

  async function switchTo(cache: RecordingServer, base: string): Promise<void> {
    const next = `to: ${cache.origin}${base}`;
    await turnout.edit(line, next);
    line = next;
    for (const each of Object.values(caches)) each.forget();
    turnout.forget();
  }

  beforeAll(async () => {
    line = `to: ${caches.old.origin}/cache`;
    turnout = await start(`${caches.old.origin}/cache`, `mode: ${mode}`);
    nix = await cleanup.use(createNix(machine));
  });

  test('installs a store path with what it needs, signatures checked', async () => {
    const shown = await nix.run('nix', ['--version']);
    expect(shown.stdout).toContain(`(Nix) ${version}`);
    await expectInstalled(nix, turnout, '1.0');
    expect(narsAt(turnout).map(({ type, status }) => [type, status])).toEqual(
      Array(2).fill(mode === 'auto' ? ['redirect', 302] : ['proxy', 200]),
    );
  });

  test('upgrades', async () => {
    turnout.forget();
    await expectInstalled(nix, turnout, '1.1');
    expect(narsAt(turnout)).toHaveLength(1);
  });

  test('installs from another cache what it has the old narinfos of', async () => {
    await switchTo(caches.moved, '/acme/nix');
    await nix.uninstall();
    await expectInstalled(nix, turnout, '1.0');
    expect(caches.old.requests).toEqual([]);
    expect(narsAt(turnout)).toHaveLength(2);
    expect(turnout.access().some(({ path }) => path.endsWith('.narinfo'))).toBe(false);
  });

  test('installs from another cache what it has no narinfos of', async () => {
    await nix.uninstall();
    await nix.forget();
    turnout.forget();
    await expectInstalled(nix, turnout, '1.0');
    expect(caches.old.requests).toEqual([]);
    expect(narsAt(turnout)).toHaveLength(2);
    expect(turnout.access().some(({ path }) => path.endsWith('.narinfo'))).toBe(true);
  });
});

describe.each(machines)('Nix %s', (_, machine) => {
  const cacheLine = (cache: RecordingServer, base: string): string => `to: ${cache.origin}${base}`;
  const narInfo = /\.narinfo$/;

  test('installs what it has the old narinfos of from a cache with another compression', async () => {
    const nix = await cleanup.use(createNix(machine));
    const turnout = await start(`${caches.old.origin}/cache`, 'options: { compression: none }');
    await expectInstalled(nix, turnout, '1.0');
    await turnout.edit(cacheLine(caches.old, '/cache'), cacheLine(caches.zstd, '/z'));
    await nix.uninstall();
    caches.old.forget();
    turnout.forget();
    await expectInstalled(nix, turnout, '1.0');
    expect(caches.old.requests).toEqual([]);
    expect(turnout.access().some(({ path }) => narInfo.test(path))).toBe(false);
  });

  test('installs what it has no narinfos of from a cache with another compression, redirected throughout', async () => {
    const nix = await cleanup.use(createNix(machine));
    const turnout = await start(`${caches.old.origin}/cache`, 'mode: redirect');
    await expectInstalled(nix, turnout, '1.0');
    await turnout.edit(cacheLine(caches.old, '/cache'), cacheLine(caches.zstd, '/z'));
    await nix.uninstall();
    await nix.forget();
    turnout.forget();
    await expectInstalled(nix, turnout, '1.0');
    expect(narsAt(turnout)).toHaveLength(2);
    expect(turnout.access().every(({ type }) => type === 'redirect')).toBe(true);
  });

  test('is told to ask anew where another compression was promised', async () => {
    const nix = await cleanup.use(createNix(machine));
    const turnout = await start(`${caches.old.origin}/cache`);
    await expectInstalled(nix, turnout, '1.0');
    await turnout.edit(cacheLine(caches.old, '/cache'), cacheLine(caches.zstd, '/z'));
    await nix.uninstall();
    const refused = await nix.install(substituter(turnout), toolOf('1.0'));
    expect(refused.ok).toBe(false);
    await nix.forget();
    await expectInstalled(nix, turnout, '1.0');
  });

  test('refuses what another key has signed', async () => {
    const nix = await cleanup.use(createNix(machine));
    const turnout = await start(`${caches.old.origin}/cache`);
    const publicKey = built.publicKey.replace(/:.*/, `:${Buffer.alloc(32, 1).toString('base64')}`);
    const refused = await nix.install({ ...substituter(turnout), publicKey }, toolOf('1.0'));
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('signed by any of the keys');
  });

  test('says of a store path that it is missing, and of a cache that it is down', async () => {
    const nix = await cleanup.use(createNix(machine));
    const missing = toolOf('1.0').replace(/store\/.{4}/, 'store/0000');
    const turnout = await start(`${caches.old.origin}/cache`);
    const refused = await nix.install(substituter(turnout), missing);
    expect(refused.ok).toBe(false);
    expect(refused.output).toMatch(/no substituter that can build it|don't know how to build/);
    const narinfo = await turnout.waitForAccess(({ path }) => narInfo.test(path));
    expect(narinfo.status).toBe(404);

    const down = await start(`http://127.0.0.2:${await freePort()}`);
    const failed = await nix.install(substituter(down), toolOf('1.0'));
    expect(failed.ok).toBe(false);
    expect(failed.output).toContain('HTTP error 502');
  });

  test.each(['auto', 'proxy'])(
    'installs from a private cache with the password of the gateway, in mode %s',
    async (mode) => {
      const nix = await cleanup.use(createNix(machine));
      const to = `${caches.locked.origin}/p`;
      const refused = await nix.install(substituter(await start(to, `mode: ${mode}`)), toolOf('1.0'));
      expect(refused.ok).toBe(false);
      const auth = 'auth: { username: robot, password: s3cret }';
      await expectInstalled(nix, await start(to, `mode: ${mode}`, auth), '1.0');
    },
  );

  test.each(['auto', 'proxy'])(
    'installs from a second cache when the first dies after its narinfos, in mode %s',
    async (mode) => {
      const files = await built.pack('xz');
      const dying = await startNixCache(files, { address: '127.0.0.2', base: '/d' });
      const turnout = await start(`[${dying.origin}/d, ${caches.moved.origin}/acme/nix]`, `mode: ${mode}`);
      const nix = await cleanup.use(createNix(machine));
      await expectInstalled(nix, turnout, '1.0');
      await dying.stop();
      await nix.uninstall();
      await expectInstalled(nix, turnout, '1.0');
    },
  );

  test('updates a channel, from another place after a switch', async () => {
    const nix = await cleanup.use(createNix(machine, { own: true }));
    const [first, second] = [
      await cleanup.use(startSourceHost(repository, { address: '127.0.0.2', kind: 'channel' })),
      await cleanup.use(startSourceHost(repository, { address: '127.0.0.3', kind: 'channel' })),
    ];
    const turnout = await start(first.origin);
    const added = await nix.run('nix-channel', ['--add', `${turnout.origin}/nix/channels/acme`, 'acme']);
    expect(added.ok, added.output).toBe(true);
    for (const host of [first, second]) {
      if (host === second) await turnout.edit(`to: ${first.origin}`, `to: ${second.origin}`);
      await nix.forget();
      const updated = await nix.run('nix-channel', ['--update']);
      expect(updated.ok, updated.output).toBe(true);
      expect(host.requests.map(({ url }) => url)).toContain('/channels/acme/nixexprs.tar.xz');
      const evaluated = await nix.run('nix-instantiate', ['--eval', '--expr', '(import <acme>).answer']);
      expect(evaluated.stdout, evaluated.output).toBe('"one"\n');
    }
  });
});

describe.each(['auto', 'proxy'])('a flake in mode %s', (mode) => {
  test('is locked to an address of the gateway that outlives a switch', async () => {
    const [, machine] = machines[1] ?? ['', thisMachine];
    const nix = await cleanup.use(createNix(machine));
    const [forgejo, github] = [
      await cleanup.use(startSourceHost(repository, { address: '127.0.0.2', kind: 'forgejo' })),
      await cleanup.use(startSourceHost(repository, { address: '127.0.0.3', kind: 'github' })),
    ];
    const line = `to: ${forgejo.origin}/acme/app/archive/:ref.tar.gz`;
    const turnout = await start(
      line.slice('to: '.length),
      `mode: ${mode}`,
      'match: /app/:ref.tar.gz',
      'options: { locked: "/app/:rev.tar.gz" }',
    );
    const flake = await createFlake(nix, `${turnout.origin}/nix/app/main.tar.gz`);
    expect(await flake.evaluate()).toBe('one');
    const lock = await flake.lock();
    expect(lock).toMatchObject({
      type: 'tarball',
      url: `${turnout.origin}/nix/app/${repository.first}.tar.gz`,
      rev: repository.first,
    });

    await turnout.edit(line, `to: ${github.origin}/acme-inc/app/archive/:ref.tar.gz`);
    await nix.uninstall();
    await nix.forget();
    forgejo.forget();
    expect(await flake.evaluate()).toBe('one');
    expect(await flake.lock()).toEqual(lock);
    expect(forgejo.requests).toEqual([]);

    github.advance();
    const updated = await nix.run('nix', ['flake', 'update', '--flake', `path:${flake.folder}`]);
    expect(updated.ok, updated.output).toBe(true);
    expect(await flake.evaluate()).toBe('two');
    expect(await flake.lock()).toMatchObject({
      url: `${turnout.origin}/nix/app/${repository.second}.tar.gz`,
      rev: repository.second,
    });
  });
});

// Nix 2.8 asks `api.` and the host, which is no place for a gateway.
test('Nix 2.26 fetches a repository as it would from GitHub, wherever it is', async () => {
  const [, machine] = machines[1] ?? ['', thisMachine];
  const certificate = await cleanup.use(createCertificate());
  const nix = await cleanup.use(createNix(machine, { certificate: certificate.file }));
  const [github, forgejo] = [
    await cleanup.use(startSourceHost(repository, { address: '127.0.0.3', kind: 'github' })),
    await cleanup.use(startSourceHost(repository, { address: '127.0.0.2', kind: 'forgejo' })),
  ];
  const line = `to: ${github.origin}/acme-inc/app/archive/:rev.tar.gz`;
  const rules = `rules:\n  - protocol: nix\n    match: /api/v3/repos/acme/app/tarball/:rev\n    ${line}\n`;
  const turnout = await cleanup.use(startTurnout(rules));
  // Nix asks a host of GitHub's kind at the port of https.
  const front = await startTlsFront(turnout.origin, certificate, '127.0.0.4', 443);
  onTestFinished(async () => void (await front.stop()));
  const reference = `github:acme/app/${repository.first}?host=${new URL(front.origin).hostname}#answer`;
  for (const host of [github, forgejo]) {
    if (host === forgejo) await turnout.edit(line, `to: ${forgejo.origin}/x/archive/:rev.tar.gz`);
    await nix.uninstall();
    await nix.forget();
    const evaluated = await nix.run('nix', ['eval', '--raw', reference]);
    expect(evaluated.stdout, evaluated.output).toBe('one');
    expect(host.requests.length).toBeGreaterThan(0);
  }
});

interface Flake {
  readonly folder: string;
  /** What the flake makes of its input. */
  evaluate(): Promise<string>;
  /** What its input is locked to. */
  lock(): Promise<Readonly<Record<string, unknown>>>;
}

/** Makes a flake with one input. */
async function createFlake(nix: Nix, url: string): Promise<Flake> {
  const folder = join(nix.home, 'flake');
  await mkdir(folder);
  await writeFile(
    join(folder, 'flake.nix'),
    `{ inputs.app.url = "${url}"; outputs = { self, app }: { inherit (app) answer; }; }\n`,
  );
  return {
    folder,
    async evaluate() {
      const evaluated = await nix.run('nix', ['eval', '--raw', `path:${folder}#answer`]);
      expect(evaluated.ok, evaluated.output).toBe(true);
      return evaluated.stdout;
    },
    lock: async () =>
      JSON.parse(await readFile(join(folder, 'flake.lock'), 'utf8')).nodes.app.locked as Readonly<
        Record<string, unknown>
      >,
  };
}
