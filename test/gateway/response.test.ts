import { describe, expect, test, vi } from 'vitest';

import { toClientResponse, toRedirect, toResponse } from '../../src/gateway/response.ts';
import type { UpstreamResponse } from '../../src/gateway/transport.ts';

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('bytes');
}

function answer(status: number, headers: Readonly<Record<string, string>> = {}) {
  return { status, headers, body: bytes(), discard: vi.fn<() => void>() } satisfies UpstreamResponse;
}

const from = new URL('https://registry.example/v2/a/blobs/sha256:1');

describe('a redirect that is handed on', () => {
  const relay = (status: number, location: string) => {
    const response = answer(status, { location, 'content-length': '500', 'set-cookie': 'a=b', etag: '"a"' });
    const result = toClientResponse(
      { url: 'https://a.example/x', response, relayed: new URL(location, from) },
      'GET',
      undefined,
    );
    expect(response.discard).toHaveBeenCalledOnce();
    return result;
  };

  test.each([
    ['an address with a signature', 'https://s3.example/b?X-Amz-Signature=a%2Fb+c/d%7e&e=(1)'],
    ['spellings that a URL parser would change', "HTTPS://CDN.Example:443/a/%7Eb/./c?d='e'|f"],
  ])('keeps %s byte for byte', (_, location) => {
    expect(relay(307, location)).toEqual({
      status: 307,
      headers: { location, 'cache-control': 'no-store', 'content-length': '0' },
      body: '',
    });
  });

  test.each([
    ['a path', '/artifacts-downloads/x?y=1', 'https://registry.example/artifacts-downloads/x?y=1'],
    ['a relative path', 'x', 'https://registry.example/v2/a/blobs/x'],
    ['an address without a scheme', '//cdn.example/x', 'https://cdn.example/x'],
    [
      'an address with bytes that are no field value',
      'https://cdn.example/\u00e9',
      'https://cdn.example/%C3%A9',
    ],
  ])('makes %s absolute', (_, location, expected) => {
    expect(relay(307, location).headers.location).toBe(expected);
  });

  test.each([
    [301, 302],
    [302, 302],
    [303, 303],
    [307, 307],
    [308, 307],
  ])('%d becomes %d, since a permanent one would outlive the rule', (status, expected) => {
    expect(relay(status, 'https://cdn.example/').status).toBe(expected);
  });
});

describe('an answer of an upstream', () => {
  test('goes on with its bytes', () => {
    const response = answer(206, {
      'content-range': 'bytes 0-4/9',
      'content-length': '5',
      connection: 'close',
    });
    const result = toClientResponse({ url: 'https://a.example/x', response }, 'GET', undefined);
    expect(result).toEqual({
      status: 206,
      headers: { 'content-range': 'bytes 0-4/9', 'content-length': '5' },
      body: response.body,
    });
    expect(response.discard).not.toHaveBeenCalled();
  });

  test.each([
    ['to HEAD', 200, 'HEAD'],
    ['204', 204, 'GET'],
    ['205', 205, 'GET'],
    ['304', 304, 'GET'],
  ])('%s has no body', (_, status, method) => {
    const response = answer(status, { etag: '"a"' });
    const result = toClientResponse({ url: 'https://a.example/x', response }, method, undefined);
    expect(result).toEqual({ status, headers: { etag: '"a"' }, body: '' });
    expect(response.discard).toHaveBeenCalledOnce();
  });

  test.each([100, 101, 103, 199, 600, 999])('with the status %d is none', (status) => {
    const response = answer(status);
    const convert = () => toClientResponse({ url: 'https://a.example/x', response }, 'GET', undefined);
    expect(convert).toThrow(expect.objectContaining({ name: 'UpstreamError', status: 502 }));
    expect(response.discard).toHaveBeenCalledOnce();
  });

  test('that cannot be rewritten is not left open', () => {
    const response = answer(200);
    const rewrite = {
      headers: {},
      apply(): never {
        throw new Error('unknown coding');
      },
    };
    expect(() => toClientResponse({ url: 'https://a.example/x', response }, 'GET', rewrite)).toThrow(
      'unknown coding',
    );
    expect(response.discard).toHaveBeenCalledOnce();
  });
});

test('an answer made here says its length in bytes', () => {
  expect(toResponse({ status: 404, headers: { 'content-type': 'text/plain' }, body: 'é\n' })).toEqual({
    status: 404,
    headers: { 'content-type': 'text/plain', 'content-length': '3' },
    body: 'é\n',
  });
});

test('a redirect made here has no body and is not kept', () => {
  expect(toRedirect({ status: 302, location: 'https://a.example/' })).toEqual({
    status: 302,
    headers: { location: 'https://a.example/', 'cache-control': 'no-store', 'content-length': '0' },
    body: '',
  });
});
