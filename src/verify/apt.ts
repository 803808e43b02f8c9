import type { ByteStream } from '../core/protocol.ts';
import type { Side } from './ask.ts';
import { compareFile, findExistence } from './existence.ts';
import { Doubt, differs, type Finding, missing, unchecked } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, tell, withDoubts } from './inventory.ts';
import { openList, readLines, readText } from './read.ts';

/** `apt update` stops at another one of these, until somebody says `--allow-releaseinfo-change` (apt-secure(8)). */
const STOPPING = ['Origin', 'Label', 'Suite', 'Codename'] as const;
const FIELDS = [...STOPPING, 'Version', 'Architectures', 'Components', 'Acquire-By-Hash'] as const;

/** Repositories of Debian: what apt holds against the last Release, indexes by hash, and packages. */
export const apt: Inventory = {
  name: 'apt',
  names: 'suites, `stable`, or the folders of Release files',

  nameOf: (path) => /^\/(.+)\/(?:InRelease|Release)$/.exec(path)?.[1],

  list: (task) => eachName(task, 'Release', listSuite),
};

/** A Release file. */
interface Release {
  readonly fields: ReadonlyMap<string, string>;
  /** The hash and size of each index by its path. */
  readonly indexes: ReadonlyMap<string, { readonly hash: string; readonly size: number }>;
}

async function* listSuite(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  const folder = folderOf(name);
  const own = await readRelease(task.a, folder);
  if (!own) throw new Doubt(`A has no ${folder}/InRelease and no ${folder}/Release`);
  const other = await readRelease(task.b, folder);
  if (!other) {
    yield tell(`${name} Release`, missing(name, 'Release'));
    return;
  }
  yield {
    name: `${name} Release`,
    path: `${folder}/InRelease`,
    run: () => compareFields(name, own, other),
  };
  for (const [path, { hash, size }] of own.indexes) {
    const called = `${name} ${path}`;
    yield {
      name: called,
      path: `${folder}/${path}`,
      async *run() {
        yield* compareIndex(task, { called, folder, path, hash, size }, own, other);
      },
    };
  }
  yield* listPackages(task, name, folder, own);
}

/** `stable`, `dists/stable`, `/dists/stable/`, or `./` of a flat repository. */
function folderOf(name: string): string {
  const path = name.replace(/^\/+|\/+$/g, '');
  if (path === '' || path === '.') return '';
  return name.includes('/') ? `/${path}` : `/dists/${path}`;
}

async function readRelease(side: Side, folder: string): Promise<Release | undefined> {
  const text = (await readText(side, `${folder}/InRelease`)) ?? (await readText(side, `${folder}/Release`));
  return text === undefined ? undefined : parseRelease(text);
}

