import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bullseye, debian } from './debians.ts';
import { createCleanup } from './lab/cleanup.ts';
import type { FinishedCommand } from './lab/command.ts';
import { makeDebian, openDebian } from './lab/debian.ts';
import { freePort } from './lab/free-port.ts';
import { thisMachine } from './lab/machine.ts';
import { served, startRecordingServer } from './lab/recording-server.ts';
import { type Certificate, createCertificate, startTlsFront } from './lab/tls-front.ts';
import { type AptSystem, createAptSystem } from './programs/apt.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Credentials } from './upstreams/credentials.ts';
import {
  createFlatRepository,
  createRepository,
  createRepositoryKey,
  type DebianFiles,
  type DebianPackage,
  type DebianRepository,
  type RepositoryKey,
  startDebianRepository,
} from './upstreams/debian-repository.ts';

const credentials = { username: 'robot', password: 's3cret' };
// Names with what apt escapes, an epoch in the name of a file, and the escape that `dpkg-name` writes for one.
const tool: DebianPackage = {
  name: 'c++tool',
  version: '1:1.0~rc1+b1',
  shown: '1:1.0~rc1+b1',
  needs: 'libtool-data (>= 2:0.9)',
};
const newer: DebianPackage = { ...tool, version: '1:1.0+b2', shown: '1:1.0+b2' };
const data: DebianPackage = { name: 'libtool-data', version: '2:1.0', shown: '2%3a1.0', component: 'extra' };
const TOOL = 'c%2b%2btool_1:1.0%7erc1%2bb1_all.deb';
const NEWER = 'c%2b%2btool_1:1.0%2bb2_all.deb';
const DATA = 'libtool-data_2%253a1.0_all.deb';

const apts = [
  { apt: '2.6', machine: thisMachine },
  { apt: '3.0', machine: openDebian(debian) },
];

const cleanup = createCleanup();
let key: RepositoryKey;
let other: RepositoryKey;
let files: Readonly<Record<'old' | 'new' | 'flat' | 'flatNew', DebianFiles>>;

beforeAll(async () => {
  key = await cleanup.use(createRepositoryKey());
  other = await cleanup.use(createRepositoryKey());
  const keyFile = ['/keys/acme.gpg', key.binary] as const;
  const withKey = (made: DebianFiles): DebianFiles => new Map([...made, keyFile]);
  files = {
    old: withKey(await createRepository([tool, data], key)),
    new: withKey(await createRepository([tool, newer, data], key)),
    flat: withKey(await createFlatRepository([tool, data], key)),
    flatNew: withKey(await createFlatRepository([newer, data], key)),
  };
});
afterAll(() => cleanup.run());

function startRepository(
  address: string,
  base: string,
  from: DebianFiles,
  wanted?: Credentials,
): Promise<DebianRepository> {
  return cleanup.use(startDebianRepository(address, base, from, wanted));
}

function writeRule(to: string, more: readonly string[]): string {
  const lines = ['protocol: apt', 'at: /deb/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return `rules:\n  - name: debian\n${lines.join('')}`;
}

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  return cleanup.use(startTurnout(writeRule(to, more)));
}

/** A system whose only source is the one that the gateway makes, as a person adds it. */
async function createSystem(
  { origin }: Turnout,
  made = 'dists/stable.sources',
  machine = thisMachine,
): Promise<AptSystem> {
  const system = await cleanup.use(createAptSystem(machine));
  const answer = await fetch(`${origin}/deb/${made}`);
  expect(answer.status).toBe(200);
  await system.write('etc/apt/sources.list.d/acme.sources', await answer.text());
  return system;
}

/** A system whose source is written by hand, with the key in a file. */
async function createOldSystem(
  { origin }: Pick<Turnout, 'origin'>,
  suite = 'stable main extra',
  machine = thisMachine,
): Promise<AptSystem> {
  const system = await cleanup.use(createAptSystem(machine));
  await system.write('etc/apt/keyrings/acme.asc', key.armored);
  const signed = system.locate('etc/apt/keyrings/acme.asc');
  await system.write('etc/apt/sources.list', `deb [signed-by=${signed}] ${origin}/deb ${suite}\n`);
  return system;
}

function expectFine({ ok, output }: FinishedCommand): void {
  expect(ok, output).toBe(true);
  expect(output).not.toMatch(/^[WE]: /m);
}

