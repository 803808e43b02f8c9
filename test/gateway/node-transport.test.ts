import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readDocument } from '../../src/core/read-document.ts';
import { createNodeTransport } from '../../src/gateway/node-transport.ts';
import type { UpstreamRequest } from '../../src/gateway/transport.ts';
import { eventually, startUpstream } from './upstream.ts';

/** What names are looked up to; others are looked up as ever. */
const names = new Map<string, readonly string[]>();

type Callback = (error: Error | null, addresses?: unknown) => void;

beforeAll(() => {
  const { lookup } = dns;
  const fake = (name: string, options: object, callback: Callback): void => {
    const addresses = names.get(name)?.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (addresses) callback(null, addresses);
    else lookup(name, options, callback as never);
  };
  vi.spyOn(dns, 'lookup').mockImplementation(fake as never);
  syncBuiltinESMExports();
});

afterAll(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

const transport = createNodeTransport({ connect: 500, headers: 500, body: 500 });

function request(origin: string, change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    origin,
    path: '/',
    headers: {},
    signal: new AbortController().signal,
    guarded: true,
    ...change,
  };
}

beforeEach(() => names.clear());

describe('a name that nobody but an upstream chose', () => {
  test.each([
    ['a loopback address', ['127.0.0.2']],
    ['a loopback address in IPv6', ['::ffff:127.0.0.2']],
    ['a private address', ['10.0.0.1']],
    ['the address of a cloud’s metadata', ['169.254.169.254']],
    ['a public address and a private one', ['93.184.215.14', '127.0.0.2']],
  ])('and that stands for %s is not connected to', async (_, addresses) => {
    const inside = await startUpstream((_, response) => void response.end('secret'));
    names.set('cdn.example', addresses);
    const sent = transport(request(`http://cdn.example:${inside.port}`));
    await expect(sent).rejects.toMatchObject({
      name: 'UpstreamError',
      status: 502,
      message: expect.stringContaining('not public'),
    });
    expect(inside.connections).toBe(0);
  });

  test('that does not exist is not connected to', async () => {
    await expect(transport(request('http://cdn.invalid'))).rejects.toMatchObject({
      name: 'UpstreamError',
      status: 502,
    });
  });

  test('is looked up for each connection, so that what was checked is what is connected to', async () => {
    const inside = await startUpstream((_, response) => void response.end('secret'));
    names.set('cdn.example', ['127.0.0.2']);
    const open = createNodeTransport();
    // A connection that a rule's own address opened serves no guarded request.
    const { body } = await openTo(open, `http://127.0.0.2:${inside.port}`);
    expect(await readDocument(body, 100)).toBe('secret');
    await expect(open(request(`http://cdn.example:${inside.port}`))).rejects.toMatchObject({ status: 502 });
    expect(inside.requests).toHaveLength(1);
  });
});

const openTo = (send: typeof transport, origin: string) => send(request(origin, { guarded: false }));

test('a name that a rule chose may stand for any address', async () => {
  const inside = await startUpstream((_, response) => void response.end('ours'));
  names.set('registry.internal', ['127.0.0.2']);
  const sent = openTo(transport, `http://127.0.0.2:${inside.port}`);
  expect(await readDocument((await sent).body, 100)).toBe('ours');
});

test('fields of one name are joined, except where the upstream has one', async () => {
  const upstream = await startUpstream(
    (_, response) => void response.writeHead(200, ['Vary', 'a', 'vary', 'b', 'ETag', '"a"']).end(),
  );
  const { headers } = await openTo(transport, upstream.origin);
  expect(headers).toMatchObject({ vary: 'a, b', etag: '"a"' });
});

test('a request whose client has gone is not sent', async () => {
  const upstream = await startUpstream((_, response) => void response.end());
  const signal = AbortSignal.abort(new Error('gone'));
  await expect(transport(request(upstream.origin, { guarded: false, signal }))).rejects.toThrow('gone');
  expect(upstream.requests).toEqual([]);
});

test('an answer that is not needed gives its connection back', async () => {
  const upstream = await startUpstream((_, response) => void response.end('short'));
  const own = createNodeTransport();
  for (let count = 0; count < 3; count++) {
    (await openTo(own, upstream.origin)).discard();
    await eventually(() => upstream.underWay).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(upstream.connections).toBe(1);
});
