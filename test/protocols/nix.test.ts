import { execFileSync } from 'node:child_process';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { UpstreamConfig } from '../../src/core/rule.ts';
import { rule } from '../../src/core/rule.ts';
import { readNarInfo, replaceNar, toHexadecimal } from '../../src/protocols/_nix-narinfo.ts';
import { type NixFile, type NixResource, nix } from '../../src/protocols/nix.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { eventually, startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

const HASH = 's3innym9a437pbfn2maivvxkp3pflhp5';
const BASE32 = '18w2szwc03vl79p6lminhqgndq3qv5nn54pyb6kdx3inxfqs2xbw';
const NAR_HASH = toHexadecimal(`sha256:${BASE32}`) ?? '';
const REV = '2d43fcb0c4b4464c615ea238e06d24e8e3f49629';

const file = (title: string, type: NixFile['type'], path: string): ProtocolCase<NixResource> => ({
  title,
  path,
  resource: { type, path },
});

testProtocol(nix, [
  file('what a cache is', 'cache-info', '/nix-cache-info'),
  file('a narinfo', 'narinfo', `/${HASH}.narinfo`),
  file('a narinfo of one of several caches', 'narinfo', `/acme/${HASH}.narinfo`),
  file('a list of files', 'listing', `/${HASH}.ls`),
  file('a build log', 'log', `/log/${HASH}-tool-1.0.drv`),
  file('a realisation', 'realisation', `/realisations/sha256:${'0'.repeat(64)}!out.doi`),
  file('a build trace', 'realisation', '/build-trace-v2/x/out.doi'),
  file('debug information', 'debuginfo', '/debuginfo/90ee6ba3.debug'),
  file('a NAR of the cache’s own name', 'archive', `/nar/${BASE32}.nar.xz`),
  file('a channel', 'file', '/channels/acme/nixexprs.tar.xz'),
  file('a tarball of a name that is encoded', 'file', '/app/feature%2Fx+y~z.tar.gz'),
  file('a hash that is none', 'file', '/e3innym9a437pbfn2maivvxkp3pflhp5.narinfo'),
  {
    title: 'a NAR with a query',
    path: `/nar/${BASE32}.nar.xz`,
    query: 'hash=x',
    resource: { type: 'archive', path: `/nar/${BASE32}.nar.xz`, query: 'hash=x' },
  },
  {
    title: 'a narinfo by HEAD',
    method: 'HEAD',
    path: `/${HASH}.narinfo`,
    resource: { type: 'narinfo', path: `/${HASH}.narinfo` },
  },
  {
    title: 'a NAR as narinfos name it here',
    path: `/acme/nar/${HASH}-${NAR_HASH}.nar.xz`,
    resource: { type: 'nar', narinfo: `/acme/${HASH}.narinfo`, narHash: NAR_HASH, compression: 'xz' },
  },
  {
    title: 'a NAR as narinfos name it here, uncompressed',
    path: `/nar/${HASH}-${NAR_HASH}.nar`,
    query: 'p=tool',
    canonical: `/nar/${HASH}-${NAR_HASH}.nar`,
    resource: { type: 'nar', narinfo: `/${HASH}.narinfo`, narHash: NAR_HASH, compression: 'none' },
  },
  {
    title: 'an upload',
    method: 'PUT',
    path: `/${HASH}.narinfo`,
    resource: { type: 'write', path: `/${HASH}.narinfo` },
  },
  { title: 'what has no slash', path: 'x', resource: undefined },
]);

const resourceAt = (path: string, method = 'GET'): NixResource =>
  nix.parse({ method, path }) ?? { type: 'write', path };

describe.each<[path: string, method: string, auto: string, redirect: string]>([
  ['/nix-cache-info', 'GET', 'stream', '302'],
  [`/${HASH}.narinfo`, 'HEAD', 'rewrite', '302'],
  [`/nar/${HASH}-${NAR_HASH}.nar.xz`, 'GET', 'carried', 'carried'],
  [`/nar/${BASE32}.nar.xz`, 'GET', '302', '302'],
  [`/${HASH}.ls`, 'GET', '302', '302'],
  ['/channels/acme', 'GET', '302', '302'],
  [`/${HASH}.narinfo`, 'PUT', '405 answered', '405 answered'],
])('%s by %s', (path, method, auto, redirect) => {
  test.each([
    ['auto', auto],
    ['proxy', auto],
    ['redirect', redirect],
  ] as const)('is delivered in mode %s: %s', (mode, shown) => {
    const context = contextOf(mode, upstreamOf('https://cache.example'), method);
    expect(showDelivery(nix.deliver(resourceAt(path, method), context))).toBe(shown);
  });
});

