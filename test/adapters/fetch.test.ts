import type { ServerResponse } from 'node:http';
import { describe, expect, test, vi } from 'vitest';

import { type AccessRecord, type FetchHandlerOptions, toFetchHandler } from '../../src/adapters/fetch.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { eventually, type Handler, startRawUpstream, startUpstream } from '../gateway/upstream.ts';

const downloads = compileRules([rule(file, { match: '/dl/*path', to: 'https://cdn.example/*path' })]);

function front(to: string, options: FetchHandlerOptions = {}) {
  const records: AccessRecord[] = [];
  const rules = compileRules([rule(file, { to, mode: 'proxy' })]);
  const handle = toFetchHandler(rules, { onResponse: (record) => void records.push(record), ...options });
  return { records, handle: (init?: RequestInit) => handle(new Request('https://get.acme.dev/a', init)) };
}

test.each([
  ['a redirect', '/dl/a?b', 302, { location: 'https://cdn.example/a?b', 'content-length': '0' }],
  ['what nobody takes', '/x', 404, { 'content-type': 'text/plain; charset=utf-8' }],
  ['a bad escape', '/dl/%', 400, {}],
])('answers %s', async (_, path, status, headers) => {
  const response = await toFetchHandler(downloads)(new Request(`https://get.acme.dev${path}`));
  expect(response.status).toBe(status);
  expect(Object.fromEntries(response.headers)).toMatchObject(headers);
});

test('hands what is not ours to the application, untouched', async () => {
  const next = vi.fn<(request: Request) => Response>(() => new Response('app'));
  const onResponse = vi.fn<() => void>();
  const handle = toFetchHandler(downloads, { next, onResponse });
  const request = new Request('https://get.acme.dev/x', { method: 'POST', body: 'text' });
  expect(await (await handle(request)).text()).toBe('app');
  expect(await next.mock.calls[0]?.[0].text()).toBe('text');
  expect(await (await handle(new Request('https://get.acme.dev/dl/%'))).text()).toBe('app');
  expect(onResponse).not.toHaveBeenCalled();
});

test('gives a body of an upstream as a stream', async () => {
  const upstream = await startUpstream(
    (_, response) => void response.writeHead(200, { 'content-length': 5, etag: '"a"' }).end('bytes'),
  );
  const response = await front(upstream.origin).handle();
  expect(response.headers.get('content-length')).toBe('5');
  expect(await response.text()).toBe('bytes');
});

test.each([204, 205, 304])('gives %d no body', async (status) => {
  const upstream = await startUpstream((_, response) => void response.writeHead(status).end());
  const response = await front(upstream.origin).handle();
  expect([response.status, response.body]).toEqual([status, null]);
});

test('gives HEAD no body', async () => {
  const upstream = await startUpstream(
    (_, response) => void response.writeHead(200, { 'content-length': 5 }).end(),
  );
  const response = await front(upstream.origin).handle({ method: 'HEAD' });
  expect([response.status, response.body, response.headers.get('content-length')]).toEqual([200, null, '5']);
});

test('sends a body on', async () => {
  let received = '';
  const upstream = await startUpstream((request, response) => {
    request.on('data', (chunk) => {
      received += String(chunk);
    });
    request.on('end', () => response.end('{}'));
  });
  const handle = toFetchHandler(compileRules([rule(npm, { to: upstream.origin, mode: 'proxy' })]));
  const body = new Blob(['x'.repeat(100_000)]).stream();
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
  const response = await handle(new Request('https://npm.acme.dev/-/npm/v1/security/audits/quick', init));
  expect(await response.text()).toBe('{}');
  expect(received).toHaveLength(100_000);
});

describe('a client that leaves', () => {
  const stalling: Handler = (_, response) => void response.write('first');

  test('by leaving the body ends the upstream within a second, even one that says nothing', async () => {
    const upstream = await startUpstream(stalling);
    const { handle, records } = front(upstream.origin);
    const reader = (await handle()).body?.getReader();
    await reader?.read();
    expect(records).toEqual([]);
    await Promise.race([reader?.cancel(), new Promise((resolve) => setTimeout(resolve, 500))]);
    await eventually(() => upstream.underWay, 1000).toBe(0);
    await eventually(() => records).toMatchObject([{ status: 200, complete: false }]);
  });

  test('without reading anything ends the upstream too', async () => {
    const upstream = await startUpstream(stalling);
    const { handle, records } = front(upstream.origin);
    await (await handle()).body?.cancel();
    await eventually(() => upstream.underWay, 1000).toBe(0);
    await eventually(() => records).toMatchObject([{ complete: false }]);
  });

  test('by the signal of its request ends the upstream too', async () => {
    const upstream = await startUpstream(stalling);
    const { handle, records } = front(upstream.origin);
    const abort = new AbortController();
    const response = await handle({ signal: abort.signal });
    abort.abort();
    await expect(response.text()).rejects.toThrow();
    await eventually(() => upstream.underWay, 1000).toBe(0);
    await eventually(() => records).toMatchObject([{ complete: false }]);
  });

  test('before there is an answer ends the upstream, and is told of', async () => {
    const upstream = await startRawUpstream(() => {});
    const { handle, records } = front(upstream.origin);
    const abort = new AbortController();
    const response = handle({ signal: abort.signal });
    await eventually(() => upstream.requests.length).toBe(1);
    abort.abort();
    await expect(response.then(({ status }) => status)).resolves.toBe(499);
    await eventually(() => upstream.underWay, 1000).toBe(0);
    await eventually(() => records).toMatchObject([{ status: 0, complete: false }]);
  });

  test('from a rewritten document ends the upstream too', async () => {
    const upstream = await startUpstream((_, response) => void response.write('{"versions":{'));
    const handle = toFetchHandler(compileRules([rule(npm, { to: upstream.origin })]));
    const response = await handle(
      new Request('https://npm.acme.dev/a', { headers: { 'accept-encoding': 'gzip' } }),
    );
    const reader = response.body?.getReader();
    const read = reader?.read().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.race([reader?.cancel(), new Promise((resolve) => setTimeout(resolve, 300))]);
    await read;
    await eventually(() => upstream.underWay, 1000).toBe(0);
  });
});

describe('a record', () => {
  test('comes when the last byte has gone, once', async () => {
    const pending: ServerResponse[] = [];
    const upstream = await startUpstream((_, response) => {
      pending.push(response);
      response.write('first');
    });
    const { handle, records } = front(upstream.origin);
    const response = await handle();
    expect(records).toEqual([]);
    for (const source of pending) source.end('last');
    await response.text();
    await eventually(() => records).toMatchObject([
      { decision: { type: 'proxy' }, status: 200, complete: true },
    ]);
  });

  test('says that an upstream broke off', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'),
    );
    const { handle, records } = front(upstream.origin);
    await expect((await handle()).text()).rejects.toThrow();
    await eventually(() => records).toMatchObject([{ status: 200, complete: false }]);
  });

  test('of an answer made here comes at once', async () => {
    const records: AccessRecord[] = [];
    await toFetchHandler(downloads, { onResponse: (record) => void records.push(record) })(
      new Request('https://get.acme.dev/dl/a'),
    );
    expect(records).toMatchObject([{ decision: { type: 'redirect' }, status: 302, complete: true }]);
  });

  test.each<readonly [string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
  ])('that ends in a hook that %s changes nothing', async (_, onResponse) => {
    const handle = toFetchHandler(downloads, { onResponse: onResponse as () => void });
    expect((await handle(new Request('https://get.acme.dev/dl/a'))).status).toBe(302);
  });
});
