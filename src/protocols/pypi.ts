/**
 * The Python Package Index and indexes like it: what pip, uv, poetry and pdm install from.
 *
 * @see https://packaging.python.org/en/latest/specifications/simple-repository-api/
 * @module
 */

import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Lead, Protocol, Refusal, RuleContext, Tools } from '../core/protocol.ts';
import { readsHtmlAlone, toHtml } from './_pypi-convert.ts';
import { findFile } from './_pypi-files.ts';
import { answerMerged } from './_pypi-merge.ts';
import { isProject, normalize, readFileName, versionOf } from './_pypi-names.ts';
import { rewriteLegacy, rewritePage, rewriteRoot } from './_pypi-pages.ts';

/** All projects: `/simple/`. */
export interface PypiRoot {
  /** The kind of resource. */
  readonly type: 'root';
}

/** The files of a project: `/simple/<project>/`. */
export interface PypiPage {
  /** The kind of resource. */
  readonly type: 'page';
  /** The project's name, normalised. */
  readonly project: string;
}

/** The same under another spelling, or without the slash: `/simple/<Project>`. */
export interface PypiAlias {
  /** The kind of resource. */
  readonly type: 'alias';
  /** The path. */
  readonly path: string;
  /** The project's name, normalised; absent for the list of all. */
  readonly project?: string;
}

/** A file, or what is beside one: `/files/<project>/<file>`, `/files/<project>/<file>.metadata`. */
export interface PypiFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The project's name, normalised. */
  readonly project: string;
  /** The file's name. */
  readonly file: string;
  /** What beside the file is meant: its metadata (PEP 658), its signature or its provenance (PEP 740). */
  readonly side?: 'metadata' | 'asc' | 'provenance';
}

/** What pypi.org's own API tells of a project: `/pypi/<project>/json`, `/pypi/<project>/<version>/json`. */
export interface PypiDescription {
  /** The kind of resource. */
  readonly type: 'description';
  /** The project's name, as it was asked for. */
  readonly name: string;
  /** The version, if one is meant. */
  readonly version?: string;
}

/** An upload: `/legacy/`. */
export interface PypiUpload {
  /** The kind of resource. */
  readonly type: 'upload';
}

/** Anything that a client asks of an index. */
export type PypiResource = PypiRoot | PypiPage | PypiAlias | PypiFile | PypiDescription | PypiUpload;

const FILE = /^\/files\/([a-z\d-]+)\/([^/]+)$/;
const SIDE = /\.(metadata|asc|provenance)$/;
const DESCRIPTION = /^\/pypi\/([\w.-]+)\/(?:([\w.+!-]+)\/)?json$/;

/** The protocol of Python package indexes. */
export const pypi: Protocol<PypiResource> = {
  name: 'pypi',
  subjects: 'name',
  merges: true,
  errorType: 'text/plain',

  parse({ method, path }) {
    if (method === 'POST') return path === '/legacy/' ? { type: 'upload' } : undefined;
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path.startsWith('/simple')) return parseSimple(path);
    return path.startsWith('/files/') ? parseFile(path) : parseDescription(path);
  },

  format(resource) {
    switch (resource.type) {
      case 'root':
        return '/simple/';
      case 'page':
        return `/simple/${resource.project}/`;
      case 'alias':
        return resource.path;
      case 'file':
        return `/files/${resource.project}/${resource.file}${resource.side ? `.${resource.side}` : ''}`;
      case 'description':
        return `/pypi/${resource.name}/${resource.version === undefined ? '' : `${resource.version}/`}json`;
      case 'upload':
        return '/legacy/';
    }
  },

  subject(resource) {
    if (resource.type === 'description') return normalize(resource.name);
    return 'project' in resource ? resource.project : undefined;
  },

  deliver(resource, { publicUrl }) {
    if (resource.type === 'alias') {
      const path = resource.project === undefined ? '' : `${resource.project}/`;
      const headers = { 'content-type': TEXT, location: `${publicUrl}/simple/${path}` };
      return { type: 'respond', answer: { status: 302, headers, body: '' } };
    }
    if (resource.type !== 'upload') return { type: 'carry' };
    const refusal = {
      status: 405,
      message: 'This address is for installing; upload to the index itself.',
      headers: { allow: 'GET, HEAD' },
    };
    return { type: 'respond', answer: refusePlainly(refusal) };
  },

  async carry(resource, context, tools) {
    switch (resource.type) {
      case 'page':
        if (context.merged)
          return answerMerged(
            resource.project,
            [tools, ...tools.others],
            (own) => locate(own, resource),
            refusePlainly,
          );
        // A client takes the addresses of files from this page, and may write them into its lock file.
        return { url: locate(tools, resource), status: 302, delivery: 'rewrite' };
      case 'root':
      case 'description':
        return { url: locate(tools, resource), status: 302, delivery: 'rewrite' };
      case 'file':
        return findIn(resource, context, tools);
      default:
        return refusePlainly({ status: 404, message: 'There is no such page.' });
    }
  },

  refuse: refusePlainly,

  challenge: (_, { publicUrl }) => challengeOf(publicUrl),

  leadsTo({ host }) {
    if (host === 'pypi.org') return ['files.pythonhosted.org'];
    return host === 'test.pypi.org' ? ['test-files.pythonhosted.org'] : [];
  },

  purl(resource) {
    if (resource.type !== 'file' || resource.side !== undefined) return undefined;
    const version = versionOf(resource.project, resource.file);
    const purl = `pkg:pypi/${resource.project}`;
    return version === undefined ? purl : `${purl}@${encodeURIComponent(version)}`;
  },

  rewrite(resource, message, { publicUrl, accept }) {
    const { headers, body } = message;
    if (resource.type === 'root') return { headers: varied(headers), body: rewriteRoot(message) };
    if (resource.type === 'page') {
      const page = { ...message, body: rewritePage(message, resource.project, publicUrl) };
      return readsHtmlAlone(accept)
        ? toHtml(page, varied(headers), resource.project)
        : { headers: varied(headers), body: page.body };
    }
    if (resource.type !== 'description') return { headers, body };
    return { headers, body: rewriteLegacy(message, normalize(resource.name), publicUrl) };
  },

  usage: (subject, publicUrl) => `pip install ${subject} --index-url ${publicUrl}/simple/`,
};

