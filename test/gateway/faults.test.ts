import { describe, expect, test, vi } from 'vitest';

import type { AdapterOptions } from '../../src/adapters/node.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask, exchangeBytes, send } from './client.ts';
import { serve, transports } from './serving.ts';
import {
  eventually,
  type startRawUpstream as Start,
  startRawUpstream,
  startUpstream,
  unusedOrigin,
} from './upstream.ts';

const impatient = { connect: 100, headers: 100, body: 100 };
const path = '/v2/app/manifests/1.0';
const noAnswer = { errors: [{ code: 'UNAVAILABLE', message: 'The upstream gives no usable answer.' }] };
const tooLate = { errors: [{ code: 'UNAVAILABLE', message: 'The upstream does not answer in time.' }] };

const ok = (headers: string, body = ''): string => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`;

describe.each(transports)('an upstream that fails, over %s', (_, createTransport) => {
  function front(to: string, options: AdapterOptions = {}) {
    return serve([rule(oci, { to })], { transport: createTransport(), ...options });
  }

  test('because nothing listens is answered 502 at once, in the protocol’s form', async () => {
    const failures = vi.fn<NonNullable<AdapterOptions['onUpstreamError']>>();
    const gateway = await front(await unusedOrigin(), { onUpstreamError: failures });
    const { status, headers, body } = await ask(gateway.origin, path);
    expect({ status, body: JSON.parse(body) }).toEqual({ status: 502, body: noAnswer });
    expect(headers).toMatchObject({ 'retry-after': '10', 'content-type': 'application/json' });
    expect(failures).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ name: 'UpstreamError', status: 502 }),
      expect.objectContaining({ type: 'proxy', rule: 'rules[0]' }),
    );
  });

  test('because its name is unknown is answered 502', async () => {
    const gateway = await front('https://registry.invalid');
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
  });

  test.each([
    ['a registry', oci, path, `${JSON.stringify(noAnswer)}`],
    ['an npm registry', npm, '/left-pad', '{"error":"The upstream gives no usable answer."}'],
    ['plain files', file, '/a', 'The upstream gives no usable answer.\n'],
  ])('is said in the words of %s', async (_, protocol, path, body) => {
    const to = await unusedOrigin();
    const gateway = await serve([rule(protocol as typeof file, { to, mode: 'proxy' })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502, body });
    expect(await ask(gateway.origin, path, { method: 'HEAD' })).toMatchObject({ status: 502, body: '' });
  });

  test('because it never answers, or never ends its head, is answered 504, and its connection ends', async () => {
    const answers: Parameters<typeof Start>[0][] = [
      () => {},
      (socket) => void socket.write('HTTP/1.1 200 OK\r\nX-A: '),
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX-A: ');
        const drip = setInterval(() => socket.write('a'), 50);
        socket.once('close', () => clearInterval(drip));
      },
    ];
    const upstreams = await Promise.all(answers.map((answer) => startRawUpstream(answer)));
    const received = await Promise.all(
      upstreams.map(async ({ origin }) => {
        const gateway = await front(origin, { transport: createTransport(impatient) });
        return ask(gateway.origin, path);
      }),
    );
    for (const { status, headers, body } of received) {
      expect({ status, body: JSON.parse(body) }).toEqual({ status: 504, body: tooLate });
      expect(headers['retry-after']).toBe('10');
    }
    await eventually(() => upstreams.map(({ underWay }) => underWay)).toEqual([0, 0, 0]);
  });

  test.each([
    ['closes without an answer', ''],
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['has a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['has the status 999', 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n'],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['has two lengths', ok('Content-Length: 5\r\nContent-Length: 7', 'hello!!')],
    ['has a length that is none', ok('Content-Length: 0x5', 'hello')],
    [
      'has a length and chunks',
      ok('Content-Length: 5\r\nTransfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'),
    ],
    ['has a field without a name', ok(': x\r\nContent-Length: 0')],
    ['has a NUL in a field', ok('X-A: a\u0000b\r\nContent-Length: 0')],
    ['has a head of a megabyte', ok(`X-A: ${'a'.repeat(1_000_000)}\r\nContent-Length: 0`)],
  ])('because it %s is answered 502, and its connection is not used again', async (_, bytes) => {
    const upstream = await startRawUpstream((socket) => void socket.end(bytes, 'latin1'));
    const gateway = await front(upstream.origin);
    const { status, body } = await ask(gateway.origin, path);
    expect({ status, body: JSON.parse(body) }).toEqual({ status: 502, body: noAnswer });
    await eventually(() => upstream.underWay).toBe(0);
  });

  test.each<readonly [string, Parameters<typeof Start>[0]]>([
    [
      'is reset',
      (socket) =>
        void socket.write(ok('Content-Length: 10', 'short'), () =>
          setTimeout(() => socket.resetAndDestroy(), 50),
        ),
    ],
    ['is shorter than its length', (socket) => void socket.end(ok('Content-Length: 10', 'short'))],
    ['ends within a chunk', (socket) => void socket.end(ok('Transfer-Encoding: chunked', 'a\r\nshort'))],
    ['has no last chunk', (socket) => void socket.end(ok('Transfer-Encoding: chunked', '5\r\nshort\r\n'))],
    [
      'has a chunk that is none',
      (socket) => void socket.end(ok('Transfer-Encoding: chunked', '5\r\nshort\r\nzz\r\n')),
    ],
    ['pauses for too long', (socket) => void socket.write(ok('Content-Length: 10', 'short'))],
  ])('after a body that %s breaks the client’s connection, with nothing appended', async (_, answer) => {
    const upstream = await startRawUpstream(answer);
    const gateway = await front(upstream.origin, { transport: createTransport({ body: 100 }) });
    const text = await exchangeBytes(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    expect(text).toMatch(/^(HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n([\da-f]+\r\n)?short(\r\n)?)?$/i);
    expect(text).not.toContain('\r\n0\r\n');
    await eventually(() => upstream.underWay).toBe(0);
  });

  test('after a body whose end is that of the connection resets it', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.end(ok('Transfer-Encoding: chunked', '5\r\nshort\r\n')),
    );
    const gateway = await front(upstream.origin);
    const client = send(gateway.port, `GET ${path} HTTP/1.0\r\nHost: a\r\n\r\n`);
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error)).resume();
    await new Promise((resolve) => client.once('close', resolve));
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  test('after a body longer than its length ends where it should', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.write(ok('Content-Length: 5', 'helloGARBAGE')),
    );
    const gateway = await front(upstream.origin);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'hello', complete: true });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'hello', complete: true });
    expect(upstream.connections).toBe(2);
  });

  test('does not make the next request fail', async () => {
    const upstream = await startRawUpstream((socket, _, count) => {
      if (count === 1) socket.end(ok('Content-Length: 10', 'short'));
      else socket.write(ok('Content-Length: 4', 'good'));
    });
    const gateway = await front(upstream.origin);
    expect(await ask(gateway.origin, path).catch(() => undefined)).not.toMatchObject({ complete: true });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'good' });
  });

  test('because it closes a kept connection just as it is used is asked once more', async () => {
    const upstream = await startRawUpstream((socket, _, count) => {
      if (count === 2) socket.destroy();
      else socket.write(ok('Content-Length: 4', 'good'));
    });
    const gateway = await front(upstream.origin);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200 });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'good' });
    expect(upstream.requests).toHaveLength(3);
  });
});

describe.each(transports)('an answer that is odd but in order, over %s', (_, createTransport) => {
  test('has had early words before it', async () => {
    const upstream = await startRawUpstream((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
      socket.write(ok('Content-Length: 2', 'ok'));
    });
    const gateway = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    const text = await exchangeBytes(
      gateway.port,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  });

  test('keeps what speaks of its connection to itself', async () => {
    const upstream = await startRawUpstream((socket) => {
      const fields = [
        'Connection: X-Internal, close',
        'X-Internal: 1',
        'Keep-Alive: timeout=9',
        'Proxy-Connection: x',
      ];
      socket.write(
        ok(
          [...fields, 'Set-Cookie: a=b', 'Alt-Svc: h3', 'X-Other: 2', 'Content-Length: 2'].join('\r\n'),
          'ok',
        ),
      );
    });
    const gateway = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    const { headers } = await ask(gateway.origin, path);
    const { date: _, connection, ...rest } = headers;
    expect(connection).not.toContain('X-Internal');
    expect(rest).toEqual({ 'x-other': '2', 'content-length': '2' });
  });

  test('has no length, and ends with its connection', async () => {
    const upstream = await startRawUpstream((socket) => void socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'));
    const gateway = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'all of it', complete: true });
  });

  test('has fields that only some may read', async () => {
    const upstream = await startUpstream((_, response) => {
      response.setHeader('content-disposition', 'attachment; filename="caf\u00e9"');
      response.setHeader('x-a', 'b');
      response.end('ok');
    });
    const gateway = await serve([rule(oci, { to: upstream.origin })], { transport: createTransport() });
    const { headers, body } = await ask(gateway.origin, path);
    expect(body).toBe('ok');
    expect(headers).toMatchObject({ 'x-a': 'b' });
    expect(headers).not.toHaveProperty('content-disposition');
  });
});
