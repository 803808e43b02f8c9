import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

import type { ByteStream, Message, RuleContext } from '../../src/core/protocol.ts';
import { prepareRewrite } from '../../src/gateway/rewrite.ts';
import { npm } from '../../src/protocols/npm.ts';
import { eventually } from './upstream.ts';

const upstream = {
  origin: 'https://npm.example',
  host: 'npm.example',
  authenticated: false,
  delegated: false,
};
const context: RuleContext = {
  rule: 'packages',
  mode: 'auto',
  method: 'GET',
  upstream,
  publicUrl: 'https://npm.acme.dev',
  delegated: false,
  authorized: false,
  merged: false,
  options: {},
};
const document = '{"versions":{"1.0.0":{"dist":{"tarball":"https://npm.example/a/-/a-1.0.0.tgz"}}}}';
const rewritten = '{"versions":{"1.0.0":{"dist":{"tarball":"https://npm.acme.dev/a/-/a-1.0.0.tgz"}}}}';

function prepare(fields: Readonly<Record<string, string>> = {}, change: Partial<RuleContext> = {}) {
  return prepareRewrite(fields, npm, { type: 'packument', name: 'a' } as never, { ...context, ...change });
}

async function* pieces(bytes: Uint8Array, size = 7): ByteStream {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const message = (
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array = document,
): Message => ({
  url: '',
  headers,
  body: pieces(Buffer.from(body)),
});

async function read(body: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The tag under which a client knows an upstream's. */
const shown = (tag: string, change?: Partial<RuleContext>) =>
  prepare({}, change).apply(304, message({ etag: tag })).headers.etag ?? '';

describe('what the upstream is asked', () => {
  test('is a whole document, compressed', () => {
    const { headers } = prepare({
      accept: 'a/b',
      range: 'bytes=0-1',
      'if-range': '"a"',
      'if-match': '"a"',
      'if-unmodified-since': 'x',
    });
    expect(headers).toEqual({ accept: 'a/b', 'accept-encoding': 'gzip' });
  });

  const date = 'Mon, 23 Nov 2026 10:00:00 GMT';

  test.each([
    ['its own tag for the one that the client has', shown('"a"'), '"a"'],
    ['its own weak tag', shown('W/"a"'), 'W/"a"'],
    ['its own of several tags', `"x", ${shown('"a"')}, ${shown('"b"')}`, '"a", "b"'],
    ['nothing for a tag of its own that no client has seen', '"a"', undefined],
    ['nothing for any tag', '*', undefined],
    [
      'nothing for a tag of another public address',
      shown('"a"', { publicUrl: 'https://other.acme.dev' }),
      undefined,
    ],
    [
      'nothing for a tag of another upstream',
      shown('"a"', { upstream: { ...upstream, origin: 'https://other.example' } }),
      undefined,
    ],
  ])('is %s', (_, field, expected) => {
    const { headers } = prepare({ 'if-none-match': field, 'if-modified-since': date });
    expect(headers['if-none-match']).toBe(expected);
    // A date cannot be trusted when the tag beside it is another's.
    expect(headers['if-modified-since']).toBe(expected === undefined ? undefined : date);
  });

  test('has the date of a client that knows no tag', () => {
    expect(prepare({ 'if-modified-since': date }).headers['if-modified-since']).toBe(date);
  });
});

describe('the document', () => {
  const encoded = (body: Uint8Array, coding: string) => message({ 'content-encoding': coding }, body);
  const bytes = Buffer.from(document);

  test.each([
    ['as it is', message({})],
    ['under the name identity', message({ 'content-encoding': 'identity' })],
    ['with gzip', encoded(gzipSync(bytes), 'gzip')],
    ['with gzip in capitals', encoded(gzipSync(bytes), 'GZIP')],
    ['with gzip under its old name', encoded(gzipSync(bytes), 'x-gzip')],
    ['with deflate', encoded(deflateSync(bytes), 'deflate')],
  ])('comes %s, and goes rewritten', async (_, from) => {
    const { headers, body } = prepare().apply(200, from);
    expect((await read(body)).toString()).toBe(rewritten);
    expect(headers).toEqual({ vary: 'accept-encoding' });
  });

  test.each([
    ['gzip', true],
    ['deflate, gzip;q=0.5', true],
    ['GZIP', true],
    ['*', true],
    ['gzip ;q=1.000', true],
    ['gzip;q=0', false],
    ['gzip;q=0.000', false],
    ['gzip;q=0, *', false],
    ['br, deflate', false],
    ['identity', false],
    ['xgzip', false],
    ['', false],
  ])('goes to a client that accepts %j with gzip: %s', async (accepted, expected) => {
    const { headers, body } = prepare({ 'accept-encoding': accepted }).apply(200, message({}));
    expect(headers['content-encoding']).toBe(expected ? 'gzip' : undefined);
    const received = await read(body);
    expect((expected ? gunzipSync(received) : received).toString()).toBe(rewritten);
  });

  test.each(['br', 'zstd', 'gzip, gzip', 'nonsense'])(
    'with %s, which was not asked for, is refused',
    (coding) => {
      const apply = () => prepare().apply(200, encoded(brotliCompressSync(bytes), coding));
      expect(apply).toThrow(expect.objectContaining({ name: 'UpstreamError', status: 502 }));
    },
  );

  test.each([
    ['is no gzip', Buffer.from('not gzip at all')],
    ['breaks off in the middle', gzipSync(Buffer.from(document.repeat(100))).subarray(0, 60)],
  ])('that %s breaks off', async (_, body) => {
    await expect(read(prepare().apply(200, encoded(body, 'gzip')).body)).rejects.toThrow();
  });

  test('whose source breaks off breaks off, compressed or not', async () => {
    async function* broken(): ByteStream {
      yield gzipSync(bytes).subarray(0, 20);
      throw new Error('reset');
    }
    for (const accepted of ['gzip', 'identity']) {
      const { body } = prepare({ 'accept-encoding': accepted }).apply(200, {
        url: '',
        headers: { 'content-encoding': 'gzip' },
        body: broken(),
      });
      await expect(read(body)).rejects.toThrow('reset');
    }
  });

  test('is not unpacked further than its reader reads', async () => {
    let given = 0;
    async function* bomb(): ByteStream {
      for await (const chunk of pieces(gzipSync(Buffer.alloc(60_000_000)), 1000)) {
        given += chunk.length;
        yield chunk;
      }
    }
    const { body } = prepare().apply(200, { url: '', headers: { 'content-encoding': 'gzip' }, body: bomb() });
    const iterator = body[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(20_000);
    await iterator.return?.();
  });

  test('is not read further than its reader does', async () => {
    let given = 0;
    let ended = false;
    async function* endless(): ByteStream {
      try {
        for (;;) {
          given++;
          yield randomBytes(16_384);
        }
      } finally {
        ended = true;
      }
    }
    const { body } = prepare({ 'accept-encoding': 'gzip' }).apply(200, {
      url: '',
      headers: {},
      body: endless(),
    });
    const iterator = body[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(20);
    await iterator.return?.();
    await eventually(() => ended).toBe(true);
  });
});

describe('the fields', () => {
  test('that speak of the upstream’s bytes are left out', () => {
    const bytes = [
      'accept-ranges',
      'content-length',
      'content-md5',
      'content-digest',
      'digest',
      'repr-digest',
    ];
    const from = Object.fromEntries(bytes.map((name) => [name, '1']));
    expect(prepare().apply(200, message({ ...from, 'last-modified': 'x' })).headers).toEqual({
      'last-modified': 'x',
      vary: 'accept-encoding',
    });
  });

  test.each([
    [undefined, 'accept-encoding'],
    ['accept', 'accept, accept-encoding'],
    ['Accept-Encoding', 'Accept-Encoding'],
    ['accept, ACCEPT-ENCODING', 'accept, ACCEPT-ENCODING'],
    ['*', '*'],
    ['x-accept-encoding', 'x-accept-encoding, accept-encoding'],
  ])('say that the answer depends on the coding: %s', (vary, expected) => {
    expect(prepare().apply(200, message(vary === undefined ? {} : { vary })).headers.vary).toBe(expected);
  });

  test.each([200, 304])('have a tag of this rewriting with %d', (status) => {
    expect(prepare().apply(status, message({ etag: '"a"' })).headers.etag).toMatch(/^W\/".+a"$/);
  });

  test('lose a tag that is none', () => {
    expect(prepare().apply(200, message({ etag: 'a' })).headers).toEqual({ vary: 'accept-encoding' });
  });

  test.each([
    ['a 304', 304, 'GET'],
    ['a HEAD', 200, 'HEAD'],
  ])('of %s have nothing of the bytes, whatever their coding', (_, status, method) => {
    const from = message({ 'content-encoding': 'br', 'content-length': '9', etag: '"a"' }, '');
    const { headers } = prepare({ 'accept-encoding': 'gzip' }, { method }).apply(status, from);
    expect(headers).toEqual({ etag: shown('"a"'), vary: 'accept-encoding' });
  });
});

test('an error keeps its own words, decoded', async () => {
  const from = message({ 'content-encoding': 'gzip' }, gzipSync(Buffer.from(document)));
  const { body, headers } = prepare().apply(404, from);
  expect((await read(body)).toString()).toBe(document);
  expect(headers).toEqual({ vary: 'accept-encoding' });
});
