import { type JsonPath, rewriteJsonStrings } from './json-rewrite.ts';
import type { ByteStream } from './protocol.ts';

/**
 * Reads strings of a JSON document as it streams through, in the order in which they come: those at one of `paths`, with
 * the keys that lead there. Memory is bounded by the longest string looked at, and one above 64 KiB is left out; what is
 * not JSON has none. What `visit` throws ends the reading.
 */
export async function readJsonStrings(
  body: ByteStream,
  paths: readonly JsonPath[],
  visit: (keys: readonly string[], value: string) => void,
): Promise<void> {
  const read = rewriteJsonStrings(body, paths, (keys, value) => {
    visit(keys, value);
    return value;
  });
  while (!(await read.next()).done);
}
