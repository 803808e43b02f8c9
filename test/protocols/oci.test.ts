import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Mode } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { findRegistry, knownRegistries } from '../../src/protocols/_oci-registries.ts';
import { type OciResource, oci } from '../../src/protocols/oci.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const sha256 = `sha256:${'0123456789abcdef'.repeat(4)}`;
const sha512 = `sha512:${'0123456789abcdef'.repeat(8)}`;
const pushed = (title: string, method: string, path: string): ProtocolCase<OciResource> => ({
  title,
  method,
  path,
  resource: { type: 'push', path },
});
const unknown = (title: string, path: string): ProtocolCase<OciResource> => ({
  title,
  path,
  resource: { type: 'unknown', path },
});

testProtocol(oci, [
  // Distribution specification, "Endpoints".
  { title: 'end-1, the ping', path: '/v2/', resource: { type: 'ping' } },
  { title: 'the ping without its slash', path: '/v2', canonical: '/v2/', resource: { type: 'ping' } },
  { title: 'the ping by HEAD', method: 'HEAD', path: '/v2/', resource: { type: 'ping' } },
  {
    title: 'end-2, a blob',
    path: `/v2/acme/app/blobs/${sha256}`,
    resource: { type: 'blob', name: 'acme/app', digest: sha256 },
  },
  {
    title: 'end-2, a blob by HEAD',
    method: 'HEAD',
    path: `/v2/acme/app/blobs/${sha256}`,
    resource: { type: 'blob', name: 'acme/app', digest: sha256 },
  },
  {
    title: 'end-3, a manifest by tag',
    path: '/v2/acme/app/manifests/1.0',
    resource: { type: 'manifest', name: 'acme/app', reference: '1.0' },
  },
  {
    title: 'end-3, a manifest by HEAD',
    method: 'HEAD',
    path: '/v2/app/manifests/latest',
    resource: { type: 'manifest', name: 'app', reference: 'latest' },
  },
  {
    title: 'end-3, a manifest by digest',
    path: `/v2/a/b/c/manifests/${sha256}`,
    resource: { type: 'manifest', name: 'a/b/c', reference: sha256 },
  },
  pushed('end-4a, an upload', 'POST', '/v2/acme/app/blobs/uploads/'),
  pushed('end-5, a chunk', 'PATCH', '/v2/acme/app/blobs/uploads/1-2'),
  pushed('end-6, the end of an upload', 'PUT', '/v2/acme/app/blobs/uploads/1-2'),
  pushed('end-7, a manifest that is written', 'PUT', '/v2/acme/app/manifests/1.0'),
  { title: 'end-8a, tags', path: '/v2/acme/app/tags/list', resource: { type: 'tags', name: 'acme/app' } },
  {
    title: 'end-8b, a page of tags',
    path: '/v2/acme/app/tags/list',
    query: 'n=2&last=1.0',
    resource: { type: 'tags', name: 'acme/app', query: 'n=2&last=1.0' },
  },
  pushed('end-9, a manifest that is deleted', 'DELETE', '/v2/acme/app/manifests/1.0'),
  pushed('end-10, a blob that is deleted', 'DELETE', `/v2/acme/app/blobs/${sha256}`),
  pushed('end-11, a blob that is mounted', 'POST', '/v2/acme/app/blobs/uploads/'),
  {
    title: 'end-12a, referrers',
    path: `/v2/acme/app/referrers/${sha256}`,
    resource: { type: 'referrers', name: 'acme/app', digest: sha256 },
  },
  {
    title: 'end-12b, referrers of a type',
    path: `/v2/acme/app/referrers/${sha256}`,
    query: 'artifactType=application/spdx%2Bjson',
    resource: {
      type: 'referrers',
      name: 'acme/app',
      digest: sha256,
      query: 'artifactType=application/spdx%2Bjson',
    },
  },
  unknown('end-13, the state of an upload', '/v2/acme/app/blobs/uploads/1-2'),
  pushed('end-14, an upload that is given up', 'DELETE', '/v2/acme/app/blobs/uploads/1-2'),
  pushed('a method that nobody knows', 'BREW', '/v2/'),
  pushed('a question for methods', 'OPTIONS', '/v2/acme/app/manifests/1.0'),

  // Names.
  {
    title: 'a name with a segment called tags',
    path: '/v2/org/tags/manifests/x',
    resource: { type: 'manifest', name: 'org/tags', reference: 'x' },
  },
  {
    title: 'a name that ends like a list of tags',
    path: '/v2/org/manifests/tags/list',
    resource: { type: 'tags', name: 'org/manifests' },
  },
  {
    title: 'a name with a segment called blobs',
    path: `/v2/blobs/manifests/blobs/${sha256}`,
    resource: { type: 'blob', name: 'blobs/manifests', digest: sha256 },
  },
  {
    title: 'a name called v2',
    path: '/v2/v2/manifests/v2',
    resource: { type: 'manifest', name: 'v2', reference: 'v2' },
  },
  {
    title: 'a tag called list',
    path: '/v2/tags/manifests/list',
    resource: { type: 'manifest', name: 'tags', reference: 'list' },
  },
  {
    title: 'a name with every separator',
    path: '/v2/a.b_c__d-e---f/0/manifests/1',
    resource: { type: 'manifest', name: 'a.b_c__d-e---f/0', reference: '1' },
  },
  {
    title: 'a name of 255 characters',
    path: `/v2/${'a'.repeat(255)}/manifests/1`,
    resource: { type: 'manifest', name: 'a'.repeat(255), reference: '1' },
  },
  unknown('a name of 256 characters', `/v2/${'a'.repeat(256)}/manifests/1`),
  unknown('a name with a capital', '/v2/Acme/app/manifests/1'),
  unknown('a name with an empty segment', '/v2/acme//app/manifests/1'),
  unknown('a name with a separator first', '/v2/-acme/manifests/1'),
  unknown('a name with a separator last', '/v2/acme_/manifests/1'),
  unknown('a name with three underscores', '/v2/a___b/manifests/1'),
  unknown('a name with two dots', '/v2/a..b/manifests/1'),
  unknown('a name with an encoded slash', '/v2/acme%2fapp/manifests/1'),
  unknown('a name with an escape', '/v2/%61cme/manifests/1'),
  unknown('no name', '/v2/manifests/1'),
  unknown('an empty name', '/v2//manifests/1'),
  unknown('a host in front', '/v2//evil.example/manifests/1'),

  // References.
  {
    title: 'a digest of another algorithm',
    path: `/v2/app/manifests/${sha512}`,
    resource: { type: 'manifest', name: 'app', reference: sha512 },
  },
  {
    title: 'a digest with components and padding',
    path: '/v2/app/blobs/multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8==',
    resource: {
      type: 'blob',
      name: 'app',
      digest: 'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8==',
    },
  },
  {
    title: 'a digest whose colon is encoded',
    path: `/v2/app/blobs/${sha256.replace(':', '%3A')}`,
    canonical: `/v2/app/blobs/${sha256}`,
    resource: { type: 'blob', name: 'app', digest: sha256 },
  },
  {
    title: 'a digest of a manifest whose colon is encoded',
    path: `/v2/app/manifests/${sha256.replace(':', '%3a')}`,
    canonical: `/v2/app/manifests/${sha256}`,
    resource: { type: 'manifest', name: 'app', reference: sha256 },
  },
  {
    title: 'a signature, which is a tag',
    path: `/v2/app/manifests/${sha256.replace(':', '-')}.sig`,
    resource: { type: 'manifest', name: 'app', reference: `${sha256.replace(':', '-')}.sig` },
  },
  {
    title: 'a tag of 128 characters',
    path: `/v2/app/manifests/_${'A'.repeat(127)}`,
    resource: { type: 'manifest', name: 'app', reference: `_${'A'.repeat(127)}` },
  },
  unknown('a tag of 129 characters', `/v2/app/manifests/${'a'.repeat(129)}`),
  unknown('a tag that starts with a dot', '/v2/app/manifests/.1'),
  unknown('a tag that starts with a hyphen', '/v2/app/manifests/-1'),
  unknown('a reference that leads elsewhere', '/v2/app/manifests/..%2f..%2fother%2fmanifests%2f1'),
  unknown('an encoded colon, twice encoded', '/v2/app/blobs/sha256%253Aab'),
  unknown('two colons', '/v2/app/manifests/sha256:ab:cd'),
  unknown('no reference', '/v2/app/manifests/'),
  unknown('a blob by tag', '/v2/app/blobs/latest'),
  unknown('referrers of a tag', '/v2/app/referrers/latest'),
  unknown('tags, but not their list', '/v2/app/tags/1.0'),
  unknown('a slash at the end', '/v2/app/tags/list/'),
  unknown('an upload without its identity', '/v2/app/blobs/uploads/'),
  unknown('the catalog', '/v2/_catalog'),
  unknown('an extension', '/v2/_oci/ext/discover'),
  unknown('an extension of a repository', '/v2/app/_oci/ext/discover'),
  unknown('nothing of a repository', '/v2/app'),

  // Queries.
  {
    title: "a mirror's namespace",
    path: '/v2/app/manifests/1',
    query: 'ns=docker.io',
    resource: { type: 'manifest', name: 'app', reference: '1', namespace: 'docker.io' },
  },
  {
    title: 'a namespace among others',
    path: '/v2/app/tags/list',
    query: 'n=2&ns=docker.io&last=a',
    canonical: '/v2/app/tags/list?n=2&last=a&ns=docker.io',
    resource: { type: 'tags', name: 'app', query: 'n=2&last=a', namespace: 'docker.io' },
  },
  {
    title: 'two namespaces',
    path: `/v2/app/blobs/${sha256}`,
    query: 'ns=a&ns=b',
    canonical: `/v2/app/blobs/${sha256}?ns=a`,
    resource: { type: 'blob', name: 'app', digest: sha256, namespace: 'a' },
  },
  {
    title: 'no namespace',
    path: `/v2/app/blobs/${sha256}`,
    query: 'ns=',
    canonical: `/v2/app/blobs/${sha256}`,
    resource: { type: 'blob', name: 'app', digest: sha256 },
  },
  {
    title: 'a parameter that only looks like it',
    path: '/v2/app/tags/list',
    query: 'columns=1&xns=2',
    resource: { type: 'tags', name: 'app', query: 'columns=1&xns=2' },
  },
  { title: 'an empty query', path: '/v2/app/tags/list', query: '', resource: { type: 'tags', name: 'app' } },
  {
    title: 'a query of the ping',
    path: '/v2/',
    query: 'ns=docker.io',
    canonical: '/v2/',
    resource: { type: 'ping' },
  },

  // Not of this protocol.
  { title: 'the root', path: '/', resource: undefined },
  { title: 'the first version', path: '/v1/_ping', resource: undefined },
  { title: 'what only starts so', path: '/v2x/app/manifests/1', resource: undefined },
  { title: 'capitals', path: '/V2/app/manifests/1', resource: undefined },
  {
    title: 'a token',
    path: '/token',
    query: 'service=x',
    resource: { type: 'token', method: 'GET', query: 'service=x' },
  },
  {
    title: 'a token for a scope alone',
    path: '/token',
    query: 'account=me&scope=repository:app:pull',
    resource: { type: 'token', method: 'GET', query: 'account=me&scope=repository:app:pull' },
  },
  {
    title: 'a token, by a form',
    method: 'POST',
    path: '/token',
    resource: { type: 'token', method: 'POST' },
  },
  {
    title: 'a token, by a form with a query',
    method: 'POST',
    path: '/token',
    query: 'a=1',
    resource: { type: 'token', method: 'POST', query: 'a=1' },
  },
  { title: 'a file of that name', path: '/token', resource: undefined },
  { title: 'a file with a query', path: '/token', query: 'services=x&ascope=y', resource: undefined },
  { title: 'what is below', path: '/token/x', query: 'service=x', resource: undefined },
  { title: 'a change of a token', method: 'PUT', path: '/token', query: 'service=x', resource: undefined },
]);

