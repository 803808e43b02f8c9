import type { ByteStream } from '../core/protocol.ts';

/** How a key in armor starts. */
export const KEY_BLOCK = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const END = '-----END PGP PUBLIC KEY BLOCK-----';

/** The most bytes that a keyring may have. */
const MAX_KEY = 524_288;

/** RFC 9580 §5: the packets of keys. A secret one is never shown. */
const PUBLIC_KEY = 6;
const SECRET = new Set([5, 7]);

/**
 * Writes the keys of a keyring, binary or armored, as one armored block (RFC 9580 §6.2): apt reads the first block of a
 * text only.
 *
 * @throws Error It is no keyring of public keys.
 */
export function armorKeys(keyring: Uint8Array): string {
  const text = toBinaryText(keyring);
  const packets = text.includes(KEY_BLOCK) ? unarmor(text) : text;
  const tags = listTags(packets);
  if (tags[0] !== PUBLIC_KEY || tags.some((tag) => SECRET.has(tag)))
    throw new Error('What the rule says is its key is no OpenPGP public key.');
  const lines = btoa(packets).match(/.{1,64}/g) ?? [];
  return [KEY_BLOCK, '', ...lines, `=${btoa(checksum(packets))}`, END, ''].join('\n');
}

/**
 * Reads a keyring.
 *
 * @throws Error It is longer than 512 KiB.
 */
export async function readKeyring(body: ByteStream): Promise<Uint8Array> {
  const bytes: number[] = [];
  for await (const chunk of body) {
    if (bytes.length + chunk.length > MAX_KEY) throw new Error(`A keyring is longer than ${MAX_KEY} bytes.`);
    for (const byte of chunk) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** A character for each byte. */
function toBinaryText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The packets of all blocks in a text, one after the other. */
function unarmor(text: string): string {
  let packets = '';
  for (let from = text.indexOf(KEY_BLOCK); from !== -1; from = text.indexOf(KEY_BLOCK, from + 1)) {
    const end = text.indexOf(END, from);
    const lines = text.slice(from, end === -1 ? undefined : end).split(/\r?\n/);
    // Headers end with an empty line, and a checksum starts with a sign that is no base64 at that place.
    const data = lines.slice(lines.findIndex((line) => line.trim() === '') + 1);
    packets += fromBase64(data.filter((line) => !line.startsWith('=')).join(''));
  }
  return packets;
}

function fromBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return '';
  }
}

/** The tags of packets in their order (RFC 9580 §4.2); empty when they are none. */
function listTags(packets: string): readonly number[] {
  const tags: number[] = [];
  for (let at = 0; at < packets.length; ) {
    const first = packets.charCodeAt(at);
    if (first < 0x80) return [];
    const modern = (first & 0x40) !== 0;
    tags.push(modern ? first & 0x3f : (first >> 2) & 0x0f);
    const [head, length] = modern ? readLength(packets, at + 1) : readOldLength(packets, at + 1, first & 3);
    at += 1 + head + length;
    // A length that is none is not a number.
    if (!(at <= packets.length)) return [];
  }
  return tags;
}

/** RFC 9580 §4.2.1: how many bytes a length has, and the length. Keys have no partial lengths. */
function readLength(packets: string, at: number): readonly [head: number, length: number] {
  const first = packets.charCodeAt(at);
  if (first < 192) return [1, first];
  if (first < 224) return [2, (first - 192) * 256 + packets.charCodeAt(at + 1) + 192];
  return first === 255 ? [5, readNumber(packets, at + 1, 4)] : [1, Number.NaN];
}

/** RFC 9580 §4.2.2; a length that is left open goes to the end. */
function readOldLength(packets: string, at: number, type: number): readonly [head: number, length: number] {
  if (type === 3) return [0, packets.length - at];
  const head = 2 ** type;
  return [head, readNumber(packets, at, head)];
}

function readNumber(packets: string, at: number, length: number): number {
  let number = 0;
  for (let index = at; index < at + length; index++) number = number * 256 + packets.charCodeAt(index);
  return number;
}

/** RFC 9580 §6.1.1: CRC-24, which old clients want. */
function checksum(packets: string): string {
  let crc = 0xb704ce;
  for (let index = 0; index < packets.length; index++) {
    crc ^= packets.charCodeAt(index) << 16;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x800000 ? 0x1864cfb : 0);
  }
  return String.fromCharCode((crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff);
}
