import fc from 'fast-check';
import { stringify, TokenData } from 'path-to-regexp';
import { expect, test, vi } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide, refuseUnmatched, route } from '../../src/core/decide.ts';
import type { Decision, ProxyDecision } from '../../src/core/decision.ts';
import { compileMatcher, matchElements } from '../../src/core/matcher.ts';
import type { RequestDescriptor } from '../../src/core/request.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { fill, filling, isCompilable, pathPattern } from './arbitraries.ts';
import { hostilePath, hostileQuery, hostileText } from './hostile.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const origins = [
  'https://cdn.example',
  'http://localhost:5000',
  'https://ghcr.io',
  'https://npm.example',
  'https://registry-1.docker.io',
];
const ruleSet = compileRules([
  rule(file, { match: '/dl?file=:f', to: `${origins[0]}/pub/:f` }),
  rule(file, { match: '/dl?file=:f&v=:v', to: `${origins[0]}/pub/x-:v/:f?v=:f` }),
  rule(file, { match: '/v:a-:b', to: `${origins[0]}/pub/:a{.:b}/` }),
  rule(file, { match: '/acme*rest', to: `${origins[0]}/pub/*rest` }),
  rule(file, { match: '/a*rest', to: `${origins[1]}/pub/` }),
  rule(file, { match: '/*a/-/*b', to: `${origins[0]}/pub/:a?b=*b` }),
  rule(file, { match: '/1.0*a', to: [`${origins[1]}/pub/.*a`] }),
  rule(file, { host: '*.example', to: `${origins[1]}/pub` }),
  rule(file, { name: 'anything', to: origins[0] }),
  rule(file, { at: '/x.tgz/', to: `${origins[1]}/pub` }),
  rule(npm, { match: '@acme/*', to: `${origins[3]}/pub` }),
  rule(npm, { match: '*a/*b', to: `${origins[3]}/pub/*a/*b` }),
  rule(oci, { match: 'acme/*x', to: `${origins[2]}/pub/*x`, mode: 'redirect' }),
  rule(oci, { to: 'docker.io', mode: 'redirect' }),
]);
const host = fc.oneof(
  fc.constantFrom('get.acme.example', 'other.test', 'a.example:80', '[::1]', 'evil.example'),
  hostileText,
);
const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS');
const path = fc.oneof(
  hostilePath,
  fc
    .tuple(fc.constantFrom('/dl', '/v', '/acme', '/a', '/x.tgz', '/v2/acme', '/@acme'), hostilePath)
    .map(([start, end]) => start + end.slice(1)),
);
const query = fc.oneof(
  hostileQuery,
  fc.constantFrom(
    'file=..',
    'file=.',
    'file=%2E.',
    'file=..\\..',
    'file=../..&v=..',
    'v=.&file=..%2f',
    'file=x%5c..',
  ),
  hostileQuery.map((value) => `file=${value}`),
  fc.tuple(hostileQuery, hostileQuery).map(([file, v]) => `v=${v.replaceAll('&', '')}&file=${file}`),
  fc.constant(undefined),
);
const anyRequest: fc.Arbitrary<RequestDescriptor> = fc.record({
  method,
  scheme: fc.constantFrom('http', 'https'),
  host,
  path,
  query,
});

function targetOf(decision: Decision): string | undefined {
  if (decision.type === 'redirect') return decision.location;
  return decision.type === 'proxy' ? decision.target : undefined;
}

test('the target is below an address that a rule names, and a URL parser leaves it there', () => {
  let led = 0;
  fc.assert(
    fc.property(anyRequest, fc.constantFrom(0, 0, 0, 1), (each, number) => {
      const { decision } = route(ruleSet, each, undefined, number);
      const target = targetOf(decision);
      if (target === undefined) return;
      led++;
      const url = new URL(target);
      expect(origins).toContain(url.origin);
      expect(target.startsWith(`${url.origin}/`)).toBe(true);
      // What a URL parser encodes in a query is all that it changes.
      const [pathname = '', ...rest] = target.slice(url.origin.length).split('?');
      expect(url.pathname).toBe(pathname);
      expect(url.search.slice(1)).toBe(
        rest.join('?').replace(/["<>']/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
      );
      expect(url.hash).toBe('');
      expect(url.username + url.password).toBe('');
      const { protocol, rule: name } = decision as ProxyDecision;
      if (protocol === 'file' && name !== 'anything') expect(url.pathname).toMatch(/^\/pub(?:\/|$)/);
    }),
    { numRuns: 10_000 },
  );
  expect(led).toBeGreaterThan(1000);
});

test('header fields are ASCII without line breaks', () => {
  fc.assert(
    fc.property(anyRequest, (each) => {
      const decision = decide(ruleSet, each);
      const values =
        decision.type === 'respond' ? Object.values(decision.headers) : [targetOf(decision) ?? ''];
      for (const value of values) expect(value).toMatch(/^[\x20-\x7e]*$/);
    }),
    { numRuns: 3000 },
  );
});

test('nothing throws, whatever its fields are', () => {
  fc.assert(
    fc.property(
      fc.record({
        method: hostileText,
        scheme: fc.constantFrom('http', 'https'),
        host,
        path,
        query,
        origin: hostileText,
        base: hostileText,
        ip: hostileText,
      }),
      (each) => {
        expect(['redirect', 'proxy', 'respond', 'pass']).toContain(decide(ruleSet, each).type);
        refuseUnmatched(ruleSet, each);
      },
    ),
    { numRuns: 3000 },
  );
});

test('a template that is its own pattern gives back the path', () => {
  let matched = 0;
  fc.assert(
    fc.property(pathPattern.filter(isCompilable), filling, (tokens, each) => {
      const template = stringify(new TokenData([...tokens]));
      const at = fill(tokens, each);
      const bare = tokens.map((token) => (token.type === 'text' ? token.value : 'x')).join('');
      fc.pre(
        at.startsWith('/') && !at.includes('^') && ![at, bare].some((path) => /\/\.{1,2}(?:\/|$)/.test(path)),
      );
      const compiled = compileRules([rule(file, { match: template, to: `https://cdn.example${template}` })]);
      const decision = decide(compiled, { method: 'GET', scheme: 'https', host: 'a.example', path: at });
      const matches = matchElements(compileMatcher(tokens), 0, at, 0, at.length, []);
      if (matches) matched++;
      expect(targetOf(decision)).toBe(matches ? `https://cdn.example${at}` : undefined);
    }),
    { numRuns: 2000 },
  );
  expect(matched).toBeGreaterThan(300);
});
