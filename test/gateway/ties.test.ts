import { expect, test } from 'vitest';
import type { Protocol, Tie } from '../../src/core/protocol.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';
import { type Handler, startUpstream } from './upstream.ts';

/** Files of which `/repo/index` opens a snapshot, `/repo/list` belongs to it, and `/hash/…` is content. */
const snapshots: Protocol<FileResource> = {
  ...file,
  deliver: () => ({ type: 'proxy', delivery: 'stream' }),
  tie({ path }): Tie | undefined {
    if (path.startsWith('/hash/')) return { type: 'content' };
    if (path === '/repo/index') return { type: 'index', of: '/repo' };
    return path.startsWith('/repo/') ? { type: 'member', of: '/repo' } : undefined;
  },
};

/** Two upstreams that say which they are, or what a test has them say. */
async function start() {
  const says: (number | undefined)[] = [undefined, undefined];
  const handler =
    (number: number): Handler =>
    (_, response) =>
      void response.writeHead(says[number] ?? 200).end(`from ${number}`);
  const origins = [(await startUpstream(handler(0))).origin, (await startUpstream(handler(1))).origin];
  const { origin } = await serve([rule(snapshots, { to: origins }) as unknown as Rule], { trustProxy: true });
  return {
    says,
    get: (path: string, ip = '192.0.2.1') => ask(origin, path, { headers: { 'x-forwarded-for': ip } }),
  };
}

test('what belongs to an index comes from where the index came from', async () => {
  const { says, get } = await start();
  says[0] = 503;
  expect(await get('/repo/index')).toMatchObject({ status: 200, body: 'from 1' });
  says[0] = undefined;
  expect(await get('/repo/list')).toMatchObject({ status: 200, body: 'from 1' });
  expect(await get('/other')).toMatchObject({ body: 'from 0' });
});

test('what belongs to an index is nowhere else when its upstream has gone', async () => {
  const { says, get } = await start();
  expect(await get('/repo/index')).toMatchObject({ body: 'from 0' });
  says[0] = 503;
  expect(await get('/repo/list')).toMatchObject({ status: 503 });
  expect(await get('/repo/index')).toMatchObject({ body: 'from 1' });
  expect(await get('/repo/list')).toMatchObject({ body: 'from 1' });
});

test('each client has its own index', async () => {
  const { says, get } = await start();
  expect(await get('/repo/index')).toMatchObject({ body: 'from 0' });
  says[0] = 503;
  expect(await get('/repo/index', '192.0.2.2')).toMatchObject({ body: 'from 1' });
  says[0] = undefined;
  expect(await get('/repo/list')).toMatchObject({ body: 'from 0' });
  expect(await get('/repo/list', '192.0.2.2')).toMatchObject({ body: 'from 1' });
});

test('two upstreams of one host are told apart', async () => {
  const upstream = await startUpstream((request, response) => {
    const down = request.url?.startsWith('/a/') && request.url !== '/a/repo/list';
    response.writeHead(down ? 503 : 200).end(request.url);
  });
  const to = [`${upstream.origin}/a`, `${upstream.origin}/b`];
  const { origin } = await serve([rule(snapshots, { to }) as unknown as Rule]);
  expect(await ask(origin, '/repo/index')).toMatchObject({ body: '/b/repo/index' });
  expect(await ask(origin, '/repo/list')).toMatchObject({ body: '/b/repo/list' });
});

test('without an index, the order of fallback counts', async () => {
  const { says, get } = await start();
  says[0] = 503;
  expect(await get('/repo/list')).toMatchObject({ body: 'from 1' });
});

test('an index that is not there opens nothing', async () => {
  const { says, get } = await start();
  says[0] = 404;
  expect(await get('/repo/index')).toMatchObject({ status: 404 });
  says[0] = 503;
  expect(await get('/repo/list')).toMatchObject({ body: 'from 1' });
});

test('content comes from any upstream that has it', async () => {
  const { says, get } = await start();
  says[0] = 404;
  expect(await get('/hash/abc')).toMatchObject({ status: 200, body: 'from 1' });
  says[1] = 404;
  expect(await get('/hash/abc')).toMatchObject({ status: 404 });
  says[0] = 403;
  expect(await get('/hash/abc')).toMatchObject({ status: 403 });
  says[0] = 404;
  expect(await get('/other')).toMatchObject({ status: 404, body: 'from 0' });
});

test.each([
  ['the index', '/repo/index'],
  ['a member', '/repo/list'],
])(
  'redirects that are checked lead to one upstream for a snapshot, where the first lacks %s',
  async (_, lacking) => {
    const handler =
      (lacks: string): Handler =>
      ({ url }, response) =>
        void response.writeHead(url === lacks ? 404 : 200).end();
    const to = [(await startUpstream(handler(lacking))).origin, (await startUpstream(handler(''))).origin];
    const redirected: Protocol<FileResource> = {
      ...snapshots,
      deliver: () => ({ type: 'redirect', status: 302 }),
    };
    const { origin } = await serve([
      rule(redirected, { to, check: true, missing: 'next' }) as unknown as Rule,
    ]);
    const lead = async (path: string) => new URL((await ask(origin, path)).headers.location ?? '').origin;
    const index = await lead('/repo/index');
    expect(await lead('/repo/list')).toBe(index);
  },
);
