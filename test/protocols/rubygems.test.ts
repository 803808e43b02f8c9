import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Mode } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type RubygemsResource, rubygems } from '../../src/protocols/rubygems.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Case = ProtocolCase<RubygemsResource>;

const gem = (title: string, fullName: string, name: string, version: string, platform?: string): Case => ({
  title,
  path: `/gems/${fullName}.gem`,
  resource: { type: 'gem', name, version, ...(platform !== undefined && { platform }) },
});
const index = (file: string): Case => ({
  title: `the list ${file}`,
  path: `/${file}`,
  resource: { type: 'index', file },
});
const none = (title: string, path: string, method = 'GET'): Case => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(rubygems, [
  { title: 'whether the source is there', method: 'HEAD', path: '/', resource: { type: 'root' } },
  ...['versions', 'names'].map(index),
  ...['specs.4.8.gz', 'latest_specs.4.8.gz', 'prerelease_specs.4.8.gz', 'specs.4.8', 'Marshal.4.8.Z'].map(
    index,
  ),
  { title: 'a gem', path: '/info/rack', resource: { type: 'info', name: 'rack' } },
  { title: 'a name with signs', path: '/info/a_B.c-2', resource: { type: 'info', name: 'a_B.c-2' } },
  {
    title: 'a specification',
    path: '/quick/Marshal.4.8/rack-3.1.8.gemspec.rz',
    resource: { type: 'specification', name: 'rack', version: '3.1.8' },
  },
  {
    title: 'the dependencies of some gems',
    path: '/api/v1/dependencies',
    query: 'gems=rack,rake',
    resource: { type: 'service', path: '/api/v1/dependencies', query: 'gems=rack,rake' },
  },
  {
    title: 'the dependencies of none',
    path: '/api/v1/dependencies',
    resource: { type: 'service', path: '/api/v1/dependencies' },
  },
  {
    title: 'what is known of a version',
    path: '/api/v2/rubygems/rack/versions/3.1.8.json',
    resource: { type: 'service', path: '/api/v2/rubygems/rack/versions/3.1.8.json' },
  },

  // Names, versions and platforms, all of which have hyphens and digits.
  gem('a gem', 'rack-3.1.8', 'rack', '3.1.8'),
  gem('a version of one number', 'a-1', 'a', '1'),
  gem('a version before another', 'rails-8.0.0.beta1', 'rails', '8.0.0.beta1'),
  gem('a name with hyphens', 'google-cloud-storage-1.54.0', 'google-cloud-storage', '1.54.0'),
  gem('a name that ends in a number', 'sass-2-3.0', 'sass-2', '3.0'),
  gem('a name that starts with a number', '3scale-api-1.0', '3scale-api', '1.0'),
  gem('a platform', 'nokogiri-1.18.1-x86_64-linux-gnu', 'nokogiri', '1.18.1', 'x86_64-linux-gnu'),
  gem('a platform of two parts', 'ffi-1.17.0-arm64-darwin', 'ffi', '1.17.0', 'arm64-darwin'),
  gem('a platform of one part', 'puma-6.5.0-java', 'puma', '6.5.0', 'java'),
  gem(
    'a platform that ends in a number',
    'libv8-8.4.255.0-x86_64-darwin-19',
    'libv8',
    '8.4.255.0',
    'x86_64-darwin-19',
  ),
  gem('a platform of old', 'x-1.0-x86-mswin32-60', 'x', '1.0', 'x86-mswin32-60'),
  gem(
    'a name with a number, and a platform',
    'h-2-http-0.9-x64-mingw-ucrt',
    'h-2-http',
    '0.9',
    'x64-mingw-ucrt',
  ),
  gem('a name like a platform', 'x86_64-linux-1.0', 'x86_64-linux', '1.0'),

  {
    title: 'a push',
    method: 'POST',
    path: '/api/v1/gems',
    resource: { type: 'write', path: '/api/v1/gems' },
  },
  {
    title: 'a yank',
    method: 'DELETE',
    path: '/api/v1/gems/yank',
    resource: { type: 'write', path: '/api/v1/gems/yank' },
  },

  none('a page at the root', '/'),
  none('a gem without a version', '/gems/rack.gem'),
  none('a gem with a version that is none', '/gems/rack-latest.gem'),
  none('a version alone', '/gems/1.0.gem'),
  none('no name', '/gems/-1.0.gem'),
  none('a name that starts with a dot', '/gems/.rack-1.0.gem'),
  none('another file', '/gems/rack-1.0.zip'),
  none('a name in two parts', '/info/acme/rack'),
  none('an encoded slash', '/info/acme%2frack'),
  none('no name to inform of', '/info/'),
  none('a specification of no version', '/quick/Marshal.4.8/rack.gemspec.rz'),
  none('another version of Marshal', '/quick/Marshal.4.9/rack-1.0.gemspec.rz'),
  none('another list', '/specs.4.9.gz'),
  none('no service', '/api/v1/'),
  none('another version of the services', '/api/v3/gems'),
  none('a write elsewhere', '/gems/rack-1.0.gem', 'PUT'),
  none('a question for methods', '/api/v1/gems', 'OPTIONS'),
  none('no path', ''),
]);

