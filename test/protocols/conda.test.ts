import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { type CondaResource, conda } from '../../src/protocols/conda.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const metadata = (title: string, file: string): ProtocolCase<CondaResource> => ({
  title,
  path: `/acme/linux-64/${file}`,
  resource: { type: 'metadata', channel: 'acme', subdir: 'linux-64', file },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<CondaResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(conda, [
  metadata('an index', 'repodata.json'),
  metadata('a compressed index', 'repodata.json.zst'),
  metadata('an index for old clients', 'repodata.json.bz2'),
  metadata('a small index', 'current_repodata.json'),
  metadata('an index before patches', 'repodata_from_packages.json.bz2'),
  metadata('a sharded index', 'repodata_shards.msgpack.zst'),
  metadata('an index in patches', 'repodata.jlap'),
  metadata('run exports', 'run_exports.json.zst'),
  {
    title: 'an index by HEAD',
    method: 'HEAD',
    path: '/acme/noarch/repodata.json.zst',
    resource: { type: 'metadata', channel: 'acme', subdir: 'noarch', file: 'repodata.json.zst' },
  },
  {
    title: 'a package',
    path: '/acme/linux-64/my-tool-1.0.0-py311h_0.conda',
    resource: { type: 'package', channel: 'acme', subdir: 'linux-64', file: 'my-tool-1.0.0-py311h_0.conda' },
  },
  {
    title: 'an old package with an epoch, of a label',
    path: '/acme/label/dev/noarch/tool-1!1.0+b-0.tar.bz2',
    resource: {
      type: 'package',
      channel: 'acme/label/dev',
      subdir: 'noarch',
      file: 'tool-1!1.0+b-0.tar.bz2',
    },
  },
  {
    title: 'a package of a channel that is the mount',
    path: '/osx-arm64/tool-1.0-0.conda',
    resource: { type: 'package', channel: '', subdir: 'osx-arm64', file: 'tool-1.0-0.conda' },
  },
  {
    title: 'the data of a channel',
    path: '/pkgs/main/channeldata.json',
    resource: { type: 'document', channel: 'pkgs/main', file: 'channeldata.json' },
  },
  {
    title: 'the notices of a channel that is the mount',
    path: '/notices.json',
    resource: { type: 'document', channel: '', file: 'notices.json' },
  },
  none('the root', '/'),
  none('a platform', '/acme/linux-64/'),
  none('a package of no platform', '/acme/tool-1.0-0.conda'),
  none('a platform that there is not', '/acme/amiga-64/repodata.json'),
  none('a file of another kind', '/acme/linux-64/tool-1.0-0.exe'),
  none('another document', '/acme/other.json'),
  none('a channel with a token', '/t/secret/acme/linux-64/repodata.json'),
  none('an encoded slash', '/acme%2Fx/linux-64/repodata.json'),
  none('two slashes', '/acme//linux-64/repodata.json'),
  none('an upload', '/acme/linux-64/tool-1.0-0.conda', 'POST'),
]);

const inPlatform = (file: string): CondaResource => ({
  type: 'metadata',
  channel: 'acme',
  subdir: 'linux-64',
  file,
});

test.each<[resource: CondaResource, shown: string]>([
  [inPlatform('repodata.json'), 'rewrite'],
  [inPlatform('current_repodata.json'), 'rewrite'],
  [inPlatform('repodata.json.zst'), 'carried'],
  [inPlatform('repodata.jlap'), 'carried'],
  [inPlatform('repodata_shards.msgpack.zst'), '404 answered'],
  [inPlatform('run_exports.json'), '302'],
  [{ type: 'package', channel: 'acme', subdir: 'noarch', file: 'a-1-0.conda' }, 'carried'],
  [{ type: 'document', channel: 'acme', file: 'channeldata.json' }, '302'],
  [{ type: 'document', channel: 'acme', file: 'notices.json' }, 'stream'],
])('%j is delivered: %s', (resource, shown) => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(conda.deliver(resource, contextOf(mode, upstreamOf('https://conda.example'))))).toBe(
      shown,
    );
});

