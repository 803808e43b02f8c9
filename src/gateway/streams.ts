import type { ByteStream } from '../core/protocol.ts';

/** Makes a web stream of a body; pieces are asked for one by one, so that a slow reader slows the source. */
export function toReadableStream(body: ByteStream): ReadableStream<Uint8Array> {
  if (body instanceof ReadableStream) return body;
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** Compresses or decompresses a body as it streams. */
export async function* transform(body: ByteStream, coder: CompressionStream | DecompressionStream): AsyncGenerator<Uint8Array> {
  const { readable, writable } = coder as unknown as TransformStream<Uint8Array, Uint8Array>;
  const reader = toReadableStream(body).pipeThrough({ readable, writable }).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Reads a small body whole. Throws when it is longer than `limit` bytes. */
export async function readText(body: ByteStream, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limit) throw new Error(`The body is longer than ${limit} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
