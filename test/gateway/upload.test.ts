import { once } from 'node:events';
import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { ask, send } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, startRawUpstream, startUpstream, unusedOrigin } from './upstream.ts';

const proxied = { mode: 'proxy' } as const;

describe.each(transports)('a request with a body, over %s', (_, createTransport) => {
  const audit = '/-/npm/v1/security/advisories/bulk';

  test('is streamed, with what says how it is to be read', async () => {
    let received = '';
    const upstream = await startUpstream((request, response) => {
      request.on('data', (chunk) => {
        received += String(chunk);
        if (received === 'first') response.write('got first, ');
      });
      request.on('end', () => response.end('got all'));
    });
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    const head = `POST ${audit} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\nConnection: close\r\nAuthorization: Bearer x\r\n\r\n`;
    const client = send(gateway.port, `${head}first`);
    let text = '';
    client.on('data', (chunk) => {
      text += String(chunk);
    });
    await eventually(() => text).toContain('got first, ');
    client.write('second');
    await once(client, 'close');
    expect(text).toContain('got all');
    expect(received).toBe('firstsecond');
    expect(upstream.requests[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    });
    expect(upstream.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('that comes in chunks arrives whole', async () => {
    let received = '';
    const upstream = await startUpstream((request, response) => {
      request.on('data', (chunk) => {
        received += String(chunk);
      });
      request.on('end', () => response.end('{}'));
    });
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    const body = 'x'.repeat(300_000);
    const headers = { 'transfer-encoding': 'chunked' };
    expect(await ask(gateway.origin, audit, { method: 'POST', headers, body })).toMatchObject({
      status: 200,
      body: '{}',
    });
    expect(received).toBe(body);
  });

  test('that the upstream breaks off is answered 502', async () => {
    const upstream = await startRawUpstream((socket) => setTimeout(() => socket.resetAndDestroy(), 50));
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    const asked = { method: 'POST', headers: { 'content-length': 20_000 }, body: 'x'.repeat(20_000) };
    expect(await ask(gateway.origin, audit, asked)).toMatchObject({ status: 502 });
    expect(upstream.connections).toBe(1);
  });

  test('that the upstream breaks off while the client still sends is answered 502', async () => {
    const upstream = await startRawUpstream((socket) => setTimeout(() => socket.resetAndDestroy(), 50));
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    const client = send(gateway.port, `POST ${audit} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nfirst`);
    const [answer] = await once(client, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 502 /);
    client.destroy();
  });

  test('that has nowhere to go is answered 502', async () => {
    const gateway = await serve([rule(npm, { to: await unusedOrigin(), ...proxied })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, audit, { method: 'POST', body: '{}' })).toMatchObject({ status: 502 });
  });

  test('that the client breaks off ends at the upstream too', async () => {
    const upstream = await startUpstream((request) => void request.on('error', () => {}));
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    const client = send(gateway.port, `POST ${audit} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nfirst`);
    await eventually(() => upstream.requests.length).toBe(1);
    client.destroy();
    await eventually(() => upstream.underWay, 1000).toBe(0);
  });

  test('is refused where it would change something', async () => {
    const upstream = await startUpstream((_, response) => void response.end('{}'));
    const gateway = await serve([rule(npm, { to: upstream.origin, ...proxied })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/left-pad', { method: 'PUT', body: '{}' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect(upstream.requests).toEqual([]);
  });
});
