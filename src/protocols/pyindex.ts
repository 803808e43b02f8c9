/**
 * An index of Python packages that is made here, of the files that a rule lists: what pip, uv, poetry and pdm install from.
 *
 * @see https://packaging.python.org/en/latest/specifications/simple-repository-api/
 * @module
 */
import type { OptionType } from '../core/options.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type {
  Answer,
  CarriedAnswer,
  Delivery,
  Lead,
  Protocol,
  RuleContext,
  Tools,
} from '../core/protocol.ts';
import { type FileIndex, indexFiles, type ListedFile, writePage, writeRoot } from './_pyindex-pages.ts';
import { isProject, normalize, versionOf } from './_pypi-names.ts';

/** All projects: `/simple/`. */
export interface PyindexRoot {
  /** The kind of resource. */
  readonly type: 'root';
}

/** The files of a project: `/simple/<project>/`. */
export interface PyindexPage {
  /** The kind of resource. */
  readonly type: 'page';
  /** The project's name, normalised. */
  readonly project: string;
}

/** The same under another spelling, or without the slash: `/simple/<Project>`. */
export interface PyindexAlias {
  /** The kind of resource. */
  readonly type: 'alias';
  /** The path. */
  readonly path: string;
  /** The project's name, normalised; absent for the list of all. */
  readonly project?: string;
}

/** A file, or its signature: `/simple/<project>/<file>`, `/simple/<project>/<file>.asc`. */
export interface PyindexFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The project's name, normalised. */
  readonly project: string;
  /** The file's name. */
  readonly file: string;
}

/** Anything that a client asks of such an index. */
export type PyindexResource = PyindexRoot | PyindexPage | PyindexAlias | PyindexFile;

/** What a rule says. */
interface PyindexOptions {
  readonly files?: readonly ListedFile[];
}

const FILE_NAME = /^[A-Za-z\d][\w.+!~-]*$/;

const file: OptionType = {
  type: 'record',
  expected: 'a mapping with `project`, `filename` and `url`',
  keys: {
    project: {
      type: 'text',
      pattern: /^[A-Za-z\d](?:[\w.-]*[A-Za-z\d])?$/,
      expected: 'the name of a project',
      description: 'The name of its project.',
      required: true,
    },
    filename: {
      type: 'text',
      pattern: FILE_NAME,
      expected: 'the name of a file',
      description: 'Its name.',
      required: true,
    },
    url: {
      type: 'text',
      pattern: /^(?:https?:\/\/[^/?#\s@]+)?\/[!-"$-~]*$/,
      expected: 'an address, or a path below `to` that starts with a slash, without a fragment',
      description: 'Where it is: an address, or a path below `to`.',
      required: true,
    },
    hashes: {
      type: 'map',
      of: { type: 'text', pattern: /^[\da-f]+$/, expected: 'a digest in hexadecimal, in lower case' },
      expected: 'a mapping of algorithms to digests',
      description: 'Its digests by algorithm: `sha256`.',
    },
    'requires-python': {
      type: 'text',
      expected: 'versions of Python, such as `>=3.9`',
      description: 'The versions of Python that it is for.',
    },
    'gpg-sig': {
      type: 'flag',
      expected: '`true` or `false`',
      description: 'Whether its signature is beside it, under its name with `.asc` behind.',
    },
    yanked: {
      type: 'text',
      expected: 'a reason',
      description: 'Why it should not be installed any more.',
    },
  },
};

/** The protocol of indexes that are made here. */
export const pyindex: Protocol<PyindexResource> = {
  name: 'pyindex',
  subjects: 'name',
  targetOptional: true,
  errorType: 'text/plain',
  options: {
    files: {
      type: 'list',
      of: file,
      expected: 'a list of files',
      description: 'The files of the index.',
      required: true,
    },
  },

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === '/simple/') return { type: 'root' };
    if (path === '/simple') return { type: 'alias', path };
    const [, name = '', rest] = /^\/simple\/([^/]+)(?:\/([^/]*))?$/.exec(path) ?? [];
    if (!isProject(name)) return undefined;
    const project = normalize(name);
    if (rest === '' && project === name) return { type: 'page', project };
    if (rest === '' || rest === undefined) return { type: 'alias', path, project };
    const named = decode(rest);
    return FILE_NAME.test(named) ? { type: 'file', project, file: named } : undefined;
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
        return `/simple/${resource.project}/${resource.file}`;
    }
  },

  subject: (resource) => ('project' in resource ? resource.project : undefined),

  // What is listed with a digest, pip checks; and what it asks for came from here.
  tie: ({ type }) => (type === 'file' ? { type: 'content' } : undefined),

  deliver(resource, context) {
    if (resource.type === 'root' || resource.type === 'page') return { type: 'carry' };
    if (resource.type === 'file') return deliverFile(resource, context);
    return { type: 'respond', answer: leadToPage(resource, context) };
  },

  async carry(resource, context, tools): Promise<CarriedAnswer | Lead> {
    const index = indexOf(context);
    if (resource.type === 'file') {
      const url = findUrl(resource, context);
      return url === undefined ? NO_FILE : { url, status: 302 };
    }
    if (resource.type === 'root') return answerPage(writeRoot(index, context.accept), index, tools);
    const files = resource.type === 'page' ? index.get(resource.project) : undefined;
    return files && resource.type === 'page'
      ? answerPage(writePage(resource.project, files, context.accept), files, tools)
      : NO_PROJECT;
  },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type !== 'file') return undefined;
    const version = versionOf(resource.project, resource.file.replace(/\.(?:asc|sig)$/, ''));
    return version === undefined
      ? undefined
      : `pkg:pypi/${resource.project}@${encodeURIComponent(version)}?file_name=${encodeURIComponent(resource.file)}`;
  },

  usage: (subject, publicUrl) => `pip install --index-url ${publicUrl}/simple/ ${subject}`,
};

