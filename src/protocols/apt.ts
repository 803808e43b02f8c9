/**
 * Debian repositories: what apt installs from.
 *
 * @see https://wiki.debian.org/DebianRepository/Format
 * @module
 */
import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Answer, Protocol, RuleContext, Tools } from '../core/protocol.ts';
import { leaveDocument, readDocument } from '../core/read-document.ts';
import { armorKeys, KEY_BLOCK, readKeyring } from './_apt-key.ts';
import { formatMade, readAptPath, snapshotOf, suiteOf } from './_apt-paths.ts';
import { writeSources } from './_apt-sources.ts';

/** What a suite says of itself, and its signature: `/dists/stable/InRelease`, `Release`, `Release.gpg`. */
export interface AptRelease {
  /** The kind of resource. */
  readonly type: 'release';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** An index, or anything else that a suite lists: `/dists/stable/main/binary-amd64/Packages.xz`. */
export interface AptIndex {
  /** The kind of resource. */
  readonly type: 'index';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** An index under its hash: `/dists/stable/main/binary-amd64/by-hash/SHA256/<hash>`. */
export interface AptContent {
  /** The kind of resource. */
  readonly type: 'content';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A package, or a file of a source package: `/pool/main/t/tool/tool_1.0_amd64.deb`. */
export interface AptPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A source for clients, which is made here: `/dists/stable.sources`, of a flat repository `/flat.sources`. */
export interface AptSourcesFile {
  /** The kind of resource. */
  readonly type: 'sources';
  /** The path of the `InRelease` that it is made of. */
  readonly path: string;
}

/** The key of a repository, which is written here: `/dists/stable.asc`, of a flat repository `/flat.asc`. */
export interface AptKey {
  /** The kind of resource. */
  readonly type: 'key';
  /** The path of the `InRelease` that it signs. */
  readonly path: string;
}

/** A request that would change a repository. */
export interface AptWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

/** Anything that a client asks of a Debian repository. */
export type AptResource =
  | AptRelease
  | AptIndex
  | AptContent
  | AptPackage
  | AptSourcesFile
  | AptKey
  | AptWrite;

/** How long a key is kept, in seconds. */
const KEPT = 300;
/** The most bytes that an `InRelease` may have; Debian's have less than 300,000. */
const MAX_RELEASE = 4_194_304;

// Debian policy, §5.6.1 and §5.6.12, in the name of a file (`dpkg-name`(1)).
const BINARY = /^([a-z\d][a-z\d+.-]+)_([\w.+:~-]+)_([a-z\d-]+)\.(?:deb|udeb|ddeb)$/;
const SOURCE = /^([a-z\d][a-z\d+.-]+)_([\w.+:~-]+)\.dsc$/;

const READ_ONLY = refuseWriting('This address is for installing; publish to the repository itself.');

/** The protocol of Debian repositories. */
export const apt: Protocol<AptResource> = {
  name: 'apt',
  subjects: 'path',
  errorType: 'text/plain',
  options: {
    key: {
      type: 'text',
      pattern: /^(?:https?:\/\/[!-~]+|[\w/%.+~-]+)$/,
      expected: 'the address of the key, or its path below the repository, such as `keys/acme.asc`',
      description: 'The public key that signs the repository, which is given to clients with its source.',
      examples: ['key.asc', 'https://www.acme.example/apt.gpg'],
    },
    release: {
      type: 'word',
      words: ['redirect', 'proxy'],
      expected: '`redirect` or `proxy`',
      description:
        'How `InRelease`, `Release` and `Release.gpg` are delivered: apt asks for all indexes where it got them in the end.',
      default: 'redirect',
    },
  },

  parse({ method, path, query }) {
    const resource = readAptPath(path);
    if (!resource) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    return query && resource.type !== 'sources' && resource.type !== 'key'
      ? { ...resource, query }
      : resource;
  },

  format(resource) {
    const { type, path } = resource;
    if (type === 'sources' || type === 'key') return formatMade(type, path);
    return 'query' in resource && resource.query ? `${path}?${resource.query}` : path;
  },

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  tie({ type, path }) {
    switch (type) {
      case 'release':
        // A signature belongs to the `Release` that came before it.
        return { type: path.endsWith('.gpg') ? 'member' : 'index', of: snapshotOf(path) };
      case 'index':
        return { type: 'member', of: snapshotOf(path) };
      case 'content':
      case 'package':
        // A package's name has its version in it, and clients check its hash, which the index has.
        return { type: 'content' };
      default:
        return undefined;
    }
  },

  deliver(resource, { options }) {
    switch (resource.type) {
      case 'write':
        return { type: 'respond', answer: READ_ONLY };
      case 'sources':
      case 'key':
        return { type: 'carry' };
      case 'release':
        // apt asks for indexes first where it got this in the end (`Acquire::SameMirrorForAllIndexes`).
        if (options.release === 'proxy') return { type: 'proxy', delivery: 'stream' };
        return { type: 'redirect', status: 302 };
      default:
        // All is signed or hashed, and nothing names a host.
        return { type: 'redirect', status: 302 };
    }
  },

  async carry(resource, context, tools) {
    if (resource.type !== 'key') return makeSources(resource.path, context, tools);
    const key = await findKey(resource.path, context, tools);
    if (typeof key !== 'string') return key ?? refuseStatus(404, 'the key of this repository');
    return { status: 200, headers: { 'content-type': 'application/pgp-keys' }, body: key };
  },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type !== 'package') return undefined;
    const file = decodeName(resource.path.slice(resource.path.lastIndexOf('/') + 1));
    const [, name, version = '', architecture = 'source'] = BINARY.exec(file) ?? SOURCE.exec(file) ?? [];
    if (name === undefined) return undefined;
    const encode = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');
    return `pkg:deb/${encode(name)}@${encode(version)}?arch=${architecture}`;
  },

