/**
 * Plain downloads: any path below the mount.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110
 * @module
 */

import type { Options } from '../core/options.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Delivery, Protocol } from '../core/protocol.ts';
import { CORS_ORIGIN, corsFields, PREFLIGHT } from './_cors.ts';
import { cutSuffix, isSidePath, isSuffixOf, SIDE_SUFFIXES } from './_file-sides.ts';

/** A file to download. */
export interface FileDownload {
  /** The kind of resource. */
  readonly type: 'file';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** What stands beside a file, such as its checksum; no download of its own. */
export interface FileSide {
  /** The kind of resource. */
  readonly type: 'side';
  /** The path below the mount: its own, or when it follows another file that file's. */
  readonly path: string;
  /** What its own path has behind that of the file: `.sha256`. */
  readonly suffix?: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a file. */
export interface FileWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

/** A browser's question whether a script may send a request: `OPTIONS`. */
export interface FileQuestion {
  /** The kind of resource. */
  readonly type: 'question';
  /** The path below the mount. */
  readonly path: string;
}

/** Anything that a client asks of plain files. */
export type FileResource = FileDownload | FileSide | FileWrite | FileQuestion;

/** The protocol of plain downloads. */
export const file: Protocol<FileResource> = {
  name: 'file',
  subjects: 'path',
  general: true,
  targetOptional: true,
  options: {
    sideFiles: {
      type: 'list',
      of: {
        type: 'text',
        pattern: /^(?:\.[\w-]+)+$/,
        expected: 'a suffix with its dot, such as `.sha256`',
      },
      expected: 'a list of suffixes, such as `[.sha256, .sig]`, or `[]` for none',
      description:
        'The suffixes of what stands beside a file and follows its rule; an empty list for nothing.',
      default: SIDE_SUFFIXES,
      examples: [['.sha256', '.asc'], []],
    },
    cors: {
      type: 'list',
      of: {
        type: 'text',
        pattern: CORS_ORIGIN,
        expected: 'the origin of a site, such as `https://www.acme.dev`, or `*` for every one',
      },
      expected: 'a list of origins, such as `["https://www.acme.dev"]`, or `["*"]`',
      description: 'The sites whose scripts may read the answers, by `Access-Control-Allow-Origin`.',
      default: [],
      examples: [['*'], ['https://www.acme.dev']],
    },
  },

  parse({ method, path, query }) {
    if (!path.startsWith('/')) return undefined;
    if (method === 'OPTIONS') return { type: 'question', path };
    if (method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    const type = isSidePath(path) ? 'side' : 'file';
    // An empty query is one: `/a?` is another address than `/a`.
    return query === undefined ? { type, path } : { type, path, query };
  },

  format(resource) {
    if (resource.type === 'write' || resource.type === 'question') return resource.path;
    const path = resource.type === 'side' ? resource.path + (resource.suffix ?? '') : resource.path;
    return resource.query === undefined ? path : `${path}?${resource.query}`;
  },

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  aside(resource) {
    if (resource.type === 'write' || resource.type === 'question') return undefined;
    const cut = cutSuffix(resource.path, resource.type === 'side' ? (resource.suffix ?? '') : '');
    return cut && { ...resource, type: 'side', path: cut[0], suffix: cut[1] };
  },

  takes(resource, options) {
    if (resource.type !== 'side' || resource.suffix === undefined) return true;
    return isSuffixOf(resource.suffix, listOf(options, 'sideFiles') ?? SIDE_SUFFIXES);
  },

  deliver({ type }, context) {
    const headers = corsFields(listOf(context.options, 'cors') ?? [], context);
    if (type === 'write' || type === 'question') return answerWithout(type, headers);
    // 302 and not 307: busybox and Alpine's libfetch stop at 307, and files are fetched by anything.
    return { type: 'redirect', status: 302, headers };
  },

  refuse: refusePlainly,

  // purl-spec, "generic".
  purl(resource, _, { name, version } = {}) {
    if (resource.type !== 'file' || name === undefined || version === undefined) return undefined;
    const [written = '', release = ''] = [toPurl(name), toPurl(version).replaceAll('/', '%2F')];
    return written === '' || release === '' ? undefined : `pkg:generic/${written}@${release}`;
  },

  // Quoted, since a query has characters that a shell reads.
  usage: (subject, publicUrl) => `curl -fLO '${publicUrl}${subject}'`,
};

function listOf(options: Options, name: string): readonly string[] | undefined {
  return options[name] as readonly string[] | undefined;
}

function answerWithout(
  type: 'write' | 'question',
  headers: ReturnType<typeof corsFields>,
): Extract<Delivery, { type: 'respond' }> {
  if (type === 'question' && headers) {
    const fields = { 'content-type': 'text/plain; charset=utf-8', ...PREFLIGHT, ...headers };
    return { type: 'respond', answer: { status: 200, headers: fields, body: '' } };
  }
  const allow = { allow: headers ? 'GET, HEAD, OPTIONS' : 'GET, HEAD', ...headers };
  return {
    type: 'respond',
    answer: refusePlainly({ status: 405, message: 'Files are only read here.', headers: allow }),
  };
}

/** A value of a path, written as a purl has it; empty when it is no text. */
function toPurl(value: string): string {
  try {
    const segments = decodeURIComponent(value).split('/').filter(Boolean);
    return segments.map(encodeURIComponent).join('/');
  } catch {
    return '';
  }
}
