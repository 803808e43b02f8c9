import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

import { ask } from '../gateway/client.ts';
import { bundleProgram, makeFolder, rulesTo, run, type Serving, serve, start } from './program.ts';

bundleProgram();

const location = async ({ origin }: Serving) => (await ask(origin, '/dl/a')).headers.location;
const folderOf = ({ file }: Serving): string => join(file, '..');

/** Changes the rule file, and waits until that serves. */
async function change(gateway: Serving, to: string): Promise<void> {
  await writeFile(gateway.file, rulesTo(to));
  await expect.poll(() => location(gateway), { timeout: 5000 }).toBe(`${to}/a`);
}

describe('turnout rollback', () => {
  test('writes the rules of before back, shows what changes, and takes itself back', async () => {
    const gateway = await serve(rulesTo('https://a.example'));
    await change(gateway, 'https://b.example');
    const cwd = folderOf(gateway);
    const back = await run(['rollback'], { cwd });
    expect(back).toMatchObject({ code: 0, stderr: '' });
    expect(back.stdout).toContain('-    to: https://b.example/*path\n+    to: https://a.example/*path\n');
    expect(back.stdout).toMatch(/^turnout\.yaml is back at revision [\da-f]{12}, accepted \S+Z\.$/m);
    await expect.poll(() => location(gateway), { timeout: 5000 }).toBe('https://a.example/a');
    await gateway.printed(/"rules reloaded"[\s\S]*"rules reloaded"/);
    expect(await run(['rollback'], { cwd })).toMatchObject({ code: 0 });
    await expect.poll(() => location(gateway), { timeout: 5000 }).toBe('https://b.example/a');
    expect(await readdir(cwd)).toEqual(['.turnout', 'turnout.yaml']);
  });

  test('goes to the revision that it is told', async () => {
    const gateway = await serve(rulesTo('https://a.example'));
    for (const to of ['https://b.example', 'https://c.example']) await change(gateway, to);
    const cwd = folderOf(gateway);
    const list = await run(['rules', 'history'], { cwd });
    const [, , oldest = ''] = list.stdout.split('\n');
    expect(oldest).toMatch(/^[\da-f]{12} {2}\d{4}-\d\d-\d\dT\S+Z$/);
    const revision = oldest.slice(0, 8);
    expect(await run(['rollback', revision, '--dry-run'], { cwd })).toMatchObject({ code: 0 });
    expect(await readFile(gateway.file, 'utf8')).toBe(rulesTo('https://c.example'));
    expect(await run(['rollback', revision], { cwd })).toMatchObject({ code: 0 });
    expect(await readFile(gateway.file, 'utf8')).toBe(rulesTo('https://a.example'));
    expect((await run(['rollback', revision], { cwd })).stdout).toMatch(
      /is at revision [\da-f]{12} already\.\n$/,
    );
    const { stdout } = await run(['rules', 'history', '--json'], { cwd });
    expect(JSON.parse(stdout)[0]).toEqual({
      revision: expect.any(String),
      acceptedAt: expect.any(String),
      file: expect.any(String),
    });
  });

  test('goes back to what serves when the rules are broken now, and keeps a link a link', async () => {
    const gateway = await serve(rulesTo('https://a.example'));
    await writeFile(gateway.file, 'rules: [');
    const cwd = folderOf(gateway);
    await symlink('turnout.yaml', join(cwd, 'link.yaml'));
    const history = join('.turnout', 'history', 'turnout.yaml');
    expect(await run(['rollback', '--rules', 'link.yaml', '--history', history], { cwd })).toMatchObject({
      code: 0,
    });
    expect(await readFile(gateway.file, 'utf8')).toBe(rulesTo('https://a.example'));
  });

  test('needs no secret of the gateway', async () => {
    const secret = `${rulesTo('https://a.example')}    auth: { token: "\${A_TOKEN}" }\n`;
    const gateway = await serve(secret, { env: { A_TOKEN: 'secret' } });
    await change(gateway, 'https://b.example');
    const { code, stderr } = await run(['rollback'], { cwd: folderOf(gateway) });
    expect(stderr).toMatch(/^turnout\.yaml:6:\d+ missing_variable: .*\(here; the gateway needs it\)\n$/);
    expect([code, await readFile(gateway.file, 'utf8')]).toEqual([0, secret]);
  });

  test.each([
    ['without a history', [], 'There is no other revision in .turnout/history/turnout.yaml.'],
    ['to a revision that there is not', ['abc'], 'There is no revision abc in '],
    [
      'of an address without a copy',
      ['--rules', 'redis://127.0.0.1#key'],
      'say which `--cache` or `--history`',
    ],
    ['of what is no store', ['--rules', 'ftp://a.example/x', '--cache', 'x'], 'no rules at ftp: addresses'],
  ])('%s says so', async (_, args, message) => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesTo('https://a.example') });
    const { code, stderr } = await run(['rollback', ...args], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('turnout serve', () => {
  /** A web server with a text. */
  async function startWeb(): Promise<{ text: string; readonly address: string }> {
    const web = { text: rulesTo('https://a.example'), address: '' };
    const server = createServer((_, response) => void response.end(web.text)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    return Object.assign(web, {
      address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/turnout.yaml`,
    });
  }

  test('takes an address, and gives its rules neither programs nor secrets of its own', async () => {
    const web = await startWeb();
    const cwd = await makeFolder({});
    const env = { AWS_SECRET_ACCESS_KEY: 'secret', NPM_TOKEN: 't0ken' };
    const checkIt = () => run(['check', web.address], { cwd, env });
    expect(await checkIt()).toMatchObject({ code: 0 });
    web.text = 'rules:\n  - protocol: npm\n    to: npm.example\n    auth: { token: "${NPM_TOKEN}" }\n';
    expect(await checkIt()).toMatchObject({ code: 0 });
    web.text = web.text.replace('NPM_TOKEN', 'AWS_SECRET_ACCESS_KEY');
    expect((await checkIt()).stderr).toContain(`${web.address}:4:20 missing_variable`);
    web.text = 'rules:\n  - protocol: npm\n    to: npm.example\n    auth: { command: [env] }\n';
    expect((await checkIt()).stderr).toContain('command_not_allowed');
  });

  test('says when it serves from the copy', async () => {
    const web = await startWeb();
    const cwd = await makeFolder({});
    const args = ['serve', web.address, '--port', '0', '--admin', '0', '--cache', 'copy.json'];
    const first = start(args, { cwd });
    await first.printed(/revision [\da-f]{12}\n/);
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    web.text = 'rules: [';
    const second = start(args, { cwd });
    await second.printed(/revision [\da-f]{12}, from the copy\n/);
    expect(second.stderr).toContain(
      `turnout: ${web.address} is not usable; the rules of before still serve.`,
    );
    expect(await readdir(cwd)).toEqual(['.turnout', 'copy.json']);
  });

  test('keeps no history when it is told so', async () => {
    const gateway = await serve(rulesTo('https://a.example'), { args: ['--history', 'off'] });
    expect(await readdir(folderOf(gateway))).toEqual(['turnout.yaml']);
  });
});
