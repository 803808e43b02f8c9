import { describe, expect, test } from 'vitest';
import type { Protocol } from '../../src/core/protocol.ts';
import { apt as aptProtocol } from '../../src/protocols/apt.ts';
import { file } from '../../src/protocols/file.ts';
import { helm } from '../../src/protocols/helm.ts';
import { maven } from '../../src/protocols/maven.ts';
import { nix as nixProtocol } from '../../src/protocols/nix.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { pypi } from '../../src/protocols/pypi.ts';
import { rpm as rpmProtocol } from '../../src/protocols/rpm.ts';
import {
  aptPages,
  helmPages,
  mavenPages,
  nixPages,
  npmPages,
  pypiPages,
  registryPages,
  rpmPages,
  toHtmlPage,
} from './pages.ts';
import { hashOf, type Page, type Pages, siteOf, verifySites } from './sites.ts';

/** What the second upstream has, what is found, and what notes say of it. */
type Case = readonly [title: string, b: Pages, told: readonly string[], note?: RegExp];

interface Ecosystem {
  readonly name: string;
  readonly protocol: Protocol;
  readonly names?: readonly string[];
  readonly a: Pages;
  readonly cases: readonly Case[];
}

/** The pages without some of them. */
function without(pages: Pages, ...gone: readonly string[]): Pages {
  return Object.fromEntries(
    Object.entries(pages).filter(([path]) => !gone.some((part) => path.includes(part))),
  );
}

/** The pages with others. */
function withPages(pages: Pages, others: Readonly<Record<string, Page>>): Pages {
  return { ...pages, ...others };
}

const images = {
  '1.0': ['base', 'one'],
  '1.1': ['base', 'two'],
  '2.0': [
    ['base', 'x'],
    ['base', 'y'],
  ],
};
const registry = registryPages('acme/app', images, { '1.1': ['signature'] });
const changed = registryPages('acme/app', { ...images, '1.1': ['base', 'TWO'] }, { '1.1': ['signature'] });
const layer = `sha256:${hashOf('one')}`;
const childOf = (layers: readonly string[]) => {
  const { body } = registryPages('acme/app', { only: layers })['/v2/acme/app/manifests/only'] as {
    body: string;
  };
  return `sha256:${hashOf(body)}`;
};
const tag = '/v2/acme/app/manifests/1.1';
const ofTag = (pages: Pages, path: string) =>
  pages[path] as { headers: Record<string, string>; body: string };

const project = pypiPages('acme-cli', ['acme_cli-1.0.tar.gz', 'acme_cli-1.0-py3-none-any.whl']);
const withProject = (change: (files: Parameters<NonNullable<Parameters<typeof pypiPages>[2]>>[0]) => void) =>
  pypiPages('acme-cli', ['acme_cli-1.0.tar.gz', 'acme_cli-1.0-py3-none-any.whl'], change);
const wheel = 'acme-cli/acme_cli-1.0-py3-none-any.whl';

const npmAt = (side: 'a' | 'b', versions = ['1.0.0', '1.1.0'], change?: Parameters<typeof npmPages>[3]) =>
  npmPages(`https://${side}.example`, '@acme/cli', versions, change);

const apt = aptPages(['acme', 'acme-data']);
const rpm = rpmPages(['acme', 'acme-data']);
const charts = helmPages({ server: ['1.0.0', '1.1.0'], agent: ['0.1.0'] });
const artifact = mavenPages(['1.0', '1.1']);
const nix = nixPages();

