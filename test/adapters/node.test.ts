import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, test, vi } from 'vitest';

import { type AccessRecord, type AdapterOptions, toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules, type RuleSet } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import type { Transport } from '../../src/gateway/transport.ts';
import { file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask, exchangeBytes, open, send } from '../gateway/client.ts';
import { listen } from '../gateway/serving.ts';
import { eventually, startRawUpstream, startUpstream } from '../gateway/upstream.ts';

const downloads = compileRules([
  rule(file, { host: '127.0.0.1', match: '/dl/*path', to: 'https://cdn.example/*path' }),
]);

async function serveUpstream(to: string, options: AdapterOptions = {}) {
  const records: AccessRecord[] = [];
  const rules = compileRules([rule(file, { name: 'files', to, mode: 'proxy' })]);
  const onResponse = (record: AccessRecord) => void records.push(record);
  return { records, ...(await listen(toNodeHandler(rules, { onResponse, ...options }))) };
}

describe('a record', () => {
  test('tells of a redirect', async () => {
    const records: AccessRecord[] = [];
    const { origin } = await listen(
      toNodeHandler(downloads, { onResponse: (record) => void records.push(record) }),
    );
    await ask(origin, '/dl/a?b', { headers: { 'user-agent': 'curl/8' } });
    await expect
      .poll(() => records)
      .toMatchObject([
        {
          request: {
            method: 'GET',
            scheme: 'http',
            path: '/dl/a',
            query: 'b',
            ip: '127.0.0.1',
            headers: { 'user-agent': 'curl/8' },
          },
          decision: { type: 'redirect', location: 'https://cdn.example/a?b', rule: 'rules[0]' },
          status: 302,
          complete: true,
          duration: expect.any(Number),
        },
      ]);
    expect(records[0]?.duration).toBeGreaterThan(0);
    expect(records[0]?.duration).toBeLessThan(1000);
  });

  test('tells of what nobody takes', async () => {
    const records: AccessRecord[] = [];
    const { origin } = await listen(
      toNodeHandler(downloads, { onResponse: (record) => void records.push(record) }),
    );
    await ask(origin, '/x');
    await ask(origin, '/dl/../a');
    await expect
      .poll(() => records)
      .toMatchObject([
        { decision: { type: 'pass' }, status: 404, complete: true },
        { decision: { type: 'respond' }, status: 400, complete: true },
      ]);
  });

  test('tells nothing of what the application takes', async () => {
    const onResponse = vi.fn<() => void>();
    const { origin } = await listen(
      toNodeHandler(downloads, { onResponse, next: (_, response) => void response.end('app') }),
    );
    expect(await ask(origin, '/x')).toMatchObject({ body: 'app' });
    expect(await ask(origin, '/dl/../a')).toMatchObject({ body: 'app' });
    expect(onResponse).not.toHaveBeenCalled();
  });

  test('comes when the last byte has gone, once', async () => {
    const pending: ServerResponse[] = [];
    const upstream = await startUpstream((_, response) => {
      pending.push(response);
      response.write('first');
    });
    const { origin, records } = await serveUpstream(upstream.origin);
    const response = await open(origin, '/a');
    await once(response, 'data');
    expect(records).toEqual([]);
    for (const source of pending) source.end('last');
    response.resume();
    await eventually(() => records).toMatchObject([
      { decision: { type: 'proxy', rule: 'files' }, status: 200, complete: true },
    ]);
  });

  test('says that a client left while its file came', async () => {
    const upstream = await startUpstream((_, response) => void response.write('first'));
    const { port, records } = await serveUpstream(upstream.origin);
    const client = send(port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'data');
    client.destroy();
    await eventually(() => records).toMatchObject([{ status: 200, complete: false }]);
  });

  test('says that a client left before its file came', async () => {
    const upstream = await startRawUpstream(() => {});
    const { port, records } = await serveUpstream(upstream.origin);
    const client = send(port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => upstream.requests.length).toBe(1);
    client.destroy();
    await expect
      .poll(() => records)
      .toMatchObject([{ decision: { type: 'proxy', rule: 'files' }, status: 0, complete: false }]);
  });

  test('says that an upstream broke off', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'),
    );
    const { port, records } = await serveUpstream(upstream.origin);
    await exchangeBytes(port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => records).toMatchObject([{ complete: false }]);
  });

  test('tells of a refusal after an upstream failed', async () => {
    const upstream = await startRawUpstream((socket) => void socket.end());
    const { origin, records } = await serveUpstream(upstream.origin);
    await ask(origin, '/a');
    await expect
      .poll(() => records)
      .toMatchObject([{ decision: { type: 'proxy' }, status: 502, complete: true }]);
  });

  test.each<readonly [string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    ['never ends', () => new Promise(() => {})],
  ])('that ends in a hook that %s changes nothing', async (_, onResponse) => {
    const { origin } = await listen(toNodeHandler(downloads, { onResponse: onResponse as () => void }));
    expect(await ask(origin, '/dl/a')).toMatchObject({ status: 302 });
    expect(await ask(origin, '/dl/b')).toMatchObject({ status: 302 });
  });
});

