import { compareFile } from './existence.ts';
import { differs, type Finding, missing } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, tell, withDoubts } from './inventory.ts';
import { readOwn, readText } from './read.ts';

/** What a signature of a store path covers (Nix, path-info.cc, `fingerprint`). */
const FIELDS = ['StorePath', 'NarHash', 'NarSize', 'References'] as const;

/** Binary caches of Nix: what their signatures cover, the signatures, and the archives. */
export const nix: Inventory = {
  name: 'nix',
  names: 'hashes of store paths, or the paths themselves',

  nameOf: (path) => /^\/([\da-z]{32})\.narinfo$/.exec(path)?.[1],

  list: (task) => eachName(task, 'store path', listPath),
};

async function* listPath(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  const hash = /^(?:\/nix\/store\/)?([\da-z]{32})(?:-|$)/.exec(name)?.[1] ?? name;
  const path = `/${hash}.narinfo`;
  const own = parseInfo(await readOwn(task.a, path));
  const text = await readText(task.b, path);
  if (text === undefined) {
    yield tell(name, missing(name, 'narinfo'));
    return;
  }
  const other = parseInfo(text);
  const compare = () => compareInfo(task, name, own, other);
  yield { name, path, run: () => withDoubts(name, 'narinfo', compare) };
}

/** The values of each field: of `Sig` there may be several. */
type Info = ReadonlyMap<string, readonly string[]>;

async function* compareInfo(
  task: Task,
  name: string,
  own: Info,
  other: Info,
): AsyncGenerator<Finding, void, undefined> {
  for (const field of FIELDS) {
    const [a, b] = [wordsOf(own, field), wordsOf(other, field)];
    if (a !== b) yield differs(name, field, a, b);
  }
  const keys = (other.get('Sig') ?? []).map(keyOf);
  for (const signature of own.get('Sig') ?? [])
    if (!keys.includes(keyOf(signature))) yield missing(name, `signature by ${keyOf(signature)}`);
  const [path, target] = [pathOf(own), pathOf(other)];
  if (path !== undefined && target !== undefined)
    yield* compareFile(task, { name, what: 'archive', path, other: target, size: sizeOf(own, other) });
}

/** Only where both have compressed alike, the files are of one size. */
function sizeOf(own: Info, other: Info): number | undefined {
  const size = (other.get('FileSize') ?? own.get('FileSize'))?.[0];
  return size === undefined ? undefined : Number(size);
}

function pathOf(info: Info): string | undefined {
  const url = info.get('URL')?.[0];
  return url === undefined || /^[a-z]+:/i.test(url) ? undefined : `/${url.replace(/^\/+/, '')}`;
}

function wordsOf(info: Info, field: string): string {
  return (info.get(field)?.[0] ?? '').split(' ').toSorted().join(' ');
}

function keyOf(signature: string): string {
  return signature.split(':', 1)[0] ?? '';
}

function parseInfo(text: string): Info {
  const info = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, field, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field !== undefined) info.set(field, [...(info.get(field) ?? []), value.trim()]);
  }
  return info;
}
