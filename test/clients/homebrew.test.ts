import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type FinishedCommand, run } from './lab/command.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { type BrewSteps, createBrewSteps } from './programs/brew-steps.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type Artifact, emptyConfig, makeArtifact, makeIndex } from './upstreams/artifact.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { type MirrorFiles, startPackageMirror } from './upstreams/package-mirror.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';
import { createTap, startTapHost } from './upstreams/tap-host.ts';

const credentials = { username: 'robot', password: 's3cret' };
const auth = `auth: { username: ${credentials.username}, password: ${credentials.password} }`;
const FILE = 'acme%2B%2B-1.0.x86_64_linux.bottle.1.tar.gz';
const BOTTLE = Buffer.from('the bottle of acme++ 1.0, built anew');
const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const attached = { 'content-disposition': 'attachment; filename=acme.tar.gz' };
const bottles: MirrorFiles = new Map([['/acme++-1.0.x86_64_linux.bottle.1.tar.gz', BOTTLE]]);

const cleanup = createCleanup();
let brew: BrewSteps;

beforeAll(async () => {
  brew = await cleanup.use(createBrewSteps());
});
afterAll(() => cleanup.run());

function mirror(files: MirrorFiles, address: string, base: string, more = {}): Promise<RecordingServer> {
  return cleanup.use(startPackageMirror(files, { address, base, ...more }));
}

function start(at: string, to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: homebrew', `at: ${at}`, `to: ${to}`, ...more];
  return cleanup.use(
    startTurnout(`rules:\n  - name: brew\n${lines.map((line) => `    ${line}\n`).join('')}`),
  );
}

/** The methods of the requests that the gateway saw, with their statuses. */
function seen({ access }: Turnout): string[] {
  return access().map(({ method, status }) => `${method} ${status}`);
}

describe.each(['auto', 'proxy'])('a bottle, in mode %s', (mode) => {
  const proxied = mode === 'proxy';

  test.each([
    ['that its host names', attached, proxied ? ['HEAD 200', 'GET 200'] : ['HEAD 302']],
    [
      'that its host does not name',
      {},
      proxied ? ['HEAD 200', 'GET 200', 'GET 200'] : ['HEAD 302', 'GET 302'],
    ],
  ])('%s is fetched and checked, before and after a switch', async (_, headers, expected) => {
    const first = await mirror(bottles, '127.0.0.2', '/releases/download/v1', { headers });
    const turnout = await start('/bottles/', `${first.origin}/releases/download/v1`, `mode: ${mode}`);
    const url = `${turnout.origin}/bottles/${FILE}`;
    expect(await brew.fetch(url, hashOf(BOTTLE))).toEqual(BOTTLE);
    await turnout.waitForAccess(({ path }) => path.endsWith(FILE));
    expect(seen(turnout)).toEqual(expected);
    expect(served(first.requests)).toContain(`/releases/download/v1/${FILE}`);

    const second = await mirror(bottles, '127.0.0.3', '/artifactory/bottles', { headers });
    first.forget();
    turnout.forget();
    await turnout.edit(
      `to: ${first.origin}/releases/download/v1`,
      `to: ${second.origin}/artifactory/bottles`,
    );
    await brew.fetch(url, hashOf(BOTTLE));
    expect(seen(turnout)).toEqual(expected);
    expect(first.requests).toEqual([]);
    expect(served(second.requests)).toContain(`/artifactory/bottles/${FILE}`);
  });
});

