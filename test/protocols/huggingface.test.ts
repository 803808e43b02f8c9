import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import {
  type HuggingFaceRepository,
  type HuggingFaceResource,
  huggingface,
} from '../../src/protocols/huggingface.ts';
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

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const model = (name: string, kind: HuggingFaceRepository['kind'] = 'models'): HuggingFaceRepository => ({
  kind,
  name,
  base: '',
});
const file = (repository: HuggingFaceRepository, revision: string, path: string): HuggingFaceResource => ({
  type: 'file',
  repository,
  view: 'resolve',
  revision,
  path,
});
const info = (repository: HuggingFaceRepository, rest: string): HuggingFaceResource => ({
  type: 'info',
  repository,
  rest,
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<HuggingFaceResource> => ({
  title,
  method,
  path,
  resource: undefined,
});
const write = (title: string, path: string, method = 'POST'): ProtocolCase<HuggingFaceResource> => ({
  title,
  method,
  path,
  resource: { type: 'write', path },
});
const tiny = model('acme/tiny');

testProtocol(huggingface, [
  {
    title: 'a file of a model',
    path: '/acme/tiny/resolve/main/config.json',
    resource: file(tiny, 'main', 'config.json'),
  },
  {
    title: 'a file by HEAD, of a commit, in a folder',
    method: 'HEAD',
    path: `/acme/tiny/resolve/${COMMIT}/onnx/model%20(1).onnx`,
    resource: file(tiny, COMMIT, 'onnx/model%20(1).onnx'),
  },
  {
    title: 'a file of a pull request',
    path: '/acme/tiny/resolve/refs%2Fpr%2F1/config.json',
    resource: file(tiny, 'refs%2Fpr%2F1', 'config.json'),
  },
  {
    title: 'a file of a model without an owner',
    path: '/gpt2/resolve/main/config.json',
    resource: file(model('gpt2'), 'main', 'config.json'),
  },
  {
    title: 'a file of a dataset',
    path: '/datasets/acme/reviews/resolve/main/data/year=2024/part-0.parquet',
    resource: file(model('acme/reviews', 'datasets'), 'main', 'data/year=2024/part-0.parquet'),
  },
  {
    title: 'a file of a space',
    path: '/spaces/acme/demo/resolve/main/app.py',
    resource: file(model('acme/demo', 'spaces'), 'main', 'app.py'),
  },
  {
    title: 'a file with a query',
    path: '/acme/tiny/resolve/main/model.safetensors',
    query: 'download=true',
    resource: { ...file(tiny, 'main', 'model.safetensors'), query: 'download=true' } as HuggingFaceResource,
  },
  {
    title: 'a pointer',
    path: '/acme/tiny/raw/main/model.safetensors',
    resource: { ...file(tiny, 'main', 'model.safetensors'), view: 'raw' } as HuggingFaceResource,
  },
  {
    title: 'a small file where the hub keeps it',
    path: `/api/resolve-cache/datasets/acme/reviews/${COMMIT}/README.md`,
    query: '%2Fdatasets%2Facme%2Freviews%2Fresolve%2Fmain%2FREADME.md=&etag=%22a%22',
    resource: {
      type: 'file',
      repository: model('acme/reviews', 'datasets'),
      view: 'cache',
      revision: COMMIT,
      path: 'README.md',
      query: '%2Fdatasets%2Facme%2Freviews%2Fresolve%2Fmain%2FREADME.md=&etag=%22a%22',
    },
  },
  { title: 'a model', path: '/api/models/acme/tiny', resource: info(tiny, '') },
  { title: 'a model without an owner', path: '/api/models/gpt2', resource: info(model('gpt2'), '') },
  {
    title: 'a revision of one without an owner',
    path: '/api/models/gpt2/revision/main',
    resource: info(model('gpt2'), 'revision/main'),
  },
  {
    title: 'a page of a tree',
    path: '/api/datasets/acme/reviews/tree/main/data',
    query: 'recursive=true&cursor=ZXhh',
    resource: {
      ...info(model('acme/reviews', 'datasets'), 'tree/main/data'),
      query: 'recursive=true&cursor=ZXhh',
    } as HuggingFaceResource,
  },
  { title: 'the branches', path: '/api/models/acme/tiny/refs', resource: info(tiny, 'refs') },
  {
    title: 'many paths at once',
    method: 'POST',
    path: '/api/models/acme/tiny/paths-info/main',
    resource: info(tiny, 'paths-info/main'),
  },
  {
    title: 'a token to read chunks with',
    path: `/api/models/acme/tiny/xet-read-token/${COMMIT}`,
    resource: info(tiny, `xet-read-token/${COMMIT}`),
  },
  write('a token to write chunks with', '/api/models/acme/tiny/xet-write-token/main', 'GET'),
  write('a commit', '/api/models/acme/tiny/commit/main'),
  write('the question which files of a commit are large', '/api/models/gpt2/preupload/main'),
  write('a new repository', '/api/repos/create'),
  write('an end of a repository', '/api/repos/delete', 'DELETE'),
  write('settings', '/api/datasets/acme/reviews/settings', 'PUT'),
  write('a file', '/acme/tiny/resolve/main/config.json', 'PUT'),
  none('the root', '/'),
  none('the page of a model', '/acme/tiny'),
  none('a file of no path', '/acme/tiny/resolve/main'),
  none('an owner that there cannot be', '/api/tiny/resolve/main/config.json'),
  none('a dataset of no name', '/datasets/resolve/main/config.json'),
  none('an empty word', '/acme//resolve/main/config.json'),
  none('a name that starts with a dot', '/acme/.git/resolve/main/config.json'),
  none('all models', '/api/models'),
  none('who asks', '/api/whoami-v2'),
  none('secrets', '/api/spaces/acme/demo/secrets'),
  none('a token of a space', '/api/spaces/acme/demo/jwt'),
  none('another kind', '/api/buckets/acme/things/tree'),
  none('kept files of nothing', '/api/resolve-cache/acme/tiny/main/x'),
  none('kept files of one without an owner', '/api/resolve-cache/models/gpt2'),
  none('all repositories', '/api/repos'),
  none('a method that there is not', '/acme/tiny/resolve/main/config.json', 'OPTIONS'),
]);

test.each<[resource: HuggingFaceResource, method: string, auto: string, redirect: string, proxy: string]>([
  [file(tiny, 'main', 'x'), 'GET', 'relay', '302', 'stream'],
  [file(tiny, 'main', 'x'), 'HEAD', 'stream', 'stream', 'stream'],
  [info(tiny, 'tree/main'), 'GET', 'stream', 'stream', 'stream'],
  [info(tiny, 'paths-info/main'), 'POST', 'stream', 'stream', 'stream'],
  [{ type: 'write', path: '/api/repos/create' }, 'POST', '405 answered', '405 answered', '405 answered'],
])('%j by %s is delivered: %s, %s, %s', (resource, method, ...shown) => {
  const modes = ['auto', 'redirect', 'proxy'] as const;
  const to = upstreamOf('https://hub.example');
  expect(
    modes.map((mode) => showDelivery(huggingface.deliver(resource, contextOf(mode, to, method)))),
  ).toEqual(shown);
});

test.each<[resource: HuggingFaceResource, purl: string | undefined]>([
  [file(tiny, COMMIT, 'x'), `pkg:huggingface/acme/tiny@${COMMIT}`],
  [file(model('gpt2'), COMMIT.toUpperCase(), 'x'), `pkg:huggingface/gpt2@${COMMIT}`],
  [file(tiny, 'main', 'x'), 'pkg:huggingface/acme/tiny'],
  [file(model('acme/reviews', 'datasets'), COMMIT, 'x'), undefined],
  [info(tiny, ''), undefined],
])('the package URL of %j is %s', (resource, purl) => {
  expect(huggingface.purl?.(resource, 'https://hf.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('huggingface');
});

test.each([
  ['acme/tiny', 'acme-inc/tiny-2', '/acme-inc/tiny-2/resolve/main/x', '/api/models/acme-inc/tiny-2'],
  ['acme/tiny', 'gpt2', '/gpt2/resolve/main/x', '/api/models/gpt2'],
  ['acme/tiny', 'art/hf/acme/tiny', '/art/hf/acme/tiny/resolve/main/x', '/art/hf/api/models/acme/tiny'],
  ['datasets/acme/r', 'datasets/inc/r', '/datasets/inc/r/resolve/main/x', '/api/datasets/inc/r'],
  ['datasets/acme/r', 'datasets/squad', '/datasets/squad/resolve/main/x', '/api/datasets/squad'],
  ['spaces/acme/d', 'hf/spaces/inc/d', '/hf/spaces/inc/d/resolve/main/x', '/hf/api/spaces/inc/d'],
])('%s is at an upstream, as %s: %s, %s', (name, place, atFile, atInfo) => {
  const paths = [
    `/${name}/resolve/main/x`,
    `/api/${/^(?:datasets|spaces)\//.test(name) ? '' : 'models/'}${name}`,
  ];
  const written = paths.map((path) => {
    const resource = huggingface.parse({ method: 'GET', path });
    if (!resource) return undefined;
    expect(huggingface.subject(resource)).toBe(name);
    return huggingface.format(
      huggingface.rename?.(resource, place, upstreamOf('https://hub.example')) ?? resource,
    );
  });
  expect(written).toEqual([atFile, atInfo]);
});

test('how to use a rule for datasets names their kind', () => {
  expect(huggingface.usage('datasets/acme/<name>', 'https://hf.acme.example')).toBe(
    'HF_ENDPOINT=https://hf.acme.example hf download acme/<name> --type dataset',
  );
});

test('the hosts are known to which the hub sends clients on', () => {
  expect(huggingface.leadsTo?.(upstreamOf('https://huggingface.co'))).toEqual([
    '*.huggingface.co',
    '*.hf.co',
  ]);
  expect(huggingface.leadsTo?.(upstreamOf('https://hub.example'))).toEqual([]);
});

describe('a hub', () => {
  const linked = { 'x-repo-commit': COMMIT, 'x-linked-etag': '"sha"', 'x-linked-size': '9' };
  const signed = "/store/sha?X-Sig=a%2Fb+c%7e&q='x'";

  async function front(more: { auth?: string; mode?: 'auto' | 'redirect' | 'proxy' } = {}) {
    const { auth, mode } = more;
    const store = await startUpstream((request, response) => {
      // What is signed for GET refuses HEAD.
      if (request.method === 'HEAD') response.writeHead(403).end();
      else response.setHeader('etag', '"of the store"').end('the bytes');
    });
    const upstream = await startUpstream((request, response) => {
      const path = request.url ?? '';
      const own = upstream.origin;
      if (auth && request.headers.authorization !== `Bearer ${auth}`)
        response
          .writeHead(401, { 'x-error-code': 'GatedRepo', 'x-error-message': 'Ask first.' })
          .end('{"error":"Ask first."}');
      else if (path.endsWith('/resolve/main/model.bin')) {
        const xet = `${own}/api/models/inc/tiny-2/xet-read-token/${COMMIT}`;
        response
          .writeHead(302, {
            ...linked,
            location: store.origin + signed,
            'x-xet-hash': 'ab',
            'x-xet-refresh-route': xet,
            'set-cookie': 'a=b',
            link: `<${xet}>; rel="xet-auth", <https://cas.example/v1/reconstructions/ab>; rel="xet-reconstruction-info"`,
          })
          .end('Found');
      } else if (path.endsWith('/resolve/main/config.json'))
        response
          .writeHead(307, {
            ...linked,
            location: `/api/resolve-cache/models/inc/tiny-2/${COMMIT}/config.json?etag=1`,
          })
          .end();
      else if (path.startsWith('/api/resolve-cache/')) response.setHeader('etag', '"small"').end('{}');
      else if (path === '/api/models/inc/tiny-2/tree/main')
        response
          .setHeader(
            'link',
            `<https://huggingface.co/api/models/inc/tiny-2/tree/main?cursor=a%3D&limit=1>; rel="next"`,
          )
          .end('[]');
      else
        response
          .writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' })
          .end('Entry not found');
    });
    const gateway = await serve([
      rule(huggingface, {
        at: '/hf/',
        match: 'acme/tiny',
        to: `${upstream.origin}/inc/tiny-2`,
        ...(mode && { mode }),
        ...(auth && { auth: { token: auth } }),
      }),
    ]);
    return { store, upstream, gateway };
  }
  const large = '/hf/acme/tiny/resolve/main/model.bin';
  const small = '/hf/acme/tiny/resolve/main/config.json';

  test('tells of a large file at HEAD what its redirect says', async () => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const { gateway } = await front({ mode });
      const { status, headers } = await ask(gateway.origin, large, { method: 'HEAD' });
      const publicUrl = `${gateway.origin}/hf`;
      const xet = `${publicUrl}/api/models/acme/tiny/xet-read-token/${COMMIT}`;
      expect({ status, headers }).toMatchObject({
        status: 200,
        headers: {
          ...linked,
          'content-length': '9',
          'x-xet-hash': 'ab',
          'x-xet-refresh-route': xet,
          link: `<${xet}>; rel="xet-auth", <https://cas.example/v1/reconstructions/ab>; rel="xet-reconstruction-info"`,
        },
      });
      expect(headers).not.toHaveProperty('location');
      expect(headers).not.toHaveProperty('set-cookie');
    }
  });

  test('sends for a large file to its store, address and fields as they are', async () => {
    const { gateway, store } = await front();
    expect(await ask(gateway.origin, large)).toMatchObject({
      status: 302,
      headers: { ...linked, location: store.origin + signed, 'cache-control': 'no-store' },
      body: '',
    });
    expect(store.requests).toEqual([]);
  });

  test('is streamed from in mode proxy, and redirected to in mode redirect', async () => {
    const proxied = await front({ mode: 'proxy' });
    expect(await ask(proxied.gateway.origin, large)).toMatchObject({
      status: 200,
      headers: linked,
      body: 'the bytes',
    });
    const redirected = await front({ mode: 'redirect' });
    expect(await ask(redirected.gateway.origin, large)).toMatchObject({
      status: 302,
      headers: { location: `${redirected.upstream.origin}/inc/tiny-2/resolve/main/model.bin` },
    });
  });

  test('tells of a small file what all its answers say', async () => {
    const { gateway } = await front();
    const { status, headers } = await ask(gateway.origin, small, { method: 'HEAD' });
    expect({ status, headers }).toMatchObject({ status: 200, headers: { ...linked, etag: '"small"' } });
  });

  test('that is private gives its own redirects to nobody, and no credential to its store', async () => {
    const { gateway, upstream, store } = await front({ auth: 't' });
    expect(await ask(gateway.origin, small)).toMatchObject({ status: 200, headers: linked, body: '{}' });
    expect(await ask(gateway.origin, large)).toMatchObject({ headers: { location: store.origin + signed } });
    expect((await ask(gateway.origin, large, { method: 'HEAD' })).status).toBe(200);
    expect(upstream.requests.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
    expect(store.requests.some(({ headers }) => headers.authorization)).toBe(false);
  });

  test('has its next page here, whatever the hub calls itself', async () => {
    const { gateway } = await front();
    const { headers, body } = await ask(gateway.origin, '/hf/api/models/acme/tiny/tree/main');
    expect(body).toBe('[]');
    expect(headers.link).toBe(
      `<${gateway.origin}/hf/api/models/acme/tiny/tree/main?cursor=a%3D&limit=1>; rel="next"`,
    );
  });

  test.each([
    'http://[',
    '/reconstructions/ab',
    'https://x.example/api/models',
    'https://x.example/api/models/acme/tiny/secrets',
  ])('has a link stay that is none of its API: %s', (address) => {
    const told = huggingface.fields?.(
      info(tiny, 'tree/main'),
      { url: '', headers: { link: `<${address}>; rel="x"` } },
      contextOf('auto', upstreamOf('https://hub.example')),
    );
    expect(told).toEqual({ link: `<${address}>; rel="x"` });
  });

  test('says in its own words what it has not', async () => {
    const { gateway } = await front();
    const { status, headers, body } = await ask(gateway.origin, '/hf/acme/tiny/resolve/main/none');
    expect({ status, headers, body }).toMatchObject({
      status: 404,
      headers: { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' },
      body: 'Entry not found',
    });
  });

  test('is not written to', async () => {
    const { gateway, upstream } = await front({ auth: 't' });
    for (const path of ['/hf/api/models/acme/tiny/commit/main', '/hf/api/repos/create']) {
      const { status, headers, body } = await ask(gateway.origin, path, { method: 'POST' });
      expect({ status, headers }).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
      expect(JSON.parse(body)).toEqual({ error: headers['x-error-message'] });
    }
    expect((await ask(gateway.origin, '/hf/api/models/acme/tiny/xet-write-token/main')).status).toBe(405);
    expect(upstream.requests).toEqual([]);
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(huggingface, { to: await unusedOrigin() })]);
    for (const path of ['/acme/tiny/resolve/main/x', '/api/models/acme/tiny']) {
      const { status, headers, body } = await ask(gateway.origin, path);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
      expect(JSON.parse(body)).toEqual({ error: headers['x-error-message'] });
    }
  });
});

test('nothing is told of what is written', () => {
  const answer = { url: '', headers: { link: '<x>' } };
  const context = contextOf('auto', upstreamOf('https://hub.example'));
  expect(huggingface.fields?.({ type: 'write', path: '/api/repos/create' }, answer, context)).toEqual({});
});
