import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { rule } from '../../src/core/rule.ts';
import { type HelmResource, helm } from '../../src/protocols/helm.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

const none = (title: string, path: string, method = 'GET'): ProtocolCase<HelmResource> => ({
  title,
  method,
  path,
  resource: undefined,
});
const file = (title: string, path: string): ProtocolCase<HelmResource> => ({
  title,
  path,
  resource: { type: 'file', path },
});

testProtocol(helm, [
  { title: 'the index', path: '/index.yaml', resource: { type: 'index' } },
  { title: 'the index by HEAD', method: 'HEAD', path: '/index.yaml', resource: { type: 'index' } },
  {
    title: 'a chart',
    path: '/charts/kube-app/1.0.0-rc.1+b/kube-app-1.0.0-rc.1+b.tgz',
    resource: {
      type: 'chart',
      name: 'kube-app',
      version: '1.0.0-rc.1+b',
      file: 'kube-app-1.0.0-rc.1+b.tgz',
    },
  },
  {
    title: 'a provenance',
    path: '/charts/app/1.0.0/app-1.0.0.tgz.prov',
    resource: { type: 'chart', name: 'app', version: '1.0.0', file: 'app-1.0.0.tgz.prov' },
  },
  file('a chart beside the index', '/app-1.0.0.tgz'),
  file('a chart below the index', '/charts/app-1.0.0.tgz'),
  file('a provenance below the index', '/a/b/c/d/app-1.0.0.tgz.prov'),
  none('the root', '/'),
  none('another index', '/charts/index.yaml'),
  none('another archive', '/app-1.0.0.zip'),
  none('a hidden file', '/.tgz'),
  none('a blob of a registry', '/v2/acme/app-1.0.0.tgz'),
  none('an encoded slash', '/charts%2Fapp-1.0.0.tgz'),
  none('a change', '/app-1.0.0.tgz', 'PUT'),
]);

test.each<[resource: HelmResource, subject: string | undefined]>([
  [{ type: 'index' }, undefined],
  [{ type: 'chart', name: 'app', version: '1.0.0', file: 'other.tgz' }, 'app'],
  [{ type: 'file', path: '/charts/kube-app-2-1.0.0-rc.1.tgz' }, 'kube-app-2'],
  [{ type: 'file', path: '/app-v1.0.0.tgz.prov' }, 'app'],
  [{ type: 'file', path: '/app.tgz' }, 'app'],
])('rules match %j as %s', (resource, subject) => {
  expect(helm.subject(resource)).toBe(subject);
});

test.each<[resource: HelmResource, shown: string]>([
  [{ type: 'index' }, 'rewrite'],
  [{ type: 'chart', name: 'app', version: '1.0.0', file: 'app-1.0.0.tgz' }, 'carried'],
  [{ type: 'file', path: '/app-1.0.0.tgz' }, '302'],
])('%j is delivered: %s', (resource, shown) => {
  expect(showDelivery(helm.deliver(resource, contextOf('auto', upstreamOf('https://a.example'))))).toBe(
    shown,
  );
});

/** As chart-releaser and `helm repo index` write it: keys sorted, lists not indented. */
const releaser = (address: (version: string) => string) => `apiVersion: v1
entries:
  kube-app:
  - annotations:
      artifacthub.io/changes: |
        - urls:
        - https://stays.example/kube-app-1.0.0.tgz
        version: 9.9.9
    apiVersion: v2
    appVersion: 1.16.0
    created: "2026-06-12T09:10:11.123456789Z"
    dependencies:
    - name: common
      repository: https://stays.example/charts
      version: 9.x.x
    description: 'Ein Überbau: for "everything"'
    digest: 3f5b
    home: https://stays.example/
    keywords:
    - urls
    - https://stays.example/keyword
    maintainers:
    - email: a@acme.example
      name: acme
      url: https://stays.example/acme
    name: kube-app
    sources:
    - https://stays.example/source
    type: application
    urls:
    - ${address('1.1.0')}
    version: 1.1.0
  - apiVersion: v2
    name: kube-app
    urls:
    - ${address('1.0.0')}
    version: 1.0.0
  other:
  - name: other
    urls:
    - charts/other-0.1.0.tgz
    version: 0.1.0
generated: "2026-06-12T09:10:11.123456789Z"
urls:
- https://stays.example/not-of-a-chart-1.0.0.tgz
`;
const github = (version: string) =>
  `https://github.com/acme/charts/releases/download/kube-app-${version}/kube-app-${version}.tgz`;
const here = 'https://get.acme.example/helm/charts';
const ours = (version: string) => `${here}/kube-app/${version}/kube-app-${version}.tgz`;