const upstreams = {
  'wants a token': upstreamOf('https://ghcr.io'),
  'needs none': upstreamOf('https://quay.io'),
  'has a credential': upstreamOf('https://ghcr.io', true),
  'needs none, but has a credential': upstreamOf('https://quay.io', true),
  'is local': upstreamOf('http://localhost:5000'),
};
const manifest: OciResource = { type: 'manifest', name: 'acme/app', reference: '1' };
const blob: OciResource = { type: 'blob', name: 'acme/app', digest: sha256 };
const tags: OciResource = { type: 'tags', name: 'acme/app' };
const referrers: OciResource = { type: 'referrers', name: 'acme/app', digest: sha256 };

describe('what the protocol wishes for', () => {
  const rows: readonly (readonly [resource: OciResource, mode: Mode, delivery: string])[] = [
    [manifest, 'auto', 'stream'],
    [manifest, 'redirect', '307'],
    [manifest, 'proxy', 'stream'],
    [tags, 'auto', 'rewrite'],
    [tags, 'redirect', 'rewrite'],
    [tags, 'proxy', 'rewrite'],
    [referrers, 'auto', 'rewrite'],
    [referrers, 'redirect', 'rewrite'],
    [referrers, 'proxy', 'rewrite'],
    [blob, 'redirect', '307'],
    [blob, 'proxy', 'stream'],
    [{ type: 'ping' }, 'proxy', '200 answered'],
    [{ type: 'unknown', path: '/v2/_catalog' }, 'redirect', '404 answered'],
    [{ type: 'push', path: '/v2/a' }, 'redirect', '405 answered'],
  ];
  test.each(rows.map(([resource, mode, delivery]) => [resource.type, mode, delivery, resource] as const))(
    'for %s in mode %s: %s',
    (_, mode, delivery, resource) => {
      for (const upstream of Object.values(upstreams))
        expect(showDelivery(oci.deliver(resource, contextOf(mode, upstream)))).toBe(delivery);
    },
  );

  test.each([
    ['wants a token', 'relay'],
    ['needs none', '307'],
    ['has a credential', 'relay'],
    ['needs none, but has a credential', 'relay'],
    ['is local', 'relay'],
  ] as const)('for a blob in mode auto, when the upstream %s: %s', (kind, delivery) => {
    expect(showDelivery(oci.deliver(blob, contextOf('auto', upstreams[kind])))).toBe(delivery);
  });

  test.each<[host: string, open: boolean]>([
    ['quay.io', true],
    ['mcr.microsoft.com', true],
    ['registry.k8s.io', true],
    ['gcr.io', true],
    ['eu.gcr.io', true],
    ['europe-west1-docker.pkg.dev', true],
    ['ghcr.io', false],
    ['registry-1.docker.io', false],
    ['public.ecr.aws', false],
    ['quay.io.evil.example', false],
    ['evilquay.io', false],
    ['xgcr.io', false],
    ['a.b.gcr.io', false],
    ['quayxio', false],
    ['quay.io:8443', false],
    ['evil-docker.pkg.dev.example', false],
  ])('a blob of %s goes without a token: %s', (host, open) => {
    expect(showDelivery(oci.deliver(blob, contextOf('auto', upstreamOf(`https://${host}`))))).toBe(
      open ? '307' : 'relay',
    );
  });
});

