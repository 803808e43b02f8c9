import { describe, expect, test, vi } from 'vitest';

import { compileRules, type RuleSet } from '../../src/core/compile.ts';
import type { RequestDescriptor } from '../../src/core/request.ts';
import { rule } from '../../src/core/rule.ts';
import type { RuleSource } from '../../src/core/rule-source.ts';
import { createGateway, type GatewayOptions } from '../../src/gateway/gateway.ts';
import type { Outcome } from '../../src/gateway/gateway-request.ts';
import {
  type Transport,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../../src/gateway/transport.ts';
import { file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';

const manifest: RequestDescriptor = {
  method: 'GET',
  scheme: 'https',
  host: 'get.acme.dev',
  path: '/v2/app/manifests/1',
};

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function answer(status: number, body = '', headers: Readonly<Record<string, string>> = {}): UpstreamResponse {
  return { status, headers, body: bytes(body), discard: () => {} };
}

/** A transport that remembers what is sent. */
function record(respond: (request: UpstreamRequest) => UpstreamResponse | Promise<UpstreamResponse>) {
  const sent: UpstreamRequest[] = [];
  const transport: Transport = async (request) => {
    sent.push(request);
    return respond(request);
  };
  return { sent, transport };
}

const down = () => Promise.reject(new UpstreamError('down', 502));

async function statusOf(outcome: Outcome | Promise<Outcome>): Promise<number | undefined> {
  return (await outcome).response?.status;
}

describe('what needs no upstream is answered at once', () => {
  const rules = compileRules([
    rule(oci, { host: 'get.acme.dev', match: 'app', to: 'ghcr.io' }),
    rule(file, { host: 'get.acme.dev', match: '/dl/*path', to: 'https://cdn.example/*path' }),
  ]);
  const { sent, transport } = record(down);
  const gateway = createGateway(rules, { transport });

  test.each([
    [
      'a redirect',
      '/dl/a',
      302,
      { location: 'https://cdn.example/a', 'cache-control': 'no-store', 'content-length': '0' },
    ],
    ['a ping', '/v2/', 200, { 'content-length': '2' }],
    ['a name that no rule has', '/v2/other/manifests/1', 404, { 'content-type': 'application/json' }],
    ['a bad request', '/dl/../a', 400, { 'content-type': 'text/plain; charset=utf-8' }],
  ])('%s', (_, path, status, headers) => {
    const outcome = gateway.handle({ descriptor: { ...manifest, path } });
    expect(outcome).toMatchObject({ response: { status, headers } });
    expect(sent).toEqual([]);
  });

  test('a request of nobody', () => {
    const descriptor = { ...manifest, host: 'other.example', path: '/v2/app/manifests/1' };
    expect(gateway.handle({ descriptor })).toEqual({ decision: { type: 'pass' }, response: undefined });
    expect(gateway.refuse(descriptor)).toMatchObject({
      status: 404,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
  });
});

test.each([
  ['a public address', 'https://cdn.example/b', true],
  ['the upstream’s own address', 'https://ghcr.io/b', false],
  ['an address that the rule allows', 'https://blobs.internal/b', false],
])('%s that an upstream leads to is %s guarded', async (_, location, guarded) => {
  const { sent, transport } = record(({ path }) =>
    path === '/b' ? answer(200, 'ok') : answer(302, '', { location }),
  );
  const to = { url: 'https://ghcr.io', allow: ['blobs.internal'] };
  const gateway = createGateway(compileRules([rule(oci, { to })]), { transport });
  expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(200);
  expect(sent.map((request) => request.guarded)).toEqual([false, guarded]);
});

test('a token server that an upstream over https names over http gets no password', async () => {
  const challenge = 'Bearer realm="http://ghcr.io/token"';
  const { sent, transport } = record(() => answer(401, '', { 'www-authenticate': challenge }));
  const to = { url: 'https://ghcr.io', auth: { username: 'a', password: 'b' } };
  const gateway = createGateway(compileRules([rule(oci, { to })]), { transport });
  expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(502);
  expect(sent).toHaveLength(1);
});

test('a hop that wants a token on another origin gets an anonymous one', async () => {
  const { sent, transport } = record(({ origin, headers: { authorization } }) => {
    if (origin === 'https://ghcr.io') return answer(302, '', { location: 'https://mirror.example/x' });
    if (origin === 'https://auth.example') return answer(200, '{"token":"t"}');
    return authorization
      ? answer(200)
      : answer(401, '', { 'www-authenticate': 'Bearer realm="https://auth.example/"' });
  });
  const to = { url: 'https://ghcr.io', auth: { token: 'secret' } };
  const gateway = createGateway(compileRules([rule(oci, { to })]), { transport });
  expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(200);
  expect(sent.map(({ origin, headers: { authorization } }) => [origin, authorization])).toEqual([
    ['https://ghcr.io', 'Bearer secret'],
    ['https://mirror.example', undefined],
    ['https://auth.example', undefined],
    ['https://mirror.example', 'Bearer t'],
  ]);
});

describe('a redirect for a client over https', () => {
  const respond = (downgrade: boolean) => {
    const { sent, transport } = record(({ origin }) =>
      origin.includes('cdn') ? answer(200, 'ok') : answer(302, '', { location: 'http://cdn.example/b' }),
    );
    const gateway = createGateway(compileRules([rule(oci, { to: 'http://registry.example', downgrade })]), {
      transport,
    });
    return {
      sent,
      outcome: gateway.handle({
        descriptor: { ...manifest, path: `/v2/app/blobs/sha256:${'0'.repeat(64)}` },
      }),
    };
  };

  test('to an http address is followed here, since most clients refuse it', async () => {
    const { sent, outcome } = respond(false);
    expect(await statusOf(outcome)).toBe(200);
    expect(sent).toHaveLength(2);
  });

  test('goes to the client where the rule says so', async () => {
    const { sent, outcome } = respond(true);
    expect(await statusOf(outcome)).toBe(302);
    expect(sent).toHaveLength(1);
  });
});

test.each([
  ['four times by us', 'turnout, a, turnout, turnout, turnout', 508],
  ['three times by us', 'turnout, turnout, turnout', 200],
  ['often by others', 'a, b, a, b, a, b', 200],
])('a request that was forwarded %s is answered %3$d', async (_, cdnLoop, status) => {
  const { sent, transport } = record(() => answer(200));
  const gateway = createGateway(compileRules([rule(oci, { to: 'ghcr.io' })]), { transport });
  const outcome = gateway.handle({ descriptor: { ...manifest, headers: { 'cdn-loop': cdnLoop } } });
  expect(await statusOf(outcome)).toBe(status);
  if (status === 200)
    expect(sent[0]?.headers).toMatchObject({ 'cdn-loop': `${cdnLoop}, turnout`, via: '1.1 turnout' });
  else expect((await outcome).response?.headers).not.toHaveProperty('retry-after');
});

describe('rules that change', () => {
  const set = (...to: readonly string[]): RuleSet => compileRules([rule(oci, { to })]);

  test('serve the next request, and not one that is under way', async () => {
    const source: { current: RuleSet } & RuleSource = { current: set('old-a.example', 'old-b.example') };
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { sent, transport } = record(async ({ origin }) => {
      if (origin !== 'https://old-a.example') return answer(200);
      await released;
      throw new UpstreamError('down', 502);
    });
    const gateway = createGateway(source, { transport });
    const underWay = gateway.handle({ descriptor: manifest });
    source.current = set('new.example');
    expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(200);
    release();
    expect(await statusOf(underWay)).toBe(200);
    expect(sent.map(({ origin }) => origin)).toEqual([
      'https://old-a.example',
      'https://new.example',
      'https://old-b.example',
    ]);
  });

  test('that lose the rule of a request under way do not lose the request', async () => {
    const source: { current: RuleSet } & RuleSource = { current: set('old-a.example', 'old-b.example') };
    const { transport } = record(({ origin }) => {
      source.current = compileRules([]);
      return origin === 'https://old-a.example' ? down() : answer(200);
    });
    const gateway = createGateway(source, { transport });
    expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(200);
    expect(gateway.handle({ descriptor: manifest })).toMatchObject({ decision: { type: 'pass' } });
  });
});

describe('a hook', () => {
  test.each<readonly [string, GatewayOptions['onUpstreamError']]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine')) as never],
    ['never ends', () => new Promise(() => {}) as never],
  ])('that %s changes nothing', async (_, onUpstreamError) => {
    const gateway = createGateway(compileRules([rule(oci, { to: 'ghcr.io' })]), {
      transport: down,
      onUpstreamError,
    });
    expect(await statusOf(gateway.handle({ descriptor: manifest }))).toBe(502);
  });
});

describe('a client that has gone', () => {
  test('is given no answer', async () => {
    const abort = new AbortController();
    const { transport } = record(({ signal }) => {
      abort.abort(new Error('gone'));
      throw signal.reason;
    });
    const failures = vi.fn<() => void>();
    const gateway = createGateway(compileRules([rule(oci, { to: ['a.example', 'b.example'] })]), {
      transport,
      onUpstreamError: failures,
    });
    expect(await gateway.handle({ descriptor: manifest, signal: abort.signal })).toMatchObject({
      decision: { target: 'https://a.example/v2/app/manifests/1' },
      response: undefined,
    });
    expect(failures).not.toHaveBeenCalled();
  });
});
