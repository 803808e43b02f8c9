import { Tokenizer } from 'htmlparser2';

import type { ByteStream } from '../core/protocol.ts';

/** The longest attribute that is looked at, in bytes; a longer one passes unchanged. */
const MAX_ATTRIBUTE = 65_536;

/** What a link is: of an `<a>`, its `href`, or its `data-provenance` (PEP 740). */
export type LinkKind = 'href' | 'data-provenance';

/** What becomes of a link, which is absolute; `undefined` when it stays as it is. */
export type ReplaceLink = (url: string, kind: LinkKind) => string | undefined;

/**
 * Replaces the links of an HTML page as it streams through, resolved against `<base href>` or else the page's own
 * address. A `<base>` loses its `href`; every other byte stays. Memory is bounded by the longest attribute looked at.
 */
export async function* rewriteLinks(
  body: ByteStream,
  url: string,
  replace: ReplaceLink,
): AsyncGenerator<Uint8Array, void, undefined> {
  const scanner = createScanner(url, replace);
  for await (const chunk of body) yield scanner.push(chunk);
  yield scanner.end();
}

interface Scanner {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

/** An attribute that is being read. */
interface Attribute {
  readonly kind: LinkKind | 'base';
  /** Where what would be replaced begins. */
  readonly start: number;
  value: string;
}

/** Each byte is one character here, so that what passes is written as it was read, whatever its encoding. */
function createScanner(url: string, replace: ReplaceLink): Scanner {
  let base = url;
  let hasBase = false;
  let out = '';
  /** What has been read and not been put out; it begins at `start`. */
  let text = '';
  let start = 0;
  /** Up to where no name begins that is still to be read. */
  let passed = 0;
  let tag = '';
  let reading: Attribute | undefined;

  const pass = (end: number): void => {
    passed = Math.max(passed, end);
  };
  const passTo = (_: number, end: number): void => pass(end);
  /** A name of what is held; what has been let go of was too long for any. */
  const nameAt = (from: number, end: number): string =>
    from < start ? '' : text.slice(from - start, end - start).toLowerCase();
  const put = (end: number): void => {
    out += text.slice(0, end - start);
    text = text.slice(end - start);
    start = end;
  };

  function endAttribute({ kind, start: from, value }: Attribute, end: number): void {
    const link = decoder.decode(asBytes(value)).trim();
    const address = URL.canParse(link, base) ? new URL(link, base).href : undefined;
    if (kind === 'base') {
      if (!hasBase && address !== undefined) base = address;
      hasBase = true;
    }
    const other = kind === 'base' || address === undefined ? undefined : replace(address, kind);
    if (kind !== 'base' && other === undefined) return;
    put(from);
    if (other !== undefined) out += `="${escapeValue(other)}"`;
    text = text.slice(end - start);
    start = end;
  }

  const tokenizer = new Tokenizer(
    {},
    {
      onopentagname(from, end) {
        tag = nameAt(from, end);
        pass(end);
      },
      onattribname(from, end) {
        const name = nameAt(from, end);
        reading = undefined;
        if (tag === 'base' && name === 'href') reading = { kind: 'base', start: from, value: '' };
        if (tag === 'a' && (name === 'href' || name === 'data-provenance'))
          reading = { kind: name, start: end, value: '' };
        pass(end);
      },
      onattribdata(from, end) {
        if (reading && from >= start) reading.value += text.slice(from - start, end - start);
      },
      onattribentity(code) {
        if (reading) reading.value += fromBytes(encoder.encode(String.fromCodePoint(code)));
      },
      onattribend(quote, end) {
        if (reading && quote !== 0) endAttribute(reading, end);
        reading = undefined;
        pass(end);
      },
      onopentagend: pass,
      onselfclosingtag: pass,
      ontext: passTo,
      ontextentity: passTo,
      onclosetag: passTo,
      oncomment: passTo,
      oncdata: passTo,
      ondeclaration: passTo,
      onprocessinginstruction: passTo,
      onend: () => undefined,
    },
  );

  function flush(end: number): Uint8Array {
    if (end > start) put(end);
    const bytes = asBytes(out);
    out = '';
    return bytes;
  }

  return {
    push(chunk) {
      const signs = fromBytes(chunk);
      text += signs;
      tokenizer.write(signs);
      const held = reading?.start ?? passed;
      const end = start + text.length;
      if (end - Math.max(held, start) <= MAX_ATTRIBUTE) return flush(held);
      reading = undefined;
      return flush(end);
    },
    end() {
      tokenizer.end();
      return flush(start + text.length);
    },
  };
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function fromBytes(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

function asBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function escapeValue(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
}
