import { readJsonStrings } from '../core/json-read.ts';
import { rewriteJsonStrings } from '../core/json-rewrite.ts';
import type { ByteStream } from '../core/protocol.ts';

/** The longest document of one version that is read whole, in bytes. */
const MOST = 4 * 1_048_576;

/** Where a packument has the addresses of its tarballs. */
export const TARBALLS: readonly string[] = ['versions', '*', 'dist', 'tarball'];
const OF_PACKUMENT = [TARBALLS, ['versions', '*', 'dist', 'attestations', 'url']];
const OF_VERSION = OF_PACKUMENT.map((path) => path.slice(2));

const EXACT = /^\d+\.\d+\.\d+(?:[-+][\w.+-]*)?$/;
const ATTESTATIONS = /\/-\/npm\/v1\/attestations\/[\w.~@%+-]+$/;

/** The file that a version is known by here, whatever an upstream calls it. */
export function fileOf(name: string, version: string): string {
  // What has other signs is no version that a client takes (semver.org, "Backus-Naur Form Grammar").
  return `${baseOf(name)}-${version.replace(/[^\w.+-]/g, '_')}.tgz`;
}

/** The name without its scope. */
export function baseOf(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

/** The document of a package, its tarballs and attestations being below `publicUrl`. */
export function rewritePackument(body: ByteStream, name: string, publicUrl: string): ByteStream {
  return rewriteJsonStrings(body, OF_PACKUMENT, ([, version = '', , kind], address) =>
    toPublic(publicUrl, name, version, kind, address),
  );
}

/** The document of one version. One that was asked for by a tag is read whole, as its version may stand at its end. */
export async function* rewriteVersion(
  body: ByteStream,
  name: string,
  asked: string,
  publicUrl: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let version = asked;
  let whole: ByteStream = body;
  if (!EXACT.test(asked)) {
    const chunks = await collect(body, name);
    await readJsonStrings(from(chunks), [['version']], (_, found) => {
      version = found;
    });
    whole = from(chunks);
  }
  yield* rewriteJsonStrings(whole, OF_VERSION, ([, kind], address) =>
    toPublic(publicUrl, name, version, kind, address),
  );
}

function toPublic(
  publicUrl: string,
  name: string,
  version: string,
  kind: string | undefined,
  address: string,
): string {
  if (kind === 'tarball') return `${publicUrl}/${name}/-/${fileOf(name, version)}`;
  // npm asks its own registry for them, at the path of this address (pacote, registry.js, verifyAttestations).
  const path = ATTESTATIONS.exec(address)?.[0];
  return path === undefined ? address : publicUrl + path;
}

async function collect(body: ByteStream, name: string): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MOST)
      throw new Error(`The document of one version of ${name} is longer than ${MOST} bytes.`);
    chunks.push(chunk);
  }
  return chunks;
}

async function* from(chunks: readonly Uint8Array[]): ByteStream {
  yield* chunks;
}
