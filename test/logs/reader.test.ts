import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { LogEntry } from '../../src/logs/entry.ts';
import { createLogReader } from '../../src/logs/reader.ts';

const TIME = '[10/Oct/2026:13:55:36 +0000]';
const END = '200 2326 "-" "curl/8.14.1"';

function read(line: string) {
  return createLogReader()(line);
}

describe('a line is read', () => {
  test.each<[title: string, line: string, expected: Partial<LogEntry>]>([
    [
      'of the common format',
      `203.0.113.9 - frank ${TIME} "GET /cli/1.0 HTTP/1.1" 302 0`,
      { method: 'GET', path: '/cli/1.0', status: 302, ip: '203.0.113.9', host: undefined, scheme: undefined },
    ],
    [
      'of the combined format',
      `203.0.113.9 - - ${TIME} "GET /cli/1.0?os=linux HTTP/2.0" 302 0 "https://acme.dev/" "Mozilla/5.0 (X11)"`,
      { path: '/cli/1.0', query: 'os=linux', userAgent: 'Mozilla/5.0 (X11)', host: undefined },
    ],
    [
      'with the virtual host and its port in front',
      `get.acme.dev:443 203.0.113.9 - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { host: 'get.acme.dev', scheme: 'https', ip: '203.0.113.9', path: '/' },
    ],
    [
      'with a port that is none of a scheme',
      `get.acme.dev:8080 203.0.113.9 - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { host: 'get.acme.dev:8080', scheme: undefined },
    ],
    [
      'with a virtual host and a client that has a name',
      `get.acme.dev:80 client.example - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { host: 'get.acme.dev', scheme: 'http', ip: undefined },
    ],
    [
      'with the host behind the address',
      `203.0.113.9 get.acme.dev - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { host: 'get.acme.dev', ip: '203.0.113.9' },
    ],
    [
      'with the host behind the client, between other fields',
      `203.0.113.9 - - ${TIME} "GET / HTTP/1.1" ${END} "198.51.100.7, 10.0.0.1" 0.005 "get.acme.dev" TLSv1.3 HIT`,
      { host: 'get.acme.dev' },
    ],
    [
      'of a client with a name and nothing else',
      `client.example - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { host: undefined, ip: undefined },
    ],
    [
      'of an IPv6 client',
      `2001:db8::9 - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { ip: '2001:db8::9', host: undefined },
    ],
    [
      'of an IPv6 client and an address in brackets as the host',
      `[2001:db8::1]:443 ::1 - - ${TIME} "GET / HTTP/1.1" ${END}`,
      { ip: '::1', host: '[2001:db8::1]', scheme: 'https' },
    ],
    [
      'with escapes',
      `203.0.113.9 - - ${TIME} "GET /a\\x22b?q=\\"x\\"\\\\ HTTP/1.1" 404 0 "-" "a \\x5C\\" b\\t"`,
      { path: '/a"b', query: 'q="x"\\', userAgent: 'a \\" b\t' },
    ],
    ['with a space in the target', `203.0.113.9 - - ${TIME} "GET /a b HTTP/1.1" ${END}`, { path: '/a b' }],
    ['of HTTP/0.9', `203.0.113.9 - - ${TIME} "GET /a" ${END}`, { path: '/a', method: 'GET' }],
    [
      'in absolute form',
      `203.0.113.9 - - ${TIME} "GET http://get.acme.dev?x HTTP/1.1" ${END}`,
      { scheme: 'http', host: 'get.acme.dev', path: '/', query: 'x' },
    ],
    [
      'with a user whose name has brackets, quotes and spaces',
      `203.0.113.9 - a [b] c ${TIME} "PUT /v2/x HTTP/1.1" 201 0`,
      { method: 'PUT', path: '/v2/x', status: 201 },
    ],
    [
      'with a referrer that is a name',
      `203.0.113.9 - - ${TIME} "GET / HTTP/1.1" 200 1 "acme.dev" "x.example"`,
      { host: undefined, userAgent: 'x.example' },
    ],
    ['with a carriage return', `::1 - - ${TIME} "GET / HTTP/1.1" 200 1\r`, { status: 200 }],
    ['with a NUL', `::1 - - ${TIME} "GET /\0 HTTP/1.1" 404 1 "-" "\0"`, { path: '/\0', userAgent: '\0' }],
    [
      "of Turnout's own",
      '{"time":"2026-11-23T00:00:00Z","method":"get","host":"get.acme.dev","path":"/cli/1.0?x=1","status":302,"type":"redirect","rule":"cli","protocol":"file","location":"https://a.example/1.0","ms":0.4,"userAgent":"curl/8"}',
      {
        method: 'GET',
        host: 'get.acme.dev',
        path: '/cli/1.0',
        query: 'x=1',
        userAgent: 'curl/8',
        decision: { type: 'redirect', rule: 'cli', address: 'https://a.example/1.0' },
      },
    ],
    [
      "of Turnout's own, of an answer that needed no rule",
      '{"method":"GET","host":"","path":"/v2/","status":200,"type":"respond"}',
      { host: undefined, decision: { type: 'respond', rule: undefined, address: undefined } },
    ],
    [
      'of JSON without a decision',
      '{"method":"GET","path":"http://get.acme.dev/v2/"}',
      { host: 'get.acme.dev', status: undefined, decision: undefined },
    ],
    [
      'of CloudFront without a heading',
      '2026-11-23\t00:00:01\tFRA56-P1\t200\t2001:db8::9\tGET\td111.cloudfront.net\t/cli/1.0\t302\t-\tcurl/8.1%20(x)%2520y%zz\tos=linux\t-\tHit\tid==\tget.acme.dev\thttps\t100',
      {
        method: 'GET',
        host: 'get.acme.dev',
        scheme: 'https',
        path: '/cli/1.0',
        query: 'os=linux',
        ip: '2001:db8::9',
        status: 302,
        userAgent: 'curl/8.1%20(x)%2520y%zz',
      },
    ],
    [
      'of CloudFront over http, to the distribution itself',
      '2026-11-23\t00:00:01\tFRA56-P1\t200\t192.0.2.1\tGET\td111.cloudfront.net\t/a%2520b\t000\t-\tcurl/8%20x\t-\t-\tHit\tid==\t-\thttp\t100',
      {
        host: 'd111.cloudfront.net',
        scheme: 'http',
        query: undefined,
        path: '/a%2520b',
        status: 0,
        userAgent: 'curl/8 x',
      },
    ],
  ])('%s', (_, line, expected) => {
    expect(read(line)).toMatchObject(expected);
  });
});

