/** What a narinfo says of its NAR, as far as it takes to find the NAR again. */
export interface NarInfo {
  /** Where the NAR is: absolute, or relative to the cache. */
  readonly url: string;
  /** What it is compressed with: `none`, `xz`, `zstd`. */
  readonly compression: string;
  /** The SHA-256 of what is in it, in hexadecimal. */
  readonly narHash: string;
}

// Nix, "binary cache": lines of `Key: value`; signatures cover the store path, the NAR's hash and size, and references.
const LINE = /^(URL|Compression|NarHash): (\S+)$/gm;
const COMPRESSION = /^[a-z][a-z\d]*$/;

/** Reads a narinfo; `undefined` when it is none that Nix would take. */
export function readNarInfo(text: string): NarInfo | undefined {
  const fields = new Map([...text.matchAll(LINE)].map(([, key = '', value = '']) => [key, value]));
  const url = fields.get('URL');
  // Nix took bzip2 where nothing was said, and still does.
  const compression = fields.get('Compression') ?? 'bzip2';
  const narHash = toHexadecimal(fields.get('NarHash') ?? '');
  if (url === undefined || narHash === undefined || !COMPRESSION.test(compression)) return undefined;
  return { url, compression, narHash };
}

/** A narinfo whose NAR is at another place, in another compression; every other line stays. */
export function replaceNar(text: string, url: string, compression: string): string {
  const [, declared] = /^Compression: (\S+)$/m.exec(text) ?? [];
  const moved = text.replace(/^URL: \S+$/gm, () => `URL: ${url}`);
  if (declared === compression || (declared === undefined && compression === 'bzip2')) return moved;
  const line = `Compression: ${compression}`;
  return declared === undefined
    ? moved.replace(/^URL: \S+$/m, (found) => `${found}\n${line}`)
    : moved.replace(/^Compression: \S+$/gm, () => line);
}

/** The digits of Nix's own base 32: no `e`, `o`, `t` and `u`. */
const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';
const BYTES = 32;

/** A SHA-256 in hexadecimal, of any form that Nix reads; `undefined` for anything else. */
export function toHexadecimal(hash: string): string | undefined {
  const [, separator, digest = ''] = /^sha256([:-])([\w+/=-]{43,64})$/.exec(hash) ?? [];
  if (separator === ':' && /^[\da-f]{64}$/i.test(digest)) return digest.toLowerCase();
  if (separator === ':' && /^[\da-df-np-sv-z]{52}$/.test(digest)) return fromBase32(digest);
  if (separator === undefined || !/^[\w+/-]{43}=?$/.test(digest)) return undefined;
  const bytes = Uint8Array.from(atob(digest.slice(0, 43).replaceAll('-', '+').replaceAll('_', '/')), (sign) =>
    sign.charCodeAt(0),
  );
  return write(bytes);
}

/** Nix writes the last byte first. */
function fromBase32(digest: string): string {
  const bytes = new Uint8Array(BYTES + 1);
  for (let index = 0; index < digest.length; index++) {
    const bit = index * 5;
    const value = DIGITS.indexOf(digest.charAt(digest.length - 1 - index)) << (bit % 8);
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) | (value & 255);
    bytes[at + 1] = (bytes[at + 1] ?? 0) | (value >> 8);
  }
  return write(bytes.subarray(0, BYTES));
}

function write(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
