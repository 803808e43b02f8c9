import { describe, expect, test } from 'vitest';

import type { Neighbour, Tie, Tools } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type RpmFile, type RpmResource, rpm } from '../../src/protocols/rpm.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import {
  contextOf,
  noTools,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const HASH = 'f37ecfdbe04bd93e8a77f3f325b7e913a15723b6d02afea22cef22d780e9f974';

const fileOf = (title: string, type: RpmFile['type'], path: string): ProtocolCase<RpmResource> => ({
  title,
  path,
  resource: { type, path },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<RpmResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(rpm, [
  fileOf('the index', 'index', '/repodata/repomd.xml'),
  fileOf('the index of a folder', 'index', '/fedora/42/x86_64/repodata/repomd.xml'),
  fileOf('the signature of an index', 'signature', '/el/repodata/repomd.xml.asc'),
  fileOf('the key of an index', 'signature', '/el/repodata/repomd.xml.key'),
  fileOf('a list of packages', 'metadata', `/el/repodata/${HASH}-primary.xml.gz`),
  fileOf('a list of packages without a checksum', 'metadata', '/el/repodata/primary.xml.zst'),
  fileOf('a list of packages for zchunk', 'metadata', `/el/repodata/${HASH}-primary.xml.zck`),
  fileOf('modules', 'metadata', `/el/repodata/${HASH}-modules.yaml.gz`),
  fileOf('a package', 'package', '/el/Packages/a/acme-1.0-1.el9.x86_64.rpm'),
  fileOf('a package at the root', 'package', '/acme-1.0-1.noarch.rpm'),
  fileOf('a package as dnf escapes it', 'package', '/acme-c%2b%2b-2.0~rc1%5egit5-1.noarch.rpm'),
  fileOf('a package as zypper escapes it', 'package', '/acme-c++-2.0~rc1%5Egit5-1.noarch.rpm'),
  fileOf('a package with an epoch', 'package', '/acme-1%3A2.0-1.noarch.rpm'),
  fileOf('a package whose name is no ASCII', 'package', '/caf%C3%A9-1.0-1.noarch.rpm'),
  fileOf('a delta', 'package', '/drpms/acme-1.0-1_1.1-1.x86_64.drpm'),
  fileOf('a key', 'key', '/RPM-GPG-KEY-acme'),
  fileOf('a key of a release', 'key', '/keys/RPM-GPG-KEY-fedora-42-primary'),
  fileOf('a key that is named otherwise', 'key', '/redhat-stable/jenkins.io.key'),
  fileOf('a key in ASCII', 'key', '/keys/microsoft.asc'),
  fileOf('a key without an ending', 'key', '/linux/fedora/gpg'),
  fileOf('a medium', 'medium', '/el/media.1/media'),
  fileOf('the products of a medium', 'medium', '/media.1/products'),
  fileOf('the list of YaST', 'medium', '/leap/content'),
  fileOf('the signature of the list of YaST', 'medium', '/leap/content.asc'),
  {
    title: 'a package whose address is signed',
    path: '/el/acme-1.0-1.noarch.rpm',
    query: 'X-Signature=a%2Bb&expires=1',
    resource: { type: 'package', path: '/el/acme-1.0-1.noarch.rpm', query: 'X-Signature=a%2Bb&expires=1' },
  },
  {
    title: 'an index by HEAD, as zypper asks',
    method: 'HEAD',
    path: '/repodata/repomd.xml',
    resource: { type: 'index', path: '/repodata/repomd.xml' },
  },
  { title: 'a `.repo` file', path: '/acme.repo', resource: { type: 'repo', name: 'acme' } },
  {
    title: 'a `.repo` file of a build service',
    path: '/home%3Aacme.repo',
    resource: { type: 'repo', name: 'home%3Aacme' },
  },
  { title: 'the key of a rule', path: '/acme.repo.key', resource: { type: 'repo-key', name: 'acme' } },
  {
    title: 'a `.repo` file of a folder',
    path: '/openSUSE_Leap_15.6/home:acme.repo',
    resource: { type: 'folder-repo', path: '/openSUSE_Leap_15.6/home:acme.repo' },
  },
  {
    title: 'a list of mirrors',
    path: '/el/9/mirrorlist',
    query: 'countme=1',
    canonical: '/el/9/mirrorlist',
    resource: { type: 'mirrorlist', path: '/el/9/mirrorlist' },
  },
  {
    title: 'a list of mirrors of what the query names',
    path: '/mirrorlist',
    query: 'arch=x86_64&repo=fedora-42',
    canonical: '/mirrorlist?repo=',
    resource: { type: 'mirrorlist', path: '/mirrorlist', asked: true },
  },
  {
    title: 'a metalink',
    path: '/metalink',
    query: 'repo=fedora-42&arch=x86_64',
    canonical: '/metalink?repo=',
    resource: { type: 'metalink', path: '/metalink', asked: true },
  },
  {
    title: 'a metalink of an index',
    path: '/el/repodata/repomd.xml.meta4',
    resource: { type: 'metalink', path: '/el/repodata/repomd.xml.meta4' },
  },
  none('the root', '/'),
  none('a folder', '/el/9/x86_64/'),
  none('the folder of the index', '/el/repodata/'),
  none('an archive', '/cli/v1.0/acme.tar.gz'),
  none('the signature of an archive', '/cli/v1.0/acme.tar.gz.asc'),
  none('an index that is nowhere', '/repomd.xml'),
  none('an ending without a name', '/el/.rpm'),
  none('a medium without a number', '/media/media'),
  none('another case', '/el/ACME-1.0-1.noarch.RPM'),
  none('an encoded slash', '/el%2Frepodata%2Frepomd.xml'),
  {
    title: 'an upload',
    method: 'PUT',
    path: '/acme-1.0-1.noarch.rpm',
    resource: { type: 'write', path: '/acme-1.0-1.noarch.rpm' },
  },
  none('an upload of what others may have', '/el/content', 'PUT'),
]);

test.each<[resource: RpmResource, shown: string]>([
  [{ type: 'index', path: '/repodata/repomd.xml' }, '302'],
  [{ type: 'signature', path: '/repodata/repomd.xml.asc' }, '302'],
  [{ type: 'metadata', path: `/repodata/${HASH}-primary.xml.gz` }, '302'],
  [{ type: 'package', path: '/a-1-1.noarch.rpm' }, '302'],
  [{ type: 'key', path: '/RPM-GPG-KEY-acme' }, '302'],
  [{ type: 'medium', path: '/media.1/media' }, '302'],
  [{ type: 'repo', name: 'acme' }, 'carried'],
  [{ type: 'repo-key', name: 'acme' }, 'carried'],
  [{ type: 'folder-repo', path: '/el/acme.repo' }, '200 answered'],
  [{ type: 'folder-repo', path: '/el/a+b.repo' }, '404 answered'],
  [{ type: 'mirrorlist', path: '/el/mirrorlist' }, '200 answered'],
  [{ type: 'mirrorlist', path: '/mirrorlist', asked: true }, '404 answered'],
  [{ type: 'metalink', path: '/metalink' }, '404 answered'],
])('%j is delivered: %s', (resource, shown) => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(rpm.deliver(resource, contextOf(mode, upstreamOf('https://rpm.example'))))).toBe(
      shown,
    );
});

