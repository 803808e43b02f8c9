import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

const rules = (to: string, extra = '') => `rules:
  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/*path
    to: ${to}/*path
${extra}`;

const combined = (path: string, status = 302, host = 'get.acme.dev:443 ') =>
  `${host}203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "GET ${path} HTTP/1.1" ${status} 0 "-" "curl/8.14.1"\n`;

const log =
  combined('/cli/1') +
  combined('/cli/2') +
  combined('/cli/2') +
  'no line of a log\n' +
  combined('/other', 404);

async function folder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  return makeFolder({
    'old.yaml': rules('https://a.example'),
    'new.yaml': rules('https://b.example'),
    'access.log': log,
    ...files,
  });
}

const against = ['--rules', 'new.yaml', '--against', 'old.yaml'];

test('what changes is told, the most frequent first, with the lines that could not be read', async () => {
  const { code, stdout, stderr } = await run(['replay', 'access.log', ...against], { cwd: await folder() });
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    '3 × redirect 302 to a.example by cli → redirect 302 to b.example by cli',
    '  2 × GET https://get.acme.dev/cli/2 → https://b.example/2',
    '  1 × GET https://get.acme.dev/cli/1 → https://b.example/1',
    '',
    '4 requests, 3 change.',
    '1 line could not be read: 4.',
    '',
  ]);
});

test('one line of JSON says the same', async () => {
  const { code, stdout } = await run(['replay', 'access.log', ...against, '--json', '--examples', '1'], {
    cwd: await folder(),
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(stdout)).toEqual({
    requests: 4,
    changed: 3,
    withoutHost: 0,
    unreadable: { count: 1, lines: ['4'] },
    changes: [
      {
        count: 3,
        before: {
          type: 'redirect',
          status: 302,
          host: 'a.example',
          rule: 'cli',
          address: 'https://a.example/1',
        },
        after: {
          type: 'redirect',
          status: 302,
          host: 'b.example',
          rule: 'cli',
          address: 'https://b.example/1',
        },
        requests: [
          {
            request: 'GET https://get.acme.dev/cli/2',
            count: 2,
            from: 'https://a.example/2',
            to: 'https://b.example/2',
          },
        ],
        more: 1,
      },
    ],
  });
});

test('without other rules, what the log says is compared', async () => {
  const cwd = await folder({ 'access.log': combined('/cli/1') + combined('/gone', 302) });
  const { code, stdout } = await run(['replay', 'access.log', '--rules', 'old.yaml'], { cwd });
  expect(code).toBe(1);
  expect(stdout).toBe(
    '1 × status 302 → no rule\n  1 × GET https://get.acme.dev/gone\n\n2 requests, 1 changes.\n',
  );
});

test.each([
  ['the same rules', ['access.log', '--rules', 'old.yaml', '--against', 'old.yaml']],
  ['an empty log', ['empty.log', '--rules', 'new.yaml']],
])('%s change nothing', async (_, args) => {
  const { code, stdout } = await run(['replay', ...args], { cwd: await folder({ 'empty.log': '' }) });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d requests, nothing changes\.\n/);
});

test('several logs are read, from the standard input and compressed ones too', async () => {
  const cwd = await folder();
  // Logs that are rotated are often put together as they are.
  await writeFile(join(cwd, 'old.log.gz'), Buffer.concat([gzipSync(log), gzipSync(log)]));
  const { code, stdout } = await run(['replay', 'old.log.gz', '-', ...against], {
    cwd,
    input: `${'x'.repeat(200_000)}\n${combined('/cli/3').trimEnd()}`,
  });
  expect(code).toBe(1);
  expect(stdout).toContain('9 requests, 7 change.\n');
  expect(stdout).toContain('3 lines could not be read: old.log.gz:4, old.log.gz:9, -:1.\n');
});

test('a host that a log lacks is given', async () => {
  const cwd = await folder({ 'access.log': combined('/cli/1', 302, '') });
  const lost = await run(['replay', 'access.log', ...against], { cwd });
  expect(lost).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('1 request had no host; say with --host'),
  });
  const { code } = await run(['replay', 'access.log', ...against, '--host', 'get.acme.dev'], { cwd });
  expect(code).toBe(1);
});

test('what changes by the address alone is told', async () => {
  const cwd = await folder({ 'new.yaml': rules('https://a.example/new') });
  const { stdout } = await run(['replay', 'access.log', ...against, '--examples', '1'], { cwd });
  expect(stdout.split('\n').slice(0, 3)).toEqual([
    '3 × redirect 302 to a.example by cli → another address there',
    '  2 × GET https://get.acme.dev/cli/2: https://a.example/2 → https://a.example/new/2',
    '  … and 1 more',
  ]);
});

test('many lines that cannot be read are counted', async () => {
  const cwd = await folder({ 'access.log': 'x\n'.repeat(30) });
  const { code, stdout } = await run(['replay', 'access.log', ...against], { cwd });
  expect(code).toBe(2);
  expect(stdout).toMatch(/^30 lines could not be read: 1, 2, .*, 20 and 10 more\.$/m);
});

test('the time of schedules is given', async () => {
  const schedule = `rules:
  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/*path
    to:
      - { url: 'https://a.example/*path', weight: 1 }
      - { url: 'https://b.example/*path', ramp: [{ at: '2026-12-01T00:00:00Z', weight: 1000000 }] }
`;
  const cwd = await folder({ 'new.yaml': schedule });
  const before = await run(['replay', 'access.log', ...against, '--at', '2026-11-30T00:00:00Z'], { cwd });
  const after = await run(['replay', 'access.log', ...against, '--at', '2026-12-02T00:00:00Z'], { cwd });
  expect([before.code, after.code]).toEqual([0, 1]);
});

test.each([
  ['no log', [], /^error: missing required argument 'log'/],
  ['a log that is missing', ['absent.log', ...against], /^turnout: ENOENT.*absent\.log/],
  ['rules that are missing', ['access.log', '--rules', 'absent.yaml'], /^turnout: .*absent\.yaml/],
  ['a time that is none', ['access.log', ...against, '--at', 'noon'], /`noon` is not a time/],
  ['a host that is none', ['access.log', ...against, '--host', 'a b'], /Write a host/],
  ['a scheme that is none', ['access.log', ...against, '--scheme', 'ftp'], /Allowed choices are http, https/],
  ['a number that is none', ['access.log', ...against, '--examples', 'x'], /Write a number/],
])('%s is a mistake on stderr', async (_, args, expected) => {
  const { code, stdout, stderr } = await run(['replay', ...args], { cwd: await folder() });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(expected);
});

test('a compressed log that is cut is a mistake', async () => {
  const cwd = await folder();
  await writeFile(join(cwd, 'cut.gz'), gzipSync(log.repeat(50)).subarray(0, 60));
  const { code, stdout, stderr } = await run(['replay', 'cut.gz', ...against], { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^turnout: .*unexpected end of file/);
});
