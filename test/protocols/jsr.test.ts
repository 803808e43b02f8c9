import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { rule } from '../../src/core/rule.ts';
import { type JsrResource, jsr } from '../../src/protocols/jsr.ts';
import { npm } from '../../src/protocols/npm.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

const name = '@acme/cli';
const none = (title: string, path: string, method = 'GET'): ProtocolCase<JsrResource> => ({
  title,
  method,
  path,
  resource: undefined,
});
const file = (title: string, path: string, version = '1.0.0'): ProtocolCase<JsrResource> => ({
  title,
  path: `/@acme/cli/${version}/${path}`,
  resource: { type: 'module', name, version, path },
});

testProtocol(jsr, [
  { title: 'a package', path: '/@acme/cli/meta.json', resource: { type: 'package', name } },
  {
    title: 'a package by HEAD',
    method: 'HEAD',
    path: '/@acme/cli/meta.json',
    resource: { type: 'package', name },
  },
  {
    title: 'a package with a query, which nobody needs',
    path: '/@acme/cli/meta.json',
    query: 'x',
    canonical: '/@acme/cli/meta.json',
    resource: { type: 'package', name },
  },
  {
    title: 'a package of digits and hyphens',
    path: '/@0-a/b--1/meta.json',
    resource: { type: 'package', name: '@0-a/b--1' },
  },
  {
    title: 'a version',
    path: '/@acme/cli/1.0.0_meta.json',
    resource: { type: 'version', name, version: '1.0.0' },
  },
  {
    title: 'a version before and of a build',
    path: '/@acme/cli/1.0.0-rc.1+b-2_meta.json',
    resource: { type: 'version', name, version: '1.0.0-rc.1+b-2' },
  },
  file('a module', 'mod.ts'),
  file('a module in a folder', 'src/cli/mod.ts'),
  file('a module of a release candidate', 'mod.ts', '1.0.0-rc.1'),
  file('a file with signs', "a%20b/_(x)'$&+,;=:@!*~.d.ts"),
  file('a file called as a document is', 'meta.json'),
  none('a scope', '/@acme'),
  none('a page of the site', '/@acme/cli'),
  none('a page of a version', '/@acme/cli@1.0.0'),
  none('a name without a scope', '/cli/meta.json'),
  none('a scope in capitals', '/@ACME/cli/meta.json'),
  none('a name that starts with a hyphen', '/@acme/-cli/meta.json'),
  none('a name with an escape', '/@acme/cl%69/meta.json'),
  none('a version that is none', '/@acme/cli/latest_meta.json'),
  none('a document without a version', '/@acme/cli/_meta.json'),
  none('a document of another name', '/@acme/cli/1.0.0.json'),
  none('a module of a tag', '/@acme/cli/latest/mod.ts'),
  none('a folder', '/@acme/cli/1.0.0/'),
  none('a post', '/@acme/cli/meta.json', 'POST'),
  none('the root', '/'),
  none('no path', ''),
]);

test.each<[resource: JsrResource]>([
  [{ type: 'package', name }],
  [{ type: 'version', name, version: '1.0.0' }],
  [{ type: 'module', name, version: '1.0.0', path: 'mod.ts' }],
])('%j is handed through in every mode, since deno follows no redirect', (resource) => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(jsr.deliver(resource, contextOf(mode, upstreamOf('https://jsr.example'))))).toBe(
      'stream',
    );
});

test('a rule leads a scope to a registry below its path', () => {
  const ruleSet = compileRules([
    rule(jsr, { at: '/jsr/', match: '@acme/*', to: 'https://jsr.example/r', mode: 'redirect' }),
  ]);
  const at = (path: string) => decide(ruleSet, { method: 'GET', scheme: 'https', host: 'a.example', path });
  expect(at('/jsr/@acme/cli/1.0.0/src/mod.ts')).toMatchObject({
    type: 'proxy',
    delivery: 'stream',
    target: 'https://jsr.example/r/@acme/cli/1.0.0/src/mod.ts',
  });
  expect(at('/jsr/@other/cli/meta.json')).toEqual({ type: 'pass' });
});

test('a mount may have JSR and npm', () => {
  const rules = [rule(npm, { to: 'https://npm.example' }), rule(jsr, { to: 'https://jsr.example' })];
  const at = (path: string, order = rules) =>
    decide(compileRules(order), { method: 'GET', scheme: 'https', host: 'a.example', path });
  for (const order of [rules, rules.toReversed()]) {
    for (const file of ['meta.json', '1.0.0_meta.json', '1.0.0/mod.ts'])
      expect(at(`/@acme/cli/${file}`, order)).toMatchObject({ protocol: 'jsr' });
    for (const path of ['/@acme/cli', '/@acme/cli/1.0.0', '/@acme/cli/-/cli-1.0.0.tgz', '/meta.json'])
      expect(at(path, order)).toMatchObject({ protocol: 'npm' });
  }
});

test('a refusal is a line, as of JSR', () => {
  expect(jsr.refuse({ status: 404, message: 'No.' })).toEqual({
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: 'No.\n',
  });
});

test('a rule is tried by an import', () => {
  expect(jsr.usage('@acme/<name>', 'https://get.acme.example/jsr')).toBe(
    'JSR_URL=https://get.acme.example/jsr/ deno add jsr:@acme/<name>',
  );
});
