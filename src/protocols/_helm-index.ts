import type { ByteStream } from '../core/protocol.ts';
import { readDocument } from '../core/read-document.ts';

/** What an address of a chart's version becomes; `undefined` when it stays. */
export type ReplaceChart = (name: string, version: string, address: string) => string | undefined;

/** The most that is held of one version of a chart, in bytes; a longer one passes unchanged. */
const MAX_ITEM = 1_048_576;
/** How much of a line that is longer than that is looked at, in bytes. */
const MAX_START = 1024;
/** The longest index that is JSON, in bytes, which must be read whole. */
const MAX_JSON = 33_554_432;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const HASH = 0x23;
const DASH = 0x2d;
const RETURN = 0x0d;
const BRACE = 0x7b;

/**
 * Replaces the addresses in the `urls` of an index as it streams through. Every other byte stays; memory is bounded by
 * the longest version of a chart.
 *
 * It reads the block style that all programs write which make indexes, by indentation, and JSON. What has another form
 * passes unchanged: aliases, flow collections over several lines, scalars with escapes that JSON has not.
 */
export async function* rewriteIndex(
  body: ByteStream,
  replace: ReplaceChart,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = body[Symbol.asyncIterator]();
  const first = await iterator.next();
  const rest: ByteStream = { [Symbol.asyncIterator]: () => iterator };
  if (first.done) return;
  const start = first.value.find((byte) => !isSpace(byte));
  if (start === BRACE) {
    yield rewriteJson(await readDocument(prepend(first.value, rest), MAX_JSON), replace);
    return;
  }
  const scanner = createScanner(replace);
  for await (const chunk of prepend(first.value, rest)) yield scanner.push(chunk);
  yield scanner.end();
}

async function* prepend(first: Uint8Array, rest: ByteStream): ByteStream {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest[Symbol.asyncIterator]() };
}

interface JsonIndex {
  readonly entries?: Readonly<Record<string, readonly { version?: string; urls?: string[] }[]>>;
}

function rewriteJson(text: string, replace: ReplaceChart): Uint8Array {
  const index = JSON.parse(text) as JsonIndex;
  for (const [name, versions] of Object.entries(index.entries ?? {})) {
    for (const entry of versions) {
      const { version, urls } = entry;
      if (typeof version === 'string' && Array.isArray(urls))
        entry.urls = urls.map((address) => replace(name, version, address) ?? address);
    }
  }
  return encoder.encode(JSON.stringify(index));
}

