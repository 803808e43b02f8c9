import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { debian } from './debians.ts';
import { makeDebian, openDebian } from './lab/debian.ts';

test('a Debian of another release shares the folder for temporary files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'turnout-lab-'));
  await writeFile(join(folder, 'file'), 'shared');

  const { run } = openDebian(debian);
  const read = await run('cat', ['/etc/os-release', join(folder, 'file')]);
  await rm(folder, { recursive: true });

  expect(read.output).toContain(debian.suite);
  expect(read.output).toContain('shared');
});

test('the mounts of a Debian go with its last process', async () => {
  const { run, start } = openDebian(debian);
  const running = start('sleep', ['60']);
  expect((await run('cat', ['/proc/mounts'])).output).toContain('/run tmpfs');
  expect(await readFile('/proc/mounts', 'utf8')).not.toContain(`/${debian.suite}-`);
  await running.stop();
});

test('a Debian that cannot be made is a failure that says why', async () => {
  const offline = { suite: 'trixie', packages: [], apt: ['Acquire::http::Proxy "http://127.0.0.1:1"'] };
  await expect(makeDebian(offline)).rejects.toThrow(/Debian trixie, .* was not made:[\s\S]*127\.0\.0\.1/);
});
