import { parse } from 'yaml';
import type { Side } from './ask.ts';
import { compareFile } from './existence.ts';
import { Doubt, differs, type Finding, missing } from './finding.ts';
import { type Check, type Inventory, type Task, withDoubts } from './inventory.ts';
import { isRecord, readOwn } from './read.ts';

/** Helm's chart repositories: every version of every chart in the index, its digest, and the chart. */
export const helm: Inventory = {
  name: 'helm',
  names: 'the names of charts, `acme-server`',
  lists: true,

  nameOf: (path) => /^\/charts\/([^/]+)\/[^/]+\/[^/]+$/.exec(path)?.[1],

  async *list(task) {
    const names = new Set<string>();
    for await (const name of task.names) names.add(name);
    const own = await readIndex(task.a);
    const other = await readIndex(task.b);
    for (const [name, versions] of own) {
      if (names.size > 0 && !names.has(name)) continue;
      for (const [version, entry] of versions)
        yield checkChart(task, `${name}-${version}`, entry, other.get(name)?.get(version));
    }
  },
};

interface Entry {
  readonly digest: string;
  readonly path: string | undefined;
}

function checkChart(task: Task, name: string, own: Entry, other: Entry | undefined): Check {
  const compare = () => compareChart(task, name, own, other);
  return { name, path: own.path, run: () => withDoubts(name, 'chart', compare) };
}

async function* compareChart(
  task: Task,
  name: string,
  own: Entry,
  other: Entry | undefined,
): AsyncGenerator<Finding, void, undefined> {
  if (!other) {
    yield missing(name, 'version');
    return;
  }
  if (own.digest !== other.digest) yield differs(name, 'digest', own.digest, other.digest);
  if (own.path === undefined || other.path === undefined)
    throw new Doubt('its address does not lead through the rule');
  yield* compareFile(task, { name, what: 'chart', path: own.path, other: other.path });
}

async function readIndex(side: Side): Promise<ReadonlyMap<string, ReadonlyMap<string, Entry>>> {
  const text = await readOwn(side, '/index.yaml');
  let data: unknown;
  try {
    data = parse(text, { maxAliasCount: 100 });
  } catch {
    throw new Doubt(`${side.label} has an index that is no YAML`);
  }
  const entries = isRecord(data) && isRecord(data.entries) ? data.entries : {};
  return new Map(
    Object.entries(entries).map(([name, list]) => [
      name,
      new Map(
        (Array.isArray(list) ? list : [])
          .filter(isRecord)
          .map((entry) => [
            String(entry.version),
            { digest: typeof entry.digest === 'string' ? entry.digest : '', path: pathOf(side, entry.urls) },
          ]),
      ),
    ]),
  );
}

function pathOf({ base }: Side, urls: unknown): string | undefined {
  const url: unknown = Array.isArray(urls) ? urls[0] : undefined;
  if (typeof url !== 'string' || !URL.canParse(url, `${base}/`)) return undefined;
  const { href } = new URL(url, `${base}/`);
  return href.startsWith(`${base}/`) ? href.slice(base.length) : undefined;
}
