import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Mode } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type NpmResource, npm } from '../../src/protocols/npm.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const service = (title: string, path: string, query?: string): ProtocolCase<NpmResource> => ({
  title,
  path,
  ...(query && { query }),
  resource: { type: 'service', post: false, path, ...(query && { query }) },
});
const posted = (title: string, path: string): ProtocolCase<NpmResource> => ({
  title,
  method: 'POST',
  path,
  resource: { type: 'service', post: true, path },
});
const written = (title: string, method: string, path: string, name?: string): ProtocolCase<NpmResource> => ({
  title,
  method,
  path,
  resource: { type: 'write', path, ...(name !== undefined && { name }) },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<NpmResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(npm, [
  // Packages.
  { title: 'a package', path: '/left', resource: { type: 'packument', name: 'left' } },
  {
    title: 'a package by HEAD',
    method: 'HEAD',
    path: '/left',
    resource: { type: 'packument', name: 'left' },
  },
  {
    title: 'a scoped package, as npm, yarn and bun ask',
    path: '/@acme%2fcli',
    resource: { type: 'packument', name: '@acme/cli' },
  },
  {
    title: 'a scoped package, as pnpm asks',
    path: '/@acme%2Fcli',
    canonical: '/@acme%2fcli',
    resource: { type: 'packument', name: '@acme/cli' },
  },
  {
    title: 'a scoped packument with everything encoded',
    path: '/%40acme%2Fcli',
    canonical: '/@acme%2fcli',
    resource: { type: 'packument', name: '@acme/cli' },
  },
  {
    title: 'a scoped package with a plain slash',
    path: '/@acme/cli',
    canonical: '/@acme%2fcli',
    resource: { type: 'packument', name: '@acme/cli' },
  },
  {
    title: 'a package that is written to',
    path: '/left',
    query: 'write=true',
    resource: { type: 'packument', name: 'left', query: 'write=true' },
  },
  { title: 'an empty query', path: '/left', query: '', resource: { type: 'packument', name: 'left' } },
  {
    title: 'an old name with capitals',
    path: '/JSONStream',
    resource: { type: 'packument', name: 'JSONStream' },
  },
  {
    title: 'an old name with signs',
    path: "/!'()*~-_.x",
    resource: { type: 'packument', name: "!'()*~-_.x" },
  },
  { title: 'a scope in capitals', path: '/@ACME%2fx', resource: { type: 'packument', name: '@ACME/x' } },
  { title: 'a name with dots', path: '/lodash.merge', resource: { type: 'packument', name: 'lodash.merge' } },
  {
    title: 'a name called constructor',
    path: '/constructor',
    resource: { type: 'packument', name: 'constructor' },
  },
  { title: 'the check for a newer npm', path: '/npm', resource: { type: 'packument', name: 'npm' } },

  // Versions.
  {
    title: 'a version',
    path: '/left/1.0.0-rc.1+build',
    resource: { type: 'version', name: 'left', version: '1.0.0-rc.1+build' },
  },
  { title: 'a tag', path: '/left/latest', resource: { type: 'version', name: 'left', version: 'latest' } },
  {
    title: 'a version of a scoped package',
    path: '/@acme%2fcli/1.0.0',
    resource: { type: 'version', name: '@acme/cli', version: '1.0.0' },
  },
  {
    title: 'a version of a scoped package with a plain slash',
    path: '/@acme/cli/1.0.0',
    canonical: '/@acme%2fcli/1.0.0',
    resource: { type: 'version', name: '@acme/cli', version: '1.0.0' },
  },

  // Files.
  {
    title: 'a tarball',
    path: '/left/-/left-1.0.0.tgz',
    resource: { type: 'tarball', name: 'left', file: 'left-1.0.0.tgz' },
  },
  {
    title: 'a tarball of a scoped package',
    path: '/@acme/cli/-/cli-1.0.0.tgz',
    resource: { type: 'tarball', name: '@acme/cli', file: 'cli-1.0.0.tgz' },
  },
  {
    title: 'a tarball, as yarn 4 asks first',
    path: '/@acme%2fcli/-/cli-1.0.0.tgz',
    canonical: '/@acme/cli/-/cli-1.0.0.tgz',
    resource: { type: 'tarball', name: '@acme/cli', file: 'cli-1.0.0.tgz' },
  },
  {
    title: 'a tarball with its scope in the file',
    path: '/@acme/cli/-/@acme/cli-1.0.0.tgz',
    resource: { type: 'tarball', name: '@acme/cli', file: '@acme/cli-1.0.0.tgz' },
  },
  {
    title: 'a tarball called otherwise',
    path: '/left/-/right.tgz',
    resource: { type: 'tarball', name: 'left', file: 'right.tgz' },
  },

  // Services.
  { title: 'the root', path: '/', resource: { type: 'root' } },
  { title: 'dist-tags', path: '/-/package/left/dist-tags', resource: { type: 'dist-tags', name: 'left' } },
  {
    title: 'dist-tags of a scoped package',
    path: '/-/package/@acme%2Fcli/dist-tags',
    canonical: '/-/package/@acme%2fcli/dist-tags',
    resource: { type: 'dist-tags', name: '@acme/cli' },
  },
  {
    title: 'attestations',
    path: '/-/npm/v1/attestations/left@1.0.0',
    resource: { type: 'attestations', name: 'left', version: '1.0.0' },
  },
  {
    title: 'attestations of a scoped package',
    path: '/-/npm/v1/attestations/@acme%2fcli%401.0.0',
    canonical: '/-/npm/v1/attestations/@acme%2fcli@1.0.0',
    resource: { type: 'attestations', name: '@acme/cli', version: '1.0.0' },
  },
  service('keys', '/-/npm/v1/keys'),
  service('a search', '/-/v1/search', 'text=a%20b&size=20'),
  service('a ping', '/-/ping'),
  service('who I am', '/-/whoami'),
  service('what is no name of a package', '/-/package/.left/dist-tags'),
  service('nothing in particular', '/-/'),
  posted('an audit', '/-/npm/v1/security/advisories/bulk'),
  posted('an old audit', '/-/npm/v1/security/audits/quick'),
  posted('a login in the browser', '/-/v1/login'),

  // Writes.
  written('a publish', 'PUT', '/left', 'left'),
  written('a publish of a scoped package', 'PUT', '/@acme%2fcli', '@acme/cli'),
  written('an unpublish', 'DELETE', '/left/-rev/1-ab', 'left'),
  written('an unpublish of a file', 'DELETE', '/@acme/cli/-/cli-1.0.0.tgz/-rev/1-ab', '@acme/cli'),
  written('a tag that is set', 'PUT', '/-/package/left/dist-tags/next', 'left'),
  written('a tag that is taken away', 'DELETE', '/-/package/@acme%2fcli/dist-tags/next', '@acme/cli'),
  written('a login', 'PUT', '/-/user/org.couchdb.user:robot'),
  written('a token that is taken back', 'DELETE', '/-/npm/v1/tokens/token/ab'),

  // None of these.
  none('a document of JSR', '/@acme/cli/meta.json'),
  none('a document of a version at JSR', '/@acme/cli/1.0.0_meta.json'),
  none('a name that starts with a dot', '/.left'),
  none('a scope alone', '/@acme'),
  none('a scope without a name', '/@acme%2f'),
  none('a scope of dots', '/@..%2fcli'),
  none('a scope that starts with a dot', '/@.acme/cli'),
  none('a scoped name that starts with a dot', '/@acme%2f.cli'),
  none('a slash encoded twice', '/@acme%252fcli'),
  none('a slash where no scope is', '/acme%2fcli'),
  none('two slashes', '//left'),
  none('a slash at the end', '/left/'),
  none('a name with an escape', '/l%65ft'),
  none('a name that is not ASCII', '/%C3%A9'),
  none('a path that is too deep', '/a/b/c/d'),
  none('a file of no package', '/-x/y/-/z/-/w'),
  none('a post to a package', '/left', 'POST'),
  none('a question for methods', '/left', 'OPTIONS'),
  none('a patch', '/left', 'PATCH'),
  none('a write to nothing', '/', 'PUT'),
  none('a write to a scope', '/@acme', 'PUT'),
  none('no path', '', 'GET'),
]);

describe('what the protocol wishes for, in every mode', () => {
  test.each<[resource: NpmResource, delivery: string]>([
    [{ type: 'packument', name: 'left' }, 'rewrite'],
    [{ type: 'version', name: 'left', version: '1.0.0' }, 'rewrite'],
    [{ type: 'tarball', name: 'left', file: 'left-1.0.0.tgz' }, 'carried'],
    [{ type: 'dist-tags', name: 'left' }, '302'],
    [{ type: 'attestations', name: 'left', version: '1.0.0' }, '302'],
    [{ type: 'root' }, '302'],
    [{ type: 'service', post: false, path: '/-/ping' }, '302'],
    [{ type: 'service', post: true, path: '/-/npm/v1/security/advisories/bulk' }, '307'],
    [{ type: 'write', path: '/left', name: 'left' }, '405 answered'],
  ])('for %j: %s', (resource, delivery) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      expect(showDelivery(npm.deliver(resource, contextOf(mode, upstreamOf('https://npm.example'))))).toBe(
        delivery,
      );
    }
  });
});

