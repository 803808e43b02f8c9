import { suggest } from '../core/suggest.ts';
import { formatForge } from './_forge-paths.ts';
import type { ForgeArchive, ForgeKind, ForgeRaw, ForgeResource } from './_forge-resources.ts';

/** Writes the path that a kind of host has a resource at. */
export function formatAt(kind: ForgeKind, resource: ForgeResource): string {
  const { query } = resource;
  return pathAt(kind, resource) + (query === undefined ? '' : `?${query}`);
}

function pathAt(kind: ForgeKind, resource: ForgeResource): string {
  const { query: _, ...asked } = resource;
  const base = resource.project === '' ? '' : `/${resource.project}`;
  // A template has the whole address.
  if (kind === 'address') return base;
  if (resource.type === 'git' || resource.type === 'push') return `${base}.git/${resource.path}`;
  return WRITE[kind](base, asked as Asked);
}

/** What is neither git's nor of no host. */
type Asked = Exclude<ForgeResource, { readonly type: 'git' | 'push' }>;

const WRITE: Readonly<Record<Exclude<ForgeKind, 'address'>, (base: string, asked: Asked) => string>> = {
  github(base, asked) {
    if (asked.type === 'archive') return `${base}/archive/${slashed(asked.ref)}.${asked.format}`;
    if (asked.type === 'raw') return `${base}/raw/${slashed(asked.ref)}/${asked.path}`;
    return formatForge(asked);
  },

  'github-api'(base, asked) {
    switch (asked.type) {
      case 'archive':
        return `${base}/${asked.format === 'zip' ? 'zipball' : 'tarball'}/${slashed(asked.ref)}`;
      case 'raw':
        return `${base}/contents/${asked.path}`;
      case 'asset':
      case 'page':
        return `${base}/releases/tags/${asked.tag}`;
      case 'latest':
      case 'latest-asset':
        return `${base}/releases/latest`;
    }
  },

  gitlab(base, asked) {
    switch (asked.type) {
      case 'asset':
        return `${base}/-/releases/${asked.tag}/downloads/${asked.file}`;
      case 'page':
        return `${base}/-/releases/${asked.tag}`;
      case 'latest':
        return `${base}/-/releases/permalink/latest`;
      case 'latest-asset':
        return `${base}/-/releases/permalink/latest/downloads/${asked.file}`;
      case 'raw':
        return `${base}/-/raw/${nameOf(asked)}/${asked.path}`;
      case 'archive': {
        const ref = nameOf(asked);
        const name = base.slice(base.lastIndexOf('/') + 1);
        return `${base}/-/archive/${ref}/${name}-${ref.replaceAll('/', '-')}.${asked.format}`;
      }
    }
  },

  gitea(base, asked) {
    if (asked.type === 'archive') return `${base}/archive/${nameOf(asked)}.${asked.format}`;
    if (asked.type === 'raw') return `${base}/raw/${giteaRef(asked)}/${asked.path}`;
    return formatForge(asked);
  },

  bitbucket(base, asked) {
    switch (asked.type) {
      // Downloads are of the repository, and of no tag.
      case 'asset':
      case 'latest-asset':
        return `${base}/downloads/${asked.file}`;
      case 'page':
        return `${base}/src/${asked.tag}/`;
      case 'latest':
        return `${base}/downloads/`;
      case 'raw':
        return `${base}/raw/${shortOf(asked)}/${asked.path}`;
      case 'archive':
        return `${base}/get/${nameOf(asked)}.${asked.format}`;
    }
  },

  sourceforge(base, asked) {
    // A release is a folder, or one in another.
    if (asked.type === 'asset') return `${base}/${slashed(asked.tag)}/${asked.file}`;
    return formatForge(asked);
  },
};

/** What a kind of host does not have; a sentence for whoever asks for it. */
export function findLack(
  kind: ForgeKind | undefined,
  { type }: ForgeResource,
  knowsLatest: boolean,
): string | undefined {
  const latest = type === 'latest' || type === 'latest-asset';
  switch (kind) {
    case 'address':
      if (latest && !knowsLatest)
        return 'Which release is the latest is not said here: the rule has no `options.latest`.';
      return latest || type === 'asset' || type === 'page'
        ? undefined
        : 'There are files of releases only here.';
    case 'bitbucket':
      return latest && !knowsLatest
        ? 'Bitbucket has no releases of which one is the latest: the rule needs `options.latest`.'
        : undefined;
    case 'sourceforge':
      return latest || type === 'asset' || type === 'page'
        ? undefined
        : 'SourceForge has files of releases only; its repositories are on another host.';
    case 'github-api':
      return type === 'git' ? "GitHub's API has no repository for git." : undefined;
    default:
      return undefined;
  }
}