describe('what is not right', () => {
  test('is refused: a bottle that was changed', async () => {
    const broken = await mirror(
      new Map([...bottles.keys()].map((path) => [path, Buffer.from('x')])),
      '127.0.0.2',
      '',
    );
    const turnout = await start('/bottles/', broken.origin);
    await expect(brew.fetch(`${turnout.origin}/bottles/${FILE}`, hashOf(BOTTLE))).rejects.toThrow(
      'SHA-256 mismatch',
    );
  });

  test('is told: a bottle that there is not, and a host that is down', async () => {
    const host = await mirror(bottles, '127.0.0.2', '');
    const turnout = await start('/bottles/', host.origin);
    const url = `${turnout.origin}/bottles/none-1.0.all.bottle.tar.gz`;
    await expect(brew.fetch(url, hashOf(BOTTLE))).rejects.toThrow('404');
    const down = await start('/bottles/', 'http://127.0.0.2:9', 'mode: proxy');
    await expect(brew.fetch(`${down.origin}/bottles/${FILE}`, hashOf(BOTTLE))).rejects.toThrow(/50[23]/);
  });

  test('is served with the credential of the gateway: a bottle that is private', async () => {
    const hidden = await mirror(bottles, '127.0.0.2', '/acme', { credentials });
    const turnout = await start('/bottles/', `${hidden.origin}/acme`, auth);
    expect(await brew.fetch(`${turnout.origin}/bottles/${FILE}`, hashOf(BOTTLE))).toEqual(BOTTLE);
    const open = await start('/bottles/', `${hidden.origin}/acme`);
    await expect(brew.fetch(`${open.origin}/bottles/${FILE}`, hashOf(BOTTLE))).rejects.toThrow('401');
  });

  test('is mended by the second host: a bottle that the first has lost', async () => {
    const first = await mirror(new Map(), '127.0.0.2', '/acme');
    const second = await mirror(bottles, '127.0.0.3', '/acme');
    const turnout = await start(
      '/bottles/',
      `["${first.origin}/acme", "${second.origin}/acme"]`,
      'mode: proxy',
    );
    expect(await brew.fetch(`${turnout.origin}/bottles/${FILE}`, hashOf(BOTTLE))).toEqual(BOTTLE);
    await first.stop();
    expect(await brew.fetch(`${turnout.origin}/bottles/${FILE}`, hashOf(BOTTLE))).toEqual(BOTTLE);
  });
});

describe.each(['auto', 'proxy'])('the API, in mode %s', (mode) => {
  test('comes byte for byte, and says when it has not changed', async () => {
    const signed = '{"payload":"[]","signatures":[{"protected":"eyJ9","signature":"A\\u002d_"}]}';
    const files: MirrorFiles = new Map([['/formula.jws.json', Buffer.from(signed)]]);
    const host = await mirror(files, '127.0.0.2', '/api');
    const turnout = await start('/brew/', `${host.origin}/api`, `mode: ${mode}`);
    const url = `${turnout.origin}/brew/formula.jws.json`;
    expect(await brew.document(url)).toEqual({ status: 200, text: signed });
    expect(await brew.document(url, 'etag')).toEqual({ status: 304, text: signed });
    expect(await brew.document(url, 'time')).toEqual({ status: 304, text: signed });
  });
});

describe('bottles in a registry that wants a token', () => {
  let store: ImageStore;
  let blobStore: BlobStore;
  let registry: Registry;
  let image: Artifact;

  beforeAll(async () => {
    const folder = (await cleanup.use(createTemporaryFolder())).path;
    blobStore = await cleanup.use(startBlobStore());
    store = await cleanup.use(createImageStore(folder));
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', body: BOTTLE };
    image = makeIndex([{ artifact: makeArtifact(emptyConfig, [layer]) }]);
    await store.put(image, 'homebrew/core/acme/1', '1.0-1');
    await store.put(image, 'acme-inc/bottles/acme/1', '1.0-1');
    registry = await cleanup.use(startRegistry('strict', { store, blobStore, delivery: 'absolute' }));
  });

  test('brew without the gateway and without a token is refused', async () => {
    await expect(brew.manifest(`${registry.origin}/v2/homebrew/core/acme/1/manifests/1.0-1`)).rejects.toThrow(
      '401',
    );
  });

  test.each([
    ['HOMEBREW_ARTIFACT_DOMAIN', '/v2/homebrew/core', 'auto'],
    ['HOMEBREW_ARTIFACT_DOMAIN', '/v2/homebrew/core', 'redirect'],
    ['HOMEBREW_ARTIFACT_DOMAIN', '/v2/homebrew/core', 'proxy'],
    ['HOMEBREW_BOTTLE_DOMAIN', '', 'auto'],
  ])('are fetched through %s, as %s, in mode %s', async (_, prefix, mode) => {
    const base = prefix === '' ? `${registry.origin}/v2/homebrew/core` : registry.origin;
    const turnout = await start('/brew/', base, `mode: ${mode}`);
    const url = `${turnout.origin}/brew${prefix}/acme/1`;
    blobStore.forget();
    expect(await brew.manifest(`${url}/manifests/1.0-1`)).toBe(image.body.toString());
    expect(await brew.blob(`${url}/blobs/sha256:${hashOf(BOTTLE)}`, hashOf(BOTTLE))).toEqual(BOTTLE);
    const { status } = await turnout.waitForAccess(({ path }) => path.includes('/blobs/'));
    expect(status).toBe(mode === 'proxy' ? 200 : 307);
    expect(blobStore.requests.every(({ authorization }) => authorization === 'none')).toBe(true);

    if (prefix === '') return;
    await turnout.edit(
      `to: ${base}\n`,
      `match: /v2/homebrew/core/*file\n    to: ${base}/v2/acme-inc/bottles/*file\n`,
    );
    registry.forget();
    expect(await brew.manifest(`${url}/manifests/1.0-1`)).toBe(image.body.toString());
    await brew.blob(`${url}/blobs/sha256:${hashOf(BOTTLE)}`, hashOf(BOTTLE));
    expect(served(registry.front.requests)).toContain('/v2/acme-inc/bottles/acme/1/manifests/1.0-1');
  });

  test('are private, and fetched with the credential of the gateway', async () => {
    const hidden = await cleanup.use(
      startRegistry('private', { store, blobStore, credentials, delivery: 'absolute' }),
    );
    const turnout = await start('/brew/', hidden.origin, auth);
    const url = `${turnout.origin}/brew/v2/homebrew/core/acme/1`;
    expect(await brew.manifest(`${url}/manifests/1.0-1`)).toBe(image.body.toString());
    await brew.blob(`${url}/blobs/sha256:${hashOf(BOTTLE)}`, hashOf(BOTTLE));
  });
});

