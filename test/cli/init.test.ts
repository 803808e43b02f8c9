import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

describe('turnout init', () => {
  test('writes a rule file that passes the check', async () => {
    const file = join(await makeFolder({}), 'turnout.yaml');
    const said = await run([
      ...['init', file, '--host', 'get.acme.example'],
      ...['--publish', 'images=ghcr.io/acme', '--publish', 'pypi=https://pypi.org'],
    ]);
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expect(said.stdout).toContain(`${file} is written.`);
    expect(said.stdout).toContain('docker pull get.acme.example/');
    expect(await readFile(file, 'utf8')).toContain('    to: ghcr.io/acme\n');
    expect(await run(['check', '--strict', file])).toMatchObject({ code: 0, stderr: '' });
  });

  test('does not write over a file unless it is told to', async () => {
    const file = join(await makeFolder({}), 'turnout.yaml');
    const args = ['init', file, '--host', 'get.acme.example', '--publish', 'npm=https://npm.pkg.github.com'];
    await run(args);
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
    expect(await run([...args, '--force'])).toMatchObject({ code: 0 });
  });

  test.each([
    ['a host is missing', ['--publish', 'npm=https://npm.pkg.github.com'], /--host get\.acme\.dev/],
    ['nobody knows what is published', ['--publish', 'cobol=https://a.example'], /there is images, files/],
    ['there is no address', ['--publish', 'npm='], /Write what=where/],
    ['there is no terminal to ask on', ['--host', 'get.acme.example'], /no terminal to ask on/],
    [
      'the address is none',
      ['--host', 'h.example', '--publish', 'npm=https://'],
      /turnout\.yaml:\d+:\d+ invalid_target/,
    ],
    ['the host is none', ['--host', 'a/b', '--publish', 'npm=https://a.example'], /invalid_host/],
  ])('writes nothing when %s', async (_, args, message) => {
    const file = join(await makeFolder({}), 'turnout.yaml');
    expect(await run(['init', file, ...args])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    });
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });
});
