import { describe, expect, test } from 'vitest';
import { rule } from '../../src/core/rule.ts';
import { type TerraformResource, terraform } from '../../src/protocols/terraform.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

const provider = { name: 'acme/tool', version: '1.2.0-rc.1+b', platform: 'linux/amd64' };
const download = '/v1/providers/acme/tool/1.2.0-rc.1+b/download/linux/amd64';
const stem = 'terraform-provider-tool_1.2.0-rc.1+b';
const mirrored = 'registry.terraform.io/acme/my_tool';
const none = (title: string, path: string, method = 'GET'): ProtocolCase<TerraformResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(terraform, [
  { title: 'the services', path: '/.well-known/terraform.json', resource: { type: 'discovery' } },
  {
    title: 'the versions of a provider',
    path: '/v1/providers/acme/tool/versions',
    resource: { type: 'versions', kind: 'provider', name: 'acme/tool' },
  },
  {
    title: 'the versions of a provider by HEAD',
    method: 'HEAD',
    path: '/v1/providers/acme/tool/versions',
    resource: { type: 'versions', kind: 'provider', name: 'acme/tool' },
  },
  {
    title: 'the versions of a module',
    path: '/v1/modules/acme/vpc/aws/versions',
    resource: { type: 'versions', kind: 'module', name: 'acme/vpc/aws' },
  },
  { title: 'a package', path: download, resource: { type: 'package', ...provider } },
  {
    title: 'the archive of a provider',
    path: `${download}/${stem}_linux_amd64.zip`,
    resource: { type: 'file', ...provider, file: 'archive' },
  },
  {
    title: 'the hashes of a provider',
    path: `${download}/${stem}_SHA256SUMS`,
    resource: { type: 'file', ...provider, file: 'sums' },
  },
  {
    title: 'the signature of the hashes',
    path: `${download}/${stem}_SHA256SUMS.sig`,
    resource: { type: 'file', ...provider, file: 'signature' },
  },
  {
    title: 'a module',
    path: '/v1/modules/acme/vpc/aws/1.0.0/download',
    resource: { type: 'module', name: 'acme/vpc/aws', version: '1.0.0' },
  },
  {
    title: 'the archive of a module',
    path: '/v1/modules/acme/vpc/aws/1.0.0/archive.tar.gz',
    resource: { type: 'module-archive', name: 'acme/vpc/aws', version: '1.0.0', extension: 'tar.gz' },
  },
  {
    title: 'the versions that a mirror has',
    path: `/${mirrored}/index.json`,
    resource: { type: 'mirror', name: mirrored, version: 'index' },
  },
  {
    title: 'the archives that a mirror has',
    path: `/${mirrored}/1.2.0.json`,
    resource: { type: 'mirror', name: mirrored, version: '1.2.0' },
  },
  {
    title: 'an archive of a mirror',
    path: `/${mirrored}/terraform-provider-my_tool_1.2.0_linux_amd64.zip`,
    resource: { type: 'mirror-archive', name: mirrored, version: '1.2.0', platform: 'linux_amd64' },
  },
  {
    title: 'a mirror of a registry with a port',
    path: '/tf.example:8443/acme/tool/index.json',
    resource: { type: 'mirror', name: 'tf.example:8443/acme/tool', version: 'index' },
  },
  none('the root', '/'),
  none('another service', '/.well-known/other.json'),
  none('a login', '/oauth/authorization'),
  none('a provider without a namespace', '/v1/providers/tool/versions'),
  none('a module without a system', '/v1/modules/acme/vpc/versions'),
  none('a platform in capitals', '/v1/providers/acme/tool/1.0.0/download/Linux/amd64'),
  none('a file of another provider', `${download}/terraform-provider-other_1.2.0-rc.1+b_SHA256SUMS`),
  none('a file of another version', `${download}/terraform-provider-tool_9.9.9_SHA256SUMS`),
  none('a file of another platform', `${download}/${stem}_linux_arm64.zip`),
  none('an archive of no kind', '/v1/modules/acme/vpc/aws/1.0.0/archive.exe'),
  none(
    'an archive of another mirrored provider',
    `/${mirrored}/terraform-provider-other_1.2.0_linux_amd64.zip`,
  ),
  none('a mirror of no host', '/registry/acme/tool/index.json'),
  none('a namespace with a dot', '/v1/providers/ac.me/tool/versions'),
  none('an encoded slash', '/v1/providers/acme%2Ftool/versions'),
  none('a query for changes', '/v1/providers/acme/tool/versions', 'POST'),
]);

