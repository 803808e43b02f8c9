import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import type { NpmRecording, NpmVersion, Packument } from './npm-recording.ts';

/** Where a registry keeps its tarballs: where everybody looks for them, or where only its packuments say. */
export type NpmLayout = 'conventional' | 'own';

/** A small npm registry. */
export interface NpmRegistry extends RecordingServer {
  /** The bodies of the audits that were asked for. */
  readonly audits: readonly unknown[];
}

/** The title of the advisory that every audit ends with. */
export const ADVISORY = 'An advisory of the lab';

/** Starts a registry that serves a recording under its own name. */
export async function startNpmRegistry(recording: NpmRecording, layout: NpmLayout): Promise<NpmRegistry> {
  const audits: unknown[] = [];
  const server = await startRecordingServer('127.0.0.2', async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://npm.invalid').pathname);
    if (path === '/-/npm/v1/security/advisories/bulk') return audit(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, '{}');

    const packument = recording.packuments.get(path.slice(1));
    if (packument) return sendPackument(request, response, packument);
    const tarball = tarballs.get(path);
    if (tarball) return send(response, 200, tarball, 'application/octet-stream');
    return send(response, 404, '{"error":"Not found"}');
  });
  const tarballs = new Map(
    [...recording.tarballs].map(([id, body]) => {
      const at = id.lastIndexOf('@');
      return [tarballPath(id.slice(0, at), id.slice(at + 1)), body];
    }),
  );
  return { ...server, audits };

  function sendPackument(request: IncomingMessage, response: ServerResponse, packument: Packument): void {
    const moved = Object.values(packument.versions).map((version) => moveHere(packument.name, version));
    const versions = Object.fromEntries(moved.map((version) => [version.version, version]));
    const body = JSON.stringify({ ...packument, versions });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    response.setHeader('etag', etag);
    const known = request.headers['if-none-match']?.replace(/^W\//, '');
    if (known === etag) response.writeHead(304).end();
    else send(response, 200, body);
  }

  function moveHere(name: string, version: NpmVersion): NpmVersion {
    const tarball = `${server.origin}${tarballPath(name, version.version)}`;
    return { ...version, dist: { ...version.dist, tarball } };
  }

  function tarballPath(name: string, version: string): string {
    if (layout === 'own') return `/download/${name}/${version}/package.tgz`;
    return `/${name}/-/${name.split('/').at(-1)}-${version}.tgz`;
  }

  async function audit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const asked = JSON.parse(text.toString('utf8')) as object;
    audits.push(asked);
    const advisory = {
      id: 1,
      url: 'http://lab.invalid/1',
      title: ADVISORY,
      severity: 'high',
      vulnerable_versions: '*',
    };
    send(
      response,
      200,
      JSON.stringify(Object.fromEntries(Object.keys(asked).map((name) => [name, [advisory]]))),
    );
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = 'application/json',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
