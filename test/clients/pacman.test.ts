import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type RecordingServer, served, startRecordingServer } from './lab/recording-server.ts';
import { createPacmanSystem, type PacmanSystem } from './programs/pacman.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type MirrorFiles, startPackageMirror } from './upstreams/package-mirror.ts';
import { createPacmanKey, createPacmanRepository, type PacmanKey } from './upstreams/pacman-repository.ts';

const credentials = { username: 'robot', password: 's3cret' };
/** What pacman.conf has, as on Arch itself. */
const SERVER = '/arch/$repo/os/$arch';
const OLD = 'acme-cli-1:1.0-1-any.pkg.tar.zst';
const NEW = 'acme-cli-1:1.1+2-1-any.pkg.tar.zst';

const cleanup = createCleanup();
let key: PacmanKey;
let releases: Readonly<Record<'first' | 'second' | 'forged', MirrorFiles>>;

beforeAll(async () => {
  key = await cleanup.use(createPacmanKey());
  const stranger = await cleanup.use(createPacmanKey());
  const base = { name: 'acme-base', version: '3-1' };
  const make = (version: string, by = key) =>
    createPacmanRepository('acme', by, [{ name: 'acme-cli', version }, base]);
  releases = {
    first: await make('1:1.0-1'),
    second: await make('1:1.1+2-1'),
    forged: await make('1:1.2-1', stranger),
  };
});
afterAll(() => cleanup.run());

function mirror(files: MirrorFiles, address: string, base: string, more = {}): Promise<RecordingServer> {
  return cleanup.use(startPackageMirror(files, { address, base, ...more }));
}

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: pacman', 'at: /arch/', 'match: /:repo/os/:arch/*file', `to: ${to}`, ...more];
  return cleanup.use(
    startTurnout(`rules:\n  - name: packages\n${lines.map((line) => `    ${line}\n`).join('')}`),
  );
}

function createSystem({ origin }: Turnout): Promise<PacmanSystem> {
  return cleanup.use(createPacmanSystem('acme', origin + SERVER, key));
}

async function succeed(system: PacmanSystem, ...args: string[]): Promise<string> {
  const finished = await system.pacman(...args);
  expect(finished.ok, finished.output).toBe(true);
  return finished.output;
}

/** The files of the repository that the gateway was asked for, and had. */
function asked({ access }: Turnout): string[] {
  return access()
    .filter(({ status }) => status < 400)
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
}

