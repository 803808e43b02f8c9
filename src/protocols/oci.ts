/**
 * Container images and other artifacts of OCI registries: the pull half of the distribution specification.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 * @module
 */
import { rewriteJsonStrings } from '../core/json-rewrite.ts';
import type { Answer, Delivery, Protocol, Refusal, RuleContext, Tools } from '../core/protocol.ts';
import { findApiHost, findRegistry } from './_oci-registries.ts';
import { answerToken } from './_oci-token.ts';

/** Whether this is a registry, and whether it wants a token: `/v2/` (end-1). */
export interface OciPing {
  /** The kind of resource. */
  readonly type: 'ping';
}

/** A token for a client that shows a credential of its own. */
export interface OciToken {
  /** The kind of resource. */
  readonly type: 'token';
  /** The method: `GET`, or `POST` of a form. */
  readonly method: 'GET' | 'POST';
  /** The query: `service`, and a `scope` for each repository. */
  readonly query?: string;
}

/** A manifest or an index by tag or digest (end-3). */
export interface OciManifest {
  /** The kind of resource. */
  readonly type: 'manifest';
  /** The repository's name. */
  readonly name: string;
  /** A tag or a digest. */
  readonly reference: string;
  /** The query, without `ns`. */
  readonly query?: string;
  /** The registry that the client means, when it asks here as its mirror (`ns`). */
  readonly namespace?: string;
}

/** A blob, by digest (end-2). */
export interface OciBlob {
  /** The kind of resource. */
  readonly type: 'blob';
  /** The repository's name. */
  readonly name: string;
  /** The digest. */
  readonly digest: string;
  /** The query, without `ns`. */
  readonly query?: string;
  /** The registry that the client means, when it asks here as its mirror (`ns`). */
  readonly namespace?: string;
}

