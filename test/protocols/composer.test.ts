import { describe, expect, test } from 'vitest';

import type { Lead, Tools, UpstreamDocument } from '../../src/core/protocol.ts';
import { type ComposerResource, composer } from '../../src/protocols/composer.ts';
import {
  contextOf,
  noTools,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Case = ProtocolCase<ComposerResource>;

const archive = (title: string, path: string, version: string, reference: string, kind = 'zip'): Case => ({
  title,
  path: `/dists/acme/cli/${path}`,
  resource: { type: 'archive', name: 'acme/cli', version, reference, kind },
});
const none = (title: string, path: string, method = 'GET'): Case => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(composer, [
  { title: 'the repository', path: '/packages.json', resource: { type: 'root' } },
  { title: 'the repository by HEAD', method: 'HEAD', path: '/packages.json', resource: { type: 'root' } },
  {
    title: 'a package',
    path: '/p2/acme/cli.json',
    resource: { type: 'metadata', name: 'acme/cli', dev: false },
  },
  {
    title: 'the branches of a package',
    path: '/p2/acme/cli~dev.json',
    resource: { type: 'metadata', name: 'acme/cli', dev: true },
  },
  {
    title: 'a name with signs',
    path: '/p2/a_c.m-e/c--l_i.x.json',
    resource: { type: 'metadata', name: 'a_c.m-e/c--l_i.x', dev: false },
  },
  {
    title: 'what a repository includes',
    path: '/include/all$0a1b.json',
    resource: { type: 'include', path: '/include/all$0a1b.json' },
  },
  {
    title: 'what a repository includes, as Composer asks',
    path: '/include/all%240a1b.json',
    canonical: '/include/all$0a1b.json',
    resource: { type: 'include', path: '/include/all$0a1b.json' },
  },
  {
    title: 'news of an install',
    method: 'POST',
    path: '/downloads/',
    resource: { type: 'notification' },
  },
  archive('an archive', '1.0.0/0a1b.zip', '1.0.0', '0a1b'),
  archive('an archive without a reference', '1.0.0.zip', '1.0.0', ''),
  archive('an archive of another kind', 'v1.0.0-beta.1/0a1b.tar', 'v1.0.0-beta.1', '0a1b', 'tar'),
  archive('an archive of a branch', 'dev-feature~2Fx/0a1b.zip', 'dev-feature/x', '0a1b'),
  archive('a version with signs', '1.0.0~2Bb~7E~27/a.b~2Fc.zip', "1.0.0+b~'", 'a.b/c'),
  archive('a version that is not ASCII', 'dev-~C3~A9/a.zip', 'dev-é', 'a'),
  {
    title: 'a version in lower case',
    path: '/dists/acme/cli/dev-a~2fb/x.zip',
    canonical: '/dists/acme/cli/dev-a~2Fb/x.zip',
    resource: { type: 'archive', name: 'acme/cli', version: 'dev-a/b', reference: 'x', kind: 'zip' },
  },

  none('the root', '/'),
  none('a package without a vendor', '/p2/cli.json'),
  none('a package with capitals', '/p2/Acme/cli.json'),
  none('a package that starts with a dot', '/p2/acme/.cli.json'),
  none('a package with a slash more', '/p2/acme/cli/x.json'),
  none('a package with an encoded slash', '/p2/acme%2fcli.json'),
  none('a package that is no JSON', '/p2/acme/cli.xml'),
  none('metadata for Composer 1', '/p/acme/cli$0a1b.json'),
  none('an archive of no version', '/dists/acme/cli.zip'),
  none('an archive without an extension', '/dists/acme/cli/1.0.0/0a1b'),
  none('a folder', '/dists/acme/cli/1.0.0/0a1b.path'),
  none('an archive in too deep a path', '/dists/acme/cli/1.0.0/0a1b/x.zip'),
  none('half an escape', '/dists/acme/cli/1.0~2/x.zip'),
  none('an escape that is no text', '/dists/acme/cli/1.0~C0~AE/x.zip'),
  none('a dot segment in disguise', '/dists/acme/cli/~2E~2E/x.zip'),
  none('an include above', '/include/.all.json'),
  none('an include deeper down', '/include/a/b.json'),
  none('a post elsewhere', '/packages.json', 'POST'),
  none('news by another method', '/downloads/', 'PUT'),
  none('the news themselves', '/downloads/'),
  none('no path', ''),
]);

describe('what the protocol wishes for, in every mode', () => {
  test.each<[resource: ComposerResource, delivery: string]>([
    [{ type: 'root' }, 'carried'],
    [{ type: 'metadata', name: 'acme/cli', dev: false }, 'carried'],
    [{ type: 'archive', name: 'acme/cli', version: '1', reference: '', kind: 'zip' }, 'carried'],
    [{ type: 'include', path: '/include/all.json' }, 'rewrite'],
    [{ type: 'notification' }, 'carried'],
  ])('for %j: %s', (resource, delivery) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const context = contextOf(mode, upstreamOf('https://repo.example'));
      expect(showDelivery(composer.deliver(resource, context))).toBe(delivery);
    }
  });
});

