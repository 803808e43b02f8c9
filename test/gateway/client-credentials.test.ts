import { describe, expect, test } from 'vitest';
import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { type Rule, type RuleConfig, rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { type Asked, ask, type Received } from './client.ts';
import { digest, manifest, type RegistryManners, startRegistry } from './registry.ts';
import { listen, serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

const user = `Basic ${btoa('acme:secret')}`;
const path = '/v2/acme/app/manifests/1.0';
const host = 'get.acme.example';

const kinds: readonly (readonly [string, RegistryManners])[] = [
  ['wants nothing', {}],
  ['gives tokens for anything', { tokens: 'lenient' }],
  ['gives tokens for one known scope', { tokens: 'strict' }],
  ['wants a password', { basic: true, credential: user }],
  ['gives tokens for a password', { tokens: 'strict', credential: user }],
];

function own(origin: string, more: RuleConfig = {}): Rule {
  return rule(oci, { match: 'acme/*image', to: `${origin}/acme-inc/*image`, auth: 'client', ...more });
}

/** Asks as a client of a host does that it knows by name. */
function request(origin: string, target: string, { headers, ...asked }: Asked = {}): Promise<Received> {
  return ask(origin, target, { ...asked, headers: { host, ...headers } });
}

async function getToken(
  origin: string,
  query = `service=${host}&scope=repository:acme/app:pull`,
  authorization: string | undefined = user,
): Promise<string> {
  const { status, body } = await request(origin, `/token?${query}`, {
    headers: { ...(authorization && { authorization }) },
  });
  expect(status, body).toBe(200);
  return (JSON.parse(body) as { token: string }).token;
}

function post(origin: string, form: Record<string, string>): Promise<Received> {
  return request(origin, '/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

function withToken(origin: string, target: string, token: string, method = 'GET'): Promise<Received> {
  return request(origin, target, { method, headers: { authorization: `Bearer ${token}` } });
}

describe('a client without a credential', () => {
  const challenge = `Bearer realm="http://${host}/token",service="${host}"`;

  test.each([
    ['the ping', '/v2/', challenge],
    ['a manifest', path, `${challenge},scope="repository:acme/app:pull"`],
    ['a blob', `/v2/acme/app/blobs/${digest}`, `${challenge},scope="repository:acme/app:pull"`],
    ['the tags', '/v2/acme/app/tags/list', `${challenge},scope="repository:acme/app:pull"`],
  ])('is asked for one by %s, and the registry is not', async (_, target, expected) => {
    const { registry } = await startRegistry();
    const { origin } = await serve([own(registry.origin)]);
    const answer = await request(origin, target);
    expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': expected } });
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    expect(registry.requests).toEqual([]);
  });

  test('is told the address that clients know', async () => {
    const { registry } = await startRegistry();
    const { origin } = await serve([own(registry.origin)], { publicOrigin: 'https://get.acme.dev' });
    const { headers } = await request(origin, '/v2/');
    expect(headers['www-authenticate']).toBe(
      'Bearer realm="https://get.acme.dev/token",service="get.acme.dev"',
    );
  });
});

describe.each(kinds)('a registry that %s', (_, manners) => {
  test.each([
    ['in a query', async (origin: string) => getToken(origin)],
    [
      'in a form',
      async (origin: string) => {
        const { body } = await post(origin, {
          grant_type: 'password',
          username: 'acme',
          password: 'secret',
          scope: 'repository:acme/app:pull',
        });
        return (JSON.parse(body) as { access_token: string }).access_token;
      },
    ],
  ])('serves a client with a token that it asked for %s', async (_, fetchToken) => {
    const { registry, tokens, blobs } = await startRegistry(manners);
    const { origin } = await serve([own(registry.origin)]);
    const token = await fetchToken(origin);

    expect(await withToken(origin, '/v2/', token)).toMatchObject({ status: 200 });
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200, body: manifest });
    const blob = await withToken(origin, `/v2/acme/app/blobs/${digest}`, token);
    expect(blob).toMatchObject({
      status: 307,
      headers: { location: expect.stringContaining(blobs.origin) as string },
    });
    expect(await withToken(origin, `/v2/acme/app/blobs/${digest}`, token, 'HEAD')).toMatchObject({
      status: 200,
    });
    expect(blobs.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    const shown = registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
    if (!manners.basic) expect(shown.every((field) => /^Bearer token-\d+$/.test(field))).toBe(true);
    for (const { url } of tokens.requests)
      expect(url).toBe('/token?service=registry.test&scope=repository%3Aacme-inc%2Fapp%3Apull');
  });

  test('says no to a wrong password where it wants one', async () => {
    const { registry } = await startRegistry(manners);
    const { origin } = await serve([own(registry.origin)]);
    const { status, body } = await request(origin, '/token?scope=repository:acme/app:pull', {
      headers: { authorization: `Basic ${btoa('acme:wrong')}` },
    });
    expect(status).toBe(manners.credential ? 401 : 200);
    if (manners.credential) expect(JSON.parse(body)).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
  });

  test.each([
    ['no credential', undefined],
    ['an empty name and password', 'Basic Og=='],
  ])('gives a client with %s what anybody gets', async (_, authorization) => {
    const { registry } = await startRegistry(manners);
    const { origin } = await serve([own(registry.origin)]);
    const headers = { ...(authorization && { authorization }) };
    const answer = await request(origin, '/token?service=x&scope=repository:acme/app:pull', { headers });
    expect(answer.status).toBe(manners.credential ? 401 : 200);
    if (manners.credential) return;
    const { token } = JSON.parse(answer.body) as { token: string };
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200, body: manifest });
  });

  test('lets a client in that shows its password with each request', async () => {
    const { registry } = await startRegistry(manners);
    const { origin } = await serve([own(registry.origin)]);
    for (const target of ['/v2/', path])
      expect(await request(origin, target, { headers: { authorization: user } })).toMatchObject({
        status: 200,
      });
    const wrong = await request(origin, '/v2/', { headers: { authorization: `Basic ${btoa('a:b')}` } });
    expect(wrong.status).toBe(manners.credential ? 401 : 200);
  });

  test('takes a login that names no image', async () => {
    const { registry } = await startRegistry(manners);
    const { origin } = await serve([own(registry.origin)]);
    const token = await getToken(origin, `account=acme&client_id=docker&offline_token=true&service=${host}`);
    expect(await withToken(origin, '/v2/', token)).toMatchObject({ status: 200 });
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200 });
  });

  test('serves a token of before a move to it', async () => {
    const before = await startRegistry({ tokens: 'strict' });
    const after = await startRegistry(manners);
    const rules = { current: compileRules([own(before.registry.origin)]) };
    const { origin } = await listen(toNodeHandler(rules));
    const token = await getToken(origin);
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200 });

    rules.current = compileRules([own(after.registry.origin)]);

    expect(await withToken(origin, path, token)).toMatchObject({ status: 200, body: manifest });
    const issued = before.registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
    expect(issued).toEqual(['Bearer token-1']);
  });
});