const NO_FILE = refusePlainly({ status: 404, message: 'No rule lists this file.' });
const NO_PROJECT = refusePlainly({ status: 404, message: 'No rule lists a file of this project.' });

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}

function indexOf({ options }: RuleContext): FileIndex {
  return indexFiles((options as PyindexOptions).files ?? NO_FILES);
}

const NO_FILES: readonly ListedFile[] = [];

/** Where a file is, or its signature: an address, or a path below the upstream. */
function findUrl({ project, file: name }: PyindexFile, context: RuleContext): string | undefined {
  const files = indexOf(context).get(project);
  const listed = files?.get(name)?.url;
  if (listed !== undefined || !name.endsWith('.asc')) return listed;
  const signed = files?.get(name.slice(0, -4));
  if (!signed?.['gpg-sig']) return undefined;
  const [path = '', ...query] = signed.url.split('?');
  return [`${path}.asc`, ...query].join('?');
}

function deliverFile(resource: PyindexFile, context: RuleContext): Delivery {
  const url = findUrl(resource, context);
  if (url === undefined) return { type: 'respond', answer: NO_FILE };
  if (url.startsWith('/')) return context.upstream ? { type: 'redirect', status: 302, place: url } : NOWHERE;
  // An address of its own is fetched, where it must be, as one that a document of the upstream has.
  const downgrade = url.startsWith('http:') && context.publicUrl.startsWith('https:');
  if (context.upstream && (context.mode === 'proxy' || downgrade)) return { type: 'carry' };
  return { type: 'redirect', status: 302, to: url };
}

const NOWHERE: Delivery = {
  type: 'respond',
  answer: refusePlainly({
    status: 502,
    message: 'The rule has no `to` that the path of this file is below.',
  }),
};

/** Links on the page are relative to its address, so that this must be the one with the slash. */
function leadToPage({ project }: PyindexAlias | PyindexFile, { publicUrl }: RuleContext): Answer {
  const location = `${publicUrl}/simple/${project === undefined ? '' : `${project}/`}`;
  const headers = { 'content-type': 'text/plain; charset=utf-8', location, 'cache-control': 'no-store' };
  return { status: 302, headers, body: '' };
}

/** The page, or 304 to a client that has it: what its files are, and where, is in its entity tag. */
async function answerPage(page: Answer, files: object, tools: Tools): Promise<CarriedAnswer> {
  const etag = `"${await hash(page.body + JSON.stringify(files, toPlain))}"`;
  const headers = { ...page.headers, etag, 'cache-control': 'max-age=0' };
  const known = (tools.field('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*')
    ? { status: 304, headers, body: '' }
    : { ...page, headers };
}

function toPlain(_: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const bytes = [...new Uint8Array(digest)].slice(0, 16);
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
