import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { bundleProgram, makeFolder, run, serve } from './program.ts';

bundleProgram();

const manifest = JSON.stringify(
  {
    rules: [
      {
        type: 'docker-v1',
        'package-name': 'app',
        'package-id': 'aaf2ec15-5244-484b-845a-ffd559e5f802',
        domain: 'get.acme.example',
        'repository-name': 'acme/app',
        registry: 'quay.io',
      },
      {
        type: 'file-v1',
        'package-id': 'cli',
        domain: 'get.acme.example',
        'incoming-path': '/cli-{version}.tgz',
        'outgoing-url': 'https://dl.acme.example/{version}/cli.tgz',
      },
      {
        type: 'telemetry-v1',
        'package-id': 'events',
        domain: 'localhost',
        'incoming-path': '/events',
        'access-tokens': ['t0ken'],
      },
    ],
  },
  null,
  2,
);

const made = `# Made of manifest.json by turnout import scarf.
rules:
  - name: app
    host: get.acme.example
    protocol: oci
    match: acme/app
    to: quay.io
  - name: events
    host: localhost
    protocol: telemetry
    match: /events
    options:
      tokens:
        - t0ken
  - name: cli
    host: get.acme.example
    protocol: file
    match: /cli-{version}.tgz
    syntax: rfc6570
    to: https://dl.acme.example/{version}/cli.tgz
`;

describe('turnout import scarf', () => {
  test('writes a rule file, which is right', async () => {
    const cwd = await makeFolder({ 'manifest.json': manifest });
    expect(await run(['import', 'scarf', 'manifest.json', '-o', 'turnout.yaml'], { cwd })).toEqual({
      code: 0,
      stdout: 'turnout.yaml: 3 rules, made of manifest.json.\n',
      stderr: '',
    });
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(made);
    expect(await run(['check'], { cwd })).toMatchObject({
      code: 0,
      stdout: 'turnout.yaml: 3 rules, nothing wrong.\n',
    });
  });

  test('prints it without --output', async () => {
    const cwd = await makeFolder({ 'manifest.json': manifest });
    expect(await run(['import', 'scarf', 'manifest.json'], { cwd })).toEqual({
      code: 0,
      stdout: made,
      stderr: '',
    });
  });

  test('writes over no file', async () => {
    const cwd = await makeFolder({ 'manifest.json': manifest, 'turnout.yaml': 'mine' });
    const { code, stderr } = await run(['import', 'scarf', 'manifest.json', '-o', 'turnout.yaml'], { cwd });
    expect([code, stderr]).toEqual([
      2,
      'turnout: turnout.yaml is there already; write to another file, or remove it.\n',
    ]);
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe('mine');
  });

  test('says what is wrong with a manifest, and where', async () => {
    const cwd = await makeFolder({ 'manifest.json': manifest.replace('"file-v1"', '"file-v9"') });
    const { code, stdout, stderr } = await run(['import', 'scarf', 'manifest.json'], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      'manifest.json:12:15 invalid_value: There is no rule type `file-v9`; did you mean `file-v1`?',
    );
  });

  test('warns at the places of the manifest', async () => {
    const cwd = await makeFolder({ 'manifest.json': manifest.replace('{version}/cli.tgz', 'cli.tgz') });
    const { code, stderr } = await run(['import', 'scarf', 'manifest.json'], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^manifest\.json:16:23 unused_parameter: .* \(warning\)\n$/);
  });

  test.each([
    [['import', 'netlify', 'x'], /Allowed choices are scarf/],
    [['import', 'scarf'], /missing required argument 'file'/],
    [['import', 'scarf', 'missing.json'], /no such file/],
  ])('%j is refused', async (args, reason) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });
});

test('turnout explain and check read a manifest as it is', async () => {
  const cwd = await makeFolder({ 'manifest.json': manifest });
  const address = 'https://get.acme.example/cli-1.2.tgz?a=b+c';
  const { stdout } = await run(['explain', '--rules', 'manifest.json', '--json', address], { cwd });
  expect(JSON.parse(stdout)).toMatchObject({
    type: 'redirect',
    status: 302,
    location: 'https://dl.acme.example/1.2/cli.tgz?a=b+c',
    rule: 'cli',
    params: { version: '1.2' },
  });
  const check = await run(['check', 'manifest.json', '--json'], { cwd });
  expect([check.code, check.stdout]).toEqual([0, '[]\n']);
});

test('turnout serve logs what clients report', async () => {
  const gateway = await serve(manifest);
  const send = async (body: string, token = 't0ken'): Promise<number> => {
    const url = `${gateway.origin.replace('127.0.0.1', 'localhost')}/events`;
    return (await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body })).status;
  };
  expect([await send('{"a":{"b":1}}\n{"c":2}'), await send('{}', 'other'), await send('{')]).toEqual([
    200, 401, 400,
  ]);
  await gateway.printed(/"status":400/);
  const reports = gateway.access.filter(({ msg }) => msg === 'report');
  expect(reports.map(({ type, rule, data }) => ({ type, rule, data }))).toEqual([
    { type: 'telemetry', rule: 'events', data: { 'a.b': 1 } },
    { type: 'telemetry', rule: 'events', data: { c: 2 } },
  ]);
});