describe.each(['auto', 'proxy'])('pacman, in mode %s', (mode) => {
  test('installs, upgrades, and installs from elsewhere, every signature checked', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64');
    const turnout = await start(`${first.origin}/:repo/os/:arch/*file`, `mode: ${mode}`);
    const system = await createSystem(turnout);
    await succeed(system, '-Sy', 'acme-cli', 'acme-base');
    expect(await system.installed()).toBe('acme-base 3-1\nacme-cli 1:1.0-1\n');
    expect(asked(turnout)).toEqual(expect.arrayContaining(['acme.db', OLD]));
    const { type } = await turnout.waitForAccess(({ path }) => path.endsWith(OLD));
    expect(type).toBe(mode === 'auto' ? 'redirect' : 'proxy');
    expect(served(first.requests)).toContain(`/acme/os/x86_64/${OLD}`);
    expect(served(first.requests)).toContain('/acme/os/x86_64/acme.db.sig');

    // Elsewhere, in another layout, one version on.
    const second = await mirror(releases.second, '127.0.0.3', '/pool/x86_64-acme');
    first.forget();
    turnout.forget();
    await turnout.edit(
      `to: ${first.origin}/:repo/os/:arch/*file`,
      `to: ${second.origin}/pool/:arch-:repo/*file`,
    );
    await succeed(system, '-Syyu');
    expect(await system.installed()).toBe('acme-base 3-1\nacme-cli 1:1.1+2-1\n');
    expect(await system.read('usr/acme-cli')).toBe('acme-cli 1:1.1+2-1\n');
    expect(asked(turnout)).toContain(NEW);
    expect(first.requests).toEqual([]);

    await system.clean();
    turnout.forget();
    await succeed(system, '-S', 'acme-cli');
    expect(asked(turnout)).toContain(NEW);
    expect(served(second.requests)).toContain(`/pool/x86_64-acme/${NEW}`);
  });

  test('follows to signatures, and to the list of files', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64');
    const turnout = await start(first.origin + SERVER_RULE, `mode: ${mode}`);
    const system = await createSystem(turnout);
    await succeed(system, '-Sy');
    await succeed(system, '-Fy');
    expect(await succeed(system, '-F', 'usr/acme-cli')).toContain('acme/acme-cli 1:1.0-1');
    expect(served(first.requests)).toEqual(
      ['acme.db', 'acme.db.sig', 'acme.files', 'acme.files.sig'].map((file) => `/acme/os/x86_64/${file}`),
    );
    // It asks for a signature at the address that it was led to, with `.sig` behind it.
    const seen =
      mode === 'proxy'
        ? ['acme.db', 'acme.db.sig', 'acme.files', 'acme.files.sig']
        : ['acme.db', 'acme.files'];
    expect(asked(turnout)).toEqual(seen);
    turnout.forget();
    // A package by its address has a signature at its address.
    await succeed(system, '-U', `${turnout.origin}/arch/acme/os/x86_64/${OLD}`);
    expect(asked(turnout)).toEqual(mode === 'proxy' ? [OLD, `${OLD}.sig`] : [OLD]);
    expect(served(first.requests)).toContain(`/acme/os/x86_64/${OLD}.sig`);
    expect(await system.installed()).toBe('acme-cli 1:1.0-1\n');
  });

  test('asks whether a database has changed', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64');
    const turnout = await start(first.origin + SERVER_RULE, `mode: ${mode}`);
    const system = await createSystem(turnout);
    await succeed(system, '-Sy');
    first.forget();
    await succeed(system, '-Sy');
    expect(first.requests.map(({ status }) => status)).toEqual([304, 304]);
  });
});

const SERVER_RULE = '/:repo/os/:arch/*file';

describe('what is not right', () => {
  test.each([
    ['a package that was changed', OLD, /corrupted|invalid|signature/],
    ['the signature of a package that was changed', `${OLD}.sig`, /corrupted|invalid|signature/],
  ])('is refused by pacman: %s', async (_, file, reason) => {
    const files = new Map(releases.first);
    const bytes = Buffer.from(files.get(`/${file}`) ?? '');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
    files.set(`/${file}`, bytes);
    const broken = await mirror(files, '127.0.0.2', '/acme/os/x86_64');
    const turnout = await start(broken.origin + SERVER_RULE);
    const system = await createSystem(turnout);
    await succeed(system, '-Sy');
    const url = `${turnout.origin}/arch/acme/os/x86_64/${OLD}`;
    const finished = await system.pacman(...(file === OLD ? ['-S', 'acme-cli'] : ['-U', url]));
    expect(finished.ok).toBe(false);
    expect(finished.output).toMatch(reason);
    expect(await system.installed()).toBe('');
  });

  test('is refused by pacman: a database of a stranger', async () => {
    const forged = await mirror(releases.forged, '127.0.0.2', '/acme/os/x86_64');
    const system = await createSystem(await start(forged.origin + SERVER_RULE));
    const finished = await system.pacman('-Sy');
    expect(finished.ok).toBe(false);
    expect(finished.output).toMatch(/signature|unknown|key/);
  });

  test('is told by pacman: a package and a repository that there is not', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64');
    const turnout = await start(first.origin + SERVER_RULE);
    const system = await createSystem(turnout);
    await succeed(system, '-Sy');
    expect((await system.pacman('-S', 'no-such-package')).output).toContain(
      'target not found: no-such-package',
    );
    const url = `${turnout.origin}/arch/acme/os/x86_64/none-1-1-any.pkg.tar.zst`;
    expect((await system.pacman('-U', url)).output).toContain('404');
    const other = await cleanup.use(createPacmanSystem('other', turnout.origin + SERVER, key));
    expect((await other.pacman('-Sy')).output).toContain('404');
  });

  test('is told by pacman: a mirror that is down', async () => {
    const turnout = await start(`http://127.0.0.2:9${SERVER_RULE}`, 'mode: proxy');
    const finished = await (await createSystem(turnout)).pacman('-Sy');
    expect(finished.ok).toBe(false);
    expect(finished.output).toMatch(/50[23]/);
  });
});

