import { compareFile } from './existence.ts';
import { Doubt, differs, missing } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, withDoubts } from './inventory.ts';
import { isRecord, parseJson, readOwn, readText } from './read.ts';

type Entry = Readonly<Record<string, unknown>>;

/** Packages of npm: versions, dist-tags, what each tarball's hash is, and the tarballs. */
export const npm: Inventory = {
  name: 'npm',
  names: 'the names of packages, `@acme/cli`',

  nameOf(path) {
    const found = /^\/((?:(?:@|%40)[^/%]+(?:\/|%2f))?[^/@%-][^/]*)(?:\/-\/[^/]+)?$/i.exec(path)?.[1];
    return found?.replace(/^%40/, '@').replace(/%2f/i, '/');
  },

  list: (task) => eachName(task, 'package', listPackage),
};

async function* listPackage(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  const { a, b } = task;
  const path = `/${name.replace('/', '%2f')}`;
  const own = parseJson(a, await readOwn(a, path));
  const text = await readText(b, path);
  if (text === undefined) {
    yield { name, path, run: () => once(missing(name, 'package')) };
    return;
  }
  const other = parseJson(b, text);
  yield { name: `${name} (dist-tags)`, path, run: () => compareTags(name, own, other) };
  for (const [version, entry] of Object.entries(recordOf(own.versions))) {
    yield checkVersion(task, `${name}@${version}`, recordOf(entry), recordOf(other.versions)[version]);
  }
}

async function* compareTags(name: string, own: Entry, other: Entry) {
  const tags = recordOf(other['dist-tags']);
  for (const [tag, version] of Object.entries(recordOf(own['dist-tags'])))
    if (tags[tag] !== version) yield differs(name, `dist-tag ${tag}`, version, tags[tag]);
}

function checkVersion(task: Task, name: string, entry: Entry, other: unknown): Check {
  const dist = recordOf(entry.dist);
  const url = textOf(dist.tarball);
  const path = url && below(task.a.base, url);
  return {
    name,
    path,
    run: () =>
      withDoubts(name, 'tarball', async function* () {
        if (!isRecord(other)) {
          yield missing(name, 'version');
          return;
        }
        const there = recordOf(other.dist);
        const hash = compareHashes(dist, there);
        if (hash) yield differs(name, ...hash);
        const target = below(task.b.base, textOf(there.tarball) ?? '');
        if (path === undefined || target === undefined)
          throw new Doubt('its address does not lead through the rule');
        yield* compareFile(task, { name, what: 'tarball', path, other: target });
      }),
  };
}

/** What a lock file has is the one or the other hash; both must be as they were. */
function compareHashes(
  own: Entry,
  other: Entry,
): readonly [what: string, a: unknown, b: unknown] | undefined {
  for (const key of ['integrity', 'shasum'])
    if (own[key] !== undefined && own[key] !== other[key]) return [`dist.${key}`, own[key], other[key]];
  return undefined;
}

function below(base: string, url: string): string | undefined {
  return url.startsWith(`${base}/`) ? url.slice(base.length) : undefined;
}

function recordOf(value: unknown): Entry {
  return isRecord(value) ? value : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
