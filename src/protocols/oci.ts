/**
 * Container images and other artifacts of OCI registries: the pull half of the distribution specification.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 * @module
 */
import { rewriteJsonStrings } from '../core/json-rewrite.ts';
import type { Answer, Delivery, Protocol, Refusal, RuleContext, UpstreamInfo } from '../core/protocol.ts';

/** Whether this is a registry, and whether it wants a token: `/v2/` (end-1). */
export interface OciPing {
  /** The kind of resource. */
  readonly type: 'ping';
}

/** A manifest or an index by tag or digest (end-3). */
export interface OciManifest {
  /** The kind of resource. */
  readonly type: 'manifest';
  /** The repository's name. */
  readonly name: string;
  /** A tag or a digest. */
  readonly reference: string;
  /** The query, without the mirror's `ns`. */
  readonly query?: string;
}

/** A blob, by digest (end-2). */
export interface OciBlob {
  /** The kind of resource. */
  readonly type: 'blob';
  /** The repository's name. */
  readonly name: string;
  /** The digest. */
  readonly digest: string;
  /** The query, without the mirror's `ns`. */
  readonly query?: string;
}

/** The list of tags (end-8). */
export interface OciTags {
  /** The kind of resource. */
  readonly type: 'tags';
  /** The repository's name. */
  readonly name: string;
  /** The query: `n`, `last`, or what the registry's `Link` says. */
  readonly query?: string;
}

/** What refers to a manifest: signatures, attestations (end-12). */
export interface OciReferrers {
  /** The kind of resource. */
  readonly type: 'referrers';
  /** The repository's name. */
  readonly name: string;
  /** The digest of the manifest. */
  readonly digest: string;
  /** The query: `artifactType`, or what the registry's `Link` says. */
  readonly query?: string;
}

/** A request that would change a registry. */
export interface OciPush {
  /** The kind of resource. */
  readonly type: 'push';
  /** The path. */
  readonly path: string;
}

