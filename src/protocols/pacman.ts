/**
 * Pacman repositories: what Arch Linux and its relatives install from.
 *
 * @see https://man.archlinux.org/man/pacman.conf.5
 * @see https://man.archlinux.org/man/repo-add.8
 * @module
 */
import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';
import { FILE_NAME } from './_file-name.ts';
import { toPurlText } from './_purl-text.ts';

/** What a repository has: `/<folder>/core.db`, the lists of files and links, and their signatures. */
export interface PacmanDatabase {
  /** The kind of resource. */
  readonly type: 'database';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A package: `/<folder>/<name>-<version>-<release>-<arch>.pkg.tar.zst`. */
export interface PacmanPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** The detached signature of a package. */
export interface PacmanSignature {
  /** The kind of resource. */
  readonly type: 'signature';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a repository. */
export interface PacmanWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

/** Anything that pacman asks of a repository. */
export type PacmanResource = PacmanDatabase | PacmanPackage | PacmanSignature | PacmanWrite;

const DATABASE = /\.(db|files|links)(?:\.tar(?:\.[a-z\d]+)?)?(\.sig)?$/;
const PACKAGE = /\.pkg\.tar(?:\.[a-z\d]+)?(\.sig)?$/;

const READ_ONLY = refuseWriting('This address is for installing; publish to the repository itself.');

/** The protocol of pacman repositories. */
export const pacman: Protocol<PacmanResource> = {
  name: 'pacman',
  subjects: 'path',

  parse({ method, path, query }) {
    const type = readType(path);
    if (type && method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    return type && { type, path, ...(query && { query }) };
  },

  format: (resource) =>
    'query' in resource && resource.query ? `${resource.path}?${resource.query}` : resource.path,

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  // A package has its checksum in the database, and is of one build; the lists of a repository are of one moment.
  tie({ type, path }) {
    if (type === 'write') return undefined;
    if (type !== 'database') return { type: 'content' };
    const database = DATABASE.exec(path);
    const opens = database?.[1] === 'db' && database[2] === undefined;
    return { type: opens ? 'index' : 'member', of: path.slice(0, database?.index) };
  },

  // Signatures and checksums cover every byte, and pacman asks for each file at the server it was told of.
  deliver: ({ type }) =>
    type === 'write' ? { type: 'respond', answer: READ_ONLY } : { type: 'redirect', status: 302 },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type !== 'package') return undefined;
    const file = fileOf(resource.path);
    const { name, version, arch } = readPackage(file.slice(0, file.search(PACKAGE)));
    return `pkg:alpm/arch/${toPurlText(name)}@${toPurlText(version)}?arch=${toPurlText(arch)}`;
  },

  // Quoted, since a pattern has characters that a shell reads.
  usage: (subject, publicUrl) => `curl -fLO '${publicUrl}${subject}'`,
};

function fileOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function readType(path: string): Exclude<PacmanResource, PacmanWrite>['type'] | undefined {
  const file = fileOf(path);
  if (!path.startsWith('/') || !FILE_NAME.test(file)) return undefined;
  const database = DATABASE.exec(file);
  if (database) return database.index > 0 ? 'database' : undefined;
  const found = PACKAGE.exec(file);
  if (!found || readPackage(file.slice(0, found.index)).name === '') return undefined;
  return found[1] === undefined ? 'package' : 'signature';
}

/** Reads from the right, since a name may have hyphens, and a version and an architecture have none. */
function readPackage(stem: string): { name: string; version: string; arch: string } {
  const parts = stem.split('-');
  const [version = '', release = '', arch = ''] = parts.slice(-3);
  const whole = parts.length > 3 && version !== '' && release !== '' && arch !== '';
  return { name: whole ? parts.slice(0, -3).join('-') : '', version: `${version}-${release}`, arch };
}
