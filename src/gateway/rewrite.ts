import type { Message, Protocol, Resource, RuleContext } from '../core/protocol.ts';
import { createEntityTags } from './entity-tag.ts';
import { transform } from './streams.ts';
import { UpstreamError } from './transport.ts';

/** What is true of the upstream's bytes and no longer of a rewritten document. */
const FIELDS_OF_BYTES = [
  'accept-ranges',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'digest',
  'repr-digest',
];

/** A document that is rewritten on its way. */
export interface Rewrite {
  /** The fields for the upstream. */
  readonly headers: Readonly<Record<string, string>>;
  /** Makes of an upstream's answer the one for the client; its fields are already those that go to clients. */
  apply(status: number, message: Message): Pick<Message, 'headers' | 'body'>;
}

/** Prepares a rewriting: a whole document is asked for, with the entity tags that the upstream knows. */
export function prepareRewrite(
  fields: Readonly<Record<string, string>>,
  protocol: Protocol,
  resource: Resource,
  context: RuleContext,
): Rewrite {
  const tags = createEntityTags(`${context.publicUrl} ${context.upstream?.origin}`);
  const gzip = acceptsGzip(fields['accept-encoding']);
  return {
    headers: { ...toConditions(fields, tags.toUpstream), 'accept-encoding': 'gzip' },
    apply(status, { url, headers, body }) {
      const tag = headers.etag === undefined ? undefined : tags.toClient(headers.etag);
      const { etag: _, ...rest } = headers;
      const tagged = { ...(tag === undefined ? rest : { ...rest, etag: tag }), vary: addVary(headers.vary) };
      if (status === 304 || context.method === 'HEAD')
        return { headers: omit(tagged, FIELDS_OF_BYTES), body };
      const decoded = {
        url,
        headers: omit(tagged, FIELDS_OF_BYTES),
        body: decode(body, headers['content-encoding']),
      };
      const rewritten =
        status === 200 ? (protocol.rewrite?.(resource, decoded, context) ?? decoded) : decoded;
      if (!gzip) return rewritten;
      return {
        headers: { ...rewritten.headers, 'content-encoding': 'gzip' },
        body: transform(rewritten.body, new CompressionStream('gzip')),
      };
    },
  };
}

/** The conditions that the upstream can judge; without its own tag, a date says nothing of the rewriting. */
function toConditions(
  fields: Readonly<Record<string, string>>,
  toUpstream: (field: string) => string | undefined,
): Readonly<Record<string, string>> {
  const whole = omit(fields, ['range', 'if-range', 'if-match', 'if-unmodified-since']);
  const field = whole['if-none-match'];
  if (field === undefined) return whole;
  const tags = toUpstream(field);
  return tags === undefined
    ? omit(whole, ['if-none-match', 'if-modified-since'])
    : { ...whole, 'if-none-match': tags };
}

/** Takes the content encoding off a body. */
export function decode(body: Message['body'], encoding: string | undefined): Message['body'] {
  switch (encoding?.toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return transform(body, new DecompressionStream('gzip'));
    case 'deflate':
      return transform(body, new DecompressionStream('deflate'));
    default:
      throw new UpstreamError(`The upstream sends ${encoding}, which it was not asked for.`, 502);
  }
}

/** RFC 9110 §12.5.3: `*` speaks of the codings that are not named. */
function acceptsGzip(field = ''): boolean {
  const entries = field.toLowerCase().split(',');
  const entry =
    entries.find((text) => /^\s*gzip\s*(?:;|$)/.test(text)) ??
    entries.find((text) => /^\s*\*\s*(?:;|$)/.test(text));
  return entry !== undefined && !/;\s*q=0(?:\.0*)?\s*$/.test(entry);
}

function addVary(vary: string | undefined): string {
  if (!vary) return 'accept-encoding';
  return /(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(vary) ? vary : `${vary}, accept-encoding`;
}

function omit(fields: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