test('a heading says in which order the fields of CloudFront are', () => {
  const next = createLogReader();
  expect(next('#Version: 1.0')).toBe('nothing');
  expect(next('#Fields: cs-uri-stem cs-method sc-status a b c d e f')).toBe('nothing');
  expect(next('/x\tGET\t404\t-\t-\t-\t-\t-\t-')).toMatchObject({
    method: 'GET',
    path: '/x',
    status: 404,
    host: undefined,
    scheme: undefined,
  });
});

describe('what is no request', () => {
  test.each([
    ['an empty line', ''],
    ['spaces', '  \t '],
    ['a comment', '# rotated'],
    ['a line of the program', '{"time":"x","msg":"turnout ready","rules":3}'],
    ['a connection without a request', `203.0.113.9 - - ${TIME} "-" 408 0 "-" "-"`],
    ['TLS on a port without it', `203.0.113.9 - - ${TIME} "\\x16\\x03\\x01\\x02" 400 157 "-" "-"`],
    ['a question about the whole server', `203.0.113.9 - - ${TIME} "OPTIONS * HTTP/1.1" 200 0`],
    ['a tunnel', `203.0.113.9 - - ${TIME} "CONNECT x.example:443 HTTP/1.1" 405 0`],
    ['what a server refused to read', `203.0.113.9 - - ${TIME} "quit" 400 0`],
    ['a tunnel in JSON', '{"method":"CONNECT","path":"x.example:443"}'],
    ['a tunnel of CloudFront', 'a\tb\tc\t1\t::1\tOPTIONS\td\t*\t200\t-'],
  ])('%s is nothing', (_, line) => expect(read(line)).toBe('nothing'));

  test.each([
    ['text', 'hello'],
    ['a cut line', `203.0.113.9 - - ${TIME} "GET /a`],
    ['a line without a time', '203.0.113.9 - - "GET / HTTP/1.1" 200 1'],
    ['a line that begins with the time', `${TIME} "GET / HTTP/1.1" 200 1`],
    ['a time that does not end', '203.0.113.9 - - [10/Oct/2026:13:55:36 "GET / HTTP/1.1" 200 1'],
    ['a request that is none, yet answered', `203.0.113.9 - - ${TIME} "what" 200 1`],
    ['a target that is none', `203.0.113.9 - - ${TIME} "GET a/b HTTP/1.1" 200 1`],
    ['cut JSON', '{"method":"GET"'],
    ['JSON of another kind', '{"path":1,"method":"GET"}'],
    ['JSON with a target that is none', '{"method":"GET","path":"x"}'],
    ['NULs', '\0'.repeat(1000)],
    ['tabs', '\t'.repeat(100_000).concat('x')],
    ['quotes', '"'.repeat(50_001)],
    ['backslashes', `"${'\\'.repeat(50_001)}`],
    ['brackets', '['.repeat(50_000)],
  ])('%s is unreadable', (_, line) => expect(read(line)).toBe('unreadable'));
});

test('no line makes it throw', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      ' ',
      '"',
      '\\x',
      '[',
      ']',
      '-',
      '\t',
      TIME,
      '{',
      '#Fields:',
      '200',
      'GET / HTTP/1.1',
      '::1',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const line = read(pieces.join(''));
      if (typeof line === 'string') expect(['nothing', 'unreadable']).toContain(line);
      else expect(line.path).not.toBe('');
    }),
    { numRuns: 1000 },
  );
});
