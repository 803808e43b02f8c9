import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { readDocument } from '../../src/core/read-document.ts';
import { createFetchTransport } from '../../src/gateway/fetch-transport.ts';
import type { UpstreamRequest } from '../../src/gateway/transport.ts';

const origin = 'https://registry.example';

function request(change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    origin,
    path: '/v2/',
    headers: {},
    signal: new AbortController().signal,
    guarded: false,
    ...change,
  };
}

const answering = (response: () => Response) => createFetchTransport({}, async () => response());

describe('the signal of a request has no listener left', () => {
  test.each<
    readonly [string, () => Response, (body: AsyncIterable<Uint8Array>, discard: () => void) => unknown]
  >([
    ['when the body has been read', () => new Response('text'), (body) => readDocument(body, 100)],
    ['when the body was left', () => new Response('text'), (body) => readDocument(body, 1).catch(() => {})],
    ['when the answer was not needed', () => new Response('text'), (_, discard) => discard()],
    ['when there is no body', () => new Response(null, { status: 304 }), () => {}],
  ])('%s', async (_, respond, use) => {
    const { signal } = new AbortController();
    const { body, discard } = await answering(respond)(request({ signal }));
    await use(body, discard);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('when there is no answer', async () => {
    const { signal } = new AbortController();
    const transport = createFetchTransport({}, () => Promise.reject(new TypeError('fetch failed')));
    await expect(transport(request({ signal }))).rejects.toMatchObject({
      name: 'UpstreamError',
      status: 502,
    });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('what is asked for', () => {
  test.each([
    ['nothing', {}, 'identity'],
    ['what a client can read', { 'accept-encoding': 'gzip, br, zstd' }, 'identity'],
    ['gzip', { 'accept-encoding': 'gzip' }, 'gzip'],
    ['a part, compressed', { 'accept-encoding': 'gzip', range: 'bytes=0-1' }, 'identity'],
  ])('for %s is a coding of which nothing is lost', async (_, headers, expected) => {
    const fetcher = vi.fn<typeof fetch>(async () => new Response());
    await createFetchTransport({}, fetcher)(request({ headers }));
    expect(fetcher).toHaveBeenCalledExactlyOnceWith(
      `${origin}/v2/`,
      expect.objectContaining({ redirect: 'manual', headers: { ...headers, 'accept-encoding': expected } }),
    );
  });
});

test.each([
  ['gzip', undefined],
  ['br, gzip', undefined],
  ['GZIP', undefined],
  ['zstd', 'zstd'],
  ['gzip, zstd', 'gzip, zstd'],
])('a body in the coding %s is said to be in %s', async (coding, expected) => {
  const fields = { 'content-encoding': coding, 'content-length': '9' };
  const { headers } = await answering(() => new Response('text', { headers: fields }))(request());
  expect(headers['content-encoding']).toBe(expected);
  expect(headers['content-length']).toBe(expected && '9');
});

test('no answer in time is 504', async () => {
  const transport = createFetchTransport({ connect: 20, headers: 20 }, (_, init) => {
    return new Promise((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  });
  await expect(transport(request())).rejects.toMatchObject({ name: 'UpstreamError', status: 504 });
});

test('the reason of a failure is told', async () => {
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:9');
  const transport = createFetchTransport({}, () => Promise.reject(new TypeError('fetch failed', { cause })));
  await expect(transport(request())).rejects.toThrow('https://registry.example: connect ECONNREFUSED');
});