test.each<[path: string, tie: string | undefined]>([
  [`/${HASH}.narinfo`, 'content'],
  [`/nar/${HASH}-${NAR_HASH}.nar.xz`, 'content'],
  [`/nar/${BASE32}.nar.xz`, 'content'],
  ['/log/x.drv', 'content'],
  ['/nix-cache-info', undefined],
  ['/channels/acme', undefined],
])('%s is %s', (path, tie) => {
  expect(nix.tie?.(resourceAt(path))?.type).toBe(tie);
});

test.each<[hash: string, hexadecimal: string | undefined]>([
  // `nix hash` of the empty text, in its four forms.
  [
    'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  [
    'sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  [
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  [
    'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ],
  ['sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', undefined],
  ['sha256:e', undefined],
  [`sha256:${'e'.repeat(52)}`, undefined],
  ['', undefined],
])('the hash %j is %s', (hash, hexadecimal) => {
  expect(toHexadecimal(hash)).toBe(hexadecimal);
});

describe('a narinfo', () => {
  const text = `StorePath: /nix/store/${HASH}-tool\nURL: nar/x.nar.xz\nCompression: xz\nNarHash: sha256:${BASE32}\nSig: k:URL: a\n`;

  test.each<[title: string, text: string, read: object | undefined]>([
    ['is read', text, { url: 'nar/x.nar.xz', compression: 'xz', narHash: NAR_HASH }],
    [
      'is read, compressed with bzip2 when it says nothing',
      text.replace('Compression: xz\n', ''),
      { compression: 'bzip2' },
    ],
    ['is none without an address', text.replace('URL: ', 'Url: '), undefined],
    ['is none without a hash', text.replace('NarHash', 'Hash'), undefined],
    ['is none with a compression that is no word', text.replace(': xz', ': ../x'), undefined],
    ['is none when it is a page', '<html>', undefined],
  ])('%s', (_, given, read) => {
    const info = readNarInfo(given);
    if (read) expect(info).toMatchObject(read);
    else expect(info).toBeUndefined();
  });

  test.each([
    ['xz', text.replace('nar/x.nar.xz', 'y$$&'), text],
    ['none', text.replace('nar/x.nar.xz', 'y$$&').replace(': xz', ': none'), text],
    ['bzip2', 'URL: y$&\nSig: a\n', 'URL: x\nSig: a\n'],
    ['none', 'URL: y$&\nCompression: none\nSig: a\n', 'URL: x\nSig: a\n'],
  ])('has its NAR elsewhere, as %s', (compression, expected, given) => {
    expect(replaceNar(given, 'y$&', compression)).toBe(expected);
  });
});

interface CacheConfig {
  readonly narinfo?: string | number;
  readonly base?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly mode?: 'auto' | 'redirect' | 'proxy';
}

const narinfoOf = (url: string, compression = 'xz', hash = BASE32): string =>
  `StorePath: /nix/store/${HASH}-tool\nURL: ${url}\nCompression: ${compression}\nFileSize: 3\nNarHash: sha256:${hash}\nNarSize: 9\nReferences: \nSig: k:s\n`;

async function front(config: CacheConfig = {}) {
  const { narinfo = narinfoOf('nar/a.nar.xz'), base = '/cache', options, mode } = config;
  const upstream = await startUpstream((request, response) => {
    const path = request.url ?? '';
    if (!path.endsWith('.narinfo')) response.end(`bytes of ${path}`);
    else if (typeof narinfo === 'number') response.writeHead(narinfo).end();
    else response.end(narinfo.replaceAll('{own}', upstream.origin));
  });
  const to = upstream.origin + base;
  const gateway = await serve([
    rule(nix, { at: '/nix/', to, ...(options && { options }), ...(mode && { mode }) }),
  ]);
  return { upstream, gateway };
}
const nar = (compression: string): string =>
  `/nix/nar/${HASH}-${NAR_HASH}.nar${compression === 'none' ? '' : `.${compression}`}`;

describe('a cache', () => {
  test.each<[title: string, url: string, location: string]>([
    ['beside its narinfos', 'nar/a~b+c%2Fd.nar.xz', '{own}/cache/nar/a~b+c%2Fd.nar.xz'],
    ['with a query', 'nar/a.nar.xz?hash=1', '{own}/cache/nar/a.nar.xz?hash=1'],
    ['elsewhere', 'https://cdn.example/a.nar.xz', 'https://cdn.example/a.nar.xz'],
    ['at the root of its host', '/pool/a.nar.xz', '{own}/pool/a.nar.xz'],
  ])('whose NARs are %s has them under one address here', async (_, url, location) => {
    const { gateway, upstream } = await front({ narinfo: narinfoOf(url) });
    const { status, body } = await ask(gateway.origin, `/nix/${HASH}.narinfo`);
    expect(status).toBe(200);
    expect(body).toBe(narinfoOf(nar('xz').slice('/nix/'.length)));
    expect(await ask(gateway.origin, nar('xz'))).toMatchObject({
      status: 302,
      headers: { location: location.replace('{own}', upstream.origin) },
    });
  });

  test('is told whole in the mode redirect', async () => {
    const { gateway, upstream } = await front({ mode: 'redirect' });
    for (const path of [`${HASH}.narinfo`, 'nix-cache-info', `nar/${BASE32}.nar.xz`])
      expect((await ask(gateway.origin, `/nix/${path}`)).headers.location).toBe(
        `${upstream.origin}/cache/${path}`,
      );
    expect(upstream.requests).toEqual([]);
  });

  test.each(['{own}/a.nar.xz', 'nar/a.nar.xz'])(
    'has its NARs uncompressed here where they pass through (%s)',
    async (url) => {
      for (const config of [{ mode: 'proxy' }, { options: { compression: 'none' } }] as const) {
        const { gateway } = await front({ narinfo: narinfoOf(url), ...config });
        const { body } = await ask(gateway.origin, `/nix/${HASH}.narinfo`);
        expect(body).toBe(narinfoOf(nar('none').slice('/nix/'.length), 'none'));
        const answer = await ask(gateway.origin, nar('none'));
        expect(answer.status).toBe(200);
        expect(answer.headers['content-encoding']).toBe('xz');
        expect(answer.body).toMatch(/^bytes of /);
      }
    },
  );

  test('keeps a compression that no client decodes as a content encoding', async () => {
    const narinfo = narinfoOf('nar/a.nar.lz4', 'lz4');
    const { gateway } = await front({ narinfo, mode: 'proxy' });
    const { body } = await ask(gateway.origin, `/nix/${HASH}.narinfo`);
    expect(body).toBe(narinfoOf(nar('lz4').slice('/nix/'.length), 'lz4'));
    expect((await ask(gateway.origin, nar('lz4'))).body).toMatch(/^bytes of /);
  });

  test('keeps the compression in the mode proxy where the rule says so', async () => {
    const { gateway } = await front({ mode: 'proxy', options: { compression: 'keep' } });
    expect((await ask(gateway.origin, `/nix/${HASH}.narinfo`)).body).toContain('Compression: xz');
  });

  test.each<[title: string, narinfo: string | number, status: number]>([
    ['has it no more', 404, 404],
    ['refuses it', 403, 403],
    ['wants a password', 401, 401],
    ['fails', 500, 502],
    ['answers what is no answer', 204, 502],
    ['has other contents', narinfoOf('nar/a.nar.xz', 'xz', `0${BASE32.slice(1)}`), 404],
    ['has another compression', narinfoOf('nar/a.nar.zst', 'zstd'), 404],
    ['says nothing of use', '<html>', 502],
    ['names no address', narinfoOf('http://['), 502],
    ['names an address of no download', narinfoOf('file:///etc/passwd'), 502],
    ['is longer than anybody reads', `X: ${'x'.repeat(2_000_000)}\n`, 502],
  ])('that %s is told of when a NAR is asked for', async (_, narinfo, status) => {
    const { gateway } = await front({ narinfo });
    const answer = await ask(gateway.origin, nar('xz'));
    expect(answer.status).toBe(status);
    expect(answer.headers.location).toBeUndefined();
  });

  test('whose narinfo is none is passed on as it is', async () => {
    const { gateway } = await front({ narinfo: '<html>' });
    expect((await ask(gateway.origin, `/nix/${HASH}.narinfo`)).body).toBe('<html>');
  });

  test('says what it is, or the rule does', async () => {
    const { gateway } = await front();
    expect((await ask(gateway.origin, '/nix/nix-cache-info')).body).toBe('bytes of /cache/nix-cache-info');
    const own = await front({ options: { priority: 30, store: '/gnu/store' } });
    expect(await ask(own.gateway.origin, '/nix/nix-cache-info')).toMatchObject({
      status: 200,
      body: 'StoreDir: /gnu/store\nWantMassQuery: 1\nPriority: 30\n',
    });
    const usual = await front({ options: { priority: 30 } });
    expect((await ask(usual.gateway.origin, '/nix/nix-cache-info')).body).toContain('StoreDir: /nix/store\n');
  });

  test('is asked for what another has not', async () => {
    const [without, down] = [await front({ narinfo: 404 }), await unusedOrigin()];
    const { upstream } = await front();
    const to: UpstreamConfig[] = [
      { url: `${without.upstream.origin}/cache` },
      { url: down },
      { url: `${upstream.origin}/cache` },
    ];
    const gateway = await serve([rule(nix, { at: '/nix/', to })]);
    expect(await ask(gateway.origin, `/nix/${HASH}.narinfo`)).toMatchObject({ status: 200 });
    expect(await ask(gateway.origin, nar('xz'))).toMatchObject({
      headers: { location: `${upstream.origin}/cache/nar/a.nar.xz` },
    });
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(nix, { at: '/nix/', to: await unusedOrigin() })]);
    for (const path of ['/nix/nix-cache-info', `/nix/${HASH}.narinfo`, nar('xz')]) {
      const { status, headers } = await ask(gateway.origin, path);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
    }
  });
});

