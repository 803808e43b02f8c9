import { afterAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { type ApkSystem, createApkSystem } from './programs/apk-steps.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { createApkKey, createApkRepository } from './upstreams/apk-repository.ts';
import { type MirrorFiles, startPackageMirror } from './upstreams/package-mirror.ts';

const credentials = { username: 'robot', password: 's3cret' };
const OLD = '/x86_64/acme++-1.0-r0.apk';
const NEW = '/x86_64/acme++-1.1_p2-r3.apk';

const key = createApkKey('packages@acme.example-1.rsa.pub');
const release = (version: string, by = key) => createApkRepository(by, [{ name: 'acme++', version }]);
const releases = { first: release('1.0-r0'), second: release('1.1_p2-r3') };

const cleanup = createCleanup();
afterAll(() => cleanup.run());

function mirror(files: MirrorFiles, address: string, base: string, more = {}): Promise<RecordingServer> {
  return cleanup.use(startPackageMirror(files, { address, base, ...more }));
}

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: apk', 'at: /alpine/', `to: ${to}`, ...more];
  return cleanup.use(
    startTurnout(`rules:\n  - name: packages\n${lines.map((line) => `    ${line}\n`).join('')}`),
  );
}

/** A system that has the key, through the gateway. */
async function createSystem({ origin }: Turnout): Promise<ApkSystem> {
  const system = await cleanup.use(createApkSystem(`${origin}/alpine`));
  await system.trust(`${origin}/alpine/keys/${key.name}`);
  return system;
}

/** What the gateway was asked for and had, below its mount. */
function asked({ access }: Turnout): string[] {
  return access()
    .filter(({ status }) => status < 400)
    .map(({ path }) => path.replace('/alpine', ''));
}

describe.each(['auto', 'proxy'])('the steps of apk, in mode %s', (mode) => {
  test('install, upgrade, and install from elsewhere, every signature and checksum checked', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/v3.22/acme');
    const turnout = await start(`${first.origin}/v3.22/acme`, `mode: ${mode}`);
    const system = await createSystem(turnout);
    await system.update();
    await system.add('acme++');
    expect(await system.read('usr/acme++')).toBe('acme++ 1.0-r0\n');
    expect(asked(turnout)).toEqual([`/keys/${key.name}`, '/x86_64/APKINDEX.tar.gz', OLD]);
    // libfetch stops at 307 and 308.
    const statuses = new Set(turnout.access().map(({ status }) => status));
    expect([...statuses]).toEqual([mode === 'auto' ? 302 : 200]);
    expect(served(first.requests)).toContain(`/v3.22/acme${OLD}`);

    const second = await mirror(releases.second, '127.0.0.3', '/artifactory/api/alpine/acme-inc');
    first.forget();
    turnout.forget();
    await turnout.edit(
      `to: ${first.origin}/v3.22/acme`,
      `to: ${second.origin}/artifactory/api/alpine/acme-inc`,
    );
    await system.update();
    await system.add('acme++');
    expect(await system.read('usr/acme++')).toBe('acme++ 1.1_p2-r3\n');
    expect(asked(turnout)).toEqual(['/x86_64/APKINDEX.tar.gz', NEW]);
    expect(first.requests).toEqual([]);
    expect(served(second.requests)).toContain(`/artifactory/api/alpine/acme-inc${NEW}`);
  });

  test('learn that an index has not changed', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme');
    const turnout = await start(`${first.origin}/acme`, `mode: ${mode}`);
    const url = `${turnout.origin}/alpine/x86_64/APKINDEX.tar.gz`;
    const { headers } = await fetch(url);
    const since = { 'if-modified-since': headers.get('last-modified') ?? '' };
    expect((await fetch(url, { headers: since })).status).toBe(304);
  });

  test('get an index of version 3 byte for byte', async () => {
    const adb = Buffer.from([0x41, 0x44, 0x42, 0x64, 0, 255, 13, 10]);
    const third = await mirror(new Map([['/x86_64/Packages.adb', adb]]), '127.0.0.2', '/acme');
    const turnout = await start(`${third.origin}/acme`, `mode: ${mode}`);
    const answer = await fetch(`${turnout.origin}/alpine/x86_64/Packages.adb`);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(adb);
  });
});