function parseRelease(text: string): Release {
  const fields = new Map<string, string>();
  const indexes = new Map<string, { hash: string; size: number }>();
  let field = '';
  for (const line of withoutSignature(text).split(/\r?\n/)) {
    const [, key, value = ''] = /^([\w-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (key !== undefined) {
      field = key;
      fields.set(key, value.trim());
      continue;
    }
    if (field !== 'SHA256') continue;
    const [hash = '', size = '', path = ''] = line.trim().split(/\s+/);
    if (path !== '') indexes.set(path, { hash, size: Number(size) });
  }
  return { fields, indexes };
}

/** RFC 9580 §7: the text between the head of the message and its signature. */
function withoutSignature(text: string): string {
  if (!text.startsWith('-----BEGIN PGP SIGNED MESSAGE-----')) return text;
  const start = text.search(/\r?\n\r?\n/);
  const end = text.indexOf('-----BEGIN PGP SIGNATURE-----');
  return text.slice(start, end === -1 ? undefined : end).trim();
}

async function* compareFields(
  name: string,
  own: Release,
  other: Release,
): AsyncGenerator<Finding, void, undefined> {
  for (const field of FIELDS) {
    const [a, b] = [own.fields.get(field), other.fields.get(field)];
    if (words(a) === words(b)) continue;
    const stops = STOPPING.some((each) => each === field);
    yield differs(name, field, a, b, stops ? '`apt update` stops at every user' : undefined);
  }
}

function words(text = ''): string {
  return text.split(/\s+/).toSorted().join(' ');
}

interface Index {
  readonly called: string;
  readonly folder: string;
  readonly path: string;
  readonly hash: string;
  readonly size: number;
}

async function* compareIndex(
  task: Task,
  { called, folder, path, hash, size }: Index,
  own: Release,
  other: Release,
): AsyncGenerator<Finding, void, undefined> {
  const there = other.indexes.get(path);
  if (!there) {
    yield missing(called, 'index');
    return;
  }
  if (there.hash !== hash) {
    yield differs(called, 'SHA256', hash, there.hash);
    return;
  }
  // Without a size: many indexes are listed in a form that nobody keeps.
  const existence = await findExistence(task.b, `${folder}/${path}`);
  if (existence.type !== 'there')
    yield* compareFile(task, { name: called, what: 'index', path: `${folder}/${path}` });
  else if (existence.size !== undefined && existence.size !== size)
    yield differs(called, 'index size', size, existence.size);
  const byHash = [own, other].every(({ fields }) => fields.get('Acquire-By-Hash') === 'yes');
  if (!byHash) return;
  const where = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
  const hashed = `${folder}/${where}by-hash/SHA256/${hash}`;
  yield* compareFile(task, { name: called, what: 'index by hash', path: hashed });
}

/** A package as an index has it. */
interface Entry {
  readonly path: string;
  readonly size: number | undefined;
}

async function* listPackages(
  task: Task,
  name: string,
  folder: string,
  { indexes }: Release,
): AsyncGenerator<Check, void, undefined> {
  const bases = new Set(
    [...indexes.keys()]
      .filter((path) => /(?:^|\/)(?:Packages|Sources)(?:\.\w+)?$/.test(path))
      .map((path) => path.replace(/\.\w+$/, '')),
  );
  for (const base of bases) {
    try {
      const body = await openIndex(task.a, `${folder}/${base}`, indexes, base);
      if (!body) continue;
      for await (const { path, size } of readIndex(body)) {
        if (!task.seen.isNew(path)) continue;
        const file = path.slice(path.lastIndexOf('/') + 1);
        const called = `${name} ${file}`;
        yield {
          name: `${name} ${path}`,
          path,
          run: () =>
            withDoubts(called, 'package', () =>
              compareFile(task, { name: called, what: 'package', path, size }),
            ),
        };
      }
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      yield tell(`${name} ${base}`, unchecked(`${name} ${base}`, 'packages', error.message));
    }
  }
}

/** Opens an index in whichever form there is and can be read; `undefined` where nobody keeps it. */
async function openIndex(
  side: Side,
  path: string,
  indexes: Release['indexes'],
  base: string,
): Promise<ByteStream | undefined> {
  const zipped = indexes.has(`${base}.gz`) ? await openList(side, `${path}.gz`) : undefined;
  const list = zipped ?? (await openList(side, path));
  if (list) return list;
  for (const form of indexes.keys())
    if (form.startsWith(`${base}.`) && (await findExistence(side, form.replace(base, path))).type === 'there')
      throw new Doubt(`A has ${base} only in a form that is not read here; keep it as .gz too`);
  return undefined;
}

/** Reads the files of an index as it streams: of packages one each, of sources all that they consist of. */
async function* readIndex(body: ByteStream): AsyncGenerator<Entry, void, undefined> {
  let entries: Entry[] = [];
  let folder = '';
  let inList = false;
  for await (const line of readLines(body)) {
    if (line.trim() === '') {
      yield* entries.map((entry) => below(folder, entry));
      entries = [];
      folder = '';
    }
    const [, field, value = ''] = /^([\w-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (field !== undefined) inList = field === 'Checksums-Sha256';
    if (field === 'Filename') entries = [{ path: value.trim(), size: undefined }];
    else if (field === 'Size') entries = entries.map(({ path }) => ({ path, size: Number(value) }));
    else if (field === 'Directory') folder = value.trim();
    else if (field === undefined && inList) {
      const [, size = '', path = ''] = line.trim().split(/\s+/);
      if (path !== '') entries.push({ path, size: Number(size) });
    }
  }
  yield* entries.map((entry) => below(folder, entry));
}

function below(folder: string, { path, size }: Entry): Entry {
  return { path: toPath(folder === '' ? path : `${folder}/${path}`), size };
}

/** As apt asks: what a path cannot have is escaped, and `+` and `~` besides. */
function toPath(file: string): string {
  const escaped = encodeURI(file.replace(/^(?:\.?\/)+/, ''))
    .replaceAll('+', '%2b')
    .replaceAll('~', '%7e');
  return `/${escaped}`;
}