async function expectUpdated(system: AptSystem): Promise<void> {
  expectFine(await system.aptGet('update'));
}

async function expectInstalled(system: AptSystem, { version }: DebianPackage): Promise<void> {
  expect(await system.read('usr/share/c++tool')).toBe(`${version}\n`);
  expect(await system.read('usr/share/libtool-data')).toBe(`${data.version}\n`);
}

/** The names of the files that were asked of the gateway below a path, and not refused. */
function asked(turnout: Turnout, below: string): string[] {
  const fine = turnout.access().filter(({ path, status }) => path.startsWith(`/deb${below}`) && status < 400);
  return fine.map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
}

/** Expects it within some seconds: the access log of a busy machine comes late. */
function eventually<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 10_000 });
}

const ways = [
  { way: 'with redirects', more: 'mode: auto', option: '' },
  { way: 'with the release fetched', more: 'mode: auto', option: ', release: proxy' },
  { way: 'with everything fetched', more: 'mode: proxy', option: '' },
];

describe.each(apts.flatMap((each) => ways.map((way) => ({ ...each, ...way }))))(
  'apt $apt, $way',
  ({ apt, machine, way, more, option }) => {
    let first: DebianRepository;
    let second: DebianRepository;
    let turnout: Turnout;
    let system: AptSystem;

    beforeAll(async () => {
      first = await startRepository('127.0.0.2', '/acme', files.old);
      second = await startRepository('127.0.0.3', '/mirror/of/acme', files.new);
      turnout = await start(`${first.origin}/acme`, more, `options: { key: keys/acme.gpg${option} }`);
      system = await createSystem(turnout, 'dists/stable.sources', machine);
      first.forget();
      turnout.forget();
    });

    test('installs from the source that the gateway makes, signatures checked', async () => {
      expect((await system.aptGet('--version')).stdout).toMatch(
        new RegExp(`^apt ${apt.replace('.', '\\.')}\\.`),
      );
      await expectUpdated(system);
      expectFine(await system.aptGet('install', 'c++tool'));
      await expectInstalled(system, tool);
      await eventually(() => asked(turnout, '/pool/').sort()).toEqual([TOOL, DATA]);
      await eventually(() => asked(turnout, '/dists/')).toContain('InRelease');
      for (const { headers } of first.requests) expect(headers['user-agent']).toMatch(/^Debian APT-HTTP/);
    });

    test('asks for all indexes here, unless it was sent away for the first', async () => {
      const indexes = served(first.requests).filter((url) => /by-hash/.test(url));
      expect(indexes).toHaveLength(4);
      const seen = () => asked(turnout, '/dists/').filter((name) => /^[\da-f]{128}$/.test(name));
      await eventually(seen).toHaveLength(way === 'with redirects' ? 0 : 4);
    });

    test('upgrades to a version that has been published', async () => {
      await expectUpdated(system);
      first.publish(files.new);
      turnout.forget();
      await expectUpdated(system);
      expectFine(await system.aptGet('upgrade'));
      await expectInstalled(system, newer);
      await eventually(() => asked(turnout, '/pool/')).toEqual([NEWER]);
    });

    test('installs the same from another origin and path, and asks the old one for nothing', async () => {
      await turnout.edit(`to: ${first.origin}/acme`, `to: ${second.origin}/mirror/of/acme`);
      for (const repository of [first, second]) repository.forget();
      await expectUpdated(system);
      expectFine(await system.aptGet('clean'));
      expectFine(await system.aptGet('install', '--reinstall', 'c++tool', 'libtool-data'));
      await expectInstalled(system, newer);
      expect(served(second.requests)).toContain(`/mirror/of/acme/pool/main/c/c%2b%2btool/${NEWER}`);
      expect(first.requests).toEqual([]);
      // A system that starts now does the same.
      const fresh = await createSystem(turnout, 'dists/stable.sources', machine);
      await expectUpdated(fresh);
      expectFine(await fresh.aptGet('install', 'c++tool=1:1.0~rc1+b1'));
      await expectInstalled(fresh, tool);
      expect(first.requests).toEqual([]);
    });
  },
);

