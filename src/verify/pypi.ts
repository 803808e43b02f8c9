import { Parser } from 'htmlparser2';
import { readDocument } from '../core/read-document.ts';
import type { Side } from './ask.ts';
import { compareFile, findExistence } from './existence.ts';
import { Doubt, differs, type Finding, missing } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, tell, withDoubts } from './inventory.ts';
import { isRecord, open, parseJson, readText } from './read.ts';

/** PEP 691: both forms of a page. */
const HEADERS = {
  accept: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01',
};
const MOST = 128 * 1_048_576;

/** A file of a project as its page has it. */
interface File {
  readonly name: string;
  readonly url: string;
  readonly hashes: Readonly<Record<string, string>>;
  readonly requiresPython: string;
  /** The reason, `yanked` without one, or nothing. */
  readonly yanked: string;
  readonly metadata: boolean;
  readonly size: number | undefined;
}

/** Projects of a Python index: files, hashes, what pip reads beside them, and the files themselves. */
export const pypi: Inventory = {
  name: 'pypi',
  names: 'the names of projects, `acme-cli`',
  lists: true,

  nameOf: (path) => /^\/(?:simple|files)\/([^/]+)\//.exec(path)?.[1],

  list(task) {
    return eachName({ ...task, names: listNames(task) }, 'project', listProject);
  },
};

