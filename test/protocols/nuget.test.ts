import { describe, expect, test } from 'vitest';

import type { Lead, Tools, UpstreamDocument } from '../../src/core/protocol.ts';
import { type NugetResource, nuget } from '../../src/protocols/nuget.ts';
import {
  contextOf,
  noTools,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Case = ProtocolCase<NugetResource>;

const content = (title: string, path: string, version: string, file: string, canonical?: string): Case => ({
  title,
  path: `/flatcontainer/${path}`,
  ...(canonical !== undefined && { canonical: `/flatcontainer/${canonical}` }),
  resource: { type: 'content', id: 'acme.cli', version, file },
});
const registration = (title: string, path: string, hive = '3.6.0'): Case => ({
  title,
  path: `/registrations/${hive}/acme.cli/${path}`,
  resource: { type: 'registration', hive, id: 'acme.cli', path },
});
const none = (title: string, path: string, method = 'GET'): Case => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(nuget, [
  { title: 'the service index', path: '/index.json', resource: { type: 'index' } },
  {
    title: 'the versions of a package',
    path: '/flatcontainer/acme.cli/index.json',
    resource: { type: 'versions', id: 'acme.cli' },
  },
  {
    title: 'the versions of a package in capitals',
    path: '/flatcontainer/Acme.Cli/index.json',
    canonical: '/flatcontainer/acme.cli/index.json',
    resource: { type: 'versions', id: 'acme.cli' },
  },
  content('a package', 'acme.cli/1.0.0/acme.cli.1.0.0.nupkg', '1.0.0', 'acme.cli.1.0.0.nupkg'),
  content('a specification', 'acme.cli/1.0.0-rc.1/acme.cli.nuspec', '1.0.0-rc.1', 'acme.cli.nuspec'),
  content('a file without an extension', 'acme.cli/1.2.3.4/readme', '1.2.3.4', 'readme'),
  content(
    'a version that is not normalized',
    'Acme.Cli/01.2/Acme.Cli.01.2.nupkg',
    '1.2.0',
    'acme.cli.1.2.0.nupkg',
    'acme.cli/1.2.0/acme.cli.1.2.0.nupkg',
  ),
  content(
    'four numbers with nothing in the last, and metadata',
    'acme.cli/1.2.3.0-RC+b7/acme.cli.1.2.3.0-RC+b7.nupkg',
    '1.2.3-rc',
    'acme.cli.1.2.3-rc.nupkg',
    'acme.cli/1.2.3-rc/acme.cli.1.2.3-rc.nupkg',
  ),
  registration('a package', 'index.json'),
  registration('a version of it', '1.0.0-rc.1.json'),
  registration('a page of versions', 'page/1.0.0/2.0.0.json'),
  registration('the hive without a version', 'index.json', 'plain'),
  {
    title: 'a search',
    path: '/services/SearchQueryService/3.5.0',
    query: 'q=acme&take=20',
    resource: { type: 'service', service: 'SearchQueryService/3.5.0', query: 'q=acme&take=20' },
  },
  {
    title: 'a service without a version',
    path: '/services/SearchAutocompleteService',
    resource: { type: 'service', service: 'SearchAutocompleteService' },
  },

  none('the root', '/'),
  none('another index', '/v3/index.json'),
  none('a package without a version', '/flatcontainer/acme.cli/acme.cli.nupkg'),
  none('a version that is none', '/flatcontainer/acme.cli/latest/acme.cli.nupkg'),
  none('a version of five numbers', '/flatcontainer/acme.cli/1.2.3.4.5/acme.cli.nupkg'),
  none('a path that is too deep', '/flatcontainer/acme.cli/1.0.0/x/acme.cli.nupkg'),
  none('an id that starts with a dot', '/flatcontainer/.acme/index.json'),
  none('an encoded slash', '/flatcontainer/acme%2fcli/index.json'),
  none('a registration that is no JSON', '/registrations/3.6.0/acme.cli/index.xml'),
  none('a registration in too deep a path', '/registrations/3.6.0/acme.cli/a/b/c/d/1.json'),
  none('a service of no type', '/services/'),
  none('a push', '/index.json', 'PUT'),
  none('no path', ''),
]);

test('all of it is carried', () => {
  const context = contextOf('proxy', upstreamOf('https://nuget.example'));
  expect(showDelivery(nuget.deliver({ type: 'index' }, context))).toBe('carried');
});

test('the package URL of a package', () => {
  const resource = { type: 'content', id: 'acme.cli', version: '1.0.0-rc', file: 'x' } as const;
  const purl = nuget.purl?.(resource, 'https://get.acme.example') ?? '';
  expect(parsePurl(purl)).toMatchObject({ type: 'nuget', name: 'acme.cli', version: '1.0.0-rc' });
  expect(nuget.purl?.({ type: 'versions', id: 'acme.cli' }, '')).toBeUndefined();
});

const here = 'https://get.acme.example/nuget';

async function* chunks(text: string, size = 13): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** An upstream with a service index, as it answers `to` + `/index.json`. */
function lend(url: string, index: unknown): Tools {
  return {
    ...noTools,
    async fetch(): Promise<UpstreamDocument> {
      const status = typeof index === 'number' ? index : 200;
      return { status, url, headers: {}, body: chunks(JSON.stringify(index)) };
    },
    keep: (_, __, make) => make(),
  };
}

async function carry(
  resource: NugetResource,
  tools: Tools,
  origin = 'https://api.nuget.org',
  authenticated = false,
): Promise<Lead | { status: number; body: string }> {
  const context = { ...contextOf('auto', upstreamOf(origin, authenticated)), publicUrl: here };
  const made = await nuget.carry?.(resource, context, tools);
  if (!made) throw new Error('nothing made');
  return made;
}

const entry = (id: string, ...types: readonly string[]) =>
  types.map((type) => ({ '@id': id, '@type': type, comment: 'x' }));

/** Service indexes as these services answer, shortened. */
const services = {
  'nuget.org': {
    url: 'https://api.nuget.org/v3/index.json',
    resources: [
      ...entry('https://azuresearch-usnc.nuget.org/query', 'SearchQueryService', 'SearchQueryService/3.5.0'),
      ...entry('https://azuresearch-ussc.nuget.org/query', 'SearchQueryService', 'SearchQueryService/3.5.0'),
      ...entry('https://azuresearch-usnc.nuget.org/autocomplete', 'SearchAutocompleteService'),
      ...entry('https://www.nuget.org/api/v2/package', 'PackagePublish/2.0.0'),
      ...entry('https://www.nuget.org/api/v2', 'LegacyGallery/2.0.0'),
      ...entry('https://api.nuget.org/v3/registration5-semver1/', 'RegistrationsBaseUrl'),
      ...entry('https://api.nuget.org/v3/registration5-gz-semver2/', 'RegistrationsBaseUrl/3.6.0'),
      ...entry('https://api.nuget.org/v3-flatcontainer/', 'PackageBaseAddress/3.0.0'),
      ...entry(
        'https://www.nuget.org/packages/{id}/{version}?_src=template',
        'PackageDetailsUriTemplate/5.1.0',
      ),
      ...entry(
        'https://api.nuget.org/v3-flatcontainer/{lower_id}/{lower_version}/readme',
        'ReadmeUriTemplate/6.13.0',
      ),
      ...entry('https://api.nuget.org/v3/catalog0/index.json', 'Catalog/3.0.0'),
      ...entry(
        'https://api.nuget.org/v3-index/repository-signatures/5.0.0/index.json',
        'RepositorySignatures/5.0.0',
      ),
      ...entry('https://api.nuget.org/v3/vulnerabilities/index.json', 'VulnerabilityInfo/6.7.0'),
    ],
  },
  'GitHub Packages': {
    url: 'https://nuget.pkg.github.com/acme/index.json',
    resources: [
      ...entry('https://nuget.pkg.github.com/acme/download', 'PackageBaseAddress/3.0.0'),
      ...entry(
        'https://nuget.pkg.github.com/acme/query',
        'SearchQueryService',
        'SearchQueryService/3.0.0-beta',
      ),
      ...entry('https://nuget.pkg.github.com/acme', 'PackagePublish/2.0.0'),
      ...entry(
        'https://nuget.pkg.github.com/acme',
        'RegistrationsBaseUrl',
        'RegistrationsBaseUrl/3.0.0-beta',
      ),
    ],
  },
  'Azure Artifacts': {
    url: 'https://pkgs.dev.azure.com/acme/_packaging/feed/nuget/v3/index.json',
    resources: [
      ...entry(
        'https://pkgs.dev.azure.com/acme/_packaging/0a-1b/nuget/v3/flat2/',
        'PackageBaseAddress/3.0.0',
      ),
      ...entry(
        'https://pkgs.dev.azure.com/acme/_packaging/0a-1b/nuget/v3/registrations2-semver2/',
        'RegistrationsBaseUrl/3.6.0',
        'RegistrationsBaseUrl/Versioned',
      ),
      ...entry('https://pkgs.dev.azure.com/acme/_packaging/0a-1b/nuget/v3/query2/', 'SearchQueryService'),
      ...entry('https://pkgs.dev.azure.com/acme/_packaging/0a-1b/nuget/v2', 'LegacyGallery/2.0.0'),
    ],
  },
} as const;

const lendAs = (name: keyof typeof services): Tools =>
  lend(services[name].url, { version: '3.0.0', resources: services[name].resources });

describe('the service index', () => {
  test.each<[name: keyof typeof services, authenticated: boolean, expected: [type: string, id: string][]]>([
    [
      'nuget.org',
      false,
      [
        ['SearchQueryService', `${here}/services/SearchQueryService`],
        ['SearchQueryService/3.5.0', `${here}/services/SearchQueryService/3.5.0`],
        ['SearchAutocompleteService', `${here}/services/SearchAutocompleteService`],
        ['RegistrationsBaseUrl', `${here}/registrations/plain/`],
        ['RegistrationsBaseUrl/3.6.0', `${here}/registrations/3.6.0/`],
        ['PackageBaseAddress/3.0.0', `${here}/flatcontainer/`],
        ['PackageDetailsUriTemplate/5.1.0', 'https://www.nuget.org/packages/{id}/{version}?_src=template'],
        ['ReadmeUriTemplate/6.13.0', `${here}/flatcontainer/{lower_id}/{lower_version}/readme`],
        [
          'RepositorySignatures/5.0.0',
          'https://api.nuget.org/v3-index/repository-signatures/5.0.0/index.json',
        ],
        ['VulnerabilityInfo/6.7.0', `${here}/services/VulnerabilityInfo/6.7.0`],
      ],
    ],
    [
      'GitHub Packages',
      true,
      [
        ['PackageBaseAddress/3.0.0', `${here}/flatcontainer/`],
        ['SearchQueryService', `${here}/services/SearchQueryService`],
        ['SearchQueryService/3.0.0-beta', `${here}/services/SearchQueryService/3.0.0-beta`],
        ['RegistrationsBaseUrl', `${here}/registrations/plain/`],
        ['RegistrationsBaseUrl/3.0.0-beta', `${here}/registrations/3.0.0-beta/`],
      ],
    ],
    [
      'Azure Artifacts',
      true,
      [
        ['PackageBaseAddress/3.0.0', `${here}/flatcontainer/`],
        ['RegistrationsBaseUrl/3.6.0', `${here}/registrations/3.6.0/`],
        ['RegistrationsBaseUrl/Versioned', `${here}/registrations/Versioned/`],
        ['SearchQueryService', `${here}/services/SearchQueryService`],
      ],
    ],
  ])('of %s leads here', async (name, authenticated, expected) => {
    const { origin } = new URL(services[name].url);
    const made = await carry({ type: 'index' }, lendAs(name), origin, authenticated);
    const { resources } = JSON.parse('body' in made ? made.body : '') as {
      resources: { '@id': string; '@type': string }[];
    };
    expect(resources.map((each) => [each['@type'], each['@id']])).toEqual(expected);
  });

  test('does not show what a client cannot ask by itself', async () => {
    const index = { resources: [...entry('https://a.example/signatures', 'RepositorySignatures/5.0.0')] };
    const tools = lend('https://a.example/index.json', index);
    expect(await carry({ type: 'index' }, tools, 'https://a.example', true)).toMatchObject({
      body: '{"version":"3.0.0","resources":[]}',
    });
  });

  test('takes entries of several types, relative ones, and leaves out what is none', async () => {
    const resources = [
      { '@id': 'flat', '@type': ['PackageBaseAddress/3.0.0', 'Other/1'], clientVersion: '4.3.0-alpha' },
      { '@id': 1, '@type': 'x' },
      { '@id': 'http://[', '@type': 'x' },
      'x',
    ];
    const tools = lend('https://a.example/v3/index.json', { resources });
    expect(await carry({ type: 'index' }, tools)).toMatchObject({
      body: JSON.stringify({
        version: '3.0.0',
        resources: [
          {
            '@id': `${here}/flatcontainer/`,
            '@type': 'PackageBaseAddress/3.0.0',
            clientVersion: '4.3.0-alpha',
          },
          { '@id': 'https://a.example/v3/flat', '@type': 'Other/1', clientVersion: '4.3.0-alpha' },
        ],
      }),
    });
  });

  test.each([
    [401, 401],
    [403, 403],
    [404, 404],
    [418, 502],
  ])('that the upstream answers %i: %i', async (answered, status) => {
    expect(await carry({ type: 'index' }, lend('https://a.example', answered))).toMatchObject({ status });
  });

  test.each([[{}], [[]], ['x']])('that is none, %j, is the fault of the upstream', async (index) => {
    await expect(carry({ type: 'index' }, lend('https://a.example', index))).rejects.toThrow();
  });
});

describe('where something is', () => {
  const id = 'acme.cli';
  const nupkg = { type: 'content', id, version: '1.0.0', file: 'acme.cli.1.0.0.nupkg' } as const;
  const page = { type: 'registration', hive: '3.6.0', id, path: 'page/1/2.json' } as const;
  const plain = { type: 'registration', hive: 'plain', id, path: 'index.json' } as const;
  const search = { type: 'service', service: 'SearchQueryService', query: 'q=a' } as const;

  test.each<[name: keyof typeof services, resource: NugetResource, url: string | undefined]>([
    ['nuget.org', nupkg, 'https://api.nuget.org/v3-flatcontainer/acme.cli/1.0.0/acme.cli.1.0.0.nupkg'],
    ['nuget.org', { type: 'versions', id }, 'https://api.nuget.org/v3-flatcontainer/acme.cli/index.json'],
    ['nuget.org', page, 'https://api.nuget.org/v3/registration5-gz-semver2/acme.cli/page/1/2.json'],
    ['nuget.org', plain, 'https://api.nuget.org/v3/registration5-semver1/acme.cli/index.json'],
    ['nuget.org', search, 'https://azuresearch-usnc.nuget.org/query?q=a'],
    [
      'nuget.org',
      { type: 'service', service: 'VulnerabilityInfo/6.7.0' },
      'https://api.nuget.org/v3/vulnerabilities/index.json',
    ],
    ['nuget.org', { type: 'service', service: 'Catalog/3.0.0' }, undefined],
    ['nuget.org', { type: 'service', service: 'SearchQueryService/9' }, undefined],
    ['nuget.org', { ...page, hive: '9' }, undefined],
    [
      'GitHub Packages',
      nupkg,
      'https://nuget.pkg.github.com/acme/download/acme.cli/1.0.0/acme.cli.1.0.0.nupkg',
    ],
    ['GitHub Packages', plain, 'https://nuget.pkg.github.com/acme/acme.cli/index.json'],
    [
      'Azure Artifacts',
      nupkg,
      'https://pkgs.dev.azure.com/acme/_packaging/0a-1b/nuget/v3/flat2/acme.cli/1.0.0/acme.cli.1.0.0.nupkg',
    ],
  ])('%s: %j', async (name, resource, url) => {
    const found = await carry(resource, lendAs(name));
    if (url === undefined) expect(found).toMatchObject({ status: 404 });
    else expect(found).toMatchObject({ url, status: 302 });
    expect('delivery' in found).toBe(url !== undefined && resource.type === 'registration');
  });

  test('a source without addresses of packages', async () => {
    expect(await carry(nupkg, lend('https://a.example', { resources: [] }))).toMatchObject({ status: 404 });
  });

  test('a search whose address has a query of its own', async () => {
    const index = { resources: entry('https://a.example/search?feed=1', 'SearchQueryService') };
    expect(await carry(search, lend('https://a.example', index))).toMatchObject({
      url: 'https://a.example/search?feed=1&q=a',
    });
  });
});

describe('a registration', () => {
  async function rewrite(resource: NugetResource, document: unknown): Promise<unknown> {
    const context = { ...contextOf('auto', upstreamOf('https://api.nuget.org')), publicUrl: here };
    const body = chunks(JSON.stringify(document));
    const message = nuget.rewrite?.(resource, { url: 'https://api.nuget.org/x', headers: {}, body }, context);
    const parts: Uint8Array[] = [];
    for await (const part of message?.body ?? []) parts.push(part);
    return JSON.parse(Buffer.concat(parts).toString());
  }
  const index = { type: 'registration', hive: '3.6.0', id: 'acme.cli', path: 'index.json' } as const;
  const own = 'https://api.nuget.org/v3/registration5-gz-semver2/acme.cli';
  const mine = `${here}/registrations/3.6.0/acme.cli`;

  /** As nuget.org answers, with what differs. */
  const document = (to: { base: string; other: string; file: string }) => ({
    '@id': `${to.base}/index.json`,
    '@type': ['catalog:CatalogRoot', 'PackageRegistration'],
    count: 2,
    items: [
      {
        '@id': `${to.base}/index.json#page/1.0.0/1.0.0`,
        parent: `${to.base}/index.json`,
        items: [
          {
            '@id': `${to.base}/1.0.0.json`,
            catalogEntry: {
              '@id': 'https://api.nuget.org/v3/catalog0/data/2026.01.01/acme.cli.1.0.json',
              id: 'Acme.Cli',
              version: '1.0',
              iconUrl: 'https://a.example/icon.png',
              dependencyGroups: [
                {
                  '@id': 'https://api.nuget.org/v3/catalog0/data/2026.01.01/acme.cli.1.0.json#x',
                  dependencies: [
                    { id: 'Acme.Base', range: '[1.0, )', registration: `${to.other}/index.json` },
                  ],
                },
              ],
              packageContent: to.file,
            },
            packageContent: to.file,
            registration: `${to.base}/index.json`,
          },
        ],
      },
      { '@id': `${to.base}/page/1.1.0/2.0.0.json`, count: 64 },
    ],
    '@context': { '@vocab': 'http://schema.nuget.org/schema#' },
  });

  test('leads here with everything that is fetched', async () => {
    const other = 'https://api.nuget.org/v3/registration5-gz-semver2/acme.base';
    const file = 'https://api.nuget.org/v3-flatcontainer/acme.cli/1.0.0/acme.cli.1.0.0.nupkg';
    const expected = document({
      base: mine,
      other: `${here}/registrations/3.6.0/acme.base`,
      file: `${here}/flatcontainer/acme.cli/1.0.0/acme.cli.1.0.0.nupkg`,
    });
    expect(await rewrite(index, document({ base: own, other, file }))).toEqual(expected);
  });

  test('of one version', async () => {
    const leaf = {
      '@id': `${own}/1.0.0-rc.1.json`,
      catalogEntry: 'https://api.nuget.org/v3/catalog0/data/x/acme.cli.1.0.0-rc.1.json',
      packageContent: 'https://cdn.example/x.nupkg',
      registration: `${own}/index.json`,
    };
    expect(await rewrite({ ...index, path: '1.0.0-rc.1.json' }, leaf)).toEqual({
      ...leaf,
      '@id': `${mine}/1.0.0-rc.1.json`,
      packageContent: `${here}/flatcontainer/acme.cli/1.0.0-rc.1/acme.cli.1.0.0-rc.1.nupkg`,
      registration: `${mine}/index.json`,
    });
  });

  test.each([
    ['https://evil.example/acme.cli/../../x.json', 'a dot segment that is not one of ours'],
    ['https://api.nuget.org/v3/other/index.json', 'another package'],
    ['https://api.nuget.org/v3/acme.cli/a%2fb.json', 'an escape'],
    ['', 'nothing'],
  ])('%s stays: %s', async (address) => {
    const document = { '@id': address, packageContent: address };
    expect(await rewrite(index, document)).toEqual(document);
  });
});

test('no other document is rewritten', () => {
  const message = { url: '', headers: {}, body: chunks('x') };
  const context = contextOf('auto', upstreamOf('https://api.nuget.org'));
  expect(nuget.rewrite?.({ type: 'index' }, message, context).body).toBe(message.body);
});
