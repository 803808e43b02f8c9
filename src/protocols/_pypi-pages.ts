import { rewriteJsonValues } from '../core/json-values.ts';
import type { ByteStream, Message } from '../core/protocol.ts';
import { type ReplaceLink, rewriteLinks } from './_pypi-html.ts';
import { fileAt, fileOfProvenance, isProject, normalize } from './_pypi-names.ts';

const FILE_URL = ['files', '*', 'url'];
const PROVENANCE = ['files', '*', 'provenance'];
const LEGACY = [
  ['urls', '*', 'url'],
  ['releases', '*', '*', 'url'],
];

/** Tells in which of its two forms a page of the Simple API is (PEP 691); `undefined` when in none. */
export function formOf({ headers }: Pick<Message, 'headers'>): 'json' | 'html' | undefined {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/vnd.pypi.simple.v1+json' || type === 'application/json') return 'json';
  if (type === 'application/vnd.pypi.simple.v1+html' || type === 'text/html') return 'html';
  return undefined;
}

/** A page of a project with the links to its files leading below `/files/`; each other byte as it is. */
export function rewritePage({ url, headers, body }: Message, project: string, publicUrl: string): ByteStream {
  const replace: ReplaceLink = (link, kind) =>
    kind === 'href' ? toFile(project, link) : toProvenance(project, link, publicUrl);
  switch (formOf({ headers })) {
    case 'json':
      return rewriteStrings(body, [FILE_URL, PROVENANCE], url, replace);
    case 'html':
      return rewriteLinks(body, url, replace);
    default:
      return body;
  }
}

/** The list of all projects with its links leading to their pages here; in JSON it has none. */
export function rewriteRoot({ url, headers, body }: Message): ByteStream {
  if (formOf({ headers }) !== 'html') return body;
  const index = new URL('.', url).href;
  return rewriteLinks(body, url, (link) => {
    const name = link.startsWith(index) ? link.slice(index.length).replace(/\/$/, '') : '';
    return isProject(name) ? `${normalize(name)}/` : undefined;
  });
}

/** What pypi.org's own API tells of a project, with the addresses of its files here. */
export function rewriteLegacy(
  { url, headers, body }: Message,
  project: string,
  publicUrl: string,
): ByteStream {
  if (formOf({ headers }) !== 'json') return body;
  return rewriteStrings(body, LEGACY, url, (link) => {
    const file = fileAt(link);
    return file === undefined ? undefined : `${publicUrl}/files/${project}/${file}`;
  });
}

/**
 * Reads the links of a page as it streams through, each with the file's name; a provenance's name is the file's with
 * `.provenance` at its end.
 */
export async function readPage(
  { url, headers, body }: Message,
  visit: (name: string, url: string) => void,
): Promise<void> {
  const read: ReplaceLink = (link, kind) => {
    const file = kind === 'href' ? fileAt(link) : fileOfProvenance(link);
    if (file !== undefined) visit(kind === 'href' ? file : `${file}.provenance`, withoutFragment(link));
    return undefined;
  };
  const form = formOf({ headers });
  if (form === undefined) throw new Error(`${url} is neither HTML nor JSON.`);
  const pieces =
    form === 'json'
      ? rewriteStrings(body, [FILE_URL, PROVENANCE], url, read, false)
      : rewriteLinks(body, url, read);
  for await (const _ of pieces);
}

/** Relative links need no public address, and are what a client resolves against the page's own. */
function toFile(project: string, link: string): string | undefined {
  const file = fileAt(link);
  return file === undefined ? undefined : `../../files/${project}/${file}${new URL(link).hash}`;
}

/** PEP 740: the address of a provenance is absolute. */
function toProvenance(project: string, link: string, publicUrl: string): string | undefined {
  const file = fileOfProvenance(link);
  return file === undefined ? undefined : `${publicUrl}/files/${project}/${file}.provenance`;
}

/** Replaces links in a JSON document; what is no file is made absolute, since the document has another address here. */
function rewriteStrings(
  body: ByteStream,
  paths: readonly (readonly string[])[],
  base: string,
  replace: ReplaceLink,
  absolute = true,
): ByteStream {
  return rewriteJsonValues(body, paths, (keys, value) => {
    if (typeof value !== 'string' || !URL.canParse(value, base)) return undefined;
    const link = new URL(value, base).href;
    const other = replace(link, keys.at(-1) === 'provenance' ? 'data-provenance' : 'href');
    return other ?? (absolute && !URL.canParse(value) ? link : undefined);
  });
}

function withoutFragment(link: string): string {
  const mark = link.indexOf('#');
  return mark === -1 ? link : link.slice(0, mark);
}