/** Anything else below `/v2/`: the catalog, extensions, names that are none. */
export interface OciUnknown {
  /** The kind of resource. */
  readonly type: 'unknown';
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of a registry. */
export type OciResource = OciPing | OciManifest | OciBlob | OciTags | OciReferrers | OciPush | OciUnknown;

// Distribution specification, "Pulling manifests": <name>, and <reference> as a tag.
const NAME = /^[a-z\d]+(?:(?:[./]|__?|-+)[a-z\d]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
// Image specification, descriptor.md, "Digests".
const DIGEST = /^[a-z\d]+(?:[+._-][a-z\d]+)*:[\w=-]+$/;
const MAX_NAME = 255;

const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' };

/** The hosts whose public images need no token, so that every client survives a redirect to them. */
const OPEN_REGISTRIES =
  /^(?:mcr\.microsoft\.com|registry\.k8s\.io|quay\.io|(?:[\w-]+\.)?gcr\.io|[\w-]+-docker\.pkg\.dev)$/;
const DOCKER_HUB = 'registry-1.docker.io';
const DOCKER_HUB_ALIASES = /^https:\/\/(?:(?:index\.|www\.)?docker\.io|(?:registry\.)?hub\.docker\.com)$/;

/** The protocol of container registries. */
export const oci: Protocol<OciResource> = {
  name: 'oci',
  subjects: 'name',
  exclusive: true,
  rootOnly: true,
  authentication: 'challenge',

  parse({ method, path, query }) {
    if (!path.startsWith('/v2') || (path.length > 3 && path[3] !== '/')) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { type: 'push', path };
    if (path.length <= 4) return { type: 'ping' };
    return parseContent(path, withoutNamespace(query)) ?? { type: 'unknown', path };
  },

  format(resource) {
    switch (resource.type) {
      case 'ping':
        return '/v2/';
      case 'push':
      case 'unknown':
        return resource.path;
      case 'manifest':
        return withQuery(`/v2/${resource.name}/manifests/${resource.reference}`, resource.query);
      case 'blob':
        return withQuery(`/v2/${resource.name}/blobs/${resource.digest}`, resource.query);
      case 'tags':
        return withQuery(`/v2/${resource.name}/tags/list`, resource.query);
      case 'referrers':
        return withQuery(`/v2/${resource.name}/referrers/${resource.digest}`, resource.query);
    }
  },

  subject: (resource) => ('name' in resource ? resource.name : undefined),

  rename(resource, subject, upstream) {
    if (!('name' in resource)) return resource;
    // Docker Hub keeps images without a namespace under `library`; only the client knows that, and only for its own host.
    return {
      ...resource,
      name: upstream.host === DOCKER_HUB && !subject.includes('/') ? `library/${subject}` : subject,
    };
  },

  locate: (origin) => (DOCKER_HUB_ALIASES.test(origin) ? `https://${DOCKER_HUB}` : origin),

  deliver(resource, { mode, upstream }) {
    switch (resource.type) {
      case 'ping':
        return {
          type: 'respond',
          answer: {
            status: 200,
            headers: { 'content-type': 'application/json', ...API_VERSION },
            body: '{}',
          },
        };
      case 'push':
        return refuse({
          status: 405,
          message: 'This address is for pulling; push to the registry itself.',
          headers: { allow: 'GET, HEAD' },
        });
      case 'unknown':
        return refuse({ status: 404, message: 'There is nothing to pull at this path.' });
      case 'manifest':
        return mode === 'redirect'
          ? { type: 'redirect', status: 307 }
          : { type: 'proxy', delivery: 'stream' };
      case 'blob':
        return deliverBlob(mode, upstream);
      case 'tags':
      case 'referrers':
        return { type: 'proxy', delivery: 'rewrite' };
    }
  },

  refuse: toAnswer,

  purl(resource, publicUrl) {
    if (resource.type !== 'manifest') return undefined;
    const { name, reference } = resource;
    const repository = `repository_url=${publicUrl.replace(/^https?:\/\//, '')}/${name}`;
    const image = name.slice(name.lastIndexOf('/') + 1);
    if (reference.includes(':')) return `pkg:oci/${image}@${encodeURIComponent(reference)}?${repository}`;
    return `pkg:oci/${image}?${repository}&tag=${reference}`;
  },

  rewrite(resource, { headers, body }) {
    const link = headers.link;
    return {
      headers: link === undefined ? headers : { ...headers, link: rewriteLink(link, resource) },
      body: resource.type === 'tags' ? rewriteJsonStrings(body, [['name']], () => resource.name) : body,
    };
  },

  usage: (subject, publicUrl) => `docker pull ${publicUrl.replace(/^https?:\/\//, '')}/${subject}`,
};

/** Reads `/v2/<name>/<kind>/<reference>` from the right, since a name may have segments called `tags` or `blobs`. */
function parseContent(path: string, query: string | undefined): OciResource | undefined {
  const [before, last] = findLastSlashes(path);
  const kind = path.slice(before + 1, last);
  const name = path.slice(4, before);
  if (before < 4 || name.length > MAX_NAME || !NAME.test(name)) return undefined;
  const reference = decodeColon(path.slice(last + 1));
  switch (kind) {
    case 'manifests':
      return TAG.test(reference) || DIGEST.test(reference)
        ? asking({ type: 'manifest', name, reference }, query)
        : undefined;
    case 'blobs':
      return DIGEST.test(reference) ? asking({ type: 'blob', name, digest: reference }, query) : undefined;
    case 'referrers':
      return DIGEST.test(reference)
        ? asking({ type: 'referrers', name, digest: reference }, query)
        : undefined;
    case 'tags':
      return reference === 'list' ? asking({ type: 'tags', name }, query) : undefined;
    default:
      return undefined;
  }
}

/** Where the last two slashes are, from the left: `indexOf` is many times as fast as `lastIndexOf`. */
function findLastSlashes(path: string): readonly [before: number, last: number] {
  let before = -1;
  let last = -1;
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    before = last;
    last = slash;
  }
  return [before, last];
}

function decodeColon(reference: string): string {
  return reference.includes('%') ? reference.replace(/%3a/i, ':') : reference;
}

function asking(
  resource: OciManifest | OciBlob | OciTags | OciReferrers,
  query: string | undefined,
): OciResource {
  return query ? { ...resource, query } : resource;
}

/** Distribution specification, "Registry Proxying": `ns` is for the mirror, not for the registry behind it. */
function withoutNamespace(query: string | undefined): string | undefined {
  if (!query?.includes('ns=')) return query;
  return query
    .split('&')
    .filter((parameter) => !parameter.startsWith('ns='))
    .join('&');
}

function withQuery(path: string, query: string | undefined): string {
  return query ? `${path}?${query}` : path;
}

function deliverBlob(mode: RuleContext['mode'], upstream: UpstreamInfo | undefined): Delivery {
  if (mode === 'proxy') return { type: 'proxy', delivery: 'stream' };
  const open = upstream !== undefined && !upstream.authenticated && OPEN_REGISTRIES.test(upstream.host);
  // A registry that wants a token has to be asked by us; its signed address needs none and goes to the client.
  return mode === 'redirect' || open
    ? { type: 'redirect', status: 307 }
    : { type: 'proxy', delivery: 'relay' };
}

function refuse(refusal: Refusal): Delivery {
  return { type: 'respond', answer: toAnswer(refusal) };
}

/** Distribution specification, "Error Codes". */
const CODES: Readonly<Record<number, string>> = {
  400: 'UNSUPPORTED',
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'NAME_UNKNOWN',
  405: 'UNSUPPORTED',
  429: 'TOOMANYREQUESTS',
};

function toAnswer({ status, message, headers }: Refusal): Answer {
  const code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNKNOWN');
  return {
    status,
    headers: { 'content-type': 'application/json', ...API_VERSION, ...headers },
    body: JSON.stringify({ errors: [{ code, message }] }),
  };
}

/** RFC 8288: the next page is here, under the public name; clients refuse one on another host. */
function rewriteLink(link: string, resource: OciResource): string {
  return link.replace(/<([^<>]*)>/g, (_, target: string) => {
    const mark = target.indexOf('?');
    const { query: _own, ...page } = resource as OciTags | OciReferrers;
    return `<${oci.format(mark === -1 ? page : { ...page, query: target.slice(mark + 1) })}>`;
  });
}
