import type { Answer, ByteStream, Lead, Resource, Tools } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import { refuseLike } from './_nix-nar.ts';

/** For how long a branch is where it was, in seconds. */
const KEPT = 30;
/** How much of a tarball is read for its revision, which is in its first two blocks of 512 bytes. */
const START = 1024;
/** How much is fetched for that at most; a gzip header may be long. */
const MOST = 1_048_576;
const REVISION = /^(?:[\da-f]{40}|[\da-f]{64})$/;

/** What an upstream says of the revision that it serves. */
interface Immutable {
  /** The commit. */
  readonly rev: string;
  /** What else it says of it, as the query of a flake reference: `revCount=7&lastModified=1700000000`. */
  readonly more: string;
}

/** A file below the mount. */
type File = Resource & { readonly path: string };

/** A tarball as an upstream has it, or the status with which it has none. */
type Tarball =
  | { readonly status: number }
  | { readonly url: string; readonly links: readonly string[]; readonly immutable: Immutable | undefined };

/**
 * Where a tarball is (Lockable HTTP Tarball Protocol). What has a revision in the place of `:rev` in `locked` is where the
 * upstream has it; anything else leads to the path of the revision that it has now, so that what a lock names is what
 * was downloaded. Both tell that path in `Link`.
 */
export async function findTarball(
  file: File,
  locked: string,
  publicUrl: string,
  tools: Tools,
): Promise<Answer | Lead> {
  const rev = readPath(locked, file.path);
  return rev === undefined
    ? findRevision(file, publicUrl + locked, tools)
    : findImmutable(file, rev, publicUrl + file.path, tools);
}

async function findRevision(file: File, locked: string, tools: Tools): Promise<Answer | Lead> {
  const key = `tarball ${JSON.stringify(file)}`;
  const kept = await tools.keep(key, KEPT, async () => JSON.stringify(await lookUp(file, tools)));
  const found: Tarball = JSON.parse(kept);
  if ('status' in found) {
    tools.forget(key);
    return refuseLike(found.status);
  }
  // Of what has no revision, a lock keeps this address and the hash.
  if (!found.immutable) return { url: tools.locate(file), status: 302 };
  const location = locked.replace(':rev', found.immutable.rev);
  const headers = { location, link: writeLink(location, found.immutable), 'cache-control': 'no-store' };
  return { status: 302, headers, body: '' };
}

async function findImmutable(file: File, rev: string, address: string, tools: Tools): Promise<Answer | Lead> {
  const found = await lookUp(file, tools, rev);
  if ('status' in found) return refuseLike(found.status);
  const { url, links, immutable } = found;
  const link = writeLink(address, immutable?.rev === rev ? immutable : { rev, more: '' });
  if (links.length === 0) return { url, status: 302, headers: { link } };
  // Nix takes the last link that it sees, and the upstream would send its own.
  const headers = Object.fromEntries(links.map((name) => [name, link]));
  return { url, status: 302, delivery: 'stream', headers };
}

/** Where servers say it: those of plain files can set no other field than the latter. */
const LINKS = ['link', 'x-amz-meta-link'] as const;

/** Asks for a tarball and reads no more of it than its start, and not that when its revision is known. */
async function lookUp(file: File, tools: Tools, known?: string): Promise<Tarball> {
  const { status, url, headers, body } = await tools.fetch(file);
  if (status !== 200) {
    await leaveDocument(body);
    return { status };
  }
  const links = LINKS.filter((name) => headers[name] !== undefined);
  const immutable = links.map((name) => readLink(headers[name] ?? '')).find((each) => each !== undefined);
  if (immutable || known !== undefined) {
    await leaveDocument(body);
    return { url, links, immutable };
  }
  const rev = await readRevision(body);
  return { url, links, immutable: rev === undefined ? undefined : { rev, more: '' } };
}

/** The revision in a path. */
function readPath(locked: string, path: string): string | undefined {
  const [before = '', after = ''] = locked.split(':rev', 2);
  if (!path.startsWith(before) || !path.endsWith(after)) return undefined;
  const rev = path.slice(before.length, path.length - after.length);
  return REVISION.test(rev) ? rev : undefined;
}

/** Reads a `Link` as Nix does (Lockable HTTP Tarball Protocol); `undefined` when it names no revision. */
function readLink(field: string): Immutable | undefined {
  const [, target] = /^<([^>]*)>; rel="immutable"$/i.exec(field) ?? [];
  if (target === undefined) return undefined;
  const query = new URLSearchParams(target.slice(target.indexOf('?') + 1));
  const rev = query.get('rev') ?? '';
  if (!REVISION.test(rev)) return undefined;
  const more = new URLSearchParams();
  for (const key of ['revCount', 'lastModified']) {
    const value = query.get(key);
    if (value !== null && /^\d{1,12}$/.test(value)) more.set(key, value);
  }
  return { rev, more: more.toString() };
}

/** Writes a `Link` in the one form that Nix takes. */
function writeLink(url: string, { rev, more }: Immutable): string {
  return `<${url}?rev=${rev}${more === '' ? '' : `&${more}`}>; rel="immutable"`;
}

/**
 * Reads the commit that `git archive` writes at the start of a tarball, as `git get-tar-commit-id` does, and leaves the
 * rest; `undefined` when there is none.
 */
async function readRevision(body: ByteStream): Promise<string | undefined> {
  const start = await readStart(body).catch(() => NOTHING);
  // POSIX pax: a header of the type `g`, then records of "length key=value\n".
  if (start.length < START || start[156] !== 0x67) return undefined;
  const records = new TextDecoder().decode(start.subarray(512));
  const [, rev = ''] = /^\d{1,3} comment=([\da-f]{40,64})\n/.exec(records) ?? [];
  return REVISION.test(rev) ? rev : undefined;
}

const NOTHING = new Uint8Array();

/** The first bytes of a body, unpacked where gzip has packed it (RFC 1952 §2.3.1). */
async function readStart(body: ByteStream): Promise<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const first = await iterator.next();
  const packed = !first.done && first.value[0] === 0x1f && first.value[1] === 0x8b;
  const source = toStream(first, iterator);
  const stream = packed ? source.pipeThrough(new DecompressionStream('gzip') as Unpacker) : source;
  const reader = stream.getReader();
  const start = new Uint8Array(START);
  let length = 0;
  try {
    while (length < START) {
      const { done, value } = await reader.read();
      if (done) break;
      start.set(value.subarray(0, START - length), length);
      length += Math.min(value.length, START - length);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  return start.subarray(0, length);
}

type Unpacker = TransformStream<Uint8Array, Uint8Array>;

/** A body whose first piece has been taken, as far as it is read. */
function toStream(
  first: IteratorResult<Uint8Array>,
  iterator: AsyncIterator<Uint8Array>,
): ReadableStream<Uint8Array> {
  let next: Promise<IteratorResult<Uint8Array>> | undefined = Promise.resolve(first);
  let left = MOST;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await (next ?? iterator.next());
      next = undefined;
      left -= value?.length ?? 0;
      if (done || left < 0) {
        await iterator.return?.();
        controller.close();
      } else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
