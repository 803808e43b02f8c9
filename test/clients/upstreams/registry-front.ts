import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { type BlobStore, sendBlob } from './blob-store.ts';
import { bearerToken } from './credentials.ts';
import { type FindReferrers, REFERRERS, sendReferrers } from './referrers.ts';
import { sendTagPage } from './tag-page.ts';
import type { TokenServer } from './token-server.ts';

/** Where a registry's blobs come from. */
export type BlobDelivery =
  /** The registry itself. */
  | 'stream'
  /** 307 to a signed address of the blob store. */
  | 'absolute'
  /** 307 to a path of the registry's own host, as some registries have it. */
  | 'relative';

/** What stands before a `docker-registry`. */
export interface RegistryFrontOptions {
  /** The authority of the `docker-registry`. */
  readonly backend: string;
  /** The storage folder of the `docker-registry`. */
  readonly folder: string;
  readonly blobStore: BlobStore;
  readonly delivery: BlobDelivery;
  /** The guard that is asked before the `docker-registry` is. */
  readonly guard?: Guard;
  /** How many tags a page of a list has at most; all of them when left out. */
  readonly tagsPerPage?: number;
  /** Finds what the referrers API lists, which no `docker-registry` has. */
  readonly findReferrers: FindReferrers;
  /** How many referrers a page of a list has at most; all of them when left out. */
  readonly referrersPerPage?: number;
}

/** Answers a request that may not pass, or lets it pass. */
export type Guard = (request: IncomingMessage) => Refusal | undefined;

/** A 401 or a 403 with the challenge that goes with it. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly challenge?: string;
}

const BLOB = /^\/v2\/.+\/blobs\/(sha256:[0-9a-f]{64})$/;
const TAGS = /^\/v2\/.+\/tags\/list(?:\?|$)/;
const DOWNLOAD = /^\/artifacts-downloads\/(sha256:[0-9a-f]{64})\?/;

/** Starts the public face of a `docker-registry`: it records every request, and redirects blobs. */
export async function startRegistryFront(options: RegistryFrontOptions): Promise<RecordingServer> {
  const { backend, folder, blobStore, delivery, guard, tagsPerPage } = options;

  return startRecordingServer('127.0.0.2', async (request, response) => {
    const [, download] = DOWNLOAD.exec(request.url ?? '') ?? [];
    if (download !== undefined) return sendBlob(request, response, folder, download);

    const refusal = guard?.(request);
    if (refusal) return refuse(response, refusal);

    const [, repository] = REFERRERS.exec(request.url ?? '') ?? [];
    if (repository !== undefined) return listReferrers(request, response, repository);
    const [, digest] = BLOB.exec(request.url ?? '') ?? [];
    if (digest !== undefined && delivery !== 'stream') return redirectBlob(request, response, digest);
    const answer = await ask(request);
    const tags = tagsPerPage !== undefined && answer.statusCode === 200 && TAGS.test(request.url ?? '');
    return tags ? sendTagPage(request, answer, response, tagsPerPage) : passOn(answer, response);
  });

  /** Lists referrers for whom the registry behind lets read the repository. */
  async function listReferrers(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
  ): Promise<void> {
    const answer = await ask(request, 'GET', `/v2/${repository}/tags/list`);
    if (answer.statusCode === 401 || answer.statusCode === 403) return passOn(answer, response);
    answer.resume();
    sendReferrers(request, response, options.findReferrers, options.referrersPerPage);
  }

  /** Redirects to a blob that the registry behind would give out. */
  async function redirectBlob(
    request: IncomingMessage,
    response: ServerResponse,
    digest: string,
  ): Promise<void> {
    const answer = await ask(request, 'HEAD');
    answer.resume();
    if (answer.statusCode !== 200) return passOn(await ask(request), response);
    const relative = `/artifacts-downloads/${digest}?namespace=lab`;
    const location = delivery === 'absolute' ? blobStore.sign(folder, digest) : relative;
    response.writeHead(307, { location, 'content-type': 'application/octet-stream' }).end();
  }

  /** Asks the registry behind. Nobody pushes through here, so there is no body. */
  function ask(
    request: IncomingMessage,
    method = request.method,
    url = request.url,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // Whether there is a blob to redirect to does not depend on the part that is wanted.
      const { range, 'if-none-match': condition, ...rest } = request.headers;
      const headers = method === request.method ? request.headers : rest;
      const asked = httpRequest(`http://${backend}${url}`, { method, headers, setHost: false }, resolve);
      asked.on('error', reject);
      asked.end();
    });
  }
}

/** A guard in the manner of GHCR: a token for the very repository, and a challenge whose scope on the ping is a placeholder. */
export function strictGuard(tokens: TokenServer, service: string): Guard {
  return (request) => {
    const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(request.url ?? '')?.[1];
    if (tokens.allows(bearerToken(request.headers.authorization), repository)) return undefined;
    const scope = `repository:${repository ?? 'user/image'}:pull`;
    return { status: 401, challenge: `Bearer realm="${tokens.realm}",service="${service}",scope="${scope}"` };
  };
}

function refuse(response: ServerResponse, { status, challenge }: Refusal): void {
  const code = status === 401 ? 'UNAUTHORIZED' : 'DENIED';
  response.writeHead(status, {
    'content-type': 'application/json',
    'docker-distribution-api-version': 'registry/2.0',
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
  });
  response.end(JSON.stringify({ errors: [{ code, message: 'authentication required' }] }));
}

async function passOn(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  if (answer.statusCode === 416) return sendUnsatisfiable(answer, response);
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, response);
}

/** `docker-registry` announces the length of the whole blob here, and then breaks off. */
function sendUnsatisfiable(answer: IncomingMessage, response: ServerResponse): void {
  answer.on('error', () => {}).resume();
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'content-range': answer.headers['content-range'],
  };
  response.writeHead(416, headers).end('invalid range: failed to overlap\n');
}
