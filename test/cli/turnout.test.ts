import { expect, test } from 'vitest';

import manifest from '../../package.json' with { type: 'json' };
import { bundleProgram, run } from './program.ts';

bundleProgram();

test.each([
  ['the program', ['--help'], ['serve', 'check', 'explain', 'Examples:', 'Exit codes:']],
  ['serve', ['serve', '--help'], ['--port', '--admin', '--trust-proxy', '--grace', 'SIGTERM', '${NAME}']],
  ['check', ['check', '--help'], ['--json', '--strict']],
  ['explain', ['explain', '--help'], ['--rules', '--request', '--header', '--ip', '--json']],
])('--help of %s', async (_, args, words) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const word of words) expect(stdout).toContain(word);
});

test('--version', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
});

test.each([
  ['a command that there is not', ['serv'], /unknown command 'serv'/, 'serve'],
  ['an option that there is not', ['check', '--strct'], /unknown option '--strct'/, '--strict'],
  ['a port that is none', ['serve', '--port', '65536'], /A port is a number from 0 to 65535\./, '--help'],
  ['a port that is a word', ['serve', '--port', 'http'], /A port is a number from 0 to 65535\./, '--help'],
  [
    'an admin address that is none',
    ['serve', '--admin', 'localhost'],
    /Write host:port, a port, or off\./,
    '--help',
  ],
  ['an admin port that is none', ['serve', '--admin', '127.0.0.1:99999'], /A port is a number/, '--help'],
  ['a form of log that is none', ['serve', '--log', 'xml'], /json, text, off/, '--help'],
  ['a time that is none', ['serve', '--grace', '-1'], /number of seconds/, '--help'],
  ['one argument too many', ['check', 'a.yaml', 'b.yaml'], /too many arguments/, '--help'],
  ['no command', [], /Usage: turnout/, '--help'],
])('%s is a mistake with a hint', async (_, args, message, hint) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).toContain(hint);
  expect(stderr).not.toMatch(/^ {4}at /m);
});
