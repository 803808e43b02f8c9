import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import type { RateLimit } from '../../src/gateway/rate-limit.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { serve, transports } from './serving.ts';
import { startUpstream } from './upstream.ts';

const path = '/v2/app/manifests/1.0';
const html = { 'content-type': 'text/html' };
const json = { 'content-type': 'application/json; charset=utf-8' };
const own = '{"errors":[{"code":"X","message":"y"}]}';

describe.each(transports)("a registry's error, over %s", (_, createTransport) => {
  test.each<readonly [number, number, string, string | undefined]>([
    [400, 400, 'UNSUPPORTED', undefined],
    [403, 403, 'DENIED', undefined],
    [404, 404, 'NAME_UNKNOWN', undefined],
    [418, 418, 'UNKNOWN', undefined],
    [429, 429, 'TOOMANYREQUESTS', '10'],
    [500, 502, 'UNAVAILABLE', '10'],
    [502, 502, 'UNAVAILABLE', '10'],
    [503, 503, 'UNAVAILABLE', '10'],
    [504, 504, 'UNAVAILABLE', '10'],
    [521, 502, 'UNAVAILABLE', '10'],
  ])('of %i that is a page becomes a %i with the code %s', async (status, expected, code, patience) => {
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(status, html).end('<html><h1>Oops</h1>'),
    );
    const { origin } = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(origin, path, { method });
      expect(answer).toMatchObject({ status: expected, headers: { 'content-type': 'application/json' } });
      expect(answer.headers['retry-after']).toBe(patience);
      if (method === 'GET')
        expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code, message: expect.any(String) }] });
      else expect(answer.body).toBe('');
    }
  });

  test.each([
    [404, 404, undefined],
    [429, 429, '10'],
    [500, 502, '10'],
    [503, 503, '10'],
  ])('of %i in its own words keeps them, as %i', async (status, expected, patience) => {
    const upstream = await startUpstream((_, response) => void response.writeHead(status, json).end(own));
    const { origin } = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    const answer = await ask(origin, path);
    expect(answer).toMatchObject({ status: expected, body: own });
    expect(answer.headers['retry-after']).toBe(patience);
  });

  test('keeps what it says of when to come back, and of what there is', async () => {
    const fields = { 'retry-after': '77', 'content-range': 'bytes */9', 'x-page': 'yes' };
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(429, { ...html, ...fields }).end('page'),
    );
    const { origin } = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    const { headers } = await ask(origin, path);
    expect(headers).toMatchObject({ 'retry-after': '77', 'content-range': 'bytes */9' });
    expect(headers['x-page']).toBeUndefined();
  });
});

test('the error of a protocol without a form of its own is handed on as it is', async () => {
  const upstream = await startUpstream((_, response) => void response.writeHead(500, html).end('<h1>'));
  const { origin } = await serve([rule(file, { to: upstream.origin, mode: 'proxy' })]);
  expect(await ask(origin, '/x')).toMatchObject({ status: 500, body: '<h1>', headers: html });
});

describe('a notice', () => {
  const notice = 'moves to "acme"; see \\acme';
  const warning = '299 - "moves to \\"acme\\"; see \\\\acme"';

  test('comes with every answer of its rule, and with no other', async () => {
    const upstream = await startUpstream((request, response) => {
      response.writeHead(request.url?.includes('missing') ? 404 : 200, html).end('x');
    });
    const { origin } = await serve([
      rule(oci, { match: 'old/*rest', to: upstream.origin, notice }),
      rule(oci, { match: 'new/*rest', to: upstream.origin }),
      rule(file, { match: '/dl/old', to: 'https://cdn.example/x', notice }),
      rule(npm, { match: 'old', to: upstream.origin, notice }),
    ]);
    for (const name of ['old/app/manifests/1', 'old/app/manifests/missing']) {
      expect((await ask(origin, `/v2/${name}`)).headers.warning).toBe(warning);
      expect((await ask(origin, `/v2/${name.replace('old', 'new')}`)).headers.warning).toBeUndefined();
    }
    expect((await ask(origin, '/v2/')).headers.warning).toBeUndefined();
    expect((await ask(origin, '/dl/old')).headers.warning).toBe(warning);
    expect((await ask(origin, '/old/-/old-1.0.0.tgz')).headers['npm-notice']).toBe(notice);
  });

  test('stands beside a warning of the upstream', async () => {
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(200, { warning: '299 - "theirs"' }).end('x'),
    );
    const { origin } = await serve([rule(oci, { to: upstream.origin, notice: 'ours' })]);
    expect((await ask(origin, path)).headers.warning).toBe('299 - "theirs", 299 - "ours"');
  });
});

describe('a limit', () => {
  test.each<readonly [string, Record<string, string>, RateLimit | undefined]>([
    [
      'with windows',
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '20;w=21600' },
      { limit: 100, remaining: 20, window: 21_600 },
    ],
    [
      'without',
      { 'ratelimit-limit': '100', 'ratelimit-remaining': '0' },
      { limit: 100, remaining: 0, window: undefined },
    ],
    ['in half', { 'ratelimit-limit': '100' }, undefined],
    ['that is none', { 'ratelimit-limit': 'many', 'ratelimit-remaining': 'few' }, undefined],
  ])('%s is told', async (_, fields, expected) => {
    const limits: RateLimit[] = [];
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { ...fields, 'docker-ratelimit-source': '192.0.2.1' }).end('x');
    });
    const onRateLimit = (limit: RateLimit) => {
      limits.push(limit);
      throw new Error('of the application');
    };
    const { origin } = await serve([rule(oci, { to: upstream.origin })], { onRateLimit });
    const { status, headers } = await ask(origin, path);
    expect(status).toBe(200);
    expect(headers['docker-ratelimit-source']).toBeUndefined();
    expect(limits).toEqual(expected ? [expected] : []);
  });
});

test("a mirror's namespace is said again, and the registry does not hear of it", async () => {
  const upstream = await startUpstream((_, response) => void response.end('x'));
  const { origin } = await serve([rule(oci, { to: upstream.origin })]);
  for (const [ns, echoed] of [
    ['quay.io', 'quay.io'],
    ['quay.io:8443', 'quay.io:8443'],
    ['%0d%0ax', undefined],
  ] as const) {
    const { headers } = await ask(origin, `${path}?ns=${ns}`);
    expect(headers['oci-namespace']).toBe(echoed);
  }
  expect(new Set(upstream.paths)).toEqual(new Set([path]));
});

test('rules of a mirror may tell registries apart', async () => {
  const [one, two] = await Promise.all([
    startUpstream((_, response) => void response.end('one')),
    startUpstream((_, response) => void response.end('two')),
  ]);
  const { origin } = await serve([
    rule(oci, { match: '*image?ns=quay.io', to: one.origin }),
    rule(oci, { match: '*image', to: two.origin }),
  ]);
  expect(await ask(origin, `${path}?ns=quay.io`)).toMatchObject({ body: 'one' });
  expect(await ask(origin, `${path}?ns=ghcr.io`)).toMatchObject({ body: 'two' });
  expect(await ask(origin, path)).toMatchObject({ body: 'two' });
});
