/**
 * Alpine repositories: what apk installs from, of versions 2 and 3.
 *
 * @see https://wiki.alpinelinux.org/wiki/Apk_spec
 * @see https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/master/doc/apk-repositories.5.scd
 * @module
 */
import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';
import { FILE_NAME } from './_file-name.ts';
import { toPurlText } from './_purl-text.ts';

/** What a repository has: `/<folder>/<arch>/APKINDEX.tar.gz`, or `Packages.adb` of version 3. */
export interface ApkIndex {
  /** The kind of resource. */
  readonly type: 'index';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A package: `/<folder>/<arch>/<name>-<version>-r<release>.apk`. */
export interface ApkPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A key that indexes are signed with, which people put into `/etc/apk/keys`: `/<folder>/<name>.rsa.pub`. */
export interface ApkKey {
  /** The kind of resource. */
  readonly type: 'key';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a repository. */
export interface ApkWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

/** Anything that is asked of an Alpine repository. */
export type ApkResource = ApkIndex | ApkPackage | ApkKey | ApkWrite;

// OpenWrt writes it small.
const INDEX = /^(?:APKINDEX\.tar\.gz|[Pp]ackages\.adb)$/;
const KEY = /\.rsa\.pub$/;
// apk-package(5): a version starts with a digit and ends with its release; a `pkgname-spec` may add a hash.
const PACKAGE = /^(.+)-(\d[^-]*-r\d+)(?:\.[\da-f]+)?\.apk$/;

const READ_ONLY = refuseWriting('This address is for installing; publish to the repository itself.');

/** The protocol of Alpine repositories. */
export const apk: Protocol<ApkResource> = {
  name: 'apk',
  subjects: 'path',
  // apk-tools, libfetch/http.c: 307 and 308 are errors.
  statuses: [302, 301, 303],

  parse({ method, path, query }) {
    const type = readType(path);
    if (type && method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    return type && { type, path, ...(query && { query }) };
  },

  format: (resource) =>
    'query' in resource && resource.query ? `${resource.path}?${resource.query}` : resource.path,

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  // The index has the checksum of every package.
  tie({ type, path }) {
    if (type === 'key' || type === 'write') return undefined;
    if (type === 'package') return { type: 'content' };
    return { type: 'index', of: path.slice(0, path.lastIndexOf('/')) };
  },

  // An index is signed and has the checksum of every package, and apk asks for each at the repository it was told of.
  deliver: ({ type }) =>
    type === 'write' ? { type: 'respond', answer: READ_ONLY } : { type: 'redirect', status: 302 },

  refuse: refusePlainly,

  purl(resource) {
    const [arch = '', file = ''] = resource.path.split('/').slice(-2);
    const [, name, version] = PACKAGE.exec(file) ?? [];
    if (resource.type !== 'package' || name === undefined || version === undefined) return undefined;
    // A `pkgname-spec` may have other folders.
    const qualifier = /^\w+$/.test(arch) ? `?arch=${arch}` : '';
    return `pkg:apk/alpine/${toPurlText(name)}@${toPurlText(version)}${qualifier}`;
  },

  // Quoted, since a pattern has characters that a shell reads.
  usage: (subject, publicUrl) => `wget '${publicUrl}${subject}'`,
};

function readType(path: string): Exclude<ApkResource, ApkWrite>['type'] | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (!path.startsWith('/') || !FILE_NAME.test(file)) return undefined;
  if (INDEX.test(file)) return 'index';
  if (PACKAGE.test(file)) return 'package';
  return KEY.test(file) && file.length > '.rsa.pub'.length ? 'key' : undefined;
}
