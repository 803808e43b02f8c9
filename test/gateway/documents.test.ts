import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask, open, send } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, type Handler, startUpstream } from './upstream.ts';

const headers = { host: 'npm.acme.test' };
const tarball = (origin: string): string =>
  `{"versions":{"1.0.0":{"dist":{"tarball":"${origin}/a/-/a-1.0.0.tgz"}}}}`;
const rewritten = tarball('http://npm.acme.test');

describe.each(transports)('a rewritten document, over %s', (_, createTransport) => {
  async function front(handler: Handler) {
    const upstream = await startUpstream(handler);
    const gateway = await serve([rule(npm, { to: upstream.origin })], { transport: createTransport() });
    return { upstream, gateway };
  }

  test.each<readonly [string, (text: string) => Buffer, string | undefined]>([
    ['as it is', (text) => Buffer.from(text), undefined],
    ['compressed', (text) => gzipSync(text), 'gzip'],
  ])('that comes %s goes as the client can read it', async (_, pack, coding) => {
    const { upstream, gateway } = await front((request, response) => {
      if (coding) response.setHeader('content-encoding', coding);
      response.setHeader('etag', '"1"');
      response.end(pack(tarball(`http://${request.headers.host}`)));
    });
    const plain = await ask(gateway.origin, '/a', { headers });
    expect(plain.body).toBe(rewritten);
    expect(plain.headers).toMatchObject({ vary: 'accept-encoding', etag: expect.stringMatching(/^W\/"/) });
    expect(plain.headers).not.toHaveProperty('content-length');

    const response = await open(gateway.origin, '/a', {
      headers: { ...headers, 'accept-encoding': 'gzip, br' },
    });
    expect(response.headers['content-encoding']).toBe('gzip');
    const chunks: Buffer[] = await response.toArray();
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe(rewritten);
    // The upstream is asked for the whole of it, compressed, whatever the client can read.
    expect(upstream.requests.map((request) => request.headers['accept-encoding'])).toEqual(['gzip', 'gzip']);
  });

  test('that has not changed is not sent again', async () => {
    const { upstream, gateway } = await front((request, response) => {
      response.setHeader('etag', 'W/"1"');
      if (request.headers['if-none-match'] === 'W/"1"') response.writeHead(304).end();
      else response.end(tarball('x'));
    });
    const { etag = '' } = (await ask(gateway.origin, '/a', { headers })).headers;
    const again = await ask(gateway.origin, '/a', { headers: { ...headers, 'if-none-match': etag } });
    expect(again).toMatchObject({ status: 304, body: '', headers: { etag } });

    // Under another public name it is another document.
    const elsewhere = {
      host: 'other.acme.test',
      'if-none-match': etag,
      'if-modified-since': 'Mon, 23 Nov 2026 10:00:00 GMT',
    };
    expect(await ask(gateway.origin, '/a', { headers: elsewhere })).toMatchObject({ status: 200 });
    expect(upstream.requests[2]?.headers).not.toHaveProperty('if-none-match');
    expect(upstream.requests[2]?.headers).not.toHaveProperty('if-modified-since');
  });

  test('that is asked for with HEAD has its fields and no body', async () => {
    const { upstream, gateway } = await front(
      (_, response) => void response.writeHead(200, { 'content-length': 9, etag: '"1"' }).end(),
    );
    const received = await ask(gateway.origin, '/a', { method: 'HEAD', headers });
    expect(received).toMatchObject({
      status: 200,
      body: '',
      headers: { etag: expect.stringMatching(/^W\/"/) },
    });
    expect(received.headers).not.toHaveProperty('content-length');
    expect(upstream.requests[0]?.method).toBe('HEAD');
  });

  test('of which a part is asked for comes whole', async () => {
    const { upstream, gateway } = await front((_, response) => void response.end(tarball('x')));
    const received = await ask(gateway.origin, '/a', { headers: { ...headers, range: 'bytes=0-3' } });
    expect(received).toMatchObject({ status: 200, body: rewritten });
    expect(upstream.requests[0]?.headers).not.toHaveProperty('range');
  });

  test('in a coding that nobody can read is answered 502', async () => {
    const { upstream, gateway } = await front(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'zstd' }).end('x'),
    );
    expect(await ask(gateway.origin, '/a', { headers })).toMatchObject({ status: 502 });
    await eventually(() => upstream.underWay).toBe(0);
  });

  test('that does not exist is told of in the upstream’s words', async () => {
    const { gateway } = await front(
      (_, response) =>
        void response
          .writeHead(404, { 'content-encoding': 'gzip', 'content-type': 'application/json' })
          .end(gzipSync('{"error":"Not found"}')),
    );
    expect(await ask(gateway.origin, '/a', { headers })).toMatchObject({
      status: 404,
      body: '{"error":"Not found"}',
    });
  });

  test('of many megabytes is read no faster than its client reads', async () => {
    let written = 0;
    const { upstream, gateway } = await front((_, response) => {
      response.write('{"readme":"');
      const piece = 'x'.repeat(65_536);
      const fill = (): void => {
        while (written < 100_000_000) {
          written += piece.length;
          if (!response.write(piece)) return void response.once('drain', fill);
        }
      };
      fill();
    });
    const client = send(gateway.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    let before = -1;
    await expect
      .poll(
        () => {
          const still = written > 0 && before === written;
          before = written;
          return still;
        },
        { interval: 150, timeout: 4000 },
      )
      .toBe(true);
    expect(written).toBeLessThan(30_000_000);
    client.destroy();
    await eventually(() => upstream.underWay).toBe(0);
  });
});

test('a document that fetch has already unpacked is not unpacked again', async () => {
  const upstream = await startUpstream(
    (_, response) =>
      void response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(tarball('x'))),
  );
  const [, createTransport] = transports[1] ?? [];
  const gateway = await serve([rule(npm, { to: upstream.origin })], { transport: createTransport?.() });
  expect(await ask(gateway.origin, '/a', { headers })).toMatchObject({ status: 200, body: rewritten });
});

test.each(transports)('pages of tags lead on through the gateway, over %s', async (_, createTransport) => {
  const upstream = await startUpstream((request, response) => {
    const first = !request.url?.includes('last');
    if (first)
      response.setHeader(
        'link',
        `<http://${request.headers.host}/v2/org/app/tags/list?n=1&last=1>; rel="next"`,
      );
    response.end(JSON.stringify({ name: 'org/app', tags: [first ? '1' : '2'] }));
  });
  const gateway = await serve([rule(oci, { match: 'app', to: `${upstream.origin}/org/app` })], {
    transport: createTransport(),
  });
  const first = await ask(gateway.origin, '/v2/app/tags/list?n=1');
  const [, next = ''] = /^<(.*)>; rel="next"$/.exec(String(first.headers.link)) ?? [];
  expect(JSON.parse((await ask(gateway.origin, next)).body)).toEqual({ name: 'app', tags: ['2'] });
  expect(upstream.paths).toEqual(['/v2/org/app/tags/list?n=1', '/v2/org/app/tags/list?n=1&last=1']);
});

test.each([
  ['is no gzip', Buffer.from('no gzip')],
  ['breaks off', gzipSync(tarball('x').repeat(50)).subarray(0, 40)],
])('a document whose compression %s breaks the client’s connection', async (_, bytes) => {
  const upstream = await startUpstream(
    (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes),
  );
  const gateway = await serve([rule(npm, { to: upstream.origin })]);
  const received = await ask(gateway.origin, '/a', { headers }).catch(() => ({ complete: false }));
  expect(received.complete).toBe(false);
});