/** An address in a line that is held. */
interface Place {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

interface Scanner {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

/** Where the scanner is: of the index, of its entries, and of one version in them. */
function createScanner(replace: ReplaceChart): Scanner {
  let out: Uint8Array[] = [];
  let partial: Uint8Array[] = [];
  let partialLength = 0;
  let tooLong = false;

  let inEntries = false;
  let chartIndent = -1;
  let chart: string | undefined;
  let itemIndent = -1;
  let keyIndent = -1;

  let held: Uint8Array[] | undefined;
  let heldLength = 0;
  let version: string | undefined;
  let places: Place[] = [];
  /** Whether the lines that follow are addresses, or the one that follows is what a block scalar holds. */
  let inUrls: 'no' | 'items' | 'block' = 'no';

  function endItem(): void {
    if (!held) return;
    if (chart !== undefined && version !== undefined) replacePlaces(held, chart, version);
    out.push(...held);
    held = undefined;
  }

  function replacePlaces(lines: Uint8Array[], name: string, of: string): void {
    const addresses = places.map(({ value }) => replace(name, of, value));
    // From the last to the first, so that those before stay where they are.
    for (const [index, address] of [...addresses.entries()].reverse()) {
      const { line, start, end } = places[index] as Place;
      if (address === undefined) continue;
      const bytes = lines[line] as Uint8Array;
      lines[line] = concat([bytes.subarray(0, start), encoder.encode(address), bytes.subarray(end)]);
    }
  }

  function startItem(line: Uint8Array, indent: number): void {
    endItem();
    held = [];
    heldLength = 0;
    version = undefined;
    places = [];
    itemIndent = indent;
    keyIndent = indent + 1;
    while (line[keyIndent] === SPACE) keyIndent++;
    readEntry(line, keyIndent);
  }

  function keep(line: Uint8Array): void {
    if (!held) {
      out.push(line);
      return;
    }
    held.push(line);
    heldLength += line.length;
    if (heldLength > MAX_ITEM) spoil();
  }

  /** Lets go of a version that is longer than any: it passes unchanged. */
  function spoil(): void {
    if (held) out.push(...held);
    held = undefined;
  }

  /** Learns from a line where in the index it is. */
  function learn(line: Uint8Array): void {
    let indent = 0;
    while (line[indent] === SPACE) indent++;
    const byte = line[indent];
    if (byte !== undefined && byte !== HASH && !isSpace(byte)) place(line, indent, byte);
  }

  function place(line: Uint8Array, indent: number, byte: number): void {
    if (indent === 0) {
      endItem();
      inEntries = readKey(decoder.decode(line))?.key === 'entries';
      chartIndent = -1;
      return;
    }
    if (!inEntries) return;
    if (chartIndent === -1) chartIndent = indent;
    const isItem = byte === DASH && isSpace(line[indent + 1]);
    if (indent === chartIndent && !isItem) {
      endItem();
      chart = readKey(decoder.decode(line))?.key;
      itemIndent = -1;
    } else if (isItem && (itemIndent === -1 || indent === itemIndent)) startItem(line, indent);
    else if (held && indent === keyIndent && !isItem) readEntry(line, indent);
    else if (held && inUrls !== 'no' && indent >= keyIndent) readAddress(line, indent, isItem);
  }

  /** Reads a key of a version, and its value when that is what matters. */
  function readEntry(line: Uint8Array, from: number): void {
    inUrls = 'no';
    // `urls`, `version`, and the same in quotes.
    const initial = line[from] === 0x22 || line[from] === 0x27 ? line[from + 1] : line[from];
    if (initial !== 0x75 && initial !== 0x76) return;
    const text = decoder.decode(line);
    const found = readKey(text.slice(from));
    if (found?.key === 'version') version = readScalar(found.value)?.value;
    if (found?.key !== 'urls') return;
    if (found.value === '') inUrls = 'items';
    else if (found.value.startsWith('[')) readFlow(text, text.indexOf('[', from) + 1);
  }

  function readAddress(line: Uint8Array, indent: number, isItem: boolean): void {
    const text = decoder.decode(line);
    if (!isItem && inUrls !== 'block') return;
    let start = isItem ? indent + 1 : indent;
    while (text[start] === ' ') start++;
    inUrls = 'items';
    const rest = text.slice(start).trimEnd();
    if (isItem && /^[|>][+-]?$/.test(rest)) inUrls = 'block';
    else addPlace(text, start, isItem ? readScalar(rest) : { value: rest, start: 0, end: rest.length });
  }

  /** Reads `[a, "b"]` on one line. */
  function readFlow(text: string, from: number): void {
    const end = text.lastIndexOf(']');
    let start = from;
    while (start < end) {
      const comma = text.indexOf(',', start);
      const stop = comma === -1 || comma > end ? end : comma;
      const part = text.slice(start, stop);
      addPlace(text, start + part.length - part.trimStart().length, readScalar(part.trim()));
      start = stop + 1;
    }
  }

  function addPlace(text: string, at: number, scalar: Scalar | undefined): void {
    // What is not ASCII has other offsets in bytes, and is no address.
    if (!scalar || !held || !/^[\t\r\n -~]*$/.test(text)) return;
    places.push({
      line: held.length,
      start: at + scalar.start,
      end: at + scalar.end,
      value: scalar.value,
    });
  }

  function takePart(part: Uint8Array): void {
    partial.push(part.slice());
    partialLength += part.length;
    if (tooLong || partialLength <= MAX_ITEM) return;
    tooLong = true;
    learn(concat(partial).subarray(0, MAX_START));
    spoil();
  }

  function endLine(): void {
    if (tooLong) out.push(...partial);
    else if (partialLength > 0) {
      const line = concat(partial);
      learn(line);
      keep(line);
    }
    partial = [];
    partialLength = 0;
    tooLong = false;
  }

  function release(): Uint8Array {
    if (tooLong) {
      out.push(...partial);
      partial = [];
    }
    const bytes = concat(out);
    out = [];
    return bytes;
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const newline = chunk.indexOf(NEWLINE, at);
        const end = newline === -1 ? chunk.length : newline + 1;
        takePart(chunk.subarray(at, end));
        if (newline !== -1) endLine();
        at = end;
      }
      return release();
    },
    end() {
      endLine();
      endItem();
      return release();
    },
  };
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN;
}

/** A scalar on one line, and where its value stands in it. */
interface Scalar {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Reads `key: value`; the value is without spaces around it. */
function readKey(line: string): { readonly key: string; readonly value: string } | undefined {
  const [, , double, single, plain, value = ''] =
    /^( *)(?:"([^"\\]*)"|'([^']*)'|([^\s"'&*!|>%@`#,[\]{}:][^\s:]*))[ \t]*:(?:[ \t]([^\n]*))?\r?\n?$/.exec(
      line,
    ) ?? [];
  const key = double ?? single ?? plain;
  return key === undefined ? undefined : { key, value: withoutComment(value.trim()) };
}

function withoutComment(value: string): string {
  if (value.startsWith('#')) return '';
  if (/^["'[]/.test(value)) return value;
  const comment = value.indexOf(' #');
  return comment === -1 ? value : value.slice(0, comment).trimEnd();
}

/** Reads a scalar of YAML that stands on one line; `undefined` for one that means something else than its text. */
function readScalar(text: string): Scalar | undefined {
  const double = /^"([^"\\]*)"[ \t]*(?:#.*)?$/.exec(text)?.[1];
  if (double !== undefined) return { value: double, start: 1, end: 1 + double.length };
  const single = /^'([^']*)'[ \t]*(?:#.*)?$/.exec(text)?.[1];
  if (single !== undefined) return { value: single, start: 1, end: 1 + single.length };
  const value = withoutComment(text);
  return value === '' || /^["'&*!|>%@`[\]{}]/.test(value)
    ? undefined
    : { value, start: 0, end: value.length };
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
