/**
 * Composer repositories: what Composer 2 installs PHP packages from.
 *
 * @see https://getcomposer.org/doc/05-repositories.md#composer
 * @module
 */
import { isObject, type JsonObject, readJson } from '../core/json-document.ts';
import { rewriteJsonValues } from '../core/json-values.ts';
import type {
  Answer,
  Lead,
  Protocol,
  Refusal,
  RuleContext,
  Tools,
  UpstreamDocument,
} from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import {
  type ComposerDist,
  type ComposerLayout,
  decodePart,
  findDist,
  INCLUDE,
  listDists,
  readLayout,
  toPublicRoot,
  toPublicVersion,
  writeDistPath,
} from './_composer-documents.ts';

/** What the repository has, and where: `/packages.json`. */
export interface ComposerRoot {
  /** The kind of resource. */
  readonly type: 'root';
}

/** The versions of a package: `/p2/<vendor>/<name>.json`, or those of branches, `/p2/<vendor>/<name>~dev.json`. */
export interface ComposerMetadata {
  /** The kind of resource. */
  readonly type: 'metadata';
  /** The package's name, with its vendor. */
  readonly name: string;
  /** Whether the versions are those of branches. */
  readonly dev: boolean;
}

/** The archive of a version: `/dists/<vendor>/<name>/<version>/<reference>.<kind>`. */
export interface ComposerArchive {
  /** The kind of resource. */
  readonly type: 'archive';
  /** The package's name, with its vendor. */
  readonly name: string;
  /** The version, as the package writes it. */
  readonly version: string;
  /** The commit or other mark of what is in the archive; empty when there is none. */
  readonly reference: string;
  /** The kind of archive: `zip`, `tar`. */
  readonly kind: string;
}

/** A document with many packages, of a repository that has no metadata of each: `/include/<file>`. */
export interface ComposerInclude {
  /** The kind of resource. */
  readonly type: 'include';
  /** The path. */
  readonly path: string;
}

/** What Composer tells of an install: a POST to `/downloads/`. */
export interface ComposerNotification {
  /** The kind of resource. */
  readonly type: 'notification';
}

/** Anything that a client asks of a Composer repository. */
export type ComposerResource =
  | ComposerRoot
  | ComposerMetadata
  | ComposerArchive
  | ComposerInclude
  | ComposerNotification;

/** The longest document that is read whole, in bytes. */
const MOST = 33_554_432;

/** The longest notification that is taken here, in bytes. */
const MOST_OF_NOTIFICATION = 1_048_576;

/** For how long an upstream's documents are remembered, in seconds. */
const KEPT = 60;

// Composer's schema, "name": lower case, with single signs between; what has others is at no repository.
const NAME = String.raw`[a-z\d][a-z\d_.-]*/[a-z\d][a-z\d_.-]*`;
const METADATA = new RegExp(`^/p2/(${NAME})(~dev)?\\.json$`);
const ARCHIVE = new RegExp(`^/dists/(${NAME})/([\\w.~-]+)(?:/([\\w.~-]+))?\\.([a-z\\d]+)$`);

/** The protocol of Composer repositories. */
export const composer: Protocol<ComposerResource> = {
  name: 'composer',
  subjects: 'name',
  errorType: 'application/json',

  parse({ method, path }) {
    if (method === 'POST') return path === '/downloads/' ? { type: 'notification' } : undefined;
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === '/packages.json') return { type: 'root' };
    // Composer encodes the `$` that Satis has in the file's name.
    const plain = path.replaceAll('%24', '$');
    if (INCLUDE.test(plain.slice(1))) return { type: 'include', path: plain };
    const metadata = METADATA.exec(path);
    if (metadata) return { type: 'metadata', name: metadata[1] ?? '', dev: metadata[2] !== undefined };
    return parseArchive(path);
  },

  format(resource) {
    switch (resource.type) {
      case 'root':
        return '/packages.json';
      case 'metadata':
        return `/p2/${resource.name}${resource.dev ? '~dev' : ''}.json`;
      case 'archive':
        return writeDistPath(resource.name, resource);
      case 'include':
        return resource.path;
      case 'notification':
        return '/downloads/';
    }
  },

  subject: (resource) => ('name' in resource ? resource.name : undefined),

  deliver: ({ type }) => (type === 'include' ? { type: 'proxy', delivery: 'rewrite' } : { type: 'carry' }),

  async carry(resource, context, tools) {
    try {
      return await answer(resource, context, tools);
    } catch (error) {
      const refusal = error instanceof Error ? (error.cause as Refusal | undefined) : undefined;
      if (typeof refusal?.status !== 'number' || typeof refusal.message !== 'string') throw error;
      return toAnswer(refusal);
    }
  },

  rewrite(_, { headers, body }, { publicUrl }) {
    return {
      headers,
      body: rewriteJsonValues(body, [['packages', '*', '*']], (keys, version) =>
        toPublicVersion(keys[1] ?? '', version, publicUrl),
      ),
    };
  },

  refuse: toAnswer,

  purl(resource) {
    if (resource.type !== 'archive') return undefined;
    return `pkg:composer/${resource.name}@${encodeURIComponent(resource.version)}`;
  },

  usage: (subject, publicUrl) =>
    `composer config repositories.turnout composer ${publicUrl} && composer require ${subject}`,
};

