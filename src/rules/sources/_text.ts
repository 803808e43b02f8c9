import { MAX_SIZE } from '../document.ts';

/**
 * Collects the pieces of a text, as long as they are not too many.
 *
 * @throws Error They are more than 16 MiB, or no UTF-8.
 */
export async function collectText(pieces: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let size = 0;
  let text = '';
  for await (const piece of pieces) {
    size += piece.byteLength;
    if (size > MAX_SIZE) throw tooLarge(name);
    text += decode(() => decoder.decode(piece, { stream: true }), name);
  }
  return text + decode(() => decoder.decode(), name);
}

/** Explains that a text is too large. */
export function tooLarge(name: string): Error {
  return new Error(`\`${name}\` has more than ${MAX_SIZE / 1024 / 1024} MiB, the most that is read.`);
}

function decode(read: () => string, name: string): string {
  try {
    return read();
  } catch {
    throw new Error(`\`${name}\` is not UTF-8 text.`);
  }
}
