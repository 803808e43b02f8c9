import type { Inventory } from './inventory.ts';
import type { Demand } from './verify.ts';

/** What an access log tells of a rule. */
export interface LoggedDemand extends Demand {
  /** The names that were asked for, by an inventory, the most demanded first. */
  names(inventory: Inventory, mount: string): readonly string[];
  /** The number of downloads of all paths. */
  readonly total: number;
}

/** The most paths that are counted; more of them are an attack and no demand. */
const MOST = 1_000_000;

/**
 * Counts downloads by an access log of `turnout serve --log json`: lines of JSON with `method`, `path`, `status` and `rule`.
 * Lines that are none, are of another rule, or of a request that failed, do not count; queries are left out.
 */
export async function readDemand(
  lines: Iterable<string> | AsyncIterable<string>,
  rule: string,
): Promise<LoggedDemand> {
  const counts = new Map<string, number>();
  let total = 0;
  for await (const line of lines) {
    const path = readPath(line, rule);
    if (path === undefined || (counts.size >= MOST && !counts.has(path))) continue;
    counts.set(path, (counts.get(path) ?? 0) + 1);
    total++;
  }
  return {
    total,
    count: (path) => counts.get(path) ?? 0,
    names(inventory, mount) {
      const names = new Map<string, number>();
      for (const [path, count] of counts) {
        const name = path.startsWith(mount) ? inventory.nameOf?.(path.slice(mount.length - 1)) : undefined;
        if (name !== undefined) names.set(name, (names.get(name) ?? 0) + count);
      }
      return [...names].toSorted(([, a], [, b]) => b - a).map(([name]) => name);
    },
  };
}

function readPath(line: string, rule: string): string | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { method, path, status, rule: by } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  if (by !== rule || method !== 'GET' || typeof path !== 'string') return undefined;
  return typeof status === 'number' && status >= 200 && status < 400 ? path.split('?', 1)[0] : undefined;
}
