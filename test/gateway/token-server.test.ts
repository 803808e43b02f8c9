import { request } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import type { Timeouts } from '../../src/gateway/transport.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, type Handler, startRawUpstream, startUpstream, unusedOrigin } from './upstream.ts';

const path = '/v2/app/manifests/1.0';
const auth = { username: 'acme', password: 'secret' };

afterEach(() => void vi.restoreAllMocks());

describe.each(transports)('a token server, over %s', (_, createTransport) => {
  /** A registry that takes the token `good` alone, and sends its clients to `realm` for it. */
  async function front(realm: string, allow: readonly string[] = [], timeouts: Timeouts = {}) {
    const registry = await startUpstream((request, response) => {
      if (request.headers.authorization === 'Bearer good') return void response.end('manifest');
      response.writeHead(401, {
        'www-authenticate': `Bearer realm="${realm}",scope="repository:app:pull"`,
        'content-type': 'application/json',
      });
      response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    });
    const gateway = await serve([rule(oci, { to: { url: registry.origin, auth, allow } })], {
      transport: createTransport(timeouts),
    });
    return { registry, gateway };
  }

  const json =
    (value: unknown): Handler =>
    (_, response) =>
      void response.end(JSON.stringify(value));

  test.each([
    ['token', { token: 'good' }],
    ['access_token', { access_token: 'good', expires_in: 300 }],
    ['both, of which token counts', { token: 'good', access_token: 'bad' }],
    ['an empty token beside another', { token: '', access_token: 'good' }],
    ['a life that is no number', { token: 'good', expires_in: '300' }],
  ])('may say %s', async (_, answer) => {
    const tokens = await startUpstream(json(answer), '127.0.0.3');
    const { gateway } = await front(`${tokens.origin}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'manifest' });
    expect(tokens.requests).toMatchObject([{ method: 'GET', url: '/token?scope=repository%3Aapp%3Apull' }]);
    expect(tokens.requests[0]?.headers.authorization).toBe(`Basic ${btoa('acme:secret')}`);
  });

  test.each([401, 403, 404, 400])('that refuses with %d leaves the registry’s refusal', async (status) => {
    const tokens = await startUpstream(
      (_, response) => void response.writeHead(status).end('no'),
      '127.0.0.3',
    );
    const { gateway } = await front(`${tokens.origin}/token`);
    const { body, ...received } = await ask(gateway.origin, path);
    expect(received).toMatchObject({ status: 401 });
    expect(JSON.parse(body)).toEqual({ errors: [{ code: 'UNAUTHORIZED' }] });
  });

  test.each<readonly [string, Handler]>([
    [
      'answers with a page',
      (_, response) => void response.setHeader('content-type', 'text/html').end('<html>login</html>'),
    ],
    ['answers with JSON that has no token', json({ error: 'x' })],
    ['answers with JSON that is no object', json(null)],
    ['answers with a token that is none', json({ token: 'a b' })],
    ['answers with a token that would end the field', json({ token: 'a\r\nx: y' })],
    ['answers 500', (_, response) => void response.writeHead(500).end('no')],
    ['answers 503', (_, response) => void response.writeHead(503).end('no')],
    [
      'answers two megabytes',
      (_, response) => void response.end(`{"a":"${'x'.repeat(2_000_000)}","token":"good"}`),
    ],
    [
      'breaks off',
      (_, response) =>
        void response.writeHead(200, { 'content-length': 100 }).write('{"token":', () => response.destroy()),
    ],
  ])('that %s makes it 502', async (_, handler) => {
    const tokens = await startUpstream(handler, '127.0.0.3');
    const { gateway, registry } = await front(`${tokens.origin}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502, headers: { 'retry-after': '10' } });
    await eventually(() => tokens.underWay + registry.underWay, 3000).toBeLessThan(3);
  });

  test('that wants fewer requests makes it 429', async () => {
    const tokens = await startUpstream((_, response) => void response.writeHead(429).end('no'), '127.0.0.3');
    const { gateway } = await front(`${tokens.origin}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 429, headers: { 'retry-after': '10' } });
  });

  test('where nothing listens makes it 502', async () => {
    const { gateway } = await front(`${await unusedOrigin()}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
  });

  test('that does not answer makes it 504', async () => {
    const tokens = await startRawUpstream(() => {}, '127.0.0.3');
    const { gateway } = await front(`${tokens.origin}/token`, [], { connect: 100, headers: 100 });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 504 });
    await eventually(() => tokens.underWay, 3000).toBe(0);
  });

  test.each<readonly [string, string]>([
    ['answer', ''],
    ['end its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"token":'],
  ])('that does not %s is not waited for as long as a registry', async (_, bytes) => {
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      const abort = new AbortController();
      setTimeout(
        () => abort.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
        100,
      );
      return abort.signal;
    });
    const tokens = await startRawUpstream((socket) => void socket.write(bytes), '127.0.0.3');
    const { gateway } = await front(`${tokens.origin}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 504 });
  });

  test('that one client no longer waits for serves the others', async () => {
    const tokens = await startUpstream(
      (_, response) => void setTimeout(() => response.end('{"token":"good"}'), 150),
      '127.0.0.3',
    );
    const { gateway } = await front(`${tokens.origin}/token`);
    const leaving = request(gateway.origin + path).on('error', () => {});
    leaving.end();
    await eventually(() => tokens.requests.length).toBe(1);
    const staying = ask(gateway.origin, path);
    leaving.destroy();
    expect(await staying).toMatchObject({ status: 200, body: 'manifest' });
    expect(tokens.requests).toHaveLength(1);
  });

  test('at an address that the rule does not allow is not asked', async () => {
    const tokens = await startUpstream(json({ token: 'good' }), '0.0.0.0');
    const realm = `http://0.0.0.0:${tokens.port}/token`;
    const { gateway } = await front(realm);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
    expect(tokens.connections).toBe(0);

    const { gateway: allowing } = await front(realm, [`0.0.0.0:${tokens.port}`]);
    expect(await ask(allowing.origin, path)).toMatchObject({ status: 200 });
  });

  test.each(['token', '/token', 'ftp://127.0.0.3/token', ''])(
    'whose address is %j is none',
    async (realm) => {
      const { gateway } = await front(realm);
      const { status } = await ask(gateway.origin, path);
      expect(status).toBe(realm.startsWith('ftp') ? 502 : 401);
    },
  );

  test('that sends its client elsewhere is out of order, and nobody follows', async () => {
    const other = await startUpstream(json({ token: 'good' }), '127.0.0.3');
    const tokens = await startUpstream(
      (_, response) => void response.writeHead(302, { location: `${other.origin}/` }).end(),
    );
    const { gateway } = await front(`${tokens.origin}/token`);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 401 });
    expect(other.requests).toEqual([]);
  });
});