describe('what the protocol wishes for, in every mode', () => {
  test.each<[resource: RubygemsResource, delivery: string]>([
    [{ type: 'root' }, 'stream'],
    [{ type: 'index', file: 'versions' }, '302'],
    [{ type: 'info', name: 'rack' }, '302'],
    [{ type: 'gem', name: 'rack', version: '3.1.8' }, '302'],
    [{ type: 'specification', name: 'rack', version: '3.1.8' }, '302'],
    [{ type: 'service', path: '/api/v1/dependencies' }, '302'],
    [{ type: 'write', path: '/api/v1/gems' }, '405 answered'],
  ])('for %j: %s', (resource, delivery) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const context = contextOf(mode, upstreamOf('https://gems.example'));
      expect(showDelivery(rubygems.deliver(resource, context))).toBe(delivery);
    }
  });
});

describe('what a rule makes of it', () => {
  test.each<[mode: Mode, auth: boolean, method: string, path: string, shown: string]>([
    ['auto', false, 'GET', '/versions', '302 https://gems.example/r/versions'],
    ['auto', false, 'HEAD', '/', 'stream https://gems.example/r/'],
    ['auto', false, 'GET', '/info/acme-cli', '302 https://gems.example/r/info/acme-cli'],
    ['auto', false, 'GET', '/gems/acme-cli-1.0.gem', '302 https://gems.example/r/gems/acme-cli-1.0.gem'],
    ['auto', true, 'GET', '/gems/acme-cli-1.0.gem', 'relay https://gems.example/r/gems/acme-cli-1.0.gem'],
    ['proxy', false, 'GET', '/gems/acme-cli-1.0.gem', 'stream https://gems.example/r/gems/acme-cli-1.0.gem'],
    ['proxy', false, 'GET', '/versions', 'stream https://gems.example/r/versions'],
    [
      'auto',
      false,
      'GET',
      '/api/v1/dependencies?gems=a,b',
      '302 https://gems.example/r/api/v1/dependencies?gems=a,b',
    ],
    ['auto', false, 'POST', '/api/v1/gems', '405'],
    ['auto', false, 'GET', '/info/rack', 'pass'],
    ['auto', false, 'GET', '/gems/rack-3.1.8.gem', 'pass'],
    ['auto', false, 'GET', '/info/ACME-cli', 'pass'],
  ])('%s (credential: %s), %s %s: %s', (mode, auth, method, path, shown) => {
    const ruleSet = compileRules([
      rule(rubygems, {
        match: 'acme-:rest',
        to: 'https://gems.example/r/',
        mode,
        ...(auth && { auth: { token: 'x' } }),
      }),
    ]);
    const [pathname = '', query] = path.split('?');
    const host = 'gems.acme.example';
    const decision = decide(ruleSet, { method, scheme: 'https', host, path: pathname, query });
    expect(showDecision(decision)).toBe(shown);
  });
});

function showDecision(decision: ReturnType<typeof decide>): string {
  if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
  if (decision.type === 'proxy') return `${decision.delivery} ${decision.target}`;
  return decision.type === 'respond' ? `${decision.status}` : decision.type;
}

describe('a package URL', () => {
  test.each<[resource: RubygemsResource, purl: string | undefined]>([
    [{ type: 'gem', name: 'rack', version: '3.1.8' }, 'pkg:gem/rack@3.1.8'],
    [
      { type: 'specification', name: 'ffi', version: '1.17.0', platform: 'arm64-darwin' },
      'pkg:gem/ffi@1.17.0?platform=arm64-darwin',
    ],
    [{ type: 'info', name: 'rack' }, undefined],
    [{ type: 'index', file: 'versions' }, undefined],
    [{ type: 'write', path: '/api/v1/gems' }, undefined],
  ])('of %j: %s', (resource, purl) => {
    expect(rubygems.purl?.(resource, 'https://gems.acme.example')).toBe(purl);
    if (purl && 'name' in resource) expect(parsePurl(purl).name).toBe(resource.name);
  });
});
