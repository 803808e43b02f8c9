/** A redirect's address, or a status; `pass` is what no rule takes. */
export type Expected = string | number;

/** A raw request, and what comes of it on every host. */
export interface Case {
  readonly name: string;
  readonly target: string;
  readonly method?: string;
  /** The lines between the first and the last. */
  readonly fields?: readonly string[];
  readonly expected: Expected;
  /** What comes of it where addresses are mended first; `unknown` where such a server decides otherwise or not at all. */
  readonly mended?: Expected | 'unknown';
}

/** The host that most requests ask. */
export const own: readonly string[] = ['Host: get.acme.dev'];

/** Requests of every kind, for the rules of the matrix. */
export const cases: readonly Case[] = [
  { name: 'a file', target: '/dl/a/b.tgz', expected: 'https://cdn.example/files/a/b.tgz' },
  {
    name: 'a file with a query',
    target: '/dl/a?x=%2f&&y=?/',
    expected: 'https://cdn.example/files/a?x=%2f&&y=?/',
  },
  { name: 'an empty query', target: '/dl/a?', expected: 'https://cdn.example/files/a?' },
  { name: 'an encoded slash', target: '/dl/a%2fb%2Fc', expected: 'https://cdn.example/files/a%2fb%2Fc' },
  { name: 'escapes that need not be', target: '/dl/%7Ea%41', expected: 'https://cdn.example/files/%7Ea%41' },
  { name: 'a double escape', target: '/dl/%252e%252e/a', expected: 'https://cdn.example/files/%252e%252e/a' },
  { name: 'double slashes', target: '/dl//a//b', expected: 'https://cdn.example/files//a//b' },
  {
    name: 'a file that looks like an address',
    target: '/dl//evil.example/a',
    expected: 'https://cdn.example/files//evil.example/a',
  },
  {
    name: 'another that does',
    target: '/dl/https://evil.example/',
    expected: 'https://cdn.example/files/https://evil.example/',
  },
  {
    name: 'braces of a template',
    target: '/dl/{version}',
    expected: 400,
    mended: 'https://cdn.example/files/%7Bversion%7D',
  },
  { name: 'a path that looks like a host', target: '//evil.example/dl/a', expected: 'pass' },
  { name: 'three slashes', target: '///evil.example/dl/a', expected: 'pass' },
  { name: 'an encoded slash for a slash', target: '/dl%2fa', expected: 'pass' },
  { name: 'capitals', target: '/DL/a', expected: 'pass' },
  { name: 'nothing for the variable', target: '/dl/', expected: 'pass' },
  { name: 'a property of every object', target: '/constructor', expected: 'pass' },
  { name: 'dot segments', target: '/x/../dl/a', expected: 400, mended: 'https://cdn.example/files/a' },
  { name: 'dot segments that leave', target: '/dl/../a', expected: 400, mended: 'pass' },
  { name: 'encoded dot segments', target: '/dl/%2e%2E/a', expected: 400, mended: 'pass' },
  { name: 'half encoded dot segments', target: '/dl/.%2e/a', expected: 400, mended: 'pass' },
  { name: 'a single dot', target: '/dl/./a?/./', expected: 'https://cdn.example/files/a?/./' },
  { name: 'several single dots', target: '/./dl/././a/./b', expected: 'https://cdn.example/files/a/b' },
  { name: 'a single dot before dots', target: '/dl/./../a', expected: 400, mended: 'pass' },
  {
    name: 'a single dot at the end',
    target: '/dl/a/.',
    expected: 400,
    mended: 'https://cdn.example/files/a/',
  },
  {
    name: 'an encoded single dot',
    target: '/dl/%2e/a',
    expected: 400,
    mended: 'https://cdn.example/files/a',
  },
  { name: 'dots at the end', target: '/dl/a/..', expected: 400, mended: 'pass' },
  { name: 'a backslash', target: '/dl/..\\a', expected: 400, mended: 'pass' },
  { name: 'backslashes for a host', target: '/\\evil.example/dl/a', expected: 400, mended: 'pass' },
  { name: 'half an escape', target: '/dl/x%2', expected: 400 },
  { name: 'an escape that is none', target: '/dl/%u002e', expected: 400 },
  { name: 'an encoded line break', target: '/dl/%0d%0aLocation:x', expected: 400 },
  { name: 'an encoded NUL', target: '/dl/%00', expected: 400 },
  { name: 'a fragment', target: '/dl/a#b', expected: 400, mended: 'unknown' },
  { name: 'a target of 9000 bytes', target: `/dl/${'a'.repeat(9000)}`, expected: 414 },
  { name: 'a query of 9000 bytes', target: `/dl/a?${'a'.repeat(9000)}`, expected: 414 },
  { name: 'the star', method: 'OPTIONS', target: '*', expected: 400, mended: 'unknown' },

  {
    name: 'a host with a port',
    target: '/dl/a',
    fields: ['Host: get.acme.dev:8080'],
    expected: 'https://cdn.example/files/a',
  },
  {
    name: 'a host in capitals',
    target: '/dl/a',
    fields: ['Host: GET.Acme.Dev'],
    expected: 'https://cdn.example/files/a',
  },
  {
    name: 'a host with a dot at its end',
    target: '/dl/a',
    fields: ['Host: get.acme.dev.'],
    expected: 'https://cdn.example/files/a',
  },
  { name: 'another host', target: '/dl/a', fields: ['Host: other.example'], expected: 'pass' },
  { name: 'a host that ends as ours', target: '/dl/a', fields: ['Host: evilget.acme.dev'], expected: 'pass' },
  {
    name: 'a host that starts as ours',
    target: '/dl/a',
    fields: ['Host: get.acme.dev.evil.example'],
    expected: 'pass',
  },
  { name: 'no host', target: '/dl/a', fields: [], expected: 400, mended: 'unknown' },
  { name: 'an empty host', target: '/dl/a', fields: ['Host: '], expected: 400, mended: 'unknown' },
  {
    name: 'two hosts',
    target: '/dl/a',
    fields: [...own, 'Host: other.example'],
    expected: 400,
    mended: 'unknown',
  },
  {
    name: 'the same host twice',
    target: '/dl/a',
    fields: [...own, 'hOST: get.acme.dev'],
    expected: 400,
    mended: 'unknown',
  },
  {
    name: 'a list of hosts',
    target: '/dl/a',
    fields: ['Host: get.acme.dev, other.example'],
    expected: 400,
    mended: 'unknown',
  },
  {
    name: 'a name before the host',
    target: '/dl/a',
    fields: ['Host: get.acme.dev@evil.example'],
    expected: 400,
    mended: 'unknown',
  },
  {
    name: 'a path behind the host',
    target: '/dl/a',
    fields: ['Host: get.acme.dev/x'],
    expected: 400,
    mended: 'unknown',
  },
  {
    name: 'a port that is none',
    target: '/dl/a',
    fields: ['Host: get.acme.dev:x'],
    expected: 400,
    mended: 'unknown',
  },

  {
    name: 'an absolute target',
    target: 'http://get.acme.dev/dl/a?b',
    fields: ['Host: other.example'],
    expected: 'https://cdn.example/files/a?b',
    mended: 'unknown',
  },
  {
    name: 'an absolute target without a path',
    target: 'http://get.acme.dev?b',
    expected: 'pass',
    mended: 'unknown',
  },
  {
    name: 'an absolute target elsewhere',
    target: 'http://evil.example/dl/a',
    expected: 'pass',
    mended: 'unknown',
  },
  {
    name: 'an absolute target with a name',
    target: 'http://get.acme.dev@evil.example/dl/a',
    expected: 400,
    mended: 'unknown',
  },
  { name: 'another scheme', target: 'ftp://get.acme.dev/dl/a', expected: 400, mended: 'unknown' },

  {
    name: 'forwarded fields of a stranger',
    target: '/dl/a',
    fields: [...own, 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example'],
    expected: 'https://cdn.example/files/a',
  },
  {
    name: 'a package of npm',
    target: '/-/package/@acme%2Fcli/dist-tags',
    fields: ['Host: npm.acme.dev'],
    expected: 'https://npm.example/-/package/@acme%2fcli/dist-tags',
  },
  {
    name: 'a package that is not ours',
    target: '/@other%2Fcli/-/cli-1.0.0.tgz',
    fields: ['Host: npm.acme.dev'],
    expected: 'pass',
  },
  {
    name: 'a manifest',
    target: '/v2/app/manifests/1.0',
    expected: 'https://quay.io/v2/acme/app/manifests/1.0',
  },
  { name: 'a name that no rule has in a registry', target: '/v2/other/manifests/1.0', expected: 404 },
  { name: 'a registry’s ping', target: '/v2/', expected: 200 },
  { name: 'a push', method: 'PUT', target: '/v2/app/manifests/1.0', expected: 405 },
  { name: 'a write', method: 'DELETE', target: '/dl/a', expected: 405 },
];
