import type { ByteStream, UpstreamDocument } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';

/** The longest line of an index file, in characters: one version with all its dependencies and features. */
const LONGEST = 1_048_576;

/** The folder of a crate in an index (registry index, "Index files"); with the case of the name. */
export function prefixOf(name: string): string {
  if (name.length < 3) return `${name.length}`;
  return name.length === 3 ? `3/${name[0]}` : `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}

/** Finds the SHA-256 of a version in an index file, which has one line for each; `undefined` when it is not there. */
export async function findChecksum(
  { status, body }: UpstreamDocument,
  version: string,
): Promise<string | undefined> {
  if (status !== 200) {
    await leaveDocument(body);
    return undefined;
  }
  for await (const line of readLines(body)) {
    const checksum = readChecksum(line, version);
    if (checksum !== undefined) return checksum;
  }
  return undefined;
}

/** The lines of a text; pieces are joined at the end of a line only, so that no stream of small ones takes long. */
async function* readLines(body: ByteStream): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of body) {
    const [first = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    pieces.push(first);
    length += first.length;
    if (length > LONGEST) throw new Error(`An index file has a line of more than ${LONGEST} characters.`);
    const last = more.pop();
    if (last === undefined) continue;
    yield pieces.join('');
    yield* more;
    pieces = [last];
    length = last.length;
  }
  yield pieces.join('');
}

function readChecksum(line: string, version: string): string | undefined {
  // Most lines are of other versions, and long.
  if (!line.includes(`"${version}"`)) return undefined;
  const { vers, cksum } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return vers === version && typeof cksum === 'string' && /^[\da-f]{64}$/.test(cksum) ? cksum : undefined;
}