describe('what a rule makes of it', () => {
  const path = (end: string) => `/v2/acme/app/${end}`;
  test.each<[mode: Mode, to: string, auth: boolean, end: string, shown: string]>([
    ['auto', 'ghcr.io/inc/*x', false, 'manifests/1', 'stream https://ghcr.io/v2/inc/app/manifests/1'],
    ['auto', 'quay.io/inc/*x', false, 'manifests/1', 'stream https://quay.io/v2/inc/app/manifests/1'],
    ['auto', 'quay.io/inc/*x', false, `blobs/${sha256}`, `307 https://quay.io/v2/inc/app/blobs/${sha256}`],
    ['auto', 'quay.io/inc/*x', true, `blobs/${sha256}`, `relay https://quay.io/v2/inc/app/blobs/${sha256}`],
    ['auto', 'ghcr.io/inc/*x', false, `blobs/${sha256}`, `relay https://ghcr.io/v2/inc/app/blobs/${sha256}`],
    [
      'redirect',
      'ghcr.io/inc/*x',
      false,
      'manifests/1?ns=a.example',
      '307 https://ghcr.io/v2/inc/app/manifests/1',
    ],
    [
      'redirect',
      'ghcr.io/inc/*x',
      false,
      'tags/list?n=1&ns=a.example',
      'rewrite https://ghcr.io/v2/inc/app/tags/list?n=1',
    ],
    [
      'redirect',
      'http://localhost:5000',
      false,
      `blobs/${sha256}`,
      `stream http://localhost:5000/v2/acme/app/blobs/${sha256}`,
    ],
    [
      'proxy',
      'quay.io/inc/*x',
      false,
      `blobs/${sha256}`,
      `stream https://quay.io/v2/inc/app/blobs/${sha256}`,
    ],
    [
      'proxy',
      'quay.io/inc/*x',
      true,
      `referrers/${sha256}?artifactType=a/b`,
      `rewrite https://quay.io/v2/inc/app/referrers/${sha256}?artifactType=a/b`,
    ],
  ])('%s to %s (credential: %s), %s: %s', (mode, to, auth, end, shown) => {
    const ruleSet = compileRules([
      rule(oci, { match: 'acme/*x', to, mode, ...(auth && { auth: { token: 'x' } }) }),
    ]);
    const [pathname = '', query] = path(end).split('?');
    const decision = decide(ruleSet, {
      method: 'GET',
      scheme: 'https',
      host: 'get.acme.example',
      path: pathname,
      query,
    });
    const found =
      decision.type === 'redirect'
        ? `${decision.status} ${decision.location}`
        : decision.type === 'proxy'
          ? `${decision.delivery} ${decision.target}`
          : decision.type;
    expect(found).toBe(shown);
  });
});