test.each(transports)(
  'two registries of one token server each get their own tokens, over %s',
  async (_, createTransport) => {
    const tokens = await startUpstream((request, response) => {
      const { authorization = 'nobody' } = request.headers;
      response.end(JSON.stringify({ token: authorization.replace('Basic ', 'for-') }));
    }, '127.0.0.3');
    const startRegistry = () =>
      startUpstream((request, response) => {
        if (request.headers.authorization?.startsWith('Bearer'))
          return void response.end(request.headers.authorization);
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.origin}/",service="one"` })
          .end();
      });
    const [first, second] = [await startRegistry(), await startRegistry()];
    const gateway = await serve(
      [
        rule(oci, { match: 'a/*image', to: { url: `${first.origin}/*image`, auth } }),
        rule(oci, {
          match: 'b/*image',
          to: { url: `${first.origin}/*image`, auth: { ...auth, password: 'other' } },
        }),
        rule(oci, { match: 'c/*image', to: `${first.origin}/*image` }),
        rule(oci, { match: 'd/*image', to: `${second.origin}/*image` }),
      ],
      { transport: createTransport() },
    );
    const bodies: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'a'])
      bodies.push((await ask(gateway.origin, `/v2/${name}/app/manifests/1`)).body);
    const [own, other] = [btoa('acme:secret'), btoa('acme:other')];
    expect(bodies).toEqual([
      `Bearer for-${own}`,
      `Bearer for-${other}`,
      'Bearer nobody',
      'Bearer nobody',
      `Bearer for-${own}`,
    ]);
    expect(tokens.requests).toHaveLength(4);
  },
);
