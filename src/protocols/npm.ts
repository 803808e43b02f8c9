/**
 * The npm registry: what npm, pnpm, yarn, bun and deno install from.
 *
 * @see https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
 * @module
 */
import type { Answer, Protocol, Refusal } from '../core/protocol.ts';
import { baseOf, rewritePackument, rewriteVersion } from './_npm-documents.ts';
import { findTarball } from './_npm-tarballs.ts';

/** All versions of a package: `/<name>`. */
export interface NpmPackument {
  /** The kind of resource. */
  readonly type: 'packument';
  /** The package's name, with its scope. */
  readonly name: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** One version of a package: `/<name>/<version or tag>`. */
export interface NpmVersion {
  /** The kind of resource. */
  readonly type: 'version';
  /** The package's name, with its scope. */
  readonly name: string;
  /** A version or a distribution tag. */
  readonly version: string;
}

/** A package's file: `/<name>/-/<file>`. */
export interface NpmTarball {
  /** The kind of resource. */
  readonly type: 'tarball';
  /** The package's name, with its scope. */
  readonly name: string;
  /** The file's name. */
  readonly file: string;
}

/** The distribution tags of a package: `/-/package/<name>/dist-tags`. */
export interface NpmDistTags {
  /** The kind of resource. */
  readonly type: 'dist-tags';
  /** The package's name, with its scope. */
  readonly name: string;
}

/** The attestations of a version: `/-/npm/v1/attestations/<name>@<version>`. */
export interface NpmAttestations {
  /** The kind of resource. */
  readonly type: 'attestations';
  /** The package's name, with its scope. */
  readonly name: string;
  /** The version. */
  readonly version: string;
}

/** The registry itself: `/`. */
export interface NpmRoot {
  /** The kind of resource. */
  readonly type: 'root';
}

/** A service of the whole registry, below `/-/`: audit, keys, search, ping, login. */
export interface NpmService {
  /** The kind of resource. */
  readonly type: 'service';
  /** Whether the request has a body. */
  readonly post: boolean;
  /** The path. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a package, or an account of the registry. */
export interface NpmWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The package's name, with its scope; absent for an account. */
  readonly name?: string;
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of an npm registry. */
export type NpmResource =
  | NpmRoot
  | NpmPackument
  | NpmVersion
  | NpmTarball
  | NpmDistTags
  | NpmAttestations
  | NpmService
  | NpmWrite;

// Names of old packages have capitals and `!'()*`; none starts with a dot, nor does a scope (docs, package.json, "name").
const PART = String.raw`[\w\-~!'()*][\w\-~!'()*.]*`;
const NAME = `(?:(?:@|%40)${PART}(?:/|%2f))?${PART}`;
const WORD = String.raw`[\w\-~!'()*.+:=]+`;
const PACKUMENT = new RegExp(`^/(${NAME})$`, 'i');
const TARBALL = new RegExp(`^/(${NAME})/-/((?:@${WORD}/)?${WORD})$`, 'i');
const VERSION = new RegExp(`^/(${NAME})/(${WORD})$`, 'i');
// The documents of JSR, so that both may be on one mount.
const OF_JSR = /(?:^|_)meta\.json$/;
const DIST_TAGS = new RegExp(`^/-/package/(${NAME})/dist-tags$`, 'i');
const PACKAGE = new RegExp(`^/(?:-/package/)?(${NAME})(?:/|$)`, 'i');
const ATTESTATIONS = new RegExp(`^/-/npm/v1/attestations/(${NAME})(?:@|%40)(${WORD})$`, 'i');

/** The protocol of npm registries. */
export const npm: Protocol<NpmResource> = {
  name: 'npm',
  subjects: 'name',
  independent: true,
  errorType: 'application/json',

  parse({ method, path, query }) {
    const service = path.startsWith('/-/');
    if (method === 'GET' || method === 'HEAD') {
      if (path === '/') return { type: 'root' };
      return service ? parseService(path, query) : parsePackage(path, query);
    }
    if (method === 'POST')
      return service ? { type: 'service', post: true, path, ...withQuery(query) } : undefined;
    return method === 'PUT' || method === 'DELETE' ? parseWrite(path) : undefined;
  },

  format(resource) {
    switch (resource.type) {
      case 'root':
        return '/';
      case 'packument':
        return `/${encodeName(resource.name)}${suffix(resource.query)}`;
      case 'version':
        return `/${encodeName(resource.name)}/${resource.version}`;
      case 'tarball':
        return `/${resource.name}/-/${resource.file}`;
      case 'dist-tags':
        return `/-/package/${encodeName(resource.name)}/dist-tags`;
      case 'attestations':
        return `/-/npm/v1/attestations/${encodeName(resource.name)}@${resource.version}`;
      case 'service':
        return resource.path + suffix(resource.query);
      case 'write':
        return resource.path;
    }
  },

  // The root belongs to a rule for every name; other services are of whatever rule there is.
  subject: (resource) => (resource.type === 'root' ? '' : 'name' in resource ? resource.name : undefined),

  deliver(resource) {
    switch (resource.type) {
      case 'packument':
      case 'version':
        // A client takes the tarball's address from this document and writes it into its lock file.
        return { type: 'proxy', delivery: 'rewrite' };
      case 'tarball':
        // Where it is, is a matter of each registry, and often of each package.
        return { type: 'carry' };
      case 'service':
        return { type: 'redirect', status: resource.post ? 307 : 302 };
      case 'write': {
        const refusal = {
          status: 405,
          message: 'This address is for installing; publish to the registry itself.',
          headers: { allow: 'GET, HEAD' },
        };
        return { type: 'respond', answer: toAnswer(refusal) };
      }
      default:
        return { type: 'redirect', status: 302 };
    }
  },

  refuse: toAnswer,

  // What npm prints of an answer's fields (npm-registry-fetch, check-response.js).
  announce: (notice) => ({ 'npm-notice': notice }),

  purl(resource) {
    if (!('name' in resource) || resource.name === undefined || resource.type === 'write') return undefined;
    const { name } = resource;
    const purl = `pkg:npm/${name.startsWith('@') ? `%40${name.slice(1)}` : name}`;
    const version = versionOf(resource);
    if (version === undefined) return purl;
    return `${purl}@${version.includes('+') ? version.replaceAll('+', '%2B') : version}`;
  },

  async carry(resource, { publicUrl, delegated }, tools) {
    if (resource.type !== 'tarball') return toAnswer({ status: 404, message: 'This is no tarball.' });
    const packument: NpmPackument = { type: 'packument', name: resource.name };
    return findTarball(resource, tools, {
      packument,
      refuse: (refusal) =>
        toAnswer(delegated && refusal.status === 401 ? withChallenge(refusal, publicUrl) : refusal),
    });
  },

  rewrite(resource, { headers, body }, { publicUrl }) {
    if (resource.type === 'packument')
      return { headers, body: rewritePackument(body, resource.name, publicUrl) };
    if (resource.type !== 'version') return { headers, body };
    return { headers, body: rewriteVersion(body, resource.name, resource.version, publicUrl) };
  },

  usage: (subject, publicUrl) => `npm install ${subject} --registry ${publicUrl}/`,
};

function parsePackage(path: string, query: string | undefined): NpmResource | undefined {
  const packument = path.includes('/-/') ? null : PACKUMENT.exec(path);
  if (packument) return { type: 'packument', name: decodeName(packument[1]), ...withQuery(query) };
  const tarball = TARBALL.exec(path);
  if (tarball) return { type: 'tarball', name: decodeName(tarball[1]), file: tarball[2] ?? '' };
  const version = VERSION.exec(path);
  if (!version || OF_JSR.test(version[2] ?? '')) return undefined;
  return { type: 'version', name: decodeName(version[1]), version: version[2] ?? '' };
}

function parseService(path: string, query: string | undefined): NpmResource {
  const distTags = DIST_TAGS.exec(path);
  if (distTags) return { type: 'dist-tags', name: decodeName(distTags[1]) };
  const attestations = ATTESTATIONS.exec(path);
  if (attestations)
    return { type: 'attestations', name: decodeName(attestations[1]), version: attestations[2] ?? '' };
  return { type: 'service', post: false, path, ...withQuery(query) };
}

function parseWrite(path: string): NpmWrite | undefined {
  const name = PACKAGE.exec(path)?.[1];
  if (name !== undefined && name !== '-') return { type: 'write', name: decodeName(name), path };
  return path.startsWith('/-/') ? { type: 'write', path } : undefined;
}

/** npm, yarn and bun send `@a%2fb`, pnpm `@a%2Fb`, some tools `@a/b`, and others `%40a%2Fb`. */
function decodeName(name = ''): string {
  return name.includes('%') ? name.replace(/^%40/, '@').replace(/%2f/i, '/') : name;
}

function encodeName(name: string): string {
  return name.replace('/', '%2f');
}

function withQuery(query: string | undefined): { query?: string } {
  return query ? { query } : {};
}

function suffix(query: string | undefined): string {
  return query ? `?${query}` : '';
}

function versionOf(resource: NpmResource): string | undefined {
  if (resource.type === 'version' || resource.type === 'attestations') return resource.version;
  if (resource.type !== 'tarball') return undefined;
  const base = baseOf(resource.name);
  const { file } = resource;
  if (!file.startsWith(base) || file[base.length] !== '-' || !file.endsWith('.tgz')) return undefined;
  return file.slice(base.length + 1, -4) || undefined;
}

/** RFC 9110 §15.5.2: a 401 says how to show a credential. */
function withChallenge(refusal: Refusal, publicUrl: string): Refusal {
  return { ...refusal, headers: { ...refusal.headers, 'www-authenticate': `Bearer realm="${publicUrl}"` } };
}

function toAnswer({ status, message, headers }: Refusal): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error: message }),
  };
}