describe('what a rule makes of it', () => {
  test.each<[mode: Mode, auth: boolean, method: string, path: string, shown: string]>([
    ['auto', false, 'GET', '/@acme%2Fcli', 'rewrite https://npm.example/r/@acme%2fcli'],
    ['auto', false, 'GET', '/@acme/cli/1.0.0', 'rewrite https://npm.example/r/@acme%2fcli/1.0.0'],
    ['auto', false, 'GET', '/@acme/cli/-/cli-1.0.0.tgz', 'carry'],
    ['auto', true, 'HEAD', '/@acme%2fcli/-/cli-1.0.0.tgz', 'carry'],
    ['proxy', false, 'GET', '/@acme/cli/-/cli-1.0.0.tgz', 'carry'],
    [
      'auto',
      false,
      'GET',
      '/-/package/@acme%2Fcli/dist-tags',
      '302 https://npm.example/r/-/package/@acme%2fcli/dist-tags',
    ],
    ['auto', false, 'GET', '/-/v1/search?text=x', '302 https://npm.example/r/-/v1/search?text=x'],
    [
      'auto',
      false,
      'POST',
      '/-/npm/v1/security/audits/quick',
      '307 https://npm.example/r/-/npm/v1/security/audits/quick',
    ],
    [
      'auto',
      true,
      'POST',
      '/-/npm/v1/security/audits/quick',
      'relay https://npm.example/r/-/npm/v1/security/audits/quick',
    ],
    ['auto', false, 'PUT', '/@acme%2fcli', '405'],
    ['auto', false, 'PUT', '/other', 'pass'],
    ['auto', false, 'GET', '/left', 'pass'],
    ['auto', false, 'GET', '/@ACME%2fcli', 'pass'],
    // The root is not one of the names.
    ['auto', false, 'GET', '/', 'pass'],
  ])('%s (credential: %s), %s %s: %s', (mode, auth, method, path, shown) => {
    const ruleSet = compileRules([
      rule(npm, {
        match: '@acme/*',
        to: 'https://npm.example/r/',
        mode,
        ...(auth && { auth: { token: 'x' } }),
      }),
    ]);
    const [pathname = '', query] = path.split('?');
    const decision = decide(ruleSet, {
      method,
      scheme: 'https',
      host: 'npm.acme.example',
      path: pathname,
      query,
    });
    const found =
      decision.type === 'redirect'
        ? `${decision.status} ${decision.location}`
        : decision.type === 'proxy'
          ? `${decision.delivery} ${decision.target}`
          : decision.type === 'respond'
            ? `${decision.status}`
            : decision.type;
    expect(found).toBe(shown);
  });

  test('the root belongs to a rule for every name', () => {
    const ruleSet = compileRules([rule(npm, { to: 'https://npm.example/r' })]);
    expect(decide(ruleSet, { method: 'GET', scheme: 'https', host: 'a.example', path: '/' })).toMatchObject({
      location: 'https://npm.example/r/',
    });
  });
});

