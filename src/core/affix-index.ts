import { type Elements, matchElements } from './matcher.ts';

/** A pattern within one segment, with what it leads to. */
interface Entry<T> {
  /** What stands between the texts at both ends, which finding the entry has compared. */
  readonly middle: Elements;
  readonly key: string;
  readonly value: T;
  readonly textLength: number;
}

/** Entries by the text that a segment must start or end with; `lengths` are those that occur, longest first. */
interface AffixTable<V> {
  lengths: readonly number[];
  readonly byText: Map<string, V>;
}

/**
 * An index of in-segment patterns such as `acme-:version-:platform.tar.gz`, by prefix and then by suffix, so that
 * looking a segment up costs its length and not the number of patterns.
 */
export interface AffixIndex<T> {
  /** Finds the value of a pattern, or makes it with `create` when the pattern is new. */
  ensure(elements: Elements, key: string, create: () => T): T;
  /**
   * Visits the patterns that match `input` from `from` to `to`, the most specific first, with the captures appended to
   * `values`, until `visit` returns something.
   */
  find<R>(
    input: string,
    from: number,
    to: number,
    values: string[],
    visit: (value: T) => R | undefined,
  ): R | undefined;
}

/** Makes an empty index of in-segment patterns. */
export function createAffixIndex<T>(): AffixIndex<T> {
  const prefixes = createTable<AffixTable<readonly Entry<T>[]>>();

  return {
    ensure(elements, key, create) {
      const [prefix, suffix] = [textAt(elements, 0), textAt(elements, -1)];
      const suffixes = prefixes.byText.get(prefix) ?? put(prefixes, prefix, createTable());
      const entries = suffixes.byText.get(suffix) ?? [];
      const known = entries.find((entry) => entry.key === key);
      if (known) return known.value;
      const value = create();
      const middle = elements.slice(prefix === '' ? 0 : 1, suffix === '' ? undefined : -1);
      const entry = { middle, key, value, textLength: countText(elements) };
      put(suffixes, suffix, [...entries, entry].sort(compareEntries));
      return value;
    },

    find(input, from, to, values, visit) {
      for (const length of prefixes.lengths) {
        if (from + length >= to) continue;
        const suffixes = prefixes.byText.get(input.slice(from, from + length));
        const found = suffixes && findBySuffix(suffixes, length, input, from, to, values, visit);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Visits the patterns of one prefix; what a variable stands for has at least one character. */
function findBySuffix<T, R>(
  suffixes: AffixTable<readonly Entry<T>[]>,
  prefixLength: number,
  input: string,
  from: number,
  to: number,
  values: string[],
  visit: (value: T) => R | undefined,
): R | undefined {
  const depth = values.length;
  for (const length of suffixes.lengths) {
    if (from + prefixLength + length >= to) continue;
    const end = to - length;
    for (const { middle, value } of suffixes.byText.get(input.slice(end, to)) ?? []) {
      const found = matchElements(middle, 0, input, from + prefixLength, end, values)
        ? visit(value)
        : undefined;
      if (found !== undefined) return found;
      values.length = depth;
    }
  }
  return undefined;
}

function createTable<V>(): AffixTable<V> {
  return { lengths: [], byText: new Map() };
}

function put<V>(table: AffixTable<V>, text: string, value: V): V {
  table.byText.set(text, value);
  if (!table.lengths.includes(text.length)) {
    table.lengths = [...table.lengths, text.length].sort((a, b) => b - a);
  }
  return value;
}

/** More text comes first; the order of equals does not depend on who came first. */
function compareEntries<T>(a: Entry<T>, b: Entry<T>): number {
  return b.textLength - a.textLength || (a.key < b.key ? -1 : 1);
}

function textAt(elements: Elements, index: number): string {
  const element = elements.at(index);
  return typeof element === 'string' ? element : '';
}

function countText(elements: Elements): number {
  return elements.reduce((sum, element) => sum + (typeof element === 'string' ? element.length : 0), 0);
}
