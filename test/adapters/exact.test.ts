import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { exchangeBytes } from '../gateway/client.ts';
import { listen } from '../gateway/serving.ts';
import { startRawUpstream } from '../gateway/upstream.ts';
import { APPLICATION, hosts } from './hosts.ts';

/** Spellings that a URL may have in a path, and that somebody's software changes on its way. */
const spellings = [
  ...['a%2Fb', 'a%2fb', '%2F', 'a%2F', '%2fa', 'a%252Fb', 'a%5Cb', 'a%5cb'],
  ...['a+b', 'a%2Bb', 'a%2bb', 'a%20b', 'a%2520b', '+', '%20'],
  ...['a;b', 'a;b=1;c', ';', 'a%3Bb', 'a=b&c=d', 'a,b', 'a:b', 'a%3Ab', 'a%3ab', '@a', '%40a', '@a%2fb'],
  ...['a%3Fb', 'a%3fb', 'a%23b', '%25', '100%25', '~a', '%7Ea', '%7ea', '%41', 'a%2Db', 'a%5Fb'],
  ...["it's", '(a)', '!a$b*', '[a]', '%5Ba%5D', 'a|b', 'a%7Cb', '%22a%22', '%3Ca%3E', '%5Ea%60', '%7Ba%7D'],
  ...['caf%C3%A9', 'caf%c3%a9', '%E2%82%AC', '%F0%9F%98%80', '%E9', '%FF%FE', '%C0%AE', '%E2%80%AE'],
  ...['...', '.a', 'a.', '..a', 'a..b', '%2ea', 'a%2e', '%2e%2e%2e', '%252e%252e', 'A', 'con', '__proto__'],
  ...['https:', 'javascript:a', 'evil.example', 'a//b', 'a///b'],
];

const paths = [
  '/',
  '//',
  '///',
  '//a',
  '/a/',
  '/a//',
  '//a//b//',
  '//evil.example/a',
  '/https://evil.example/a?b',
  ...spellings.flatMap((part) => [`/${part}`, `/${part}/`, `/${part}/z`, `/x/${part}`, `/x/${part}/z.tgz`]),
];

const queries = [
  ...['', 'a', 'a=', '=', '=b', '&', '&&', 'a&', '&a', 'a=1&a=2', 'a=1&&b=2', 'a=b=c', 'a;b;c=1'],
  ...['?', '??', 'a?b', 'a=?', 'a=/', 'a=//', '/', '//evil.example', 'next=https://evil.example/'],
  ...['a=%2F', 'a=%2f', 'a%2Fb=c', 'a=+', 'a=%2B', 'a=%20', '+', '%20', 'a=%26', 'a=%3D', '%61=1', 'a=%23'],
  ...['a=%C3%A9', 'a=%c3%a9', 'a=%E9', '%C3%A9=a', 'a=%00', 'a=%0d%0a', 'a=%zz', 'a=%', '%', 'a=%2'],
  ...[
    'a=../b',
    'a=/../',
    'a=.',
    'a=[b]',
    'a[]=1',
    'a=b|c',
    'a={b}',
    'a=\\',
    'a=`',
    'a=^',
    'a=~',
    'a=@:!$()*,',
  ],
];

/** What is sent as it is, and what the Fetch standard makes of it (URL, "special-query percent-encode set"). */
const mended: readonly (readonly [sent: string, there: string])[] = [
  ["/a?b='", '/a?b=%27'],
  ['/a?b="', '/a?b=%22'],
  ['/a?b=<c>', '/a?b=%3Cc%3E'],
];

/** Targets that lead nowhere, each by a reason of its own. */
const refusedParts = [
  ...[
    '..',
    '.',
    '%2e%2e',
    '%2E.',
    '.%2e',
    '%2e',
    'a%2f..',
    '..%2fa',
    'a%2F%2e%2e%2Fb',
    '..%5ca',
    '..\\a',
    '\\',
  ],
  ...['%', '%2', 'a%zz', '%u0061', '%00', 'a%0d%0ab', '%09', '%1f', '%7F', 'a\tb', 'a\x7fb', 'a\x01b'],
  ...['caf\xc3\xa9', '\xe9', '\xff', '{a}', '"a"', '<a>', '^', '`', 'a#b'],
];
const refused = [
  ...refusedParts.flatMap((part) => [`/${part}`, `/${part}/z`, `/x/${part}`, `/x/${part}/z`]),
].filter(
  // A raw `/./` is left out instead: apt writes it in flat repositories.
  (target) => !target.includes('/./'),
);
refused.push(...['/a?b\x01', '/a?b=caf\xc3\xa9', '/a?\x7f', '/a?b#c']);

const sent = [...paths, ...queries.flatMap((query) => [`/a?${query}`, `/a/?${query}`, `/?${query}`])];

