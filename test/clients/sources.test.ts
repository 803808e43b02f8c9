import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { createTemporaryFolder, type TemporaryFolder } from './lab/temporary-folder.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { startFile } from './stores/file.ts';
import { startHttpStore } from './stores/http.ts';
import { startPostgres } from './stores/postgres.ts';
import { startRedis } from './stores/redis.ts';
import { startS3 } from './stores/s3.ts';
import type { Store } from './stores/store.ts';

const rulesTo = (version: string): string => `rules:
  - name: files
    protocol: file
    match: /dl/*path
    to: https://${version}.example/*path
`;

/** What `/readyz` says, as far as it is read. */
interface Ready {
  readonly status: string;
  readonly revision: string;
  readonly failure?: string;
  readonly source: { readonly ok: boolean; readonly from: string; readonly lastError?: string };
}

async function ready({ admin }: Turnout): Promise<Ready> {
  const answer = await fetch(`${admin}/readyz`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Ready;
}

async function leadsTo({ origin }: Turnout): Promise<string | undefined> {
  const { status, headers } = await fetch(`${origin}/dl/a`, { redirect: 'manual' });
  expect(status).toBe(302);
  return /^https:\/\/(.+)\.example\/a$/.exec(headers.get('location') ?? '')?.[1];
}

/** Waits until a gateway leads somewhere, and tells how long that took, in milliseconds. */
async function takesUp(turnout: Turnout, version: string, most = 1500): Promise<number> {
  const start = performance.now();
  await expect.poll(() => leadsTo(turnout), { timeout: most, interval: 20 }).toBe(version);
  return performance.now() - start;
}

const starts: readonly (readonly [string, () => Promise<Store>])[] = [
  ['a file', startFile],
  ['an HTTP address', startHttpStore],
  ['Redis', () => startRedis()],
  ['Redis with keyspace notifications alone', startQuietRedis],
  ['a cluster of Redis', startRedisCluster],
  ['PostgreSQL', startPostgres],
  ['S3', startS3],
];

/** A server that tells of changes itself, whoever makes them. */
async function startQuietRedis(): Promise<Store> {
  const store = await startRedis({ args: ['--notify-keyspace-events', 'K$'] });
  return { ...store, put: async (text) => void (await store.command('SET', 'turnout', text)) };
}

async function startRedisCluster(): Promise<Store> {
  const store = await startRedis({
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
      ...['--cluster-port', `${await freePort()}`],
    ],
    address: (port) => `redis-cluster://127.0.0.1:${port}#turnout`,
  });
  await store.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  const isReady = async () => expect(await store.command('CLUSTER', 'INFO')).toContain('cluster_state:ok');
  const wait = () => vi.waitFor(isReady, { timeout: 20_000, interval: 100 });
  await wait();
  const revive = async () => {
    await store.revive();
    await wait();
  };
  return { ...store, revive };
}

