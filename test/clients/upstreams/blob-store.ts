import { createHmac, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** Object storage of the S3 kind: it serves whoever has a signed address, and refuses any other authorization. */
export interface BlobStore extends RecordingServer {
  /** An address of a blob that is good for GET alone. */
  sign(folder: string, digest: string): string;
}

/** Starts a blob store that reads from the storage folders of `docker-registry`. */
export async function startBlobStore(): Promise<BlobStore> {
  const secret = randomBytes(16);
  const folders: string[] = [];
  const signature = (path: string): string =>
    createHmac('sha256', secret).update(`GET ${path}`).digest('hex');

  const server = await startRecordingServer('127.0.0.3', async (request, response) => {
    if (request.headers.authorization !== undefined) {
      response.writeHead(400).end('Only one auth mechanism allowed');
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://blobs.invalid');
    const [, folder, digest] = /^\/(\d+)\/(sha256:[0-9a-f]{64})$/.exec(pathname) ?? [];
    const signed = request.method === 'GET' && searchParams.get('X-Signature') === signature(pathname);
    if (!signed || digest === undefined) {
      response.writeHead(403).end('SignatureDoesNotMatch');
      return;
    }
    await sendBlob(request, response, folders[Number(folder)] ?? '', digest);
  });

  return {
    ...server,
    sign(folder, digest) {
      if (!folders.includes(folder)) folders.push(folder);
      const path = `/${folders.indexOf(folder)}/${digest}`;
      return `${server.origin}${path}?X-Expires=600&X-Signature=${signature(path)}`;
    },
  };
}

/** Sends a blob, or the part that was asked for, from the storage folder of a `docker-registry`. */
export async function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  digest: string,
): Promise<void> {
  const hash = digest.slice('sha256:'.length);
  const file = join(folder, 'docker/registry/v2/blobs/sha256', hash.slice(0, 2), hash, 'data');
  const { size } = await stat(file);
  const fields = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes', etag: `"${hash}"` };
  if (request.headers['if-none-match'] === fields.etag) {
    response.writeHead(304, fields).end();
    return;
  }
  const range = readRange(request.headers.range, size);
  if (range === 'unsatisfiable') {
    const headers = { 'content-type': 'application/xml', 'content-range': `bytes */${size}` };
    response.writeHead(416, headers).end('<Error><Code>InvalidRange</Code></Error>');
    return;
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range ? 206 : 200, {
    ...fields,
    'content-length': end - start + 1,
    ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  await pipeline(createReadStream(file, { start, end }), response);
}

/** RFC 9110 §14.1.2: the one range of a field, where there is one. */
function readRange(
  field: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(field ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}