const context = {
  ...contextOf('auto', upstreamOf('https://charts.example')),
  publicUrl: 'https://get.acme.example/helm',
};

async function rewrite(text: string | Uint8Array, size = 7): Promise<string> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  const message = helm.rewrite?.(
    { type: 'index' },
    { url: '', headers: { etag: '"x"' }, body: chunks() },
    context,
  );
  expect(message?.headers).toEqual({ etag: '"x"' });
  const parts: Uint8Array[] = [];
  for await (const part of message?.body ?? []) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}
const latin = (text: string): string => Buffer.from(text).toString('latin1');

describe('an index', () => {
  test.each([1, 7, 64, 100_000])('has its charts here, in pieces of %i bytes', async (size) => {
    expect(await rewrite(releaser(github), size)).toBe(latin(releaser(ours)));
    const entry = parse(releaser(ours)).entries['kube-app'][0];
    expect(entry).toMatchObject({ version: '1.1.0', urls: [ours('1.1.0')] });
  });

  const one = (urls: string, version = '1.0.0') =>
    `entries:\n  app:\n  - name: app\n${urls}    version: ${version}\n`;
  const address = 'https://cdn.example/x/app-1.0.0.tgz';
  const mine = `${here}/app/1.0.0/app-1.0.0.tgz`;
  const item = (text: string) => one(`    urls:\n    - ${text}\n`);

  test.each<[title: string, before: string, after: string]>([
    ['plain', item(address), item(mine)],
    ['in double quotes', item(`"${address}"`), item(`"${mine}"`)],
    ['in single quotes', item(`'${address}' # why`), item(`'${mine}' # why`)],
    ['with a comment', item(`${address} # why`), item(`${mine} # why`)],
    ['with more spaces', item(`   ${address}  `), item(`   ${mine}  `)],
    ['folded, as for long lines', item(`>-\n      ${address}`), item(`>-\n      ${mine}`)],
    ['in a flow list', one(`    urls: [${address}]\n`), one(`    urls: [${mine}]\n`)],
    [
      'in a flow list with others',
      one(`    urls: [ "${address}", charts/app.tgz , '${address}' ] \n`),
      one(`    urls: [ "${mine}", charts/app.tgz , '${mine}' ] \n`),
    ],
    [
      'one of several',
      one(`    urls:\n      - ${address}\n      - app.tgz\n      - ${address}\n`),
      one(`    urls:\n      - ${mine}\n      - app.tgz\n      - ${mine}\n`),
    ],
    ['of http', item('http://cdn.example/app-1.0.0.tgz'), item(mine)],
    ['of a host', item('/helm-local/app-1.0.0.tgz'), item(mine)],
    ['of any scheme', item('//cdn.example/app-1.0.0.tgz'), item(mine)],
    ['that goes up', item('../app-1.0.0.tgz'), item(mine)],
    ['with a query', item(`${address}?sig=1`), item(mine)],
    ['that names no file', item('https://cdn.example/download/7'), item(mine)],
    [
      'of a file of another name',
      item('https://cdn.example/a.tgz'),
      item(mine.replace('app-1.0.0.tgz', 'a.tgz')),
    ],
    [
      'with keys in quotes',
      item(address).replace('version', '"version"').replace('urls', "'urls'"),
      item(mine).replace('version', '"version"').replace('urls', "'urls'"),
    ],
    ['of a version in quotes', item(address).replace('1.0.0\n', '"1.0.0"\n').replace('tgz', 'tgz'), ''],
    ['with CRLF', item(address).replaceAll('\n', '\r\n'), item(mine).replaceAll('\n', '\r\n')],
    ['without a newline at the end', item(address).trimEnd(), item(mine).trimEnd()],
    [
      'indented deeper, as by other programs',
      `---\n# made\n"entries":\n    'app':\n        -   name: app\n            urls:\n              - ${address}\n\n            version: 1.0.0\n`,
      `---\n# made\n"entries":\n    'app':\n        -   name: app\n            urls:\n              - ${mine}\n\n            version: 1.0.0\n`,
    ],
    [
      'whose version is before',
      `entries:\n  app:\n    - version: 1.0.0\n      urls:\n        - ${address}\n`,
      `entries:\n  app:\n    - version: 1.0.0\n      urls:\n        - ${mine}\n`,
    ],
    [
      'whose dash is alone on its line',
      `entries:\n  app:\n  - urls:\n    - ${address}\n    version: 1.0.0 # x\n`,
      `entries:\n  app:\n  - urls:\n    - ${mine}\n    version: 1.0.0 # x\n`,
    ],
  ])('has an address %s', async (_, before, after) => {
    const expected = after === '' ? before.replace(address, mine) : after;
    expect(await rewrite(before)).toBe(expected);
    expect(() => parse(expected)).not.toThrow();
  });

  test.each<[title: string, text: string]>([
    ['relative addresses', item('charts/app-1.0.0.tgz')],
    ['addresses in a registry', item('oci://registry.example/charts/app:1.0.0')],
    ['addresses that are none', item('local://app-1.0.0.tgz')],
    ['aliases', item('*address')],
    ['escapes', item(`"${address}\\n"`)],
    ['bytes that are not ASCII', item(`${address}?ü`)],
    ['no address', one('    urls: []\n')],
    ['an address of null', one('    urls:\n    -\n')],
    ['a version that is no name', one(`    urls:\n    - ${address}\n`, 'a/b')],
    ['a version that is an alias', one(`    urls:\n    - ${address}\n`, '*v')],
    ['no version', `entries:\n  app:\n  - urls:\n    - ${address}\n`],
    ['a chart that is no name', item(address).replace('  app:', '  a/b:')],
    ['a chart that is an alias', item(address).replace('  app:', '  *app :')],
    ['no entries', `entries: {}\nurls:\n- ${address}\n`],
    ['tabs', item(address).replace('    urls', '\turls')],
    ['another key', item(address).replace('urls', 'url_list')],
    ['a value where a list should be', one(`    urls: ${address}\n`)],
    ['nothing', ''],
    ['only spaces', '\n  \n'],
    ['no index', '<html>\n  <p>\n'],
    ['a long line', one(`    description: ${'x'.repeat(1_100_000)}\n    urls:\n    - ${address}\n`)],
    [
      'a long version',
      one(`    description: |\n${`      ${'x'.repeat(100_000)}\n`.repeat(11)}    urls:\n    - ${address}\n`),
    ],
    ['a long line at the end', `entries:\n  app:\n  - description: ${'x'.repeat(1_100_000)}`],
  ])('with %s stays, byte for byte', async (_, text) => {
    expect((await rewrite(text, 65_536)) === latin(text)).toBe(true);
  });

  test('of bytes that are no text stays', async () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7919) % 256);
    expect(await rewrite(bytes)).toBe(Buffer.from(bytes).toString('latin1'));
  });

  test('goes on after a version that is longer than any', async () => {
    const long = `  - description: ${'x'.repeat(1_100_000)}\n    urls:\n    - ${address}\n    version: 2.0.0\n`;
    const text = (url: string) => `entries:\n  app:\n${long}  - urls:\n    - ${url}\n    version: 1.0.0\n`;
    expect((await rewrite(text(address), 65_536)) === text(mine)).toBe(true);
  });

  test('that is JSON has its charts here', async () => {
    const index = (url: string) => ({
      apiVersion: 'v1',
      entries: { app: [{ version: '1.0.0', urls: [url, 'app.tgz'] }, { urls: [address] }], none: [] },
    });
    expect(await rewrite(`\n ${JSON.stringify(index(address), null, 2)}`)).toBe(JSON.stringify(index(mine)));
    expect(await rewrite('{"apiVersion":"v1"}')).toBe('{"apiVersion":"v1"}');
    await expect(rewrite('{')).rejects.toThrow();
  });

  test('of 20 MB goes through in seconds, and is read the same by a YAML parser', {
    timeout: 60_000,
  }, async () => {
    const version = (number: number) => `2.0.${number}`;
    const start = 'apiVersion: v1\nentries:\n  kube-app:\n';
    const entry = (number: number, url: string) =>
      `  - apiVersion: v2\n    description: ${'words '.repeat(80)}\n    name: kube-app\n    urls:\n    - ${url}\n    version: ${version(number)}\n`;
    const all = (url: (version: string) => string, count: number) =>
      start + Array.from({ length: count }, (_, number) => entry(number, url(version(number)))).join('');
    const began = performance.now();
    const rewritten = await rewrite(all(github, 30_000), 65_536);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(rewritten.length).toBeGreaterThan(18_000_000);
    expect(rewritten === all(ours, 30_000)).toBe(true);
    expect(parse(await rewrite(all(github, 50)))).toEqual(parse(all(ours, 50)));
  });

  test('is the only document that is touched', async () => {
    const message = { url: '', headers: {}, body: (async function* () {})() };
    const file: HelmResource = { type: 'file', path: '/app-1.0.0.tgz' };
    expect(helm.rewrite?.(file, message, context)).toEqual({ headers: {}, body: message.body });
    expect(await helm.carry?.(file, context, {} as never)).toMatchObject({ status: 404 });
  });
});

