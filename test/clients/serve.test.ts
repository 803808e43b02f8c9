import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type FileOrigin, SLOW_SIZE, startFileOrigin } from './upstreams/file-origin.ts';

const cleanup = createCleanup();
let before: FileOrigin;
let after: FileOrigin;
let turnout: Turnout;

beforeAll(async () => {
  before = await cleanup.use(startFileOrigin());
  after = await cleanup.use(startFileOrigin());
  before.put('/which', { body: Buffer.from('before') });
  after.put('/which', { body: Buffer.from('after') });
});
beforeEach(async () => {
  turnout = await cleanup.use(startTurnout(rules(before)));
});
afterAll(() => cleanup.run());

function rules({ origin }: FileOrigin): string {
  return `rules:
  - name: files
    protocol: file
    match: /files/*path
    to: ${origin}/*path
    mode: proxy
`;
}

async function which(): Promise<string> {
  return (await fetch(`${turnout.origin}/files/which`)).text();
}

async function revision(): Promise<unknown> {
  const ready = await fetch(`${turnout.admin}/readyz`);
  expect(ready.status).toBe(200);
  return ((await ready.json()) as { readonly revision: unknown }).revision;
}

describe('the rule file', () => {
  test('may be written in place', async () => {
    const first = await revision();
    expect(await which()).toBe('before');
    await turnout.reloadAfter(() => writeFile(turnout.file, rules(after)));
    expect(await which()).toBe('after');
    expect(await revision()).not.toEqual(first);
  });

  test('may be replaced, as most editors do', async () => {
    for (const origin of [after, before, after]) {
      await turnout.reloadAfter(async () => {
        await writeFile(`${turnout.file}~`, rules(origin));
        await rename(`${turnout.file}~`, turnout.file);
      });
      expect(await which()).toBe(origin === after ? 'after' : 'before');
    }
  });

  test.each([
    ['is not YAML', 4, (text: string) => text.replace('match: /files', 'match: files: /files')],
    [
      'names a protocol that does not exist',
      3,
      (text: string) => text.replace('protocol: file', 'protocol: fil'),
    ],
    ['breaks off in the middle of a word', 4, (text: string) => text.slice(0, text.indexOf('tch: /files'))],
    ['has a pattern with a mistake', 4, (text: string) => text.replace('/files/*path', '/files/:')],
    [
      'uses a name that the pattern does not have',
      5,
      (text: string) => text.replace('/*path\n    mode', '/*pth\n    mode'),
    ],
  ])('changes nothing when it %s, and line %i is named', async (_, line, spoil) => {
    const first = await revision();
    await writeFile(turnout.file, spoil(rules(after)));
    await turnout.process.waitFor(new RegExp(`turnout\\.yaml:${line}\\b`), 10_000);
    expect(turnout.process.stderr()).toMatch(new RegExp(`turnout\\.yaml:${line}\\b`));
    expect(await which()).toBe('before');
    expect(await revision()).toEqual(first);
    expect(turnout.reloads()).toBe(0);

    await turnout.reloadAfter(() => writeFile(turnout.file, rules(after)));
    expect(await which()).toBe('after');
  });

  test('changes nothing while it is empty or gone', async () => {
    for (const spoil of [() => writeFile(turnout.file, ''), () => rm(turnout.file)]) {
      await spoil();
      await delay(700);
      expect(await which()).toBe('before');
    }
    expect(turnout.process.ended()).toBe(false);
    await turnout.reloadAfter(() => writeFile(turnout.file, rules(after)));
    expect(await which()).toBe('after');
  });

  test('does not start the gateway when it has a mistake', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'turnout-lab-'));
    const file = join(folder, 'turnout.yaml');
    await writeFile(file, rules(before).replace('protocol: file', 'protocol: fil'));
    const started = await run(process.execPath, [turnoutProgram, 'serve', file, '--port', '0'], {
      timeout: 20_000,
    });
    await rm(folder, { recursive: true });
    expect(started.ok).toBe(false);
    expect(started.output).toMatch(/turnout\.yaml:3\b/);
    expect(started.output).not.toContain('turnout ready');
  });
});

test('a download that is under way ends as it began when the rules change', async () => {
  const download = fetch(`${turnout.origin}/files/slow`).then((answer) => answer.arrayBuffer());
  await expect.poll(() => before.requests.some(({ url }) => url === '/slow')).toBe(true);
  await turnout.edit(before.origin, after.origin);
  expect(await which()).toBe('after');
  expect((await download).byteLength).toBe(SLOW_SIZE);
});

describe('SIGTERM', () => {
  test('lets a running download finish, and tells the load balancer at once', async () => {
    const answer = await ask('/files/slow', new Agent());
    const download = buffer(answer);
    expect((await fetch(`${turnout.admin}/readyz`)).status).toBe(200);
    expect((await fetch(`${turnout.admin}/healthz`)).status).toBe(200);

    turnout.process.signal('SIGTERM');

    await expect
      .poll(async () => (await fetch(`${turnout.admin}/readyz`)).status, { timeout: 1500 })
      .toBe(503);
    expect((await fetch(`${turnout.admin}/healthz`)).status).toBe(200);
    expect((await download).length).toBe(SLOW_SIZE);
    expect(await turnout.process.exit()).toBe(0);
  });

  test('is not held up by a connection that nobody uses', async () => {
    const agent = new Agent({ keepAlive: true });
    (await ask('/files/which', agent)).resume();
    await delay(100);
    turnout.process.signal('SIGTERM');
    const code = await Promise.race([turnout.process.exit(), delay(8000, 'still there')]);
    agent.destroy();
    expect(code).toBe(0);
  });
});

async function ask(path: string, agent: Agent): Promise<IncomingMessage> {
  const [answer] = (await once(get(`${turnout.origin}${path}`, { agent }), 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  return answer;
}
