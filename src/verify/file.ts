import type { ByteStream } from '../core/protocol.ts';
import type { Reply, Side } from './ask.ts';
import { sizeOf } from './existence.ts';
import { differs, type Finding, missing, unchecked } from './finding.ts';
import { type Check, type Inventory, type Task, withDoubts } from './inventory.ts';
import { isAbsent, readBytes, sha256 } from './read.ts';

/** Up to so many bytes a file is compared by its content. */
const SMALL = 1_048_576;

/** Anything that has an address: a list of paths, compared by what HTTP tells of them, and small ones by their content. */
export const file: Inventory = {
  name: 'file',
  names: 'paths below the mount, `/cli/1.2/acme.tar.gz`',
  nameOf: (path) => path,

  async *list(task) {
    for await (const name of task.names) {
      const path = name.startsWith('/') ? name : `/${name}`;
      yield checkPath(task, path);
    }
  },
};

function checkPath(task: Task, path: string): Check {
  const name = path.replace(/\?.*$/, '?…');
  return {
    name: path,
    path: path.replace(/\?.*$/, ''),
    run: () => withDoubts(name, 'file', () => compare(task, name, path)),
  };
}

async function* compare(task: Task, name: string, path: string): AsyncGenerator<Finding, void, undefined> {
  const { a, b } = task;
  const [headA, headB] = [await head(a, path), await head(b, path)];
  const [own, other] = [await begin(a, path, headA), await begin(b, path, headB)];
  try {
    if (isAbsent(own.status)) return;
    if (own.status !== 200) yield unchecked(name, 'file', `A answers ${own.status}`);
    else if (isAbsent(other.status)) yield missing(name, 'file');
    else if (other.status !== 200) yield unchecked(name, 'file', `B answers ${other.status}`);
    else yield* compareThere(task, name, path, { own, other, headA, headB });
  } finally {
    own.leave();
    other.leave();
  }
}

interface Replies {
  readonly own: Reply;
  readonly other: Reply;
  readonly headA: Reply;
  readonly headB: Reply;
}

async function* compareThere(
  task: Task,
  name: string,
  path: string,
  { own, other, headA, headB }: Replies,
): AsyncGenerator<Finding, void, undefined> {
  if (headA.status === 200 && headB.status !== 200) yield differs(name, 'HEAD', headA.status, headB.status);
  const [size, there] = [sizeOf(own) ?? sizeOf(headA), sizeOf(other) ?? sizeOf(headB)];
  if (size !== undefined && there !== undefined && size !== there) {
    yield differs(name, 'size', size, there);
  } else if (task.deep || (size ?? there ?? 0) <= SMALL) {
    yield* compareContent(task, name, path, own, other);
  } else {
    const [tagA, tagB] = [strongTag(own), strongTag(other)];
    if (tagA && tagB && tagA.kind === tagB.kind && tagA.value !== tagB.value)
      yield differs(name, 'etag', tagA.value, tagB.value);
  }
  yield* compareRanges(task, name, path);
}

async function head(side: Side, path: string): Promise<Reply> {
  const reply = await side.ask(path, { method: 'HEAD' });
  reply.leave();
  return reply;
}

/** What HEAD has said, where it is an answer; else what GET says. */
async function begin(side: Side, path: string, said: Reply): Promise<Reply> {
  if (said.status === 200 || isAbsent(said.status)) return said;
  const reply = await side.ask(path);
  reply.leave();
  return reply;
}

/** Compares byte by byte as both come, and small files by a hash that says which is which. */
async function* compareContent(
  { a, b }: Task,
  name: string,
  path: string,
  { headers: own }: Reply,
  { headers: other }: Reply,
): AsyncGenerator<Finding, void, undefined> {
  const [replyA, replyB] = [await a.ask(path), await b.ask(path)];
  const [size, there] = [sizeOf({ headers: own }), sizeOf({ headers: other })];
  if ((size ?? Number.POSITIVE_INFINITY) <= SMALL && (there ?? Number.POSITIVE_INFINITY) <= SMALL) {
    const hashes = [await hashOf(replyA), await hashOf(replyB)];
    if (hashes[0] !== hashes[1]) yield differs(name, 'sha256', hashes[0], hashes[1]);
    return;
  }
  const at = await findDifference(replyA.body, replyB.body);
  if (at !== undefined) yield differs(name, 'content', `from byte ${at} on`, 'other bytes');
}

async function hashOf(reply: Reply): Promise<string | undefined> {
  const bytes = await readBytes(reply.body, 2 * SMALL);
  return bytes && sha256(bytes);
}

/** Where two bodies begin to differ; `undefined` when they do not. */
async function findDifference(a: ByteStream, b: ByteStream): Promise<number | undefined> {
  const [left, right] = [a[Symbol.asyncIterator](), b[Symbol.asyncIterator]()];
  let [one, two]: [Uint8Array | undefined, Uint8Array | undefined] = [new Uint8Array(), new Uint8Array()];
  let at = 0;
  try {
    for (;;) {
      while (one?.length === 0) one = await take(left);
      while (two?.length === 0) two = await take(right);
      if (!one || !two) return one || two ? at : undefined;
      const length = Math.min(one.length, two.length);
      for (let index = 0; index < length; index++) if (one[index] !== two[index]) return at + index;
      at += length;
      one = one.subarray(length);
      two = two.subarray(length);
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}

async function take(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { done, value } = await iterator.next();
  return done ? undefined : value;
}

/** Strong entity tags that are hashes, which alone mean the same at two servers. */
function strongTag({ headers }: Reply): { readonly kind: number; readonly value: string } | undefined {
  const value = /^"([a-f\d]{32}|[a-f\d]{40}|[a-f\d]{64})"$/i.exec(headers.etag ?? '')?.[1]?.toLowerCase();
  return value === undefined ? undefined : { kind: value.length, value };
}

/** Downloads are resumed where the first upstream lets them be. */
async function* compareRanges(
  { a, b }: Task,
  name: string,
  path: string,
): AsyncGenerator<Finding, void, undefined> {
  const [own, other] = [await askRange(a, path), await askRange(b, path)];
  if (own === 206 && other !== 206) yield differs(name, 'Range', own, other);
}

async function askRange(side: Side, path: string): Promise<number> {
  const reply = await side.ask(path, { headers: { range: 'bytes=0-0' } });
  reply.leave();
  return reply.status;
}
