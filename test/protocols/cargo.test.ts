import { describe, expect, test } from 'vitest';

import type { Answer, Lead, Tools } from '../../src/core/protocol.ts';
import { type CargoResource, cargo } from '../../src/protocols/cargo.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const indexed = (title: string, path: string, name: string): ProtocolCase<CargoResource> => ({
  title,
  path,
  canonical: path.toLowerCase(),
  resource: { type: 'index', name },
});
const crate = (title: string, path: string, name: string, version: string): ProtocolCase<CargoResource> => ({
  title,
  path,
  canonical: `/crates/${name}/${version}/${name}-${version}.crate`,
  resource: { type: 'crate', name, version },
});
const written = (
  title: string,
  method: string,
  path: string,
  name?: string,
): ProtocolCase<CargoResource> => ({
  title,
  method,
  path,
  resource: { type: 'write', ...(name !== undefined && { name }), path },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<CargoResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(cargo, [
  { title: 'the registry', path: '/config.json', resource: { type: 'config' } },
  { title: 'the registry by HEAD', method: 'HEAD', path: '/config.json', resource: { type: 'config' } },

  indexed('a crate of one letter', '/1/a', 'a'),
  indexed('a crate of two letters', '/2/ab', 'ab'),
  indexed('a crate of three letters', '/3/a/abc', 'abc'),
  indexed('a crate of four letters', '/ac/me/acme', 'acme'),
  indexed('a crate with a hyphen', '/ac/me/acme-cli', 'acme-cli'),
  indexed('a crate with an underscore, which is another', '/ac/me/acme_cli', 'acme_cli'),
  indexed('a hyphen in the folder', '/a-/b_/a-b_c', 'a-b_c'),
  indexed('capitals, which the index does not have', '/In/fl/Inflector', 'inflector'),
  indexed('a crate called like a folder of downloads', '/cr/at/crates', 'crates'),

  crate('a version', '/crates/acme-cli/1.0.0/acme-cli-1.0.0.crate', 'acme-cli', '1.0.0'),
  crate('a version with its case', '/crates/Inflector/0.11.4/Inflector-0.11.4.crate', 'Inflector', '0.11.4'),
  crate('a version before a release', '/crates/a/1.0.0-rc.1/a-1.0.0-rc.1.crate', 'a', '1.0.0-rc.1'),
  crate('a build', '/crates/a/1.0.0+b.2/a-1.0.0+b.2.crate', 'a', '1.0.0+b.2'),
  crate('a build, encoded', '/crates/a/1.0.0%2Bb/a-1.0.0%2bb.crate', 'a', '1.0.0+b'),
  crate('a version in the default layout', '/crates/acme/1.0.0/download', 'acme', '1.0.0'),
  crate('a version as the web API has it', '/api/v1/crates/acme/1.0.0/download', 'acme', '1.0.0'),

  {
    title: 'a search',
    path: '/api/v1/crates',
    query: 'q=acme%20cli&per_page=10',
    resource: { type: 'api', path: '/api/v1/crates', query: 'q=acme%20cli&per_page=10' },
  },
  {
    title: 'what is known of a crate',
    path: '/api/v1/crates/Acme',
    resource: { type: 'api', name: 'Acme', path: '/api/v1/crates/Acme' },
  },
  {
    title: 'owners',
    path: '/api/v1/crates/acme/owners',
    resource: { type: 'api', name: 'acme', path: '/api/v1/crates/acme/owners' },
  },

  written('a publish', 'PUT', '/api/v1/crates/new'),
  written('a yank', 'DELETE', '/api/v1/crates/acme/1.0.0/yank', 'acme'),
  written('a yank that is taken back', 'PUT', '/api/v1/crates/acme/1.0.0/unyank', 'acme'),
  written('an owner', 'PUT', '/api/v1/crates/acme/owners', 'acme'),

  none('the root', '/'),
  none('a crate in a folder of another', '/ac/me/serde'),
  none('a crate in the folder of another length', '/3/a/acme'),
  none('a folder', '/ac/me/'),
  none('a name with a dot', '/ac/me/acme.cli'),
  none('a name with an escape', '/ac/me/acme%2dcli'),
  none('a file of another crate', '/crates/acme/1.0.0/other-1.0.0.crate'),
  none('a file of another version', '/crates/acme/1.0.0/acme-1.0.1.crate'),
  none('a version that is none', '/crates/acme/latest/download'),
  none('dots for a version', '/crates/acme/../download'),
  none('a file that is no crate', '/crates/acme/1.0.0/acme-1.0.0.zip'),
  none('another version of the web API', '/api/v2/crates'),
  none('a question that is posted', '/api/v1/crates', 'POST'),
  none('a write to the index', '/ac/me/acme', 'PUT'),
  none('no path', ''),
]);

test('names are one, whatever their case', () => {
  for (const path of ['/in/fl/inflector', '/crates/Inflector/1.0.0/download', '/api/v1/crates/Inflector']) {
    const resource = cargo.parse({ method: 'GET', path });
    expect(resource && cargo.subject(resource)).toBe('inflector');
  }
});

describe('what the protocol wishes for, in every mode', () => {
  test.each<[resource: CargoResource, delivery: string]>([
    [{ type: 'config' }, '200 answered'],
    [{ type: 'index', name: 'acme' }, '302'],
    [{ type: 'crate', name: 'acme', version: '1.0.0' }, 'carried'],
    [{ type: 'api', path: '/api/v1/crates', query: 'q=x' }, 'carried'],
    [{ type: 'write', path: '/api/v1/crates/new' }, '405 answered'],
  ])('for %j: %s', (resource, delivery) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      expect(
        showDelivery(cargo.deliver(resource, contextOf(mode, upstreamOf('https://index.crates.io')))),
      ).toBe(delivery);
    }
  });
});