describe('an answer', () => {
  test('to a ping says that this is a registry', () => {
    expect(oci.deliver({ type: 'ping' }, contextOf('auto', undefined))).toEqual({
      type: 'respond',
      answer: {
        status: 200,
        headers: { 'content-type': 'application/json', 'docker-distribution-api-version': 'registry/2.0' },
        body: '{}',
      },
    });
  });

  test('to a push says which methods there are', () => {
    const delivery = oci.deliver({ type: 'push', path: '/v2/a' }, contextOf('auto', undefined, 'PUT'));
    expect(delivery).toMatchObject({ answer: { status: 405, headers: { allow: 'GET, HEAD' } } });
    expect(delivery).toMatchObject({ answer: { body: expect.stringContaining('"UNSUPPORTED"') } });
  });

  test.each([
    [400, 'UNSUPPORTED'],
    [401, 'UNAUTHORIZED'],
    [403, 'DENIED'],
    [404, 'NAME_UNKNOWN'],
    [405, 'UNSUPPORTED'],
    [418, 'UNKNOWN'],
    [429, 'TOOMANYREQUESTS'],
    [500, 'UNAVAILABLE'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'UNAVAILABLE'],
  ])('of %i has the code %s', (status, code) => {
    expect(JSON.parse(oci.refuse({ status, message: 'Why "so".' }).body)).toEqual({
      errors: [{ code, message: 'Why "so".' }],
    });
  });
});

