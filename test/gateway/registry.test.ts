import { describe, expect, test } from 'vitest';

import type { Credential } from '../../src/core/credential.ts';
import type { RuleConfig } from '../../src/core/rule.ts';
import { rule } from '../../src/core/rule.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { digest, manifest, type RegistryManners, startRegistry } from './registry.ts';
import { serve, transports } from './serving.ts';

const user: Credential = { username: 'acme', password: 'secret' };
const credential = `Basic ${btoa('acme:secret')}`;
const manifestPath = '/v2/acme/app/manifests/1.0';
const blobPath = `/v2/acme/app/blobs/${digest}`;

/** What a registry may ask, and what the gateway has for it. */
const kinds: readonly (readonly [name: string, manners: RegistryManners, auth?: Credential])[] = [
  ['no token', {}],
  ['any token', { tokens: 'lenient' }],
  ['a token for one scope', { tokens: 'strict' }],
  ['a token for a user', { tokens: 'strict', credential }, user],
  ['a password', { basic: true, credential }, user],
];

const served = kinds.flatMap((kind) => transports.map((transport) => [...transport, kind] as const));

describe.each(served)('over %s', (_, createTransport, [name, manners, auth]) => {
  async function start(change: RuleConfig = {}) {
    const upstreams = await startRegistry(manners);
    const to = { url: `${upstreams.registry.origin}/acme-inc/*image`, auth };
    const gateway = await serve([rule(oci, { match: 'acme/*image', to, ...change })], {
      transport: createTransport(),
    });
    return { ...upstreams, gateway };
  }

  test(`a registry that wants ${name} serves a manifest under another name, byte for byte`, async () => {
    const { gateway, registry, tokens } = await start();
    // A client's own authorization is for us.
    const headers = { authorization: 'Bearer of-the-client', cookie: 'a=b', accept: 'application/json' };
    const first = await ask(gateway.origin, manifestPath, { headers });
    expect(first).toMatchObject({ status: 200, body: manifest, complete: true });
    expect(first.headers).toMatchObject({
      'content-length': `${manifest.length}`,
      'docker-content-digest': digest,
    });
    expect(first.headers).not.toHaveProperty('www-authenticate');

    const again = await ask(gateway.origin, manifestPath, { headers });
    expect(again.body).toBe(manifest);
    expect(
      registry.requests.filter(({ headers: { authorization } }) => authorization === 'Bearer of-the-client'),
    ).toEqual([]);
    expect(registry.requests.every(({ headers: { cookie } }) => cookie === undefined)).toBe(true);
    // One token and one challenge for both.
    expect(tokens.requests).toHaveLength(manners.tokens ? 1 : 0);
    expect(registry.requests).toHaveLength(manners.tokens || manners.basic ? 3 : 2);
  });

  test(`a registry that wants ${name} sends clients to its blob store, where the gateway never goes`, async () => {
    const { gateway, blobs } = await start();
    const { status, headers, body } = await ask(gateway.origin, blobPath);
    expect({ status, body }).toEqual({ status: 307, body: '' });
    expect(headers).toMatchObject({
      location: `${blobs.origin}/bucket/ab?X-Signature=a%2Fb+c%7e`,
      'content-length': '0',
      'cache-control': 'no-store',
    });
    expect(blobs.requests).toEqual([]);
  });

  test(`a registry that wants ${name} has blobs streamed where the rule says so, without its authorization at the store`, async () => {
    const { gateway, blobs } = await start({ mode: 'proxy' });
    expect(await ask(gateway.origin, blobPath)).toMatchObject({ status: 200, body: 'blob bytes' });
    expect(blobs.requests).toHaveLength(1);
    expect(blobs.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test(`a registry that wants ${name} answers HEAD of a blob through the gateway, though its store refuses HEAD`, async () => {
    const { gateway, blobs } = await start();
    const { status, headers, body } = await ask(gateway.origin, blobPath, { method: 'HEAD' });
    expect({ status, body }).toEqual({ status: 200, body: '' });
    expect(headers).toMatchObject({ etag: '"blob"', 'content-type': 'application/octet-stream' });
    expect(blobs.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  test(`a registry that wants ${name} lists tags under the public name`, async () => {
    const { gateway } = await start();
    const { headers, body } = await ask(gateway.origin, '/v2/acme/app/tags/list?n=1');
    expect(JSON.parse(body)).toEqual({ name: 'acme/app', tags: ['1.0'] });
    expect(headers.link).toBe('</v2/acme/app/tags/list?n=1&last=1.0>; rel="next"');
  });

  test(`a registry that wants ${name} says in its own words what it does not have`, async () => {
    const { gateway } = await start();
    const { status, body } = await ask(gateway.origin, '/v2/acme/app/manifests/2.0');
    expect({ status, body }).toEqual({ status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}' });
  });
});

describe.each(transports)('tokens over %s', (_, createTransport) => {
  async function start(manners: RegistryManners = { tokens: 'strict' }, auth?: Credential) {
    const upstreams = await startRegistry(manners);
    const to = { url: `${upstreams.registry.origin}/acme-inc/*image`, auth };
    const gateway = await serve([rule(oci, { match: 'acme/*image', to })], { transport: createTransport() });
    return { ...upstreams, gateway };
  }

  test('fifty pulls at once need one', async () => {
    const { gateway, tokens } = await start();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(gateway.origin, manifestPath)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(tokens.requests).toHaveLength(1);
  });

  test('one that was revoked is renewed within the request', async () => {
    const { gateway, tokens, revoke } = await start();
    await ask(gateway.origin, manifestPath);
    revoke();
    expect(await ask(gateway.origin, manifestPath)).toMatchObject({ status: 200, body: manifest });
    expect(tokens.requests).toHaveLength(2);
  });

  test('a wrong credential gives the registry’s own refusal, and no challenge that the client could not meet', async () => {
    const { gateway } = await start(
      { tokens: 'strict', credential },
      { username: 'acme', password: 'wrong' },
    );
    const { status, headers, body } = await ask(gateway.origin, manifestPath);
    expect({ status, body }).toEqual({ status: 401, body: '{"errors":[{"code":"UNAUTHORIZED"}]}' });
    expect(headers).not.toHaveProperty('www-authenticate');
  });

  test('a ping needs none', async () => {
    const { gateway, registry, tokens } = await start();
    expect(await ask(gateway.origin, '/v2/')).toMatchObject({ status: 200, body: '{}' });
    expect([...registry.requests, ...tokens.requests]).toEqual([]);
  });
});
