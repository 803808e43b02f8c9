/**
 * Plain downloads: any path below the mount.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110
 * @module
 */
import type { Protocol } from '../core/protocol.ts';

/** A file to download. */
export interface FileDownload {
  /** The kind of resource. */
  readonly type: 'file';
  /** The path below the mount. */
  readonly path: string;
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

/** Anything that a client asks of plain files. */
export type FileResource = FileDownload | FileWrite;

/** The protocol of plain downloads. */
export const file: Protocol<FileResource> = {
  name: 'file',
  subjects: 'path',
  general: true,
  targetOptional: true,

  parse({ method, path, query }) {
    if (!path.startsWith('/')) return undefined;
    if (method !== 'GET' && method !== 'HEAD') return { type: 'write', path };
    // An empty query is one: `/a?` is another address than `/a`.
    return query === undefined ? { type: 'file', path } : { type: 'file', path, query };
  },

  format(resource) {
    return resource.type === 'file' && resource.query !== undefined
      ? `${resource.path}?${resource.query}`
      : resource.path;
  },

  subject: ({ path }) => path,

  rename: (resource, path) => ({ ...resource, path }),

  deliver(resource) {
    if (resource.type === 'write') {
      const answer = file.refuse({
        status: 405,
        message: 'Files are only read here.',
        headers: { allow: 'GET, HEAD' },
      });
      return { type: 'respond', answer };
    }
    // 302 and not 307: busybox and Alpine's libfetch stop at 307, and files are fetched by anything.
    return { type: 'redirect', status: 302 };
  },

  refuse({ status, message, headers }) {
    return {
      status,
      headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
      body: `${message}\n`,
    };
  },

  // Quoted, since a query has characters that a shell reads.
  usage: (subject, publicUrl) => `curl -fLO '${publicUrl}${subject}'`,
};