const ecosystems: readonly Ecosystem[] = [
  {
    name: 'oci',
    protocol: oci as Protocol,
    names: ['acme/app'],
    a: registry,
    cases: [
      ['identical', registry, []],
      ['one missing tag', without(registry, tag), ['missing acme/app:1.1: tag'], /is there without the tag/],
      [
        'one differing layer',
        changed,
        ['differs acme/app:1.1: digest'],
        /not there; the configs differ; 1 of 2 layers differ/,
      ],
      [
        'a tag that is on another image',
        withPages(registry, { [tag]: registry['/v2/acme/app/manifests/1.0'] ?? '' }),
        ['differs acme/app:1.1: digest'],
        /there under another tag/,
      ],
      ['one missing layer', without(registry, layer), [`missing acme/app:1.0: layer ${layer}`]],
      [
        'one missing image of an index',
        without(registry, childOf(['base', 'y'])),
        [`missing acme/app:2.0: manifest ${childOf(['base', 'y'])} (linux/arch1)`],
      ],
      [
        'a missing signature',
        withPages(registry, {
          [Object.keys(registry).find((path) => path.includes('/referrers/')) ?? '']: '{"manifests":[]}',
        }),
        [`missing acme/app:1.1: referrer ${childOf(['signature'])} of ${childOf(['base', 'two'])}`],
      ],
      [
        'a list of referrers that nobody has',
        without(registry, '/referrers/'),
        [`missing acme/app:1.1: referrer ${childOf(['signature'])} of ${childOf(['base', 'two'])}`],
      ],
      [
        'the same image, written in another way',
        withPages(registry, {
          [tag]: {
            ...ofTag(registry, tag),
            headers: { 'content-type': ofTag(registry, tag).headers['content-type'] ?? '' },
            body: JSON.stringify(JSON.parse(ofTag(registry, tag).body), null, 2),
          },
        }),
        ['differs acme/app:1.1: digest'],
        /written in another way/,
      ],
      [
        'another digest with HEAD than with GET',
        withPages(registry, {
          [tag]: {
            ...ofTag(registry, tag),
            headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` },
          },
        }),
        ['differs acme/app:1.1: HEAD of the manifest'],
      ],
      [
        'a layer of another size',
        withPages(registry, { [`/v2/acme/app/blobs/${layer}`]: 'longer than it was' }),
        [`differs acme/app:1.0: layer ${layer} size`],
      ],
    ],
  },
  {
    name: 'npm',
    protocol: npm as Protocol,
    names: ['@acme/cli'],
    a: npmAt('a'),
    cases: [
      ['identical', npmAt('b'), []],
      ['no package', {}, ['missing @acme/cli: package']],
      [
        'one version less',
        npmAt('b', ['1.0.0', '1.1.0'], ({ versions }) => {
          delete versions['1.0.0'];
        }),
        ['missing @acme/cli@1.0.0: version'],
      ],
      [
        'another latest',
        npmAt('b', ['1.0.0', '1.1.0'], (packument) => {
          packument['dist-tags'].latest = '1.0.0';
        }),
        ['differs @acme/cli: dist-tag latest'],
      ],
      [
        'another integrity',
        npmAt('b', ['1.0.0', '1.1.0'], ({ versions }) => {
          versions['1.0.0']!.dist.integrity = 'sha512-other';
        }),
        ['differs @acme/cli@1.0.0: dist.integrity'],
      ],
      [
        'another shasum',
        npmAt('b', ['1.0.0', '1.1.0'], ({ versions }) => {
          versions['1.0.0']!.dist.shasum = '0000';
        }),
        ['differs @acme/cli@1.0.0: dist.shasum'],
      ],
      ['one tarball less', without(npmAt('b'), 'cli-1.0.0.tgz'), ['missing @acme/cli@1.0.0: tarball']],
      [
        'a tarball of another size',
        withPages(npmAt('b'), { '/@acme/cli/-/cli-1.1.0.tgz': 'cut' }),
        ['differs @acme/cli@1.1.0: tarball size'],
      ],
      [
        'a page in the place of a package',
        { '/@acme%2fcli': '<html>Please log in</html>' },
        ['unchecked @acme/cli: package'],
      ],
    ],
  },
  {
    name: 'pypi',
    protocol: pypi as Protocol,
    a: project,
    cases: [
      ['identical', project, []],
      [
        'the same in HTML',
        withPages(project, { '/simple/acme-cli/': toHtmlPage(project['/simple/acme-cli/'] ?? '') }),
        [],
      ],
      ['no project', without(project, '/simple/acme-cli/'), ['missing acme-cli: project']],
      ['one file less', withProject((files) => void files.pop()), [`missing ${wheel}: file`]],
      [
        'one wheel that differs',
        withProject((files) => {
          files[1]!.hashes = { sha256: hashOf('other') };
        }),
        [`differs ${wheel}: sha256`],
      ],
      [
        'no hash of the same kind',
        withProject((files) => {
          files[1]!.hashes = { md5: 'abc' };
        }),
        [`differs ${wheel}: hashes`],
      ],
      [
        'another requires-python',
        withProject((files) => {
          files[1]!['requires-python'] = '>=3.12';
        }),
        [`differs ${wheel}: requires-python`],
      ],
      [
        'a file that is yanked',
        withProject((files) => {
          files[1]!.yanked = 'broken';
        }),
        [`differs ${wheel}: yanked`],
      ],
      [
        'no core-metadata',
        withProject((files) => {
          delete files[1]!['core-metadata'];
        }),
        [`differs ${wheel}: core-metadata`],
      ],
      [
        'a wheel that is not there',
        without(project, '.whl'),
        [`missing ${wheel}: file`, `missing ${wheel}: metadata`],
      ],
      [
        'metadata that is not there',
        without(project, '.whl.metadata'),
        [`missing ${wheel}: metadata`],
        /pip stops/,
      ],
      [
        'a wheel of another size',
        withPages(project, { '/packages/acme_cli-1.0-py3-none-any.whl': 'cut' }),
        [`differs ${wheel}: file size`],
      ],
    ],
  },
  {
    name: 'apt',
    protocol: aptProtocol as Protocol,
    names: ['stable'],
    a: apt,
    cases: [
      ['identical', apt, []],
      ['no Release', without(apt, 'InRelease'), ['missing stable: Release']],
      ...(['Origin', 'Label', 'Suite', 'Codename'] as const).map(
        (field): Case => [
          `another ${field}`,
          aptPages(['acme', 'acme-data'], { [field]: 'other' }),
          [`differs stable: ${field}`],
          /`apt update` stops/,
        ],
      ),
      ['another Version', aptPages(['acme', 'acme-data'], { Version: '2.0' }), ['differs stable: Version']],
      [
        'one architecture less',
        aptPages(['acme', 'acme-data'], { Architectures: 'amd64' }),
        ['differs stable: Architectures'],
      ],
      [
        'architectures in another order',
        aptPages(['acme', 'acme-data'], { Architectures: 'arm64 amd64' }),
        [],
      ],
      [
        'another index',
        withPages(apt, aptPages(['acme'])),
        [
          'differs stable main/source/Sources: SHA256',
          'differs stable main/binary-amd64/Packages.gz: SHA256',
          'differs stable main/binary-amd64/Packages: SHA256',
        ],
      ],
      ['one source less', without(apt, 'acme-data_1.0.dsc'), ['missing stable acme-data_1.0.dsc: package']],
      [
        'no index by hash',
        without(apt, '/binary-amd64/by-hash/'),
        ['missing stable main/binary-amd64/Packages.gz: index by hash'],
      ],
      [
        'one package less',
        without(apt, 'acme-data_1.0%2b'),
        ['missing stable acme-data_1.0%2bb1_amd64.deb: package'],
      ],
    ],
  },
  {
    name: 'file',
    protocol: file as Protocol,
    names: ['/cli/acme.tar.gz', '/cli/large.tar.gz', '/gone'],
    a: {
      '/cli/acme.tar.gz': 'archive',
      '/cli/large.tar.gz': { body: 'x'.repeat(2_000_000), headers: { etag: `"${'a'.repeat(32)}"` } },
    },
    cases: [
      ['identical', { '/cli/acme.tar.gz': 'archive', '/cli/large.tar.gz': 'x'.repeat(2_000_000) }, []],
      ['one file less', { '/cli/large.tar.gz': 'x'.repeat(2_000_000) }, ['missing /cli/acme.tar.gz: file']],
      [
        'other content of the same size',
        { '/cli/acme.tar.gz': 'ARCHIVE', '/cli/large.tar.gz': 'x'.repeat(2_000_000) },
        ['differs /cli/acme.tar.gz: sha256'],
      ],
      [
        'another size',
        { '/cli/acme.tar.gz': 'archive', '/cli/large.tar.gz': 'x'.repeat(2_000_001) },
        ['differs /cli/large.tar.gz: size'],
      ],
      [
        'another entity tag of the same kind',
        {
          '/cli/acme.tar.gz': 'archive',
          '/cli/large.tar.gz': { body: 'y'.repeat(2_000_000), headers: { etag: `"${'b'.repeat(32)}"` } },
        },
        ['differs /cli/large.tar.gz: etag'],
      ],
    ],
  },
  {
    name: 'rpm',
    protocol: rpmProtocol as Protocol,
    names: ['/'],
    a: rpm,
    cases: [
      ['identical', rpm, []],
      ['no repository', {}, ['missing /: repomd.xml']],
      ['another list', rpmPages(['acme', 'acme-data'], '<!-- -->'), ['differs / primary: checksum']],
      ['a list that is not there', without(rpm, 'primary.xml'), ['missing / primary: list']],
      ['one package less', without(rpm, 'acme-data-'), ['missing / acme-data-1.0.rpm: package']],
      [
        'a package of another size',
        withPages(rpm, { '/Packages/acme-1.0.rpm': 'longer than it was' }),
        ['differs / acme-1.0.rpm: package size'],
      ],
    ],
  },
  {
    name: 'helm',
    protocol: helm as Protocol,
    a: charts,
    cases: [
      ['identical', charts, []],
      [
        'one version less',
        withPages(charts, helmPages({ server: ['1.0.0'], agent: ['0.1.0'] })),
        ['missing server-1.1.0: version'],
      ],
      [
        'another digest',
        helmPages({ server: ['1.0.0', '1.1.0'], agent: ['0.1.0'] }, { 'agent-0.1.0': 'abc' }),
        ['differs agent-0.1.0: digest'],
      ],
      ['a chart that is not there', without(charts, 'agent-'), ['missing agent-0.1.0: chart']],
    ],
  },
  {
    name: 'maven',
    protocol: maven as Protocol,
    names: ['dev.acme:cli'],
    a: artifact,
    cases: [
      ['identical', artifact, []],
      ['no artifact', {}, ['missing dev.acme:cli: maven-metadata.xml']],
      ['one version less', withPages(artifact, mavenPages(['1.1'])), ['missing dev.acme:cli:1.0: version']],
      [
        'another latest',
        mavenPages(['1.0', '1.1'], '1.0'),
        ['differs dev.acme:cli: latest', 'differs dev.acme:cli: release'],
      ],
      [
        'another checksum',
        withPages(artifact, { '/dev/acme/cli/1.0/cli-1.0.jar.sha1': '0000' }),
        ['differs dev.acme:cli:1.0: jar.sha1'],
      ],
      [
        'a jar that is not there',
        without(artifact, '/cli-1.0.jar'),
        ['differs dev.acme:cli:1.0: jar.sha1', 'missing dev.acme:cli:1.0: jar'],
      ],
    ],
  },
  {
    name: 'nix',
    protocol: nixProtocol as Protocol,
    names: [`/nix/store/${'a'.repeat(32)}-acme-1.0`],
    a: nix,
    cases: [
      ['identical', nix, []],
      ['nothing', {}, [`missing /nix/store/${'a'.repeat(32)}-acme-1.0: narinfo`]],
      ['references in another order', nixPages({ References: 'ccc-zlib bbb-glibc' }), []],
      [
        'another hash',
        nixPages({ NarHash: 'sha256:x' }),
        [`differs /nix/store/${'a'.repeat(32)}-acme-1.0: NarHash`],
      ],
      [
        'a signature of another key',
        nixPages({ Sig: 'other-1:c2ln' }),
        [`missing /nix/store/${'a'.repeat(32)}-acme-1.0: signature by acme-1`],
      ],
      ['no archive', without(nix, '/nar/'), [`missing /nix/store/${'a'.repeat(32)}-acme-1.0: archive`]],
    ],
  },
];

for (const { name, protocol, names = [], a, cases } of ecosystems) {
  describe(`what ${name} finds`, () => {
    test.each(cases.map(([title, b, told, note]) => ({ title, b, told, note })))(
      '$title',
      async ({ b, told, note }) => {
        const sites = { a: siteOf(a), b: siteOf(b) };
        const verified = await verifySites({ protocol, inventory: name, names, ...sites });
        expect(verified.told).toEqual(told.toSorted());
        expect(verified.ending.stopped).toBeUndefined();
        if (note) expect(verified.findings[0]?.note).toMatch(note);
      },
    );
  });
}

test('large files are compared byte by byte when that is wanted', async () => {
  const body = 'x'.repeat(2_000_000);
  const { findings } = await verifySites({
    a: siteOf({ '/large': body }),
    b: siteOf({ '/large': `${body.slice(0, 1_500_000)}y${body.slice(1_500_001)}` }),
    names: ['/large'],
    deep: true,
  });
  expect(findings).toMatchObject([{ what: 'content', a: 'from byte 1500000 on' }]);
});

test('a download that cannot be resumed at the second upstream is told', async () => {
  const b = siteOf({ '/x': 'archive' });
  const { told } = await verifySites({
    a: siteOf({ '/x': 'archive' }),
    b: ({ method, path }) => b({ method, path, headers: {} }),
    names: ['/x'],
  });
  expect(told).toEqual(['differs /x: Range']);
});

test('without names, an index of Python is verified whole, in whichever form its list is', async () => {
  const pages = {
    ...project,
    '/simple/': '<a href="/simple/acme-cli/">Acme.CLI</a><a href="other/">other</a>',
  };
  const sites = { a: siteOf(pages), b: siteOf(without(project, '.tar.gz')) };
  const { told } = await verifySites({ protocol: pypi as Protocol, ...sites });
  expect(told).toContain('missing acme-cli/acme_cli-1.0.tar.gz: file');
  expect(told).toContain('unchecked other: project');
});

test('packages that are listed only in a form that is not read here are not checked', async () => {
  const release = 'Origin: Acme\nSHA256:\n abc 3 main/binary-amd64/Packages.xz\n';
  const pages = { '/dists/stable/Release': release, '/dists/stable/main/binary-amd64/Packages.xz': 'xyz' };
  const sites = { a: siteOf(pages), b: siteOf(pages) };
  const { told } = await verifySites({ protocol: aptProtocol as Protocol, names: ['stable'], ...sites });
  expect(told).toEqual(['unchecked stable main/binary-amd64/Packages: packages']);
});

test('an index that has no list of all that it has is not verified without names', async () => {
  const sites = { a: siteOf({}), b: siteOf({}) };
  const { told } = await verifySites({ protocol: pypi as Protocol, ...sites });
  expect(told).toEqual(['unchecked inventory: list']);
});

test.each([
  ['a compressed list that is none', rpmProtocol, '/', { '/repodata/primary.xml.gz': 'no gzip' }],
  [
    'a list that is compressed in a way that is not read',
    rpmProtocol,
    '/',
    {
      '/repodata/repomd.xml':
        '<repomd><data type="primary"><location href="repodata/primary.xml.zst"/></data></repomd>',
    },
  ],
  ['a repository without packages', rpmProtocol, '/', { '/repodata/repomd.xml': '<repomd></repomd>' }],
  ['an index of charts that is no YAML', helm, 'server', { '/index.yaml': '{' }],
  ['what is no artifact', maven, 'acme', {}],
] as const)('%s is not the same', async (_, protocol, name, others) => {
  const pages = { ...rpm, ...charts, ...artifact, ...others };
  const sites = { a: siteOf(pages), b: siteOf(pages) };
  const { findings } = await verifySites({ protocol: protocol as Protocol, names: [name], ...sites });
  expect(findings.filter(({ type }) => type === 'unchecked')).not.toEqual([]);
});