describe.each(starts)('rules in %s', (_, start) => {
  const whole = createCleanup();
  const each = createCleanup();
  let store: Store;
  let folder: TemporaryFolder;

  beforeAll(async () => {
    store = await whole.use(start());
  });
  afterAll(() => whole.run());
  beforeEach(async () => {
    folder = await each.use(createTemporaryFolder());
    await store.put(rulesTo('v1'));
  });
  afterEach(() => each.run());

  const serve = (...args: readonly string[]): Promise<Turnout> => {
    const { address, env } = store;
    return each.use(startTurnout(rulesTo('unused'), { address, env, args }));
  };
  const copy = (): string => join(folder.path, 'copy.json');

  test('are taken up within a second or so, by every instance alike', async () => {
    const [one, other] = await Promise.all([serve(), serve()]);
    for (const version of ['v2', 'v3', 'v4']) {
      await store.put(rulesTo(version));
      const times = await Promise.all([one, other].map((turnout) => takesUp(turnout, version)));
      expect(Math.max(...times)).toBeLessThan(1500);
      expect((await ready(one)).revision).toBe((await ready(other)).revision);
    }
  });

  test.each([
    ['has a mistake', 3, (text: string) => text.replace('protocol: file', 'protocol: fil')],
    ['is half written', 5, (text: string) => text.slice(0, text.indexOf('2.example'))],
    ['runs a program', 6, (text: string) => `${text}    auth: { command: [cat, /etc/passwd] }\n`],
  ])('that %s change nothing, and line %i is told once', async (what, line, spoil) => {
    if (what === 'runs a program' && store.address.startsWith('/')) return;
    const turnout = await serve();
    const { revision } = await ready(turnout);
    const bad = spoil(rulesTo('v2'));
    await store.put(what === 'is half written' ? `${bad}:\n` : bad);
    await turnout.process.waitFor(/is not usable/, 5000);
    await delay(2200);
    const told = turnout.process.stderr().match(/is not usable/g);
    expect(told).toHaveLength(1);
    expect(turnout.process.stderr()).toMatch(new RegExp(`:${line}:\\d+ \\w+: `));
    expect(await leadsTo(turnout)).toBe('v1');
    expect(await ready(turnout)).toMatchObject({ status: 'degraded', revision, source: { ok: false } });

    await store.put(rulesTo('v3'));
    await takesUp(turnout, 'v3');
    expect(await ready(turnout)).toMatchObject({ status: 'ok', source: { ok: true } });
  });

  test('serve on while the store is gone, and are followed when it is back', async () => {
    const turnout = await serve();
    await store.kill();
    await turnout.process.waitFor(/is not usable/, 10_000);
    expect(await leadsTo(turnout)).toBe('v1');
    expect(await ready(turnout)).toMatchObject({ status: 'degraded', source: { ok: false } });
    await store.revive();
    await store.put(rulesTo('v2'));
    await takesUp(turnout, 'v2', 11_000);
    expect(await ready(turnout)).toMatchObject({ status: 'ok' });
    await store.put(rulesTo('v3'));
    await takesUp(turnout, 'v3');
  });

  test('serve after a restart without the store, from the copy', async () => {
    const first = await serve('--cache', copy());
    const { revision } = await ready(first);
    expect(await first.process.stop()).toBe(0);
    await store.kill();
    try {
      const second = await serve('--cache', copy());
      expect(second.process.stdout()).toContain(`revision ${revision}, from the copy`);
      expect(second.process.stderr()).toContain('is not usable');
      expect(await leadsTo(second)).toBe('v1');
      expect(await ready(second)).toMatchObject({ status: 'degraded', revision, source: { from: 'copy' } });
      await store.revive();
      await store.put(rulesTo('v2'));
      await takesUp(second, 'v2', 11_000);
      expect(await ready(second)).toMatchObject({ status: 'ok', source: { from: 'store' } });
    } finally {
      await store.revive().catch(() => {});
    }
  });

  test('go back to an accepted set with turnout rollback', async () => {
    const turnout = await serve('--cache', copy());
    const { revision } = await ready(turnout);
    await turnout.reloadAfter(() => store.put(rulesTo('v2')));
    const args = ['--rules', store.address, '--cache', copy()];
    const options = { env: { ...process.env, ...store.env } };
    const done = await run(process.execPath, [turnoutProgram, 'rollback', ...args], options);
    expect(done.output).toContain('-    to: https://v2.example/*path\n+    to: https://v1.example/*path');
    if (store.address.startsWith('http')) {
      expect(done.ok).toBe(false);
      expect(done.output).toContain('cannot be written to from here');
      return;
    }
    expect(done.output).toContain(`is back at revision ${revision}`);
    expect(done.ok).toBe(true);
    await takesUp(turnout, 'v1');
    expect((await ready(turnout)).revision).toBe(revision);
    expect((await store.get()).trimEnd()).toBe(rulesTo('v1').trimEnd());

    await run(process.execPath, [turnoutProgram, 'rollback', ...args], options);
    await takesUp(turnout, 'v2');
    const list = await run(process.execPath, [
      turnoutProgram,
      'rules',
      'history',
      '--cache',
      copy(),
      '--json',
    ]);
    expect((JSON.parse(list.stdout) as readonly unknown[]).length).toBe(4);
  });
});
