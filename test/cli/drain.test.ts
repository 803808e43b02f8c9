import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';

import { ask, open, send } from '../gateway/client.ts';
import { startUpstream } from '../gateway/upstream.ts';
import { bundleProgram, makeFolder, proxied, rulesTo, serve, start } from './program.ts';

bundleProgram();

describe('a signal', () => {
  async function startDownload(args: readonly string[] = []) {
    let finish = (): void => {};
    const upstream = await startUpstream((_, response) => {
      response.write('first, ');
      finish = () => void response.end('last');
    });
    const gateway = await serve(proxied(upstream.origin), { args });
    const response = await open(gateway.origin, '/a', { headers: { connection: 'keep-alive' } });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('error', () => {});
    await once(response, 'data');
    return { gateway, response, text: () => text, finish: () => finish() };
  }

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s lets a download end, takes no more, and ends with 0',
    async (signal) => {
      const { gateway, response, text, finish } = await startDownload();
      gateway.child.kill(signal);
      await gateway.printed(/finishing what is under way/);
      await expect(ask(gateway.origin, '/b')).rejects.toThrow('ECONNREFUSED');
      expect(await ask(gateway.admin, '/readyz')).toMatchObject({
        status: 503,
        body: expect.stringContaining('"draining":true'),
      });
      expect(await ask(gateway.admin, '/healthz')).toMatchObject({ status: 200 });
      finish();
      await once(response, 'end');
      expect(text()).toBe('first, last');
      expect(await gateway.ended).toMatchObject({ code: 0 });
      expect(gateway.access).toMatchObject([{ path: '/a', status: 200 }]);
    },
  );

  test('ends it at once when nothing is under way, though clients keep connections', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    const client = send(gateway.port, 'GET /dl/a HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'data');
    const started = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('cuts a download off when its time is over, and ends with 1', async () => {
    const { gateway, response } = await startDownload(['--grace', '0.3']);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 1 });
    expect(response.complete).toBe(false);
  });

  test('with a delay, is told at /readyz while requests are still taken, by rules as they change', async () => {
    const gateway = await serve(rulesTo('https://old.example'), { args: ['--drain-delay', '2'] });
    const started = performance.now();
    gateway.child.kill('SIGTERM');
    await gateway.printed(/requests are taken for 2 seconds/);
    expect(await ask(gateway.admin, '/readyz')).toMatchObject({ status: 503 });
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({
      status: 302,
      headers: { connection: 'close', location: 'https://old.example/a' },
    });
    await writeFile(gateway.file, rulesTo('https://new.example'));
    await gateway.printed(/rules reloaded/);
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({
      headers: { location: 'https://new.example/a' },
    });
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect(performance.now() - started).toBeGreaterThan(1900);
    await expect(ask(gateway.origin, '/dl/a')).rejects.toThrow('ECONNREFUSED');
  });

  test('that comes a second time within the delay ends it at once', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--drain-delay', '20'] });
    gateway.child.kill('SIGTERM');
    await gateway.printed(/requests are taken/);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 1 });
  });

  test('that comes a second time ends ends it at once', async () => {
    const { gateway } = await startDownload();
    gateway.child.kill('SIGTERM');
    await gateway.printed(/finishing what is under way/);
    const started = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 1 });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('that comes before it is ready ends it', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesTo('https://cdn.example') });
    const running = start(['serve', '--port', '0', '--admin', 'off'], { cwd });
    await new Promise((resolve) => setTimeout(resolve, 30));
    running.child.kill('SIGTERM');
    await running.ended;
  });
});
