import { createHash, createSign, generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import type { NpmRecording, Packument } from './npm-recording.ts';

/** How a registry answers. */
export interface Layout {
  /** What it is an example of. */
  readonly name: string;
  /** The path of the registry, without a slash at its end. */
  readonly base: string;
  /** Where it keeps a tarball; from the root. */
  readonly tarball: (name: string, version: string, integrity: string) => string;
  /** The token without which it answers 401. */
  readonly token?: string;
  /** Whether tarballs are at another host, in an address that is signed. */
  readonly signs?: boolean;
}

const baseOf = (name: string): string => name.slice(name.indexOf('/') + 1);

/** Where npm's own registry keeps a tarball. */
export const usual: Layout = {
  name: 'the usual layout',
  base: '',
  tarball: (name, version) => `/${name}/-/${baseOf(name)}-${version}.tgz`,
};

/** GitHub Packages: below `/download/`, by a hash, private. */
export const github: Layout = {
  name: 'the layout of GitHub Packages',
  base: '',
  tarball: (name, version, integrity) =>
    `/download/${name}/${version}/${createHash('sha1').update(integrity).digest('hex')}`,
  token: 'ghp_lab',
  signs: true,
};

/** Artifactory: below a path, with the scope in the file's name. */
export const artifactory: Layout = {
  name: 'the layout of Artifactory',
  base: '/artifactory/api/npm/npm-local',
  tarball: (name, version) => `/artifactory/api/npm/npm-local/${name}/-/${name}-${version}.tgz`,
};

/** JSR's npm registry: by a number and the version. */
export const tilde: Layout = {
  name: 'the layout of npm.jsr.io',
  base: '',
  tarball: (name, version) => `/~/11/${name}/${version}.tgz`,
};

const ATTESTATIONS = '/-/npm/v1/attestations/';

/** The key that every registry here signs with, as npm's does ("About ECDSA registry signatures" in its documentation). */
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const der = publicKey.export({ type: 'spki', format: 'der' });
const KEY = {
  expires: null,
  keyid: `SHA256:${createHash('sha256').update(der).digest('base64').replace('=', '')}`,
  keytype: 'ecdsa-sha2-nistp256',
  scheme: 'ecdsa-sha2-nistp256',
  key: der.toString('base64'),
};

function sign(text: string): object {
  return { keyid: KEY.keyid, sig: createSign('SHA256').update(text).sign(privateKey, 'base64') };
}

/** A registry of a recording. */
export interface LayoutRegistry extends RecordingServer {
  /** Its address, as a rule has it. */
  readonly url: string;
  /** The paths of the tarballs that it has served, or sent its client to. */
  tarballs(): string[];
  /** Every request to the host of its signed addresses. */
  readonly signed: RecordingServer;
}

/** Starts a registry that serves a recording in a layout of its own. */
export async function startLayoutRegistry(recording: NpmRecording, layout: Layout): Promise<LayoutRegistry> {
  const { base, token, signs } = layout;
  const files = new Map<string, Buffer>();
  const signed = await startRecordingServer('127.0.0.3', (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://a.invalid');
    const file = files.get(pathname);
    // As S3 does with two ways to authenticate.
    if (request.headers.authorization !== undefined || searchParams.get('sig') !== 'a%2Fb c')
      return void response.writeHead(400).end('<Error/>');
    return file
      ? send(response, 200, file, 'application/octet-stream')
      : send(response, 404, '<Error/>', 'text/xml');
  });
  const server = await startRecordingServer('127.0.0.2', (request, response) => {
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return send(
        response,
        401,
        '{"error":"unauthenticated: User cannot be authenticated with the token provided."}',
      );
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://a.invalid');
    const path = decodeURIComponent(pathname);
    const file = files.get(path);
    if (file && signs) {
      const location = `${signed.origin}${path}?sig=a%252Fb%20c`;
      return void response.writeHead(302, { location }).end();
    }
    if (file) return send(response, 200, file, 'application/octet-stream');
    if (!path.startsWith(`${base}/`)) return send(response, 404, '{"error":"Not found"}');
    return answer(request, response, path.slice(base.length), searchParams);
  });
  for (const [id, body] of recording.tarballs) {
    const at = id.lastIndexOf('@');
    const [name, version] = [id.slice(0, at), id.slice(at + 1)];
    const found = recording.packuments.get(name)?.versions[version] as Version | undefined;
    files.set(layout.tarball(name, version, found?.dist.integrity ?? ''), body);
  }
  return {
    ...server,
    url: `${server.origin}${base}`,
    signed,
    tarballs: () =>
      server.requests
        .filter(({ status, url }) => status < 400 && files.has(decodeURIComponent(url)))
        .map(({ url }) => url),
    async stop() {
      await server.stop();
      await signed.stop();
    },
  };

  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): void {
    const tags = /^\/-\/package\/(.+)\/dist-tags$/.exec(path)?.[1];
    const packument = recording.packuments.get(tags ?? path.slice(1));
    if (request.method === 'POST' || path === '/-/ping') send(response, 200, '{}');
    else if (path === '/-/npm/v1/keys') send(response, 200, JSON.stringify({ keys: [KEY] }));
    else if (path.startsWith(ATTESTATIONS)) send(response, 200, '{"attestations":[]}');
    else if (path === '/-/v1/search') send(response, 200, JSON.stringify(search(query.get('text') ?? '')));
    else if (!packument) send(response, 404, '{"error":"Not found"}');
    else if (tags === undefined) sendPackument(request, response, packument);
    else send(response, 200, JSON.stringify((packument as Tagged)['dist-tags']));
  }

  function sendPackument(request: IncomingMessage, response: ServerResponse, packument: Packument): void {
    const all = packument.versions as Readonly<Record<string, Version>>;
    const versions = Object.entries(all).map(([version, manifest]) => {
      const id = `${packument.name}@${version}`;
      const { integrity = '' } = manifest.dist;
      const dist = {
        ...manifest.dist,
        tarball: server.origin + layout.tarball(packument.name, version, integrity),
        signatures: recording.tarballs.has(id) ? [sign(`${id}:${integrity}`)] : [],
        attestations: { url: `${server.origin}${base}${ATTESTATIONS}${id.replace('/', '%2f')}` },
      };
      return [version, { ...manifest, dist }];
    });
    const body = JSON.stringify({ ...packument, versions: Object.fromEntries(versions) });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    response.setHeader('etag', etag);
    if (request.headers['if-none-match']?.replace(/^W\//, '') === etag) response.writeHead(304).end();
    else send(response, 200, body);
  }

  function search(text: string): object {
    const names = [...recording.packuments.keys()].filter((name) => name.includes(text));
    const time = '2026-01-01T00:00:00.000Z';
    const objects = names.map((name) => ({
      package: {
        name,
        version: '1.0.0',
        description: 'of the lab',
        date: time,
        keywords: [],
        maintainers: [],
        links: {},
      },
      score: { final: 1, detail: { quality: 1, popularity: 1, maintenance: 1 } },
      searchScore: 1,
    }));
    return { objects, total: objects.length, time };
  }
}

interface Version {
  readonly dist: { readonly tarball: string; readonly integrity?: string };
}

interface Tagged extends Packument {
  readonly 'dist-tags'?: object;
}

function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = 'application/json',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
