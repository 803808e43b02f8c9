import type { ByteStream } from '../core/protocol.ts';

/** The most that goes into a coder at once, in bytes; what comes out can be a thousand times as much. */
const MAX_PIECE = 16_384;

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

/**
 * Compresses or decompresses a body as it streams. Pieces go in only while the reader waits: the coders of Node queue
 * thousands of them, whatever their size.
 */
export async function* transform(
  body: ByteStream,
  coder: CompressionStream | DecompressionStream,
): AsyncGenerator<Uint8Array> {
  const { readable, writable } = coder as unknown as TransformStream<Uint8Array, Uint8Array>;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  let open = () => {};
  let gate = Promise.resolve();
  const feed = async () => {
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length; at += MAX_PIECE) {
        await gate;
        await writer.write(chunk.subarray(at, at + MAX_PIECE));
      }
    }
    await writer.close();
  };
  feed().catch((error) => writer.abort(error).catch(() => {}));
  try {
    for (;;) {
      open();
      const { done, value } = await reader.read();
      if (done) return;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
    open();
  }
}
