import { readFile, stat } from 'node:fs/promises';
import { RuleError } from '../core/errors.ts';
import { explainSize, MAX_SIZE } from './document.ts';
import type { Mistake } from './mistake.ts';

/**
 * Reads a file, unless it is too large.
 *
 * @throws RuleError The file is too large.
 * @throws Error The file cannot be read; the message says which and why.
 */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    const bytes = size > MAX_SIZE ? undefined : await readFile(path);
    if (bytes) return bytes;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The rule file \`${path}\` cannot be read: ${reason}.`, { cause: error });
  }
  throw refuseFile(path, explainSize());
}

/**
 * Decodes the bytes of a file as UTF-8.
 *
 * @throws RuleError They are no UTF-8.
 */
export function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const message = 'The file is not UTF-8 text; save it in that encoding.';
    throw refuseFile(path, { code: 'invalid_syntax', path: [], message });
  }
}

function refuseFile(file: string, { code, path, message }: Mistake): RuleError {
  return new RuleError([{ code, path, message, position: { file, line: 1, column: 1 } }]);
}