describe.each(['auto', 'proxy'])('a flat repository, in the mode %s', (mode) => {
  test.each([
    ['as the gateway makes it', (turnout: Turnout) => createSystem(turnout, 'flat.sources')],
    ['with a dot for its suite', (turnout: Turnout) => createOldSystem(turnout, './')],
    ['with a slash for its suite', (turnout: Turnout) => createOldSystem(turnout, '/')],
  ])('is installed from, upgraded from, and switched, %s', async (_, create) => {
    const first = await startRepository('127.0.0.2', '/home:/acme/Debian', files.flat);
    const second = await startRepository('127.0.0.3', '/flat', files.flatNew);
    const to = `${first.origin}/home%3A/acme/Debian`;
    const turnout = await start(`"${to}"`, `mode: ${mode}`, 'options: { key: keys/acme.gpg }');
    const system = await create(turnout);
    await expectUpdated(system);
    expectFine(await system.aptGet('install', 'c++tool'));
    await expectInstalled(system, tool);
    await eventually(() =>
      asked(turnout, '/')
        .filter((name) => name.endsWith('.deb'))
        .sort(),
    ).toEqual([TOOL, DATA]);

    await turnout.edit(`"${to}"`, `${second.origin}/flat`);
    first.forget();
    await expectUpdated(system);
    expectFine(await system.aptGet('upgrade'));
    await expectInstalled(system, newer);
    expect(first.requests).toEqual([]);
  });
});

test.each(['auto', 'proxy'])('the source of a package is downloaded, in the mode %s', async (mode) => {
  const repository = await startRepository('127.0.0.2', '/acme', files.old);
  const turnout = await start(
    `${repository.origin}/acme`,
    `mode: ${mode}`,
    'options: { key: keys/acme.gpg }',
  );
  const system = await createSystem(turnout);
  const source = await system.read('etc/apt/sources.list.d/acme.sources');
  await system.write('etc/apt/sources.list.d/acme.sources', source.replace('Types: deb', 'Types: deb-src'));
  await expectUpdated(system);
  expectFine(await system.aptGet('source', '--download-only', 'c++tool'));
  const names = ['c++tool_1.0~rc1+b1.dsc', 'c++tool_1.0~rc1+b1.tar.gz'];
  for (const name of names)
    expect(await system.read(name)).toBe(files.old.get(`/pool/main/c/c++tool/${name}`)?.toString());
  await eventually(() => asked(turnout, '/pool/').map(decodeURIComponent).sort()).toEqual(names);
});

test.each(['auto', 'proxy'])('a release that is signed beside does as well, in the mode %s', async (mode) => {
  const without = new Map(files.old);
  without.delete('/dists/stable/InRelease');
  const repository = await startRepository('127.0.0.2', '/acme', without);
  const turnout = await start(
    `${repository.origin}/acme`,
    `mode: ${mode}`,
    'options: { key: keys/acme.gpg }',
  );
  const system = await createSystem(turnout);
  await expectUpdated(system);
  expect(served(repository.requests)).toContain('/acme/dists/stable/Release.gpg');
  expectFine(await system.aptGet('install', 'c++tool'));
  await expectInstalled(system, tool);
});

describe('apt 2.2, which reads no key in a source', () => {
  beforeAll(() => makeDebian(bullseye), 900_000);

  test.each(['auto', 'proxy'])(
    'installs by a line and a key in a file, and moves, in the mode %s',
    async (mode) => {
      const first = await startRepository('127.0.0.2', '/a%2b~b', files.old);
      const second = await startRepository('127.0.0.3', '/mirror', files.new);
      const turnout = await start(
        `"${first.origin}/a%252b~b"`,
        `mode: ${mode}`,
        'options: { key: keys/acme.gpg }',
      );
      const system = await createOldSystem(turnout, 'stable main extra', openDebian(bullseye));
      expect((await system.aptGet('--version')).stdout).toMatch(/^apt 2\.2\./);
      const answer = await fetch(`${turnout.origin}/deb/dists/stable.asc`);
      await system.write('etc/apt/keyrings/acme.asc', await answer.text());
      await expectUpdated(system);
      expectFine(await system.aptGet('install', 'c++tool'));
      await expectInstalled(system, tool);
      await eventually(() => asked(turnout, '/pool/').sort()).toEqual([TOOL, DATA]);

      await turnout.edit(`"${first.origin}/a%252b~b"`, `${second.origin}/mirror`);
      first.forget();
      await expectUpdated(system);
      expectFine(await system.aptGet('upgrade'));
      await expectInstalled(system, newer);
      expect(first.requests).toEqual([]);
    },
  );
});

