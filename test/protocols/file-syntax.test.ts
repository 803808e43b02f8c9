import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { decide } from '../../src/core/decide.ts';
import { formatIssue, isRuleError } from '../../src/core/errors.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { regexp } from '../../src/rules/regexp.ts';

/** What becomes of a request by a rule file: where it is led, a status, or `pass`. */
function show(rules: string, target: string): string {
  const ruleSet = parseRules(rules, { file: 'turnout.yaml', regexp });
  const mark = target.indexOf('?');
  const [path, query] = mark === -1 ? [target] : [target.slice(0, mark), target.slice(mark + 1)];
  const request = { method: 'GET', scheme: 'https', host: 'get.acme.dev', path: path ?? '', query } as const;
  const decision = decide(ruleSet, request);
  if (decision.type === 'redirect') return decision.location.replace('https://cdn.example', '');
  return decision.type === 'respond' ? String(decision.status) : decision.type;
}

function ruleOf(syntax: string, match: string, to: string, more = ''): string {
  return `rules:\n  - protocol: file\n    syntax: ${syntax}\n    match: '${match}'\n    to: 'https://cdn.example${to}'\n${more}`;
}

describe('a template of RFC 6570', () => {
  const drop = '    query: drop\n';

  test.each([
    ['/{a}', '/x/{a}', '/1.0', '/x/1.0'],
    ['/{a}', '/x/{a}', '/1.0/2', 'pass'],
    ['/{a}', '/x/{a}', '/a%2Fb', '/x/a%2Fb'],
    ['/{a}', '/x/{a}', '/caf%C3%A9', '/x/caf%C3%A9'],
    ['/{a}', '/x/{a}', '/', 'pass'],
    ['/v{version}/acme-{os}.tgz', '/{os}/{version}.tgz', '/v1.0/acme-linux.tgz', '/linux/1.0.tgz'],
    ['/{+path}', '/x/{+path}', '/a/b/c', '/x/a/b/c'],
    ['/{+path}', '/x/{+path}', '/a//b/', '/x/a//b/'],
    ['/dl{/a}', '/x{/a}', '/dl/1', '/x/1'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?a=1&b=2', '/x?a=1&b=2'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?b=2&a=1', '/x?a=1&b=2'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?c=3&b=2&c=4&a=1', '/x?a=1&b=2'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?b=2', '/x?b=2'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?a=1', '/x?a=1'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl', '/x'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?', '/x'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?a=&b=2', '/x?b=2'],
    ['/dl{?a,b}', '/x{?a,b}', '/dl?b', '/x'],
    ['/dl?a={a}', '/x/{a}', '/dl?a=', 'pass'],
    ['/dl{?a}{&c}', '/x{?a}{&c}', '/dl?c=3&a=1', '/x?a=1&c=3'],
    ['/dl?os=linux{&c}', '/x?os=linux{&c}', '/dl?c=3&os=linux', '/x?os=linux&c=3'],
    ['/dl?os=linux{&c}', '/x?os=linux{&c}', '/dl?os=linux', '/x?os=linux'],
    ['/dl?os=linux{&c}', '/x?os=linux{&c}', '/dl?c=3', 'pass'],
    ['/dl{?a}', '/x{?a}', '/dl?a=%2F%2f+%20', '/x?a=%2F%2f+%20'],
    ['/dl?a={a}', '/x/{a}', '/dl?a=1', '/x/1'],
    ['/dl?a={a}', '/x/{a}', '/dl?a=../y', '400'],
    ['/dl?a={a}', '/x/{a}', '/dl?a=y/z', '/x/y%2Fz'],
    ['/dl?a={a}', '/x/{a}', '/dl?a=//evil.example', '/x/%2F%2Fevil.example'],
  ])('%s to %s leads %s to %s', (match, to, target, expected) => {
    expect(show(ruleOf('rfc6570', match, to, drop), target)).toBe(expected);
  });

  test('cannot make a path of what may be missing', () => {
    expect(issuesOf(ruleOf('rfc6570', '/dl{?a}', '/x/{a}'))).toEqual([
      expect.stringMatching(/^turnout\.yaml:5:9 optional_parameter: /),
    ]);
  });

  test('keeps what else a query has, without `query: drop`', () => {
    expect(show(ruleOf('rfc6570', '/dl{?a}', '/x{?a}'), '/dl?c=3&a=1')).toBe('/x?a=1&c=3');
  });

  test.each(['/{a*}', '/{a:3}', '/{#a}', '/{;a}', '/{a', '/{a}{b}', '/{=a}', '{a}', '/{}'])(
    'that cannot be matched is told with its place: %s',
    (match) => {
      expect(issuesOf(ruleOf('rfc6570', match, ''))).toEqual([
        expect.stringMatching(/^turnout\.yaml:4:12 invalid_match: /),
      ]);
    },
  );

  test('takes what stands beside a file', () => {
    const rules = ruleOf('rfc6570', '/{version}/acme.tgz', '/v{version}.tgz');
    expect(show(rules, '/1.0/acme.tgz.sha256')).toBe('/v1.0.tgz.sha256');
  });
});

