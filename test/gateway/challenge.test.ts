import { describe, expect, test } from 'vitest';

import { parseChallenges } from '../../src/gateway/challenge.ts';

const bearer = (params: Readonly<Record<string, string>>) => ({ scheme: 'bearer', params });

describe('parseChallenges', () => {
  test.each([
    ['nothing', '', []],
    ['a scheme alone', 'Basic', [{ scheme: 'basic', params: {} }]],
    ['a quoted parameter', 'Basic realm="x"', [{ scheme: 'basic', params: { realm: 'x' } }]],
    [
      "Docker Hub's",
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
      [
        bearer({
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/alpine:pull',
        }),
      ],
    ],
    [
      'parameters without quotes',
      'Bearer realm=https://a.example/token, error=invalid_token',
      [bearer({ realm: 'https://a.example/token', error: 'invalid_token' })],
    ],
    ['names in any case', 'BEARER Realm="R", SERVICE="S"', [bearer({ realm: 'R', service: 'S' })]],
    [
      'a comma and an equals sign in quotes',
      'Bearer realm="a,b=c",scope="d"',
      [bearer({ realm: 'a,b=c', scope: 'd' })],
    ],
    [
      'escapes in quotes',
      String.raw`Basic realm="a \"b\" \\ c"`,
      [{ scheme: 'basic', params: { realm: String.raw`a "b" \ c` } }],
    ],
    [
      'space around equals signs',
      'Bearer realm = "a" , service= "b"',
      [bearer({ realm: 'a', service: 'b' })],
    ],
    ['an empty value', 'Bearer realm="a",scope=""', [bearer({ realm: 'a', scope: '' })]],
    ['the first of two parameters of one name', 'Bearer realm="a",realm="b"', [bearer({ realm: 'a' })]],
    [
      'several challenges in one field',
      'Basic realm="a", Bearer realm="b",service="c"',
      [{ scheme: 'basic', params: { realm: 'a' } }, bearer({ realm: 'b', service: 'c' })],
    ],
    [
      'schemes alone before another challenge',
      'NTLM, Negotiate, Bearer realm="b"',
      [{ scheme: 'ntlm', params: {} }, { scheme: 'negotiate', params: {} }, bearer({ realm: 'b' })],
    ],
    [
      'a challenge behind one with a token68',
      'Negotiate YIIB/+==, Bearer realm="b"',
      [{ scheme: 'negotiate', params: {} }, bearer({ realm: 'b' })],
    ],
    [
      'empty elements of the list',
      ' , ,Basic realm="a",, ,Bearer realm="b",',
      [{ scheme: 'basic', params: { realm: 'a' } }, bearer({ realm: 'b' })],
    ],
    ['parameters of no scheme', 'realm="a"', []],
    [
      'what comes before a quote that never ends',
      'Bearer service="s",realm="https://a',
      [bearer({ service: 's' })],
    ],
    ['what comes before bytes that are no token', 'Bearer realm="a", \u0000', [bearer({ realm: 'a' })]],
    [
      'names of properties that every object has',
      'Bearer __proto__="a",constructor="b",realm="c"',
      [bearer({ realm: 'c' })],
    ],
  ])('reads %s', (_, field, expected) => {
    expect(parseChallenges(field)).toEqual(expected);
  });

  test.each([
    ['spaces', `Bearer realm="a"${' '.repeat(60_000)}\u0000`],
    ['commas', `${', '.repeat(30_000)}\u0000`],
    ['backslashes', `Bearer realm="${'\\'.repeat(60_001)}`],
    ['token characters', 'a'.repeat(60_000)],
    ['equals signs', `Negotiate a${'='.repeat(60_000)}\u0000`],
  ])('takes no more than linear time for %s', (_, field) => {
    const started = performance.now();
    parseChallenges(field);
    expect(performance.now() - started).toBeLessThan(100);
  });
});
