import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { digest } from './registry.ts';
import { serve, transports } from './serving.ts';
import { eventually, startRawUpstream, startUpstream } from './upstream.ts';

const blobPath = `/v2/app/blobs/${digest}`;
const auth = { username: 'acme', password: 'secret' };
const unavailable = { errors: [{ code: 'UNAVAILABLE', message: 'The upstream gives no usable answer.' }] };

describe.each(transports)('a redirect of an upstream, over %s', (_, createTransport) => {
  /** A registry that answers its blob with a redirect, in front of which the gateway is. */
  async function startRedirecting(location: string | ((origin: string) => string), status = 307) {
    const registry = await startUpstream((request, response) => {
      if (request.url !== blobPath) response.end('the blob');
      else
        response
          .writeHead(status, {
            location: typeof location === 'string' ? location : location(`http://${request.headers.host}`),
          })
          .end();
    });
    const gateway = await serve([rule(oci, { to: registry.origin })], { transport: createTransport() });
    return { registry, gateway };
  }

  test.each([
    ['to a blob store, byte for byte', "https://S3.example/b?X-Sig=a%2Fb+c%7e&q='x'", 307],
    ['to a private address, which is the client’s affair', 'https://10.0.0.1/b', 302],
  ])('goes to the client: %s', async (_, location, status) => {
    const { gateway } = await startRedirecting(location, status);
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status, headers: { location }, body: '' });
  });

  test.each([
    ['a path', '/storage/b?x=1', '/storage/b?x=1'],
    ['a relative path', '../b', '/v2/app/b'],
  ])('that names %s is made absolute', async (_, location, path) => {
    const { gateway, registry } = await startRedirecting(location);
    const { headers } = await ask(gateway.origin, blobPath);
    expect(headers.location).toBe(path.startsWith('/v2') ? undefined : registry.origin + path);
    // What is of the registry's own interface again is for the gateway.
    expect(registry.paths).toEqual(path.startsWith('/v2') ? [blobPath, path] : [blobPath]);
  });

  test.each([
    ['javascript:', 'javascript:alert(1)'],
    ['file:', 'file:///etc/passwd'],
    ['data:', 'data:text/plain,x'],
    ['a name and a password', 'https://user:pass@cdn.example/b'],
  ])('that has %s in it goes to nobody', async (_, location) => {
    const { gateway } = await startRedirecting(location);
    const { status, headers, body } = await ask(gateway.origin, blobPath);
    expect({ status, body: JSON.parse(body) }).toEqual({ status: 502, body: unavailable });
    expect(headers).not.toHaveProperty('location');
  });

  test('into the registry’s interface is followed with a credential of its own', async () => {
    const { gateway, registry } = await startRedirecting((origin) => `${origin}/v2/other/blobs/${digest}`);
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status: 200, body: 'the blob' });
    expect(registry.paths).toEqual([blobPath, `/v2/other/blobs/${digest}`]);
  });

  test('that has a length and no body is not waited for', async () => {
    const registry = await startRawUpstream((socket) => {
      socket.write(
        `HTTP/1.1 307 Temporary Redirect\r\nLocation: https://cdn.example/b\r\nContent-Length: 157\r\n\r\n`,
      );
    });
    const gateway = await serve([rule(oci, { to: registry.origin })], { transport: createTransport() });
    const started = performance.now();
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status: 307, complete: true });
    expect(performance.now() - started).toBeLessThan(1000);
    await eventually(() => registry.underWay, 3000).toBe(0);
  });

  test('without an address is no redirect', async () => {
    const registry = await startUpstream((_, response) => void response.writeHead(302).end('nowhere'));
    const gateway = await serve([rule(oci, { to: registry.origin })], { transport: createTransport() });
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status: 302, body: 'nowhere' });
  });

  test('to what is no address is no answer, and holds no connection', async () => {
    const registry = await startRawUpstream((socket) => {
      socket.write(`HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 100\r\n\r\nx`);
    });
    const gateway = await serve([rule(oci, { to: registry.origin })], { transport: createTransport() });
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status: 502 });
    await eventually(() => registry.underWay, 3000).toBe(0);
  });
});