describe('the registry', () => {
  const configOf = (delegated: boolean): unknown => {
    const delivery = cargo.deliver(
      { type: 'config' },
      {
        ...contextOf('auto', upstreamOf('https://index.crates.io')),
        publicUrl: 'https://a.example/c',
        delegated,
      },
    );
    return delivery.type === 'respond' ? JSON.parse(delivery.answer.body) : delivery;
  };

  test('says that crates are here', () => {
    expect(configOf(false)).toEqual({
      dl: 'https://a.example/c/crates/{crate}/{version}/{crate}-{version}.crate',
      api: 'https://a.example/c',
    });
  });

  test('asks for a token where the upstream wants the client’s own', () => {
    expect(configOf(true)).toMatchObject({ 'auth-required': true });
  });
});

/** An upstream of documents; a text stands for a document with the status 200. */
function toolsOf(documents: Readonly<Record<string, string | number>>): { tools: Tools; fetched: string[] } {
  const fetched: string[] = [];
  const kept = new Map<string, string>();
  const bytes = new TextEncoder();
  const tools: Partial<Tools> = {
    async fetch(resource) {
      const path = cargo.format(resource as CargoResource);
      fetched.push(path);
      const found = documents[path] ?? 404;
      const text = typeof found === 'string' ? found : 'an error';
      return {
        url: '',
        status: typeof found === 'string' ? 200 : found,
        headers: {},
        // Small pieces, so that everything is split somewhere.
        body: (async function* () {
          for (let at = 0; at < text.length; at += 50) yield bytes.encode(text.slice(at, at + 50));
        })(),
      };
    },
    async keep(key, _, make) {
      const text = kept.get(key) ?? (await make());
      kept.set(key, text);
      return text;
    },
    forget: (key) => void kept.delete(key),
  };
  return { tools: tools as Tools, fetched };
}

const sum = (letter: string): string => letter.repeat(64);
const index = [
  `{"name":"Acme-Cli","vers":"0.9.0","deps":[{"req":"1.0.0"}],"cksum":"${sum('a')}","features":{}}`,
  `{"name":"Acme-Cli", "vers": "1.0.0", "cksum": "${sum('b')}"}`,
  `{"name":"Acme-Cli","vers":"1.0.0+b","cksum":"not hexadecimal"}`,
  '',
].join('\n');

async function locate(
  resource: CargoResource,
  documents: Readonly<Record<string, string | number>>,
): Promise<Answer | Lead | undefined> {
  const context = contextOf('auto', upstreamOf('https://index.crates.io'));
  return cargo.carry?.(resource, context, toolsOf({ '/ac/me/acme-cli': index, ...documents }).tools);
}

