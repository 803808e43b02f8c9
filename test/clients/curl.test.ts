import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type Curl, openCurl } from './programs/curl.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type FileOrigin, LARGE_SIZE, largeDigest, startFileOrigin } from './upstreams/file-origin.ts';

const archive = randomBytes(100_000);
const text = gzipSync('a text that is stored in its encoded form\n');

const cleanup = createCleanup();
let curl: Curl;
let origin: FileOrigin;
let turnout: Turnout;

beforeAll(async () => {
  curl = await cleanup.use(openCurl());
  origin = await cleanup.use(startFileOrigin());
  origin.put('/releases/v1.2/acme_linux.tgz', {
    body: archive,
    headers: { 'content-disposition': 'attachment; filename="acme_linux.tgz"' },
  });
  origin.put('/releases/v1.2%2Bbuild/acme_linux.tgz', { body: archive });
  origin.put('/texts/notes', {
    body: text,
    headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
  });
  const rules = ['redirect', 'proxy'].map(
    (mode) => `
  - name: ${mode}-archives
    protocol: file
    at: /${mode}/
    match: /cli/:version/acme-:platform.tar.gz
    to: ${origin.origin}/releases/v:version/acme_:platform.tgz
    mode: ${mode}

  - name: ${mode}-others
    protocol: file
    at: /${mode}/
    match: /others/*path
    to: ${origin.origin}/*path
    mode: ${mode}
`,
  );
  turnout = await cleanup.use(startTurnout(`rules:${rules.join('')}`));
});
beforeEach(() => origin.forget());
afterAll(() => cleanup.run());