test.each<[file: string, channel: string, purl: string | undefined]>([
  [
    'my-tool-1.0.0-py311h_0.conda',
    'conda-forge',
    'pkg:conda/my-tool@1.0.0?build=py311h_0&channel=conda-forge&subdir=linux-64&type=conda',
  ],
  ['tool-1!2-0.tar.bz2', '', 'pkg:conda/tool@1!2?build=0&subdir=linux-64&type=tar.bz2'],
  ['tool.conda', 'acme', undefined],
])('the package URL of %s in %j is %s', (file, channel, purl) => {
  const resource: CondaResource = { type: 'package', channel, subdir: 'linux-64', file };
  expect(conda.purl?.(resource, 'https://conda.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('conda');
  expect(conda.purl?.(inPlatform('repodata.json'), '')).toBeUndefined();
});

describe('a channel', () => {
  const index = (
    info: object,
    packages: object = { 'tool-1.0-0.conda': { url: 'https://stays.example/' } },
  ) => JSON.stringify({ info: { subdir: 'linux-64', ...info }, packages: {}, 'packages.conda': packages });

  async function front(document: string | number, config: { auth?: string; path?: string } = {}) {
    const { auth, path = '/acme-inc' } = config;
    const upstream = await startUpstream((request, response) => {
      if (auth && request.headers.authorization !== `Bearer ${auth}`) response.writeHead(401).end();
      else if (!request.url?.endsWith('/repodata.json')) response.end(`bytes of ${request.url}`);
      else if (typeof document === 'number') response.writeHead(document).end();
      else response.end(document.replaceAll('{own}', upstream.origin));
    });
    const gateway = await serve([
      rule(conda, {
        match: 'acme',
        to: upstream.origin + path,
        ...(auth && { auth: { token: auth } }),
      }),
    ]);
    return { upstream, gateway };
  }
  const file = '/acme/linux-64/tool-1.0-0.conda';

  test.each<[title: string, document: string | number, location: string]>([
    ['beside its index', index({}), '{own}/acme-inc/linux-64/tool-1.0-0.conda'],
    ['beside its index, as that says', index({ base_url: './' }), '{own}/acme-inc/linux-64/tool-1.0-0.conda'],
    ['without an index', 404, '{own}/acme-inc/linux-64/tool-1.0-0.conda'],
    ['elsewhere', index({ base_url: 'https://cdn.example/x/' }), 'https://cdn.example/x/tool-1.0-0.conda'],
    [
      'elsewhere, without a slash',
      index({ base_url: 'https://cdn.example/x' }),
      'https://cdn.example/x/tool-1.0-0.conda',
    ],
    ['in another folder', index({ base_url: '../pool' }), '{own}/acme-inc/pool/tool-1.0-0.conda'],
    ['at no address', index({ base_url: 'http://[' }), '{own}/acme-inc/linux-64/tool-1.0-0.conda'],
    ['as an index of no JSON does not say', '<html>', '{own}/acme-inc/linux-64/tool-1.0-0.conda'],
    [
      'as an index says too late',
      JSON.stringify({ packages: { x: 'x'.repeat(200_000) }, info: { base_url: 'https://cdn.example/' } }),
      '{own}/acme-inc/linux-64/tool-1.0-0.conda',
    ],
  ])('has a package %s', async (_, document, location) => {
    const { gateway, upstream } = await front(document);
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, file)).toMatchObject({
        status: 302,
        headers: { location: location.replace('{own}', upstream.origin) },
      });
    expect(upstream.paths).toEqual(['/acme-inc/linux-64/repodata.json']);
  });

  test('may be the mount itself', async () => {
    const upstream = await startUpstream((_, response) => void response.end(index({})));
    const gateway = await serve([rule(conda, { at: '/conda/', to: `${upstream.origin}/acme-inc` })]);
    expect(await ask(gateway.origin, '/conda/linux-64/tool-1.0-0.conda')).toMatchObject({
      headers: { location: `${upstream.origin}/acme-inc/linux-64/tool-1.0-0.conda` },
    });
    expect(await ask(gateway.origin, '/conda/channeldata.json')).toMatchObject({
      headers: { location: `${upstream.origin}/acme-inc/channeldata.json` },
    });
  });

  test('whose packages are elsewhere has an index that says they are here', async () => {
    const { gateway } = await front(index({ base_url: 'https://cdn.example/x/' }));
    const { status, body } = await ask(gateway.origin, '/acme/linux-64/repodata.json');
    expect(status).toBe(200);
    expect(body).toBe(index({ base_url: `${gateway.origin}/acme/linux-64/` }));
    // The compressed ones cannot be rewritten; clients go on to this one.
    for (const name of ['repodata.json.zst', 'repodata.json.bz2', 'repodata.jlap'])
      expect(await ask(gateway.origin, `/acme/linux-64/${name}`)).toMatchObject({ status: 404 });
  });

  test('whose packages are beside has its index as it is, compressed or not', async () => {
    const { gateway, upstream } = await front(index({}));
    expect((await ask(gateway.origin, '/acme/linux-64/repodata.json')).body).toBe(index({}));
    for (const name of ['repodata.json.zst', 'repodata.json.bz2', 'repodata.jlap'])
      expect(await ask(gateway.origin, `/acme/linux-64/${name}`)).toMatchObject({
        status: 302,
        headers: { location: `${upstream.origin}/acme-inc/linux-64/${name}` },
      });
  });

  test('that is private serves with the credential of the rule', async () => {
    const { gateway, upstream } = await front(index({}), { auth: 't' });
    expect((await ask(gateway.origin, '/acme/linux-64/repodata.json')).body).toBe(index({}));
    expect((await ask(gateway.origin, file)).body).toBe('bytes of /acme-inc/linux-64/tool-1.0-0.conda');
    expect(upstream.requests.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(conda, { to: await unusedOrigin() })]);
    for (const path of [file, '/acme/linux-64/repodata.json', '/acme/linux-64/repodata.json.zst']) {
      const { status, headers } = await ask(gateway.origin, path);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
    }
  });
});

test('other documents are not touched', async () => {
  const message = { url: '', headers: {}, body: (async function* () {})() };
  const context = contextOf('auto', upstreamOf('https://conda.example'));
  const resource: CondaResource = { type: 'document', channel: 'acme', file: 'channeldata.json' };
  expect(conda.rewrite?.(resource, message, context)).toEqual({ headers: {}, body: message.body });
  const tools = { locate: () => 'https://conda.example/x' };
  expect(await conda.carry?.(resource, context, tools as never)).toEqual({
    url: 'https://conda.example/x',
    status: 302,
  });
});