describe('what is not right', () => {
  test.each([
    ['an index that was changed', '/x86_64/APKINDEX.tar.gz', -12],
    ['a package whose files were changed', OLD, -12],
    ['a package whose control was changed', OLD, -200],
  ])('is refused: %s', async (_, file, at) => {
    const files = new Map(releases.first);
    const bytes = Buffer.from(files.get(file) ?? '');
    bytes.writeUInt8(bytes.readUInt8(bytes.length + at) ^ 1, bytes.length + at);
    files.set(file, bytes);
    const broken = await mirror(files, '127.0.0.2', '/acme');
    const system = await createSystem(await start(`${broken.origin}/acme`));
    await expect(system.update().then(() => system.add('acme++'))).rejects.toThrow();
    await expect(system.read('usr/acme++')).rejects.toThrow();
  });

  test('is refused: an index of a stranger under the name of the key', async () => {
    const forged = new Map(release('1.2-r0', createApkKey(key.name)));
    forged.set(`/keys/${key.name}`, Buffer.from(key.publicKey));
    const system = await createSystem(
      await start(`${(await mirror(forged, '127.0.0.2', '/acme')).origin}/acme`),
    );
    await expect(system.update()).rejects.toThrow(/Verification [Ff]ailure/);
  });

  test('is told: a package and a repository that there is not', async () => {
    const first = await mirror(releases.first, '127.0.0.2', '/acme');
    const lost = new Map(releases.first);
    lost.delete(OLD);
    const system = await createSystem(
      await start(`${(await mirror(lost, '127.0.0.2', '/acme')).origin}/acme`),
    );
    await system.update();
    await expect(system.add('acme++')).rejects.toThrow(/404/);
    const elsewhere = await cleanup.use(
      createApkSystem(`${(await start(`${first.origin}/none`)).origin}/alpine`),
    );
    await expect(elsewhere.update()).rejects.toThrow(/404/);
  });

  test('is told: a mirror that is down', async () => {
    const turnout = await start('http://127.0.0.2:9/acme', 'mode: proxy');
    const system = await cleanup.use(createApkSystem(`${turnout.origin}/alpine`));
    await expect(system.update()).rejects.toThrow(/50[23]/);
  });
});

test('of two mirrors, the second has what the first no longer serves, and what it has lost', async () => {
  const lacking = new Map(releases.first);
  lacking.delete(OLD);
  const first = await mirror(lacking, '127.0.0.2', '/acme');
  const second = await mirror(releases.first, '127.0.0.3', '/acme');
  const turnout = await start(`["${first.origin}/acme", "${second.origin}/acme"]`, 'mode: proxy');
  const system = await createSystem(turnout);
  await system.update();
  await system.add('acme++');
  expect(served(second.requests)).toEqual([`/acme${OLD}`]);
  await first.stop();
  await system.update();
  await system.add('acme++');
  expect(served(second.requests)).toEqual([`/acme${OLD}`, '/acme/x86_64/APKINDEX.tar.gz', `/acme${OLD}`]);
});

test('a private mirror is read with the credential of the gateway', async () => {
  const hidden = await mirror(releases.first, '127.0.0.2', '/acme', { credentials });
  const auth = `auth: { username: ${credentials.username}, password: ${credentials.password} }`;
  const system = await createSystem(await start(`${hidden.origin}/acme`, auth));
  await system.update();
  await system.add('acme++');
  expect(await system.read('usr/acme++')).toBe('acme++ 1.0-r0\n');
  const open = await cleanup.use(createApkSystem(`${(await start(`${hidden.origin}/acme`)).origin}/alpine`));
  await expect(open.update()).rejects.toThrow(/401/);
});
