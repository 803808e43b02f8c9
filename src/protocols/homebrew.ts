/**
 * Homebrew: bottles, the JSON API, and taps.
 *
 * @see https://docs.brew.sh/Bottles
 * @see https://docs.brew.sh/Manpage#environment
 * @see https://git-scm.com/docs/http-protocol
 * @module
 */
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Delivery, Protocol, RuleContext } from '../core/protocol.ts';
import { readBottle, readImage } from './_homebrew-names.ts';
import { toPurlText } from './_purl-text.ts';

/** A bottle as a file: `/<folder>/<name>-<version>.<tag>.bottle[.<rebuild>].tar.gz`. */
export interface HomebrewBottle {
  /** The kind of resource. */
  readonly type: 'bottle';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** What bottles a version has, in a registry: `/v2/homebrew/core/<name>/manifests/<version>`. */
export interface HomebrewManifest {
  /** The kind of resource. */
  readonly type: 'manifest';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A bottle in a registry: `/v2/homebrew/core/<name>/blobs/sha256:…`. */
export interface HomebrewBlob {
  /** The kind of resource. */
  readonly type: 'blob';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A document of the JSON API: `/formula.jws.json`, `/cask/<name>.json`. */
export interface HomebrewDocument {
  /** The kind of resource. */
  readonly type: 'document';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** What git asks of a tap that it clones or fetches. */
export interface HomebrewTap {
  /** The kind of resource. */
  readonly type: 'tap';
  /** The path below the mount. */
  readonly path: string;
  /** The query, which names git's service. */
  readonly query?: string;
}

/** What git asks of a tap that it would push to. */
export interface HomebrewPush {
  /** The kind of resource. */
  readonly type: 'push';
  /** The path below the mount. */
  readonly path: string;
  /** The query, which names git's service. */
  readonly query?: string;
}

/** Anything that Homebrew asks for. */
export type HomebrewResource =
  | HomebrewBottle
  | HomebrewManifest
  | HomebrewBlob
  | HomebrewDocument
  | HomebrewTap
  | HomebrewPush;

// Distribution specification, "Pulling manifests"; some proxies encode the colon of a digest.
const DIGEST = /^sha256(?::|%3[Aa])[\da-f]{64}$/;
const TAG = /^\w[\w.-]{0,127}$/;
// Homebrew, Library/Homebrew/api: what is fetched below HOMEBREW_API_DOMAIN, by the folder that it is in.
const INDEX = /^(?:formula|cask)(?:_tap_migrations)?(?:\.jws)?\.json$/;
const DOCUMENTS: ReadonlyMap<string, RegExp> = new Map([
  ['formula', /\.json$/],
  ['cask', /\.json$/],
  ['cask-source', /\.rb$/],
  ['internal', /\.(?:json|txt)$/],
]);
const ANALYTICS = /^analytics(?:-linux)?$/;
// http-protocol(5): the smart service, and the files that stand in for it.
const TAP = /\/(?:info\/refs|git-upload-pack|HEAD|objects\/(?:info|pack|[\da-f]{2})\/[\w.-]+)$/;

/** The protocol of Homebrew. */
export const homebrew: Protocol<HomebrewResource> = {
  name: 'homebrew',
  subjects: 'path',

  parse({ method, path, query }) {
    if (!path.startsWith('/')) return undefined;
    if (method === 'POST') {
      if (path.endsWith('/git-upload-pack')) return { type: 'tap', path };
      return path.endsWith('/git-receive-pack') ? { type: 'push', path } : undefined;
    }
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path.endsWith('/info/refs'))
      return { type: query === 'service=git-receive-pack' ? 'push' : 'tap', path, ...(query && { query }) };
    const type = readType(path);
    return type && { type, path, ...(query && { query }) };
  },

  format: ({ path, query }) => (query ? `${path}?${query}` : path),

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  // brew checks a bottle against its formula; what git fetches must be of the repository whose references it has read.
  tie({ type, path }) {
    if (type === 'bottle' || type === 'blob') return { type: 'content' };
    if (type !== 'tap') return undefined;
    const of = path.replace(TAP, '');
    return { type: path.endsWith('/info/refs') ? 'index' : 'member', of };
  },

  deliver(resource, context) {
    switch (resource.type) {
      case 'push': {
        const message = 'This address is for reading; push to the repository itself.';
        return { type: 'respond', answer: refusePlainly({ status: 403, message }) };
      }
      case 'tap':
        // git goes on where its first request was answered.
        return { type: 'redirect', status: isSafe(context) ? 302 : 307 };
      case 'manifest':
      case 'blob':
        return deliverImage(resource, context);
      default:
        return { type: 'redirect', status: 302 };
    }
  },

  refuse: refusePlainly,

  // brew may ask for a bottle by HEAD alone, and fetch it from where that was answered.
  purl({ type, path }) {
    if (type === 'manifest') {
      const image = readImage(path);
      return image && `pkg:brew/${image.name.map(toPurlText).join('/')}@${toPurlText(image.version)}`;
    }
    const bottle = type === 'bottle' ? readBottle(path.slice(path.lastIndexOf('/') + 1)) : undefined;
    if (!bottle) return undefined;
    const rebuild = bottle.rebuild === undefined ? '' : `rebuild=${bottle.rebuild}&`;
    return `pkg:brew/${toPurlText(bottle.name)}@${toPurlText(bottle.version)}?${rebuild}tag=${bottle.tag}`;
  },

  // Quoted, since a pattern has characters that a shell reads.
  usage: (subject, publicUrl) => `curl -fL '${publicUrl}${subject}'`,
};

function isSafe({ method }: RuleContext): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** With HOMEBREW_ARTIFACT_DOMAIN, brew shows no token: the gateway gets the one that the registry asks for. */
function deliverImage({ type }: HomebrewManifest | HomebrewBlob, { mode }: RuleContext): Delivery {
  return { type: 'proxy', delivery: type === 'blob' && mode !== 'proxy' ? 'relay' : 'stream' };
}

function readType(path: string): 'bottle' | 'manifest' | 'blob' | 'document' | 'tap' | undefined {
  const [reference = '', kind = '', name = '', ...more] = path.split('/').reverse();
  const digest = DIGEST.test(reference);
  if (name !== '' && kind === 'blobs' && digest) return 'blob';
  if (name !== '' && kind === 'manifests' && (digest || TAG.test(reference))) return 'manifest';
  const counted = reference.endsWith('.json') && [kind, name, ...more].some((part) => ANALYTICS.test(part));
  if (INDEX.test(reference) || DOCUMENTS.get(kind)?.test(reference) || counted) return 'document';
  if (TAP.test(path) && !path.endsWith('-pack')) return 'tap';
  return readBottle(reference) && 'bottle';
}