describe('a token', () => {
  test('may be asked for with several scopes, of which the first that has a rule counts', async () => {
    const { registry, tokens } = await startRegistry({ tokens: 'strict', credential: user });
    const { origin } = await serve([own(registry.origin)]);
    const scopes = [
      'repository:other/app:pull',
      'repository:acme/app:pull',
      'repository:acme/app:pull',
      'repository:acme/lib:pull,push',
      'registry:catalog:*',
    ];
    for (const query of [scopes.map((scope) => `scope=${scope}`).join('&'), `scope=${scopes.join('%20')}`]) {
      const token = await getToken(origin, query);
      expect(await withToken(origin, path, token)).toMatchObject({ status: 200 });
    }
    expect(tokens.requests).toHaveLength(1);
  });

  test('lasts as long as the registry says', async () => {
    const { registry } = await startRegistry({ tokens: 'strict' });
    const { origin } = await serve([own(registry.origin)]);
    const { body, headers } = await request(origin, '/token?scope=repository:acme/app:pull');
    const answer = JSON.parse(body) as { expires_in: number; token: string; access_token: string };
    expect(answer.access_token).toBe(answer.token);
    expect(answer.expires_in).toBeGreaterThan(280);
    expect(answer.expires_in).toBeLessThanOrEqual(300);
    expect(headers['cache-control']).toBe('no-store');
  });

  test('shows nothing of the credential that it stands for', async () => {
    const { registry } = await startRegistry({ basic: true, credential: user });
    const { origin } = await serve([own(registry.origin)]);
    const token = await getToken(origin);
    for (const part of token.split('.'))
      expect(Buffer.from(part, 'base64url').toString('latin1')).not.toMatch(/secret|acme/);
  });

  test.each([
    ['of another host', `${host}x`, (token: string) => token],
    [
      'that was changed',
      host,
      (token: string) => token.replace(/\.(.)(?=[^.]+$)/, (_, first) => (first === 'A' ? '.B' : '.A')),
    ],
    ['of nobody', host, () => 'made-up'],
    ['that is too long', host, () => 'a'.repeat(10_000)],
  ])('%s is none', async (_, name, change) => {
    const { registry } = await startRegistry({ basic: true, credential: user });
    const { origin } = await serve([own(registry.origin)]);
    const authorization = `Bearer ${change(await getToken(origin))}`;
    const before = registry.requests.length;
    for (const target of ['/v2/', path]) {
      const answer = await ask(origin, target, { headers: { host: name, authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    }
    expect(registry.requests).toHaveLength(before);
  });

  test('is good for every instance with the same key, and for no other', async () => {
    const { registry } = await startRegistry({ basic: true, credential: user });
    const tokenKey = 'k'.repeat(32);
    const [one, two, stranger] = await Promise.all([
      serve([own(registry.origin)], { tokenKey }),
      serve([own(registry.origin)], { tokenKey }),
      serve([own(registry.origin)]),
    ]);
    const token = await getToken(one.origin);
    expect(await withToken(two.origin, path, token)).toMatchObject({ status: 200 });
    expect(await withToken(stranger.origin, path, token)).toMatchObject({ status: 401 });
    expect(() => toNodeHandler(compileRules([own(registry.origin)]), { tokenKey: 'short' })).toThrow(
      'at least 32',
    );
  });

  test('of a login before stands for the refresh token', async () => {
    const seen: string[] = [];
    const tokens = await startUpstream((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => seen.push(`${request.method} ${text}`));
      request.once('end', () =>
        response.setHeader('content-type', 'application/json').end('{"access_token":"fresh"}'),
      );
    });
    const registry = await startUpstream((request, response) => {
      if (request.headers.authorization === 'Bearer fresh') return void response.end(manifest);
      const challenge = `Bearer realm="${tokens.origin}/token",service="s",scope="repository:acme-inc/app:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    const { origin } = await serve([own(registry.origin)]);
    const { body } = await post(origin, {
      grant_type: 'refresh_token',
      refresh_token: 'long-lived',
      scope: 'repository:acme/app:pull',
    });
    const { access_token: token } = JSON.parse(body) as { access_token: string };
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200, body: manifest });
    expect(seen).toEqual([
      'POST grant_type=refresh_token&refresh_token=long-lived&client_id=turnout&service=s&scope=repository%3Aacme-inc%2Fapp%3Apull',
    ]);
  });

  test.each([
    ['a form without a grant', {}, 400],
    ['an unknown grant', { grant_type: 'device_code' }, 400],
    ['a refresh without a token', { grant_type: 'refresh_token' }, 400],
    ['a form of a hundred kilobytes', { grant_type: 'password', username: 'x'.repeat(100_000) }, 400],
  ])('is refused for %s', async (_, form, status) => {
    const { registry } = await startRegistry();
    const { origin } = await serve([own(registry.origin)]);
    const answer = await post(origin, form as Record<string, string>);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
  });

  test('cannot be had while the registry is out of order', async () => {
    const registry = await startUpstream((_, response) => void response.writeHead(503).end());
    const { origin } = await serve([own(registry.origin)]);
    const answer = await request(origin, '/token?scope=repository:acme/app:pull', {
      headers: { authorization: user },
    });
    expect(answer).toMatchObject({ status: 502, headers: { 'retry-after': '10' } });
  });
});

describe('a host with rules of both kinds', () => {
  test('serves each with its own credential', async () => {
    const open = await startRegistry({ tokens: 'strict' });
    const closed = await startRegistry({ tokens: 'strict', credential: user });
    const { origin } = await serve([
      rule(oci, { match: 'open/*image', to: `${open.registry.origin}/acme-inc/*image` }),
      own(closed.registry.origin),
    ]);
    expect(await request(origin, '/v2/')).toMatchObject({ status: 401 });
    const anonymous = await getToken(origin, 'scope=repository:open/app:pull', '');
    expect(open.registry.requests).toEqual([]);
    for (const headers of [{ authorization: `Bearer ${anonymous}` }, { authorization: user }, {}])
      expect(await request(origin, '/v2/open/app/manifests/1.0', { headers })).toMatchObject({ status: 200 });
    expect(await withToken(origin, path, anonymous)).toMatchObject({ status: 401 });

    const token = await getToken(origin);
    expect(await withToken(origin, path, token)).toMatchObject({ status: 200 });
    for (const { headers } of [...open.registry.requests, ...open.tokens.requests])
      expect(headers.authorization ?? 'Bearer token-1').toMatch(/^Bearer token-\d+$/);
  });

  test('takes a login that names no image as it is, and shows it to no registry', async () => {
    const other = await startRegistry({ basic: true, credential: `Basic ${btoa('you:secret')}` });
    const mine = await startRegistry({ tokens: 'strict', credential: user });
    const { origin } = await serve([
      own(other.registry.origin, { match: 'other/*image' }),
      own(mine.registry.origin),
    ]);
    const token = await getToken(origin, 'service=x');
    expect(await withToken(origin, '/v2/', token)).toMatchObject({ status: 200 });
    expect(await request(origin, '/v2/', { headers: { authorization: user } })).toMatchObject({
      status: 200,
    });
    expect([...other.registry.requests, ...mine.registry.requests]).toEqual([]);

    expect(await withToken(origin, path, token)).toMatchObject({ status: 200 });
    expect(other.registry.requests).toEqual([]);
  });

  test('has no token endpoint when all its rules hold their own', async () => {
    const { registry } = await startRegistry();
    const { origin } = await serve([own(registry.origin, { auth: undefined })]);
    expect(await request(origin, '/token?service=x')).toMatchObject({ status: 404 });
    expect(await request(origin, '/v2/')).toMatchObject({ status: 200 });
  });
});

describe('a protocol whose clients send their credential at once', () => {
  test('hands it to the upstream of the rule, and nobody else', async () => {
    const elsewhere = await startUpstream((_, response) => void response.end('tarball'), '127.0.0.3');
    const upstream = await startUpstream((request, response) => {
      if (request.headers.authorization !== 'Bearer npm_mine')
        return void response.writeHead(401, { 'www-authenticate': 'Bearer realm="npm"' }).end('{}');
      if (request.url?.endsWith('.tgz'))
        return void response.writeHead(302, { location: `${elsewhere.origin}/signed` }).end();
      response.setHeader('content-type', 'application/json').end(packument(upstream.origin));
    });
    const packument = (own: string) => `{"versions":{"1.0.0":{"dist":{"tarball":"${own}/x.tgz"}}}}`;
    const { origin } = await serve([rule(npm, { to: upstream.origin, auth: 'client', mode: 'proxy' })]);
    const headers = { authorization: 'Bearer npm_mine' };
    expect(await ask(origin, '/acme', { headers })).toMatchObject({ status: 200 });
    expect(await ask(origin, '/acme/-/acme-1.0.0.tgz', { headers })).toMatchObject({ body: 'tarball' });
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
    expect(await ask(origin, '/acme')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="npm"' },
    });
  });
});
