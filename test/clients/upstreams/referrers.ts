import type { IncomingMessage, ServerResponse } from 'node:http';

import { type Descriptor, types } from './descriptor.ts';

/** What of a repository refers to a manifest. */
export type FindReferrers = (repository: string, digest: string) => readonly Descriptor[];

/** The end of a repository's list of what refers to a manifest. */
export const REFERRERS: RegExp = /^\/v2\/(.+)\/referrers\/([^/?]*)(?:\?|$)/;

/** Answers as a registry does that has the referrers API (distribution specification 1.1, "Listing Referrers"). */
export function sendReferrers(
  request: IncomingMessage,
  response: ServerResponse,
  find: FindReferrers,
  perPage: number = Number.POSITIVE_INFINITY,
): void {
  const address = new URL(request.url ?? '/', 'http://referrers.invalid');
  const [, repository = '', digest = ''] = REFERRERS.exec(request.url ?? '') ?? [];
  if (!/^sha256:[0-9a-f]{64}$/.test(decodeURIComponent(digest))) {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'DIGEST_INVALID', message: 'invalid digest' }] }));
    return;
  }

  const artifactType = address.searchParams.get('artifactType');
  const all = find(repository, decodeURIComponent(digest));
  const filtered = artifactType === null ? all : all.filter((entry) => entry.artifactType === artifactType);
  const start = Number(address.searchParams.get('page') ?? 0) * perPage || 0;
  const manifests = filtered.slice(start, start + perPage);

  response.setHeader('content-type', types.index);
  if (artifactType !== null) response.setHeader('oci-filters-applied', 'artifactType');
  if (start + perPage < filtered.length) {
    address.searchParams.set('page', String(start / perPage + 1));
    response.setHeader('link', `<${address.pathname}${address.search}>; rel="next"`);
  }
  response.end(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests }));
}