test('an error of a NAR has no content encoding', async () => {
  const upstream = await startUpstream((request, response) => {
    if (request.url?.endsWith('.narinfo')) response.end(narinfoOf('nar/a.nar.xz'));
    else response.writeHead(404).end('gone');
  });
  const gateway = await serve([rule(nix, { at: '/nix/', to: upstream.origin })]);
  const answer = await ask(gateway.origin, nar('none'));
  expect(answer).toMatchObject({ status: 404, body: 'gone' });
  expect(answer.headers['content-encoding']).toBeUndefined();
});

/** A tarball as `git archive` writes it, with other commits. */
function tarball(rev: string): Buffer {
  const block = Buffer.alloc(1024);
  block.write('pax_global_header');
  block.write('g', 156);
  block.write(`${rev.length + 12} comment=${rev}\n`, 512);
  return gzipSync(Buffer.concat([block, Buffer.alloc(4096, 7)]));
}

describe('a tarball', () => {
  interface TarballConfig {
    readonly body?: Buffer;
    readonly headers?: Readonly<Record<string, string>>;
    readonly status?: number;
    readonly locked?: string;
  }
  async function frontTarball({ body = tarball(REV), headers = {}, status = 200, locked }: TarballConfig) {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(status, headers);
      response.end(body);
    });
    const gateway = await serve([
      rule(nix, {
        at: '/nix/',
        match: '/app/:ref.tar.gz',
        to: `${upstream.origin}/acme/app/archive/:ref.tar.gz`,
        options: { locked: locked ?? '/app/:rev.tar.gz' },
      }),
    ]);
    return { upstream, gateway };
  }
  const linkOf = (url: string, query = `rev=${REV}`): string => `<${url}?${query}>; rel="immutable"`;

  test.each<[title: string, config: TarballConfig, query: string]>([
    ['as git archive writes it', {}, `rev=${REV}`],
    ['unpacked', { body: gunzipSync(tarball(REV)) }, `rev=${REV}`],
    ['of a repository with SHA-256', { body: tarball('a'.repeat(64)) }, `rev=${'a'.repeat(64)}`],
    [
      'as its host says it',
      {
        body: Buffer.from('x'),
        headers: { link: linkOf('https://git.example/x.tar.gz', `rev=${REV}&revCount=7&dir=x`) },
      },
      `rev=${REV}&revCount=7`,
    ],
    [
      'as a bucket says it',
      { body: Buffer.from('x'), headers: { 'x-amz-meta-link': linkOf('https://git.example/x.tar.gz') } },
      `rev=${REV}`,
    ],
  ])('of a branch leads to its revision, %s', async (_, config, query) => {
    const { gateway, upstream } = await frontTarball(config);
    const [, rev = ''] = /rev=(\w+)/.exec(query) ?? [];
    const location = `${gateway.origin}/nix/app/${rev}.tar.gz`;
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, '/nix/app/main.tar.gz')).toMatchObject({
        status: 302,
        body: '',
        headers: { location, link: linkOf(location, query), 'cache-control': 'no-store' },
      });
    expect(upstream.paths).toEqual(['/acme/app/archive/main.tar.gz']);
  });

  test.each<[title: string, body: Buffer]>([
    ['of no commit', gzipSync(Buffer.alloc(2048))],
    ['of a comment that is no commit', tarball('a'.repeat(50))],
    ['that is short', Buffer.from('x')],
    ['that is empty', Buffer.alloc(0)],
    ['that is broken', Buffer.from([0x1f, 0x8b, 1, 2, 3])],
    ['that breaks off', tarball(REV).subarray(0, 20)],
    [
      'whose header has no end',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(3_000_000, 65)]),
    ],
  ])('%s is where the upstream has it', async (_, body) => {
    const { gateway, upstream } = await frontTarball({ body });
    const answer = await ask(gateway.origin, '/nix/app/main.tar.gz');
    expect(answer).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/acme/app/archive/main.tar.gz` },
    });
    expect(answer.headers.link).toBeUndefined();
  });

  test('of a revision is where the upstream has it, with its own address here', async () => {
    const { gateway, upstream } = await frontTarball({});
    const path = `/nix/app/${REV}.tar.gz`;
    expect(await ask(gateway.origin, path)).toMatchObject({
      status: 302,
      headers: {
        location: `${upstream.origin}/acme/app/archive/${REV}.tar.gz`,
        link: linkOf(gateway.origin + path),
      },
    });
    await eventually(() => upstream.underWay).toBe(0);
  });

  test.each(['link', 'x-amz-meta-link'])(
    'of a revision passes through where the upstream would name itself, in %s',
    async (name) => {
      const headers = {
        [name]: linkOf('https://git.example/x.tar.gz', `rev=${REV}&lastModified=1700000000`),
      };
      const { gateway } = await frontTarball({ headers });
      const path = `/nix/app/${REV}.tar.gz`;
      const answer = await ask(gateway.origin, path);
      expect(answer.status).toBe(200);
      expect(answer.headers[name]).toBe(linkOf(gateway.origin + path, `rev=${REV}&lastModified=1700000000`));
    },
  );

  test.each([
    ['of another revision', linkOf('https://git.example/x', `rev=${'b'.repeat(40)}`)],
    ['of no revision', linkOf('https://git.example/x', 'rev=main')],
    ['in another form', '<https://git.example/x>; rel="next"'],
  ])('of a revision keeps its own against a link %s', async (_, link) => {
    const { gateway } = await frontTarball({ headers: { link } });
    const path = `/nix/app/${REV}.tar.gz`;
    expect((await ask(gateway.origin, path)).headers.link).toBe(linkOf(gateway.origin + path));
  });

  test.each([
    [404, 404],
    [401, 401],
    [500, 502],
    [204, 502],
  ])('that the upstream answers with %i is answered with %i', async (status, answered) => {
    const { gateway } = await frontTarball({ status, body: Buffer.alloc(0) });
    for (const ref of ['main', REV])
      expect((await ask(gateway.origin, `/nix/app/${ref}.tar.gz`)).status).toBe(answered);
  });

  test.each(['auto', 'proxy'] as const)(
    'of a private repository passes through in mode %s, with the password of the gateway',
    async (mode) => {
      const upstream = await startUpstream((request, response) => {
        if (request.headers.authorization === 'Bearer t') response.end(tarball(REV));
        else response.writeHead(401).end();
      });
      const to = `${upstream.origin}/acme/app/archive/:ref.tar.gz`;
      const options = { locked: '/app/:rev.tar.gz' };
      const gateway = await serve([
        rule(nix, { match: '/app/:ref.tar.gz', to, auth: { token: 't' }, mode, options }),
      ]);
      const location = `${gateway.origin}/app/${REV}.tar.gz`;
      expect(await ask(gateway.origin, '/app/main.tar.gz')).toMatchObject({
        status: 302,
        headers: { location },
      });
      expect(await ask(gateway.origin, `/app/${REV}.tar.gz`)).toMatchObject({
        status: 200,
        headers: { link: linkOf(location) },
      });
    },
  );

  test('of git is read', async () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args]);
    const { gateway } = await frontTarball({
      body: git('archive', '--format=tar.gz', 'HEAD', 'package.json'),
    });
    const rev = git('rev-parse', 'HEAD').toString().trim();
    expect((await ask(gateway.origin, '/nix/app/v1.tar.gz')).headers.location).toContain(rev);
  });
});

test('other documents are not touched', () => {
  const message = { url: '', headers: {}, body: (async function* () {})() };
  const context = contextOf('auto', upstreamOf('https://cache.example'));
  expect(nix.rewrite?.({ type: 'listing', path: '/x' }, message, context)).toEqual({
    headers: {},
    body: message.body,
  });
});
