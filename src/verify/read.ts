import type { ByteStream } from '../core/protocol.ts';
import { readDocument } from '../core/read-document.ts';
import type { Asked, Reply, Side } from './ask.ts';
import { Doubt } from './finding.ts';

/** The longest document that is read whole, in bytes: the largest packuments have some ten MB. */
const MOST = 128 * 1_048_576;

/**
 * Reads a document of a side; `undefined` when it has none.
 *
 * @throws Doubt It answers anything but the document or 404, or the document is too long.
 */
export async function readText(
  side: Side,
  path: string,
  headers: Asked['headers'] = {},
): Promise<string | undefined> {
  const reply = await open(side, path, headers);
  if (!reply) return undefined;
  try {
    return await readDocument(reply.body, MOST);
  } catch (error) {
    if (error instanceof Error && !(error instanceof Doubt) && error.message.startsWith('A document'))
      throw new Doubt(`${side.label} has a document ${path} of more than ${MOST} bytes`);
    throw error;
  }
}

/** Opens a document of a side; `undefined` when it has none. Throws as `readText` does. */
export async function open(
  side: Side,
  path: string,
  headers: Asked['headers'] = {},
): Promise<Reply | undefined> {
  const reply = await side.ask(path, { headers });
  if (reply.status === 200) return reply;
  reply.leave();
  if (isAbsent(reply.status)) return undefined;
  throw new Doubt(`${side.label} answers ${reply.status}`);
}

/** Reads a document that a side must have, or else nothing can be compared. */
export async function readOwn(side: Side, path: string, headers?: Asked['headers']): Promise<string> {
  const text = await readText(side, path, headers);
  if (text === undefined) throw new Doubt(`${side.label} has no ${path}`);
  return text;
}

/** Tells whether a status says that there is nothing. */
export function isAbsent(status: number): boolean {
  return status === 404 || status === 410;
}

/** Reads JSON; anything that is none is a doubt. */
export function parseJson(side: Side, text: string): Readonly<Record<string, unknown>> {
  try {
    const data: unknown = JSON.parse(text);
    if (isRecord(data)) return data;
  } catch {
    // Told below.
  }
  throw new Doubt(`${side.label} answers with what is no JSON object`);
}

/** Tells whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The lines of a body, without their ends. */
export async function* readLines(body: ByteStream): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST) throw new Doubt('a line of a document does not end');
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/**
 * Opens a list of files, compressed or not, that is read while what it lists is asked for. It is fetched whole before, as a
 * server does not wait for readers who do other things between. `undefined` when there is none.
 */
export async function openList(side: Side, path: string): Promise<ByteStream | undefined> {
  const reply = await open(side, path);
  if (!reply) return undefined;
  const bytes = await readBytes(reply.body, MOST);
  if (!bytes) throw new Doubt(`${side.label} has a list ${path} of more than ${MOST} bytes`);
  return path.endsWith('.gz') ? gunzip(inPieces(bytes)) : inPieces(bytes);
}

const PIECE = 65_536;

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/** Decompresses gzip as it streams. */
async function* gunzip(body: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  const fed = feed(body, writer);
  const reader = stream.readable.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    ended = true;
    await fed;
  } catch (error) {
    ended = true;
    await fed;
    throw error instanceof Doubt ? error : new Doubt('a compressed document cannot be read');
  } finally {
    if (!ended) {
      await reader.cancel().catch(() => {});
      await fed.catch(() => {});
    }
  }
}

async function feed(body: ByteStream, writer: WritableStreamDefaultWriter): Promise<void> {
  try {
    for await (const chunk of body) await writer.write(chunk);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    if (error instanceof Doubt) throw error;
  }
}

/** The SHA-256 of bytes, in hexadecimal digits. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Reads a body that is at most so long; `undefined` when it is longer. */
export async function readBytes(body: ByteStream, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
