import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import type { Options } from '../../src/core/options.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { type AptResource, apt } from '../../src/protocols/apt.ts';
import { file } from '../../src/protocols/file.ts';
import { ask } from '../gateway/client.ts';
import { type Serving, serve } from '../gateway/serving.ts';
import { startUpstream, type Upstream, unusedOrigin } from '../gateway/upstream.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Kind = AptResource['type'];

const SHA256 = createHash('sha256').update('').digest('hex');
const is = (type: Kind, title: string, path: string): ProtocolCase<AptResource> => ({
  title,
  path,
  resource: { type, path },
});
const made = (
  type: 'sources' | 'key',
  title: string,
  path: string,
  of: string,
): ProtocolCase<AptResource> => ({ title, path, resource: { type, path: of } });
const none = (title: string, path: string): ProtocolCase<AptResource> => ({
  title,
  path,
  resource: undefined,
});

testProtocol(apt, [
  is('release', 'a suite', '/dists/stable/InRelease'),
  is('release', 'a suite without its signature', '/dists/stable/Release'),
  is('release', 'the signature of a suite', '/dists/stable/Release.gpg'),
  is('release', 'a suite of several segments', '/debian/dists/stretch/updates/InRelease'),
  is('release', 'a flat repository', '/repositories/home:/acme/Debian_12/InRelease'),
  is('release', 'a flat repository that is the mount', '/InRelease'),
  is('index', 'an index', '/ubuntu/dists/noble/main/binary-amd64/Packages.xz'),
  is('index', 'an index of sources', '/dists/stable/main/source/Sources.gz'),
  is('index', 'the release of an architecture', '/dists/stable/main/binary-amd64/Release'),
  is('index', 'the release of sources', '/dists/stable/main/source/Release'),
  is('index', 'a translation', '/dists/stable/main/i18n/Translation-pt_BR.bz2'),
  is('index', 'the contents of packages', '/dists/stable/main/Contents-amd64.gz'),
  is('index', 'the contents of a suite', '/dists/stable/Contents-amd64.gz'),
  is('index', 'descriptions of applications', '/dists/stable/main/dep11/Components-amd64.yml.gz'),
  is('index', 'icons', '/dists/stable/main/dep11/icons-64x64@2.tar.gz'),
  is('index', 'commands', '/dists/noble/main/cnf/Commands-amd64.xz'),
  is('index', 'patches', '/dists/stable/main/binary-amd64/Packages.diff/Index'),
  is('index', 'a patch', '/dists/stable/main/binary-amd64/Packages.diff/T-2026-11-01-2020.30-F-2026.gz'),
  is('index', 'an index of an installer', '/dists/stable/main/debian-installer/binary-amd64/Packages.gz'),
  is('index', 'an installer', '/dists/stable/main/installer-amd64/current/images/netboot/mini.iso'),
  is('index', 'the index of a flat repository', '/flat/Packages'),
  is('index', 'the compressed sources of a flat repository', '/Sources.zst'),
  is('index', 'patches of a flat repository', '/flat/Packages.diff/Index'),
  is('content', 'an index by its hash', `/dists/stable/main/binary-amd64/by-hash/SHA256/${SHA256}`),
  is('content', 'an index by SHA-512', `/dists/stable/main/binary-all/by-hash/SHA512/${SHA256}${SHA256}`),
  is('content', 'an index by MD5', '/dists/s/main/source/by-hash/MD5Sum/d41d8cd98f00b204e9800998ecf8427e'),
  is('content', 'an index of a flat repository by its hash', `/flat/by-hash/SHA256/${SHA256}`),
  is('package', 'a package', '/pool/main/t/tool/tool_1.0-1_amd64.deb'),
  is('package', 'a package as apt asks for it', '/pool/c/c%2b%2btool/c%2b%2btool_1%3a1.0%7erc1%2bb1_all.deb'),
  is('package', 'a package of an installer', '/pool/main/t/tool/tool-udeb_1.0_arm64.udeb'),
  is('package', 'symbols for debugging', '/pool/main/t/tool/tool-dbgsym_1.0_amd64.ddeb'),
  is('package', 'a package without a version', '/linux/tool-current.deb'),
  is('package', 'a package beside its index', '/tool_1.0_all.deb'),
  is('package', 'a source', '/pool/main/t/tool/tool_1.0-1.dsc'),
  is('package', 'the original of a source', '/pool/main/t/tool/tool_1.0.orig.tar.xz'),
  is('package', 'the signature of an original', '/pool/main/t/tool/tool_1.0.orig.tar.xz.asc'),
  is('package', 'an old diff', '/pool/main/t/tool/tool_1.0-1.diff.gz'),
  is('package', 'a tarball of the pool', '/pool/tool.tar.gz'),
  is('package', 'a source of a flat repository', '/flat/tool_1.0.tar.zst'),
  is('package', 'an upload', '/pool/main/t/tool/tool_1.0-1_amd64.changes'),
  is('package', 'how a package was built', '/pool/main/t/tool/tool_1.0-1_amd64.buildinfo'),
  made('sources', 'a source for clients', '/dists/stable.sources', '/dists/stable/InRelease'),
  made(
    'sources',
    'one in a folder',
    '/ubuntu/dists/noble-updates.sources',
    '/ubuntu/dists/noble-updates/InRelease',
  ),
  made('sources', 'one of a flat repository', '/flat/flat.sources', '/flat/InRelease'),
  made('sources', 'one of the mount', '/flat.sources', '/InRelease'),
  made('sources', 'one of a suite that is called flat', '/dists/flat.sources', '/dists/flat/InRelease'),
  made('key', 'a key', '/dists/stable.asc', '/dists/stable/InRelease'),
  made('key', 'a key of a flat repository', '/a/b/flat.asc', '/a/b/InRelease'),
  {
    title: 'a package by HEAD',
    method: 'HEAD',
    path: '/tool_1.0_all.deb',
    resource: { type: 'package', path: '/tool_1.0_all.deb' },
  },
  {
    title: 'an upload of a package',
    method: 'POST',
    path: '/pool/tool_1.0_all.deb',
    resource: { type: 'write', path: '/pool/tool_1.0_all.deb' },
  },
  {
    title: 'a package with a query',
    path: '/tool_1.0_all.deb',
    query: 'x=1',
    resource: { type: 'package', path: '/tool_1.0_all.deb', query: 'x=1' },
  },
  none('the root', '/'),
  none('a folder', '/dists/stable/'),
  none('a suite', '/dists/stable'),
  none('a file beside suites', '/dists/README'),
  none('a tarball of another kind', '/dists/tool_1.0.zip'),
  none('a page', '/index.html'),
  none('a download', '/cli/v1.0/acme.tar.gz'),
  none('a key of the repository itself', '/acme.asc'),
  none('a source of the repository itself', '/acme.sources'),
  none('a list of a flat folder', '/flat/Packages.html'),
  none('a hash that is none', '/dists/stable/main/by-hash/SHA256/latest'),
  is('index', 'a file of a suite', '/dists/stable/main/flat.sources'),
  none('a suite of dots', '/dists/..sources'),
  none('a suite that is an escaped dot', '/dists/%2e.sources'),
  none('an encoded slash', '/dists/stable%2f/InRelease'),
  none('two slashes', '/dists//stable/InRelease'),
  none('a name of another protocol', '/v2/acme/app/manifests/latest'),
]);

