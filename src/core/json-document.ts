import type { ByteStream } from './protocol.ts';
import { readDocument } from './read-document.ts';

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON document whole.
 *
 * @throws Error It is longer than `limit` bytes, or no JSON.
 */
export async function readJson(body: ByteStream, limit: number): Promise<unknown> {
  return JSON.parse(await readDocument(body, limit));
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
