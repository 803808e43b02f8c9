/**
 * Nix: binary caches, channels, and the tarballs that flakes are locked to.
 *
 * @see https://nix.dev/manual/nix/latest/protocols/tarball-fetcher
 * @see https://nix.dev/manual/nix/latest/store/types/http-binary-cache-store
 * @module
 */
import type { Options } from '../core/options.ts';
import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Answer, Protocol } from '../core/protocol.ts';
import { findNar, type Nar, narPath, rewriteNarInfo } from './_nix-nar.ts';
import { findTarball } from './_nix-tarball.ts';

/** A file of a binary cache or of a channel, or a tarball. */
export interface NixFile {
  /** The kind of resource; `file` is any path that is none of a binary cache. */
  readonly type:
    | 'cache-info'
    | 'narinfo'
    | 'listing'
    | 'log'
    | 'realisation'
    | 'debuginfo'
    | 'archive'
    | 'file';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change something. */
export interface NixWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

export type { Nar } from './_nix-nar.ts';

/** Anything that Nix asks for. */
export type NixResource = NixFile | Nar | NixWrite;

// A store path's hash is 32 digits of Nix's own base 32.
const NAR = /^(\/(?:.*\/)?)nar\/([\da-df-np-sv-z]{32})-([\da-f]{64})\.nar(?:\.([a-z][a-z\d]*))?$/;
const FORMS: readonly (readonly [type: NixFile['type'], form: RegExp])[] = [
  ['narinfo', /\/[\da-df-np-sv-z]{32}\.narinfo$/],
  ['cache-info', /\/nix-cache-info$/],
  ['listing', /\/[\da-df-np-sv-z]{32}\.ls$/],
  ['log', /\/log\/[^/]+$/],
  ['realisation', /\/(?:realisations|build-trace-v2)\/./],
  ['debuginfo', /\/debuginfo\/[^/]+$/],
  ['archive', /\/nar\/./],
];

/** The protocol of Nix. */
export const nix: Protocol<NixResource> = {
  name: 'nix',
  subjects: 'path',
  general: true,
  options: {
    priority: {
      type: 'number',
      least: 0,
      most: 1000,
      expected: 'a whole number from 0 to 1000, such as 30',
      description:
        'Answers `nix-cache-info` here, with this priority: of two caches Nix asks the one with the lower number first.',
    },
    store: {
      type: 'text',
      pattern: /^(?:\/[\w.+-]+)+$/,
      expected: 'the path of a store, such as `/nix/store`',
      description:
        'The store that the paths of the cache are made for, for a `nix-cache-info` that is answered here.',
      default: '/nix/store',
    },
    compression: {
      type: 'word',
      words: ['keep', 'none'],
      expected: '`keep` or `none`',
      description:
        'What narinfos say of the compression: what the cache says, or `none`, and then every NAR passes through with its compression as its content encoding, so that a later cache may have another.',
      default: 'keep, and none in the mode proxy',
    },
    locked: {
      type: 'text',
      pattern: /^\/[^\s<>"?#]*:rev[^\s<>"?#:]*$/,
      expected: 'the path of a tarball with `:rev` in it, such as `/app/:rev.tar.gz`',
      description:
        'The path below `at` that a rule has for the tarball of a revision: flakes are locked to it, and every path of this rule is a tarball.',
      examples: ['/app/:rev.tar.gz'],
    },
  },

  parse({ method, path, query }) {
    if (!path.startsWith('/')) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    const [, folder, hash = '', narHash = '', compression = 'none'] = NAR.exec(path) ?? [];
    if (folder !== undefined)
      return { type: 'nar', narinfo: `${folder}${hash}.narinfo`, narHash, compression };
    const type = FORMS.find(([, form]) => form.test(path))?.[0] ?? 'file';
    return query ? { type, path, query } : { type, path };
  },

  format(resource) {
    if (resource.type === 'nar') return narPath(resource);
    return resource.type !== 'write' && resource.query ? `${resource.path}?${resource.query}` : resource.path;
  },

  // A NAR follows the rule of its narinfo, which is looked up for it.
  subject: (resource) => (resource.type === 'nar' ? resource.narinfo : resource.path),

  rename: (resource, path) =>
    resource.type === 'nar' ? { ...resource, narinfo: path } : { ...resource, path },

  // What a cache has under one name is signed, or checked by its hash; another cache may have it too.
  tie: (resource) =>
    resource.type === 'cache-info' || resource.type === 'file' || resource.type === 'write'
      ? undefined
      : { type: 'content' },

  deliver(resource, { mode, options }) {
    switch (resource.type) {
      case 'write':
        return { type: 'respond', answer: READ_ONLY };
      case 'nar':
        return { type: 'carry' };
      case 'narinfo':
        return mode === 'redirect' ? REDIRECT : { type: 'proxy', delivery: 'rewrite' };
      case 'cache-info':
        if (typeof options.priority === 'number') return { type: 'respond', answer: describeCache(options) };
        // A client that finds none gives the cache up; here the next upstream answers.
        return mode === 'redirect' ? REDIRECT : { type: 'proxy', delivery: 'stream' };
      case 'file':
        return typeof options.locked === 'string' ? { type: 'carry' } : REDIRECT;
      default:
        return REDIRECT;
    }
  },

  carry(resource, context, tools) {
    if (resource.type === 'nar') return findNar(resource, tools);
    const { locked } = context.options;
    return findTarball(resource, typeof locked === 'string' ? locked : '', context.publicUrl, tools);
  },

  rewrite(resource, { headers, body }, { mode, options }) {
    if (resource.type !== 'narinfo') return { headers, body };
    const plain = options.compression === undefined ? mode === 'proxy' : options.compression === 'none';
    return { headers, body: rewriteNarInfo(body, resource.path, plain) };
  },

  refuse: refusePlainly,

  usage: (subject, publicUrl) => `nix-prefetch-url '${publicUrl}${subject}'`,
};

const REDIRECT = { type: 'redirect', status: 302 } as const;

const READ_ONLY = refuseWriting('Store paths are only read here; upload them to the cache itself.');

function describeCache({ priority, store = '/nix/store' }: Options): Answer {
  const body = `StoreDir: ${store}\nWantMassQuery: 1\nPriority: ${priority}\n`;
  return { status: 200, headers: { 'content-type': 'text/x-nix-cache-info' }, body };
}
