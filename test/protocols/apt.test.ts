import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import type { Mode } from '../../src/core/protocol.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { type AptResource, apt } from '../../src/protocols/apt.ts';
import { file } from '../../src/protocols/file.ts';
import { ask } from '../gateway/client.ts';
import { type Serving, serve } from '../gateway/serving.ts';
import { startUpstream, type Upstream, unusedOrigin } from '../gateway/upstream.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Kind = AptResource['type'];

const SHA256 = createHash('sha256').update('').digest('hex');
const is = (type: Kind, title: string, path: string): ProtocolCase<AptResource> => ({
  title,
  path,
  resource: { type, path },
});
const made = (
  type: 'sources' | 'key',
  title: string,
  path: string,
  of: string,
): ProtocolCase<AptResource> => ({ title, path, resource: { type, path: of } });
const none = (title: string, path: string): ProtocolCase<AptResource> => ({
  title,
  path,
  resource: undefined,
});

testProtocol(apt, [
  is('release', 'a suite', '/dists/stable/InRelease'),
  is('release', 'a suite without its signature', '/dists/stable/Release'),
  is('release', 'the signature of a suite', '/dists/stable/Release.gpg'),
  is('release', 'a suite of several segments', '/debian/dists/stretch/updates/InRelease'),
  is('release', 'a flat repository', '/repositories/home:/acme/Debian_12/InRelease'),
  is('release', 'a flat repository that is the mount', '/InRelease'),
  is('index', 'an index', '/ubuntu/dists/noble/main/binary-amd64/Packages.xz'),
  is('index', 'an index of sources', '/dists/stable/main/source/Sources.gz'),
  is('index', 'the release of an architecture', '/dists/stable/main/binary-amd64/Release'),
  is('index', 'the release of sources', '/dists/stable/main/source/Release'),
  is('index', 'a translation', '/dists/stable/main/i18n/Translation-pt_BR.bz2'),
  is('index', 'the contents of packages', '/dists/stable/main/Contents-amd64.gz'),
  is('index', 'the contents of a suite', '/dists/stable/Contents-amd64.gz'),
  is('index', 'descriptions of applications', '/dists/stable/main/dep11/Components-amd64.yml.gz'),
  is('index', 'icons', '/dists/stable/main/dep11/icons-64x64@2.tar.gz'),
  is('index', 'commands', '/dists/noble/main/cnf/Commands-amd64.xz'),
  is('index', 'patches', '/dists/stable/main/binary-amd64/Packages.diff/Index'),
  is('index', 'a patch', '/dists/stable/main/binary-amd64/Packages.diff/T-2026-11-01-2020.30-F-2026.gz'),
  is('index', 'an index of an installer', '/dists/stable/main/debian-installer/binary-amd64/Packages.gz'),
  is('index', 'an installer', '/dists/stable/main/installer-amd64/current/images/netboot/mini.iso'),
  is('index', 'the index of a flat repository', '/flat/Packages'),
  is('index', 'the compressed sources of a flat repository', '/Sources.zst'),
  is('index', 'patches of a flat repository', '/flat/Packages.diff/Index'),
  is('content', 'an index by its hash', `/dists/stable/main/binary-amd64/by-hash/SHA256/${SHA256}`),
  is('content', 'an index by SHA-512', `/dists/stable/main/binary-all/by-hash/SHA512/${SHA256}${SHA256}`),
  is('content', 'an index by MD5', '/dists/s/main/source/by-hash/MD5Sum/d41d8cd98f00b204e9800998ecf8427e'),
  is('content', 'an index of a flat repository by its hash', `/flat/by-hash/SHA256/${SHA256}`),
  is('package', 'a package', '/pool/main/t/tool/tool_1.0-1_amd64.deb'),
  is('package', 'a package as apt asks for it', '/pool/c/c%2b%2btool/c%2b%2btool_1%3a1.0%7erc1%2bb1_all.deb'),
  is('package', 'a package of an installer', '/pool/main/t/tool/tool-udeb_1.0_arm64.udeb'),
  is('package', 'symbols for debugging', '/pool/main/t/tool/tool-dbgsym_1.0_amd64.ddeb'),
  is('package', 'a package without a version', '/linux/tool-current.deb'),
  is('package', 'a package beside its index', '/tool_1.0_all.deb'),
  is('package', 'a source', '/pool/main/t/tool/tool_1.0-1.dsc'),
  is('package', 'the original of a source', '/pool/main/t/tool/tool_1.0.orig.tar.xz'),
  is('package', 'the signature of an original', '/pool/main/t/tool/tool_1.0.orig.tar.xz.asc'),
  is('package', 'an old diff', '/pool/main/t/tool/tool_1.0-1.diff.gz'),
  is('package', 'a tarball of the pool', '/pool/tool.tar.gz'),
  is('package', 'a source of a flat repository', '/flat/tool_1.0.tar.zst'),
  is('package', 'an upload', '/pool/main/t/tool/tool_1.0-1_amd64.changes'),
  is('package', 'how a package was built', '/pool/main/t/tool/tool_1.0-1_amd64.buildinfo'),
  made('sources', 'a source for clients', '/dists/stable.sources', '/dists/stable/InRelease'),
  made('sources', 'one in a folder', '/ubuntu/dists/noble-updates.sources', '/ubuntu/dists/noble-updates/InRelease'),
  made('sources', 'one of a flat repository', '/flat/flat.sources', '/flat/InRelease'),
  made('sources', 'one of the mount', '/flat.sources', '/InRelease'),
  made('sources', 'one of a suite that is called flat', '/dists/flat.sources', '/dists/flat/InRelease'),
  made('key', 'a key', '/dists/stable.asc', '/dists/stable/InRelease'),
  made('key', 'a key of a flat repository', '/a/b/flat.asc', '/a/b/InRelease'),
  {
    title: 'a package by HEAD',
    method: 'HEAD',
    path: '/tool_1.0_all.deb',
    resource: { type: 'package', path: '/tool_1.0_all.deb' },
  },
  {
    title: 'an upload of a package',
    method: 'POST',
    path: '/pool/tool_1.0_all.deb',
    resource: { type: 'write', path: '/pool/tool_1.0_all.deb' },
  },
  {
    title: 'a package with a query',
    path: '/tool_1.0_all.deb',
    query: 'x=1',
    canonical: '/tool_1.0_all.deb',
    resource: { type: 'package', path: '/tool_1.0_all.deb' },
  },
  none('the root', '/'),
  none('a folder', '/dists/stable/'),
  none('a suite', '/dists/stable'),
  none('a file beside suites', '/dists/README'),
  none('a tarball of another kind', '/dists/tool_1.0.zip'),
  none('a page', '/index.html'),
  none('a download', '/cli/v1.0/acme.tar.gz'),
  none('a key of the repository itself', '/acme.asc'),
  none('a source of the repository itself', '/acme.sources'),
  none('a list of a flat folder', '/flat/Packages.html'),
  none('a hash that is none', '/dists/stable/main/by-hash/SHA256/latest'),
  none('a suite of dots', '/dists/..sources'),
  none('a suite that is an escaped dot', '/dists/%2e.sources'),
  none('an encoded slash', '/dists/stable%2f/InRelease'),
  none('two slashes', '/dists//stable/InRelease'),
  none('a name of another protocol', '/v2/acme/app/manifests/latest'),
]);