describe('a package URL', () => {
  test.each<[resource: NpmResource, purl: string | undefined]>([
    [{ type: 'packument', name: 'left' }, 'pkg:npm/left'],
    [{ type: 'packument', name: '@acme/cli', query: 'x' }, 'pkg:npm/%40acme/cli'],
    [{ type: 'version', name: 'left', version: '1.0.0+b' }, 'pkg:npm/left@1.0.0%2Bb'],
    [{ type: 'attestations', name: '@acme/cli', version: '1.0.0' }, 'pkg:npm/%40acme/cli@1.0.0'],
    [{ type: 'tarball', name: '@acme/cli', file: 'cli-1.0.0-rc.1.tgz' }, 'pkg:npm/%40acme/cli@1.0.0-rc.1'],
    [{ type: 'tarball', name: 'left', file: 'right-1.0.0.tgz' }, 'pkg:npm/left'],
    [{ type: 'tarball', name: 'left', file: 'left-1.0.0.zip' }, 'pkg:npm/left'],
    [{ type: 'tarball', name: 'left', file: 'left-.tgz' }, 'pkg:npm/left'],
    [{ type: 'dist-tags', name: 'left' }, 'pkg:npm/left'],
    [{ type: 'write', name: 'left', path: '/left' }, undefined],
    [{ type: 'root' }, undefined],
    [{ type: 'service', post: false, path: '/-/ping' }, undefined],
  ])('of %j: %s', (resource, purl) => {
    expect(npm.purl?.(resource, 'https://npm.acme.example')).toBe(purl);
    if (purl && 'name' in resource) expect(parsePurl(purl).name).toBe(resource.name);
  });
});

