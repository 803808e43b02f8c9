import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { compileMatcher, matchElements } from '../../src/core/matcher.ts';
import { flatten, parseTemplate } from '../../src/core/path.ts';
import type { PatternToken } from '../../src/core/pattern.ts';
import { createTrie, type Trie } from '../../src/core/trie.ts';
import { fill, filling, isCompilable, pathPattern, pattern } from './arbitraries.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

/** How specific one segment of a pattern is; later numbers count when earlier ones are equal. */
type Rank = readonly [kind: number, textBefore: number, textAfter: number, text: number];

const kinds = { wildcard: 0, param: 1, mixed: 2, literal: 3 };

/** The documented order: literal, variable within a segment, variable, wildcard; segment by segment. */
function rank(tokens: readonly PatternToken[]): readonly Rank[] {
  const segments: PatternToken[][] = [[]];
  for (const token of tokens) {
    if (token.type !== 'text') {
      segments.at(-1)?.push(token);
      continue;
    }
    token.value.split('/').forEach((value, index) => {
      if (index > 0) segments.push([]);
      if (value !== '') segments.at(-1)?.push({ type: 'text', value });
    });
  }
  const wild = segments.findIndex((segment) => segment.some(({ type }) => type === 'wildcard'));
  const ranks = segments.map((segment): Rank => {
    const length = (token: PatternToken | undefined) => (token?.type === 'text' ? token.value.length : 0);
    const text = segment.reduce((sum, token) => sum + length(token), 0);
    const kind = segment.every(({ type }) => type === 'text')
      ? 'literal'
      : segment.length > 1
        ? 'mixed'
        : 'param';
    return [kinds[kind], length(segment[0]), length(segment.at(-1)), text];
  });
  if (wild === -1) return ranks;
  // From the first segment with a wildcard on, a pattern is as specific as it has text.
  const rest = segments
    .slice(wild)
    .map((segment) =>
      segment.reduce((sum, token) => sum + (token.type === 'text' ? token.value.length : 0), 0),
    );
  const first = segments[wild]?.[0];
  const textBefore = first?.type === 'text' ? first.value.length : 0;
  return [
    ...ranks.slice(0, wild),
    [kinds.wildcard, textBefore, rest.reduce((sum, length) => sum + length + 1, -1), 0],
  ];
}

/** Below zero when `a` is more specific than `b`. */
function compare(a: readonly PatternToken[], b: readonly PatternToken[]): number {
  const [left, right] = [rank(a).flat(), rank(b).flat()];
  const index = left.findIndex((value, at) => value !== right[at]);
  return index === -1 ? 0 : (right[index] ?? 0) - (left[index] ?? 0);
}

/** The same for patterns that match the same. */
function shape(tokens: readonly PatternToken[]): string {
  return JSON.stringify(compileMatcher(tokens));
}

interface Found {
  readonly shape: string;
  readonly values: readonly string[];
}

/** Tries every pattern, one after the other. */
function interpret(patterns: readonly (readonly PatternToken[])[], subject: string): readonly Found[] {
  return patterns
    .map((tokens) => {
      const values: string[] = [];
      const matched = matchElements(compileMatcher(tokens), 0, subject, 0, subject.length, values);
      return { tokens, values, matched };
    })
    .filter(({ matched }) => matched)
    .sort((a, b) => compare(a.tokens, b.tokens))
    .map(({ tokens, values }) => ({ shape: shape(tokens), values }));
}

function plant(patterns: readonly (readonly PatternToken[])[]): Trie<string> {
  const trie = createTrie<string>();
  for (const tokens of patterns) trie.leavesOf(tokens).push(shape(tokens));
  return trie;
}

/** Every pattern of the trie that matches, in the order in which it is visited. */
function visitAll(trie: Trie<string>, subject: string): readonly Found[] {
  const found: Found[] = [];
  trie.find(subject, (leaf, values) => {
    found.push({ shape: leaf, values: [...values] });
    return undefined;
  });
  return found;
}

const tokensOf = (text: string) => flatten(parseTemplate(text))[0] ?? [];

/** Different patterns, a subject for one of them, and an order to add them in. */
const planting = fc
  .uniqueArray(fc.oneof(pathPattern, pattern).filter(isCompilable), {
    selector: shape,
    minLength: 1,
    maxLength: 25,
  })
  .chain((patterns) =>
    fc.record({
      patterns: fc.constant(patterns),
      shuffled: fc.shuffledSubarray(patterns, { minLength: patterns.length }),
      subjects: fc.array(fc.tuple(fc.nat(patterns.length - 1), filling), { minLength: 4, maxLength: 4 }),
    }),
  );

