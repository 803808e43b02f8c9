import { FILE_NAME } from './_file-name.ts';

/** What the name of a bottle's file says. */
export interface BottleName {
  /** The formula's name, as the path has it. */
  readonly name: string;
  /** The version with its revision, as the path has it. */
  readonly version: string;
  /** The system that it is for: `arm64_sequoia`, `x86_64_linux`, `all`. */
  readonly tag: string;
  /** How often it was built anew. */
  readonly rebuild: string | undefined;
}

/** What the address of an image in a registry says. */
export interface ImageName {
  /** The formula's name, behind those of its tap if the address has them: `homebrew`, `core`, `openssl@3`. */
  readonly name: readonly string[];
  /** The version, with a hyphen and the rebuild if there was one. */
  readonly version: string;
}

const BOTTLE = /\.([a-z\d]+(?:_[a-z\d]+)*)\.bottle(?:\.(\d+))?\.tar\.gz$/;

const TEXT = /^[\w.-]+$/;

/** Reads `<name>-<version>.<tag>.bottle[.<rebuild>].tar.gz`; `undefined` for another file. */
export function readBottle(file: string): BottleName | undefined {
  const found = FILE_NAME.test(file) ? BOTTLE.exec(file) : null;
  if (!found) return undefined;
  const stem = file.slice(0, found.index);
  // Names have hyphens, and some versions (`2025-12-02`); mostly the first hyphen before a digit parts them.
  const digit = stem.search(/-\d/);
  const hyphen = digit > 0 ? digit : stem.lastIndexOf('-');
  if (hyphen < 1 || hyphen === stem.length - 1) return undefined;
  const [, tag = '', rebuild] = found;
  return { name: stem.slice(0, hyphen), version: stem.slice(hyphen + 1), tag, rebuild };
}

/** Reads `…/<name>/manifests/<version>`, where `/3` in a name stands for `@3`; `undefined` for a digest. */
export function readImage(path: string): ImageName | undefined {
  const parts = path.split('/');
  const version = parts.at(-1) ?? '';
  const start = parts.lastIndexOf('v2') + 1;
  if (!TEXT.test(version)) return undefined;
  const tap = start > 0 ? parts.slice(start, start + 2) : [];
  const segments = parts.slice(start + tap.length, -2).filter((segment) => segment !== '');
  if (![...tap, ...segments.slice(-2)].every((segment) => TEXT.test(segment))) return undefined;
  const last = segments.at(-1) ?? '';
  const versioned = segments.length > 1 && /^\d/.test(last);
  const name = versioned ? `${segments.at(-2)}@${last}` : last;
  return name === '' ? undefined : { name: [...tap, name], version };
}
