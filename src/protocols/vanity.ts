/**
 * Import paths of Go on a domain of one's own: the pages that say where a module's repository is.
 *
 * @see https://go.dev/ref/mod#vcs-find
 * @module
 */

import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Protocol } from '../core/protocol.ts';
import { findParameter } from '../core/query.ts';

/** The page of a module, or of a package in it: `/<module>/<package>`. */
export interface VanityPage {
  /** The kind of resource: `import` for go, which asks with `?go-get=1`, and `page` for people. */
  readonly type: 'import' | 'page';
  /** The module's name, below the mount. */
  readonly module: string;
  /** The package in it, from its slash on; empty for the module itself. */
  readonly path: string;
}

/** Where a module's source is: a repository, or a module proxy. */
interface Source {
  readonly vcs: string;
  readonly url: string;
  /** Where people are led: as it is, or with the import path behind its slash. */
  readonly docs: string;
}

// Modules reference, "Module paths": letters, digits and these signs; no element starts or ends with a dot.
const PATH = /^\/([\w~-][\w.~-]*)((?:\/[\w~+-][\w.~+-]*)*)\/?$/;
// Modules reference, "Finding a repository for a module path".
const SYSTEMS = ['bzr', 'fossil', 'git', 'hg', 'mod', 'svn'];

/** The protocol of Go's import paths. */
export const vanity: Protocol<VanityPage> = {
  name: 'vanity',
  subjects: 'name',
  general: true,

  parse({ method, path, query = '' }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const [, module, rest = ''] = PATH.exec(path) ?? [];
    if (module === undefined || /\.(?:\/|$)/.test(path)) return undefined;
    return { type: findParameter(query, 'go-get') === '1' ? 'import' : 'page', module, path: rest };
  },

  format: ({ type, module, path }) => `/${module}${path}${type === 'import' ? '?go-get=1' : ''}`,

  subject: ({ module }) => module,

  // A repository has one address for all of its packages.
  rename: (_, module) => ({ type: 'page', module, path: '' }),

  deliver({ type, module, path }, { publicUrl }) {
    const prefix = `${publicUrl.slice(publicUrl.indexOf('//') + 2)}/${module}`;
    return {
      type: 'refer',
      answer(target) {
        const source = readSource(target, module);
        if (!source) return refusePlainly({ status: 500, message: UNKNOWN });
        return type === 'import' ? toImport(prefix, prefix + path, source) : toDocs(prefix + path, source);
      },
    };
  },

  refuse: refusePlainly,

  // purl-spec, "golang": namespace and name are in lower case.
  purl: ({ module }, publicUrl) =>
    `pkg:golang/${`${publicUrl.slice(publicUrl.indexOf('//') + 2)}/${module}`.toLowerCase().replaceAll(':', '%3A')}`,

  usage: (subject, publicUrl) => `go get ${publicUrl.slice(publicUrl.indexOf('//') + 2)}/${subject}`,
};

const UNKNOWN = `The rule leads to a \`vcs\` that go does not know; write one of ${SYSTEMS.join(', ')}.`;

/** Reads the parameters of `to`; `undefined` when go knows no such version control system. */
function readSource(target: string, module: string): Source | undefined {
  const [url = '', query = ''] = target.split('?', 2);
  const vcs = findParameter(query, 'vcs') ?? 'git';
  const docs = findParameter(query, 'docs') || 'pkg.go.dev/';
  if (!SYSTEMS.includes(vcs)) return undefined;
  // A module proxy is one for all modules.
  const own = vcs === 'mod' && url.endsWith(`/${module}`) ? url.slice(0, -module.length - 1) : url;
  return { vcs, url: own, docs: `https://${docs}` };
}

/** What go reads: the prefix of the import path that is the repository's root, and where that is. */
function toImport(prefix: string, importPath: string, source: Source): Answer {
  const text = escapeHtml(importPath);
  const body = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="go-import" content="${escapeHtml(`${prefix} ${source.vcs} ${source.url}`)}">
<title>${text}</title>
</head>
<body>
<p><a href="${escapeHtml(docsOf(importPath, source))}">${text}</a></p>
</body>
</html>
`;
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    body,
  };
}

function toDocs(importPath: string, source: Source): Answer {
  const headers = { location: docsOf(importPath, source), 'cache-control': 'no-store' };
  return { status: 302, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: '' };
}

function docsOf(importPath: string, { docs }: Source): string {
  return docs.endsWith('/') ? docs + importPath : docs;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