function parseArchive(path: string): ComposerArchive | undefined {
  const [, name = '', first = '', second, kind = ''] = ARCHIVE.exec(path) ?? [];
  const version = decodePart(first);
  const reference = second === undefined ? '' : decodePart(second);
  if (version === undefined || reference === undefined || kind === 'path') return undefined;
  return { type: 'archive', name, version, reference, kind };
}

async function answer(
  resource: ComposerResource,
  context: RuleContext,
  tools: Tools,
): Promise<Answer | Lead> {
  switch (resource.type) {
    case 'root':
      return answerRoot(context, tools);
    case 'metadata': {
      const { metadata } = await findLayout(tools);
      if (metadata === undefined) return refuseUnknown(resource.name);
      return { url: locateMetadata(metadata, resource.name, resource.dev), status: 302, delivery: 'rewrite' };
    }
    case 'archive':
      return answerArchive(resource, tools);
    default:
      return answerNotification(tools);
  }
}

/** The upstream's own `packages.json`, with every address that a lock file could keep leading through the public one. */
async function answerRoot({ publicUrl, upstream }: RuleContext, tools: Tools): Promise<Answer> {
  const body = await tools.keep(`packages.json ${publicUrl}`, KEPT, async () => {
    const { document, url } = await readRoot(tools);
    const layout = layoutOf(document, url);
    const closed = upstream?.authenticated === true;
    const open = (address: string): boolean => !closed || new URL(address).origin !== upstream?.origin;
    return JSON.stringify(toPublicRoot(document, layout, url, publicUrl, open));
  });
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

async function findLayout(tools: Tools): Promise<ComposerLayout> {
  const text = await tools.keep('layout', KEPT, async () => {
    const { document, url } = await readRoot(tools);
    return JSON.stringify(layoutOf(document, url));
  });
  return JSON.parse(text) as ComposerLayout;
}

async function readRoot(tools: Tools): Promise<{ document: JsonObject; url: string }> {
  const found = await readDocument(await tools.fetch({ type: 'root' }));
  if (found === undefined) return fail({ status: 404, message: 'The upstream has no packages.json.' });
  if (!isObject(found.document)) return fail({ status: 502, message: 'The packages.json is no object.' });
  return { document: found.document, url: found.url };
}

function layoutOf(document: JsonObject, url: string): ComposerLayout {
  const layout = readLayout(document, url);
  return layout ?? fail({ status: 502, message: 'The upstream is a repository for Composer 1 only.' });
}

/** Reads a document; `undefined` when there is none. A refusal is passed on. */
async function readDocument({
  status,
  url,
  body,
}: UpstreamDocument): Promise<{ document: unknown; url: string } | undefined> {
  if (status === 200) return { document: await readJson(body, MOST), url };
  await leaveDocument(body);
  if (status === 404 || status === 410) return undefined;
  const message = `The upstream answers ${status} for ${new URL(url).pathname}.`;
  return fail({ status: status === 401 || status === 403 ? status : 502, message });
}

function locateMetadata(template: string, name: string, dev: boolean): string {
  return template.replaceAll('%package%', `${name}${dev ? '~dev' : ''}`);
}

/** Leads to where the upstream has an archive; what is kept of its documents is read anew before one is unknown. */
async function answerArchive(resource: ComposerArchive, tools: Tools): Promise<Answer | Lead> {
  const { name, version } = resource;
  const { metadata, whole } = await findLayout(tools);
  const branch = /^dev-|-dev$/i.test(version);
  const documents =
    metadata === undefined ? whole : [branch, !branch].map((dev) => locateMetadata(metadata, name, dev));
  for (const url of documents) {
    const found = await lookUp(tools, url, resource);
    if (found !== undefined) return { url: found, status: 302 };
  }
  return refuseUnknown(`${name} ${version}`);
}

async function lookUp(tools: Tools, url: string, resource: ComposerArchive): Promise<string | undefined> {
  const { name } = resource;
  const key = `archives ${name} ${url}`;
  let fresh = false;
  const read = async (): Promise<string> => {
    fresh = true;
    const found = await readDocument(await tools.fetchAt(url));
    return JSON.stringify(found === undefined ? [] : listDists(found.document, name, found.url));
  };
  const look = async (): Promise<string | undefined> =>
    findDist(JSON.parse(await tools.keep(key, KEPT, read)) as ComposerDist[], resource);
  const found = await look();
  if (found !== undefined || fresh) return found;
  tools.forget(key);
  return look();
}

/** Tells the upstream of an install, if it wants to be told. */
async function answerNotification(tools: Tools): Promise<Answer | Lead> {
  const { notify } = await findLayout(tools);
  if (notify !== undefined) return { url: notify, status: 307 };
  const body = await tools.readBody(MOST_OF_NOTIFICATION);
  if (body === undefined) return toAnswer({ status: 413, message: 'The notification is too long.' });
  return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"status":"success"}' };
}

function refuseUnknown(what: string): Answer {
  return toAnswer({ status: 404, message: `The upstream has no ${what}.` });
}

function fail(refusal: Refusal): never {
  throw new Error(refusal.message, { cause: refusal });
}

function toAnswer({ status, message, headers }: Refusal): Answer {
  return {
    status,
    // Composer prints a `warning` of an answer of exactly this type.
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ status: 'error', message, warning: message }),
  };
}