/** The rules that lead one host to another whole, and where a target is there. */
const wholes: readonly (readonly [
  name: string,
  rule: Pick<Rule, 'match' | 'at'>,
  place: (target: string) => readonly [asked: string, to: string],
  base: string,
])[] = [
  ['a rule without a pattern', {}, (target) => [target, target], ''],
  ['a rule that ends with a slash', {}, (target) => [target, target], '/'],
  ['a base', {}, (target) => [target, `/old/dl${target}`], '/old/dl'],
  ['a mount', { at: '/get/' }, (target) => [`/get${target}`, target], ''],
];

const HEAD = 'Host: get.acme.dev\r\n';

/** Sends requests on one connection, and gives the heads of their answers. */
async function ask(port: number, targets: readonly string[]): Promise<readonly string[]> {
  const heads: string[] = [];
  for (let from = 0; from < targets.length; from += 50) {
    const some = targets.slice(from, from + 50);
    const requests = some.map((target, index) => {
      const last = index === some.length - 1 ? 'Connection: close\r\n' : '';
      return `GET ${target} HTTP/1.1\r\n${HEAD}${last}\r\n`;
    });
    const answer = await exchangeBytes(port, requests.join(''));
    heads.push(...answer.split(/(?<=\n|^|ok)(?=HTTP\/1\.1 )/));
  }
  return heads;
}

/** Sends a request on a connection of its own, which one that is malformed ends. */
async function statusOf(port: number, target: string): Promise<number> {
  const request = `GET ${target} HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`;
  return Number(/^HTTP\/1\.1 (\d+) /.exec(await exchangeBytes(port, request))?.[1]);
}

function rulesFor(config: Partial<Rule>) {
  return compileRules([rule(file, { host: 'get.acme.dev', ...config })]);
}

describe.each(hosts.filter(({ embedded, name }) => !embedded || name.startsWith('Express')))(
  'on $name, one host for another keeps every byte',
  ({ create, mends }) => {
    const targets = [...sent, ...mended.map(([target]) => target)];
    const arrived = [...sent, ...mended.map(([target, there]) => (mends ? there : target))];
    // Node's `fetch` sends no `?` without a query behind it.
    const fetched = mends ? arrived.map((target) => target.replace(/^([^?]*)\?$/, '$1')) : arrived;

    test.each(wholes)('where it redirects: %s', async (_, config, place, base) => {
      const { port } = await listen(create(rulesFor({ ...config, to: `https://old.example${base}` })));
      const heads = await ask(
        port,
        targets.map((target) => place(target)[0]),
      );
      expect(heads.map((head) => /^location: (.*)$/im.exec(head)?.[1])).toEqual(
        arrived.map((target) => `https://old.example${place(target)[1]}`),
      );
    });

    test.each(wholes)('where it fetches: %s', async (_, config, place, base) => {
      const upstream = await startRawUpstream((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
      const to = upstream.origin + base;
      const { port } = await listen(create(rulesFor({ ...config, to, mode: 'proxy' })));
      const heads = await ask(
        port,
        targets.map((target) => place(target)[0]),
      );
      expect(heads.filter((head) => !head.startsWith('HTTP/1.1 200 '))).toEqual([]);
      expect(upstream.paths.toSorted()).toEqual(fetched.map((target) => place(target)[1]).toSorted());
    });

    test('where a wildcard stands for it', async () => {
      const { port } = await listen(
        create(rulesFor({ match: '/*path', to: 'https://old.example/new/*path' })),
      );
      const named = arrived.filter((target) => !/^\/(?:\?|$)/.test(target));
      const heads = await ask(
        port,
        targets.filter((target) => !/^\/(?:\?|$)/.test(target)),
      );
      expect(heads.map((head) => /^location: (.*)$/im.exec(head)?.[1])).toEqual(
        named.map((target) => `https://old.example/new${target}`),
      );
    });

    test('and what it refuses is asked of nobody', async () => {
      const upstream = await startRawUpstream((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
      const { port } = await listen(create(rulesFor({ to: upstream.origin, mode: 'proxy' })));
      const statuses = await Promise.all(refused.map((target) => statusOf(port, target)));
      const passed = refused.filter((_, index) => ![400, APPLICATION].includes(statuses[index] ?? 0));
      if (!mends) expect(passed).toEqual([]);
      expect(upstream.paths).toHaveLength(passed.length);
      // Mended, an address may be a good one; what comes of it has none of these spellings.
      for (const path of upstream.paths) {
        expect(path).toMatch(/^\/(?:[\w\-.~!$&'()*+,;=:@/[\]|]|%[\dA-F]{2})*(?:\?.*)?$/i);
        expect(path).not.toMatch(/(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)|%(?:[01][\da-f]|7f)/i);
      }
    });
  },
);

test.each([
  ['/a?', 'https://old.example/a'],
  ['/a?b', 'https://old.example/a'],
  ['/a', 'https://old.example/a'],
])('a rule that drops the query drops its mark too: %s', async (target, expected) => {
  const [host] = hosts;
  const { port } = await listen(
    host?.create(rulesFor({ to: 'https://old.example', query: 'drop' })) ?? (() => {}),
  );
  const [head = ''] = await ask(port, [target]);
  expect(/^location: (.*)$/im.exec(head)?.[1]).toBe(expected);
});
