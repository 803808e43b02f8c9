/**
 * The Hugging Face Hub: what `huggingface_hub`, transformers and `@huggingface/hub` download models and datasets from.
 *
 * @see https://huggingface.co/docs/hub/api
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfendpoint
 * @module
 */
import type { Answer, Protocol, ProtocolRequest, Refusal } from '../core/protocol.ts';

/** A repository of the hub. */
export interface HuggingFaceRepository {
  /** Its kind, as it is in addresses of the API. */
  readonly kind: 'models' | 'datasets' | 'spaces';
  /** Its name: `acme/tiny`, or `gpt2`, as those without an owner have it. */
  readonly name: string;
  /** The path below which an upstream has its whole hub, without a slash at its ends; empty in requests. */
  readonly base: string;
}

/** A file of a revision: `/<name>/resolve/<revision>/<path>`. */
export interface HuggingFaceFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The repository. */
  readonly repository: HuggingFaceRepository;
  /**
   * How it is asked for: as it is, as git has it (large files are pointers then), or at the address where the hub keeps
   * small files.
   */
  readonly view: 'resolve' | 'raw' | 'cache';
  /** The branch, tag or commit, percent-encoded. */
  readonly revision: string;
  /** The path in the repository, percent-encoded. */
  readonly path: string;
  /** The query. */
  readonly query?: string;
}

/** What the hub tells of a repository: `/api/models/<name>/tree/<revision>`. */
export interface HuggingFaceInfo {
  /** The kind of resource. */
  readonly type: 'info';
  /** The repository. */
  readonly repository: HuggingFaceRepository;
  /** What follows the name, percent-encoded; empty for the repository itself. */
  readonly rest: string;
  /** The query. */
  readonly query?: string;
}

/** A change of something, or a token for one. */
export interface HuggingFaceWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path with its query. */
  readonly path: string;
}

/** Anything that a client asks of the hub. */
export type HuggingFaceResource = HuggingFaceFile | HuggingFaceInfo | HuggingFaceWrite;