describe('the name at the upstream', () => {
  test.each([
    ['https://ghcr.io', 'alpine', 'alpine'],
    ['https://registry-1.docker.io', 'alpine', 'library/alpine'],
    ['https://registry-1.docker.io', 'acme/app', 'acme/app'],
    ['https://registry-1.docker.io.evil.example', 'alpine', 'alpine'],
  ])('%s: %s is %s', (origin, subject, name) => {
    for (const resource of [manifest, blob, tags, referrers])
      expect(oci.rename?.(resource, subject, upstreamOf(origin))).toEqual({ ...resource, name });
  });

  test('is none for what has no name', () => {
    const ping: OciResource = { type: 'ping' };
    expect(oci.rename?.(ping, 'x', upstreamOf('https://ghcr.io'))).toBe(ping);
  });

  test.each([
    ['https://docker.io', 'https://registry-1.docker.io'],
    ['https://index.docker.io', 'https://registry-1.docker.io'],
    ['https://www.docker.io', 'https://registry-1.docker.io'],
    ['https://hub.docker.com', 'https://registry-1.docker.io'],
    ['https://registry.hub.docker.com', 'https://registry-1.docker.io'],
    ['https://registry-1.docker.io', 'https://registry-1.docker.io'],
    ['https://docker.io:444', 'https://docker.io:444'],
    ['https://evil.docker.io', 'https://evil.docker.io'],
    ['https://docker.io.evil.example', 'https://docker.io.evil.example'],
    ['http://docker.io', 'http://docker.io'],
    ['https://ghcr.io', 'https://ghcr.io'],
  ])('of people is at %s: %s', (origin, located) => {
    expect(oci.locate?.(origin)).toBe(located);
  });
});

