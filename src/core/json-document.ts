import type { ByteStream } from './protocol.ts';

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON document whole.
 *
 * @throws Error It is longer than `limit` bytes, or no JSON.
 */
export async function readJson(body: ByteStream, limit: number): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limit) throw new Error(`The document is longer than ${limit} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return JSON.parse(text + decoder.decode());
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
