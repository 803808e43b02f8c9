import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { FILE, PACKAGE, startCondaChannel } from './upstreams/conda-channel.ts';

// conda, mamba and pixi are in none of the registries that these tests install from. rattler is what pixi is made of:
// it reads the channel, solves, and says what to download from where; its build for Node downloads nothing itself.
const { simpleSolve } = createRequire(import.meta.url)(
  '@conda-org/rattler',
) as typeof import('@conda-org/rattler');

const cleanup = createCleanup();
let channels: Readonly<Record<'first' | 'other' | 'elsewhere' | 'private', RecordingServer>>;

beforeAll(async () => {
  // rattler's build for Node panics ("time not implemented") on any answer that is compressed.
  const plainFetch = globalThis.fetch;
  vi.stubGlobal('fetch', (...args: Parameters<typeof fetch>) => {
    const request = new Request(...args);
    request.headers.set('accept-encoding', 'identity');
    return plainFetch(request);
  });
  const start = (layout: Parameters<typeof startCondaChannel>[0]) => cleanup.use(startCondaChannel(layout));
  channels = {
    first: await start({ address: '127.0.0.2', channel: '/acme' }),
    other: await start({ address: '127.0.0.3', channel: '/artifactory/api/conda/acme-inc' }),
    elsewhere: await start({ address: '127.0.0.3', channel: '/pkgs/acme', packages: '/blobs/x86' }),
    private: await start({ address: '127.0.0.2', channel: '/acme', token: 'secret' }),
  };
});
beforeEach(() => {
  for (const channel of Object.values(channels)) channel.forget();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await cleanup.run();
});

function start(to: string, more = ''): Promise<Turnout> {
  const rule = `rules:\n  - name: channel\n    protocol: conda\n    at: /conda/\n    match: acme\n    to: ${to}\n${more}`;
  return cleanup.use(startTurnout(rule));
}

/** A line of what `conda list --explicit` writes: an address, and a hash. */
interface Locked {
  readonly url: string;
  readonly sha256: string;
}

async function solve({ origin }: Turnout): Promise<Locked[]> {
  const packages = await simpleSolve(['tool'], [`${origin}/conda/acme`], ['linux-64', 'noarch'], []);
  return packages.map(({ url, sha256 }) => ({ url, sha256: sha256 ?? '' }));
}

/** Downloads what is locked, hashes checked. */
async function download(locked: readonly Locked[]): Promise<void> {
  for (const { url, sha256 } of locked) {
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    const digest = createHash('sha256').update(Buffer.from(await answer.arrayBuffer()));
    expect(digest.digest('hex')).toBe(sha256);
  }
}

describe.each(['auto', 'proxy'])('in mode %s', (mode) => {
  test('rattler solves through the gateway, and what it locks outlives two switches', async () => {
    const line = `    to: ${channels.first.origin}/acme`;
    const turnout = await start(`${channels.first.origin}/acme`, `    mode: ${mode}\n`);
    const locked = await solve(turnout);
    const files = ['helper-2.0-h0_0.conda', FILE];
    expect(locked.map(({ url }) => url).sort()).toEqual(
      files.map((file) => `${turnout.origin}/conda/acme/linux-64/${file}`),
    );
    await download(locked);
    const { type } = await turnout.waitForAccess(({ path }) => path.endsWith(FILE));
    expect(type).toBe(mode === 'auto' ? 'redirect' : 'proxy');
    expect(served(channels.first.requests)).toContain(`/acme/linux-64/${FILE}`);

    let before = line;
    for (const [channel, path, file] of [
      [channels.other, '/artifactory/api/conda/acme-inc', '/artifactory/api/conda/acme-inc/linux-64'],
      [channels.elsewhere, '/pkgs/acme', '/blobs/x86'],
    ] as const) {
      const after = `    to: ${channel.origin}${path}`;
      await turnout.edit(before, after);
      before = after;
      channels.first.forget();
      await download(locked);
      expect(served(channel.requests)).toContain(`${file}/${FILE}`);
      expect(channels.first.requests).toEqual([]);
      // Solved anew, it is the same.
      expect(await solve(turnout)).toEqual(locked);
    }
  });
});

test('a private channel is served with the gateway’s token', async () => {
  const turnout = await start(`${channels.private.origin}/acme`, '    auth: { token: secret }\n');
  const locked = await solve(turnout);
  expect(locked).toHaveLength(2);
  await download(locked);
  expect(locked.every(({ url }) => url.startsWith(`${turnout.origin}/conda/acme/`))).toBe(true);
  const open = await start(`${channels.private.origin}/acme`);
  await expect(solve(open)).rejects.toThrow(/401/);
});

test('a package that there is not, and a channel that is down, are told by rattler', async () => {
  const turnout = await start(`${channels.first.origin}/acme`);
  await expect(
    simpleSolve(['no-such-package'], [`${turnout.origin}/conda/acme`], ['linux-64'], []),
  ).rejects.toThrow(/no-such-package/);
  expect((await fetch(`${turnout.origin}/conda/acme/linux-64/none-1-0.conda`)).status).toBe(404);
  const down = await start('http://127.0.0.2:9/acme');
  await expect(solve(down)).rejects.toThrow(/50[23]/);
});

test('the bytes are those of the package', async () => {
  const turnout = await start(`${channels.first.origin}/acme`);
  const answer = await fetch(`${turnout.origin}/conda/acme/linux-64/${FILE}`);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(PACKAGE);
});