/** A reference with its slashes decoded, as hosts that take several segments write it. */
function slashed(ref: string): string {
  return ref.replace(/%2f/gi, '/');
}

/** The name of a tag or a branch, without saying which; its slashes decoded. */
function nameOf(resource: ForgeArchive | ForgeRaw): string {
  return slashed(shortOf(resource));
}

function shortOf({ ref }: ForgeArchive | ForgeRaw): string {
  return /^refs\/(?:heads|tags)\/(.+)$/.exec(ref)?.[1] ?? ref;
}

/** Gitea says of a reference what it is; of a plain name it finds out. */
function giteaRef({ ref }: ForgeRaw): string {
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  if (kind !== undefined) return `${kind === 'heads' ? 'branch' : 'tag'}/${slashed(name)}`;
  return /^[\da-f]{40}(?:[\da-f]{24})?$/i.test(ref) ? `commit/${ref}` : slashed(ref);
}

/** An address of a rule in its short form. */
interface ShortTarget {
  /** The address. */
  readonly url: string;
  /** The kind of host. */
  readonly kind: ForgeKind;
}

/** Each prefix with its kind, and the host that is meant without one. */
const PREFIXES: Readonly<Record<string, readonly [kind: ForgeKind, base: string | undefined]>> = {
  github: ['github', 'https://github.com/'],
  'github-api': ['github-api', 'https://api.github.com/repos/'],
  gitlab: ['gitlab', 'https://gitlab.com/'],
  gitea: ['gitea', undefined],
  forgejo: ['gitea', undefined],
  codeberg: ['gitea', 'https://codeberg.org/'],
  bitbucket: ['bitbucket', 'https://bitbucket.org/'],
  sourceforge: ['sourceforge', 'https://downloads.sourceforge.net/project/'],
};

const HOSTS: Readonly<Record<string, ForgeKind>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'codeberg.org': 'gitea',
  'bitbucket.org': 'bitbucket',
};

/** What people call hosts whose kind must be said. */
const TELLING = /^(bitbucket|forgejo|gitea|github|gitlab)\./;

/**
 * Reads a `to`: a short form, the address of a project on a host that is known, or a template; `undefined` for any other
 * address, which has the same paths as there are here.
 */
export function readTarget(text: string): ShortTarget | string | undefined {
  // Digits are a port.
  const [, prefix = '', rest = ''] = /^([a-z][a-z-]*):(?!\/\/|\d+(?:\/|$))(.*)$/is.exec(text) ?? [];
  const known = Object.hasOwn(PREFIXES, prefix) ? PREFIXES[prefix] : undefined;
  if (known) return fromPrefix(prefix, rest, ...known);
  if (prefix !== '') return explainPrefix(prefix);
  if (/(?:[:*]|\{[+/.]?)(?:tag|file)(?![$\w])/.test(text)) return { url: text, kind: 'address' };
  const host = /^(?:https?:\/\/)?([^/?#]*)/i.exec(text)?.[1]?.toLowerCase() ?? '';
  const kind = Object.hasOwn(HOSTS, host) ? HOSTS[host] : undefined;
  if (kind) return { url: withoutGit(text), kind };
  const [, named] = TELLING.exec(host) ?? [];
  return named && `\`${text}\` does not say what kind of host it is; write \`${named}:${withScheme(text)}\`.`;
}

function fromPrefix(
  prefix: string,
  rest: string,
  kind: ForgeKind,
  base: string | undefined,
): ShortTarget | string {
  if (/^https?:\/\//i.test(rest)) return { url: withoutGit(rest), kind };
  if (base === undefined)
    return `\`${prefix}:\` is on many hosts; write which, as in \`${prefix}:https://git.example/${rest || 'owner/project'}\`.`;
  if (rest === '' || rest.startsWith('/'))
    return `\`${prefix}:${rest}\` names no project; write it behind the colon, as in \`${prefix}:owner/project\`.`;
  return { url: withoutGit(base + rest), kind };
}

function explainPrefix(prefix: string): string {
  const names = Object.keys(PREFIXES);
  const near = suggest(prefix, names);
  const known = names.map((name) => `\`${name}\``).join(', ');
  return `There is no kind of host \`${prefix}\`; ${near ? `did you mean \`${near}\`?` : `there is ${known}.`}`;
}

function withScheme(address: string): string {
  return /^https?:/i.test(address) ? address : `https://${address}`;
}

/** The address to clone from is the address of the project too. */
function withoutGit(url: string): string {
  return url.replace(/\.git\/?$/, '');
}
