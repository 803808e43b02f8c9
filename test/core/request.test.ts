import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { findRequestProblem, hasDotSegment, MAX_TARGET_LENGTH } from '../../src/core/request.ts';
import { hostilePath, hostileQuery } from './hostile.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const origin = 'https://cdn.example';

function statusOf(path: string, query?: string, host = 'get.acme.example'): number | undefined {
  return findRequestProblem({ method: 'GET', scheme: 'https', host, path, query })?.status;
}

describe('a path that is decided on', () => {
  test.each([
    ['the root', '/'],
    ['a double slash, which is no authority', '//evil.example'],
    ['three slashes', '///evil.example'],
    ['an encoded double slash', '/%2f/evil.example'],
    ['encoded backslashes', '/%5c%5cevil.example'],
    ['a scheme', '/https:/evil.example'],
    ['a script', '/javascript:alert(1)'],
    ['a semicolon', '/;/evil.example'],
    ['an encoded number sign', '/%23@evil.example/'],
    ['a right-to-left mark, encoded', '/%E2%80%AE/moc.live'],
    ['an overlong encoding', '/%c0%ae%c0%ae/x'],
    ['a dot segment, encoded twice', '/public/%252e%252e/private/x'],
    ['an encoded slash in a scope', '/@acme%2fcli'],
    ['dots that are no segment', '/.../a..b/..c/d../.e'],
    ['a name that ends in dots behind an encoded slash', '/group%2f.github/x'],
    ['an IPv6 address and alternatives, raw', '/[a]|b'],
    ['everything that is allowed raw', "/aZ09-._~!$&'()*+,;=:@"],
    ['the names of JavaScript', '/constructor/__proto__'],
  ])('may have %s', (_, path) => {
    expect(statusOf(path)).toBeUndefined();
    expect(new URL(origin + path).href).toBe(origin + path);
  });

  test.each([
    ['no slash at the start', ''],
    ['a star', '*'],
    ['an absolute form', 'http://evil.example/v2/'],
    ['an authority', '@evil.example'],
    ['a port and a user', ':80@evil.example/'],
    ['backslashes', '\\\\evil.example'],
    ['a backslash after the slash', '/\\evil.example'],
    ['a query', '/a?b'],
    ['a fragment', '/a#b'],
    ['a space', '/a b'],
    ['a tab', '/a\tb'],
    ['a line break', '/a\nLocation:x'],
    ['a line break at the end', '/a\n'],
    ['a NUL', '/a\0'],
    ['a character beyond ASCII', '/é'],
    ['half a character', '/\ud800'],
    ['a brace', '/minikube-{platform}-{version}.tar.gz'],
    ['a quotation mark', '/"'],
    ['a less-than sign', '/<script>'],
    ['a backtick', '/`'],
    ['a caret', '/^'],
    ['an escape without digits', '/x%'],
    ['an escape with one digit', '/x%2'],
    ['an escape of another kind', '/%u002e%u002e/private'],
    ['an escape of no digits', '/%zz'],
    ['an encoded line break', '/%0d%0aSet-Cookie:x'],
    ['an encoded tab', '/%09/evil.example'],
    ['an encoded NUL', '/a%00b'],
    ['an encoded delete', '/a%7Fb'],
    ['dots', '/..//evil.example'],
    ['dots in the middle', '/v2/../v2/acme/app/manifests/latest'],
    ['dots at the end', '/a/..'],
    ['a dot', '/public/./x'],
    ['a dot at the end', '/a/.'],
    ['encoded dots', '/public/%2e%2e/private/x'],
    ['dots, the second encoded', '/public/.%2e/private/x'],
    ['dots, the first encoded', '/public/%2E./private/x'],
    ['an encoded dot', '/public/%2e/x'],
    ['dots before an encoded backslash', '/public/..%5cprivate/x'],
    ['dots before an encoded slash', '/public/..%2fprivate/x'],
    ['dots between encoded slashes', '/file.tar.gz%2F..%2Fx.css'],
    ['encoded dots between encoded backslashes', '/a%5C%2e%2E%5cb'],
    ['a scope of dots', '/@acme/../cli'],
  ])('has not %s', (_, path) => {
    expect(statusOf(path)).toBe(400);
  });
});