describe('where a crate is', () => {
  const release: CargoResource = { type: 'crate', name: 'Acme-Cli', version: '1.0.0' };

  test.each([
    ['https://static.crates.io/crates', 'https://static.crates.io/crates/Acme-Cli/1.0.0/download'],
    ['https://a.example/{crate}-{version}.crate', 'https://a.example/Acme-Cli-1.0.0.crate'],
    ['https://a.example/{prefix}/{crate}/{version}', 'https://a.example/Ac/me/Acme-Cli/1.0.0'],
    ['https://a.example/{lowerprefix}/{version}', 'https://a.example/ac/me/1.0.0'],
    ['https://a.example/{sha256-checksum}', `https://a.example/${sum('b')}`],
    ['https://a.example/{other}/x', 'https://a.example/{other}/x/Acme-Cli/1.0.0/download'],
    ['https://a.example/{other}/{crate}', 'https://a.example/{other}/Acme-Cli'],
    ['https://a.example/{crate}/{crate}?v={version}', 'https://a.example/Acme-Cli/Acme-Cli?v=1.0.0'],
  ])('with %s: %s', async (dl, url) => {
    expect(await locate(release, { '/config.json': JSON.stringify({ dl }) })).toEqual({ url, status: 302 });
  });

  test('is asked of the upstream once', async () => {
    const { tools, fetched } = toolsOf({
      '/config.json': '{"dl":"https://a.example/{sha256-checksum}"}',
      '/ac/me/acme-cli': index,
    });
    const context = contextOf('auto', upstreamOf('https://index.crates.io'));
    for (let count = 0; count < 3; count++) await cargo.carry?.(release, context, tools);
    expect(fetched).toEqual(['/config.json', '/ac/me/acme-cli']);
  });

  test.each([
    ['a version that is not in the index', '2.0.0', 404],
    ['a version whose checksum is none', '1.0.0+b', 404],
    ['a version that is mentioned only', '{', 404],
  ])('by a checksum that is not there: %s', async (_, version, status) => {
    const dl = 'https://a.example/{sha256-checksum}';
    expect(
      await locate({ type: 'crate', name: 'acme-cli', version }, { '/config.json': JSON.stringify({ dl }) }),
    ).toMatchObject({ status, body: expect.stringContaining('no version') });
  });

  test('by a checksum of a crate that is not there', async () => {
    const found = await locate(
      { type: 'crate', name: 'nothing', version: '1.0.0' },
      { '/config.json': '{"dl":"https://a.example/{sha256-checksum}"}' },
    );
    expect(found).toMatchObject({ status: 404 });
  });

  test.each([
    [401, 401],
    [403, 403],
    [404, 502],
    [410, 502],
  ])('is not known when config.json answers %i: %i', async (status, answered) => {
    const found = await locate(release, { '/config.json': status });
    expect(found).toMatchObject({ status: answered, body: expect.stringContaining('"errors"') });
  });

  test('is asked again after a refusal', async () => {
    const { tools, fetched } = toolsOf({ '/config.json': 401 });
    const context = contextOf('auto', upstreamOf('https://index.crates.io'));
    await cargo.carry?.(release, context, tools);
    await cargo.carry?.(release, context, tools);
    expect(fetched).toEqual(['/config.json', '/config.json']);
  });

  test.each([
    ['no JSON', '<html>'],
    ['nothing', 'null'],
    ['no address', '{"api":"https://a.example"}'],
    ['no text for an address', '{"dl":["https://a.example"]}'],
    ['too much', `{"dl":"${'a'.repeat(70_000)}"}`],
  ])('is a fault when config.json has %s', async (_, text) => {
    await expect(locate(release, { '/config.json': text })).rejects.toThrow();
  });

  test('is a fault when the index has an endless line', async () => {
    const documents = {
      '/config.json': '{"dl":"https://a.example/{sha256-checksum}"}',
      '/ac/me/acme-cli': 'x'.repeat(1_100_000),
    };
    await expect(locate(release, documents)).rejects.toThrow('characters');
  });
});

describe('the web API', () => {
  const search: CargoResource = { type: 'api', path: '/api/v1/crates', query: 'q=acme' };

  test.each(['https://crates.io', 'https://crates.io/'])(
    'is fetched from %s, since Cargo follows no redirect',
    async (api) => {
      expect(await locate(search, { '/config.json': JSON.stringify({ dl: 'x', api }) })).toEqual({
        url: 'https://crates.io/api/v1/crates?q=acme',
        status: 302,
        delivery: 'stream',
      });
    },
  );

  test.each([{ dl: 'x' }, { dl: 'x', api: null }, { dl: 'x', api: '' }])(
    'may not be there: %j',
    async (config) => {
      expect(await locate(search, { '/config.json': JSON.stringify(config) })).toMatchObject({ status: 404 });
    },
  );
});

describe('a package URL', () => {
  test.each<[resource: CargoResource, purl: string | undefined]>([
    [{ type: 'index', name: 'acme_cli' }, 'pkg:cargo/acme_cli'],
    [{ type: 'crate', name: 'Inflector', version: '1.0.0+b' }, 'pkg:cargo/Inflector@1.0.0%2Bb'],
    [{ type: 'config' }, undefined],
    [{ type: 'api', name: 'a', path: '/api/v1/crates/a' }, undefined],
  ])('of %j: %s', (resource, purl) => {
    expect(cargo.purl?.(resource, 'https://a.example')).toBe(purl);
    if (purl) expect(parsePurl(purl).type).toBe('cargo');
  });
});