describe('a package URL', () => {
  const url = 'https://get.acme.example:8443';
  test.each<[resource: OciResource, purl: string | undefined]>([
    [manifest, 'pkg:oci/app?repository_url=get.acme.example:8443/acme/app&tag=1'],
    [
      { ...manifest, reference: sha256 },
      `pkg:oci/app@${sha256.replace(':', '%3A')}?repository_url=get.acme.example:8443/acme/app`,
    ],
    [{ ...manifest, name: 'app' }, 'pkg:oci/app?repository_url=get.acme.example:8443/app&tag=1'],
    [blob, undefined],
    [tags, undefined],
    [referrers, undefined],
    [{ type: 'ping' }, undefined],
  ])('of %j: %s', (resource, purl) => {
    expect(oci.purl?.(resource, url)).toBe(purl);
  });

  test('reads as what it is', () => {
    expect(parsePurl(oci.purl?.({ ...manifest, reference: sha256 }, url) ?? '')).toEqual({
      type: 'oci',
      name: 'app',
      version: sha256,
      qualifiers: { repository_url: 'get.acme.example:8443/acme/app' },
    });
  });
});

describe('a document', () => {
  const context = contextOf('auto', upstreamOf('https://ghcr.io'));
  async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield new TextEncoder().encode(text);
  }
  async function rewrite(
    resource: OciResource,
    headers: Readonly<Record<string, string>>,
    ...body: readonly string[]
  ) {
    const message = oci.rewrite?.(resource, { url: '', headers, body: chunks(...body) }, context);
    const parts: Uint8Array[] = [];
    for await (const part of message?.body ?? []) parts.push(part);
    return { headers: message?.headers, body: Buffer.concat(parts).toString() };
  }

  test('of tags has the public name', async () => {
    const { headers, body } = await rewrite(
      tags,
      { etag: '"x"' },
      '{"na',
      'me":"inc/a',
      'pp", "tags":["name","1"]}\n',
    );
    expect(body).toBe('{"name":"acme/app", "tags":["name","1"]}\n');
    expect(headers).toEqual({ etag: '"x"' });
  });

  test('of referrers stays, byte for byte', async () => {
    const index = '{ "name": "inc/app", "manifests": [] }';
    expect((await rewrite(referrers, {}, index)).body).toBe(index);
  });

  const next = (target: string) => `<${target}>; rel="next"`;
  test.each<[title: string, resource: OciResource, link: string, rewritten: string]>([
    ['relative', tags, next('/v2/inc/app/tags/list?last=b&n=2'), next('/v2/acme/app/tags/list?last=b&n=2')],
    [
      'absolute',
      tags,
      next('https://ghcr.io/v2/inc/app/tags/list?n=2&last=b'),
      next('/v2/acme/app/tags/list?n=2&last=b'),
    ],
    ['relative to the document', tags, next('?last=b'), next('/v2/acme/app/tags/list?last=b')],
    [
      'with a cursor of its own',
      tags,
      next('https://ghcr.io/v2/x?token=a/b%3D%3D&ns=1'),
      next('/v2/acme/app/tags/list?token=a/b%3D%3D&ns=1'),
    ],
    ['without a query', tags, next('/v2/inc/app/tags/list'), next('/v2/acme/app/tags/list')],
    [
      'instead of the query that was asked',
      { ...tags, query: 'n=1' },
      next('/v2/inc/app/tags/list?last=z'),
      next('/v2/acme/app/tags/list?last=z'),
    ],
    [
      'to more referrers',
      referrers,
      next(`/v2/inc/app/referrers/${sha256}?page=2`),
      next(`/v2/acme/app/referrers/${sha256}?page=2`),
    ],
    [
      'two',
      tags,
      `${next('/a?b=1')}, </c?d=2>;rel=prev`,
      `${next('/v2/acme/app/tags/list?b=1')}, </v2/acme/app/tags/list?d=2>;rel=prev`,
    ],
    ['to another host', tags, next('//evil.example/x?y'), next('/v2/acme/app/tags/list?y')],
    ['broken', tags, '</v2/inc', '</v2/inc'],
  ])('has its next page here, with a link %s', async (_, resource, link, rewritten) => {
    expect((await rewrite(resource, { link, etag: '"x"' })).headers).toEqual({
      link: rewritten,
      etag: '"x"',
    });
  });
});

