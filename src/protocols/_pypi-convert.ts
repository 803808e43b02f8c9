import { isObject } from '../core/json-document.ts';
import { rewriteJsonValues } from '../core/json-values.ts';
import type { ByteStream, Message } from '../core/protocol.ts';
import { END_OF_PAGE, startPage, toLink, writeLink } from './_pypi-merge.ts';
import { formOf } from './_pypi-pages.ts';

const HTML_OF_API = /^application\/vnd\.pypi\.simple\.v1\+html/i;

/** Tells whether a client reads the older form of a page alone, as pip did before 22.2: `text/html`, and nothing else. */
export function readsHtmlAlone(accept: string | undefined): boolean {
  return accept !== undefined && /\btext\/html\b/i.test(accept) && !/json|vnd\.pypi|\*/i.test(accept);
}

/** A page of a project, already with its links leading here, for a client that reads HTML alone. */
export function toHtml(
  page: Message,
  headers: Message['headers'],
  project: string,
): Pick<Message, 'headers' | 'body'> {
  if (formOf(page) === 'json')
    return {
      headers: { ...headers, 'content-type': 'text/html; charset=utf-8' },
      body: convert(page.body, project),
    };
  const type = headers['content-type'] ?? '';
  return { headers: { ...headers, 'content-type': type.replace(HTML_OF_API, 'text/html') }, body: page.body };
}

const encoder = new TextEncoder();

/** Makes HTML of JSON (PEP 691, PEP 503) as it streams through; what HTML has no place for is left out. */
async function* convert(body: ByteStream, project: string): ByteStream {
  yield encoder.encode(startPage(project));
  let lines = '';
  const visit = (_: readonly string[], file: unknown): undefined => {
    if (!isObject(file) || typeof file.filename !== 'string') return;
    for (const link of toLink(file)) {
      const { provenance } = file;
      const own = typeof provenance === 'string' ? { ...link, 'data-provenance': provenance } : link;
      lines += writeLink(file.filename, own);
    }
  };
  for await (const _ of rewriteJsonValues(body, [['files', '*']], visit)) {
    if (lines !== '') yield encoder.encode(lines);
    lines = '';
  }
  yield encoder.encode(lines + END_OF_PAGE);
}
