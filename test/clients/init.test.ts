import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';

/** Runs a shell line on a terminal of its own, and types each answer when its question stands there. */
function converse(
  line: string,
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve) => {
    const child = spawn('script', ['-qefc', `stty cols 120 rows 50; ${line}`, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm' },
    });
    const rest = [...answers];
    let said = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [next] = rest;
      if (!next || !said.includes(next[0])) return;
      rest.shift();
      // The question stands there before it is read from.
      setTimeout(() => child.stdin.write(next[1]), 200);
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, said });
    });
  });
}

async function folder(): Promise<string> {
  const { path, stop } = await createTemporaryFolder();
  onTestFinished(async () => {
    await stop();
  });
  return path;
}

const DOWN = '\u001b[B';

test('turnout init asks on a terminal, and writes what was answered', async () => {
  const file = join(await folder(), 'turnout.yaml');
  const { code, said } = await converse(`node ${turnoutProgram} init ${file}`, [
    ['Which host', 'get.acme.example\r'],
    ['What do you publish?', ` ${DOWN} \r`],
    ['Where does it live today? Container', 'ghcr.io/acme\r'],
    ['Where does it live today? Downloads', 'https://storage.acme.example/public\r'],
    ['Write the rule file?', '\r'],
  ]);
  expect(said).toContain('is written.');
  expect(code).toBe(0);
  const written = await readFile(file, 'utf8');
  for (const line of [
    'host: get.acme.example',
    'to: ghcr.io/acme',
    'to: https://storage.acme.example/public/*path',
  ])
    expect(written).toContain(line);
});

test('turnout init writes nothing when somebody thinks better of it', async () => {
  const file = join(await folder(), 'turnout.yaml');
  const { said } = await converse(`node ${turnoutProgram} init ${file}`, [['Which host', '\u0003']]);
  expect(said).toContain('Nothing was written.');
  await expect(readFile(file)).rejects.toThrow('ENOENT');
});
