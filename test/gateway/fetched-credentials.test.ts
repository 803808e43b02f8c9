import { describe, expect, test, vi } from 'vitest';
import type { CredentialProvider } from '../../src/core/credential.ts';
import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { startRegistry } from './registry.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

const path = '/v2/acme/app/manifests/1.0';

/** A registry with a password that changes, and what fetches the one of now. */
async function startChangingRegistry(tokens?: 'strict') {
  const manners = { basic: tokens === undefined, tokens, credential: '' };
  const registry = await startRegistry(manners);
  let password = '';
  const change = (next: string) => {
    password = next;
    manners.credential = `Basic ${btoa(`acme:${next}`)}`;
    registry.revoke();
  };
  change('one');
  const provider = vi.fn<CredentialProvider>(async () => ({ username: 'acme', password }));
  return { ...registry, change, provider };
}

describe.each([
  ['a password', undefined],
  ['tokens for a password', 'strict' as const],
])('a registry that wants %s', (_, tokens) => {
  test('is shown what was fetched, again and again', async () => {
    const { registry, provider } = await startChangingRegistry(tokens);
    const { origin } = await serve([
      rule(oci, { match: 'acme/*image', to: `${registry.origin}/acme-inc/*image`, auth: provider }),
    ]);
    for (let request = 0; request < 3; request++) expect((await ask(origin, path)).status).toBe(200);
    expect(provider).toHaveBeenCalledTimes(1);
  });

  test('that no longer takes it gets another one, and the client does not notice', async () => {
    const { registry, provider, change } = await startChangingRegistry(tokens);
    const { origin } = await serve([
      rule(oci, { match: 'acme/*image', to: `${registry.origin}/acme-inc/*image`, auth: provider }),
    ]);
    await ask(origin, path);
    change('two');
    const answers = await Promise.all([ask(origin, path), ask(origin, path), ask(origin, path)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(provider).toHaveBeenCalledTimes(2);
  });
});

test('an upstream that refuses by 403 is asked once more, and its word then stands', async () => {
  let count = 0;
  const upstream = await startUpstream((_, response) => response.writeHead(403).end('{}'));
  const provider = vi.fn(() => ({ token: `t${++count}` }));
  const { origin } = await serve([rule(npm, { to: upstream.origin, auth: provider, mode: 'proxy' })]);
  expect((await ask(origin, '/lodash')).status).toBe(403);
  expect((await ask(origin, '/lodash')).status).toBe(403);
  const shown = upstream.requests.map(({ headers }) => headers.authorization);
  expect(shown).toEqual(['Bearer t1', 'Bearer t2', 'Bearer t2']);
});

test('without a credential, the client is told 502 and the hooks why', async () => {
  const upstream = await startUpstream((_, response) => response.end());
  const onUpstreamError = vi.fn();
  const onCredentialError = vi.fn();
  const auth = () => Promise.reject(new Error('no network'));
  const { origin } = await serve([rule(npm, { name: 'packages', to: upstream.origin, auth })], {
    onUpstreamError,
    onCredentialError,
  });
  const { status, headers, body } = await ask(origin, '/lodash');
  expect({ status, retry: headers['retry-after'] }).toEqual({ status: 502, retry: '10' });
  expect(body).not.toContain('no network');
  const error = {
    name: 'UpstreamError',
    message: `${upstream.origin}: no credential could be fetched: no network`,
  };
  expect(onUpstreamError.mock.calls).toEqual([
    [expect.objectContaining(error), expect.objectContaining({ rule: 'packages' })],
  ]);
  expect(onCredentialError.mock.calls).toEqual([[expect.objectContaining(error)]]);
  expect(upstream.requests).toEqual([]);
});

test('without a credential for one upstream, the next one is asked', async () => {
  const upstream = await startUpstream((_, response) => response.end('{}'));
  const auth = () => Promise.reject(new Error('no network'));
  const { origin } = await serve([
    rule(npm, { to: [{ url: 'https://registry.invalid', auth }, upstream.origin], mode: 'proxy' }),
  ]);
  expect((await ask(origin, '/lodash')).status).toBe(200);
});