describe('a delivery', () => {
  test.each<[title: string, resource: TerraformResource, shown: string]>([
    ['the services', { type: 'discovery' }, '200 answered'],
    ['versions', { type: 'versions', kind: 'module', name: 'a/b/c' }, 'carried'],
    ['a package', { type: 'package', ...provider }, 'carried'],
    ['a file', { type: 'file', ...provider, file: 'sums' }, 'carried'],
    ['a module', { type: 'module', name: 'a/b/c', version: '1.0.0' }, 'carried'],
    ['the versions of a mirror', { type: 'mirror', name: mirrored, version: 'index' }, '302'],
    ['the archives of a mirror', { type: 'mirror', name: mirrored, version: '1.0.0' }, 'rewrite'],
  ])('of %s', (_, resource, shown) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const)
      expect(
        showDelivery(terraform.deliver(resource, contextOf(mode, upstreamOf('https://tf.example')))),
      ).toBe(shown);
  });
});

const services = (providers: string, modules = '/m/') =>
  JSON.stringify({ 'providers.v1': providers, 'modules.v1': modules, 'login.v1': { client: 'x' } });
const described = (base: string) => ({
  protocols: ['5.0'],
  os: 'linux',
  arch: 'amd64',
  filename: 'terraform-provider-tool_1.0.0_linux_amd64.zip',
  download_url: `${base}/x/0a1b.zip?sig=%2F`,
  shasums_url: `${base}/x/sums`,
  shasums_signature_url: 'sig',
  shasum: 'ab',
  signing_keys: {
    gpg_public_keys: [{ key_id: '51', ascii_armor: '-----BEGIN\nPGP', source_url: `${base}/keys` }],
  },
});
const files = {
  '/.well-known/terraform.json': services('/p/v1/'),
  '/p/v1/acme/tool/1.0.0/download/linux/amd64': JSON.stringify(described('https://cdn.example'), null, 1),
};

