import { expect, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

const good = `rules:
  - name: cli
    protocol: file
    match: /cli/:version/app.tgz
    to: https://cdn.example/:version/app.tgz
`;

const doubtful = `${good}  - name: never
    protocol: file
    match: /cli/:v/app.tgz
    to: https://cdn.example/x
`;

const bad = `rules:
  - name: cli
    protocol: file
    match: /cli/:version/app.tgz
    to: https://cdn.example/:verson/app.tgz
  - name: images
    protocol: oic
    to: ghcr.io
`;

test('good rules', async () => {
  const cwd = await makeFolder({ 'turnout.yaml': good });
  expect(await run(['check'], { cwd })).toEqual({
    code: 0,
    stdout: 'turnout.yaml: 1 rule, nothing wrong.\n',
    stderr: '',
  });
});

test('every mistake, with its place and what to write', async () => {
  const cwd = await makeFolder({ 'rules.yaml': bad });
  const { code, stdout, stderr } = await run(['check', 'rules.yaml'], { cwd });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.split('\n')).toEqual([
    expect.stringMatching(/^rules\.yaml:5:\d+ unknown_parameter: .*`verson`.*did you mean `version`\?/),
    expect.stringMatching(/^rules\.yaml:7:\d+ unknown_protocol: .*`oic`/),
    'rules.yaml: 2 mistakes.',
    '',
  ]);
});

test.each([
  ['are told and forgiven', [], 0],
  ['are told and not forgiven with --strict', ['--strict'], 1],
])('warnings %s', async (_, args, expected) => {
  const cwd = await makeFolder({ 'turnout.yaml': doubtful });
  const { code, stdout, stderr } = await run(['check', ...args], { cwd });
  expect(code).toBe(expected);
  expect(stderr).toMatch(/^turnout\.yaml:\d+:\d+ unreachable_rule: .* \(warning\)$/m);
  expect(stdout).toMatch(/^turnout\.yaml: 2 rules, \d warnings?\.\n$/);
});

test('with --strict and nothing wrong, all is well', async () => {
  const cwd = await makeFolder({ 'turnout.yaml': good });
  expect(await run(['check', '--strict'], { cwd })).toMatchObject({ code: 0 });
});

test.each([
  ['of mistakes', bad, 1, 'error', 'unknown_parameter'],
  ['of warnings', doubtful, 0, 'warning', undefined],
])('one JSON array %s', async (_, rules, expected, severity, first) => {
  const cwd = await makeFolder({ 'turnout.yaml': rules });
  const { code, stdout, stderr } = await run(['check', '--json'], { cwd });
  expect({ code, stderr }).toEqual({ code: expected, stderr: '' });
  expect(stdout).toMatch(/^\[.*\]\n$/);
  const issues = JSON.parse(stdout);
  expect(issues[0]).toMatchObject({
    severity,
    ...(first && { code: first }),
    path: expect.any(Array),
    message: expect.any(String),
    position: { file: 'turnout.yaml', line: expect.any(Number), column: expect.any(Number) },
  });
});

test('an empty JSON array of nothing', async () => {
  const cwd = await makeFolder({ 'turnout.yaml': good });
  expect(await run(['check', '--json'], { cwd })).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
});

test.each([
  ['is not there', {}, ['check'], /^turnout: .*turnout\.yaml.*\n$/],
  ['is a folder', {}, ['check', '.'], /^turnout: .*\n$/],
])('a file that %s cannot be checked', async (_, files, args, message) => {
  const cwd = await makeFolder(files);
  const { code, stdout, stderr } = await run(args, { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test.each([
  ['no YAML', 'rules: [', 'invalid_syntax'],
  ['no rules', 'rules: []\n', 'empty_rule_set'],
  ['another document', 'services: {}\n', 'unknown_key'],
  ['nothing', '', undefined],
  ['a variable that is not set', 'rules:\n  - protocol: oci\n    to: ${NOT_SET}\n', 'missing_variable'],
  [
    'a bomb of aliases',
    `a: &a [x,x]\n${[...'bcdefghijklmnop'].map((name, index) => `${name}: &${name} [*${'abcdefghijklmnop'[index]},*${'abcdefghijklmnop'[index]}]`).join('\n')}\nrules: *p\n`,
    undefined,
  ],
])('a file with %s is a mistake with a place', async (_, rules, issue) => {
  const cwd = await makeFolder({ 'turnout.yaml': rules });
  const { code, stderr } = await run(['check'], { cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^turnout\\.yaml:\\d+:\\d+ ${issue ?? '[a-z_]+'}: `, 'm'));
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test('a mistake does not show what the environment has', async () => {
  const cwd = await makeFolder({
    'turnout.yaml': 'rules:\n  - protocol: oci\n    to: ${SECRET_URL}\n    auth: { token: "${SECRET}" }\n',
  });
  const env = { SECRET_URL: 'https://user:hunter2hunter2@ghcr.io', SECRET: 'two words-of-a-secret' };
  for (const args of [['check'], ['check', '--json'], ['serve', '--port', '0', '--admin', 'off']]) {
    const { code, stdout, stderr } = await run(args, { cwd, env });
    expect(code).not.toBe(0);
    expect(stdout + stderr).not.toMatch(/hunter2|words-of-a-secret/);
  }
});