describe('a repository', () => {
  async function front(index: string | number, config: { auth?: string; mode?: 'proxy' } = {}) {
    const state = { index };
    const upstream = await startUpstream((request, response) => {
      const denied = config.auth && request.headers.authorization !== `Bearer ${config.auth}`;
      if (denied) response.writeHead(401).end();
      else if (request.url !== '/base/index.yaml') response.end(`bytes of ${request.url}`);
      else if (typeof state.index === 'number') response.writeHead(state.index).end();
      else response.end(state.index.replaceAll('{own}', upstream.origin));
    });
    const { auth, mode } = config;
    const gateway = await serve([
      rule(helm, {
        to: `${upstream.origin}/base`,
        ...(auth && { auth: { token: auth } }),
        ...(mode && { mode }),
      }),
    ]);
    return { upstream, gateway, state };
  }
  const index = (...urls: string[]) =>
    `entries:\n  app:\n  - urls:\n${urls.map((url) => `    - ${url}\n`).join('')}    version: 1.0.0\n`;
  const chart = '/charts/app/1.0.0/app-1.0.0.tgz';

  test.each<[title: string, urls: string[], path: string, location: string]>([
    [
      'elsewhere',
      ['https://cdn.example/a/app-1.0.0.tgz?x=%2f'],
      chart,
      'https://cdn.example/a/app-1.0.0.tgz?x=%2f',
    ],
    ['beside the index', ['app-1.0.0.tgz'], chart, '{own}/base/app-1.0.0.tgz'],
    ['above the index', ['../app-1.0.0.tgz'], chart, '{own}/app-1.0.0.tgz'],
    ['below the root', ['/x/app-1.0.0.tgz'], chart, '{own}/x/app-1.0.0.tgz'],
    ['called otherwise', ['https://cdn.example/7'], chart, 'https://cdn.example/7'],
    ['in several places', ['https://a.example/1', 'https://b.example/2'], chart, 'https://a.example/1'],
    [
      'in several places under several names',
      ['https://a.example/b.tgz', 'https://a.example/app-1.0.0.tgz'],
      chart,
      'https://a.example/app-1.0.0.tgz',
    ],
    [
      'with its provenance',
      ['https://cdn.example/app-1.0.0.tgz?x=1'],
      `${chart}.prov`,
      'https://cdn.example/app-1.0.0.tgz.prov?x=1',
    ],
  ])('has a chart %s', async (_, urls, path, location) => {
    const { gateway, upstream } = await front(index(...urls));
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, path)).toMatchObject({
        status: 302,
        headers: { location: location.replace('{own}', upstream.origin) },
      });
    expect(upstream.paths).toEqual(['/base/index.yaml']);
  });

  test('is asked again when a chart is not in the index that is kept, and not at once again', async () => {
    const { gateway, upstream, state } = await front(index('a.tgz'));
    const other = '/charts/app/2.0.0/app-2.0.0.tgz';
    expect(await ask(gateway.origin, chart)).toMatchObject({ status: 302 });
    state.index = index('a.tgz').replace('1.0.0', '2.0.0');
    expect(await ask(gateway.origin, other)).toMatchObject({ status: 302 });
    expect(upstream.paths).toHaveLength(2);
    for (let count = 0; count < 3; count++)
      expect(await ask(gateway.origin, '/charts/app/3.0.0/app-3.0.0.tgz')).toMatchObject({ status: 404 });
    expect(upstream.paths).toHaveLength(2);
  });

  test.each([
    [404, 404],
    [401, 401],
    [403, 403],
    [500, 502],
  ])('that answers %i for its index: %i', async (status, answered) => {
    const { gateway, state } = await front(status);
    expect(await ask(gateway.origin, chart)).toMatchObject({
      status: answered,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    state.index = index('a.tgz');
    expect(await ask(gateway.origin, chart)).toMatchObject({ status: 302 });
  });

  test.each(['http://[', 'https://user:secret@a.example/app.tgz'])('leads nowhere: %s', async (address) => {
    const { gateway } = await front(index(address));
    const { status } = await ask(gateway.origin, chart);
    expect([404, 502]).toContain(status);
  });

  test('that is private serves with the credential of the rule', async () => {
    const { gateway, upstream } = await front(index('{own}/base/app-1.0.0.tgz'), { auth: 't' });
    expect((await ask(gateway.origin, '/index.yaml')).body).toBe(index(`${gateway.origin}${chart}`));
    expect(await ask(gateway.origin, chart)).toMatchObject({ body: 'bytes of /base/app-1.0.0.tgz' });
    expect(upstream.requests.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(helm, { to: await unusedOrigin() })]);
    for (const path of [chart, '/index.yaml']) {
      const { status, headers } = await ask(gateway.origin, path);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
    }
  });
});