describe.each([
  ['auto', 'smart'],
  ['proxy', 'smart'],
  ['proxy', 'plain'],
])('a tap, in mode %s, over the %s protocol', (mode, kind) => {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    ...(kind === 'plain' && { GIT_SMART_HTTP: '0' }),
  };
  async function git(cwd: string, ...args: string[]): Promise<FinishedCommand> {
    return run('git', args, { cwd, env });
  }

  test('is cloned, and fetched from another host after a switch', async () => {
    const tap = await cleanup.use(createTap());
    await tap.commit('1.0');
    const first = await cleanup.use(startTapHost('127.0.0.2', '/acme', await tap.publish()));
    await tap.commit('1.1');
    const second = await cleanup.use(startTapHost('127.0.0.3', '/git/acme-inc', await tap.publish()));
    const turnout = await start('/acme/', `${first.origin}/acme`, `mode: ${mode}`);
    const folder = (await cleanup.use(createTemporaryFolder())).path;
    const cloned = await git(folder, 'clone', `${turnout.origin}/acme/tap.git`, 'tap');
    expect(cloned.ok, cloned.output).toBe(true);
    const formula = join(folder, 'tap/Formula/acme-cli.rb');
    expect(await readFile(formula, 'utf8')).toContain('version "1.0"');
    const paths = turnout.access().map(({ method, path }) => `${method} ${path}`);
    const service = kind === 'smart' ? '?service=git-upload-pack' : '';
    expect(paths[0]).toBe(`GET /acme/tap.git/info/refs${service}`);
    // A client that was redirected goes on there.
    expect(paths).toHaveLength(mode === 'auto' ? 1 : paths.length);
    if (mode === 'proxy') expect(paths.length).toBeGreaterThan(1);

    first.forget();
    turnout.forget();
    await turnout.edit(`to: ${first.origin}/acme`, `to: ${second.origin}/git/acme-inc`);
    const pulled = await git(join(folder, 'tap'), 'pull', '--ff-only');
    expect(pulled.ok, pulled.output).toBe(true);
    expect(await readFile(formula, 'utf8')).toContain('version "1.1"');
    expect(first.requests).toEqual([]);
    expect(served(second.requests)[0]).toContain('/git/acme-inc/tap.git/info/refs');
    expect(turnout.access().length).toBeGreaterThan(0);
  });

  test('that is private is cloned with the credential of the gateway, and nobody pushes to it', async () => {
    const tap = await cleanup.use(createTap());
    await tap.commit('1.0');
    const host = await cleanup.use(startTapHost('127.0.0.2', '/acme', await tap.publish(), credentials));
    const turnout = await start('/acme/', `${host.origin}/acme`, `mode: ${mode}`, auth);
    const folder = (await cleanup.use(createTemporaryFolder())).path;
    const cloned = await git(folder, 'clone', `${turnout.origin}/acme/tap.git`, 'tap');
    expect(cloned.ok, cloned.output).toBe(true);
    const pushed = await git(join(folder, 'tap'), 'push', 'origin', 'HEAD:refs/heads/other');
    expect(pushed.ok).toBe(false);
    expect(pushed.output).toMatch(/403|Cannot access URL/);
    const missing = await git(folder, 'clone', `${turnout.origin}/acme/none.git`, 'none');
    expect(missing.output).toMatch(/not found|404/);
  });
});