describe('a regular expression', () => {
  test.each([
    [
      String.raw`/dl/(?P<name>[a-z]+)-v?(?P<version>\d+(?:\.\d+)*)\.tgz`,
      '/:name/:version',
      '/dl/acme-v1.2.tgz',
      '/acme/1.2',
    ],
    [String.raw`/dl/(?<name>[a-z]+)-v?(?<version>\d+)\.tgz`, '/:name/:version', '/dl/acme-1.tgz', '/acme/1'],
    ['/dl/(?P<name>[a-z]+)', '/:name', '/dl/acme/x', 'pass'],
    ['/dl/(?P<name>[a-z]+)', '/:name', '/x/dl/acme', 'pass'],
    ['(?i)/dl/(?P<name>.*)', '/:name', '/DL/Acme%2Fx', '/Acme%2Fx'],
    ['/dl/(?P<path>.+)', '/:path', '/dl/a/b//c', '/a/b//c'],
    ['/dl/(?P<name>[^/]+)', '/:name', '/dl/%2e%2e', '400'],
    ['/dl/(?P<name>[a-z]+)', '/:name', '/dl/acme.asc', '/acme.asc'],
  ])('%s leads to %s: %s', (match, to, target, expected) => {
    expect(show(ruleOf('regexp', match, to), target)).toBe(expected);
  });

  test.each(['/(', '/(?=a)', String.raw`/(a)\1`, '/(?!a)', '/a{1001}'])(
    'that is none of RE2 is told with its place: %s',
    (match) => {
      expect(issuesOf(ruleOf('regexp', match, ''))).toEqual([
        expect.stringMatching(/^turnout\.yaml:4:12 invalid_match: /),
      ]);
    },
  );

  test.each([
    ['/(?P<a>(?:x+)+)y', '/'.concat('x')],
    ['/(?P<a>(?:x|x)*)y', '/'.concat('x')],
    ['/(?P<a>(?:x*)*)y', '/'.concat('x')],
    ['/(?P<a>.*.*.*.*)y', '/'.concat('x')],
    [String.raw`/(?P<a>(?:\w+\.?)+)y`, '/'.concat('x')],
  ])('takes time that grows as the request does, and no faster: %s', (match, start) => {
    const ruleSet = parseRules(ruleOf('regexp', match, '/:a'), { file: 'turnout.yaml', regexp });
    const timeOf = (length: number): number => {
      const path = `${start}${'x'.repeat(length)}!`;
      const request = { method: 'GET', scheme: 'https', host: 'get.acme.dev', path } as const;
      const times = Array.from({ length: 7 }, () => {
        const begun = performance.now();
        expect(decide(ruleSet, request).type).toBe('pass');
        return performance.now() - begun;
      });
      return Math.min(...times);
    };
    timeOf(1000);
    // Eight times as long: linear is 8, quadratic 64, and what a backtracking engine takes nobody would wait for.
    expect(timeOf(8000) / Math.max(timeOf(1000), 0.02)).toBeLessThan(32);
  });
});

test('the tables of the page are true', () => {
  const page = readFileSync('docs/protocols/file.md', 'utf8');
  const section = page.split('## Other syntaxes of `match`')[1]?.split(/^## /m)[0] ?? '';
  const [template = '', expression = ''] = [...section.matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, code]) => code,
  );
  for (const target of ['/download/acme?os=linux&arch=arm64', '/download/acme?arch=arm64&x=1&os=linux'])
    expect(show(template, target)).toBe('/acme?os=linux&arch=arm64');
  expect(show(template, '/download/acme?channel=beta')).toBe('/acme?channel=beta');
  expect(show(template, '/download/acme')).toBe('/acme');
  expect(show(expression, '/acme-1.2.tar.gz')).toBe('/acme/1.2/acme.tar');
});

function issuesOf(text: string): readonly string[] {
  try {
    parseRules(text, { file: 'turnout.yaml', regexp });
    return [];
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues.map(formatIssue);
  }
}