test('a fault of ours, or of a protocol, is an answer 502 that is told of', async () => {
  const upstream = await startUpstream((_, response) => void response.end('[]'));
  const broken = {
    ...oci,
    rewrite: () => {
      throw new TypeError('a fault');
    },
  };
  const failures = vi.fn<NonNullable<AdapterOptions['onUpstreamError']>>();
  const rules = compileRules([rule(broken as typeof oci, { to: upstream.origin })]);
  const { origin } = await listen(toNodeHandler(rules, { onUpstreamError: failures }));
  expect(await ask(origin, '/v2/app/tags/list')).toMatchObject({ status: 502 });
  expect(failures).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ cause: expect.any(TypeError) }),
    expect.anything(),
  );
});

test('a transport that throws something else is an answer 502 that is told of', async () => {
  const failures = vi.fn<NonNullable<AdapterOptions['onUpstreamError']>>();
  const transport: Transport = async () => {
    throw 'a text';
  };
  const rules = compileRules([rule(oci, { to: 'ghcr.io' })]);
  const { origin } = await listen(toNodeHandler(rules, { transport, onUpstreamError: failures }));
  expect(await ask(origin, '/v2/app/manifests/1')).toMatchObject({ status: 502 });
  expect(failures).toHaveBeenCalledOnce();
});

test.each([
  ['at once', downloads, '/dl/a'],
  ['after an upstream', undefined, '/a'],
])('a server may set fields of its own on what is answered %s', async (_, given, path) => {
  const upstream = await startUpstream((_, response) => void response.end('ok'));
  const rules: RuleSet = given ?? compileRules([rule(file, { to: upstream.origin, mode: 'proxy' })]);
  const handle = toNodeHandler(rules);
  const { origin } = await listen((request, response) => {
    response.setHeader('connection', 'close');
    response.setHeader('x-own', '1');
    handle(request, response);
  });
  expect(await ask(origin, path)).toMatchObject({ headers: { connection: 'close', 'x-own': '1' } });
});

test('rules that change serve the next request', async () => {
  const to = (target: string) => compileRules([rule(file, { match: '/*path', to: `${target}/*path` })]);
  const source = { current: to('https://old.example') };
  const { origin } = await listen(toNodeHandler(source));
  expect(await ask(origin, '/a')).toMatchObject({ headers: { location: 'https://old.example/a' } });
  source.current = to('https://new.example');
  expect(await ask(origin, '/a')).toMatchObject({ headers: { location: 'https://new.example/a' } });
});

test('clients that reset at every byte of an exchange do no harm', async () => {
  const upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-length': 200_000 });
    response.end(Buffer.alloc(200_000));
  });
  const { origin, port } = await serveUpstream(upstream.origin);
  const bytes = 'GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: b\r\n\r\n';
  await Promise.all(
    Array.from(bytes, async (_, length) => {
      const client = send(port, bytes.slice(0, length + 1));
      await new Promise((resolve) => setTimeout(resolve, 5 + (length % 7) * 3));
      if (length % 2 === 0) client.resetAndDestroy();
      else client.destroy();
    }),
  );
  expect(await ask(origin, '/a')).toMatchObject({ status: 200, complete: true });
});

test.each([
  ['Trailer', 'x'],
  ['TE', 'trailers'],
  ['Upgrade', 'h2c'],
  ['Expect', '100-continue'],
  ['Keep-Alive', 'timeout=999'],
  ['Proxy-Connection', 'keep-alive'],
  ['Proxy-Authorization', 'Basic x'],
  ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
  ['Transfer_Encoding', 'chunked'],
])('a request with the field %s is answered, and the upstream does not see it', async (name, value) => {
  const upstream = await startUpstream((_, response) => void response.end('ok'));
  const { port } = await serveUpstream(upstream.origin);
  const answer = await exchangeBytes(
    port,
    `GET /a HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/HTTP\/1\.1 200 OK\r\n/);
  expect(upstream.requests[0]?.headers).not.toHaveProperty(name.toLowerCase());
});

test('over TLS the scheme is https', async () => {
  const schemes: string[] = [];
  const handle = toNodeHandler(downloads, { onResponse: ({ request }) => void schemes.push(request.scheme) });
  // No certificate is at hand: a plain connection that says it is encrypted does.
  const { origin } = await listen((request, response) => {
    Object.assign(request.socket, { encrypted: true });
    handle(request, response);
  });
  await ask(origin, '/dl/a');
  await eventually(() => schemes).toEqual(['https']);
});
