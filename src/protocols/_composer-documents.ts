import { isObject, type JsonObject } from '../core/json-document.ts';

/** Where the archive of a version is, as an upstream's document says. */
export interface ComposerDist {
  /** The version, as the package writes it. */
  readonly version: string;
  /** The commit or other mark of what is in the archive; empty when there is none. */
  readonly reference: string;
  /** The kind of archive: `zip`, `tar`. */
  readonly kind: string;
  /** The address. */
  readonly url: string;
}

/** What an upstream's `packages.json` says of where its other documents are. */
export interface ComposerLayout {
  /** The address of a package's metadata, with `%package%` for the name; none in a repository without them. */
  readonly metadata?: string;
  /** Where installs are told of, if they are. */
  readonly notify?: string;
  /** Every document that may name the versions of a package, where there is no metadata of each. */
  readonly whole: readonly string[];
}

/** A version or reference as one segment of a path: what is not a word, a dot or a hyphen as `~` and two digits. */
function encodePart(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%', '~');
}

/** Reads what `encodePart` has written; `undefined` when it is none of it. */
export function decodePart(part: string): string | undefined {
  if (!/^(?:[\w.-]|~[\dA-Fa-f]{2})+$/.test(part)) return undefined;
  try {
    const text = decodeURIComponent(part.replaceAll('~', '%'));
    return text.startsWith('.') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The archive of a version object, if it is one that can be downloaded. */
function readDist(version: JsonObject, base: string): ComposerDist | undefined {
  const { dist } = version;
  if (!isObject(dist) || typeof version.version !== 'string' || typeof dist.url !== 'string')
    return undefined;
  const kind = dist.type;
  if (typeof kind !== 'string' || !/^[a-z\d]+$/.test(kind) || kind === 'path') return undefined;
  if (version.version === '' || version.version.startsWith('.') || !isWellFormed(version.version))
    return undefined;
  const reference = typeof dist.reference === 'string' && isReference(dist.reference) ? dist.reference : '';
  const url = URL.canParse(dist.url, base) ? new URL(dist.url, base).href : dist.url;
  return { version: version.version, reference, kind, url };
}

function isReference(text: string): boolean {
  return !text.startsWith('.') && isWellFormed(text);
}

/** Without half of a character, which no address can have. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** A version object whose archive is found through `publicUrl`; `undefined` when it names none that could be. */
export function toPublicVersion(name: string, version: unknown, publicUrl: string): JsonObject | undefined {
  const dist = isObject(version) ? readDist(version, publicUrl) : undefined;
  if (!isObject(version) || !dist) return undefined;
  // Mirrors would be asked before the address, and are written into lock files too.
  const { mirrors: _, ...own } = version.dist as JsonObject;
  return { ...version, dist: { ...own, url: publicUrl + writeDistPath(name, dist) } };
}

/** The path of an archive: `/dists/<name>/<version>/<reference>.<kind>`. */
export function writeDistPath(
  name: string,
  { version, reference, kind }: Pick<ComposerDist, 'version' | 'reference' | 'kind'>,
): string {
  const mark = reference === '' ? '' : `/${encodePart(reference)}`;
  return `/dists/${name}/${encodePart(version)}${mark}.${kind}`;
}

/**
 * Lists the archives of a package in a document, with `metadata` of this package or a whole repository's.
 *
 * In minified metadata a version says what is different from the one before (Composer, MetadataMinifier).
 */
export function listDists(document: unknown, name: string, base: string): readonly ComposerDist[] {
  const packages = isObject(document) ? document.packages : undefined;
  const versions = isObject(packages) ? packages[name] : undefined;
  if (typeof versions !== 'object' || versions === null || !isObject(document)) return [];
  const minified = document.minified !== undefined;
  let before: JsonObject = {};
  return Object.values(versions as JsonObject).flatMap((version) => {
    if (!isObject(version)) return [];
    before = minified ? { ...before, ...version } : version;
    return readDist(before, base) ?? [];
  });
}

/** Finds the archive of a version: with that very reference, or with any where one of both says none. */
export function findDist(
  dists: readonly ComposerDist[],
  { version, reference, kind }: Omit<ComposerDist, 'url'>,
): string | undefined {
  const same = dists.filter((dist) => dist.version === version && dist.kind === kind);
  const exact =
    same.find((dist) => dist.reference === reference) ??
    same.find((dist) => dist.reference === '' || reference === '');
  if (exact) return exact.url;
  // A branch has moved on since it was locked. Composer does the same for these hosts (Package, setSourceDistReferences).
  const moved = same.find(({ url }) => FORGES.test(url));
  const parts = moved?.url.split(moved.reference) ?? [];
  return parts.length === 2 && /^[\da-f]{40}$/.test(reference) ? parts.join(reference) : undefined;
}

const FORGES = /^https?:\/\/(?:api\.github\.com|(?:www\.)?(?:github\.com|bitbucket\.org|gitlab\.com))\//;

/** Reads what a `packages.json` says of the repository; `undefined` when it is of none that Composer 2 reads. */
export function readLayout(document: unknown, base: string): ComposerLayout | undefined {
  if (!isObject(document)) return undefined;
  const address = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' && URL.canParse(value, base)
      ? new URL(value, base).href
      : undefined;
  const metadata = address(document['metadata-url']);
  const notify = address(document['notify-batch']);
  const includes = isObject(document.includes) ? Object.keys(document.includes) : [];
  const inlined = document.packages;
  const empty = typeof inlined !== 'object' || inlined === null || Object.keys(inlined).length === 0;
  if (metadata === undefined && empty && includes.length === 0 && document['providers-url'] !== undefined)
    return undefined;
  const whole = [...(empty ? [] : [base]), ...includes.flatMap((path) => address(path) ?? [])];
  return { ...(metadata !== undefined && { metadata }), ...(notify !== undefined && { notify }), whole };
}

/** What of a `packages.json` is about the repository and not about where something is. */
const KEPT = [
  'available-packages',
  'available-package-patterns',
  'info',
  'info-versions',
  'warning',
  'warning-versions',
];

/** What people ask of a repository besides packages, by addresses that no lock file has. */
const SERVICES = ['search', 'list', 'providers-api'];

/**
 * Makes the `packages.json` of the public address.
 *
 * `open` tells whether a client can ask an address of the upstream without the gateway.
 */
export function toPublicRoot(
  document: JsonObject,
  { metadata }: ComposerLayout,
  base: string,
  publicUrl: string,
  open: (url: string) => boolean,
): JsonObject {
  const service = (value: unknown): string | undefined => {
    if (typeof value !== 'string' || !URL.canParse(value, base)) return undefined;
    const url = new URL(value, base).href;
    return open(url) ? url : undefined;
  };
  const advisories = document['security-advisories'];
  const api = isObject(advisories) ? service(advisories['api-url']) : undefined;
  const includes =
    metadata === undefined && isObject(document.includes) ? toPublicIncludes(document.includes) : {};
  return {
    packages: toPublicPackages(document.packages, publicUrl),
    ...(metadata !== undefined && { 'metadata-url': `${publicUrl}/p2/%package%.json` }),
    ...(Object.keys(includes).length > 0 && { includes }),
    'notify-batch': `${publicUrl}/downloads/`,
    ...pick(document, KEPT),
    ...Object.fromEntries(
      SERVICES.flatMap((key) => {
        const url = service(document[key]);
        return url === undefined ? [] : [[key, url]];
      }),
    ),
    ...(isObject(advisories) && {
      'security-advisories': {
        ...pick(advisories, ['metadata', 'query-all']),
        ...(api && { 'api-url': api }),
      },
    }),
  };
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.flatMap((key) => (object[key] === undefined ? [] : [[key, object[key]]])));
}

/** The included documents that the public address has; their checksums are those of other bytes. */
function toPublicIncludes(includes: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.keys(includes)
      .filter((path) => INCLUDE.test(path))
      .map((path) => [path, {}]),
  );
}

/** A document that a `packages.json` includes, as Satis calls it: `include/all$<sha1>.json`. */
export const INCLUDE: RegExp = /^include\/\w[\w$.-]*\.json$/;

function toPublicPackages(packages: unknown, publicUrl: string): unknown {
  if (!isObject(packages)) return [];
  return Object.fromEntries(
    Object.entries(packages).map(([name, versions]) => [name, toPublicVersions(name, versions, publicUrl)]),
  );
}

function toPublicVersions(name: string, versions: unknown, publicUrl: string): unknown {
  const toPublic = (version: unknown): unknown => toPublicVersion(name, version, publicUrl) ?? version;
  if (Array.isArray(versions)) return versions.map(toPublic);
  if (!isObject(versions)) return versions;
  return Object.fromEntries(Object.entries(versions).map(([key, version]) => [key, toPublic(version)]));
}
