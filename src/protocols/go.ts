/**
 * The Go module proxy: what `GOPROXY` names.
 *
 * @see https://go.dev/ref/mod#goproxy-protocol
 * @module
 */

import { refusePlainly } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';

/** What is known of a module: `/<module>/@v/list` or `/<module>/@latest`. */
export interface GoVersions {
  /** The kind of resource: all versions, or the one that is taken where there are none. */
  readonly type: 'list' | 'latest';
  /** The module's path, unescaped. */
  readonly module: string;
}

/** A file of one version of a module: `/<module>/@v/<version>.info`, `.mod` or `.zip`. */
export interface GoVersion {
  /** The kind of resource, as the file is called. */
  readonly type: 'info' | 'mod' | 'zip';
  /** The module's path, unescaped. */
  readonly module: string;
  /** The version, unescaped; for `info` also the name of a branch. */
  readonly version: string;
}

/** A question to a checksum database through the proxy: `/sumdb/<name>/…`. */
export interface GoChecksums {
  /** The kind of resource. */
  readonly type: 'sumdb';
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of a module proxy. */
export type GoResource = GoVersions | GoVersion | GoChecksums;

// Escaped: a capital is written as `!` and the small letter (modules reference, "GOPROXY protocol").
const MODULE = /^[a-z\d!~_+-][a-z\d!~_.+-]*(?:\/[a-z\d!~_+-][a-z\d!~_.+-]*)*$/;
const VERSION = /^([a-z\d!][a-z\d!~_.+-]*)\.(info|mod|zip)$/;
const SUMDB = /^\/sumdb(?:\/(?:[\w.!@~+=-]|%21|%2B)+){2,}$/i;
const MARK = '/@v/';
const LATEST = '/@latest';

/** The protocol of Go module proxies. */
export const go: Protocol<GoResource> = {
  name: 'go',
  subjects: 'name',
  independent: true,
  errorType: 'text/plain',

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path.startsWith('/sumdb/')) return SUMDB.test(path) ? { type: 'sumdb', path } : undefined;
    const mark = path.lastIndexOf(MARK);
    if (mark !== -1) return parseVersions(path.slice(1, mark), path.slice(mark + MARK.length));
    const module = path.endsWith(LATEST) ? parseModule(path.slice(1, -LATEST.length)) : undefined;
    return module === undefined ? undefined : { type: 'latest', module };
  },

  format(resource) {
    if (resource.type === 'sumdb') return resource.path;
    const module = `/${escapeCapitals(resource.module)}`;
    if (!('version' in resource)) return module + (resource.type === 'latest' ? LATEST : `${MARK}list`);
    return `${module}${MARK}${escapeCapitals(resource.version)}.${resource.type}`;
  },

  subject: (resource) => (resource.type === 'sumdb' ? undefined : resource.module),

  // Nothing names an address, and go.sum has the hashes of all of it.
  deliver: () => ({ type: 'redirect', status: 302 }),

  // 404 lets go ask the next proxy of its list, and go prints what is plain text.
  refuse: refusePlainly,

  purl(resource) {
    if (resource.type === 'sumdb') return undefined;
    // purl-spec, "golang": namespace and name are in lower case.
    const purl = `pkg:golang/${resource.module.toLowerCase().replaceAll('+', '%2B')}`;
    return 'version' in resource ? `${purl}@${resource.version.replaceAll('+', '%2B')}` : purl;
  },

  usage: (subject, publicUrl) => `GOPROXY=${publicUrl} go install ${subject}@latest`,
};

function parseVersions(escaped: string, file: string): GoResource | undefined {
  const module = parseModule(escaped);
  if (module === undefined) return undefined;
  if (file === 'list') return { type: 'list', module };
  const [, written, type] = VERSION.exec(decode(file)) ?? [];
  const version = written === undefined ? undefined : unescapeCapitals(written);
  return version === undefined ? undefined : { type: type as GoVersion['type'], module, version };
}

/** The path of a module, or of a folder above one, which go asks for as well. */
function parseModule(escaped: string): string | undefined {
  const decoded = decode(escaped);
  return MODULE.test(decoded) && !/\.(?:\/|$)/.test(decoded) ? unescapeCapitals(decoded) : undefined;
}

/** go encodes the `!` of an escaped capital; others may encode more of what needs none. */
function decode(text: string): string {
  return text.includes('%')
    ? text.replace(/%(21|2B|7E)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    : text;
}

function unescapeCapitals(text: string): string | undefined {
  if (/!(?![a-z])/.test(text)) return undefined;
  return text.replace(/![a-z]/g, (pair) => pair.charAt(1).toUpperCase());
}

function escapeCapitals(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}
