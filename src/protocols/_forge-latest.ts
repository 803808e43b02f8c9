import { isObject, readJson } from '../core/json-document.ts';
import type { Options } from '../core/options.ts';
import type { RuleContext, Tools, UpstreamDocument } from '../core/protocol.ts';
import { leaveDocument, readDocument } from '../core/read-document.ts';
import { hasDotSegment } from '../core/request.ts';
import { decodeText } from './_forge-paths.ts';
import type { ForgeLatest } from './_forge-resources.ts';

/** The tag of the latest release, percent-encoded as one segment; or the status that says why there is none. */
export type Latest = { readonly tag: string } | { readonly status: number };

/** For how long a tag is the latest, in seconds, when the rule does not say. */
const KEPT = 120;
/** The most that is read of a document that says it, in bytes. */
const MOST = 1_048_576;
/** The longest tag; git takes no longer names of files. */
const LONGEST = 255;

/** Finds out which release of a project is the latest; asked once for all clients, and then kept. */
export async function findLatest(project: string, context: RuleContext, tools: Tools): Promise<Latest> {
  const { options } = context;
  const key = `latest ${textOf(options, 'latest') ?? ''}`;
  const text = await tools.keep(key, secondsOf(options), async () => {
    const latest = await askLatest(project, context, tools);
    return 'tag' in latest ? `=${latest.tag}` : `${latest.status}`;
  });
  if (text.startsWith('=')) return { tag: text.slice(1) };
  // A refusal ends when the credential is mended; that there is no release stays so for a while.
  if (text !== '404') tools.forget(key);
  return { status: Number(text) };
}

/** For how long what is said of releases is kept. */
export function secondsOf({ latestFor }: Options): number {
  return typeof latestFor === 'number' ? latestFor : KEPT;
}

/** Whether a rule says itself where to ask for the latest release. */
export function saysLatest(options: Options): boolean {
  return textOf(options, 'latest') !== undefined;
}

function textOf(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

function askLatest(project: string, context: RuleContext, tools: Tools): Promise<Latest> {
  const address = textOf(context.options, 'latest');
  if (address !== undefined)
    return askAddress(
      address.replaceAll(':project', () => project),
      context.options,
      tools,
    );
  const asked: ForgeLatest = { type: 'latest', project };
  switch (context.upstream?.kind) {
    case 'gitlab':
      return askRedirect(asked, readGitLabTag, tools);
    case 'sourceforge':
      return askSourceForge(tools.locate(asked), tools);
    case 'github-api':
      return tools.fetch(asked, JSON_ONLY).then((document) => readMember(document, 'tag_name'));
    default:
      return askRedirect(asked, readTag, tools);
  }
}

const JSON_ONLY = { accept: 'application/json' };

/** Asks where hosts redirect to the release: its page is not fetched. */
async function askRedirect(
  asked: ForgeLatest,
  read: (path: string) => string | undefined,
  tools: Tools,
): Promise<Latest> {
  const tagOf = (url: string) => toSegment(read(new URL(url).pathname));
  const { url, status, body } = await tools.fetch(asked, {}, (next) => tagOf(next) !== undefined);
  await leaveDocument(body);
  const tag = tagOf(url);
  return tag === undefined ? { status: refusalOf(status) } : { tag };
}

/** GitHub, Gitea and Forgejo: `/<owner>/<project>/releases/tag/<tag>`. */
function readTag(path: string): string | undefined {
  return after(path, '/releases/tag/');
}

/** GitLab: `/<project>/-/releases/<tag>`, once that is no permanent link any more. */
function readGitLabTag(path: string): string | undefined {
  const rest = after(path, '/-/releases/');
  return rest?.startsWith('permalink/') ? undefined : rest;
}

function after(path: string, mark: string): string | undefined {
  const at = path.indexOf(mark);
  return at === -1 ? undefined : path.slice(at + mark.length);
}

/** SourceForge says which file it holds for the best; the release is its folder. */
async function askSourceForge(located: string, tools: Tools): Promise<Latest> {
  const { protocol, host, pathname } = new URL(located);
  const [, , project = '', ...folders] = pathname.split('/').slice(0, -2);
  const site = host === 'downloads.sourceforge.net' ? 'sourceforge.net' : host;
  const url = `${protocol}//${site}/projects/${project}/best_release.json`;
  const document = await tools.fetchAt(url, JSON_ONLY);
  const base = ['', ...folders.map(decodeText), ''].join('/');
  return readMember(document, 'release.filename', (file) =>
    file.startsWith(base) ? file.slice(base.length, Math.max(base.length, file.lastIndexOf('/'))) : '',
  );
}

/** Asks an address of the rule's: a redirect ends with the tag, a text begins with it, a document has it somewhere. */
async function askAddress(address: string, options: Options, tools: Tools): Promise<Latest> {
  const from = textOf(options, 'latestFrom') ?? (textOf(options, 'latestPath') ? 'json' : 'redirect');
  if (from === 'json')
    return readMember(await tools.fetchAt(address, JSON_ONLY), textOf(options, 'latestPath') ?? 'tag_name');
  const document = await tools.fetchAt(address, {}, () => from === 'redirect');
  const { status, url, body } = document;
  if (from === 'text' && status === 200)
    return toLatest((await readDocument(body, MOST)).trim().split('\n', 1)[0]);
  await leaveDocument(body);
  if (from === 'text' || status < 300 || status > 399) return { status: refusalOf(status) };
  const tag = toSegment(new URL(url).pathname.replace(/\/$/, '').split('/').at(-1));
  return tag === undefined ? { status: 404 } : { tag };
}

/** Reads the text at a path of keys, `release.filename`, and what of it is the tag. */
async function readMember(
  { status, body }: UpstreamDocument,
  path: string,
  select: (text: string) => string = (text) => text,
): Promise<Latest> {
  if (status !== 200) {
    await leaveDocument(body);
    return { status: refusalOf(status) };
  }
  let value = await readJson(body, MOST);
  for (const key of path.split('.')) {
    const held: unknown = Array.isArray(value) ? { ...value } : value;
    value = isObject(held) && Object.hasOwn(held, key) ? held[key] : undefined;
  }
  return toLatest(typeof value === 'string' ? select(value) : undefined);
}

function toLatest(text: string | undefined): Latest {
  const tag = toSegment(text && encodeURIComponent(text.trim()));
  return tag === undefined ? { status: 404 } : { tag };
}

/** A tag as one segment of a path; `undefined` for what can be none. */
function toSegment(text: string | undefined): string | undefined {
  const tag = text?.replace(/\/$/, '').replaceAll('/', '%2F');
  if (!tag || tag.length > 3 * LONGEST || hasDotSegment(`/${tag}`) || /%(?:[01][\da-f]|7f)/i.test(tag))
    return undefined;
  return /^(?:[\w.~!$&'()*+,;=:@-]|%[\da-f]{2})+$/i.test(tag) ? tag : undefined;
}

/** What a client is told: a refusal as it is, and else that there is nothing. */
function refusalOf(status: number): number {
  return status === 401 || status === 403 ? status : 404;
}
