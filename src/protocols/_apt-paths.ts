/** What a path asks for, told from its segments alone, so that it holds wherever a repository is mounted. */
export type AptKind = 'release' | 'index' | 'content' | 'package' | 'sources' | 'key';

/** A path that was told apart. */
export interface AptPath {
  /** What it asks for. */
  readonly type: AptKind;
  /** The path; of what is made here, that of the `InRelease` that it is made of. */
  readonly path: string;
}

/** A repository as its clients write it: where it is, and the suite in it; empty for a flat one. */
export interface AptSuite {
  /** The path of the repository, without a slash at its end. */
  readonly root: string;
  /** The suite: `stable`. */
  readonly suite: string;
}

// Debian repository format, "Repository layout".
const RELEASE = /^(?:InRelease|Release|Release\.gpg)$/;
const HASH = /^(?:MD5Sum|SHA1|SHA256|SHA512)$/;
const DIGEST = /^[\da-f]{32,128}$/;
// A folder of one architecture has a `Release` of its own, which is listed like an index.
const ARCHITECTURE = /^(?:binary-.+|source)$/;
const FLAT_INDEX =
  /^(?:Packages|Sources|(?:Contents|Translation)-[\w.@-]+)(?:\.(?:gz|bz2|xz|zst|lzma|lz4))?$/;
const FLAT_DIFF = /^(?:Packages|Sources|Contents-[\w.@-]+)\.diff$/;

// deb(5), dsc(5), deb-changes(5), deb-buildinfo(5), and what a `.dsc` names.
const BINARY = /\.(?:deb|udeb|ddeb)$/;
const SOURCE = /\.(?:dsc|changes|buildinfo|diff\.gz|tar\.(?:gz|bz2|xz|zst|lzma)(?:\.asc)?)$/;

// A suite's name starts with a letter or a digit, so that it is never a dot segment.
const MADE_OF_SUITE = /^([a-z\d][\w.+~-]*)\.(sources|asc)$/i;
const MADE_OF_FLAT = /^flat\.(sources|asc)$/;

/** Reads a path; `undefined` when it is none that clients of a repository ask for. */
export function readAptPath(path: string): AptPath | undefined {
  if (!path.startsWith('/') || path.includes('//') || path.endsWith('/') || /%2f/i.test(path))
    return undefined;
  const folders = path.slice(1).split('/');
  const file = folders.pop() as string;
  const made = readMade(folders, file);
  if (made) return made;
  const type = kindOf(folders, file);
  return type && { type, path };
}

/** Writes the path of what is made here of an `InRelease`. */
export function formatMade(type: 'sources' | 'key', path: string): string {
  const end = type === 'sources' ? 'sources' : 'asc';
  const { root, suite } = suiteOf(path);
  return suite === '' ? `${root}/flat.${end}` : `${root}/dists/${suite}.${end}`;
}

/** The repository and the suite whose `InRelease` this is. */
export function suiteOf(path: string): AptSuite {
  const folders = path.slice(1).split('/').slice(0, -1);
  const at = folders.indexOf('dists');
  if (at === -1 || at === folders.length - 1) return { root: folderOf(path), suite: '' };
  return {
    root: folders.slice(0, at).map(below).join(''),
    suite: folders.slice(at + 1).join('/'),
  };
}

/**
 * The snapshot that a document belongs to: the folder of its suite, or of its flat repository. A suite is one segment,
 * since of `dists/a/b/c/…` nobody can tell where a component starts.
 */
export function snapshotOf(path: string): string {
  const folders = path.slice(1).split('/').slice(0, -1);
  const at = folders.indexOf('dists');
  if (at !== -1 && at < folders.length - 1)
    return folders
      .slice(0, at + 2)
      .map(below)
      .join('');
  const kept = FLAT_DIFF.test(folders.at(-1) ?? '') ? folders.slice(0, -1) : folders;
  return kept.map(below).join('');
}

function readMade(folders: readonly string[], file: string): AptPath | undefined {
  const inSuite = folders.at(-1) === 'dists' && folders.indexOf('dists') === folders.length - 1;
  const [, suite, end] = (inSuite ? MADE_OF_SUITE.exec(file) : null) ?? [];
  const flatEnd =
    suite === undefined && !folders.includes('dists') ? MADE_OF_FLAT.exec(file)?.[1] : undefined;
  const made = end ?? flatEnd;
  if (made === undefined) return undefined;
  const path = [...folders, ...(suite === undefined ? [] : [suite]), 'InRelease'].map(below).join('');
  return { type: made === 'sources' ? 'sources' : 'key', path };
}

function kindOf(folders: readonly string[], file: string): AptKind | undefined {
  if (folders.at(-2) === 'by-hash' && HASH.test(folders.at(-1) as string))
    return DIGEST.test(file) ? 'content' : undefined;
  if (BINARY.test(file)) return 'package';
  const parent = folders.at(-1) ?? '';
  const at = folders.indexOf('dists');
  if (at !== -1 && at < folders.length - 1)
    return RELEASE.test(file) && !ARCHITECTURE.test(parent) ? 'release' : 'index';
  if (SOURCE.test(file) && (file.includes('_') || folders.includes('pool'))) return 'package';
  if (at !== -1) return undefined;
  if (RELEASE.test(file)) return 'release';
  return FLAT_INDEX.test(file) || FLAT_DIFF.test(parent) ? 'index' : undefined;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function below(segment: string): string {
  return `/${segment}`;
}