describe.each(transports)('redirects that are followed, over %s', (_, createTransport) => {
  const streamed = { mode: 'proxy', auth } as const;

  test('lose the credential as soon as another origin is reached', async () => {
    const last = await startUpstream((_, response) => void response.end('bytes'), '127.0.0.3');
    const first = await startUpstream((request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else response.writeHead(302, { location: `${last.origin}/c` }).end();
    });
    const gateway = await serve([rule(file, { to: first.origin, ...streamed })], {
      transport: createTransport(),
    });
    const headers = { authorization: 'Bearer of-the-client', range: 'bytes=0-3', 'user-agent': 'curl/8' };
    expect(await ask(gateway.origin, '/a', { headers })).toMatchObject({ status: 200, body: 'bytes' });
    expect(first.requests.map(({ headers: { authorization } }) => authorization)).toEqual(
      Array(2).fill(`Basic ${btoa('acme:secret')}`),
    );
    expect(last.requests[0]?.headers).toMatchObject({ range: 'bytes=0-3', 'user-agent': 'curl/8' });
    expect(last.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('lose it on another port of the same host too, and have it back at home', async () => {
    const away = await startUpstream(
      (_, response) => void response.writeHead(302, { location: `${home.origin}/c` }).end(),
    );
    const home = await startUpstream((request, response) => {
      if (request.url === '/c') response.end('bytes');
      else response.writeHead(302, { location: `${away.origin}/b` }).end();
    });
    const gateway = await serve([rule(file, { to: home.origin, ...streamed })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/a')).toMatchObject({ body: 'bytes' });
    expect(away.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(home.requests[1]?.headers).toHaveProperty('authorization');
  });

  test.each([
    [10, 200],
    [11, 502],
  ])('%d in a row end with %d', async (hops, status) => {
    const upstream = await startUpstream((_, response, count) => {
      if (count > hops) response.end('there');
      else response.writeHead(302, { location: `/${count}` }).end('on');
    });
    const gateway = await serve([rule(file, { to: upstream.origin, mode: 'proxy' })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/a')).toMatchObject({ status });
    expect(upstream.requests).toHaveLength(11);
  });

  test.each([
    ['0.0.0.0', (port: number) => `http://0.0.0.0:${port}/`],
    ['[::]', (port: number) => `http://[::]:${port}/`],
    ['0', (port: number) => `http://0:${port}/`],
    ['an address with a name', (port: number) => `http://user@127.0.0.3:${port}/`],
    ['another scheme', (port: number) => `ftp://127.0.0.3:${port}/`],
  ])('to %s are refused, and nobody connects there', async (_, address) => {
    const forbidden = await startUpstream((_, response) => void response.end('secret'), '0.0.0.0');
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(302, { location: address(forbidden.port) }).end(),
    );
    const gateway = await serve([rule(file, { to: upstream.origin, mode: 'proxy' })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/a')).toMatchObject({
      status: 502,
      body: 'The upstream gives no usable answer.\n',
    });
    expect(forbidden.connections).toBe(0);
  });

  test('to a host that the rule allows are no longer refused', async () => {
    const allowed = await startUpstream((_, response) => void response.end('bytes'), '0.0.0.0');
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(302, { location: `http://0.0.0.0:${allowed.port}/` }).end(),
    );
    const to = { url: upstream.origin, allow: [`0.0.0.0:${allowed.port}`] };
    const gateway = await serve([rule(file, { to, mode: 'proxy' })], { transport: createTransport() });
    expect(await ask(gateway.origin, '/a')).toMatchObject({ status: 200, body: 'bytes' });
  });

  test('do not send a body a second time', async () => {
    const upstream = await startUpstream((request, response) => {
      request.resume().on('end', () => void response.writeHead(307, { location: '/again' }).end());
    });
    const gateway = await serve([rule(npm, { to: upstream.origin, mode: 'proxy' })], {
      transport: createTransport(),
    });
    const asked = { method: 'POST', body: '{"a":1}' };
    expect(await ask(gateway.origin, '/-/npm/v1/security/advisories/bulk', asked)).toMatchObject({
      status: 502,
    });
    expect(upstream.requests).toHaveLength(1);
  });
});