test.each<[path: string, tie: Tie | undefined]>([
  ['/el/9/repodata/repomd.xml', { type: 'index', of: '/el/9/' }],
  ['/repodata/repomd.xml', { type: 'index', of: '/' }],
  ['/el/9/repodata/repomd.xml.asc', { type: 'member', of: '/el/9/' }],
  ['/el/9/repodata/repomd.xml.key', { type: 'member', of: '/el/9/' }],
  ['/el/9/repodata/primary.xml.gz', { type: 'member', of: '/el/9/' }],
  ['/el/9/repodata/deadbeef-primary.xml.gz', { type: 'member', of: '/el/9/' }],
  [`/el/9/repodata/${HASH}-primary.xml.gz`, { type: 'content' }],
  [`/el/9/repodata/${HASH.slice(0, 40).toUpperCase()}-comps.xml`, { type: 'content' }],
  ['/el/9/acme-1.0-1.noarch.rpm', { type: 'content' }],
  ['/el/9/media.1/media', undefined],
  ['/RPM-GPG-KEY-acme', undefined],
  ['/acme.repo', undefined],
])('%s hangs together with %j', (path, tie) => {
  const resource = rpm.parse({ method: 'GET', path });
  expect(resource && rpm.tie?.(resource)).toEqual(tie);
});

