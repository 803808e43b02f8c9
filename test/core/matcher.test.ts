import fc from 'fast-check';
import { match as matchOf, TokenData } from 'path-to-regexp';
import { describe, expect, test, vi } from 'vitest';

import { compileMatcher, type Elements, matchElements } from '../../src/core/matcher.ts';
import { flatten, parseTemplate } from '../../src/core/path.ts';
import { PatternError, type PatternToken } from '../../src/core/pattern.ts';
import { fill, filling, isCompilable, pattern } from './arbitraries.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const options = { decode: false, sensitive: true, trailing: false } as const;

/** What path-to-regexp captures, in the order of the variables. */
function oracle(tokens: readonly PatternToken[], input: string): readonly unknown[] | undefined {
  const found = matchOf(new TokenData([...tokens]), options)(input);
  return found ? Object.values(found.params) : undefined;
}

function capture(elements: Elements, input: string): readonly string[] | undefined {
  const values: string[] = [];
  return matchElements(elements, 0, input, 0, input.length, values) ? values : undefined;
}

function compile(text: string): Elements {
  return compileMatcher(flatten(parseTemplate(text))[0] ?? []);
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a pattern matches what path-to-regexp matches', () => {
  test('for any pattern and any input, with the same captures', () => {
    let matched = 0;
    fc.assert(
      fc.property(pattern, fc.array(filling, { minLength: 3, maxLength: 3 }), (tokens, fillings) => {
        fc.pre(isCompilable(tokens));
        const elements = compileMatcher(tokens);
        const inputs = fillings.map((each) => fill(tokens, each));
        const expected = inputs.map((input) => [input, oracle(tokens, input)]);
        matched += expected.filter(([, captures]) => captures).length;
        expect(inputs.map((input) => [input, capture(elements, input)])).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
    // Many of the inputs match, and many do not.
    expect(matched).toBeGreaterThan(3000);
    expect(matched).toBeLessThan(12_000);
  });

  test('for the input of another pattern', () => {
    fc.assert(
      fc.property(pattern, pattern, filling, (tokens, others, each) => {
        fc.pre(isCompilable(tokens));
        const input = fill(others, each);
        expect(capture(compileMatcher(tokens), input), input).toEqual(oracle(tokens, input));
      }),
      { numRuns: 3000 },
    );
  });

  test('and the two refuse the same patterns', () => {
    fc.assert(
      fc.property(pattern, (tokens) => {
        const refused = isCompilable(tokens) ? undefined : expect.any(Error);
        expect([errorOf(() => compileMatcher(tokens)), errorOf(() => oracle(tokens, ''))]).toEqual([
          refused,
          refused,
        ]);
      }),
      { numRuns: 2000 },
    );
    expect(() => compile('/:a:b')).toThrow(
      new PatternError('there must be text between `b` and the variable before it'),
    );
  });

  test.each<[pattern: string, input: string, captures: readonly string[] | undefined]>([
    ['/a', '/a', []],
    ['/a', '/a/', undefined],
    ['/a', '/A', undefined],
    ['/:a', '/', undefined],
    ['/:a', '/x', ['x']],
    ['/:a', '/x/y', undefined],
    ['/:a', '/%2F', ['%2F']],
    ['/*a', '/', undefined],
    ['/*a', '/x/y/', ['x/y/']],
    ['/acme-:version-:platform.tar.gz', '/acme-1.2-linux.tar.gz', ['1.2', 'linux']],
    ['/acme-:version-:platform.tar.gz', '/acme-1.2-rc1-linux.tar.gz', ['1.2-rc1', 'linux']],
    ['/acme-:version-:platform.tar.gz', '/acme-/-.tar.gz', undefined],
    ['/:a-:b', '/--', undefined],
    ['/:a-:b', '/---', ['-', '-']],
    ['/*a/x/*b', '/p/x/q/x/r', ['p/x/q', 'r']],
    ['/*a-:b/*c', '/p-q/r-s', ['p', 'q', 'r-s']],
    ['acme/*image', 'acme/team/app', ['team/app']],
  ])('%s on %s', (text, input, captures) => {
    expect(capture(compile(text), input)).toEqual(captures);
    expect(oracle(flatten(parseTemplate(text))[0] ?? [], input)).toEqual(captures);
  });
});

test('what failed leaves no captures behind', () => {
  const values = ['before'];
  expect(matchElements(compile('/:a-:b/c'), 0, '/x-y/d', 0, 6, values)).toBe(false);
  expect(values).toEqual(['before']);
});

test('only the part from `from` to `to` is matched', () => {
  const values: string[] = [];
  expect(matchElements(compile(':a.tgz'), 0, 'x/y.tgz/z', 2, 7, values)).toBe(true);
  expect(values).toEqual(['y']);
  expect(matchElements(compile(':a.tgz'), 0, 'x/y.tgz/z', 2, 8, [])).toBe(false);
});

describe('hostile input of 8 KB', () => {
  const patterns = [
    '/:a-:b-:c-:d',
    '/:a-:b-:c-:d.tar.gz',
    '/:a.:b.:c.:d.:e',
    '/:a--:b-:c',
    '/*a/x',
    '/*a/x/*b/y/*c/z',
    '/*a-*b-*c-*d',
    '/*a-:b/*c-:d/*e',
    '/:a-*b-:c',
    '/*a/*b/*c/*d/*e/*f/*g/*h/*i/*j/*k/*l/*m/*n/*o/*p',
    '/*a-/*b-/*c-/*d-/*e-/*f-/*g-/*h-/*i-/*j-/*k-/*l-/*m-/*n-/*o-/*p',
    '/*a/-/*b/-/*c/-/*d/-/*e/-/*f/-/*g/-/*h/-/*i/-/*j/x',
  ];
  const units = ['-', 'a', '.', '/', 'a-', '-a', 'x/', '-/', 'a/x/', 'x/y/', '-a.', '/-/', 'a-b/', '--a'];

  test.each(patterns)('%s visits few elements', (text) => {
    const elements = compile(text);
    for (const unit of units) {
      const input = `/${unit.repeat(8192 / unit.length)}`;
      const limit = 4 * input.length * elements.length;
      expect(countVisits(elements, input, limit), `many ${unit}`).toBeLessThan(limit);
    }
  });

  /** How many elements are looked at; stops at `limit`. */
  function countVisits(elements: Elements, input: string, limit: number): number {
    let visits = 0;
    const counting = new Proxy(elements, {
      get(target, key) {
        if (++visits >= limit) throw new RangeError('too much work');
        return Reflect.get(target, key);
      },
    });
    try {
      matchElements(counting, 0, input, 0, input.length, []);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    return visits;
  }
});
