import type { Options } from '../core/options.ts';

/** What a `.repo` file says of a repository. */
export interface RepoFile {
  /** The id, unique on a machine. */
  readonly id: string;
  /** The address of the repository. */
  readonly baseurl: string;
  /** The address of the key; none when the rule gives none. */
  readonly key: string | undefined;
  /** The options of the rule. */
  readonly options: Options;
}

/** Variables that clients put values in place of (dnf.conf, "Repo variables"; zypper, "Repository variables"). */
const CLIENT_VARIABLES = /:(releasever(?:_m(?:aj|in)or)?|basearch|arch)(?!\w)/g;

/** Writes a `.repo` file, which dnf, yum and zypper read alike. */
export function writeRepoFile({ id, baseurl, key, options }: RepoFile): string {
  const { name = id, enabled, gpgcheck, repo_gpgcheck: ofIndex } = options;
  const lines = [
    `[${id}]`,
    `name=${name}`,
    `baseurl=${baseurl}`,
    `enabled=${toDigit(enabled !== false)}`,
    // zypper looks for news only in what says so; the others look by themselves.
    'autorefresh=1',
    // dnf's own default is not to check.
    `gpgcheck=${toDigit(gpgcheck !== false)}`,
    ...(ofIndex === undefined ? [] : [`repo_gpgcheck=${toDigit(ofIndex === true)}`]),
    ...(key === undefined ? [] : [`gpgkey=${key}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The address of a rule's repository, with the variables of clients; `undefined` when its pattern does not tell. */
export function toBaseUrl(
  match: readonly string[],
  publicUrl: string,
  { baseurl }: Options,
): string | undefined {
  if (typeof baseurl === 'string') return publicUrl + baseurl.replace(/(?<=[^/])$/, '/');
  const [folder] = /^\/(?:.*\/)?(?=\*\w+$)/.exec(match[0] ?? '/*path') ?? [];
  const path = folder?.replaceAll(CLIENT_VARIABLES, '$$$1');
  // What is left of a pattern's own signs is nothing that a client could fill in.
  return path === undefined || /[:*{}()[\]\\"?|^+]/.test(path) ? undefined : publicUrl + path;
}

/** The address of a rule's key: below its mount, or at a place of its own where it can be moved, too. */
export function toKeyUrl(rule: string, publicUrl: string, { key }: Options): string | undefined {
  if (typeof key !== 'string' || key.startsWith('file:')) return key as string | undefined;
  if (key.startsWith('/')) return publicUrl + key;
  return /^[\w.:-]+$/.test(rule) ? `${publicUrl}/${rule}.repo.key` : key;
}

function toDigit(flag: boolean): string {
  return flag ? '1' : '0';
}