describe('a query', () => {
  test.each([
    ['nothing', ''],
    ['another address', 'next=//evil.example'],
    ['dot segments', 'path=/a/../b'],
    ['signs that clients send raw', `a="<>\\^{|}\`'[]?/`],
    ['a bad escape', 'a=%zz&b=%'],
  ])('may have %s', (_, query) => {
    expect(statusOf('/', query)).toBeUndefined();
  });

  test.each([
    ['a space', 'a b'],
    ['a line break', 'a\r\nb'],
    ['a NUL', 'a\0'],
    ['a delete', 'a\x7f'],
    ['a fragment', 'a#b'],
    ['a character beyond ASCII', 'é'],
  ])('has not %s', (_, query) => {
    expect(statusOf('/', query)).toBe(400);
  });
});

describe('a host', () => {
  test.each([
    'get.acme.example',
    'GET.acme.example',
    'get.acme.example.',
    'get.acme.example:8080',
    'get.acme.example:65535',
    'a_b.example',
    'localhost',
    '127.0.0.1:8080',
    '[::1]',
    '[::1]:8080',
    `${'a.'.repeat(126)}a.:65535`,
  ])('may be %s', (host) => {
    expect(statusOf('/', undefined, host)).toBeUndefined();
  });

  test.each([
    ['empty', ''],
    ['with a user', 'get.acme.example@evil.example'],
    ['two', 'get.acme.example, evil.example'],
    ['two in one', 'get.acme.example evil.example'],
    ['with a path', 'get.acme.example/evil'],
    ['with a backslash', 'get.acme.example\\evil'],
    ['with a line break', 'get.acme.example\r\n'],
    ['encoded', 'get%2eacme.example'],
    ['not ASCII', 'xn--gw-é.example'],
    ['a port out of range', 'get.acme.example:65536'],
    ['a port far out of range', 'get.acme.example:99999'],
    ['a port of six digits', 'get.acme.example:100000'],
    ['a port that is no number', 'get.acme.example:http'],
    ['without its brackets', '::1'],
    ['longer than a name can be', `${'a.'.repeat(4000)}a`],
  ])('is not %s', (_, host) => {
    expect(statusOf('/', undefined, host)).toBe(400);
  });
});

test('path and query together may be 8192 characters long', () => {
  const path = `/${'a'.repeat(4095)}`;
  expect(statusOf(path, 'b'.repeat(MAX_TARGET_LENGTH - 4096))).toBeUndefined();
  expect(statusOf(path, 'b'.repeat(MAX_TARGET_LENGTH - 4095))).toBe(414);
  expect(statusOf('/'.repeat(9000))).toBe(414);
});

test('what passes, a URL parser leaves as it is', () => {
  let passed = 0;
  fc.assert(
    fc.property(hostilePath, hostileQuery, (path, query) => {
      if (statusOf(path, query) !== undefined) return;
      passed++;
      const url = new URL(`${origin}${path}?${query}`);
      expect(url.origin).toBe(origin);
      expect(url.pathname).toBe(path);
      expect(hasDotSegment(path)).toBe(false);
    }),
    { numRuns: 5000 },
  );
  expect(passed).toBeGreaterThan(500);
});

test('no text in any field makes it throw', () => {
  const any = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), hostilePath);
  fc.assert(
    fc.property(any, any, any, any, (method, host, path, query) => {
      const problem = findRequestProblem({ method, scheme: 'http', host, path, query });
      expect([undefined, 400, 414]).toContain(problem?.status);
    }),
    { numRuns: 3000 },
  );
});