  usage: (subject, publicUrl) => `curl -fLO '${publicUrl}${subject}'`,
};

/** The source of a suite as its `InRelease` describes it, or its `Release` where there is no other. */
async function makeSources(path: string, context: RuleContext, tools: Tools): Promise<Answer> {
  const inRelease: AptRelease = { type: 'release', path };
  let found = await tools.fetch(inRelease);
  if (found.status === 404) {
    await leaveDocument(found.body);
    found = await tools.fetchAt(tools.locate(inRelease).replace(/InRelease(?=$|\?)/, 'Release'));
  }
  if (found.status !== 200) {
    await leaveDocument(found.body);
    return refuseStatus(found.status, 'this suite');
  }
  const release = await readDocument(found.body, MAX_RELEASE);
  const key = await findKey(path, context, tools);
  if (typeof key === 'object') return key;
  const { root, suite } = suiteOf(path);
  const body = writeSources({ uri: `${context.publicUrl}${root}/`, suite, release, key });
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** The key that the rule has, in armor, or why there is none; `undefined` when the rule has none. */
async function findKey(
  path: string,
  { options }: RuleContext,
  tools: Tools,
): Promise<string | Answer | undefined> {
  const { key } = options;
  if (typeof key !== 'string') return undefined;
  const inRelease: AptRelease = { type: 'release', path };
  const url = locateKey(key, tools.locate(inRelease));
  const name = `key ${url}`;
  const kept = await tools.keep(name, KEPT, async () => {
    const { status, body } = await tools.fetchAt(url);
    if (status === 200) return armorKeys(await readKeyring(body));
    await leaveDocument(body);
    return String(status);
  });
  if (kept.includes(KEY_BLOCK)) return kept;
  tools.forget(name);
  return refuseStatus(Number(kept), 'the key that its rule names');
}

/** Where a key is: an address, or a path below the repository that has this `InRelease`. */
function locateKey(key: string, inRelease: string): string {
  const { origin, pathname } = new URL(inRelease);
  const base = `${origin}${suiteOf(pathname).root}/`;
  return URL.canParse(key, base) ? new URL(key, base).href : key;
}

function refuseStatus(status: number, what: string): Answer {
  if (status === 401 || status === 403)
    return refusePlainly({ status, message: `The repository does not give ${what} to this client.` });
  return refusePlainly({ status: 404, message: `The repository does not have ${what}.` });
}

/** The bytes of a file's name. `dpkg-name`(1) writes the colon of an epoch as an escape of its own. */
function decodeName(file: string): string {
  try {
    return decodeURIComponent(file).replace('%3a', ':');
  } catch {
    return file;
  }
}
