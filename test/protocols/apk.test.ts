import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Tie } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type ApkResource, apk } from '../../src/protocols/apk.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream } from '../gateway/upstream.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const folder = '/v3.22/acme/x86_64';
const some = (
  type: ApkResource['type'],
  title: string,
  file: string,
  method = 'GET',
): ProtocolCase<ApkResource> => ({
  title,
  method,
  path: `${folder}/${file}`,
  resource: { type, path: `${folder}/${file}` },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<ApkResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(apk, [
  some('index', 'an index', 'APKINDEX.tar.gz'),
  some('index', 'an index by HEAD', 'APKINDEX.tar.gz', 'HEAD'),
  some('index', 'an index of version 3', 'Packages.adb'),
  some('index', 'an index of OpenWrt', 'packages.adb'),
  some('package', 'a package', 'acme-cli-1.2.0-r0.apk'),
  some('package', 'a package with a suffix in its version', 'acme-1.2.0_rc1-r12.apk'),
  some('package', 'a package with a plus in its name', 'g++-14.2.0-r6.apk'),
  some('package', 'a package with an encoded plus', 'g%2B%2b-14.2.0-r6.apk'),
  some('package', 'a package with a tilde in its version', 'acme-1.2.0~abcdef-r0.apk'),
  some('package', 'a package with its hash', 'acme-1.2.0-r0.1f4a77c0.apk'),
  {
    title: 'a package in a folder of its own',
    path: `${folder}/acm/acme-1.2.0-r0.apk`,
    resource: { type: 'package', path: `${folder}/acm/acme-1.2.0-r0.apk` },
  },
  {
    title: 'a key',
    path: '/keys/packages@acme.dev-5f3c1d2e.rsa.pub',
    resource: { type: 'key', path: '/keys/packages@acme.dev-5f3c1d2e.rsa.pub' },
  },
  {
    title: 'a package in a folder that is encoded',
    path: '/caf%C3%A9/a-1-r0.apk',
    resource: { type: 'package', path: '/caf%C3%A9/a-1-r0.apk' },
  },
  {
    title: 'a package with a query',
    path: '/a-1-r0.apk',
    query: 'x=%2F',
    resource: { type: 'package', path: '/a-1-r0.apk', query: 'x=%2F' },
  },
  none('the root', '/'),
  none('a folder', `${folder}/`),
  none('an app', `${folder}/acme.apk`),
  none('an app with a version', `${folder}/acme-1.2.0.apk`),
  none('a package without a name', `${folder}/-1.2.0-r0.apk`),
  none('a version that is none', `${folder}/acme-latest-r0.apk`),
  none('an index that is not compressed', `${folder}/APKINDEX.tar`),
  none('a key without a name', '/keys/.rsa.pub'),
  none('another key', '/keys/acme.pub'),
  none('an encoded slash', `${folder}/a%2Fb-1-r0.apk`),
  none('a path without a slash', 'APKINDEX.tar.gz'),
  {
    title: 'an upload',
    method: 'PUT',
    path: `${folder}/acme-1.2.0-r0.apk`,
    resource: { type: 'write', path: `${folder}/acme-1.2.0-r0.apk` },
  },
  none('an upload of anything else', `${folder}/acme.apk`, 'PUT'),
]);

test.each(['index', 'package', 'key'] as const)('a %s is redirected with 302', (type) => {
  const resource: ApkResource = { type, path: '/x' };
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(apk.deliver(resource, contextOf(mode, upstreamOf('https://a.example'))))).toBe('302');
});

test.each<[path: string, tie: Tie | undefined]>([
  [`${folder}/APKINDEX.tar.gz`, { type: 'index', of: folder }],
  [`${folder}/acme-1.2.0-r0.apk`, { type: 'content' }],
  ['/keys/acme.rsa.pub', undefined],
])('of several upstreams, %s is %j', (path, tie) => {
  const resource = apk.parse({ method: 'GET', path });
  expect(resource && apk.tie?.(resource)).toEqual(tie);
});

test.each<[path: string, purl: string | undefined]>([
  [`${folder}/acme-cli-1.2.0-r0.apk`, 'pkg:apk/alpine/acme-cli@1.2.0-r0?arch=x86_64'],
  ['/aarch64/g++-14.2.0-r6.apk', 'pkg:apk/alpine/g%2B%2B@14.2.0-r6?arch=aarch64'],
  ['/aarch64/g%2B%2B-14.2.0-r6.apk', 'pkg:apk/alpine/g%2B%2B@14.2.0-r6?arch=aarch64'],
  ['/x86/acme-1.2.0~abc-r0.1f4a77c0.apk', 'pkg:apk/alpine/acme@1.2.0~abc-r0?arch=x86'],
  ['/acme-1.2.0-r0.apk', 'pkg:apk/alpine/acme@1.2.0-r0'],
  [`${folder}/APKINDEX.tar.gz`, undefined],
  ['/acme-1-r0.rsa.pub', undefined],
])('the package URL of %s is %s', (path, purl) => {
  const resource = apk.parse({ method: 'GET', path });
  expect(resource && apk.purl?.(resource, 'https://pkgs.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('apk');
});

test('a package that `to` names otherwise has the package URL that the client knows it by', () => {
  const rules = compileRules([
    rule(apk, { match: '/acme/:arch/*file', to: 'https://cdn.example/alpine/:arch-acme/*file' }),
  ]);
  const request = { method: 'GET', scheme: 'https', host: 'pkgs.acme.example' } as const;
  expect(decide(rules, { ...request, path: '/acme/x86_64/g%2B%2B-1.0-r0.apk' })).toMatchObject({
    type: 'redirect',
    status: 302,
    location: 'https://cdn.example/alpine/x86_64-acme/g%2B%2B-1.0-r0.apk',
    purl: 'pkg:apk/alpine/g%2B%2B@1.0-r0?arch=x86_64',
  });
});

test.each([301, 302, 303, 307, 308])(
  'a redirect of an upstream with %i is handed on as one that apk follows',
  async (status) => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(status, { location: 'https://cdn.example/signed' }).end();
    });
    const gateway = await serve([rule(apk, { to: upstream.origin, auth: { token: 'secret' } })]);
    const { status: seen, headers } = await ask(gateway.origin, `${folder}/acme-1.2.0-r0.apk`);
    expect(apk.statuses).toContain(seen);
    expect(headers.location).toBe('https://cdn.example/signed');
  },
);

test('what is renamed to something else has no package URL', () => {
  expect(apk.purl?.({ type: 'package', path: '/x' }, '')).toBeUndefined();
});

test('what would change a repository is refused', () => {
  const resource = apk.parse({ method: 'DELETE', path: '/x86_64/APKINDEX.tar.gz' });
  const context = contextOf('auto', upstreamOf('https://a.example'));
  expect(resource && apk.deliver(resource, context)).toMatchObject({
    type: 'respond',
    answer: { status: 405, headers: { allow: 'GET, HEAD' } },
  });
  expect(resource && apk.tie?.(resource)).toBeUndefined();
});