test.each([
  ['http, where apt would not follow', 'proxy', (repository: DebianRepository) => repository.origin],
  [
    'https, where it follows',
    'redirect',
    async (repository: DebianRepository, certificate: Certificate) =>
      (await cleanup.use(startTlsFront(repository.origin, certificate, '127.0.0.2'))).origin,
  ],
] as const)('over https, apt installs from a repository over %s', async (_, type, locate) => {
  const certificate = await cleanup.use(createCertificate());
  const repository = await startRepository('127.0.0.2', '/acme', files.old);
  const rules = writeRule(`${await locate(repository, certificate)}/acme`, []);
  const turnout = await cleanup.use(startTurnout(rules, { args: ['--trust-proxy', '127.0.0.1'] }));
  const { origin } = await cleanup.use(startTlsFront(turnout.origin, certificate));
  const system = await createOldSystem({ origin });
  await system.write('etc/apt/apt.conf.d/ca', `Acquire::https::CaInfo "${certificate.file}";\n`);
  await expectUpdated(system);
  expectFine(await system.aptGet('install', 'c++tool'));
  await expectInstalled(system, tool);
  const packages = () => turnout.access().filter(({ path }) => path.endsWith('.deb'));
  await eventually(() => packages().map((record) => record.type)).toEqual([type, type]);
});