test.each<[resource: ComposerResource, purl: string | undefined]>([
  [
    { type: 'archive', name: 'acme/cli', version: 'dev-a/b', reference: 'x', kind: 'zip' },
    'pkg:composer/acme/cli@dev-a%2Fb',
  ],
  [{ type: 'metadata', name: 'acme/cli', dev: false }, undefined],
])('the package URL of %j is %s', (resource, purl) => {
  expect(composer.purl?.(resource, 'https://get.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).name).toBe('acme/cli');
});

const here = 'https://get.acme.example/composer';
const base = 'https://repo.example/r';
const sha = (digit: string): string => digit.repeat(40);

async function* chunks(text: string, size = 11): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** An upstream by its documents, with what is asked of it. */
function lend(documents: Readonly<Record<string, unknown>>, body = '{}'): { tools: Tools; asked: string[] } {
  const asked: string[] = [];
  const kept = new Map<string, string>();
  const fetchAt = async (url: string): Promise<UpstreamDocument> => {
    asked.push(url);
    const found = documents[url];
    const status = typeof found === 'number' ? found : found === undefined ? 404 : 200;
    return {
      status,
      url,
      headers: {},
      body: chunks(typeof found === 'string' ? found : (JSON.stringify(found) ?? '')),
    };
  };
  const tools: Tools = {
    ...noTools,
    fetch: (resource) => fetchAt(base + composer.format(resource as ComposerResource)),
    fetchAt,
    async keep(key, _, make) {
      const text = kept.get(key) ?? (await make());
      kept.set(key, text);
      return text;
    },
    forget: (key) => void kept.delete(key),
    readBody: async (most) => (body.length > most ? undefined : body),
  };
  return { tools, asked };
}

async function carry(
  resource: ComposerResource,
  tools: Tools,
  authenticated = false,
): Promise<Lead | { status: number; body: unknown }> {
  const context = {
    ...contextOf('auto', upstreamOf('https://repo.example', authenticated)),
    publicUrl: here,
  };
  const made = await composer.carry?.(resource, context, tools);
  if (!made) throw new Error('nothing made');
  return 'url' in made ? made : { status: made.status, body: JSON.parse(made.body) };
}

describe('packages.json', () => {
  const root = { type: 'root' } as const;
  const packagist = {
    packages: [],
    'notify-batch': 'https://packagist.example/downloads/',
    'providers-url': '/p/%package%$%hash%.json',
    'provider-includes': { 'p/x$%hash%.json': { sha256: 'x' } },
    'metadata-url': '/p2/%package%.json',
    'metadata-changes-url': 'https://packagist.example/metadata/changes.json',
    search: '/search.json?q=%query%&type=%type%',
    list: 'https://packagist.example/packages/list.json',
    'security-advisories': {
      metadata: true,
      'api-url': 'https://packagist.example/api/security-advisories/',
    },
    'providers-api': 'https://packagist.example/providers/%package%.json',
    mirrors: [{ 'dist-url': 'https://mirror.example/%package%.%type%', preferred: true }],
    'available-package-patterns': ['acme/*'],
    warning: 'Old.',
  };

  test('leads everything that a lock file could keep through the public address', async () => {
    expect(await carry(root, lend({ [`${base}/packages.json`]: packagist }).tools)).toEqual({
      status: 200,
      body: {
        packages: [],
        'metadata-url': `${here}/p2/%package%.json`,
        'notify-batch': `${here}/downloads/`,
        'available-package-patterns': ['acme/*'],
        warning: 'Old.',
        search: 'https://repo.example/search.json?q=%query%&type=%type%',
        list: 'https://packagist.example/packages/list.json',
        'providers-api': 'https://packagist.example/providers/%package%.json',
        'security-advisories': {
          metadata: true,
          'api-url': 'https://packagist.example/api/security-advisories/',
        },
      },
    });
  });

  test('names no address of an upstream that a client cannot ask by itself', async () => {
    const { body } = (await carry(root, lend({ [`${base}/packages.json`]: packagist }).tools, true)) as {
      body: object;
    };
    expect(body).not.toHaveProperty('search');
    expect(body).toHaveProperty('list');
  });

  test('has packages that stand in it, and what it includes', async () => {
    const versions = {
      '1.0.0': {
        name: 'acme/cli',
        version: '1.0.0',
        dist: { type: 'zip', url: 'a.zip', reference: sha('a') },
      },
      'dev-main': {
        name: 'acme/cli',
        version: 'dev-main',
        source: { type: 'git', url: 'https://x.example' },
      },
      broken: 1,
    };
    const includes = { 'include/all$0a.json': { sha1: '0a' }, 'http://evil.example/x.json': {} };
    const satis = {
      packages: { 'acme/cli': versions, 'acme/list': [versions['1.0.0']], 'acme/no': 0 },
      includes,
    };
    const { body } = (await carry(root, lend({ [`${base}/packages.json`]: satis }).tools)) as {
      body: Record<string, unknown>;
    };
    const dist = { type: 'zip', url: `${here}/dists/acme/cli/1.0.0/${sha('a')}.zip`, reference: sha('a') };
    expect(body).toEqual({
      packages: {
        'acme/cli': { ...versions, '1.0.0': { ...versions['1.0.0'], dist } },
        'acme/list': [
          { ...versions['1.0.0'], dist: { ...dist, url: dist.url.replace('acme/cli', 'acme/list') } },
        ],
        'acme/no': 0,
      },
      includes: { 'include/all$0a.json': {} },
      'notify-batch': `${here}/downloads/`,
    });
  });

  test.each<[title: string, document: unknown, status: number, message: RegExp]>([
    ['that is not there', undefined, 404, /no packages\.json/],
    ['that is refused', 401, 401, /answers 401/],
    ['that is forbidden', 403, 403, /answers 403/],
    ['that is a redirect to nowhere', 304, 502, /answers 304/],
    ['of Composer 1 only', { packages: [], 'providers-url': '/p/x' }, 502, /Composer 1 only/],
    ['that is no object', [], 502, /no object/],
  ])('%s', async (_, document, status, message) => {
    expect(await carry(root, lend({ [`${base}/packages.json`]: document }).tools)).toMatchObject({
      status,
      body: { warning: expect.stringMatching(message) },
    });
  });

  test('that is no JSON is the fault of the upstream', async () => {
    await expect(carry(root, lend({ [`${base}/packages.json`]: '<html>' }).tools)).rejects.toThrow();
  });
});

describe('metadata', () => {
  test.each([
    ['/p2/%package%.json', 'https://repo.example/p2/acme/cli.json'],
    ['p2/%package%.json', 'https://repo.example/r/p2/acme/cli.json'],
    ['https://cdn.example/meta/%package%.json', 'https://cdn.example/meta/acme/cli.json'],
  ])('is where %s of the upstream says', async (template, url) => {
    const { tools } = lend({ [`${base}/packages.json`]: { 'metadata-url': template } });
    const found = await carry({ type: 'metadata', name: 'acme/cli', dev: false }, tools);
    expect(found).toEqual({ url, status: 302, delivery: 'rewrite' });
    const branches = await carry({ type: 'metadata', name: 'acme/cli', dev: true }, tools);
    expect(branches).toMatchObject({ url: url.replace('cli.json', 'cli~dev.json') });
  });

  test('is none where the upstream has none', async () => {
    const { tools } = lend({ [`${base}/packages.json`]: { packages: {} } });
    expect(await carry({ type: 'metadata', name: 'acme/cli', dev: false }, tools)).toMatchObject({
      status: 404,
    });
  });

  test.each<[title: string, version: string, rewritten: string]>([
    [
      'a version',
      `{"version" : "1.0.0","dist":{"url":"https://x.example/y","type":"zip","shasum":"","reference":"ab"}}`,
      `{"version":"1.0.0","dist":{"url":"${here}/dists/acme/cli/1.0.0/ab.zip","type":"zip","shasum":"","reference":"ab"}}`,
    ],
    [
      'mirrors, which would be asked first',
      `{"version":"1","dist":{"url":"https://x.example/y","type":"tar","mirrors":[{"url":"https://m.example"}]}}`,
      `{"version":"1","dist":{"url":"${here}/dists/acme/cli/1.tar","type":"tar"}}`,
    ],
    ['a version without an archive', '{"version": "1"}', '{"version": "1"}'],
    [
      'a folder',
      '{"version":"1","dist":{"type":"path","url":"../x"} }',
      '{"version":"1","dist":{"type":"path","url":"../x"} }',
    ],
    [
      'no version',
      '{"dist":{"type":"zip","url":"https://x.example/y"} }',
      '{"dist":{"type":"zip","url":"https://x.example/y"} }',
    ],
    [
      'a dot segment',
      '{"version":"..","dist":{"type":"zip","url":"x"} }',
      '{"version":"..","dist":{"type":"zip","url":"x"} }',
    ],
    [
      'a kind that is none',
      '{"version":"1","dist":{"type":"../x","url":"x"} }',
      '{"version":"1","dist":{"type":"../x","url":"x"} }',
    ],
    [
      'half a character',
      '{"version":"\\ud800","dist":{"type":"zip","url":"x"} }',
      '{"version":"\\ud800","dist":{"type":"zip","url":"x"} }',
    ],
    ['a string', '"x"', '"x"'],
  ])('%s', async (_, version, rewritten) => {
    const wrap = (text: string): string =>
      `{"minified":"composer/2.0", "packages":{"acme/cli":[ ${text} ]},"security-advisories":[{"version":"1"}]}`;
    const context = { ...contextOf('auto', upstreamOf(base)), publicUrl: here };
    const resource = { type: 'metadata', name: 'acme/cli', dev: false } as const;
    const message = composer.rewrite?.(
      resource,
      { url: base, headers: {}, body: chunks(wrap(version)) },
      context,
    );
    const parts: Uint8Array[] = [];
    for await (const part of message?.body ?? []) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe(wrap(rewritten));
  });
});

describe('an archive', () => {
  const root = { [`${base}/packages.json`]: { 'metadata-url': 'p2/%package%.json' } };
  const stable = `${base}/p2/acme/cli.json`;
  const dev = `${base}/p2/acme/cli~dev.json`;
  const of = (version: string, reference: string, kind = 'zip'): ComposerResource => ({
    type: 'archive',
    name: 'acme/cli',
    version,
    reference,
    kind,
  });
  const documents = {
    ...root,
    [stable]: {
      minified: 'composer/2.0',
      packages: {
        'acme/cli': [
          { version: '1.1.0', dist: { type: 'zip', url: 'https://a.example/1.1', reference: sha('b') } },
          // What is the same as before is left out.
          { version: '1.1.0-RC1' },
          { version: '1.0.0', dist: { type: 'zip', url: '../../files/1.0.zip' } },
          'x',
        ],
        'acme/other': [{ version: '9', dist: { type: 'zip', url: 'https://a.example/9' } }],
      },
    },
    [dev]: {
      packages: {
        'acme/cli': [
          {
            version: 'dev-main',
            dist: {
              type: 'zip',
              url: `https://api.github.com/repos/acme/cli/zipball/${sha('c')}`,
              reference: sha('c'),
            },
          },
          {
            version: 'dev-own',
            dist: { type: 'zip', url: `https://a.example/${sha('c')}`, reference: sha('c') },
          },
        ],
      },
    },
  };

  test.each<[title: string, resource: ComposerResource, url: string | undefined, asked: string[]]>([
    ['by its reference', of('1.1.0', sha('b')), 'https://a.example/1.1', [stable]],
    ['as minified metadata has it', of('1.1.0-RC1', sha('b')), 'https://a.example/1.1', [stable]],
    ['where it has no reference', of('1.0.0', ''), 'https://repo.example/r/files/1.0.zip', [stable]],
    [
      'where it has no reference there',
      of('1.0.0', sha('d')),
      'https://repo.example/r/files/1.0.zip',
      [stable],
    ],
    ['where it had none when it was locked', of('1.1.0', ''), 'https://a.example/1.1', [stable]],
    ['of a branch', of('dev-main', sha('c')), documents[dev].packages['acme/cli'][0]?.dist.url, [dev]],
    [
      'of a branch that has moved on, at a host that keeps all commits',
      of('dev-main', sha('d')),
      `https://api.github.com/repos/acme/cli/zipball/${sha('d')}`,
      [dev],
    ],
    ['of a branch that has moved on elsewhere', of('dev-own', sha('d')), undefined, [dev, stable]],
    ['of a branch, with a reference that is none', of('dev-main', 'x/y'), undefined, [dev, stable]],
    ['of other contents', of('1.1.0', sha('d')), undefined, [stable, dev]],
    ['of another kind', of('1.1.0', sha('b'), 'tar'), undefined, [stable, dev]],
    ['that is not there', of('3.0.0', ''), undefined, [stable, dev]],
  ])('%s', async (_, resource, url, asked) => {
    const upstream = lend(documents);
    const found = await carry(resource, upstream.tools);
    if (url === undefined) expect(found).toMatchObject({ status: 404 });
    else expect(found).toEqual({ url, status: 302 });
    expect(upstream.asked.slice(1)).toEqual(asked);
  });

  test('is looked for anew before it is unknown', async () => {
    const changing: Record<string, unknown> = { ...root, [stable]: { packages: {} } };
    const { tools, asked } = lend(changing);
    expect(await carry(of('1.1.0', ''), tools)).toMatchObject({ status: 404 });
    changing[stable] = documents[stable];
    expect(await carry(of('1.1.0', ''), tools)).toMatchObject({ url: 'https://a.example/1.1' });
    expect(await carry(of('1.1.0', sha('b')), tools)).toMatchObject({ url: 'https://a.example/1.1' });
    expect(asked.filter((url) => url === stable)).toHaveLength(2);
  });

  test('of a package that the upstream refuses', async () => {
    const { tools } = lend({ ...root, [stable]: 403 });
    expect(await carry(of('1.1.0', ''), tools)).toMatchObject({ status: 403 });
  });

  test('of a repository without metadata is in what it includes', async () => {
    const { tools } = lend({
      [`${base}/packages.json`]: { packages: {}, includes: { 'include/all$0a.json': {} } },
      [`${base}/include/all$0a.json`]: documents[stable],
    });
    expect(await carry(of('1.1.0', sha('b')), tools)).toMatchObject({ url: 'https://a.example/1.1' });
  });

  test('of a repository with packages in it', async () => {
    const inlined = {
      packages: { 'acme/cli': { '1.0': { version: '1.0', dist: { type: 'zip', url: 'x.zip' } } } },
    };
    const { tools } = lend({ [`${base}/packages.json`]: inlined });
    expect(await carry(of('1.0', ''), tools)).toMatchObject({ url: 'https://repo.example/r/x.zip' });
  });
});

describe('news of an install', () => {
  const resource = { type: 'notification' } as const;

  test('go where the upstream wants them', async () => {
    const { tools } = lend({
      [`${base}/packages.json`]: { 'notify-batch': '/downloads/', 'metadata-url': '/x' },
    });
    expect(await carry(resource, tools)).toEqual({ url: 'https://repo.example/downloads/', status: 307 });
  });

  test('are taken here where it wants none', async () => {
    const document = { [`${base}/packages.json`]: { 'metadata-url': '/x' } };
    expect(await carry(resource, lend(document).tools)).toMatchObject({ status: 200 });
    expect(await carry(resource, lend(document, 'x'.repeat(2_000_000)).tools)).toMatchObject({ status: 413 });
  });
});
