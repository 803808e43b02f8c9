import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';

import type { ByteStream } from '../../src/core/protocol.ts';
import { readDocument } from '../../src/core/read-document.ts';
import { toReadableStream, transform } from '../../src/gateway/streams.ts';

async function* pieces(...parts: readonly (string | Uint8Array)[]): ByteStream {
  for (const part of parts) yield Buffer.from(part as string);
}

test('a web stream is left as it is', () => {
  const stream = new ReadableStream<Uint8Array>();
  expect(toReadableStream(stream)).toBe(stream);
});

test.each([
  ['a generator', () => pieces('ab', 'c')],
  ['a stream of Node', () => Readable.from([Buffer.from('ab'), Buffer.from('c')])],
])('%s becomes a web stream with the same bytes', async (_, source) => {
  expect(await new Response(toReadableStream(source())).text()).toBe('abc');
});

test('a source that fails makes the web stream fail', async () => {
  async function* broken(): ByteStream {
    yield Buffer.from('a');
    throw new Error('reset');
  }
  await expect(new Response(toReadableStream(broken())).text()).rejects.toThrow('reset');
});

test('a reader that leaves ends the source', async () => {
  const ended = vi.fn<() => void>();
  async function* endless(): ByteStream {
    try {
      for (;;) yield Buffer.from('a');
    } finally {
      ended();
    }
  }
  const reader = toReadableStream(endless()).getReader();
  await reader.read();
  await reader.cancel();
  expect(ended).toHaveBeenCalledOnce();
});

test('what is compressed and decompressed comes back', async () => {
  const parts = Array.from({ length: 100 }, (_, index) => `${index},`.repeat(1000));
  const packed = transform(pieces(...parts), new CompressionStream('gzip'));
  expect(await readDocument(transform(packed, new DecompressionStream('gzip')), 1e6)).toBe(parts.join(''));
});

test('a reader that pauses stops the compression', async () => {
  let given = 0;
  async function* endless(): ByteStream {
    for (;;) {
      await new Promise(setImmediate);
      given += 10_000;
      yield randomBytes(10_000);
    }
  }
  const packed = transform(endless(), new CompressionStream('gzip'));
  await packed.next();
  const before = given;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(given - before).toBeLessThan(100_000);
  await packed.return(undefined);
});

test('compression may be left in any moment', async () => {
  for (let reads = 0; reads < 40; reads++) {
    const coder = reads % 2 === 0 ? new CompressionStream('gzip') : new DecompressionStream('gzip');
    const source = reads % 2 === 0 ? noise() : transform(noise(), new CompressionStream('gzip'));
    const iterator = transform(source, coder)[Symbol.asyncIterator]();
    for (let read = 0; read < reads / 4; read++) await iterator.next();
    await iterator.return(undefined);
  }
  // What goes wrong then goes wrong later, as an error that nobody waits for.
  await new Promise((resolve) => setTimeout(resolve, 100));
});

async function* noise(): ByteStream {
  for (;;) yield randomBytes(10_000);
}

test.each([
  ['letters that are cut in two', [new Uint8Array([0xc3]), new Uint8Array([0xa9, 0x61])], 'éa'],
  ['nothing', [], ''],
  ['exactly as much as it may', ['12345', '67890'], '1234567890'],
])('a small body is read whole: %s', async (_, parts, expected) => {
  expect(await readDocument(pieces(...parts), 10)).toBe(expected);
});

test('a body longer than it may be is not read to its end', async () => {
  const ended = vi.fn<() => void>();
  async function* long(): ByteStream {
    try {
      for (;;) yield Buffer.from('12345');
    } finally {
      ended();
    }
  }
  await expect(readDocument(long(), 12)).rejects.toThrow('longer than 12 bytes');
  expect(ended).toHaveBeenCalledOnce();
});
