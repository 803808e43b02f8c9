import { expect } from 'vitest';

import { referrerTypes, type Stock } from './oci-stock.ts';
import { acceptManifests } from './upstreams/descriptor.ts';
import type { BlobDelivery } from './upstreams/registry-front.ts';

/** A request of the distribution specification, and what the gateway makes of it. */
export interface OciRequest {
  readonly title: string;
  /** @default 'GET' */
  readonly method?: string;
  readonly path: (repository: string, stock: Stock) => string;
  /** The fields, of which some need the entity tag that the same address was answered with before. */
  readonly headers?: (etag: string) => Readonly<Record<string, string>>;
  /** Whether the gateway changes the document, which then has another length. */
  readonly rewritten?: boolean;
  /** Whether it asks with HEAD for what may be at an address that is signed for GET. */
  readonly signed?: boolean;
  /** Whether a registry with tokens answers 401, so as not to tell that there is nothing. */
  readonly hidden?: boolean;
  /** The answer on which the gateway insists, whatever the registry's is. */
  readonly own?: { readonly status: unknown; readonly headers?: Readonly<Record<string, string>> };
  /** Where the gateway does not answer as it should yet. */
  readonly fails?: (place: Place) => boolean;
}

/** Where a request is sent. */
export interface Place {
  readonly delivery: BlobDelivery;
  readonly mode: 'auto' | 'proxy';
}

const dockerAccept = { accept: 'application/vnd.docker.distribution.manifest.v2+json' };
const missing = `sha256:${'0'.repeat(64)}`;
const refused = { own: { status: 405, headers: { allow: 'GET, HEAD' } } };
const unknown = { own: { status: 404 } };
const rewritten = { rewritten: true };
const hidden = { hidden: true };

/** Requests that ask whether this is a registry, and what it has. */
const aboutTheRegistry: readonly OciRequest[] = [
  { title: 'the ping', path: () => '/v2/', own: { status: 200 } },
  { title: 'the ping without a slash', path: () => '/v2', own: { status: 200 } },
  { title: 'HEAD of the ping', method: 'HEAD', path: () => '/v2/', own: { status: 200 } },
  { title: 'the catalog', path: () => '/v2/_catalog', ...unknown },
  { title: 'an extension', path: () => '/v2/_oci/ext/discover', ...unknown },
];

const manifests: readonly OciRequest[] = [
  { title: 'a manifest by tag', path: (name) => `/v2/${name}/manifests/v1`, headers: () => acceptManifests },
  {
    title: 'HEAD of a manifest by tag',
    method: 'HEAD',
    path: (name) => `/v2/${name}/manifests/v1`,
    headers: () => acceptManifests,
  },
  {
    title: 'a manifest by digest',
    path: (name, { image }) => `/v2/${name}/manifests/${image.digest}`,
    headers: () => acceptManifests,
  },
  {
    title: 'HEAD of a manifest by digest',
    method: 'HEAD',
    path: (name, { image }) => `/v2/${name}/manifests/${image.digest}`,
    headers: () => acceptManifests,
  },
  { title: 'an index', path: (name) => `/v2/${name}/manifests/index`, headers: () => acceptManifests },
  {
    title: "a manifest with Docker's types",
    path: (name) => `/v2/${name}/manifests/docker`,
    headers: () => dockerAccept,
  },
  {
    title: 'a manifest of a type that the client does not accept',
    path: (name) => `/v2/${name}/manifests/v1`,
    headers: () => dockerAccept,
  },
  {
    title: 'a manifest that the client has',
    path: (name) => `/v2/${name}/manifests/v1`,
    headers: (etag) => ({ ...acceptManifests, 'if-none-match': etag }),
  },
  {
    title: 'a manifest that the client has in an old version',
    path: (name) => `/v2/${name}/manifests/v1`,
    headers: () => ({ ...acceptManifests, 'if-none-match': `"${missing}"` }),
  },
  { title: 'a missing tag', path: (name) => `/v2/${name}/manifests/missing` },
  { title: 'HEAD of a missing tag', method: 'HEAD', path: (name) => `/v2/${name}/manifests/missing` },
  { title: 'a missing digest', path: (name) => `/v2/${name}/manifests/${missing}` },
  {
    title: 'a digest of another algorithm',
    path: (name) => `/v2/${name}/manifests/sha512:${'0'.repeat(128)}`,
  },
];

const blobs: readonly OciRequest[] = [
  { title: 'a blob', path: blobPath },
  { title: 'HEAD of a blob', method: 'HEAD', path: blobPath, signed: true },
  { title: 'the first bytes of a blob', path: blobPath, headers: () => ({ range: 'bytes=0-99' }) },
  { title: 'a blob from a byte on', path: blobPath, headers: () => ({ range: 'bytes=100-' }) },
  { title: 'the last bytes of a blob', path: blobPath, headers: () => ({ range: 'bytes=-100' }) },
  {
    title: 'a range beyond a blob',
    path: blobPath,
    headers: () => ({ range: 'bytes=99999999-' }),
  },
  {
    title: 'a blob that the client has',
    path: blobPath,
    headers: (etag) => ({ 'if-none-match': etag }),
  },
  { title: 'a missing blob', path: (name) => `/v2/${name}/blobs/${missing}` },
  { title: 'HEAD of a missing blob', method: 'HEAD', path: (name) => `/v2/${name}/blobs/${missing}` },
];