const toPath = (type: Kind): AptResource => ({ type, path: '/dists/stable/InRelease' });

test.each<[type: Kind, auto: string]>([
  ['release', '302'],
  ['index', '302'],
  ['content', '302'],
  ['package', '302'],
  ['sources', 'carried'],
  ['key', 'carried'],
  ['write', '405 answered'],
])('a resource of the kind %s is delivered: %s', (type, shown) => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(apt.deliver(toPath(type), contextOf(mode, upstreamOf('https://deb.example'))))).toBe(
      shown,
    );
});

test.each<[file: string, purl: string | undefined]>([
  ['tool_1.0-1_amd64.deb', 'pkg:deb/tool@1.0-1?arch=amd64'],
  ['c%2b%2btool_1%3a1.0%7erc1%2bb1_all.deb', 'pkg:deb/c%2B%2Btool@1:1.0~rc1%2Bb1?arch=all'],
  ['c++tool_1:1.0~rc1+b1_all.deb', 'pkg:deb/c%2B%2Btool@1:1.0~rc1%2Bb1?arch=all'],
  ['tool_2%253a1.0_all.deb', 'pkg:deb/tool@2:1.0?arch=all'],
  ['tool-udeb_1.0_arm64.udeb', 'pkg:deb/tool-udeb@1.0?arch=arm64'],
  ['tool_1.0-1.dsc', 'pkg:deb/tool@1.0-1?arch=source'],
  ['tool_1.0.orig.tar.xz', undefined],
  ['tool-current.deb', undefined],
  ['tool_1.0_all.changes', undefined],
  ['tool_%ff_all.deb', undefined],
])('the package URL of %s is %s', (name, purl) => {
  expect(apt.purl?.({ type: 'package', path: `/pool/main/${name}` }, '')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('deb');
});

test('what is no package has no package URL', () => {
  expect(apt.purl?.({ type: 'index', path: '/tool_1.0_all.deb' }, '')).toBeUndefined();
});

test.each<[path: string, tie: object | undefined]>([
  ['/dists/stable/InRelease', { type: 'index', of: '/dists/stable' }],
  ['/ubuntu/dists/noble/Release', { type: 'index', of: '/ubuntu/dists/noble' }],
  ['/dists/stable/Release.gpg', { type: 'member', of: '/dists/stable' }],
  ['/dists/stable/main/binary-amd64/Packages.xz', { type: 'member', of: '/dists/stable' }],
  ['/dists/stretch/updates/InRelease', { type: 'index', of: '/dists/stretch' }],
  ['/dists/stretch/updates/main/source/Release', { type: 'member', of: '/dists/stretch' }],
  ['/dists/stable/main/binary-amd64/Packages.diff/Index', { type: 'member', of: '/dists/stable' }],
  [`/dists/stable/main/binary-amd64/by-hash/SHA256/${SHA256}`, { type: 'content' }],
  ['/flat/InRelease', { type: 'index', of: '/flat' }],
  ['/flat/Packages', { type: 'member', of: '/flat' }],
  ['/flat/Packages.diff/Index', { type: 'member', of: '/flat' }],
  ['/InRelease', { type: 'index', of: '' }],
  ['/pool/main/t/tool/tool_1.0_all.deb', { type: 'content' }],
  ['/dists/stable.sources', undefined],
  ['/dists/stable.asc', undefined],
])('%s is tied: %j', (path, tie) => {
  const resource = apt.parse({ method: 'GET', path });
  expect(resource && apt.tie?.(resource)).toEqual(tie);
  const write = apt.parse({ method: 'PUT', path });
  expect(write && apt.tie?.(write)).toBeUndefined();
});

describe('a redirect', () => {
  const names = '/pool/main/c/c%2b%2btool/c%2b%2btool_1%3a1.0%7erc1%2Bb1_all.deb';

  test.each([
    ['has every byte of the path', names],
    ['has what is raw raw', '/pool/c++tool_1:1.0~rc1_all.deb'],
    ['has an escaped escape', '/pool/tool_2%253a1.0_all.deb'],
  ])('%s', async (_, path) => {
    const gateway = await serve([rule(apt, { to: 'https://deb.example/acme' })]);
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await ask(gateway.origin, path, { method });
      expect({ status, location: headers.location, body }).toEqual({
        status: 302,
        location: `https://deb.example/acme${path}`,
        body: '',
      });
    }
  });

  test('of a flat repository has no segment of a dot', async () => {
    const gateway = await serve([rule(apt, { at: '/deb/', to: 'https://deb.example/acme' })]);
    for (const name of ['InRelease', 'c%2b%2btool_1_all.deb'])
      expect((await ask(gateway.origin, `/deb/flat/./${name}`)).headers.location).toBe(
        `https://deb.example/acme/flat/${name}`,
      );
  });

  test('leads where variables of the path say', async () => {
    const to = 'https://archive.example/mirror/ubuntu/*path';
    const gateway = await serve([rule(apt, { match: '/ubuntu/*path', to })]);
    expect((await ask(gateway.origin, '/ubuntu/dists/noble/InRelease')).headers.location).toBe(
      'https://archive.example/mirror/ubuntu/dists/noble/InRelease',
    );
    expect((await ask(gateway.origin, '/debian/dists/noble/InRelease')).status).toBe(404);
  });

  test('never leads from https to http, which apt refuses: the gateway fetches', async () => {
    const upstream = await startUpstream((_, response) => void response.end('bytes'));
    const gateway = await serve([rule(apt, { to: upstream.origin })], { trustProxy: true });
    const path = '/dists/stable/InRelease';
    const headers = { 'x-forwarded-proto': 'https' };
    expect(await ask(gateway.origin, path, { headers })).toMatchObject({ status: 200, body: 'bytes' });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 302 });
  });
});

