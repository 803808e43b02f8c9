import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, ByteStream, Lead, Resource, Tools } from '../core/protocol.ts';
import { leaveDocument, readDocument } from '../core/read-document.ts';
import { type NarInfo, readNarInfo, replaceNar } from './_nix-narinfo.ts';

/** The contents of a store path under the address that narinfos have here: `/nar/<hash>-<NarHash>.nar.xz`. */
export interface Nar {
  /** The kind of resource. */
  readonly type: 'nar';
  /** The path of its narinfo, below the mount. */
  readonly narinfo: string;
  /** The SHA-256 of what is in it, in hexadecimal. */
  readonly narHash: string;
  /** What clients were told that it is compressed with: `none`, `xz`. */
  readonly compression: string;
}

/** The longest narinfo that is read, in bytes; most are shorter than two thousand. */
const MAX_NARINFO = 1_048_576;
/** What Nix decodes as a content encoding; measured with Nix 2.8 and 2.26. */
const ENCODINGS: ReadonlySet<string> = new Set(['bzip2', 'gzip', 'xz', 'zstd']);

/** The path of a NAR, below the mount. */
export function narPath(nar: Nar): string {
  return nar.narinfo.slice(0, nar.narinfo.lastIndexOf('/') + 1) + nameOf(nar);
}

/** The address of a NAR as a narinfo has it, relative to its cache. */
function nameOf({ narinfo, narHash, compression }: Nar): string {
  const hash = narinfo.slice(narinfo.lastIndexOf('/') + 1).replace(/\.narinfo$/, '');
  return `nar/${hash}-${narHash}.nar${compression === 'none' ? '' : `.${compression}`}`;
}

/**
 * A narinfo whose NAR is asked for here, wherever the cache has it: by what does not change when the cache does. With
 * `plain` it is said to be uncompressed, and the compression is told with the NAR itself. What is no narinfo stays as it
 * is.
 */
export async function* rewriteNarInfo(body: ByteStream, narinfo: string, plain: boolean): ByteStream {
  const text = await readDocument(body, MAX_NARINFO);
  const info = readNarInfo(text);
  yield new TextEncoder().encode(info ? point(text, info, narinfo, plain) : text);
}

function point(text: string, { compression, narHash }: NarInfo, narinfo: string, plain: boolean): string {
  const told = plain && ENCODINGS.has(compression) ? 'none' : compression;
  return replaceNar(text, nameOf({ type: 'nar', narinfo, narHash, compression: told }), told);
}

/** Where a NAR is that the narinfo of the rule's upstream still has. */
export async function findNar(nar: Nar, tools: Tools): Promise<Answer | Lead> {
  const found = await lookUp({ type: 'narinfo', path: nar.narinfo }, tools);
  if ('status' in found) return refuseLike(found.status);
  // Built anew, it may be another; a client would find out after the download.
  if (found.narHash !== nar.narHash)
    return refusePlainly({ status: 404, message: 'The cache has other contents of this store path.' });
  const { url } = found;
  if (found.compression === nar.compression) return { url, status: 302 };
  if (nar.compression === 'none' && ENCODINGS.has(found.compression))
    return {
      url,
      status: 302,
      delivery: 'stream',
      asks: { 'accept-encoding': 'identity' },
      headers: { 'content-encoding': found.compression },
    };
  const message = `The cache has this as ${found.compression}, not as ${nar.compression}; ask for its narinfo anew.`;
  return refusePlainly({ status: 404, message });
}

/** Nothing is kept: to ask costs little beside a NAR, and tells that the cache is there. */
async function lookUp(
  narinfo: Resource & { readonly path: string },
  tools: Tools,
): Promise<NarInfo | { readonly status: number }> {
  const { status, body } = await tools.fetch(narinfo);
  if (status !== 200) {
    await leaveDocument(body);
    return { status };
  }
  const info = readNarInfo(await readDocument(body, MAX_NARINFO));
  const base = tools.locate(narinfo);
  if (!info || !URL.canParse(info.url, base)) throw new Error('The narinfo of the upstream names no NAR.');
  return { ...info, url: new URL(info.url, base).href };
}

/** Nix takes 403 and 404 for missing, and anything else for a fault of the cache. */
export function refuseLike(status: number): Answer {
  if (status < 400 || status > 499) throw new Error(`The upstream answers ${status}.`);
  return refusePlainly({ status, message: `The upstream answers ${status}.` });
}