const lists: readonly OciRequest[] = [
  { title: 'the tags', path: (name) => `/v2/${name}/tags/list`, ...rewritten },
  { title: 'some tags', path: (name) => `/v2/${name}/tags/list?n=2`, ...rewritten },
  { title: 'the tags after one', path: (name) => `/v2/${name}/tags/list?n=3&last=v2`, ...rewritten },
  { title: 'the tags after the last', path: (name) => `/v2/${name}/tags/list?last=v5`, ...rewritten },
  {
    title: 'the referrers',
    path: (name, { image }) => `/v2/${name}/referrers/${image.digest}`,
    ...rewritten,
  },
  {
    title: 'the referrers of a type',
    path: (name, { image }) =>
      `/v2/${name}/referrers/${image.digest}?artifactType=${encodeURIComponent(referrerTypes[0])}`,
    ...rewritten,
  },
  {
    title: 'the referrers of a type that no referrer has',
    path: (name, { image }) => `/v2/${name}/referrers/${image.digest}?artifactType=none`,
    ...rewritten,
  },
  {
    title: 'the referrers of a manifest without any',
    path: (name, { index }) => `/v2/${name}/referrers/${index.digest}`,
    ...rewritten,
  },
  {
    title: 'the referrers of a missing manifest',
    path: (name) => `/v2/${name}/referrers/${missing}`,
    ...rewritten,
  },
];

const absent: readonly OciRequest[] = [
  { title: 'a manifest', path: (name) => `/v2/${name}/missing/manifests/v1`, ...hidden },
  { title: 'a blob', path: (name) => `/v2/${name}/missing/blobs/${missing}`, ...hidden },
  { title: 'the tags', path: (name) => `/v2/${name}/missing/tags/list`, ...hidden, ...rewritten },
  {
    title: 'the referrers',
    path: (name) => `/v2/${name}/missing/referrers/${missing}`,
    ...hidden,
    ...rewritten,
  },
  { title: 'a manifest that no rule is for', path: () => '/v2/nobody/app/manifests/v1', ...unknown },
];

const invalid: readonly OciRequest[] = [
  { title: 'a name with capital letters', path: (name) => `/v2/${name}/App/manifests/v1`, ...unknown },
  { title: 'a name with an empty part', path: (name) => `/v2/${name}//app/manifests/v1`, ...unknown },
  { title: 'a name that ends in a dot', path: (name) => `/v2/${name}./manifests/v1`, ...unknown },
  { title: 'a tag that starts with a dot', path: (name) => `/v2/${name}/manifests/.v1`, ...unknown },
  {
    title: 'a tag of 129 characters',
    path: (name) => `/v2/${name}/manifests/${'x'.repeat(129)}`,
    ...unknown,
  },
  {
    title: 'a digest that is too short',
    path: (name) => `/v2/${name}/manifests/sha256:zz`,
    own: { status: expect.toBeOneOf([400, 404]) },
  },
  { title: 'the digest of a blob that is too short', path: (name) => `/v2/${name}/blobs/sha256:zz` },
  { title: 'a digest without an algorithm', path: (name) => `/v2/${name}/blobs/zz`, ...unknown },
  { title: 'referrers of a digest that is too short', path: (name) => `/v2/${name}/referrers/sha256:zz` },
  {
    title: 'referrers of a digest without an algorithm',
    path: (name) => `/v2/${name}/referrers/zz`,
    own: { status: 400 },
  },
  { title: 'a path that is none', path: (name) => `/v2/${name}/nonsense`, ...unknown },
];

const writes: readonly OciRequest[] = [
  { title: 'to begin an upload', method: 'POST', path: (name) => `/v2/${name}/blobs/uploads/`, ...refused },
  {
    title: 'to mount a blob',
    method: 'POST',
    path: (name, { layer }) => `/v2/${name}/blobs/uploads/?mount=${layer}&from=${name}`,
    ...refused,
  },
  {
    title: 'to go on with an upload',
    method: 'PATCH',
    path: (name) => `/v2/${name}/blobs/uploads/1`,
    ...refused,
  },
  {
    title: 'to end an upload',
    method: 'PUT',
    path: (name) => `/v2/${name}/blobs/uploads/1?digest=${missing}`,
    ...refused,
  },
  {
    title: 'to give up an upload',
    method: 'DELETE',
    path: (name) => `/v2/${name}/blobs/uploads/1`,
    ...refused,
  },
  { title: 'to push a manifest', method: 'PUT', path: (name) => `/v2/${name}/manifests/new`, ...refused },
  { title: 'to delete a tag', method: 'DELETE', path: (name) => `/v2/${name}/manifests/v1`, ...refused },
  {
    title: 'to delete a manifest',
    method: 'DELETE',
    path: (name, { image }) => `/v2/${name}/manifests/${image.digest}`,
    ...refused,
  },
  { title: 'to delete a blob', method: 'DELETE', path: blobPath, ...refused },
  { title: 'to know how an upload goes', path: (name) => `/v2/${name}/blobs/uploads/1`, ...unknown },
];

/** Every request, by what it is about. */
export const requests: Readonly<Record<string, readonly OciRequest[]>> = {
  'the registry': aboutTheRegistry,
  manifests,
  blobs,
  lists,
  'a missing repository': absent,
  'what is not well-formed': invalid,
  writing: writes,
};

function blobPath(name: string, { layer }: Stock): string {
  return `/v2/${name}/blobs/${layer}`;
}
