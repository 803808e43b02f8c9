import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** A file of an origin. */
export interface OriginFile {
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server of plain files, which knows ranges and conditions. */
export interface FileOrigin extends RecordingServer {
  /** Puts a file at a path. */
  put(path: string, file: OriginFile): void;
}

/** The number of bytes at `/large`. */
export const LARGE_SIZE: number = 200 * 1024 * 1024;

/** The number of bytes at `/slow`, which come over three seconds. */
export const SLOW_SIZE: number = 30 * 1024;

/** The part that `/large` and `/endless` repeat. Its length is odd, so that a mistake in the order shows. */
const part = Buffer.from(Array.from({ length: 65_537 }, (_, index) => (index * 31 + (index >> 8)) & 0xff));

/** Starts an origin. */
export async function startFileOrigin(): Promise<FileOrigin> {
  const files = new Map<string, OriginFile>();
  const server = await startRecordingServer('127.0.0.2', (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://files.invalid');
    switch (pathname) {
      case '/large':
        return sendLarge(response, LARGE_SIZE);
      case '/endless':
        return sendLarge(response, Number.POSITIVE_INFINITY);
      case '/slow':
        return sendSlowly(response);
    }
    const file = files.get(pathname);
    if (file) return sendFile(request, response, file);
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no such file\n');
  });
  return { ...server, put: (path, file) => files.set(path, file) };
}

/** The SHA-256 of what is at `/large`. */
export function largeDigest(): string {
  const hash = createHash('sha256');
  for (const piece of repeat(LARGE_SIZE)) hash.update(piece);
  return hash.digest('hex');
}

async function sendLarge(response: ServerResponse, size: number): Promise<void> {
  response.writeHead(200, Number.isFinite(size) ? { 'content-length': size } : {});
  await pipeline(Readable.from(repeat(size)), response);
}

function* repeat(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= part.length) yield part.subarray(0, left);
}

async function sendSlowly(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': SLOW_SIZE });
  const pieces = 30;
  for (let piece = 0; piece < pieces && !response.destroyed; piece += 1) {
    response.write(Buffer.alloc(SLOW_SIZE / pieces, piece));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  response.end();
}

function sendFile(request: IncomingMessage, response: ServerResponse, { body, headers }: OriginFile): void {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  const common = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/gzip', ...headers };
  const { 'if-none-match': tag, 'if-modified-since': since } = request.headers;
  const modified = headers?.['last-modified'];
  if (tag === etag || (since !== undefined && since === modified)) {
    response.writeHead(304, common).end();
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = to ? Math.min(Number(to), body.length - 1) : body.length - 1;
  const partial = from !== undefined && { 'content-range': `bytes ${start}-${end}/${body.length}` };
  response.writeHead(partial ? 206 : 200, { ...common, ...partial, 'content-length': end - start + 1 });
  response.end(body.subarray(start, end + 1));
}