test('releases whose host redirects to signed addresses without a name have their signatures too', async () => {
  const names = [...releases.first.keys()];
  const releasing = await cleanup.use(
    startRecordingServer('127.0.0.2', (request, response) => {
      const path = request.url ?? '';
      const number = names.indexOf(path.replace('/releases/download/v1', ''));
      const [, asset] = /^\/assets\/(\d+)\?signature=good$/.exec(path) ?? [];
      const bytes = asset && releases.first.get(names[Number(asset)] ?? '');
      if (bytes) response.end(bytes);
      else if (number < 0) response.writeHead(404).end();
      else response.writeHead(302, { location: `/assets/${number}?signature=good` }).end();
    }),
  );
  const turnout = await start(`${releasing.origin}/releases/download/v1/*file`);
  const system = await createSystem(turnout);
  await succeed(system, '-Sy', 'acme-cli');
  expect(await system.installed()).toBe('acme-cli 1:1.0-1\n');
  expect(asked(turnout)).toEqual(['acme.db', 'acme.db.sig', OLD, `${OLD}.sig`]);
});

test('of two mirrors, the second has a package that the first has lost', async () => {
  const lacking = new Map(releases.first);
  lacking.delete(`/${OLD}`);
  const first = await mirror(lacking, '127.0.0.2', '/acme/os/x86_64');
  const second = await mirror(releases.first, '127.0.0.3', '/acme/os/x86_64');
  const to = `[${[first, second].map(({ origin }) => `"${origin}${SERVER_RULE}"`).join(', ')}]`;
  const system = await createSystem(await start(to, 'mode: proxy'));
  await succeed(system, '-Sy', 'acme-cli');
  expect(await system.installed()).toBe('acme-cli 1:1.0-1\n');
  expect(served(second.requests)).toEqual([`/acme/os/x86_64/${OLD}`]);
});

test('of two mirrors, the second has what the first no longer serves', async () => {
  const first = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64');
  const second = await mirror(releases.first, '127.0.0.3', '/acme/os/x86_64');
  const to = `[${[first, second].map(({ origin }) => `"${origin}${SERVER_RULE}"`).join(', ')}]`;
  const turnout = await start(to, 'mode: proxy');
  const system = await createSystem(turnout);
  await succeed(system, '-Sy');
  expect(second.requests).toEqual([]);
  await first.stop();
  await succeed(system, '-S', 'acme-cli');
  expect(await system.installed()).toBe('acme-cli 1:1.0-1\n');
  const files = [OLD, `${OLD}.sig`].map((file) => `/acme/os/x86_64/${file}`);
  expect(served(second.requests)).toEqual(files);
});

test('a private mirror is read with the credential of the gateway', async () => {
  const hidden = await mirror(releases.first, '127.0.0.2', '/acme/os/x86_64', { credentials });
  const auth = `auth: { username: ${credentials.username}, password: ${credentials.password} }`;
  const system = await createSystem(await start(hidden.origin + SERVER_RULE, auth));
  await succeed(system, '-Sy', 'acme-cli');
  expect(await system.installed()).toBe('acme-cli 1:1.0-1\n');
  const open = await createSystem(await start(hidden.origin + SERVER_RULE));
  expect((await open.pacman('-Sy')).output).toContain('401');
});