const TEXT = 'text/plain; charset=utf-8';

function parseSimple(path: string): PypiResource | undefined {
  if (path === '/simple/') return { type: 'root' };
  if (path === '/simple') return { type: 'alias', path };
  const [, simple, name = '', ...rest] = path.split('/');
  if (simple !== 'simple' || !isProject(name) || rest.length > 1 || (rest[0] ?? '') !== '') return undefined;
  const project = normalize(name);
  return path === `/simple/${project}/` ? { type: 'page', project } : { type: 'alias', path, project };
}

function parseFile(path: string): PypiFile | undefined {
  const [, project = '', name = ''] = FILE.exec(path) ?? [];
  if (!isProject(project) || normalize(project) !== project) return undefined;
  const side = SIDE.exec(name)?.[1] as PypiFile['side'];
  const file = readFileName(side === undefined ? name : name.slice(0, -side.length - 1));
  return file === undefined ? undefined : { type: 'file', project, file, ...(side && { side }) };
}

function parseDescription(path: string): PypiDescription | undefined {
  const [, name = '', version] = DESCRIPTION.exec(path) ?? [];
  if (!isProject(name) || (version !== undefined && /^\.+$/.test(version))) return undefined;
  return { type: 'description', name, ...(version !== undefined && { version }) };
}

/** Where an upstream has something: below its address, which may be that of its `/simple/` itself. */
function locate(tools: Tools, resource: PypiRoot | PypiPage | PypiDescription): string {
  const url = new URL(tools.locate(resource));
  const path = pypi.format(resource);
  const base = url.pathname.slice(0, -path.length);
  const index = /\/(?:\+|%2B)?simple$/i.exec(base)?.[0];
  if (index === undefined) return url.href;
  url.pathname =
    resource.type === 'description'
      ? base.slice(0, -index.length) + path
      : base + path.slice('/simple'.length);
  return url.href;
}

/** In a merged index, the first that has the file. */
async function findIn(resource: PypiFile, context: RuleContext, tools: Tools): Promise<Answer | Lead> {
  let found = await findAt(resource, context, tools);
  for (const [index, other] of tools.others.entries()) {
    if ('url' in found || found.status !== 404) break;
    const next = await findAt(resource, context, other);
    found = 'url' in next ? { ...next, from: index + 1 } : next;
  }
  return found;
}

function findAt(
  resource: PypiFile,
  { publicUrl, delegated }: RuleContext,
  tools: Tools,
): Promise<Answer | Lead> {
  return findFile(resource, tools, {
    page: locate(tools, { type: 'page', project: resource.project }),
    refuse: (refusal) =>
      refusePlainly(delegated && refusal.status === 401 ? withChallenge(refusal, publicUrl) : refusal),
  });
}

/** RFC 9110 §15.5.2: a 401 says how to show a credential. */
function withChallenge(refusal: Refusal, publicUrl: string): Refusal {
  return { ...refusal, headers: { ...refusal.headers, 'www-authenticate': challengeOf(publicUrl) } };
}

/** What clients answer is a name and a password, whatever the upstream would take besides. */
function challengeOf(publicUrl: string): string {
  return `Basic realm="${publicUrl}"`;
}

/** PEP 691: a page has two forms, and `Accept` tells which. */
function varied(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { vary = '' } = headers;
  const fields = vary.split(',').map((field) => field.trim().toLowerCase());
  if (fields.includes('accept') || fields.includes('*')) return headers;
  return { ...headers, vary: vary === '' ? 'accept' : `${vary}, accept` };
}
