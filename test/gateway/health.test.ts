import { afterEach, describe, expect, test, vi } from 'vitest';

import type { AdapterOptions } from '../../src/adapters/node.ts';
import type { Protocol } from '../../src/core/protocol.ts';
import { type Rule, type RuleConfig, rule } from '../../src/core/rule.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, startRawUpstream, startUpstream, unusedOrigin } from './upstream.ts';

afterEach(() => {
  vi.useRealTimers();
});

const path = '/v2/app/manifests/1.0';

/** An upstream that answers what it is told to, and counts. */
async function startMoody(status = 200, headers: Readonly<Record<string, string>> = {}) {
  const mood = { status, headers, asked: 0, methods: [] as string[], paths: [] as string[] };
  const { origin } = await startUpstream((request, response) => {
    mood.asked++;
    mood.methods.push(request.method ?? '');
    mood.paths.push(request.url ?? '');
    response.writeHead(mood.status, mood.headers).end(origin);
  });
  return Object.assign(mood, { origin });
}

describe.each(transports)('upstreams that are out of order, over %s', (_, createTransport) => {
  async function front(to: RuleConfig['to'], options: AdapterOptions = {}, config: RuleConfig = {}) {
    const { origin } = await serve([rule(oci, { to, ...config })], {
      transport: createTransport(),
      ...options,
    });
    return (name = path) => ask(origin, name);
  }

  test('after three failures the next one is asked first, and one request in five seconds tries again', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const [first, second] = [await startMoody(503), await startMoody()];
    const changes: unknown[] = [];
    const get = await front([first.origin, second.origin], {
      onUpstreamChange: (...change) => void changes.push(change),
    });
    for (let count = 0; count < 6; count++)
      expect(await get()).toMatchObject({ status: 200, body: second.origin });
    expect([first.asked, second.asked]).toEqual([3, 6]);
    expect(changes).toEqual([[first.origin, false]]);
    vi.setSystemTime(Date.now() + 5000);
    for (let count = 0; count < 3; count++) await get();
    expect(first.asked).toBe(4);
    first.status = 200;
    vi.setSystemTime(Date.now() + 5000);
    for (let count = 0; count < 3; count++) expect(await get()).toMatchObject({ body: first.origin });
    expect(changes).toEqual([
      [first.origin, false],
      [first.origin, true],
    ]);
  });

  test('when all are out of order, they are asked all the same', async () => {
    const [first, second] = [await startMoody(503), await startMoody(503)];
    const get = await front([first.origin, second.origin]);
    for (let count = 0; count < 8; count++) expect(await get()).toMatchObject({ status: 503 });
    expect(second.asked).toBe(8);
    second.status = 200;
    expect(await get()).toMatchObject({ status: 200, body: second.origin });
  });

  test.each([
    ['a second', '1', 1000],
    ['a date', () => new Date(Date.now() + 2000).toUTCString(), 2000],
    ['nothing that can be read', 'soon', 10_000],
  ])('who wants fewer requests is left alone: %s', async (_title, retryAfter, pause) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 11, 1) });
    const field = typeof retryAfter === 'string' ? retryAfter : retryAfter();
    const [first, second] = [await startMoody(429, { 'retry-after': field }), await startMoody()];
    const get = await front([first.origin, second.origin]);
    for (let count = 0; count < 3; count++) expect(await get()).toMatchObject({ body: second.origin });
    expect(first.asked).toBe(1);
    first.status = 200;
    vi.setSystemTime(Date.now() + pause);
    expect(await get()).toMatchObject({ body: first.origin });
  });

  test('who says that no requests are left is left alone', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const limits = { 'ratelimit-limit': '100;w=60', 'ratelimit-remaining': '0;w=60' };
    const [first, second] = [await startMoody(200, limits), await startMoody()];
    const get = await front([first.origin, second.origin]);
    expect(await get()).toMatchObject({ body: first.origin });
    expect(await get()).toMatchObject({ body: second.origin });
    first.headers = {};
    vi.setSystemTime(Date.now() + 60_000);
    expect(await get()).toMatchObject({ body: first.origin });
  });

  test('one that does not answer is not waited for when another one can', async () => {
    const silent = await startRawUpstream(() => {});
    const second = await startMoody();
    const errors: string[] = [];
    const get = await front([silent.origin, second.origin], {
      patience: 50,
      onUpstreamError: ({ message }) => void errors.push(message),
    });
    expect(await get()).toMatchObject({ status: 200, body: second.origin });
    expect(errors).toEqual([`${silent.origin} does not answer in 0.05 s.`]);
  });

  test('a body that takes its time is not cut off', async () => {
    const { origin } = await startUpstream((_request, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 200);
    });
    const get = await front([origin, await unusedOrigin()], { patience: 50 });
    expect(await get()).toMatchObject({ body: 'ab', complete: true });
  });

  test.each([401, 403])('a refusal with %i is nobody else’s to answer', async (status) => {
    const [first, second] = [await startMoody(status), await startMoody()];
    const get = await front([first.origin, second.origin], {}, { missing: 'next' });
    expect(await get()).toMatchObject({ status });
    expect(second.asked).toBe(0);
  });

  test('what one does not have, the next one is asked for if the rule says so', async () => {
    const [first, second] = [await startMoody(404), await startMoody()];
    expect(await (await front([first.origin, second.origin]))()).toMatchObject({ status: 404 });
    const get = await front([first.origin, second.origin], {}, { missing: 'next' });
    expect(await get()).toMatchObject({ status: 200, body: second.origin });
    second.status = 404;
    expect(await get()).toMatchObject({ status: 404 });
    // An absence is no failure.
    first.status = 200;
    expect(await get()).toMatchObject({ body: first.origin });
  });

  test('what the last one does not have, one that has failed may have', async () => {
    const [first, second] = [await startMoody(503), await startMoody(404)];
    const get = await front([first.origin, second.origin], {}, { missing: 'next' });
    expect(await get()).toMatchObject({ status: 502, headers: { 'retry-after': '10' } });
    first.status = 404;
    expect(await get()).toMatchObject({ status: 404 });
    // Whoever is asked for a name alone answers for it.
    first.status = 503;
    expect(await (await front([first.origin, second.origin]))()).toMatchObject({ status: 404 });
  });

  test('a probe tells of what requests have not met', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const [first, second] = [await startMoody(), await startMoody()];
    const get = await front([{ url: first.origin, probe: '/healthz' }, second.origin]);
    first.status = 503;
    const { status } = await get('/v2/app/blobs/nothing');
    await eventually(() => first.paths).toContain('/healthz');
    expect(status).toBe(404);
    await eventually(() => get()).toMatchObject({ body: second.origin });
    const { asked } = first;
    await get();
    expect(first.asked).toBe(asked);
    first.status = 200;
    vi.setSystemTime(Date.now() + 10_000);
    await eventually(() => get()).toMatchObject({ body: first.origin });
  });
});

