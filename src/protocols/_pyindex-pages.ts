import type { Answer } from '../core/protocol.ts';
import { END_OF_PAGE, startPage, toLink, writeLink } from './_pypi-merge.ts';
import { normalize } from './_pypi-names.ts';

/** A file of an index, as a rule lists it; the keys are those of PEP 691. */
export interface ListedFile {
  /** The name of its project. */
  readonly project: string;
  /** Its name. */
  readonly filename: string;
  /** Its address: whole, or a path below that of the upstream. */
  readonly url: string;
  /** Its digests in hexadecimal, by algorithm. */
  readonly hashes?: Readonly<Record<string, string>>;
  /** The versions of Python that it is for (PEP 345). */
  readonly 'requires-python'?: string;
  /** Whether there is a signature beside it. */
  readonly 'gpg-sig'?: boolean;
  /** Why it should not be installed any more (PEP 592). */
  readonly yanked?: string;
}

/** The files of an index by project and name. */
export type FileIndex = ReadonlyMap<string, ReadonlyMap<string, ListedFile>>;

const indexes = new WeakMap<object, FileIndex>();

/** Sorts a list of files by project and name; of several of one name the first counts. */
export function indexFiles(files: readonly ListedFile[]): FileIndex {
  const known = indexes.get(files);
  if (known) return known;
  const index = new Map<string, Map<string, ListedFile>>();
  for (const file of files) {
    const project = normalize(file.project);
    const own = index.get(project) ?? new Map<string, ListedFile>();
    index.set(project, own);
    if (!own.has(file.filename)) own.set(file.filename, file);
  }
  indexes.set(files, index);
  return index;
}

/** The forms of a page by media type, the one first that a client gets who wants any (PEP 691). */
const TYPES = [
  ['text/html', 'html'],
  ['application/vnd.pypi.simple.v1+html', 'html'],
  ['application/vnd.pypi.simple.v1+json', 'json'],
  ['application/vnd.pypi.simple.latest+html', 'html'],
  ['application/vnd.pypi.simple.latest+json', 'json'],
] as const;

/** Makes the list of all projects, in the form that a client wants. */
export function writeRoot(index: FileIndex, accept: string | undefined): Answer {
  const projects = [...index.keys()].sort();
  const [type, form] = negotiate(accept);
  const body =
    form === 'json'
      ? JSON.stringify({ meta: META, projects: projects.map((name) => ({ name })) })
      : startPage('all projects') +
        projects.map((name) => writeLink(name, { href: `${name}/` })).join('') +
        END_OF_PAGE;
  return toAnswer(type, body);
}

/** Makes the page of a project, in the form that a client wants. */
export function writePage(
  project: string,
  files: ReadonlyMap<string, ListedFile>,
  accept: string | undefined,
): Answer {
  const entries = [...files.values()].map(({ project: _, ...file }) => ({
    ...file,
    hashes: file.hashes ?? {},
    // Below the page's own address, so that the file is asked for here.
    url: encodeURIComponent(file.filename),
  }));
  const [type, form] = negotiate(accept);
  const body =
    form === 'json'
      ? JSON.stringify({ meta: META, name: project, files: entries })
      : startPage(project) +
        entries.flatMap((file) => toLink(file).map((link) => writeLink(file.filename, link))).join('') +
        END_OF_PAGE;
  return toAnswer(type, body);
}

const META = { 'api-version': '1.0' };

function toAnswer(type: string, body: string): Answer {
  const charset = type === 'text/html' ? '; charset=utf-8' : '';
  return { status: 200, headers: { 'content-type': type + charset, vary: 'Accept' }, body };
}

/** The form that a client likes best, by the weights of its `Accept` (RFC 9110 §12.5.1). */
function negotiate(accept: string | undefined): (typeof TYPES)[number] {
  const ranges = (accept ?? '*/*').split(',').map(readRange);
  let best: (typeof TYPES)[number] = TYPES[0];
  let most = 0;
  for (const each of TYPES) {
    const weight = weigh(each[0], ranges);
    if (weight > most) [best, most] = [each, weight];
  }
  const [type, form] = best;
  return type.includes('.latest+') ? (form === 'json' ? TYPES[2] : TYPES[1]) : best;
}

interface Range {
  readonly type: string;
  readonly weight: number;
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  return { type, weight: weight >= 0 && weight <= 1 ? weight : 0 };
}

/** The weight of the most specific range that a type is in. */
function weigh(type: string, ranges: readonly Range[]): number {
  for (const wanted of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const range = ranges.find((each) => each.type === wanted);
    if (range) return range.weight;
  }
  return 0;
}