test.each<[path: string, purl: string | undefined]>([
  ['/el/acme-1.0-1.el9.x86_64.rpm', 'pkg:rpm/acme@1.0-1.el9?arch=x86_64'],
  ['/python3-acme-tools-1.0-1.noarch.rpm', 'pkg:rpm/python3-acme-tools@1.0-1?arch=noarch'],
  ['/acme-c%2b%2b-2.0~rc1%5egit5-1.noarch.rpm', 'pkg:rpm/acme-c%2B%2B@2.0~rc1%5Egit5-1?arch=noarch'],
  ['/acme-1.0-1.src.rpm', 'pkg:rpm/acme@1.0-1?arch=src'],
  ['/acme-2%3A1.0-1.noarch.rpm', 'pkg:rpm/acme@1.0-1?arch=noarch&epoch=2'],
  ['/acme-1.0-1_1.1-1.x86_64.drpm', undefined],
  ['/acme.rpm', undefined],
  ['/caf%C3%A9-1.0-1.noarch.rpm', undefined],
])('the package URL of %s is %s', (path, purl) => {
  expect(rpm.purl?.({ type: 'package', path }, 'https://rpm.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('rpm');
  expect(rpm.purl?.({ type: 'key', path }, '')).toBeUndefined();
});

describe('a `.repo` file', () => {
  const publicUrl = 'https://rpm.acme.example/rpm';
  const neighbour = (name: string, more: Partial<Neighbour> = {}): Neighbour => ({
    rule: name,
    protocol: 'rpm',
    publicUrl,
    match: [],
    notice: undefined,
    usage: '',
    options: {},
    ...more,
  });

  async function make(name: string, neighbours: readonly Neighbour[], type: 'repo' | 'repo-key' = 'repo') {
    const context = { ...contextOf('auto', upstreamOf('https://rpm.example')), publicUrl };
    const tools: Tools = { ...noTools, neighbours };
    return rpm.carry?.({ type, name }, context, tools);
  }

  test('has the address of the mount, and checks packages', async () => {
    expect(await make('acme', [neighbour('acme')])).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: `[acme]\nname=acme\nbaseurl=${publicUrl}/\nenabled=1\nautorefresh=1\ngpgcheck=1\n`,
    });
  });

  test('says what the options of the rule say', async () => {
    const options = {
      name: 'Acme for everyone',
      baseurl: '/el/$releasever',
      key: 'https://acme.example/acme.asc',
      enabled: false,
      gpgcheck: false,
      repo_gpgcheck: true,
    };
    expect(await make('acme', [neighbour('acme', { options })])).toMatchObject({
      body: [
        '[acme]',
        'name=Acme for everyone',
        `baseurl=${publicUrl}/el/$releasever/`,
        'enabled=0',
        'autorefresh=1',
        'gpgcheck=0',
        'repo_gpgcheck=1',
        `gpgkey=${publicUrl}/acme.repo.key`,
        '',
      ].join('\n'),
    });
    const unsigned = { repo_gpgcheck: false };
    const { body } = (await make('acme', [neighbour('acme', { options: unsigned })])) as { body: string };
    expect(body).toContain('\nrepo_gpgcheck=0\n');
  });

  test.each<[match: readonly string[], baseurl: string | undefined]>([
    [[], '/'],
    [['/*path'], '/'],
    [['/el/*rest'], '/el/'],
    [['/fedora/:releasever/:basearch/*path'], '/fedora/$releasever/$basearch/'],
    [['/el:releasever_major.:arch/*path', '/old/*path'], '/el$releasever_major.$arch/'],
    [['/:channel/:basearch/*path'], undefined],
    [['/:releasever_x/*path'], undefined],
    [['/el{/:arch}/*path'], undefined],
    [['/el/repodata/repomd.xml'], undefined],
    [['/el/{+path}'], undefined],
  ])('of the pattern %j has the path %s', async (match, baseurl) => {
    const answer = await make('acme', [neighbour('acme', { match })]);
    expect(answer).toMatchObject(
      baseurl === undefined
        ? { status: 404, body: expect.stringContaining('options.baseurl') }
        : { status: 200, body: expect.stringContaining(`baseurl=${publicUrl}${baseurl}\n`) },
    );
  });

  test.each<[key: string, written: string]>([
    ['/keys/RPM-GPG-KEY-acme', `${publicUrl}/keys/RPM-GPG-KEY-acme`],
    ['http://keys.example/acme', `${publicUrl}/acme.repo.key`],
    ['file:///etc/pki/rpm-gpg/RPM-GPG-KEY-acme', 'file:///etc/pki/rpm-gpg/RPM-GPG-KEY-acme'],
  ])('with the key %s names %s', async (key, written) => {
    expect(await make('acme', [neighbour('acme', { options: { key } })])).toMatchObject({
      body: expect.stringContaining(`gpgkey=${written}\n`),
    });
  });

  test('is for the rule of its name, or the only one', async () => {
    const others = [
      neighbour('images', { protocol: 'oci' }),
      neighbour('far', { publicUrl: 'https://x.example' }),
    ];
    expect(await make('home%3Aacme', [...others, neighbour('rules[0]')])).toMatchObject({
      body: expect.stringContaining('[home:acme]\n'),
    });
    const two = [...others, neighbour('stable', { match: ['/stable/*path'] }), neighbour('beta')];
    expect(await make('stable', two)).toMatchObject({ body: expect.stringContaining('/rpm/stable/\n') });
    expect(await make('acme', two)).toMatchObject({
      status: 404,
      body: 'No rule has this name; there is stable.repo, beta.repo.\n',
    });
  });

  test('leads to a key that is elsewhere', async () => {
    const key = 'https://acme.example/acme.asc';
    expect(await make('acme', [neighbour('acme', { options: { key } })], 'repo-key')).toEqual({
      url: key,
      status: 302,
    });
    for (const options of [{}, { key: '/RPM-GPG-KEY-acme' }])
      expect(await make('acme', [neighbour('acme', { options })], 'repo-key')).toMatchObject({ status: 404 });
  });

  test('that lies in a folder is for that folder', () => {
    const context = {
      ...contextOf('auto', upstreamOf('https://rpm.example')),
      publicUrl,
      options: { key: 'https://acme.example/acme.asc' },
    };
    const show = (rule: string) =>
      rpm.deliver({ type: 'folder-repo', path: '/el/9/home%3Aacme.repo' }, { ...context, rule });
    expect(show('acme')).toMatchObject({
      answer: {
        body: expect.stringMatching(
          /^\[home:acme\]\n(?:.*\n)*baseurl=https:\/\/rpm\.acme\.example\/rpm\/el\/9\/\n(?:.*\n)*gpgkey=.*\/rpm\/acme\.repo\.key\n$/,
        ),
      },
    });
    // A rule without a name has no place for its key.
    expect(show('rules[0]')).toMatchObject({
      answer: { body: expect.stringContaining('gpgkey=https://acme.example/acme.asc\n') },
    });
  });
});