/** The list of tags (end-8). */
export interface OciTags {
  /** The kind of resource. */
  readonly type: 'tags';
  /** The repository's name. */
  readonly name: string;
  /** The query: `n`, `last`, or what the registry's `Link` says. */
  readonly query?: string;
  /** The registry that the client means, when it asks here as its mirror (`ns`). */
  readonly namespace?: string;
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
  /** The registry that the client means, when it asks here as its mirror (`ns`). */
  readonly namespace?: string;
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
export type OciResource =
  | OciPing
  | OciToken
  | OciManifest
  | OciBlob
  | OciTags
  | OciReferrers
  | OciPush
  | OciUnknown;

/** What has a name. */
type OciContent = OciManifest | OciBlob | OciTags | OciReferrers;

// Distribution specification, "Pulling manifests": <name>, and <reference> as a tag.
const NAME = /^[a-z\d]+(?:(?:[./]|__?|-+)[a-z\d]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
// Image specification, descriptor.md, "Digests", and what it says of the registered algorithms.
const DIGEST =
  /^(?:sha256:[a-f\d]{64}|sha512:[a-f\d]{128}|(?!sha(?:256|512):)[a-z\d]+(?:[+._-][a-z\d]+)*:[\w=-]+)$/;
const MAX_NAME = 255;

const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' };

const TOKEN = '/token';
/** Of nothing (SHA-256): asked for only to learn whether a registry would answer. */
const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The protocol of container registries. */
export const oci: Protocol<OciResource> = {
  name: 'oci',
  subjects: 'name',
  independent: true,
  exclusive: true,
  rootOnly: true,
  authentication: 'challenge',
  errorType: 'application/json',

  parse({ method, path, query }) {
    if (path === TOKEN) return parseToken(method, query);
    if (!path.startsWith('/v2') || (path.length > 3 && path[3] !== '/')) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { type: 'push', path };
    if (path.length <= 4) return { type: 'ping' };
    const content = parseContent(path);
    return content ? asking(content, query) : { type: 'unknown', path };
  },

  format(resource) {
    switch (resource.type) {
      case 'ping':
        return '/v2/';
      case 'token':
        return withQuery(TOKEN, resource);
      case 'push':
      case 'unknown':
        return resource.path;
      case 'manifest':
        return withQuery(`/v2/${resource.name}/manifests/${resource.reference}`, resource);
      case 'blob':
        return withQuery(`/v2/${resource.name}/blobs/${resource.digest}`, resource);
      case 'tags':
        return withQuery(`/v2/${resource.name}/tags/list`, resource);
      case 'referrers':
        return withQuery(`/v2/${resource.name}/referrers/${resource.digest}`, resource);
    }
  },

  subject: (resource) => ('name' in resource ? resource.name : undefined),

  // Distribution specification, "Digests": whoever has the content has the right one.
  tie: (resource) =>
    resource.type === 'blob' || (resource.type === 'manifest' && resource.reference.includes(':'))
      ? { type: 'content' }
      : undefined,

  opens: ({ type }) => type === 'manifest',

  rename(resource, subject, upstream) {
    if (!('name' in resource)) return resource;
    // Distribution specification, "Registry Proxying": `ns` is for the mirror, not for the registry behind it.
    const { namespace: _, ...content } = resource;
    // Docker Hub keeps images without a namespace under `library`; only the client knows that, and only for its own host.
    const below = findRegistry(upstream.host)?.library && !subject.includes('/');
    return { ...content, name: below ? `library/${subject}` : subject };
  },

  locate(origin) {
    const host = origin.startsWith('https://') ? origin.slice('https://'.length) : '';
    const api = findApiHost(host);
    return api === host ? origin : `https://${api}`;
  },

  advise: ({ host, authenticated }) => (authenticated ? undefined : findRegistry(host)?.advice),

  leadsTo: ({ host }) => findRegistry(host)?.blobs ?? [],

  deliver(resource, context) {
    switch (resource.type) {
      case 'ping':
        return deliverPing(resource, context);
      case 'token':
        return context.delegated
          ? { type: 'carry' }
          : refuse({ status: 404, message: 'No token is needed.' });
      case 'push':
        return refuse({
          status: 405,
          message: 'This address is for pulling; push to the registry itself.',
          headers: { allow: 'GET, HEAD' },
        });
      case 'unknown':
        return { type: 'respond', answer: refuseUnknown(resource) };
      default:
        if (context.delegated && !context.authorized) return askForCredential(resource, context);
        return withNamespace(deliverContent(resource, context), resource);
    }
  },

  async carry(resource, context, tools) {
    if (resource.type === 'token') {
      return answerToken(resource.method, resource.query, tools, {
        toResource: (name) =>
          name !== undefined && NAME.test(name) ? { type: 'blob', name, digest: EMPTY } : { type: 'ping' },
        refuse: (refusal) => toAnswer(refusal),
      });
    }
    return answerPing(resource, context, tools);
  },

  refuse: (refusal) => toAnswer(refusal),

  challenge(resource, { publicUrl }, error) {
    const service = publicUrl.slice(publicUrl.indexOf('//') + 2);
    const params = [`realm="${publicUrl}${TOKEN}"`, `service="${service}"`];
    if ('name' in resource) params.push(`scope="repository:${resource.name}:pull"`);
    if (error) params.push(`error="${error}"`);
    return `Bearer ${params.join(',')}`;
  },

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
function parseContent(path: string): OciContent | undefined {
  const [before, last] = findLastSlashes(path);
  const kind = path.slice(before + 1, last);
  const name = path.slice(4, before);
  if (before < 4 || name.length > MAX_NAME || !NAME.test(name)) return undefined;
  const reference = decodeColon(path.slice(last + 1));
  switch (kind) {
    case 'manifests':
      return TAG.test(reference) || DIGEST.test(reference)
        ? { type: 'manifest', name, reference }
        : undefined;
    case 'blobs':
      return DIGEST.test(reference) ? { type: 'blob', name, digest: reference } : undefined;
    case 'referrers':
      return DIGEST.test(reference) ? { type: 'referrers', name, digest: reference } : undefined;
    case 'tags':
      return reference === 'list' ? { type: 'tags', name } : undefined;
    default:
      return undefined;
  }
}

/** Clients name the service that the challenge named; what has neither a service nor a scope is somebody's download. */
function parseToken(method: string, query: string | undefined): OciToken | undefined {
  if (method === 'POST') return query ? { type: 'token', method, query } : { type: 'token', method };
  if (method !== 'GET' || !query || !/(?:^|&)(?:service|scope)=/.test(query)) return undefined;
  return { type: 'token', method, query };
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

/** Takes the mirror's `ns` (distribution specification, "Registry Proxying") out of the query. */
function asking(content: OciContent, query: string | undefined): OciContent {
  if (!query) return content;
  if (!query.includes('ns=')) return { ...content, query };
  const parameters = query.split('&');
  const namespace = parameters.find((parameter) => parameter.startsWith('ns='))?.slice('ns='.length);
  const rest = parameters.filter((parameter) => !parameter.startsWith('ns=')).join('&');
  return { ...content, ...(rest && { query: rest }), ...(namespace && { namespace }) };
}

function withQuery(
  path: string,
  { query, namespace }: { readonly query?: string; readonly namespace?: string },
): string {
  const ns = namespace && `ns=${namespace}`;
  const whole = query && ns ? `${query}&${ns}` : (query ?? ns);
  return whole ? `${path}?${whole}` : path;
}

/** Distribution specification, "Listing Referrers" and "Error Codes": what should be a digest and is none. */
function refuseUnknown({ path }: OciUnknown): Answer {
  const [before, last] = findLastSlashes(path);
  const kind = path.slice(before + 1, last);
  const digest =
    kind === 'referrers' || ((kind === 'blobs' || kind === 'manifests') && path.includes(':', last));
  if (!digest) return toAnswer({ status: 404, message: 'There is nothing to pull at this path.' });
  const message = 'This is not a digest, such as `sha256:` and 64 hexadecimal digits.';
  return toAnswer({ status: 400, message }, 'DIGEST_INVALID');
}

/** Clients of most kinds decide by the ping alone whether to authenticate, for every image of the host. */
function deliverPing(resource: OciPing, context: RuleContext): Delivery {
  if (!context.delegated) return { type: 'respond', answer: PONG };
  return context.authorized ? { type: 'carry' } : askForCredential(resource, context);
}

const PONG: Answer = {
  status: 200,
  headers: { 'content-type': 'application/json', ...API_VERSION },
  body: '{}',
};

async function answerPing(resource: OciResource, context: RuleContext, tools: Tools): Promise<Answer> {
  const shown = await tools.readCredential();
  if (shown === 'invalid') return toChallenge(resource, context, 'invalid_token');
  if (shown.source === 'token') return PONG;
  const { type } = await tools.admit(resource, shown.credential);
  return type === 'refused' ? toChallenge(resource, context, 'invalid_token') : PONG;
}

function askForCredential(resource: OciResource, context: RuleContext): Delivery {
  return { type: 'respond', answer: toChallenge(resource, context) };
}

function toChallenge(resource: OciResource, context: RuleContext, error?: 'invalid_token'): Answer {
  const challenge = oci.challenge?.(resource, context, error) ?? '';
  const message = error ? 'This credential is not taken.' : 'A token is needed.';
  return toAnswer({ status: 401, message, headers: { 'www-authenticate': challenge } });
}

function deliverContent(resource: OciContent, { mode, method, upstream }: RuleContext): Delivery {
  if (resource.type === 'tags' || resource.type === 'referrers')
    return { type: 'proxy', delivery: 'rewrite' };
  if (mode === 'redirect') return { type: 'redirect', status: 307 };
  if (resource.type === 'manifest' || mode === 'proxy') return { type: 'proxy', delivery: 'stream' };
  // A HEAD is resolved here: the addresses that registries sign are good for GET alone.
  const open = upstream && !upstream.authenticated && findRegistry(upstream.host)?.wants === 'nothing';
  if (open && method === 'GET') return { type: 'redirect', status: 307 };
  // A registry that wants a token has to be asked by us; its signed address needs none and goes to the client.
  return { type: 'proxy', delivery: 'relay' };
}

/** Distribution specification, "Registry Proxying": a mirror says for which registry it answered. */
function withNamespace(delivery: Delivery, { namespace }: OciContent): Delivery {
  if (namespace === undefined || !/^[\w.:-]{1,255}$/.test(namespace)) return delivery;
  if (delivery.type !== 'redirect' && delivery.type !== 'proxy') return delivery;
  return { ...delivery, headers: { 'oci-namespace': namespace } };
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

function codeOf(status: number): string {
  return CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNKNOWN');
}

function toAnswer({ status, message, headers }: Refusal, code = codeOf(status)): Answer {
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