describe('a registry', () => {
  type Files = Readonly<Record<string, string | { status: number; get?: string; body?: string }>>;

  async function front(content: Files, config: { match?: string; path?: string; auth?: string } = {}) {
    const upstream = await startUpstream((request, response) => {
      const found = content[request.url ?? ''];
      if (config.auth && request.headers.authorization !== `Bearer ${config.auth}`)
        response.writeHead(401).end();
      else if (typeof found === 'string')
        response
          .setHeader('content-type', 'application/json')
          .end(found.replaceAll('{own}', upstream.origin));
      else if (found)
        response.writeHead(found.status, found.get ? { 'x-terraform-get': found.get } : {}).end(found.body);
      else response.writeHead(404, { 'content-type': 'text/plain' }).end('no');
    });
    const { match, path = '', auth } = config;
    const gateway = await serve([
      rule(terraform, {
        to: upstream.origin + path,
        ...(match && { match }),
        ...(auth && { auth: { token: auth } }),
      }),
    ]);
    return { upstream, gateway };
  }
  const place = '/v1/providers/acme/tool/1.0.0/download/linux/amd64';

  test('has its services here, whatever those of the upstream are', async () => {
    const { gateway, upstream } = await front({});
    const { headers, body } = await ask(gateway.origin, '/.well-known/terraform.json');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({ 'modules.v1': '/v1/modules/', 'providers.v1': '/v1/providers/' });
    expect(upstream.paths).toEqual([]);
  });

  test.each<[title: string, document: string | { status: number }, path: string]>([
    ['in paths', services('/api/registry/v1/providers/'), '/api/registry/v1/providers/acme/tool/versions'],
    ['in relative ones', services('p'), '/.well-known/p/acme/tool/versions'],
    ['in addresses', services('{own}/p/'), '/p/acme/tool/versions'],
    ['not at all', { status: 404 }, '/v1/providers/acme/tool/versions'],
    ['without providers', '{"modules.v1":"/m/"}', '/v1/providers/acme/tool/versions'],
  ])('says where its services are %s', async (_, document, path) => {
    const { gateway, upstream } = await front({ '/.well-known/terraform.json': document });
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, '/v1/providers/acme/tool/versions')).toMatchObject({
        status: 302,
        headers: { location: upstream.origin + path },
      });
    expect(upstream.paths).toEqual(['/.well-known/terraform.json']);
  });

  test.each([
    ['at a host that no rule names', services('https://other.example/v1/')],
    ['in what is no JSON', '<html>'],
    ['in more than anybody reads', ' '.repeat(1_048_577)],
  ])('that says it %s is not used', async (_, document) => {
    const { gateway } = await front({ '/.well-known/terraform.json': document });
    const answer = await ask(gateway.origin, '/v1/providers/acme/tool/versions');
    expect(answer).toMatchObject({ status: 502, headers: { 'retry-after': expect.any(String) } });
    expect(JSON.parse(answer.body)).toEqual({ errors: [expect.any(String)] });
  });

  test.each<[title: string, match: string | undefined, path: string, asked: string]>([
    ['another namespace', 'acme/*type', '/acme-inc', '/p/v1/acme-inc/tool/versions'],
    ['another name', 'acme/tool', '/acme-inc/instrument', '/p/v1/acme-inc/instrument/versions'],
  ])('knows a provider under %s', async (_, match, path, asked) => {
    const { gateway, upstream } = await front(files, { ...(match && { match }), path });
    expect(await ask(gateway.origin, '/v1/providers/acme/tool/versions')).toMatchObject({
      headers: { location: upstream.origin + asked },
    });
  });

  test('may be below a path, and describe itself there or not at all', async () => {
    const { gateway, upstream } = await front(
      { '/api/tf/.well-known/terraform.json': services('../p/') },
      { path: '/api/tf' },
    );
    expect(await ask(gateway.origin, '/v1/providers/acme/tool/versions')).toMatchObject({
      headers: { location: `${upstream.origin}/api/tf/p/acme/tool/versions` },
    });
    const plain = await front({}, { path: '/api/tf' });
    expect(await ask(plain.gateway.origin, '/v1/modules/acme/vpc/aws/versions')).toMatchObject({
      headers: { location: `${plain.upstream.origin}/api/tf/v1/modules/acme/vpc/aws/versions` },
    });
  });

  test('gives a package whose files are here, and every other byte of it', async () => {
    const { gateway } = await front(files);
    const here = `${gateway.origin}${place}/terraform-provider-tool_1.0.0`;
    const expected = JSON.stringify(
      {
        ...described('https://cdn.example'),
        download_url: `${here}_linux_amd64.zip`,
        shasums_url: `${here}_SHA256SUMS`,
        shasums_signature_url: `${here}_SHA256SUMS.sig`,
      },
      null,
      1,
    );
    expect(await ask(gateway.origin, place)).toMatchObject({ status: 200, body: expected });
  });

  test('is asked where a file is, once for all of them', async () => {
    const { gateway, upstream } = await front(files);
    const locations = await Promise.all(
      ['linux_amd64.zip', 'SHA256SUMS', 'SHA256SUMS.sig'].map(async (end) => {
        const { headers } = await ask(gateway.origin, `${place}/terraform-provider-tool_1.0.0_${end}`);
        return headers.location;
      }),
    );
    expect(locations).toEqual([
      'https://cdn.example/x/0a1b.zip?sig=%2F',
      'https://cdn.example/x/sums',
      `${upstream.origin}/p/v1/acme/tool/1.0.0/download/linux/sig`,
    ]);
    expect(upstream.paths).toHaveLength(2);
  });

  test.each([
    ['a package', place],
    ['a file', `${place}/terraform-provider-tool_1.0.0_SHA256SUMS`],
    ['a module', '/v1/modules/acme/vpc/aws/1.0.0/download'],
    ['an archive', '/v1/modules/acme/vpc/aws/1.0.0/archive.zip'],
    ['an archive of a mirror', '/a.example/acme/tool/terraform-provider-tool_1.0.0_linux_amd64.zip'],
  ])('does not have %s, or does not give it', async (_, path) => {
    const { gateway } = await front({});
    const { status, body } = await ask(gateway.origin, path);
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({ errors: [expect.stringMatching(/does not have this/)] });
    for (const refusal of [401, 403]) {
      const refusing = Object.fromEntries(
        [
          '/v1/providers/acme/tool/1.0.0/download/linux/amd64',
          '/v1/modules/acme/vpc/aws/1.0.0/download',
          '/a.example/acme/tool/1.0.0.json',
        ].map((each) => [each, { status: refusal }]),
      );
      const closed = await front(refusing);
      expect(await ask(closed.gateway.origin, path)).toMatchObject({ status: refusal });
    }
  });

  test.each([
    ['no address', '{"download_url": 7}'],
    ['no object', 'null'],
  ])('has a document of %s', async (_, document) => {
    const { gateway } = await front({ [place]: document });
    const path = `${place}/terraform-provider-tool_1.0.0_linux_amd64.zip`;
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 404 });
  });

  test('is asked again when what is kept has no address', async () => {
    const content: Record<string, string> = { [place]: '{}' };
    const { gateway } = await front(content);
    const path = `${place}/terraform-provider-tool_1.0.0_linux_amd64.zip`;
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 404 });
    content[place] = JSON.stringify(described('https://cdn.example'));
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 302 });
  });

  test('that is private serves with the credential of the rule', async () => {
    const { gateway, upstream } = await front(
      { '/v1/providers/acme/tool/versions': '{"versions":[]}' },
      { auth: 't' },
    );
    // Its discovery document is private too: then its services are where they usually are.
    expect(await ask(gateway.origin, '/v1/providers/acme/tool/versions')).toMatchObject({
      status: 200,
      body: '{"versions":[]}',
    });
    expect(upstream.requests.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(terraform, { to: await unusedOrigin() })]);
    const { status, headers, body } = await ask(gateway.origin, '/v1/providers/acme/tool/versions');
    expect([502, 503]).toContain(status);
    expect(headers['retry-after']).toBeDefined();
    expect(JSON.parse(body)).toHaveProperty('errors');
  });

  test.each<[title: string, source: string, shown: string, archive?: string]>([
    [
      'an archive elsewhere',
      'https://cdn.example/vpc.tar.gz?sig=%2F&x',
      '{here}/archive.tar.gz?archive=tar.gz',
      'https://cdn.example/vpc.tar.gz?sig=%2F&x',
    ],
    [
      'a folder of an archive, by its parameter',
      'https://api.example/tarball/v1//*?archive=tar.gz&checksum=md5:1&ref=2',
      '{here}/archive.tar.gz//*?archive=tar.gz&checksum=md5:1',
      'https://api.example/tarball/v1?ref=2',
    ],
    ['a path', '/archives/vpc.zip', '{here}/archive.zip?archive=zip', '{own}/archives/vpc.zip'],
    [
      'a relative path',
      './vpc.tgz//sub/dir',
      '{here}/archive.tgz//sub/dir?archive=tgz',
      '{own}/m/acme/vpc/aws/1.0.0/vpc.tgz',
    ],
    ['a path up', '../vpc.tgz', '{here}/archive.tgz?archive=tgz', '{own}/m/acme/vpc/aws/vpc.tgz'],
    [
      'a repository',
      'git::https://github.com/acme/vpc?ref=0a1b',
      'git::https://github.com/acme/vpc?ref=0a1b',
    ],
    ['a shorthand', 'github.com/acme/vpc', 'github.com/acme/vpc'],
    ['a page that leads on', 'https://a.example/vpc', 'https://a.example/vpc'],
    ['a folder as it is', 'https://a.example/x.zip?archive=false', 'https://a.example/x.zip?archive=false'],
  ])('says that a module is %s', async (_, source, shown, archive) => {
    const content = {
      '/.well-known/terraform.json': services('/p/'),
      '/m/acme/vpc/aws/1.0.0/download': { status: 204, get: source },
    };
    const { gateway, upstream } = await front(content);
    const here = `${gateway.origin}/v1/modules/acme/vpc/aws/1.0.0`;
    const answer = await ask(gateway.origin, '/v1/modules/acme/vpc/aws/1.0.0/download');
    expect(answer).toMatchObject({
      status: 204,
      headers: { 'x-terraform-get': shown.replace('{here}', here) },
    });
    const extension = /archive\.([a-z.]+)/.exec(shown)?.[1] ?? 'zip';
    const found = await ask(gateway.origin, `/v1/modules/acme/vpc/aws/1.0.0/archive.${extension}`);
    if (archive === undefined) expect(found.status).toBe(404);
    else
      expect(found).toMatchObject({
        status: 302,
        headers: { location: archive.replace('{own}', upstream.origin) },
      });
  });

  test.each<[title: string, answer: { status: number; body: string }, status: number]>([
    ['in its body', { status: 200, body: '{"location":"git::https://a.example/x"}' }, 204],
    ['nowhere', { status: 200, body: '{}' }, 502],
    ['in words', { status: 200, body: '{"location":"a b"}' }, 502],
    ['by an empty answer', { status: 204, body: '' }, 502],
  ])('says %s where a module is', async (_, answer, status) => {
    const { gateway } = await front({ '/v1/modules/acme/vpc/aws/1.0.0/download': answer });
    const found = await ask(gateway.origin, '/v1/modules/acme/vpc/aws/1.0.0/download');
    expect(found.status).toBe(status);
    if (status === 204) expect(found.headers['x-terraform-get']).toBe('git::https://a.example/x');
  });

  test('of which this is a mirror has its archives here', async () => {
    const document = (url: (platform: string) => string) =>
      JSON.stringify({
        archives: {
          linux_amd64: { url: url('linux_amd64'), hashes: ['h1:x', 'zh:y'] },
          darwin_arm64: { url: url('darwin_arm64') },
        },
      });
    const index = '{"versions":{"1.0.0":{}}}';
    const { gateway, upstream } = await front(
      {
        '/mirror/registry.terraform.io/acme/tool/1.0.0.json': document(
          (platform) => `../files/${platform}.zip`,
        ),
        '/mirror/registry.terraform.io/acme/tool/index.json': index,
      },
      { path: '/mirror' },
    );
    const name = '/registry.terraform.io/acme/tool';
    expect(await ask(gateway.origin, `${name}/index.json`)).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/mirror${name}/index.json` },
    });
    const file = (platform: string) => `${name}/terraform-provider-tool_1.0.0_${platform}.zip`;
    expect(await ask(gateway.origin, `${name}/1.0.0.json`)).toMatchObject({
      status: 200,
      body: document((platform) => gateway.origin + file(platform)),
    });
    expect(await ask(gateway.origin, file('linux_amd64'))).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/mirror/registry.terraform.io/acme/files/linux_amd64.zip` },
    });
    expect(await ask(gateway.origin, file('linux_mips'))).toMatchObject({ status: 404 });
  });
});

test('other documents are not touched, and nothing is found for them', async () => {
  const message = { url: '', headers: {}, body: (async function* () {})() };
  const context = contextOf('auto', upstreamOf('https://tf.example'));
  expect(terraform.rewrite?.({ type: 'discovery' }, message, context)).toEqual({
    headers: {},
    body: message.body,
  });
  const none = await terraform.carry?.({ type: 'discovery' }, context, {} as never);
  expect(none).toMatchObject({ status: 404 });
});