test('a list of mirrors has nothing but this place', () => {
  const context = {
    ...contextOf('auto', upstreamOf('https://rpm.example')),
    publicUrl: 'https://get.example',
  };
  expect(rpm.deliver({ type: 'mirrorlist', path: '/el/9/mirrorlist' }, context)).toMatchObject({
    answer: { body: 'https://get.example/el/9/\n' },
  });
});

describe('a repository', () => {
  test('is redirected byte for byte, its variables in place', async () => {
    const to = 'https://packages.example/pub/:basearch/f:releasever/*path';
    const match = '/fedora/:releasever/:basearch/*path';
    const gateway = await serve([rule(rpm, { at: '/rpm/', match, to })]);
    for (const file of [
      'acme-c%2b%2b-1~a%5eb-1.noarch.rpm',
      'acme-c++-1%3A2-1.noarch.rpm?a=%2B',
      'caf%C3%A9-1-1.i386.rpm',
    ])
      expect(await ask(gateway.origin, `/rpm/fedora/42/x86_64/Packages/${file}`)).toMatchObject({
        status: 302,
        headers: { location: `https://packages.example/pub/x86_64/f42/Packages/${file}` },
        body: '',
      });
  });

  test('has a `.repo` file with what clients put into the pattern, and its key', async () => {
    const upstream = await startUpstream((_, response) => void response.end('the key'));
    const match = '/fedora/:releasever/:basearch/*path';
    const rules = (mode: 'auto' | 'proxy') => [
      rule(rpm, {
        name: 'acme',
        match,
        to: upstream.origin,
        mode,
        options: { key: `${upstream.origin}/acme.asc` },
      }),
      rule(rpm, { name: 'other', match: '/other/*path', to: upstream.origin }),
    ];
    const gateway = await serve(rules('auto'));
    const { body } = await ask(gateway.origin, '/acme.repo');
    expect(body).toContain(`baseurl=${gateway.origin}/fedora/$releasever/$basearch/\n`);
    expect(body).toContain(`gpgkey=${gateway.origin}/acme.repo.key\n`);
    expect((await ask(gateway.origin, '/other.repo')).body).not.toContain('gpgkey');
    expect(await ask(gateway.origin, '/acme.repo.key')).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/acme.asc` },
    });
    const proxy = await serve(rules('proxy'));
    expect(await ask(proxy.origin, '/acme.repo.key')).toMatchObject({ status: 200, body: 'the key' });
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(rpm, { to: await unusedOrigin(), mode: 'proxy' })]);
    const { status, headers, body } = await ask(gateway.origin, '/repodata/repomd.xml');
    expect([502, 503]).toContain(status);
    expect(headers['retry-after']).toBeDefined();
    expect(headers['content-type']).toContain('text/plain');
    expect(body).not.toBe('');
  });
});

test('what would change a repository is refused', () => {
  const resource = rpm.parse({ method: 'DELETE', path: '/repodata/repomd.xml' });
  const context = contextOf('auto', upstreamOf('https://a.example'));
  expect(resource && rpm.deliver(resource, context)).toMatchObject({
    type: 'respond',
    answer: { status: 405, headers: { allow: 'GET, HEAD' } },
  });
  expect(resource && rpm.tie?.(resource)).toBeUndefined();
});
