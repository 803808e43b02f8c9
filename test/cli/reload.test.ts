import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { ask } from '../gateway/client.ts';
import { bundleProgram, rulesTo, serve } from './program.ts';

bundleProgram();

describe('a change of the rule file', () => {
  const location = async (origin: string) => (await ask(origin, '/dl/a')).headers.location;

  test.each<readonly [string, (file: string, text: string) => Promise<void>]>([
    ['that is written', (file, text) => writeFile(file, text)],
    [
      'that is renamed into place',
      async (file, text) => {
        const next = join(dirname(file), 'next.yaml');
        await writeFile(next, text);
        await rename(next, file);
      },
    ],
  ])('%s serves the next request', async (_, change) => {
    const gateway = await serve(rulesTo('https://old.example'));
    expect(await location(gateway.origin)).toBe('https://old.example/a');
    await change(gateway.file, rulesTo('https://new.example'));
    const [line] = await gateway.printed(/^\{.*"msg":"rules reloaded".*\}$/m);
    expect(JSON.parse(line)).toEqual({
      time: expect.any(String),
      msg: 'rules reloaded',
      revision: expect.stringMatching(/^[\da-f]{12}$/),
      rules: 1,
    });
    expect(await location(gateway.origin)).toBe('https://new.example/a');
  });

  test('that is a mistake changes nothing, and is told of with its place until it is mended', async () => {
    const gateway = await serve(rulesTo('https://old.example'));
    await writeFile(gateway.file, rulesTo('ftp://new.example'));
    await gateway.printed(
      /turnout\.yaml:5:\d+ invalid_target: .*\nturnout: turnout\.yaml is not usable; the rules of before still serve\.\n/,
    );
    expect(await location(gateway.origin)).toBe('https://old.example/a');
    const broken = JSON.parse((await ask(gateway.admin, '/readyz')).body);
    expect((await ask(gateway.admin, '/metrics')).body).toContain('\nturnout_rules_last_reload_success 0\n');
    expect(broken).toMatchObject({
      status: 'degraded',
      source: { ok: false, lastError: expect.stringContaining('invalid_target') },
      failure: expect.stringMatching(/^turnout\.yaml:5:\d+ invalid_target: /),
    });

    await writeFile(gateway.file, rulesTo('https://new.example'));
    await gateway.printed(/"rules reloaded"/);
    expect(await location(gateway.origin)).toBe('https://new.example/a');
    expect(JSON.parse((await ask(gateway.admin, '/readyz')).body)).not.toHaveProperty('failure');
  });

  test('that is taken back leaves no failure behind', async () => {
    const gateway = await serve(rulesTo('https://old.example'));
    const before = await readFile(gateway.file, 'utf8');
    await writeFile(gateway.file, 'rules: [');
    await gateway.printed(/is not usable/);
    await writeFile(gateway.file, before);
    await expect
      .poll(async () => JSON.parse((await ask(gateway.admin, '/readyz')).body).failure, { timeout: 5000 })
      .toBeUndefined();
  });

  test('is not taken up with --no-watch', async () => {
    const gateway = await serve(rulesTo('https://old.example'), { args: ['--no-watch'] });
    await writeFile(gateway.file, rulesTo('https://new.example'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await location(gateway.origin)).toBe('https://old.example/a');
  });
});
