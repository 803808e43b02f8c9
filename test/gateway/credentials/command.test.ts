import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandCredentialOptions, commandCredential } from '../../../src/gateway/credentials/index.ts';

const upstream = { origin: 'https://registry.example:8443', host: 'registry.example:8443' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnout-command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** A program of Node with this code, and how it is run. */
function program(code: string, ...parameters: readonly string[]): readonly string[] {
  const path = join(folder, `${count++}.cjs`);
  writeFileSync(path, code);
  return [process.execPath, path, ...parameters];
}

function run(command: readonly string[], options: Omit<CommandCredentialOptions, 'command'> = {}) {
  return Promise.resolve(commandCredential({ command, ...options })(upstream));
}

async function failureOf(running: Promise<unknown>): Promise<string> {
  const error = await running.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).cause).toBeUndefined();
  return (error as Error).message;
}

describe('a program', () => {
  test('is run without a shell, with its arguments as they are', async () => {
    const command = program(
      'console.log(process.argv.slice(2).join("|"))',
      '$HOME',
      '; echo x',
      '*',
      'a b',
      '',
    );
    expect(await run(command, { username: 'a' })).toMatchObject({
      username: 'a',
      password: '$HOME|; echo x|*|a b|',
    });
  });

  test('gets the host on stdin', async () => {
    const code = `process.stdin.on('data', (host) => console.log(JSON.stringify({
      ServerURL: String(host).trim(), Username: 'u', Secret: JSON.stringify(String(host)) + process.argv[2],
    })))`;
    expect(await run(program(code, 'get'))).toMatchObject({
      username: 'u',
      password: '"registry.example:8443\\n"get',
    });
  });

  test('may end without reading stdin', async () => {
    for (let time = 0; time < 5; time++)
      expect(await run(program('process.stdin.destroy(); console.log("t")'))).toMatchObject({ token: 't' });
  });

  test('has the environment of this process, or one of its own', async () => {
    const command = program('console.log((process.env.PATH ? "path" : "none") + process.env.EXTRA)');
    expect(await run(command)).toMatchObject({ token: 'pathundefined' });
    expect(await run(command, { env: { EXTRA: 'x', GONE: undefined } })).toMatchObject({ token: 'nonex' });
  });

  test('says how long its credential is good, or the option does, or nobody', async () => {
    const before = Date.now();
    const silent = program('console.log("t")');
    expect((await run(silent)).expiresAt).toBeUndefined();
    const { expiresAt } = await run(silent, { lifetime: 60_000 });
    expect(expiresAt?.getTime()).toBeGreaterThanOrEqual(before + 60_000);
    expect(expiresAt?.getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
    const talking = program('console.log(JSON.stringify({ token: "t", expiresAt: "2040-01-01T00:00:00Z" }))');
    expect((await run(talking, { lifetime: 60_000 })).expiresAt).toEqual(new Date(Date.UTC(2040, 0)));
  });
});

describe('a program that fails', () => {
  test('is told with its exit code and the first line of stderr, and nothing of stdout and its arguments', async () => {
    const code = 'console.log("hunter2"); console.error("\\n\\tno login\\nhunter2"); process.exitCode = 3';
    const message = await failureOf(run(program(code, '--password=hunter2')));
    expect(message).toBe(`\`${process.execPath}\` exits with 3: no login`);
    expect(await failureOf(run(program('process.exit(4)')))).toBe(`\`${process.execPath}\` exits with 4.`);
    expect(await failureOf(run(program('process.kill(process.pid, "SIGTERM")')))).toBe(
      `\`${process.execPath}\` is ended by SIGTERM.`,
    );
  });

  test('is not there, or none', async () => {
    expect(await failureOf(run(['turnout-no-such-program', 'hunter2']))).toBe(
      '`turnout-no-such-program` is not there; install it, or write its whole path.',
    );
    const path = join(folder, 'no-program');
    writeFileSync(path, 'x');
    chmodSync(path, 0o600);
    expect(await failureOf(run([path]))).toBe(`\`${path}\` cannot be run: EACCES.`);
    expect(await failureOf(run([process.execPath, 'hunter2\0']))).toBe(
      `\`${process.execPath}\` cannot be run: ERR_INVALID_ARG_VALUE.`,
    );
  });

  test('is ended when it takes too long, also when it will not', async () => {
    const command = program('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)');
    expect(await failureOf(run(command, { timeout: 300 }))).toBe(
      `\`${process.execPath}\` has not ended after 0.3 seconds.`,
    );
  });

  test('is ended when it prints more than 64 KiB', async () => {
    const whole = program('process.stdout.write("x".repeat(64 * 1024))');
    expect(await run(whole)).toMatchObject({ token: 'x'.repeat(64 * 1024) });
    for (const stream of ['stdout', 'stderr']) {
      const command = program(
        `process.${stream}.write("x".repeat(64 * 1024 + 1)); setInterval(() => {}, 1000)`,
      );
      expect(await failureOf(run(command))).toBe(`\`${process.execPath}\` prints more than 64 KiB.`);
    }
  });

  test('prints what is no credential', async () => {
    expect(await failureOf(run(program('console.log("hunter2\\nhunter2")')))).toBe(
      `\`${process.execPath}\` prints several lines that are no JSON.`,
    );
  });
});

test.each([[[]], [['']]])('%j is no command', (command) => {
  expect(() => commandCredential({ command })).toThrow(TypeError);
});