const NAME = /^\w[\w.-]*$/;
const SEGMENT = /^(?:[\w.~!$&'()*+,;=:@[\]|-]|%[\dA-Fa-f]{2})+$/;
const COMMIT = /^[\da-f]{40}$/;
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const KINDS = ['models', 'datasets', 'spaces'] as const;
/** What no owner is called. */
const RESERVED = new Set<string>([...KINDS, 'api']);
/** What is told of a repository; other things are secrets, settings and talk. */
const TOLD = new Set([
  'commits',
  'croissant',
  'parquet',
  'paths-info',
  'refs',
  'revision',
  'tree',
  'treesize',
  'xet-read-token',
]);
/** What follows the name of a repository that has no owner. */
const AFTER_NAME = new Set([...TOLD, 'commit', 'preupload', 'resolve', 'raw', 'xet-write-token']);
/** What clients read of a redirect itself: where it leads, the answer has none of it. */
const FIELDS = ['x-repo-commit', 'x-linked-etag', 'x-linked-size', 'x-xet-hash'] as const;

/** The protocol of the Hugging Face Hub. */
export const huggingface: Protocol<HuggingFaceResource> = {
  name: 'huggingface',
  subjects: 'name',
  independent: true,

  parse,

  format(resource) {
    if (resource.type === 'write') return resource.path;
    const path = pathOf(resource);
    return resource.query === undefined ? path : `${path}?${resource.query}`;
  },

  subject: (resource) => (resource.type === 'write' ? undefined : nameOf(resource.repository)),

  rename: (resource, subject) =>
    resource.type === 'write' ? resource : { ...resource, repository: readPlace(subject) },

  leadsTo: ({ host }) => (host === 'huggingface.co' ? ['*.huggingface.co', '*.hf.co'] : []),

  deliver(resource, { mode, method }) {
    if (resource.type === 'write') return { type: 'respond', answer: READ_ONLY };
    // Clients take pages, commits and sizes from fields of these answers, and follow no redirect to another host.
    if (resource.type === 'info' || method === 'HEAD' || mode === 'proxy')
      return { type: 'proxy', delivery: 'stream' };
    return mode === 'redirect' ? { type: 'redirect', status: 302 } : { type: 'proxy', delivery: 'relay' };
  },

  fields(resource, { headers }, { publicUrl }) {
    if (resource.type === 'write') return {};
    const told: Record<string, string> = {};
    for (const name of FIELDS) if (headers[name] !== undefined) told[name] = headers[name];
    const lead = (address: string) => leadHere(address, resource.repository, publicUrl);
    const { link, 'x-xet-refresh-route': route } = headers;
    if (link !== undefined)
      told.link = link.replace(/<([^<>]*)>/g, (_, address: string) => `<${lead(address)}>`);
    if (route !== undefined) told['x-xet-refresh-route'] = lead(route);
    return told;
  },

  refuse,

  purl(resource) {
    if (resource.type !== 'file' || resource.repository.kind !== 'models') return undefined;
    const revision = resource.revision.toLowerCase();
    const version = COMMIT.test(revision) ? `@${revision}` : '';
    return `pkg:huggingface/${resource.repository.name}${version}`;
  },

  usage(subject, publicUrl) {
    const [kind = '', ...name] = subject.split('/');
    const of =
      kind === 'datasets' || kind === 'spaces' ? `${name.join('/')} --type ${kind.slice(0, -1)}` : subject;
    return `HF_ENDPOINT=${publicUrl} hf download ${of}`;
  },
};

function parse({ method, path, query }: ProtocolRequest): HuggingFaceResource | undefined {
  const found = readPath(path);
  if (!found) return undefined;
  const asked = query ? { query } : {};
  const reads = method === 'GET' || method === 'HEAD' || (method === 'POST' && isQuestion(found));
  if (reads && found.type !== 'write') return { ...found, ...asked };
  if (!reads && !WRITES.has(method)) return undefined;
  return reads && !path.includes('/xet-write-token/')
    ? undefined
    : { type: 'write', path: query ? `${path}?${query}` : path };
}

/** Whether a POST asks something: of many paths at once, too many for an address. */
function isQuestion(found: Found): boolean {
  return found.type === 'info' && found.rest.startsWith('paths-info/');
}

/** What a path is of; `write` is what can be no question. */
type Found = Omit<HuggingFaceFile, 'query'> | Omit<HuggingFaceInfo, 'query'> | { readonly type: 'write' };

function readPath(path: string): Found | undefined {
  const [, ...words] = path.split('/');
  if (!words.every((word) => SEGMENT.test(word))) return undefined;
  const [first, second, third] = words;
  if (first !== 'api') {
    const kind = first === 'datasets' || first === 'spaces' ? first : 'models';
    const [repository, [view, ...rest]] = readRepository(kind, kind === 'models' ? words : words.slice(1));
    return repository && (view === 'resolve' || view === 'raw') ? toFile(repository, view, rest) : undefined;
  }
  if (second === 'repos') return { type: 'write' };
  if (second === 'resolve-cache') {
    const [repository, rest] = isKind(third) ? readOwned(third, words.slice(3)) : NONE;
    return repository && toFile(repository, 'cache', rest);
  }
  const [repository, rest] = isKind(second) ? readRepository(second, words.slice(2)) : NONE;
  if (!repository) return undefined;
  const [verb] = rest;
  if (verb !== undefined && !TOLD.has(verb)) return { type: 'write' };
  return { type: 'info', repository, rest: rest.join('/') };
}

const NONE: readonly [undefined, readonly string[]] = [undefined, []];

/** A repository, and the words behind it. */
type Read = readonly [HuggingFaceRepository | undefined, readonly string[]];

function readRepository(kind: HuggingFaceRepository['kind'], words: readonly string[]): Read {
  const [owner = '', name] = words;
  if (name !== undefined && !AFTER_NAME.has(name)) return readOwned(kind, words);
  if (!NAME.test(owner) || RESERVED.has(owner)) return NONE;
  return [{ kind, name: owner, base: '' }, words.slice(1)];
}

function readOwned(kind: HuggingFaceRepository['kind'], words: readonly string[]): Read {
  const [owner = '', name = '', ...rest] = words;
  if (!NAME.test(owner) || RESERVED.has(owner) || !NAME.test(name)) return NONE;
  return [{ kind, name: `${owner}/${name}`, base: '' }, rest];
}

function toFile(
  repository: HuggingFaceRepository,
  view: HuggingFaceFile['view'],
  [revision, ...path]: readonly string[],
): Found | undefined {
  if (revision === undefined || path.length === 0) return undefined;
  return { type: 'file', repository, view, revision, path: path.join('/') };
}

function isKind(word: string | undefined): word is HuggingFaceRepository['kind'] {
  return KINDS.some((kind) => kind === word);
}

/** The repository that an address names: `acme/tiny`, `datasets/acme/reviews`, and what stands before is of the hub. */
function readPlace(place: string): HuggingFaceRepository {
  const words = place.split('/');
  const marked = words.findLastIndex((word) => word === 'datasets' || word === 'spaces');
  const kind = words[marked];
  if (isKind(kind) && marked >= words.length - 3 && marked < words.length - 1)
    return { kind, name: words.slice(marked + 1).join('/'), base: words.slice(0, marked).join('/') };
  return { kind: 'models', name: words.slice(-2).join('/'), base: words.slice(0, -2).join('/') };
}

/** The name that rules match on: with its kind in front, as in addresses of files. */
function nameOf({ kind, name, base }: HuggingFaceRepository): string {
  return `${base === '' ? '' : `${base}/`}${kind === 'models' ? '' : `${kind}/`}${name}`;
}

function pathOf(resource: HuggingFaceFile | HuggingFaceInfo): string {
  const { repository } = resource;
  const { kind, name } = repository;
  const base = repository.base === '' ? '' : `/${repository.base}`;
  if (resource.type === 'info')
    return `${base}/api/${kind}/${name}${resource.rest === '' ? '' : `/${resource.rest}`}`;
  const { view, revision, path } = resource;
  return view === 'cache'
    ? `${base}/api/resolve-cache/${kind}/${name}/${revision}/${path}`
    : `/${nameOf(repository)}/${view}/${revision}/${path}`;
}

/** An address of the hub's API, whatever it calls itself, as clients have it for this repository; others stay. */
function leadHere(address: string, repository: HuggingFaceRepository, publicUrl: string): string {
  if (!URL.canParse(address, publicUrl)) return address;
  const { pathname, search } = new URL(address, publicUrl);
  const start = pathname.search(/\/api\/(?:models|datasets|spaces)\//);
  if (start === -1) return address;
  const found = parse({ method: 'GET', path: pathname.slice(start), query: search.slice(1) });
  return found?.type === 'info' ? publicUrl + huggingface.format({ ...found, repository }) : address;
}

const READ_ONLY = refuse({
  status: 405,
  message: 'Nothing is changed here: ask the hub itself.',
  headers: { allow: 'GET, HEAD' },
});

/** The hub's own form: clients print the field, and tell a repository that there is not by its code. */
function refuse({ status, message, headers }: Refusal): Answer {
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'x-error-message': message,
      ...(status === 404 && { 'x-error-code': 'RepoNotFound' }),
      ...headers,
    },
    body: JSON.stringify({ error: message }),
  };
}