describe('a repository behind', () => {
  test('may want a password that only the gateway has', async () => {
    const repository = await startRepository('127.0.0.2', '/private', files.old, credentials);
    const turnout = await start(
      `${repository.origin}/private`,
      'auth: { username: robot, password: s3cret }',
      'options: { key: keys/acme.gpg }',
    );
    const system = await createSystem(turnout);
    await expectUpdated(system);
    const installed = await system.aptGet('install', 'c++tool');
    expectFine(installed);
    await expectInstalled(system, tool);
    expect(installed.output + (await system.read('etc/apt/sources.list.d/acme.sources'))).not.toContain(
      's3cret',
    );
    await eventually(() =>
      asked(turnout, '/dists/').filter((name) => /^[\da-f]{128}$/.test(name)),
    ).toHaveLength(4);

    const open = await start(`${repository.origin}/private`, 'mode: proxy');
    expect((await fetch(`${open.origin}/deb/dists/stable.sources`)).status).toBe(401);
    const updated = await (await createOldSystem(open)).aptGet('update');
    expect(updated.output).toMatch(/401 {2}Unauthorized/);
  });

  test('may want a password of each person', async () => {
    const repository = await startRepository('127.0.0.2', '/private', files.old, credentials);
    const turnout = await start(`${repository.origin}/private`, 'auth: client');
    const system = await createOldSystem(turnout);
    expect((await system.aptGet('update')).output).toMatch(/401 {2}Unauthorized/);
    await system.write('etc/apt/auth.conf', `machine ${turnout.origin}/deb login robot password s3cret\n`);
    await expectUpdated(system);
    expectFine(await system.aptGet('install', 'c++tool'));
    await expectInstalled(system, tool);
  });

  test('may be signed by somebody else, or changed on the way, and apt refuses it', async () => {
    const forged = await createRepository([newer, data], other);
    const inRelease = files.old.get('/dists/stable/InRelease')?.toString() ?? '';
    const changed = new Map(files.old).set(
      '/dists/stable/InRelease',
      Buffer.from(inRelease.replace('Origin: Acme', 'Origin: Evil')),
    );
    for (const mode of ['auto', 'proxy']) {
      const repository = await startRepository('127.0.0.2', '/acme', files.old);
      const turnout = await start(
        `${repository.origin}/acme`,
        `mode: ${mode}`,
        'options: { key: keys/acme.gpg }',
      );
      const system = await createSystem(turnout);
      await expectUpdated(system);
      for (const [wrong, reason] of [
        [forged, /NO_PUBKEY/],
        [changed, /BADSIG/],
      ] as const) {
        repository.publish(wrong);
        expect((await system.aptGet('update')).output).toMatch(reason);
        expect((await system.aptGet('install', '--print-uris', 'c++tool')).output).not.toContain(NEWER);
      }
    }
  });

  test('may have another package by that name, and apt refuses it', async () => {
    const path = '/pool/main/c/c++tool/c++tool_1:1.0~rc1+b1_all.deb';
    const body = files.old.get(path) ?? Buffer.alloc(0);
    const wrong = new Map(files.old).set(path, Buffer.alloc(body.length));
    const repository = await startRepository('127.0.0.2', '/acme', wrong);
    const turnout = await start(`${repository.origin}/acme`, 'options: { key: keys/acme.gpg }');
    const system = await createSystem(turnout);
    await expectUpdated(system);
    const installed = await system.aptGet('install', 'c++tool');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain('Hash Sum mismatch');
  });

  test('may not have a package, and apt says so', async () => {
    const without = new Map(files.old);
    without.delete('/pool/main/c/c++tool/c++tool_1:1.0~rc1+b1_all.deb');
    const repository = await startRepository('127.0.0.2', '/acme', without);
    for (const mode of ['auto', 'proxy']) {
      const turnout = await start(`${repository.origin}/acme`, `mode: ${mode}`);
      const system = await createOldSystem(turnout);
      await expectUpdated(system);
      const unknown = await system.aptGet('install', 'nothing');
      expect(unknown.output).toContain('Unable to locate package nothing');
      const installed = await system.aptGet('install', 'c++tool');
      expect(installed.ok).toBe(false);
      expect(installed.output).toMatch(/404 {2}Not Found/);
      const suite = await (await createOldSystem(turnout, 'unknown main')).aptGet('update');
      expect(suite.output).toMatch(/unknown Release' does not have a Release file/);
    }
  });

  test('may lead back here, and apt follows no circle', async () => {
    let back = '';
    const circle = await cleanup.use(
      startRecordingServer('127.0.0.2', ({ url = '' }, response) => {
        response.writeHead(302, { location: back + url }).end();
      }),
    );
    const turnout = await start(circle.origin);
    back = `${turnout.origin}/deb`;
    const updated = await (await createOldSystem(turnout)).aptGet('update');
    expect(updated.output).toContain('Redirection loop encountered');
    expect(circle.requests.length).toBeLessThan(5);
  });

  test('may be down, and apt says so', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`, 'mode: proxy');
    const updated = await (await createOldSystem(turnout)).aptGet('update');
    expect(updated.output).toMatch(/50[23] {2}\w+ \w+/);
  });
});

describe('of two repositories, the first dies', () => {
  const INDEX = '/dists/stable/InRelease';

  test.each([
    ['the same', 'yes', tool, undefined],
    ['newer, indexes asked by their hashes', 'yes', newer, /^W: Failed to fetch .* 50[23] /m],
    ['newer, indexes asked by their names', 'no', newer, /^W: Failed to fetch .* 50[23] /m],
  ] as const)(
    'after its release, and the second is %s: they are never mixed',
    async (_, byHash, expected, reason) => {
      const before = reason ? await createRepository([tool, data], key, byHash) : files.old;
      const first = await startRepository('127.0.0.2', '/acme', before);
      const after = reason ? await createRepository([tool, newer, data], key, byHash) : files.old;
      const spare = await startRepository('127.0.0.3', '/mirror', after);
      const turnout = await start(`[ "${first.origin}/acme", "${spare.origin}/mirror" ]`, 'mode: proxy');
      const system = await createOldSystem(turnout);
      first.dieAfter(INDEX);
      const updated = await system.aptGet('update');
      if (reason) {
        expect(updated.output).toMatch(reason);
        // Nothing of the second has been taken for what the first has signed.
        expect((await system.aptGet('install', '--print-uris', 'c++tool')).ok).toBe(false);
      } else expectFine(updated);

      await expectUpdated(system);
      expectFine(await system.aptGet('install', 'c++tool'));
      await expectInstalled(system, expected);
      expect(served(spare.requests)).toContain(`/mirror${INDEX}`);
    },
  );

  test('after its indexes, and packages come from the second', async () => {
    const first = await startRepository('127.0.0.2', '/acme', files.old);
    const spare = await startRepository('127.0.0.3', '/mirror', files.new);
    const turnout = await start(`[ "${first.origin}/acme", "${spare.origin}/mirror" ]`, 'mode: proxy');
    const system = await createOldSystem(turnout);
    await expectUpdated(system);
    await first.stop();
    expectFine(await system.aptGet('install', 'c++tool'));
    await expectInstalled(system, tool);
    expect(served(spare.requests)).toContain(`/mirror/pool/main/c/c%2b%2btool/${TOOL}`);
  });
});