describe('what the gateway fetches', () => {
  const deb = '/pool/c/c%2b%2btool_1%3a1.0%7erc1_all.deb';
  const date = 'Mon, 02 Nov 2026 10:00:00 GMT';

  test('is asked for as the client asked, and answered as the upstream answers', async () => {
    const upstream = await startUpstream(({ headers, method }, response) => {
      if (headers['if-modified-since'] === date) response.writeHead(304).end();
      else if (headers.range)
        response.writeHead(206, { 'content-range': 'bytes 2-4/5', 'last-modified': date }).end('tes');
      else
        response
          .writeHead(200, { 'last-modified': date, 'content-length': '5' })
          .end(method === 'HEAD' ? '' : 'bytes');
    });
    const gateway = await serve([rule(apt, { to: `${upstream.origin}/acme`, mode: 'proxy' })]);
    const get = (headers: Record<string, string>, method = 'GET') =>
      ask(gateway.origin, deb, { method, headers });
    expect(await get({})).toMatchObject({ status: 200, body: 'bytes', headers: { 'last-modified': date } });
    expect(await get({}, 'HEAD')).toMatchObject({ status: 200, headers: { 'content-length': '5' } });
    expect(await get({ 'if-modified-since': date })).toMatchObject({ status: 304, body: '' });
    expect(await get({ range: 'bytes=2-', 'if-range': date })).toMatchObject({ status: 206, body: 'tes' });
    expect(new Set(upstream.paths)).toEqual(new Set([`/acme${deb}`]));
  });

  test.each([
    ['alone', { release: 'proxy' }, 'auto'],
    ['with everything', {}, 'proxy'],
  ] as const)('is what a suite says of itself, %s', async (_, options, mode) => {
    const upstream = await startUpstream((_, response) => void response.end('bytes'));
    const gateway = await serve([rule(apt, { to: upstream.origin, mode, options })]);
    for (const name of ['InRelease', 'Release', 'Release.gpg'])
      expect((await ask(gateway.origin, `/dists/stable/${name}`)).body).toBe('bytes');
    const { status } = await ask(gateway.origin, '/dists/stable/main/binary-amd64/Packages');
    expect(status).toBe(mode === 'auto' ? 302 : 200);
  });

  test.each([404, 401, 403, 410])(
    'that the upstream answers %i is answered so, in plain text',
    async (status) => {
      const upstream = await startUpstream(
        (_, response) => void response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>No</h1>'),
      );
      const gateway = await serve([rule(apt, { to: upstream.origin, mode: 'proxy' })]);
      const answer = await ask(gateway.origin, deb);
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toMatch(/^text\/plain/);
      expect(answer.body).not.toContain('<');
    },
  );

  test('is not there when the upstream is not', async () => {
    const gateway = await serve([
      rule(apt, { to: await unusedOrigin(), mode: 'proxy', options: { key: 'k.asc' } }),
    ]);
    for (const path of [deb, '/dists/stable.sources', '/dists/stable.asc']) {
      const { status, headers, body } = await ask(gateway.origin, path);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
      expect(body).toMatch(/^[^<]+\n$/);
    }
  });

  test('is a snapshot of one upstream, packages and hashes apart', async () => {
    const down = new Set<number>();
    const start = (number: number): Promise<Upstream> =>
      startUpstream((_, response) => void response.writeHead(down.has(number) ? 503 : 200).end(`${number}`));
    const to = [(await start(1)).origin, (await start(2)).origin];
    const gateway = await serve([rule(apt, { to, mode: 'proxy' })]);
    const get = (path: string) => ask(gateway.origin, path);
    const index = '/dists/stable/main/binary-amd64/Packages.gz';
    expect((await get('/dists/stable/InRelease')).body).toBe('1');
    down.add(1);
    expect((await get(index)).status).toBe(503);
    expect((await get('/dists/stable/Release.gpg')).status).toBe(503);
    for (const path of [deb, `/dists/stable/main/binary-amd64/by-hash/SHA256/${SHA256}`])
      expect((await get(path)).body).toBe('2');
    for (const path of ['/dists/stable/InRelease', index]) expect((await get(path)).body).toBe('2');
    down.clear();
    expect((await get(index)).body).toBe('2');
  });
});

