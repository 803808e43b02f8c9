import type { ByteStream } from './protocol.ts';

/**
 * Reads a document that must be looked at whole.
 *
 * @throws Error It is longer than `most` bytes.
 */
export async function readDocument(body: ByteStream, most: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > most) throw new Error(`A document of the upstream is longer than ${most} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Leaves a document unread, and its connection to others. */
export async function leaveDocument(body: ByteStream): Promise<void> {
  // What decodes a body lets go of it only once it has begun.
  for await (const _ of body) break;
}
