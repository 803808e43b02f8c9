import type { Reply, Side } from './ask.ts';
import { differs, type Finding, missing, unchecked } from './finding.ts';
import type { Sides } from './inventory.ts';
import { isAbsent } from './read.ts';

/** Whether a side has something. */
export type Existence =
  | { readonly type: 'there'; readonly size: number | undefined; readonly reply: Reply }
  | { readonly type: 'absent' }
  | { readonly type: 'unclear'; readonly reason: string };

/** What servers answer that do not take HEAD, or whose signed addresses are for GET alone. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 405, 406, 501]);

/** Looks with HEAD, and with GET where HEAD is refused, whether a side has something. */
export async function findExistence(
  side: Side,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Existence> {
  let reply = await side.ask(path, { method: 'HEAD', headers });
  if (REFUSALS.has(reply.status)) reply = await side.ask(path, { headers });
  reply.leave();
  if (reply.status === 200) return { type: 'there', size: sizeOf(reply), reply };
  if (isAbsent(reply.status)) return { type: 'absent' };
  return { type: 'unclear', reason: `${side.label} answers ${reply.status}` };
}

/** The length of the content, as its fields say. */
export function sizeOf({ headers }: Pick<Reply, 'headers'>): number | undefined {
  const length = headers['content-length'];
  // What is compressed on its way has another length.
  if (length === undefined || headers['content-encoding'] !== undefined) return undefined;
  return /^\d+$/.test(length) ? Number(length) : undefined;
}

/** A file that both should have. */
export interface Expected {
  /** Its name in findings. */
  readonly name: string;
  /** What it is: `layer`, `tarball`. */
  readonly what: string;
  /** The path at the first upstream. */
  readonly path: string;
  /** The path at the second, if it is another. */
  readonly other?: string | undefined;
  /** Its size in bytes; default what the first upstream says. */
  readonly size?: number | undefined;
  /** The fields to ask with. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Compares whether both have a file, and of one size; what the first does not have either, is no finding. */
export async function* compareFile(
  { a, b }: Sides,
  { name, what, path, other = path, size, headers }: Expected,
): AsyncGenerator<Finding, void, undefined> {
  const there = await findExistence(b, other, headers);
  if (there.type === 'unclear') {
    yield unchecked(name, what, there.reason);
    return;
  }
  if (there.type === 'there' && size !== undefined) {
    if (there.size !== undefined && there.size !== size)
      yield differs(name, `${what} size`, size, there.size);
    return;
  }
  const own = await findExistence(a, path, headers);
  if (own.type === 'unclear') yield unchecked(name, what, own.reason);
  if (own.type !== 'there') return;
  if (there.type === 'absent') yield missing(name, what);
  else if (own.size !== undefined && there.size !== undefined && own.size !== there.size)
    yield differs(name, `${what} size`, own.size, there.size);
}
