import { describe, expect, test } from 'vitest';
import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { writeExample } from '../../src/core/example.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { regexp } from '../../src/rules/regexp.ts';
import { issuesOf } from './_fixtures.ts';

const to = 'https://c.example/:name/:version.tgz';
const match = regexp(String.raw`/dl/(?P<name>[a-z]+)-v?(?<version>\d+(?:\.\d+)*)\.tgz`);

function locationOf(path: string, ...more: Parameters<typeof rule>[1][]): string | undefined {
  const rules = compileRules([rule(file, { match, to }), ...more.map((config) => rule(file, config))]);
  const decision = decide(rules, { method: 'GET', scheme: 'https', host: 'get.acme.dev', path });
  return decision.type === 'redirect' ? decision.location : undefined;
}

describe('regular expressions', () => {
  test.each<[path: string, location: string | undefined]>([
    ['/dl/acme-1.2.tgz', 'https://c.example/acme/1.2.tgz'],
    ['/dl/acme-v1.2.tgz', 'https://c.example/acme/1.2.tgz'],
    ['/dl/acme-.tgz', undefined],
    ['/x/dl/acme-1.tgz', undefined],
    ['/dl/acme-1.tgz/x', undefined],
  ])('%s', (path, location) => {
    expect(locationOf(path)).toBe(location);
  });

  test('come after patterns, in the order of the rules, and before a rule for everything', () => {
    const pattern = { match: '/dl/*', to: 'pattern.example' };
    const second = { match: regexp('/dl/.*'), to: 'second.example' };
    expect(locationOf('/dl/acme-1.tgz', pattern)).toBe('https://pattern.example/dl/acme-1.tgz');
    expect(locationOf('/dl/acme-1.tgz', second, { to: 'everything.example' })).toBe(
      'https://c.example/acme/1.tgz',
    );
    expect(locationOf('/dl/other', second, { to: 'everything.example' })).toBe(
      'https://second.example/dl/other',
    );
    expect(locationOf('/other', second, { to: 'everything.example' })).toBe(
      'https://everything.example/other',
    );
  });

  test('a group that takes no part is empty', () => {
    const rules = compileRules([rule(file, { match: regexp('/a(?<b>-x)?'), to: 'c.example/y:b' })]);
    const request = { method: 'GET', scheme: 'https', host: 'h', path: '/a' } as const;
    expect(decide(rules, request)).toMatchObject({ location: 'https://c.example/y', params: {} });
  });

  test('a second rule with the same expression is never reached', () => {
    const { warnings, rules } = compileRules([rule(file, { match, to }), rule(file, { match, to })]);
    expect(warnings.map(({ code }) => code)).toEqual(['unreachable_rule']);
    expect(rules.map(writeExample)).toEqual(['/<name>', '/<name>']);
  });

  test.each(['(', '(?<a>x)(?<a>y)', '(?=x)', String.raw`(a)\1`, 'a'.repeat(5000), '(?<__proto__>x)'])(
    '%s is no expression',
    (source) => {
      expect(() => regexp(source)).toThrow(expect.objectContaining({ name: 'PatternError' }));
    },
  );

  test('a file has them with their syntax', () => {
    const text = `rules: [{ protocol: file, syntax: regexp, match: '/v(?<v>\\d+)', to: 'c.example/:v' }]`;
    const rules = parseRules(text, { file: 'turnout.yaml', regexp });
    expect(decide(rules, { method: 'GET', scheme: 'https', host: 'h', path: '/v12' })).toMatchObject({
      location: 'https://c.example/12',
    });
  });

  test.each([
    [`match: '('`, { regexp }, /^`\(` is not a regular expression: missing closing \)/],
    [`match: [a, b]`, { regexp }, /^With `syntax: regexp`, write one regular expression/],
    [`match: '/a'`, {}, /without an engine/],
  ])('a mistake in a file has its place: %s', (line, options, message) => {
    const [issue, ...more] = issuesOf(
      `rules:\n  - protocol: file\n    to: c.example\n    syntax: regexp\n    ${line}\n`,
      options,
    );
    expect(issue).toMatchObject({
      code: 'invalid_match',
      message: expect.stringMatching(message),
      position: { line: 5 },
    });
    expect(more).toEqual([]);
  });

  test('time grows with the text alone', () => {
    const evil = regexp('/(?:a|a)*(?:a|a)*(?:a|a)*b');
    const time = (length: number): number => {
      const subject = `/${'a'.repeat(length)}`;
      const runs = Array.from({ length: 7 }, () => {
        const start = performance.now();
        expect(evil.exec(subject)).toBeUndefined();
        return performance.now() - start;
      });
      return Math.min(...runs);
    };
    time(2000);
    // Backtracking would need the cube at least: 512 times as long.
    expect(time(16_000) / time(2000)).toBeLessThan(100);
  });
});
