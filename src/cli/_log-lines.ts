import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The longest line that is read, in bytes; servers refuse requests long before. */
const LONGEST = 65_536;

/** A line of a log, and its number. */
export interface NumberedLine {
  /** The text without its end; `undefined` for a line that is too long. */
  readonly text: string | undefined;
  /** The number, from 1. */
  readonly number: number;
}

/**
 * Reads the lines of a log, of which no more than a few are held at a time: a file, or `-` for the standard input,
 * compressed by gzip or not.
 *
 * @throws Error The file cannot be read, or ends within what gzip has compressed.
 */
export async function* readLogLines(file: string): AsyncGenerator<NumberedLine> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  let number = 0;
  let held: Buffer[] = [];
  let length = 0;
  const take = (piece: Buffer): void => {
    length += piece.length;
    if (length <= LONGEST) held.push(piece);
    else held = [];
  };
  const end = (): NumberedLine => {
    const text = length <= LONGEST ? Buffer.concat(held).toString('utf8') : undefined;
    held = [];
    length = 0;
    number += 1;
    return { text, number };
  };
  for await (const chunk of unpack(source)) {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, at));
      yield end();
      from = at + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (length > 0) yield end();
}

/** Decompresses what begins as gzip does (RFC 1952 §2.3.1). */
async function* unpack(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < 2) {
    const { done, value } = await chunks.next();
    if (done) break;
    first = Buffer.concat([first, value as Buffer]);
  }
  const all = withFirst(first, chunks);
  if (first[0] !== 0x1f || first[1] !== 0x8b) yield* all;
  // An error of the source ends the decompression, which throws it.
  else yield* pipeline(all, createGunzip(), () => {}) as AsyncIterable<Buffer>;
}

async function* withFirst(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}
