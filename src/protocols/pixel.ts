/**
 * A pixel: an image of one transparent dot, with which a page says that it was read.
 *
 * @see https://www.w3.org/TR/png-3/
 * @module
 */
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Protocol, Tools } from '../core/protocol.ts';
import { findParameter } from '../core/query.ts';
import { mayCount, readQuery } from './_client-events.ts';

/** The image: `/a.png?x-pxid=<pixel>`. */
export interface PixelImage {
  /** The kind of resource. */
  readonly type: 'image';
  /** The query, without its `?`. */
  readonly query?: string;
}

const PATH = '/a.png';
const ID = /^[\w.-]+$/;

/** Of one pixel, RGBA 0 0 0 0. */
const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII=';

/** The protocol of pixels. */
export const pixel: Protocol<PixelImage> = {
  name: 'pixel',
  subjects: 'name',
  targetOptional: true,

  parse({ method, path, query }) {
    if (path !== PATH || (method !== 'GET' && method !== 'HEAD')) return undefined;
    return query ? { type: 'image', query } : { type: 'image' };
  },

  format: ({ query }) => (query ? `${PATH}?${query}` : PATH),

  subject: ({ query }) => {
    const id = findParameter(query ?? '', 'x-pxid') ?? '';
    return ID.test(id) ? id : undefined;
  },

  deliver: () => ({ type: 'carry' }),

  async carry({ query }, { method }, tools) {
    if (method === 'GET' && mayCount(tools)) tools.report({ type: 'pixel', data: describe(query, tools) });
    return { status: 200, headers: HEADERS, body: IMAGE, encoding: 'base64' };
  },

  refuse: refusePlainly,

  usage: (subject, publicUrl) => `curl -fo a.png '${publicUrl}${PATH}?x-pxid=${subject}'`,
};

/** Each view of a page is to be seen, and each page may show it. */
const HEADERS = {
  'content-type': 'image/png',
  'cache-control': 'no-cache, no-store, must-revalidate',
  'cross-origin-resource-policy': 'cross-origin',
};

function describe(query: string | undefined, tools: Tools): Readonly<Record<string, string>> {
  const { 'x-pxid': id, ...more } = readQuery(query);
  const referrer = tools.field('referer');
  const userAgent = tools.field('user-agent');
  return {
    ...more,
    pixel: id ?? '',
    ...(referrer !== undefined && { referrer }),
    ...(userAgent !== undefined && { userAgent }),
  };
}