describe('redirects that are checked', () => {
  async function front(to: RuleConfig['to'], config: RuleConfig = {}) {
    const { origin } = await serve([rule(file, { to, check: true, ...config })]);
    return async (name = '/a') => {
      const { status, headers } = await ask(origin, name);
      return status === 302 ? headers.location : status;
    };
  }

  test('lead to the first that is in order, and the answer is kept', async () => {
    const [first, second] = [await startMoody(503), await startMoody()];
    const get = await front([first.origin, second.origin]);
    const all = await Promise.all(Array.from({ length: 50 }, () => get()));
    expect(new Set(all)).toEqual(new Set([`${second.origin}/a`]));
    expect([first.methods, second.methods]).toEqual([['HEAD'], ['HEAD']]);
    first.status = 200;
    await eventually(() => get(), 3000).toBe(`${first.origin}/a`);
  });

  test('lead where something is, if the rule says so', async () => {
    const [first, second] = [await startMoody(404), await startMoody()];
    expect(await (await front([first.origin, second.origin]))()).toBe(`${first.origin}/a`);
    expect(await (await front([first.origin, second.origin], { missing: 'next' }))()).toBe(
      `${second.origin}/a`,
    );
  });

  test.each([401, 403, 405])('an answer with %i is for the client to see', async (status) => {
    const [first, second] = [await startMoody(status), await startMoody()];
    expect(await (await front([first.origin, second.origin], { missing: 'next' }))()).toBe(
      `${first.origin}/a`,
    );
  });

  test('lead to the first when none is in order', async () => {
    const [first, second] = [await startMoody(500), await unusedOrigin()];
    expect(await (await front([first.origin, second]))()).toBe(`${first.origin}/a`);
  });

  test('one upstream alone is not looked at', async () => {
    const first = await startMoody();
    expect(await (await front(first.origin))()).toBe(`${first.origin}/a`);
    expect(first.asked).toBe(0);
  });

  test('one that cannot be redirected to is fetched from', async () => {
    const [first, second] = [await startMoody(503), await startMoody()];
    const get = await front([first.origin, { url: second.origin, auth: { token: 't' } }]);
    expect(await get()).toBe(200);
    expect(second.methods).toEqual(['GET']);
  });
});

test('a redirect of what belongs to an index leads where the index was', async () => {
  const repository: Protocol<FileResource> = {
    ...file,
    tie: ({ path: name }) => ({ type: name === '/index' ? 'index' : 'member', of: '/' }),
  };
  const [first, second] = [await startMoody(), await startMoody()];
  const { origin } = await serve([
    rule(repository, { to: [{ url: first.origin, probe: '/' }, second.origin] }) as unknown as Rule,
  ]);
  const get = async (name: string) => (await ask(origin, name)).headers.location;
  expect(await get('/index')).toBe(`${first.origin}/index`);
  first.status = 503;
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + 10_000);
  await get('/list');
  await eventually(() => first.asked).toBeGreaterThan(1);
  expect(await get('/list')).toBe(`${first.origin}/list`);
  await eventually(() => get('/index')).toBe(`${second.origin}/index`);
  expect(await get('/list')).toBe(`${second.origin}/list`);
});
