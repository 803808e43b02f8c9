import type { ProtocolRequest } from '../core/protocol.ts';
import { hasDotSegment } from '../core/request.ts';
import type { ForgeResource } from './_forge-resources.ts';

/** What a path says of its resource, without the project. */
type Rest = ForgeResource extends infer R
  ? R extends ForgeResource
    ? Omit<R, 'project' | 'query'>
    : never
  : never;

const SEGMENT = /^(?:[\w.~!$&'()*+,;=:@[\]|-]|%[\dA-Fa-f]{2})+$/;
const FORMAT = /\.(tar\.gz|zip)$/;
const UPLOAD_PACK = 'service=git-upload-pack';
const RECEIVE_PACK = 'service=git-receive-pack';
/** What git asks of a repository that is nothing but files. */
const DUMB =
  /^(?:HEAD|objects\/(?:info\/(?:alternates|http-alternates|packs)|[\da-f]{2}\/[\da-f]{38,62}|pack\/pack-[\da-f]{40,64}\.(?:pack|idx)))$/;

/** How many words a project's name may have; GitLab has 20 groups in each other, and the project. */
const MOST_WORDS = 24;

/** Reads a public path: the first words that cannot be a project's name end the name. */
export function parseForge({ method, path, query }: ProtocolRequest): ForgeResource | undefined {
  const [start, ...words] = path.split('/');
  if (start !== '' || !words.every((word) => SEGMENT.test(word))) return undefined;
  for (let index = 0; index < words.length && index <= MOST_WORDS; index++) {
    const found = isMark(words, index) ? readRest(words.slice(index), method, query) : undefined;
    if (found) return finish(found, words.slice(0, index), query);
  }
  return undefined;
}

/** Whether the words from here on may be no name any more, as far as two of them tell. */
function isMark(words: readonly string[], index: number): boolean {
  const next = words[index + 1];
  switch (words[index]) {
    case 'releases':
      return next === 'latest' || next === 'download' || next === 'tag';
    case 'archive':
      return next !== undefined && FORMAT.test(words.at(-1) ?? '');
    case 'raw':
    case '-':
      return words.length - index > 2;
    case 'info':
      return next === 'refs' || next === 'lfs';
    case 'objects':
      return index > 0 && next !== undefined;
    case 'HEAD':
    case 'git-upload-pack':
    case 'git-receive-pack':
      return index > 0 && next === undefined;
    default:
      return false;
  }
}

/** What the words behind a project's name ask for; `undefined` for nothing of ours. */
function readRest(
  [first = '', second = '', ...more]: readonly string[],
  method: string,
  query: string | undefined,
): Rest | undefined {
  const path = second === '' ? first : [first, second, ...more].join('/');
  if (['info', 'objects', 'HEAD', 'git-upload-pack', 'git-receive-pack'].includes(first))
    return readGit(path, method, query);
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  if (first === 'releases') return readRelease(second, more);
  if (first === '-') return readGitLab(second, more);
  const words = [second, ...more];
  return first === 'archive' ? readArchive(words.join('/')) : readRaw(words);
}

function readRelease(word: string, [first, ...more]: readonly string[]): Rest | undefined {
  const file = more.join('/');
  if (word === 'latest') {
    if (first === undefined) return { type: 'latest' };
    return first === 'download' && file !== '' ? { type: 'latest-asset', file } : undefined;
  }
  if (first === undefined || !isSlashed(first)) return undefined;
  if (word === 'tag') return file === '' ? { type: 'page', tag: first } : undefined;
  return file === '' ? undefined : { type: 'asset', tag: first, file };
}

/** Reads a path in GitLab's own form, so that an address of GitLab needs no more than another host. */
function readGitLab(word: string, words: readonly string[]): Rest | undefined {
  if (word === 'raw') return readRaw(words);
  if (word === 'archive') {
    const format = FORMAT.exec(words.at(-1) ?? '');
    return format ? readArchive(words.slice(0, -1).join('/') + format[0]) : undefined;
  }
  if (word !== 'releases') return undefined;
  const [first, second, third, ...rest] = words;
  if (first === 'permalink' && second === 'latest')
    return readRelease('latest', third === 'downloads' ? ['download', ...rest] : words.slice(2));
  if (second === undefined) return readRelease('tag', words);
  const file = third === undefined ? [] : [third, ...rest];
  return second === 'downloads' ? readRelease('download', [first ?? '', ...file]) : undefined;
}

function readArchive(name: string): Rest | undefined {
  const format = FORMAT.exec(name)?.[1];
  if (format !== 'tar.gz' && format !== 'zip') return undefined;
  const ref = name.slice(0, -format.length - 1);
  return isRef(ref) ? { type: 'archive', ref, format } : undefined;
}

function readRaw(words: readonly string[]): Rest | undefined {
  const qualified = words[0] === 'refs' && (words[1] === 'heads' || words[1] === 'tags') && words.length > 3;
  const length = qualified ? 3 : 1;
  const ref = words.slice(0, length).join('/');
  return isRef(ref) ? { type: 'raw', ref, path: words.slice(length).join('/') } : undefined;
}

function readGit(path: string, method: string, query: string | undefined): Rest | undefined {
  const reads = method === 'GET' || method === 'HEAD';
  const git = { suffix: '', path } as const;
  if (path === 'info/refs') {
    if (!reads) return undefined;
    if (query === RECEIVE_PACK) return { type: 'push', ...git };
    return query === undefined || query === '' || query === UPLOAD_PACK ? { type: 'git', ...git } : undefined;
  }
  if (path === 'git-receive-pack') return method === 'POST' ? { type: 'push', ...git } : undefined;
  if (path === 'git-upload-pack' || path === 'info/lfs/objects/batch')
    return method === 'POST' ? { type: 'git', ...git } : undefined;
  return reads && DUMB.test(path) ? { type: 'git', ...git } : undefined;
}

function finish(rest: Rest, words: readonly string[], query: string | undefined): ForgeResource | undefined {
  const asked = query ? { query } : {};
  const name = words.join('/');
  if (rest.type !== 'git' && rest.type !== 'push') return { ...rest, project: name, ...asked };
  if (!name.endsWith('.git')) return { ...rest, project: name, ...asked };
  const project = name.slice(0, -4);
  return project === '' || project.endsWith('/') ? undefined : { ...rest, project, suffix: '.git', ...asked };
}

/** Whether a tag, branch or commit has no empty part, and none that leads elsewhere when its slashes are decoded. */
function isRef(ref: string): boolean {
  return ref !== '' && isSlashed(ref) && !hasDotSegment(`/${ref}`);
}

function isSlashed(text: string): boolean {
  return !/^(?:\/|%2f)|(?:\/|%2f)(?:\/|%2f)|(?:\/|%2f)$/i.test(text);
}

/** Writes what was asked for, as it was. */
export function formatForge(resource: ForgeResource): string {
  const { project, query } = resource;
  const name = project === '' ? '' : `/${project}`;
  return `${name}${pathOf(resource)}${query === undefined ? '' : `?${query}`}`;
}

function pathOf(resource: ForgeResource): string {
  switch (resource.type) {
    case 'asset':
      return `/releases/download/${resource.tag}/${resource.file}`;
    case 'latest-asset':
      return `/releases/latest/download/${resource.file}`;
    case 'latest':
      return '/releases/latest';
    case 'page':
      return `/releases/tag/${resource.tag}`;
    case 'archive':
      return `/archive/${resource.ref}.${resource.format}`;
    case 'raw':
      return `/raw/${resource.ref}/${resource.path}`;
    case 'git':
    case 'push':
      return `${resource.suffix}/${resource.path}`;
  }
}

/** Decodes what is UTF-8; the rest stays. */
export function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
