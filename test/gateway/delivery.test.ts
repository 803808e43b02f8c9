import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { ask, open, send } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, type Handler, startUpstream } from './upstream.ts';

const proxied = { mode: 'proxy' } as const;

describe.each(transports)('a file over %s', (_, createTransport) => {
  async function front(handler: Handler) {
    const upstream = await startUpstream(handler);
    const gateway = await serve([rule(file, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    return { upstream, gateway };
  }

  test('keeps its path and its query byte for byte', async () => {
    const { upstream, gateway } = await front((_, response) => void response.end('ok'));
    const path = "/a/%7Eb//c%2Fd/(e)!$&'*+,;=:@/[f]|g?x=%2f&y=(z)&&q=a|b";
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200 });
    expect(upstream.paths).toEqual([path]);
  });

  test('is sent as the part that was asked for', async () => {
    const { upstream, gateway } = await front((_, response) => {
      response
        .writeHead(206, {
          'content-range': 'bytes 2-4/9',
          'content-length': 3,
          etag: '"a"',
          'accept-ranges': 'bytes',
        })
        .end('cde');
    });
    const headers = { range: 'bytes=2-4', 'if-range': '"a"', 'accept-encoding': 'gzip, br' };
    const received = await ask(gateway.origin, '/a', { headers });
    expect(received).toMatchObject({ status: 206, body: 'cde', complete: true });
    expect(received.headers).toMatchObject({
      'content-range': 'bytes 2-4/9',
      'content-length': '3',
      etag: '"a"',
    });
    expect(upstream.requests[0]?.headers).toMatchObject({ range: 'bytes=2-4', 'if-range': '"a"' });
  });

  test.each([
    ['412', 412, { 'if-match': '"b"' }],
    ['416', 416, { range: 'bytes=90-' }],
    ['404', 404, {}],
    ['410', 410, {}],
    ['451', 451, {}],
    ['429 with its Retry-After', 429, {}],
    ['500', 500, {}],
  ])('has the upstream’s own %s', async (_, status, headers) => {
    const { gateway } = await front(
      (_, response) => void response.writeHead(status, { 'retry-after': '7' }).end('own words'),
    );
    const received = await ask(gateway.origin, '/a', { headers });
    expect(received).toMatchObject({ status, body: 'own words', headers: { 'retry-after': '7' } });
  });

  test('that has not changed has no body', async () => {
    const { upstream, gateway } = await front(
      (_, response) => void response.writeHead(304, { etag: '"a"', 'cache-control': 'max-age=9' }).end(),
    );
    const received = await ask(gateway.origin, '/a', {
      headers: { 'if-none-match': '"a", W/"b"', 'if-modified-since': 'x' },
    });
    expect(received).toMatchObject({
      status: 304,
      body: '',
      headers: { etag: '"a"', 'cache-control': 'max-age=9' },
    });
    expect(received.headers).not.toHaveProperty('transfer-encoding');
    expect(upstream.requests[0]?.headers).toMatchObject({
      'if-none-match': '"a", W/"b"',
      'if-modified-since': 'x',
    });
  });

  test.each([204, 205])('with the status %d has no body', async (status) => {
    const { gateway } = await front((_, response) => void response.writeHead(status).end());
    expect(await ask(gateway.origin, '/a')).toMatchObject({ status, body: '' });
  });

  test('that is asked for with HEAD has its length and no body', async () => {
    const { upstream, gateway } = await front(
      (_, response) => void response.writeHead(200, { 'content-length': 12345 }).end(),
    );
    expect(await ask(gateway.origin, '/a', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '12345' },
      body: '',
      complete: true,
    });
    expect(upstream.requests[0]?.method).toBe('HEAD');
  });

  test('comes piece by piece, as the upstream sends it', async () => {
    let source: ServerResponse | undefined;
    const { gateway } = await front((_, response) => {
      source = response;
      response.write('first');
    });
    const response = await open(gateway.origin, '/a');
    expect(String((await once(response, 'data'))[0])).toBe('first');
    source?.write('second');
    expect(String((await once(response, 'data'))[0])).toBe('second');
    source?.end();
    await once(response, 'end');
  });

  test('is taken from the upstream no faster than its client takes it', async () => {
    let written = 0;
    const total = 200_000_000;
    const { gateway } = await front((_, response) => {
      const piece = Buffer.alloc(65_536);
      response.writeHead(200, { 'content-length': total });
      const fill = (): void => {
        while (written < total) {
          written += piece.length;
          if (!response.write(piece)) return void response.once('drain', fill);
        }
      };
      fill();
    });
    const client = send(gateway.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'readable');
    let before = -1;
    await expect
      .poll(
        () => {
          const still = before === written;
          before = written;
          return still;
        },
        { interval: 150 },
      )
      .toBe(true);
    // What the kernel's buffers of two connections hold, and no more than a megabyte here.
    expect(written).toBeLessThan(30_000_000);
    client.destroy();
  });

  test.each([
    ['while its body streams', (response: ServerResponse) => void response.write('first')],
    ['before there is an answer', () => {}],
  ])('is given up within a second when the client leaves %s', async (_, begin) => {
    const { upstream, gateway } = await front((_, response) => begin(response));
    const client = send(gateway.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => upstream.requests.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.destroy();
    await eventually(() => upstream.underWay, 1000).toBe(0);
  });

  test('that many clients leave at every moment leaves nothing behind', async () => {
    const { upstream, gateway } = await front((_, response) => {
      response.write('x'.repeat(100_000));
      setTimeout(() => response.end('y'), 20);
    });
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const client = send(gateway.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
        await new Promise((resolve) => setTimeout(resolve, index));
        client.resetAndDestroy();
      }),
    );
    await eventually(() => upstream.underWay, 2000).toBeLessThan(5);
    expect(await ask(gateway.origin, '/a')).toMatchObject({ status: 200, complete: true });
  });

  test('in a coding that nobody asked for keeps its bytes and its name', async () => {
    const { gateway } = await front(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'zstd' }).end('packed'),
    );
    expect(await ask(gateway.origin, '/a')).toMatchObject({
      body: 'packed',
      headers: { 'content-encoding': 'zstd' },
    });
  });

  test('cannot be changed', async () => {
    const { upstream, gateway } = await front((_, response) => void response.end('ok'));
    const answers = await Promise.all(
      ['PUT', 'DELETE', 'PATCH', 'POST'].map((method) => ask(gateway.origin, '/a', { method, body: 'x' })),
    );
    expect(answers.map(({ status, headers }) => [status, headers.allow])).toEqual(
      Array(4).fill([405, 'GET, HEAD']),
    );
    expect(upstream.requests).toEqual([]);
  });
});
