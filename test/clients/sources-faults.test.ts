import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { createCleanup } from './lab/cleanup.ts';
import { runChecked } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { startProcess } from './lab/process.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { startTurnout } from './programs/turnout.ts';
import { type HttpStore, type Manner, startHttpStore } from './stores/http.ts';
import { startRedis } from './stores/redis.ts';

const whole = createCleanup();
const each = createCleanup();
afterAll(() => whole.run());
afterEach(() => each.run());

const rulesTo = (version: string): string => `rules:
  - name: files
    protocol: file
    match: /dl/*path
    to: https://${version}.example/*path
`;

async function leadsTo({ origin }: { readonly origin: string }): Promise<string | undefined> {
  const { headers } = await fetch(`${origin}/dl/a`, { redirect: 'manual' });
  return /^https:\/\/(.+)\.example\/a$/.exec(headers.get('location') ?? '')?.[1];
}

describe('a web server', () => {
  const start = async (): Promise<HttpStore> => {
    const store = await each.use(startHttpStore());
    await store.put(rulesTo('v1'));
    return store;
  };

  test.each<readonly [Manner, RegExp]>([
    ['fails', /answers 503/],
    ['hangs', /has not answered within 10 seconds/],
    ['breaks off', /cannot be|terminated|aborted|closed/],
    ['is endless', /more than 16 MiB/],
  ])('that %s changes nothing and holds nobody up', async (manner, message) => {
    const store = await start();
    const { address, env } = store;
    const turnout = await each.use(startTurnout(rulesTo('unused'), { address, env }));
    store.behave(manner);
    await store.put(rulesTo('v2'));
    await turnout.process.waitFor(message, 15_000);
    const begin = performance.now();
    expect(await leadsTo(turnout)).toBe('v1');
    expect(performance.now() - begin).toBeLessThan(1500);
    store.behave('well');
    await expect.poll(() => leadsTo(turnout), { timeout: 20_000 }).toBe('v2');
  });

  test('is asked for a whole text only when it has another one', async () => {
    const store = await start();
    const { address, env } = store;
    await each.use(startTurnout(rulesTo('unused'), { address, env, args: ['--poll', '0.2'] }));
    await delay(1500);
    expect(store.answers.filter((status) => status === 200)).toHaveLength(1);
    expect(store.answers.filter((status) => status === 304).length).toBeGreaterThan(3);
  });

  test('that is never told the token gives nothing', async () => {
    const store = await start();
    const started = startTurnout(rulesTo('unused'), { address: store.address });
    await expect(started).rejects.toThrow('answers 401');
  });
});

describe('servers of Redis behind a sentinel', () => {
  test('are followed when another one takes over', async () => {
    const first = await each.use(startRedis());
    const second = await each.use(startRedis({ args: ['--replicaof', '127.0.0.1', `${first.port}`] }));
    const folder = await each.use(createTemporaryFolder());
    const port = await freePort();
    const { TURNOUT_RULES_PASSWORD: password } = first.env;
    const file = join(folder.path, 'sentinel.conf');
    await writeFile(
      file,
      `port ${port}
bind 127.0.0.1
dir ${folder.path}
sentinel monitor rules 127.0.0.1 ${first.port} 1
sentinel auth-pass rules ${password}
sentinel down-after-milliseconds rules 1000
sentinel failover-timeout rules 5000
`,
    );
    const sentinel = await each.use(startProcess('redis-server', [file, '--sentinel']));
    await sentinel.waitFor(/\+monitor/);
    await first.put(rulesTo('v1'));
    await expect.poll(() => second.command('GET', 'turnout'), { timeout: 15_000 }).toContain('v1');
    const known = () => runChecked('redis-cli', ['-p', `${port}`, 'SENTINEL', 'replicas', 'rules']);
    await expect.poll(known, { timeout: 15_000, interval: 500 }).toContain(`${second.port}`);

    const address = `redis-sentinel://127.0.0.1:${port}/rules#turnout`;
    const turnout = await each.use(startTurnout(rulesTo('unused'), { address, env: first.env }));
    await first.put(rulesTo('v2'));
    await expect.poll(() => leadsTo(turnout), { timeout: 3000 }).toBe('v2');
    await first.kill();
    await expect
      .poll(() => second.command('INFO', 'replication'), { timeout: 30_000, interval: 200 })
      .toContain('role:master');
    expect(await leadsTo(turnout)).toBe('v2');
    await second.put(rulesTo('v3'));
    await expect.poll(() => leadsTo(turnout), { timeout: 25_000 }).toBe('v3');
  });
});
