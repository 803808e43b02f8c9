/** What stands beside a file under its name and a suffix: checksums, signatures, attestations, and how to fetch it. */
export const SIDE_SUFFIXES: readonly string[] = [
  ...['.md5', '.sha1', '.sha224', '.sha256', '.sha384', '.sha512', '.sha3-256', '.sha3-512', '.b2', '.b3'],
  ...['.md5sum', '.sha1sum', '.sha256sum', '.sha512sum', '.blake3', '.asc', '.sig', '.sign', '.minisig'],
  ...['.sigstore', '.sigstore.json', '.bundle', '.cosign.bundle', '.pem', '.crt', '.p7s', '.intoto.jsonl'],
  ...['.att', '.provenance', '.attestation.json', '.sbom', '.sbom.json', '.spdx', '.spdx.json', '.cdx.json'],
  ...['.cyclonedx.json', '.zsync', '.torrent', '.metalink', '.meta4'],
];

/** Those that are also the names of files by themselves: `/ca.pem`. */
const AMBIGUOUS = new Set([
  ...['.pem', '.crt', '.p7s', '.bundle', '.sign', '.att', '.provenance', '.zsync', '.torrent', '.metalink'],
  ...['.meta4', '.sbom', '.sbom.json', '.spdx', '.spdx.json', '.cdx.json', '.cyclonedx.json'],
]);

/** What `.sha256` and the like end with: most paths end with none of them. */
const LAST = new Set(SIDE_SUFFIXES.map((suffix) => suffix.slice(suffix.lastIndexOf('.'))));

/** The ends of the names of files with the checksums of several. */
const SUMS = ['SUMS', 'SUMS.txt', 'checksums.txt'];

/** The longest suffix of side files of side files, `.cosign.bundle.sha256`. */
const MAX_LENGTH = 48;

/** Tells whether a path is by its name that of something beside files: `/acme.tar.gz.sha256`, `/SHA256SUMS`. */
export function isSidePath(path: string): boolean {
  const dot = path.lastIndexOf('.');
  if (dot === -1 || !LAST.has(path.slice(dot))) return SUMS.some((end) => path.endsWith(end));
  const suffix = SIDE_SUFFIXES.reduce(
    (longest, each) => (each.length > longest.length && path.endsWith(each) ? each : longest),
    '',
  );
  const stem = path.slice(path.lastIndexOf('/') + 1, path.length - suffix.length);
  if (suffix === '' || stem === '') return false;
  return !AMBIGUOUS.has(suffix) || stem.includes('.');
}

/** Cuts the last suffix of a path off; `undefined` when there is none, or it is none of a side file's length. */
export function cutSuffix(path: string, cut: string): readonly [path: string, suffix: string] | undefined {
  const dot = path.lastIndexOf('.');
  const suffix = path.slice(dot) + cut;
  if (dot <= path.lastIndexOf('/') + 1 || suffix.length > MAX_LENGTH) return undefined;
  return [path.slice(0, dot), suffix];
}

/** Tells whether a suffix is one of some, or several of them in a row: `.sha256.asc`. */
export function isSuffixOf(suffix: string, some: readonly string[]): boolean {
  return some.some(
    (each) =>
      suffix === each || (suffix.startsWith(`${each}.`) && isSuffixOf(suffix.slice(each.length), some)),
  );
}