test('a rule is tried by a pull, without the scheme', () => {
  expect(oci.usage('acme/<image>', 'https://get.acme.example')).toBe(
    'docker pull get.acme.example/acme/<image>',
  );
});

describe('what is known of a registry', () => {
  test.each<readonly [host: string, name: string | undefined]>([
    ['registry-1.docker.io', 'Docker Hub'],
    ['docker.io', undefined],
    ['ghcr.io', 'GitHub Container Registry'],
    ['gcr.io', 'Google Artifact Registry'],
    ['us-central1-docker.pkg.dev', 'Google Artifact Registry'],
    ['quay.io', 'Quay'],
    ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', 'Amazon ECR'],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'Amazon ECR'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'Amazon ECR'],
    ['123456789012.dkr-ecr.eu-central-1.on.aws', 'Amazon ECR'],
    ['123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example', undefined],
    ['public.ecr.aws', 'Amazon ECR Public'],
    ['acme.azurecr.io', 'Azure Container Registry'],
    ['evil.example.azurecr.io', undefined],
    ['registry.gitlab.com', 'GitLab'],
    ['mcr.microsoft.com', 'Microsoft Artifact Registry'],
    ['registry.k8s.io', 'Kubernetes'],
    ['harbor.acme.example', undefined],
  ])('%s: %s', (host, name) => {
    expect(findRegistry(host)?.name).toBe(name);
  });

  test.each(knownRegistries)(
    '$name is one registry, with hosts that are hosts',
    ({ blobs, aliases, ...known }) => {
      for (const host of blobs) expect(host).toMatch(/^(?:\*\.)?(?:[a-z\d-]+\.)+[a-z]+$/);
      if (aliases) expect(findRegistry(aliases.api)?.name).toBe(known.name);
      if (known.wants === 'credential') expect(known.advice).toContain('auth');
    },
  );

  test('is what a rule is advised of, unless it has a credential', () => {
    const hub = upstreamOf('https://registry-1.docker.io');
    expect(oci.advise?.(hub)).toContain('Docker Hub counts');
    expect(oci.advise?.({ ...hub, authenticated: true })).toBeUndefined();
    expect(oci.advise?.(upstreamOf('https://harbor.acme.example'))).toBeUndefined();
  });

  test('is where clients are sent on to', () => {
    expect(oci.leadsTo?.(upstreamOf('https://ghcr.io'))).toEqual(['pkg-containers.githubusercontent.com']);
    expect(oci.leadsTo?.(upstreamOf('https://harbor.acme.example'))).toEqual([]);
  });
});

describe('a client that shall show its own credential', () => {
  const own = { ...upstreamOf('https://ghcr.io', true), delegated: true };
  const context = contextOf('auto', own);
  const realm =
    'Bearer realm="https://get.acme.example:8443/mount/token",service="get.acme.example:8443/mount"';

  test.each<readonly [string, OciResource, string]>([
    ['the ping', { type: 'ping' }, ''],
    ['a manifest', manifest, ',scope="repository:acme/app:pull"'],
    ['a blob', blob, ',scope="repository:acme/app:pull"'],
    ['tags', tags, ',scope="repository:acme/app:pull"'],
  ])('is asked for it by %s, and then not again', (_, resource, scope) => {
    const delivery = oci.deliver(resource, context);
    expect(delivery).toMatchObject({
      type: 'respond',
      answer: { status: 401, headers: { 'www-authenticate': realm + scope } },
    });
    expect(['carried', 'stream', 'relay', 'rewrite']).toContain(
      showDelivery(oci.deliver(resource, { ...context, authorized: true })),
    );
  });

  test('is not asked before it is told that it cannot push', () => {
    expect(showDelivery(oci.deliver({ type: 'push', path: '/v2/a' }, context))).toBe('405 answered');
  });

  test.each([
    ['invalid_token', ',error="invalid_token"'],
    ['insufficient_scope', ',error="insufficient_scope"'],
    [undefined, ''],
  ] as const)('is told %s', (error, text) => {
    expect(oci.challenge?.(manifest, context, error)).toBe(
      `${realm},scope="repository:acme/app:pull"${text}`,
    );
  });
});