describe('a document', () => {
  const context = {
    ...contextOf('auto', upstreamOf('https://npm.example')),
    publicUrl: 'https://get.acme.example/npm',
  };
  async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  async function rewrite(resource: NpmResource, text: string, size = 7): Promise<string> {
    const message = npm.rewrite?.(
      resource,
      { url: '', headers: { etag: '"x"' }, body: chunks(text, size) },
      context,
    );
    expect(message?.headers).toEqual({ etag: '"x"' });
    const parts: Uint8Array[] = [];
    for await (const part of message?.body ?? []) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  const versions = (tarballs: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(tarballs).map(([version, tarball]) => [
        version,
        { name: 'x', version, dist: { shasum: 'ab', tarball, signatures: [{ sig: 'tarball' }] } },
      ]),
    );
  const full = (tarballs: Readonly<Record<string, string>>) => ({
    _id: '@acme/cli',
    'dist-tags': { latest: '1.0.0' },
    versions: versions(tarballs),
    time: { '1.0.0': '2026-01-01' },
    dist: { tarball: 'https://npm.example/stays' },
    readme: '"dist":{"tarball":"https://npm.example/stays"}',
  });
  const abbreviated = (tarballs: Readonly<Record<string, string>>) => ({
    name: '@acme/cli',
    modified: '2026-01-01',
    versions: versions(tarballs),
  });

  const base = 'https://npm.example/@acme/cli/-';
  const here = 'https://get.acme.example/npm/@acme/cli/-';
  const rows: readonly (readonly [title: string, version: string, tarball: string, rewritten: string])[] = [
    ['in the usual place', '1.0.0', `${base}/cli-1.0.0.tgz`, `${here}/cli-1.0.0.tgz`],
    ['called otherwise', '1.0.0', `${base}/old-name.tgz`, `${here}/cli-1.0.0.tgz`],
    ['of a build', '1.0.0+b', `${base}/cli-1.0.0+b.tgz`, `${here}/cli-1.0.0+b.tgz`],
    [
      'in a layout of its own',
      '1.0.1',
      'https://npm.example/download/@acme/cli/1.0.1/0a1b',
      `${here}/cli-1.0.1.tgz`,
    ],
    ['with its scope in the file', '1.0.2', `${base}/@acme/cli-1.0.2.tgz`, `${here}/cli-1.0.2.tgz`],
    ['with a query', '1.0.3', `${base}/cli-1.0.3.tgz?sig=x`, `${here}/cli-1.0.3.tgz`],
    ['at another host', '1.0.4', 'http://evil.example/x.tgz', `${here}/cli-1.0.4.tgz`],
    ['relative', '1.0.5', '/x.tgz', `${here}/cli-1.0.5.tgz`],
    ['that is nothing', '1.0.6', '', `${here}/cli-1.0.6.tgz`],
  ];
  const packument: NpmResource = { type: 'packument', name: '@acme/cli' };
  const before = Object.fromEntries(rows.map(([, version, tarball]) => [version, tarball]));

  test.each(rows)('has its tarballs here: one %s', async (_, version, tarball, rewritten) => {
    for (const document of [full, abbreviated]) {
      expect(await rewrite(packument, JSON.stringify(document({ [version]: tarball })))).toBe(
        JSON.stringify(document({ [version]: rewritten })),
      );
    }
    const one = (address: string) =>
      JSON.stringify({ ...versions({ [version]: address })[version], versions: versions({ a: 'stays' }) });
    const late = (address: string) => JSON.stringify({ dist: { tarball: address }, version });
    for (const document of [one, late]) {
      for (const asked of document === late ? ['latest', `v${version}`] : [version, 'latest'])
        expect(await rewrite({ type: 'version', name: '@acme/cli', version: asked }, document(tarball))).toBe(
          document(rewritten),
        );
    }
  });

  test.each([
    ['https://npm.example/-/npm/v1/attestations/cli@1.0.0', '/-/npm/v1/attestations/cli@1.0.0'],
    [
      'https://a.example/npm/-/npm/v1/attestations/@acme%2fcli@1.0.0',
      '/-/npm/v1/attestations/@acme%2fcli@1.0.0',
    ],
    ['https://a.example/x/-/npm/v1/attestations/cli@1?a', undefined],
    ['https://a.example/elsewhere', undefined],
  ])('has its attestations here, where npm asks for them: %s', async (url, path) => {
    const dist = (address: string) => ({ tarball: `${here}/cli-1.0.0.tgz`, attestations: { url: address } });
    const expected = dist(path === undefined ? url : `https://get.acme.example/npm${path}`);
    expect(
      await rewrite(
        { type: 'version', name: '@acme/cli', version: '1.0.0' },
        JSON.stringify({ dist: dist(url) }),
      ),
    ).toBe(JSON.stringify({ dist: expected }));
    const versions = (dist: object) => JSON.stringify({ versions: { '1.0.0': { dist } } });
    expect(await rewrite(packument, versions(dist(url)))).toBe(versions(expected));
  });

  test('of one version that is asked for by a tag is read whole, up to a size', async () => {
    const version = (length: number) =>
      JSON.stringify({ readme: 'x'.repeat(length), dist: { tarball: 'x' }, version: '1.0.0' });
    const latest: NpmResource = { type: 'version', name: 'left', version: 'latest' };
    expect(await rewrite(latest, version(3_000_000), 65_536)).toContain('/left/-/left-1.0.0.tgz"');
    await expect(rewrite(latest, version(5_000_000), 65_536)).rejects.toThrow('longer than');
  });

  test('leads to no path of its own, whatever a version is called', async () => {
    const document = JSON.stringify({ versions: versions({ '1/../../é?#\n': 'x' }) });
    expect(await rewrite({ type: 'packument', name: 'left' }, document)).toContain(
      '"https://get.acme.example/npm/left/-/left-1_.._.._____.tgz"',
    );
  });

  test('leads to tarballs that the protocol reads', async () => {
    const document: { versions: Record<string, { dist: { tarball: string } }> } = JSON.parse(
      await rewrite(packument, JSON.stringify(full(before), null, 2)),
    );
    for (const { dist } of Object.values(document.versions)) {
      const path = new URL(dist.tarball).pathname.replace('/npm/', '/');
      expect(npm.parse({ method: 'GET', path })).toMatchObject({ type: 'tarball', name: '@acme/cli' });
    }
  });

  test('of a package without a scope', async () => {
    const document = (tarball: string) => JSON.stringify({ versions: versions({ '2.0.0': tarball }) });
    const rewritten = await rewrite({ type: 'packument', name: 'left' }, document('https://npm.example/x'));
    expect(rewritten).toBe(document('https://get.acme.example/npm/left/-/left-2.0.0.tgz'));
  });

  test.each<[NpmResource]>([
    [{ type: 'tarball', name: 'left', file: 'left-1.0.0.tgz' }],
    [{ type: 'dist-tags', name: 'left' }],
    [{ type: 'service', post: false, path: '/-/x' }],
  ])('of %j stays, byte for byte', async (resource) => {
    const text = JSON.stringify(full({ '1.0.0': `${base}/cli-1.0.0.tgz` }));
    expect(await rewrite(resource, text)).toBe(text);
  });
});

test('an error has the form that npm prints', () => {
  expect(npm.refuse({ status: 404, message: 'Why "so".' })).toEqual({
    status: 404,
    headers: { 'content-type': 'application/json' },
    body: '{"error":"Why \\"so\\"."}',
  });
});

test('a rule is tried by an install', () => {
  expect(npm.usage('@acme/<0>', 'https://npm.acme.example')).toBe(
    'npm install @acme/<0> --registry https://npm.acme.example/',
  );
});
