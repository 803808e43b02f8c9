import { Parser } from 'htmlparser2';

import { isObject, type JsonObject } from '../core/json-document.ts';
import type { Answer, Refusal, Tools, UpstreamDocument } from '../core/protocol.ts';
import { leaveDocument, readDocument } from '../core/read-document.ts';
import { fileAt } from './_pypi-names.ts';
import { formOf } from './_pypi-pages.ts';

/** A link of a page: its attributes by their names in HTML. */
export type Link = Readonly<Record<string, string>>;

/** The longest page that is read, in bytes; the largest projects have a tenth of it. */
const MOST = 64 * 1_048_576;
/** Hashes in the order in which one of them is chosen for a link. */
const HASHES = ['sha256', 'sha512', 'sha384', 'sha224', 'blake2b'];
const ACCEPT =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/**
 * Makes one page of a project out of those of several upstreams: a file that several have is the first's. An upstream
 * that knows no such project adds nothing; that any other refuses, or is out of order, is told, since a page that lacks
 * its files would make clients choose others.
 *
 * @see https://peps.python.org/pep-0503/
 */
export async function answerMerged(
  project: string,
  upstreams: readonly Tools[],
  locate: (tools: Tools) => string,
  refuse: (refusal: Refusal) => Answer,
): Promise<Answer> {
  const documents = await Promise.all(
    upstreams.map((tools) => tools.fetchAt(locate(tools), { accept: ACCEPT })),
  );
  const files = new Map<string, Link>();
  let refused: number | undefined;
  for (const document of documents) {
    const { status, body } = document;
    if (status === 200) await collect(document, project, files);
    else {
      await leaveDocument(body);
      if (status !== 404) refused ??= status;
    }
  }
  if (refused !== undefined)
    return refuse({ status: refused, message: `An index answers ${refused} for ${project}.` });
  if (documents.every(({ status }) => status === 404))
    return refuse({ status: 404, message: `No index has a project ${project}.` });
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: write(project, files),
  };
}

async function collect(document: UpstreamDocument, project: string, files: Map<string, Link>): Promise<void> {
  const form = formOf(document);
  const text = await readDocument(document.body, MOST);
  if (form === undefined) throw new Error(`${document.url} is neither HTML nor JSON.`);
  const links = form === 'json' ? readJsonLinks(text) : readHtmlLinks(text, document.url);
  for (const link of links) {
    const { href = '' } = link;
    if (!URL.canParse(href, document.url)) continue;
    const url = new URL(href, document.url);
    const file = fileAt(url.href);
    if (file !== undefined && !files.has(file))
      files.set(file, { ...link, href: `../../files/${project}/${file}${url.hash}` });
  }
}

function readHtmlLinks(text: string, url: string): readonly Link[] {
  const links: Link[] = [];
  let base = url;
  const parser = new Parser({
    onopentag(name, attributes) {
      const { href } = attributes;
      if (name === 'base' && href !== undefined && URL.canParse(href, url)) base = new URL(href, url).href;
      if (name !== 'a' || href === undefined || !URL.canParse(href, base)) return;
      links.push({ ...keepData(attributes), href: new URL(href, base).href });
    },
  });
  parser.end(text);
  return links;
}

/** Of an anchor's attributes, those that the specifications know; a provenance leads to an upstream, and is left out. */
function keepData(attributes: Link): Link {
  const kept = Object.entries(attributes).filter(
    ([name]) => name.startsWith('data-') && name !== 'data-provenance',
  );
  return Object.fromEntries(kept);
}

function readJsonLinks(text: string): readonly Link[] {
  const page: unknown = JSON.parse(text);
  const files = isObject(page) && Array.isArray(page.files) ? page.files : [];
  return files.filter(isObject).flatMap(toLink);
}

/** PEP 691: what the keys of a file are as attributes of its link. */
export function toLink(file: JsonObject): readonly Link[] {
  if (typeof file.url !== 'string') return [];
  const link: Record<string, string> = { href: file.url + toFragment(file.hashes) };
  const requires = file['requires-python'];
  if (typeof requires === 'string') link['data-requires-python'] = requires;
  if (file.yanked) link['data-yanked'] = typeof file.yanked === 'string' ? file.yanked : '';
  if (typeof file['gpg-sig'] === 'boolean') link['data-gpg-sig'] = String(file['gpg-sig']);
  const metadata = file['core-metadata'] ?? file['dist-info-metadata'];
  if (metadata) {
    const value = toFragment(metadata).slice(1) || 'true';
    link['data-core-metadata'] = value;
    link['data-dist-info-metadata'] = value;
  }
  return [link];
}

function toFragment(hashes: unknown): string {
  if (!isObject(hashes)) return '';
  const name = HASHES.find((known) => typeof hashes[known] === 'string') ?? Object.keys(hashes)[0];
  return name === undefined ? '' : `#${name}=${String(hashes[name])}`;
}

function write(project: string, files: ReadonlyMap<string, Link>): string {
  return startPage(project) + [...files].map(([file, link]) => writeLink(file, link)).join('') + END_OF_PAGE;
}

/** A file's line of a page. */
export function writeLink(file: string, link: Link): string {
  const attributes = Object.entries(link).map(([name, value]) => ` ${name}="${escapeHtml(value)}"`);
  return `    <a${attributes.join('')}>${escapeHtml(file)}</a><br/>\n`;
}

/** What a page begins with. */
export function startPage(project: string): string {
  return `<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.1">
    <title>Links for ${project}</title>
  </head>
  <body>
`;
}

/** What a page ends with. */
export const END_OF_PAGE = '  </body>\n</html>\n';

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