describe.each([
  ['redirect', 1],
  ['proxy', 0],
])('curl where the rule says %s', (mode, redirects) => {
  let address: string;
  let etag: string;
  beforeAll(async () => {
    address = `${turnout.origin}/${mode}/cli/1.2/acme-linux.tar.gz`;
    etag = (await curl.fetch(address)).headers.get('etag') ?? '';
  });

  test('fetches a file', async () => {
    const fetched = await curl.fetch(address);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects });
    expect(fetched.body.equals(archive)).toBe(true);
    const final = mode === 'proxy' ? address : `${origin.origin}/releases/v1.2/acme_linux.tgz`;
    expect(fetched.finalUrl).toBe(final);
  });

  test('asks for the head alone', async () => {
    const fetched = await curl.fetch('--head', address);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects });
    expect(fetched.headers.get('content-length')).toBe(String(archive.length));
    expect(origin.requests.map(({ method }) => method)).toEqual(['HEAD']);
  });

  test('fetches a range', async () => {
    const fetched = await curl.fetch('--range', '1000-1999', address);
    expect(fetched).toMatchObject({ ok: true, status: 206, redirects });
    expect(fetched.headers.get('content-range')).toBe(`bytes 1000-1999/${archive.length}`);
    expect(fetched.body.equals(archive.subarray(1000, 2000))).toBe(true);
  });

  test('goes on where it stopped', async () => {
    const file = join(curl.folder, `partial-${mode}`);
    await writeFile(file, archive.subarray(0, 60_000));
    const resumed = await curl.run('--location', '--continue-at', '-', '--output', file, address);
    expect(resumed.ok, resumed.output).toBe(true);
    expect((await readFile(file)).equals(archive)).toBe(true);
    expect(origin.requests.map(({ headers }) => headers.range)).toEqual(['bytes=60000-']);
  });

  test('does not fetch again what it has', async () => {
    const fetched = await curl.fetch('--header', `If-None-Match: ${etag}`, address);
    expect(fetched).toMatchObject({ ok: true, status: 304, redirects });
    expect(fetched.body.length).toBe(0);
  });

  test('hands a query on as it is', async () => {
    const query = '?a=1&b=%2Fx%20y&b=&c';
    const fetched = await curl.fetch(`${address}${query}`);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects });
    expect(origin.requests.map(({ url }) => url)).toEqual([`/releases/v1.2/acme_linux.tgz${query}`]);
  });

  test('names an encoded character as it is', async () => {
    const fetched = await curl.fetch(`${turnout.origin}/${mode}/cli/1.2%2Bbuild/acme-linux.tar.gz`);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects });
    expect(origin.requests.map(({ url }) => url)).toEqual(['/releases/v1.2%2Bbuild/acme_linux.tgz']);
  });

  test('gets an encoded body as it is stored', async () => {
    const fetched = await curl.fetch(`${turnout.origin}/${mode}/others/texts/notes`);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects });
    expect(fetched.headers.get('content-encoding')).toBe('gzip');
    expect(fetched.body.equals(text)).toBe(true);
  });

  test('saves a file under the name that the origin gives it', async () => {
    const folder = join(curl.folder, mode);
    const saved = await curl.run('--location', '-OJ', '--create-dirs', '--output-dir', folder, address);
    expect(saved.ok, saved.output).toBe(true);
    expect((await readFile(join(folder, 'acme_linux.tgz'))).equals(archive)).toBe(true);
  });

  test('is told that a file does not exist', async () => {
    const absent = await curl.fetch(`${turnout.origin}/${mode}/cli/9.9/acme-linux.tar.gz`);
    expect(absent).toMatchObject({ status: 404, redirects });
    expect(absent.body.toString()).toBe('no such file\n');
  });

  test('is told that a path is not served, and the origin is not asked', async () => {
    const unknown = await curl.fetch(`${turnout.origin}/${mode}/unknown`);
    expect(unknown).toMatchObject({ status: 404, redirects: 0 });
    const climbing = await curl.fetch('--path-as-is', `${turnout.origin}/${mode}/others/../../secret`);
    expect(climbing.status).toBeGreaterThanOrEqual(400);
    expect(origin.requests).toEqual([]);
  });

  test('leaves a trace in the access log', async () => {
    turnout.forget();
    await curl.fetch(`${address}?trace`);
    const record = await turnout.waitForAccess(({ path }) => path.endsWith('?trace'));
    const target = `${origin.origin}/releases/v1.2/acme_linux.tgz`;
    expect(record).toMatchObject({
      method: 'GET',
      host: turnout.authority,
      path: `/${mode}/cli/1.2/acme-linux.tar.gz?trace`,
      status: mode === 'proxy' ? 200 : 302,
      type: mode,
      rule: `${mode}-archives`,
      protocol: 'file',
      userAgent: expect.stringMatching(/^curl\//),
      // A rule may put a secret into the query of what it fetches; where a client is sent, it knows.
      ...(mode === 'proxy' ? { target } : { location: `${target}?trace` }),
    });
  });
});

test('a large file comes through byte for byte, and does not pile up when the client is slow', async () => {
  const file = join(curl.folder, 'large');
  const address = `${turnout.origin}/proxy/others/large`;
  const before = await memoryPeak(turnout.process.pid);

  const fetched = await curl.run('--limit-rate', '60M', '--output', file, address);

  expect(fetched.ok, fetched.output).toBe(true);
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  expect(hash.digest('hex')).toBe(largeDigest());
  expect((await memoryPeak(turnout.process.pid)) - before).toBeLessThan(LARGE_SIZE / 2);
});

test('a client that goes away takes the request to the origin with it', async () => {
  const fetched = await curl.run(
    '--max-time',
    '1',
    '--output',
    '/dev/null',
    `${turnout.origin}/proxy/others/endless`,
  );
  expect(fetched.ok).toBe(false);
  await expect.poll(() => origin.requests[0]?.aborted, { timeout: 5000 }).toBe(true);
  expect(await curl.fetch(`${turnout.origin}/proxy/cli/1.2/acme-linux.tar.gz`)).toMatchObject({
    status: 200,
  });
});

/** The most memory that a process has had, in bytes. */
async function memoryPeak(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