const toPath = (type: Kind): AptResource => ({ type, path: '/dists/stable/InRelease' });

test.each<[type: Kind, auto: string]>([
  ['release', '302'],
  ['index', '302'],
  ['content', '302'],
  ['package', '302'],
  ['sources', 'carried'],
  ['key', 'carried'],
  ['write', '405 answered'],
])('a resource of the kind %s is delivered: %s', (type, shown) => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(apt.deliver(toPath(type), contextOf(mode, upstreamOf('https://deb.example'))))).toBe(
      shown,
    );
});

test.each<[file: string, purl: string | undefined]>([
  ['tool_1.0-1_amd64.deb', 'pkg:deb/tool@1.0-1?arch=amd64'],
  ['c%2b%2btool_1%3a1.0%7erc1%2bb1_all.deb', 'pkg:deb/c%2B%2Btool@1:1.0~rc1%2Bb1?arch=all'],
  ['c++tool_1:1.0~rc1+b1_all.deb', 'pkg:deb/c%2B%2Btool@1:1.0~rc1%2Bb1?arch=all'],
  ['tool_2%253a1.0_all.deb', 'pkg:deb/tool@2:1.0?arch=all'],
  ['tool-udeb_1.0_arm64.udeb', 'pkg:deb/tool-udeb@1.0?arch=arm64'],
  ['tool_1.0-1.dsc', 'pkg:deb/tool@1.0-1?arch=source'],
  ['tool_1.0.orig.tar.xz', undefined],
  ['tool-current.deb', undefined],
  ['tool_1.0_all.changes', undefined],
  ['tool_%ff_all.deb', undefined],
])('the package URL of %s is %s', (name, purl) => {
  expect(apt.purl?.({ type: 'package', path: `/pool/main/${name}` }, '')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('deb');
});

test('what is no package has no package URL', () => {
  expect(apt.purl?.({ type: 'index', path: '/tool_1.0_all.deb' }, '')).toBeUndefined();
});

test.each<[path: string, tie: object | undefined]>([
  ['/dists/stable/InRelease', { type: 'index', of: '/dists/stable' }],
  ['/ubuntu/dists/noble/Release', { type: 'index', of: '/ubuntu/dists/noble' }],
  ['/dists/stable/Release.gpg', { type: 'member', of: '/dists/stable' }],
  ['/dists/stable/main/binary-amd64/Packages.xz', { type: 'member', of: '/dists/stable' }],
  ['/dists/stretch/updates/InRelease', { type: 'index', of: '/dists/stretch' }],
  ['/dists/stretch/updates/main/source/Release', { type: 'member', of: '/dists/stretch' }],
  ['/dists/stable/main/binary-amd64/Packages.diff/Index', { type: 'member', of: '/dists/stable' }],
  [`/dists/stable/main/binary-amd64/by-hash/SHA256/${SHA256}`, { type: 'content' }],
  ['/flat/InRelease', { type: 'index', of: '/flat' }],
  ['/flat/Packages', { type: 'member', of: '/flat' }],
  ['/flat/Packages.diff/Index', { type: 'member', of: '/flat' }],
  ['/InRelease', { type: 'index', of: '' }],
  ['/pool/main/t/tool/tool_1.0_all.deb', { type: 'content' }],
  ['/dists/stable.sources', undefined],
  ['/dists/stable.asc', undefined],
])('%s is tied: %j', (path, tie) => {
  const resource = apt.parse({ method: 'GET', path });
  expect(resource && apt.tie?.(resource)).toEqual(tie);
  const write = apt.parse({ method: 'PUT', path });
  expect(write && apt.tie?.(write)).toBeUndefined();
});

describe('a redirect', () => {
  const names = '/pool/main/c/c%2b%2btool/c%2b%2btool_1%3a1.0%7erc1%2Bb1_all.deb';

  test.each([
    ['has every byte of the path', names],
    ['has what is raw raw', '/pool/c++tool_1:1.0~rc1_all.deb'],
    ['has an escaped escape', '/pool/tool_2%253a1.0_all.deb'],
  ])('%s', async (_, path) => {
    const gateway = await serve([rule(apt, { to: 'https://deb.example/acme' })]);
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await ask(gateway.origin, path, { method });
      expect({ status, location: headers.location, body }).toEqual({
        status: 302,
        location: `https://deb.example/acme${path}`,
        body: '',
      });
    }
  });

  test('of a flat repository has no segment of a dot', async () => {
    const gateway = await serve([rule(apt, { at: '/deb/', to: 'https://deb.example/acme' })]);
    for (const name of ['InRelease', 'c%2b%2btool_1_all.deb'])
      expect((await ask(gateway.origin, `/deb/flat/./${name}`)).headers.location).toBe(
        `https://deb.example/acme/flat/${name}`,
      );
  });

  test('leads where variables of the path say', async () => {
    const to = 'https://archive.example/mirror/ubuntu/*path';
    const gateway = await serve([rule(apt, { match: '/ubuntu/*path', to })]);
    expect((await ask(gateway.origin, '/ubuntu/dists/noble/InRelease')).headers.location).toBe(
      'https://archive.example/mirror/ubuntu/dists/noble/InRelease',
    );
    expect((await ask(gateway.origin, '/debian/dists/noble/InRelease')).status).toBe(404);
  });

  test('never leads from https to http: apt refuses it, and is served through the gateway', async () => {
    const upstream = await startUpstream((_, response) => void response.end('bytes'));
    const gateway = await serve([rule(apt, { to: upstream.origin })], { origin: 'https://deb.acme.example' });
    expect(await ask(gateway.origin, '/dists/stable/InRelease')).toBeDefined();
  });
});