describe('a trie finds what trying every pattern finds', () => {
  test('for any patterns, in the order of how specific they are', () => {
    fc.assert(
      fc.property(planting, ({ patterns, subjects }) => {
        const trie = plant(patterns);
        for (const [index, each] of subjects) {
          const subject = fill(patterns[index] ?? [], each);
          const expected = interpret(patterns, subject);
          const visited = visitAll(trie, subject);
          expect(new Map(visited.map(({ shape: key, values }) => [key, values]))).toEqual(
            new Map(expected.map(({ shape: key, values }) => [key, values])),
          );
          const places = visited.map(
            ({ shape: key }) => patterns.find((tokens) => shape(tokens) === key) ?? [],
          );
          for (const [at, place] of places.entries()) {
            if (at > 0) expect(compare(places[at - 1] ?? [], place)).toBeLessThanOrEqual(0);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever the order in which they were added', () => {
    fc.assert(
      fc.property(planting, ({ patterns, shuffled, subjects }) => {
        const [one, other] = [plant(patterns), plant(shuffled)];
        for (const [index, each] of subjects) {
          const subject = fill(patterns[index] ?? [], each);
          expect(visitAll(other, subject)).toEqual(visitAll(one, subject));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('of two patterns that match, the more specific one is found', () => {
  test.each<[subject: string, patterns: readonly string[]]>([
    // Each line has its patterns from the most specific on.
    ['/a', ['/a', '/:a', '/*a']],
    ['a', ['a', ':a', '*a']],
    [
      '/cli/v1.tgz',
      [
        '/cli/v1.tgz',
        '/cli/v:v.tgz',
        '/cli/v:v',
        '/cli/:v.tgz',
        '/cli/:v',
        '/cli/v*v',
        '/cli/*v',
        '/:a/v1.tgz',
        '/*a/v1.tgz',
        '/*a',
      ],
    ],
    ['a-b-c', ['a-b-:x', 'a-:x-c', 'a-:x', ':x-b-:y', ':x-:y', ':x']],
    ['a/b/c', ['a/b/:x', 'a/b/*x', 'a/:x/c', 'a/:x/:y', 'a/*x', ':x/b/c', '*x/b/c', '*x/c', '*x']],
    ['acme/pub-app', ['acme/pub-:x', 'acme/:x', 'acme/pub-*x', 'acme/*x']],
    ['@acme/cli', ['@acme/:x', '@:s/cli', '@:s/:x', ':s/cli']],
    ['a/', ['a/', 'a*x', '*x/']],
  ])('%s', (subject, patterns) => {
    for (const order of [patterns, [...patterns].reverse()]) {
      const trie = createTrie<string>();
      for (const text of order) trie.leavesOf(tokensOf(text)).push(text);
      const visited: string[] = [];
      trie.find(subject, (leaf) => void visited.push(leaf));
      expect(visited).toEqual(patterns);
    }
  });
});

describe('of two patterns that are as specific, the same one is found whichever came first', () => {
  test.each([
    ['/x-y.z', '/:a-:b', '/:a.:b'],
    ['/x-y.z/w', '/:a-:b/:c', '/:a.:b/:c'],
    ['/x-y', '/:a-*b', '/*a-:b'],
    ['/x/y-z', '/*a/:b', '/*a-:b'],
  ])('%s: %s and %s', (subject, one, other) => {
    const [forwards, backwards] = [plant([one, other].map(tokensOf)), plant([other, one].map(tokensOf))];
    expect(visitAll(forwards, subject)).toHaveLength(2);
    expect(visitAll(backwards, subject)).toEqual(visitAll(forwards, subject));
  });

  test('so that what differs behind them decides', () => {
    const patterns = ['/:a-:b/:c', '/:a.:b/:c', '/:a.:b/w', '/:a-:b/w'].map(tokensOf);
    const found = patterns.map(
      (_, start) => visitAll(plant([...patterns.slice(start), ...patterns.slice(0, start)]), '/x-y.z/w')[0],
    );
    expect(new Set(found.map((each) => each?.shape)).size).toBe(1);
    expect(found[0]?.shape).toMatch(/w"\]$/);
  });
});

describe('patterns are told apart', () => {
  test.each([
    ['/:a-*b', '/*a-:b'],
    ['/*a/x*b', '/*a/\\*x:b'],
    ['/*a/:b', '/:a/*b'],
    ['/:a-:b', '/\\:a-:b'],
  ])('%s and %s', (one, other) => {
    const trie = createTrie<string>();
    expect(trie.leavesOf(tokensOf(one))).not.toBe(trie.leavesOf(tokensOf(other)));
  });

  test.each([
    ['/:a', '/:b'],
    ['/*a/x-:b', '/*"0"/x-:c'],
    ['/a-:b.:c/d', '/a-:x.:y/d'],
    // A wildcard behind a wildcard and a slash takes one segment, as in path-to-regexp.
    ['/*a/*b', '/*a/:b'],
  ])('%s is the same as %s', (one, other) => {
    const trie = createTrie<string>();
    expect(trie.leavesOf(tokensOf(one))).toBe(trie.leavesOf(tokensOf(other)));
  });
});

test('a visitor that returns nothing goes on to the next leaf, and the first result ends the search', () => {
  const trie = plant(['/a', '/:a', '/*a'].map(tokensOf));
  const seen: string[] = [];
  const result = trie.find('/a', (leaf) => {
    seen.push(leaf);
    return seen.length === 2 ? 'enough' : undefined;
  });
  expect(result).toBe('enough');
  expect(seen).toHaveLength(2);
});

test.each(['constructor', '__proto__', 'hasOwnProperty', 'toString'])(
  '%s is a name like any other',
  (name) => {
    const trie = plant([tokensOf('/a'), tokensOf('/a-:b')]);
    expect(visitAll(trie, `/${name}`)).toEqual([]);
    trie.leavesOf([{ type: 'text', value: `/${name}` }]).push('found');
    expect(visitAll(trie, `/${name}`)).toEqual([{ shape: 'found', values: [] }]);
  },
);

describe('a long subject is looked up in little time, among many patterns', () => {
  const patterns = Array.from({ length: 300 }, (_, index) => [
    `/tool${index}-:version-:platform.tar.gz`,
    `/:a/x${index}/:b-:c`,
    `/:a-:b-${index}/*rest`,
    `/*rest/x${index}`,
  ]).flat();
  const trie = plant(patterns.map(tokensOf));

  test.each(['-', 'a', '/', 'a/', '-/', 'tool1-', '/x1', 'a-b-1/', '.tar.gz'])('of many `%s`', (unit) => {
    const subject = `/${unit.repeat(8192 / unit.length)}`;
    const start = process.cpuUsage();
    trie.find(subject, () => undefined);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(200);
  });
});
