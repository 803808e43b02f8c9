import { describe, expect, test } from 'vitest';

import { createReadForwarded, type TrustProxy } from '../../src/adapters/_forwarded.ts';
import { checkPublicOrigin } from '../../src/adapters/_options.ts';
import { toFetchHandler } from '../../src/adapters/fetch.ts';
import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { ask } from '../gateway/client.ts';
import { listen } from '../gateway/serving.ts';
import { eventually, startUpstream } from '../gateway/upstream.ts';

const said = {
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'get.acme.dev',
  'x-forwarded-for': '203.0.113.9, 10.0.0.2',
};

describe('who is believed', () => {
  test.each<readonly [string, TrustProxy, string | undefined, object]>([
    ['nobody', false, '127.0.0.1', {}],
    ['anybody', true, '203.0.113.1', { scheme: 'https', host: 'get.acme.dev', ip: '10.0.0.2' }],
    [
      'anybody, though the peer is not known',
      true,
      undefined,
      { scheme: 'https', host: 'get.acme.dev', ip: '10.0.0.2' },
    ],
    [
      'a peer of the list',
      ['127.0.0.1'],
      '127.0.0.1',
      { scheme: 'https', host: 'get.acme.dev', ip: '10.0.0.2' },
    ],
    [
      'a peer of a network, behind others of it',
      ['127.0.0.1', '10.0.0.0/8'],
      '127.0.0.1',
      { scheme: 'https', host: 'get.acme.dev', ip: '203.0.113.9' },
    ],
    [
      'a peer that writes its IPv4 address as IPv6',
      ['127.0.0.0/8', '10.0.0.0/8'],
      '::ffff:127.0.0.1',
      { scheme: 'https', host: 'get.acme.dev', ip: '203.0.113.9' },
    ],
    [
      'a peer of an IPv6 network',
      ['fd00::/8'],
      'fd12::1',
      { scheme: 'https', host: 'get.acme.dev', ip: '10.0.0.2' },
    ],
    [
      'all proxies, when there is nobody else',
      ['0.0.0.0/0'],
      '127.0.0.1',
      { scheme: 'https', host: 'get.acme.dev', ip: '203.0.113.9' },
    ],
    ['no peer that is not of the list', ['10.0.0.0/8'], '127.0.0.1', {}],
    ['no peer that is not known', ['10.0.0.0/8'], undefined, {}],
    ['nobody, with an empty list', [], '127.0.0.1', {}],
  ])('%s', (_, trust, peer, expected) => {
    expect(createReadForwarded(trust)(said, peer)).toEqual(expected);
  });

  test.each(['10.0.0.0/33', 'localhost', '10.0.0.0/', '', '10.0.0.0-10.0.0.9', 'fd00::/129'])(
    '%j is a mistake at once',
    (network) => {
      const rules = compileRules([]);
      const trustProxy = [network];
      expect(() => toNodeHandler(rules, { trustProxy })).toThrow(TypeError);
      expect(() => toNodeHandler(rules, { trustProxy })).toThrow(`\`${network}\``);
    },
  );
});

describe('what is said', () => {
  test.each([
    ['a scheme in capitals', { 'x-forwarded-proto': 'HTTPS' }, { scheme: 'https' }],
    ['the first of several schemes', { 'x-forwarded-proto': 'https, http' }, { scheme: 'https' }],
    ['no scheme that is none', { 'x-forwarded-proto': 'javascript' }, {}],
    ['the first of several hosts', { 'x-forwarded-host': 'a.example, b.example' }, { host: 'a.example' }],
    ['the last of several fields', { 'x-forwarded-for': ['1.1.1.1', '2.2.2.2'] }, { ip: '2.2.2.2' }],
    [
      'nothing in empty fields',
      { 'x-forwarded-proto': '', 'x-forwarded-host': ' , ', 'x-forwarded-for': '' },
      {},
    ],
    ['nothing in others', { forwarded: 'host=a', 'x-forwarded-scheme': 'https', 'x-real-ip': '1.1.1.1' }, {}],
  ])('is %s', (_, headers, expected) => {
    expect(createReadForwarded(true)(headers, undefined)).toEqual(expected);
  });
});

describe('the public origin', () => {
  const tarball = (body: string): string => JSON.parse(body).versions['1.0.0'].dist.tarball;

  async function rules() {
    const upstream = await startUpstream(
      (_, response) => void response.end('{"versions":{"1.0.0":{"dist":{"tarball":"x"}}}}'),
    );
    return compileRules([rule(npm, { to: upstream.origin })]);
  }

  test.each<readonly [string, TrustProxy | undefined, string | undefined, string]>([
    ['what the client asked', undefined, undefined, 'http://npm.test'],
    ['what the proxy in front says', ['127.0.0.1'], undefined, 'https://get.acme.dev'],
    ['what the client asked, when a stranger says otherwise', ['10.0.0.1'], undefined, 'http://npm.test'],
    [
      'what the application says, whoever says otherwise',
      true,
      'https://other.acme.dev',
      'https://other.acme.dev',
    ],
  ])('on Node is %s', async (_, trustProxy, publicOrigin, expected) => {
    const { origin } = await listen(toNodeHandler(await rules(), { trustProxy, publicOrigin }));
    const { body } = await ask(origin, '/a', { headers: { host: 'npm.test', ...said } });
    expect(tarball(body)).toBe(`${expected}/a/-/a-1.0.0.tgz`);
  });

  test.each([
    ['what the client asked', false, undefined, 'http://npm.test'],
    ['what the proxy in front says', true, undefined, 'https://get.acme.dev'],
    ['what the application says', true, 'https://other.acme.dev', 'https://other.acme.dev'],
  ])('with fetch is %s', async (_, trustProxy, publicOrigin, expected) => {
    const handle = toFetchHandler(await rules(), { trustProxy, publicOrigin });
    const response = await handle(new Request('http://npm.test/a', { headers: said }));
    expect(tarball(await response.text())).toBe(`${expected}/a/-/a-1.0.0.tgz`);
  });

  test('that a proxy says is judged as a host is', async () => {
    const { origin } = await listen(toNodeHandler(await rules(), { trustProxy: true }));
    expect(await ask(origin, '/a', { headers: { 'x-forwarded-host': 'a.example/evil' } })).toMatchObject({
      status: 400,
    });
  });

  test.each([
    'get.acme.dev',
    'https://get.acme.dev/',
    'https://get.acme.dev/npm',
    'https://user@get.acme.dev',
    'HTTPS://get.acme.dev',
    'https://get.acme.dev:443',
    '',
    'file:///a',
    'ftp://get.acme.dev',
  ])('%j is none', (publicOrigin) => {
    expect(() => checkPublicOrigin(publicOrigin)).toThrow(TypeError);
  });

  test.each(['https://get.acme.dev', 'http://127.0.0.1:8080', 'https://[::1]:8443'])(
    '%s is one',
    (publicOrigin) => {
      expect(checkPublicOrigin(publicOrigin)).toBe(publicOrigin);
    },
  );
});

test.each([
  ['believed', true, '203.0.113.9'],
  ['not believed', false, '127.0.0.1'],
])('the address of the client, when the proxy is %s', async (_, trusted, expected) => {
  const seen: (string | undefined)[] = [];
  const handler = toNodeHandler(compileRules([]), {
    trustProxy: trusted ? ['127.0.0.1', '10.0.0.0/8'] : false,
    onResponse: ({ request }) => void seen.push(request.ip),
  });
  const { origin } = await listen(handler);
  await ask(origin, '/a', { headers: said });
  await eventually(() => seen).toEqual([expected]);
});