async function* listNames({ a, names }: Task): AsyncGenerator<string, void, undefined> {
  let given = false;
  for await (const name of names) {
    given = true;
    yield name.replace(/[-_.]+/g, '-').toLowerCase();
  }
  if (given) return;
  const text = await readText(a, '/simple/', HEADERS);
  if (text === undefined) throw new Doubt('A has no list of projects');
  if (text.trimStart().startsWith('{')) {
    const { projects } = parseJson(a, text);
    for (const project of Array.isArray(projects) ? projects : [])
      if (isRecord(project))
        yield String(project.name)
          .replace(/[-_.]+/g, '-')
          .toLowerCase();
    return;
  }
  for (const { href } of readAnchors(text)) {
    const [, name] = /([^/?#]+)\/?(?:[?#].*)?$/.exec(href) ?? [];
    if (name !== undefined) yield name.replace(/[-_.]+/g, '-').toLowerCase();
  }
}

async function* listProject(task: Task, project: string): AsyncGenerator<Check, void, undefined> {
  const { a, b } = task;
  const own = await readPage(a, project);
  if (!own) throw new Doubt(`A has no project ${project}`);
  const others = await readPage(b, project);
  if (!others) {
    yield tell(project, missing(project, 'project'));
    return;
  }
  const byName = new Map(others.map((file) => [file.name, file]));
  for (const file of own) {
    const name = `${project}/${file.name}`;
    const path = below(a, file.url);
    const compare = () => compareEntries(task, name, file, byName.get(file.name));
    yield { name, path, run: () => withDoubts(name, 'file', compare) };
  }
}

async function* compareEntries(
  task: Task,
  name: string,
  own: File,
  other: File | undefined,
): AsyncGenerator<Finding, void, undefined> {
  if (!other) {
    yield missing(name, 'file');
    return;
  }
  const algorithms = Object.keys(own.hashes);
  const shared = algorithms.filter((algorithm) => other.hashes[algorithm] !== undefined);
  for (const algorithm of shared)
    if (own.hashes[algorithm] !== other.hashes[algorithm])
      yield differs(name, algorithm, own.hashes[algorithm], other.hashes[algorithm]);
  if (shared.length === 0 && algorithms.length > 0)
    yield differs(name, 'hashes', algorithms.join(', '), Object.keys(other.hashes).join(', '));
  if (own.requiresPython !== other.requiresPython)
    yield differs(name, 'requires-python', own.requiresPython, other.requiresPython);
  if (own.yanked !== other.yanked) yield differs(name, 'yanked', own.yanked, other.yanked);
  if (own.metadata !== other.metadata)
    yield differs(name, 'core-metadata', own.metadata ? 'there' : '', other.metadata ? 'there' : '');
  yield* compareStored(task, name, own, other);
}

async function* compareStored(
  task: Task,
  name: string,
  own: File,
  other: File,
): AsyncGenerator<Finding, void, undefined> {
  const [path, target] = [below(task.a, own.url), below(task.b, other.url)];
  if (path === undefined || target === undefined)
    throw new Doubt('its address does not lead through the rule');
  yield* compareFile(task, { name, what: 'file', path, other: target, size: own.size });
  if (!other.metadata) return;
  // PEP 658: what is announced and is not there is fatal to pip and uv.
  const metadata = await findExistence(task.b, `${target}.metadata`);
  if (metadata.type === 'absent') yield missing(name, 'metadata', 'its page announces it, and pip stops');
}

async function readPage(side: Side, project: string): Promise<readonly File[] | undefined> {
  const path = `/simple/${project}/`;
  const reply = await open(side, path, HEADERS);
  if (!reply) return undefined;
  const text = await readDocument(reply.body, MOST);
  const address = side.base + path;
  return /json/.test(reply.headers['content-type'] ?? '')
    ? readJsonPage(side, text, address)
    : readHtmlPage(text, address);
}

function readJsonPage(side: Side, text: string, address: string): readonly File[] {
  const { files } = parseJson(side, text);
  if (!Array.isArray(files)) throw new Doubt(`${side.label} has a page without files`);
  return files.filter(isRecord).map((file) => ({
    name: String(file.filename),
    url: resolve(String(file.url), address),
    hashes: isRecord(file.hashes) ? (file.hashes as Readonly<Record<string, string>>) : {},
    requiresPython: textOf(file['requires-python']),
    yanked: file.yanked === true || file.yanked === '' ? 'yanked' : textOf(file.yanked),
    metadata: [file['core-metadata'], file['dist-info-metadata'], file['data-dist-info-metadata']].some(
      Boolean,
    ),
    size: typeof file.size === 'number' ? file.size : undefined,
  }));
}

interface Anchor {
  readonly href: string;
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

function readAnchors(html: string): readonly Anchor[] {
  const anchors: Anchor[] = [];
  let current: { href: string; text: string; attributes: Record<string, string> } | undefined;
  const parser = new Parser({
    onopentag(tag, attributes) {
      const { href } = attributes;
      if (tag !== 'a' || href === undefined) return;
      current = { href, text: '', attributes };
      anchors.push(current);
    },
    ontext(text) {
      if (current) current.text += text;
    },
    onclosetag(tag) {
      if (tag === 'a') current = undefined;
    },
  });
  parser.end(html);
  return anchors;
}

/** PEP 503, and PEP 658 for the metadata. */
function readHtmlPage(html: string, address: string): readonly File[] {
  return readAnchors(html).map(({ href, text, attributes }) => {
    const [, algorithm, hash = ''] = /#(?:.*&)?(md5|sha\d+)=([^&]+)/.exec(href) ?? [];
    const yanked = attributes['data-yanked'];
    const metadata = attributes['data-core-metadata'] ?? attributes['data-dist-info-metadata'];
    return {
      name: text.trim(),
      url: resolve(href.replace(/#.*$/, ''), address),
      hashes: algorithm === undefined ? {} : { [algorithm]: hash },
      requiresPython: attributes['data-requires-python'] ?? '',
      yanked: yanked === undefined ? '' : yanked || 'yanked',
      metadata: metadata !== undefined && metadata !== 'false',
      size: undefined,
    };
  });
}

function resolve(link: string, address: string): string {
  return URL.canParse(link, address) ? new URL(link, address).href : link;
}

function below({ base }: Side, url: string): string | undefined {
  return url.startsWith(`${base}/`) ? url.slice(base.length) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
