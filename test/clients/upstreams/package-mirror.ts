import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { type Credentials, isBasic } from './credentials.ts';

/** The files of a mirror by their paths, which start with a slash and are not encoded. */
export type MirrorFiles = Map<string, Buffer>;

/** Where a mirror is, and who may read it. */
export interface MirrorLayout {
  /** The address that it listens on. */
  readonly address: string;
  /** The path that it has everything below, without a slash at its end. */
  readonly base: string;
  /** What it wants to be shown. */
  readonly credentials?: Credentials;
  /** Fields that all its answers have. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** When every file of every mirror was changed, so that conditions hold on each. */
const CHANGED = new Date('2026-01-02T03:04:05Z');

/** Starts a mirror: a server of plain files that change, which knows conditions and ranges. */
export function startPackageMirror(files: MirrorFiles, layout: MirrorLayout): Promise<RecordingServer> {
  const { address, base, credentials, headers } = layout;
  return startRecordingServer(address, (request, response) => {
    const path = decodeURIComponent(request.url?.split('?', 1)[0] ?? '');
    const body = path.startsWith(`${base}/`) ? files.get(path.slice(base.length)) : undefined;
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
    if (credentials && !isBasic(request.headers.authorization, credentials))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    else if (!body) response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    else send(request, response, body);
  });
}

/** Reads the files of a folder, below a path. */
export async function readMirrorFiles(folder: string, below: string): Promise<MirrorFiles> {
  const names = await readdir(folder);
  const entries = names.map(
    async (name) => [`${below}/${name}`, await readFile(join(folder, name))] as const,
  );
  return new Map(await Promise.all(entries));
}

function send(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const tag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  response.setHeader('last-modified', CHANGED.toUTCString()).setHeader('etag', tag);
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  if (request.headers['if-none-match'] === tag || since >= CHANGED.getTime()) {
    response.writeHead(304).end();
    return;
  }
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const partial = from !== undefined && {
    'content-range': `bytes ${start}-${body.length - 1}/${body.length}`,
  };
  response.writeHead(partial ? 206 : 200, { ...partial, 'content-length': body.length - start });
  response.end(body.subarray(start));
}
