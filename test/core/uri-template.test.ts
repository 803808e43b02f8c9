import { describe, expect, test } from 'vitest';
import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { writeExample } from '../../src/core/example.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';

const syntax = 'rfc6570';

function locationOf(match: string, to: string, address: string): string | undefined {
  const rules = compileRules([rule(file, { match, to, syntax, query: 'drop' })]);
  const [path = '', query] = address.split('?');
  const decision = decide(rules, { method: 'GET', scheme: 'https', host: 'get.acme.dev', path, query });
  return decision.type === 'redirect' ? decision.location : undefined;
}

function messageOf(match: string, to: string): string {
  try {
    compileRules([rule(file, { match, to, syntax })]);
  } catch (error) {
    if (isRuleError(error)) return error.issues.map(({ message }) => message).join(' ');
  }
  return '';
}

describe('templates of RFC 6570', () => {
  test.each<[match: string, to: string, address: string, location: string | undefined]>([
    ['/dl/{v}/a.tgz', 'https://c.example/{v}/a.tgz', '/dl/1.0/a.tgz', 'https://c.example/1.0/a.tgz'],
    ['/dl/{v}/a.tgz', 'https://c.example/{v}/a.tgz', '/dl/1/0/a.tgz', undefined],
    [
      '/dl/{v}/a.tgz',
      'https://c.example/{v}/a.tgz',
      '/dl/a%2Fb+c~/a.tgz',
      'https://c.example/a%2Fb+c~/a.tgz',
    ],
    ['/dl/{+p}', 'https://c.example/x/{+p}', '/dl/a/b/c', 'https://c.example/x/a/b/c'],
    ['/dl{/v}/{f}', 'https://c.example/x{/v}/{f}', '/dl/1/a', 'https://c.example/x/1/a'],
    ['/a{.ext}', 'https://c.example/b{.ext}', '/a.zip', 'https://c.example/b.zip'],
    ['/{a,b}', 'https://c.example/{b}/{a}', '/1,2', 'https://c.example/2/1'],
    ['/dl?v={v}', 'https://c.example/{v}', '/dl?x=1&v=2', 'https://c.example/2'],
    ['/dl?v={v}', 'https://c.example/{v}', '/dl', undefined],
    ['/dl{?v,os}', 'https://c.example/dl{?v,os}', '/dl?os=linux&v=2', 'https://c.example/dl?v=2&os=linux'],
    ['/dl{?v,os}', 'https://c.example/dl{?v,os}', '/dl?os=linux', 'https://c.example/dl?os=linux'],
    ['/dl{?v,os}', 'https://c.example/dl{?v,os}', '/dl', 'https://c.example/dl'],
    ['/dl{?v}', 'https://c.example/dl?ref=x{&v}', '/dl?v=1', 'https://c.example/dl?ref=x&v=1'],
    ['/dl{?v}', 'https://c.example/dl?ref=x{&v}', '/dl', 'https://c.example/dl?ref=x'],
    ['/a:b*c(d)/{v}', 'https://c.example/{v}', '/a:b*c(d)/1', 'https://c.example/1'],
    ['/é/{v}', 'https://c.example/é/{v}', '/%C3%A9/1', 'https://c.example/%C3%A9/1'],
    ['/x{?v}', 'c.example{?v}', '/x?v=1', 'https://c.example/x?v=1'],
    ['/x', 'c.example', '/x', 'https://c.example/x'],
    ['/x', 'c.example/', '/x', 'https://c.example/'],
    ['/dl/{+p}', 'c.example/all', '/dl/a/b', 'https://c.example/all'],
    ['/{v}/a-{v}.tgz', 'c.example/{v}', '/1.0/a-1.0.tgz', 'https://c.example/1.0'],
    ['/{v}/a-{v}.tgz', 'c.example/{v}', '/1.0/a-1.1.tgz', undefined],
    ['/{v}?v={v}', 'c.example/{v}', '/1?v=1', 'https://c.example/1'],
    ['/{v}?v={v}', 'c.example/{v}', '/1?v=2', undefined],
  ])('%s to %s: %s', (match, to, address, location) => {
    expect(locationOf(match, to, address)).toBe(location);
  });

  test.each<[match: string, to: string, message: RegExp]>([
    ['/{x*}', 'c.example/{x}', /`x\*` has a modifier/],
    ['/{x:3}', 'c.example/{x}', /`x:3` has a modifier/],
    ['/{#x}', 'c.example', /`\{#…\}` cannot be matched; write `\{name\}` or `\{\+name\}`/],
    ['/{x', 'c.example', /`\{` must be percent-encoded/],
    ['/x}', 'c.example', /`\}` must be percent-encoded/],
    ['/x y', 'c.example', /` ` must be percent-encoded/],
    ['/%zz', 'c.example', /`%` must be percent-encoded/],
    ['/{}', 'c.example', /`` cannot be the name of a variable/],
    ['/{__proto__}', 'c.example', /`__proto__` cannot be the name/],
    ['/{a}{b}', 'c.example', /there must be text between/],
    ['/x?{k}=1', 'c.example', /the name of a query parameter cannot be a variable/],
    ['/{a}', 'c.example/{b}', /`match` has no variable `b`/],
    ['/a{?b}', 'c.example/{b}', /`b` is optional in `match`/],
    ['/a', 'c.example{/b', /host|percent-encoded/],
    [`/${'a'.repeat(4096)}`, 'c.example', /longer than 4096/],
  ])('%s to %s is refused', (match, to, message) => {
    expect(messageOf(match, to)).toMatch(message);
  });

  test('an example has its variables filled in', () => {
    const { rules } = compileRules([rule(file, { match: '/dl/{v}{?os}', to: 'c.example', syntax })]);
    expect(rules.map(writeExample)).toEqual(['/dl/<v>?os=<os>']);
  });
});