test('what would publish is refused, and asks nobody', async () => {
  const upstream = await startUpstream((_, response) => void response.end());
  const gateway = await serve([rule(apt, { to: upstream.origin })]);
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const { status, headers, body } = await ask(gateway.origin, '/pool/tool_1.0_all.deb', { method });
    expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'GET, HEAD' });
    expect(body).toContain('publish to the repository itself');
  }
  expect(upstream.paths).toEqual([]);
});

test('what is none of a repository is for the other protocols of the mount', async () => {
  const gateway = await serve([
    rule(apt, { to: 'https://deb.example' }),
    rule(file, { to: 'https://files.example' }),
  ]);
  const locate = async (path: string) => (await ask(gateway.origin, path)).headers.location;
  expect(await locate('/cli/v1.0/acme.tar.gz')).toBe('https://files.example/cli/v1.0/acme.tar.gz');
  expect(await locate('/acme.asc')).toBe('https://files.example/acme.asc');
  expect(await locate('/tool_1.0_all.deb')).toBe('https://deb.example/tool_1.0_all.deb');
});

describe('what is made here', () => {
  const release = [
    'Origin: Acme',
    'Suite: stable',
    'Codename: acme',
    'Architectures: all amd64 arm64',
    'Components: main contrib',
    'SHA256:',
    ` ${SHA256} 0 main/binary-amd64/Packages`,
    '',
  ].join('\n');
  const inRelease = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${release}-----BEGIN PGP SIGNATURE-----\n`;

  /** Packets by their tags (RFC 9580 §4.2.1), each of some bytes. */
  const packets = (...tags: number[]): Buffer =>
    Buffer.concat(tags.map((tag) => Buffer.from([0xc0 | tag, 3, 1, 2, tag])));
  const armor = (bytes: Buffer, lines = '\n'): string =>
    [
      '-----BEGIN PGP PUBLIC KEY BLOCK-----',
      'Comment: Acme',
      '',
      bytes.toString('base64'),
      '=abcd',
      '-----END PGP PUBLIC KEY BLOCK-----',
      '',
    ].join(lines);
  /** The packets of an armored text. */
  const unarmored = (text: string): Buffer => Buffer.from(text.split('\n').slice(2, -3).join(''), 'base64');
  const key = packets(6, 13, 2);

  type Files = Readonly<Record<string, string | Buffer | number>>;
  async function front(
    files: Files,
    { at, ...more }: Omit<Partial<Rule<AptResource>>, 'to'> = {},
    to = '/acme',
  ): Promise<{ gateway: Serving; upstream: Upstream; get: (path: string) => ReturnType<typeof ask> }> {
    const upstream = await startUpstream(({ url = '' }, response) => {
      const found = files[url] ?? 404;
      if (typeof found === 'number') response.writeHead(found).end();
      else response.end(found);
    });
    const gateway = await serve([
      rule(apt, { ...(at && { at }), to: upstream.origin + to, options: { key: 'key.asc' }, ...more }),
    ]);
    return { gateway, upstream, get: (path) => ask(gateway.origin, path) };
  }

  test('a source says what the suite says, and has the key in it', async () => {
    const { gateway, get } = await front(
      { '/acme/dists/stable/InRelease': inRelease, '/acme/key.asc': armor(key) },
      { at: '/deb/' },
    );
    const { status, headers, body } = await get('/deb/dists/stable.sources');
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: 'text/plain; charset=utf-8',
    });
    expect(body).toBe(`Types: deb
URIs: ${gateway.origin}/deb/
Suites: stable
Components: main contrib
Architectures: amd64 arm64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 ${key.toString('base64')}
 =${(await get('/deb/dists/stable.asc')).body.split('=')[1]?.slice(0, 4)}
 -----END PGP PUBLIC KEY BLOCK-----
`);
    const head = await ask(gateway.origin, '/deb/dists/stable.sources', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-length': String(body.length) } });
  });

  test('a source of a flat repository has a slash for a suite', async () => {
    const { gateway, get } = await front({ '/acme/flat/InRelease': 'Date: x\n' }, { options: {} });
    expect((await get('/flat/flat.sources')).body).toBe(
      `Types: deb\nURIs: ${gateway.origin}/flat/\nSuites: /\n`,
    );
  });

  test('a source of a folder names the folder, whatever the upstream calls it', async () => {
    const { gateway, get } = await front(
      { '/mirror/dists/noble/InRelease': release },
      { match: '/ubuntu/*path', options: {} },
      '/mirror/*path',
    );
    expect((await get('/ubuntu/dists/noble.sources')).body).toContain(
      `URIs: ${gateway.origin}/ubuntu/\nSuites: noble\n`,
    );
  });

  test.each([
    [
      'a suite that is signed beside',
      { '/acme/dists/stable/Release': release },
      /^Components: main contrib$/m,
    ],
    [
      'components with a prefix that is none of their path',
      { '/acme/dists/stable/InRelease': 'Components: updates/main updates/contrib\n' },
      /^Components: main contrib$/m,
    ],
    [
      'components with a path',
      { '/acme/dists/stable/InRelease': 'Components: a/b\nSHA256:\n x 0 a/b/source/Sources\n' },
      /^Components: a\/b$/m,
    ],
    ['no components', { '/acme/dists/stable/InRelease': 'Suite: x\n' }, /^Components: main\n$/m],
    [
      'lines that end twice',
      { '/acme/dists/stable/InRelease': 'Architectures: amd64\r\nComponents: x\r\n' },
      /^Components: x\nArchitectures: amd64\n$/m,
    ],
    [
      'words that are none',
      { '/acme/dists/stable/InRelease': 'Components: main <b> "x" a:b\n' },
      /^Components: main\n$/m,
    ],
  ])('a source of %s', async (_, files: Files, expected) => {
    const { get } = await front(files, { options: {} });
    const { status, body } = await get('/dists/stable.sources');
    expect(status).toBe(200);
    expect(body).toMatch(expected);
    expect(body).not.toMatch(/Signed-By|[<"\r]/);
  });

  test.each<[title: string, files: Files, status: number]>([
    ['is not there', {}, 404],
    ['is refused', { '/acme/dists/stable/InRelease': 403 }, 403],
    ['wants a password', { '/acme/dists/stable/InRelease': 401 }, 401],
    ['is refused beside', { '/acme/dists/stable/Release': 403 }, 403],
    ['is out of order', { '/acme/dists/stable/InRelease': 500 }, 502],
    ['is too long', { '/acme/dists/stable/InRelease': 'x'.repeat(4_194_305) }, 502],
    ['has a key that is not there', { '/acme/dists/stable/InRelease': release }, 404],
    ['has a key that is refused', { '/acme/dists/stable/InRelease': release, '/acme/key.asc': 401 }, 401],
    ['has a key that is none', { '/acme/dists/stable/InRelease': release, '/acme/key.asc': '<html>' }, 502],
  ])('a source is refused when the suite %s', async (_, files, status) => {
    const { get } = await front(files);
    const answer = await get('/dists/stable.sources');
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^text\/plain/);
  });

  const old = Buffer.from([0x98, 3, 1, 2, 3]);
  test.each<[title: string, keyring: string | Buffer, keys: Buffer]>([
    ['in armor', armor(key), key],
    ['in armor with other line ends', armor(key, '\r\n'), key],
    ['in armor that does not end', armor(key).replace(/-----END.*/s, ''), key],
    ['in several blocks', `Keys:\n${armor(key)}\n${armor(old)}`, Buffer.concat([key, old])],
    ['as bytes', key, key],
    ['as bytes of the old kind', old, old],
    [
      'of the old kind with a length of two bytes',
      Buffer.from([0x99, 0, 2, 1, 2]),
      Buffer.from([0x99, 0, 2, 1, 2]),
    ],
    ['of the old kind without a length', Buffer.from([0x9b, 1, 2]), Buffer.from([0x9b, 1, 2])],
    [
      'with a length of two bytes',
      Buffer.concat([Buffer.from([0xc6, 192, 8]), Buffer.alloc(200)]),
      Buffer.concat([Buffer.from([0xc6, 192, 8]), Buffer.alloc(200)]),
    ],
    [
      'with a length of four bytes',
      Buffer.from([0xc6, 255, 0, 0, 0, 1, 7]),
      Buffer.from([0xc6, 255, 0, 0, 0, 1, 7]),
    ],
  ])('a key that is there %s is given in armor', async (_, keyring, keys) => {
    const { get, upstream } = await front({ '/acme/key.asc': keyring });
    for (let count = 0; count < 2; count++) {
      const { status, headers, body } = await get('/dists/stable.asc');
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: 'application/pgp-keys',
      });
      expect(body).toMatch(
        /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n(?:[\w+/]{1,64}={0,2}\n)+=[\w+/]{4}\n-----END PGP PUBLIC KEY BLOCK-----\n$/,
      );
      expect(unarmored(body)).toEqual(keys);
    }
    expect(upstream.paths).toEqual(['/acme/key.asc']);
  });

  test.each<[title: string, keyring: string | Buffer | number, status: number]>([
    ['is a secret one', packets(5, 13), 502],
    ['has a secret one in it', packets(6, 7), 502],
    ['is secret and armored', armor(packets(5)), 502],
    ['is a signature', packets(2), 502],
    ['is cut off', key.subarray(0, -1), 502],
    ['has a length in parts', Buffer.from([0xc6, 224, 1]), 502],
    ['is no Base64', armor(key).replace(/\n\n[^\n]+/, '\n\n!'), 502],
    ['is empty', '', 502],
    ['is a page', '<html></html>', 502],
    ['is too long', 'x'.repeat(524_289), 502],
    ['is not there', 404, 404],
    ['is refused', 403, 403],
  ])('a key is refused that %s, and asked for again', async (_, keyring, status) => {
    const { get, upstream } = await front({ '/acme/key.asc': keyring });
    for (let count = 0; count < 2; count++) {
      const answer = await get('/dists/stable.asc');
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toMatch(/^text\/plain/);
    }
    expect(upstream.paths).toHaveLength(2);
  });

  test.each([
    ['beside its suites', 'keys/a+b.gpg', '/acme/keys/a+b.gpg'],
    ['at a path of the host', '/keys/acme.gpg', '/keys/acme.gpg'],
    ['at an address', '{upstream}/x?y=z', '/x?y=z'],
  ])('a key is %s', async (_, written, path) => {
    const upstream = await startUpstream((_, response) => void response.end(key));
    const options = { key: written.replace('{upstream}', upstream.origin) };
    const gateway = await serve([rule(apt, { to: `${upstream.origin}/acme`, options })]);
    expect((await ask(gateway.origin, '/dists/stable.asc')).status).toBe(200);
    expect(upstream.paths).toEqual([path]);
  });

  test('there is no key where the rule has none', async () => {
    const { get, upstream } = await front({}, { options: {} });
    expect(await get('/dists/stable.asc')).toMatchObject({ status: 404 });
    expect(upstream.paths).toEqual([]);
  });

  test('a key at no address is the fault of the rule', async () => {
    const { get } = await front({}, { options: { key: 'http://[' } });
    expect(await get('/dists/stable.asc')).toMatchObject({ status: 502 });
  });

  test('a rule says what is wrong with its options', () => {
    const check = (options: Options) => () =>
      compileRules([rule(apt, { to: 'https://deb.example', options })]);
    expect(check({ key: 'key.asc', release: 'proxy' })).not.toThrow();
    expect(check({ key: 'ftp://deb.example/k' })).toThrow(/the address of the key/);
    expect(check({ release: 'gateway' })).toThrow(/`redirect` or `proxy`/);
    expect(check({ keys: 'x' })).toThrow(/did you mean `key`/);
  });
});
