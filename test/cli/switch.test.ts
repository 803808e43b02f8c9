import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

import { ask } from '../gateway/client.ts';
import { bundleProgram, makeFolder, type Running, run, type Serving, serve, start } from './program.ts';

bundleProgram();

/** A web server that answers with its name, or with a status. */
async function startUpstream(
  name: string,
): Promise<{ readonly origin: string; status: number; asked: number }> {
  const upstream = { origin: '', status: 200, asked: 0 };
  const server = createServer((_, response) => {
    upstream.asked++;
    response.writeHead(upstream.status).end(name);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(upstream, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const rulesFor = (to: string): string => `# Where it leads.
rules:
  - name: files        # the only one
    protocol: file
    mode: proxy
    to: ${to}      # the one line
`;

const ARGS = ['--no-verify', '--yes'];

/** Two instances of one rule file. */
async function servePair(to: string, args: readonly string[] = []) {
  const first = await serve(rulesFor(to), { args });
  const second = start(['serve', first.file, '--port', '0', '--admin', '0', ...args]);
  const [, origin = '', admin = ''] = await second.printed(
    /turnout ready at (\S+), admin at (\S+), 1 rule.*\n/,
  );
  const instances = ['--instance', first.admin, '--instance', admin];
  const cwd = dirname(first.file);
  return {
    first,
    origins: [first.origin, origin],
    cwd,
    read: () => readFile(first.file, 'utf8'),
    switchTo: (target: string, ...more: readonly string[]) =>
      run(['switch', 'files', target, ...ARGS, ...instances, ...more], { cwd }),
    begin: (target: string, ...more: readonly string[]): Running =>
      start(['switch', 'files', target, ...ARGS, ...instances, ...more], { cwd }),
  };
}

/** Asks without a pause until it is told to stop. */
function load(origins: readonly string[]) {
  const seen = { requests: 0, failed: 0, bodies: new Map<string, number>() };
  let stopped = false;
  const ends = origins.map(async (origin) => {
    while (!stopped) {
      const { status, body, complete } = await ask(origin, '/a').catch(() => ({
        status: 0,
        body: '',
        complete: false,
      }));
      seen.requests++;
      if (status !== 200 || !complete) seen.failed++;
      seen.bodies.set(body, (seen.bodies.get(body) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
  return {
    seen,
    async stop() {
      stopped = true;
      await Promise.all(ends);
      return seen;
    },
  };
}

describe('turnout switch', { timeout: 60_000 }, () => {
  test('moves a rule there and back under load, and no request fails', async () => {
    const [a, b] = [await startUpstream('a'), await startUpstream('b')];
    const { origins, switchTo, read } = await servePair(a.origin);
    const { stop } = load(origins);
    for (const target of [b, a, b, a]) {
      const ended = await switchTo(target.origin, '--watch', '0.5');
      expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: '' });
      expect(ended.stdout).toMatch(/^http:\S+ serves it\.\nhttp:\S+ serves it\.$/m);
      for (const origin of origins) expect((await ask(origin, '/a')).body).toBe(target === a ? 'a' : 'b');
    }
    const { requests, failed, bodies } = await stop();
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(100);
    expect([...bodies.keys()].toSorted()).toEqual(['a', 'b']);
    expect(await read()).toBe(rulesFor(a.origin));
  });

  test('shows the line, and what it means for firewalls', async () => {
    const [a, b] = [await startUpstream('a'), await startUpstream('b')];
    const { switchTo, read } = await servePair(a.origin);
    const [from, to] = [a, b].map(({ origin }) => origin.slice('http://'.length));
    const shown = await switchTo(b.origin, '--dry-run');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toBe(`files: any host, file, every name
  led to ${from}, leads to ${to}
  New: ${to}. The gateway alone must be able to reach it.
  No longer needed by this rule: ${from}.

turnout.yaml:6
-     to: ${a.origin}      # the one line
+     to: ${b.origin}      # the one line

`);
    expect(await read()).toBe(rulesFor(a.origin));
    expect(await switchTo(a.origin)).toMatchObject({ code: 0, stdout: 'files leads there already.\n' });
  });

  test('takes a dead upstream back by itself', async () => {
    const a = await startUpstream('a');
    const { origins, switchTo, read, cwd } = await servePair(a.origin);
    const { stop } = load(origins);
    const ended = await switchTo('http://127.0.0.1:1', '--watch', '20');
    expect(ended.stdout).toMatch(
      /^Taking it back: (?:\d+ of \d+ requests failed at http:\/\/127\.0\.0\.1:1, more than 5 %|http:\/\/127\.0\.0\.1:1 is out of order)\.\nturnout\.yaml is back at revision [\da-f]{12}\.\n$/m,
    );
    expect(ended.code).toBe(3);
    await stop();
    expect(await read()).toBe(rulesFor(a.origin));
    for (const origin of origins) expect((await ask(origin, '/a')).body).toBe('a');
    expect(await readdir(cwd)).toEqual(['.turnout', 'turnout.yaml']);
  });

  test('takes an upstream back that has nothing', async () => {
    const [a, b] = [await startUpstream('a'), await startUpstream('b')];
    b.status = 404;
    const { origins, switchTo, read } = await servePair(a.origin);
    const { stop, seen } = load(origins);
    await expect.poll(() => seen.requests, { timeout: 10_000 }).toBeGreaterThan(40);
    const ended = await switchTo(b.origin, '--watch', '20');
    expect(ended.stdout).toMatch(
      /Taking it back: \d+ of \d+ requests were refused or not found at .*, before it was 0 %/,
    );
    expect(ended.code).toBe(3);
    await stop();
    expect(await read()).toBe(rulesFor(a.origin));
  });

  test('moves clients in steps, by their shares', async () => {
    const [a, b] = [await startUpstream('a'), await startUpstream('b')];
    const { origins, switchTo, read } = await servePair(a.origin, ['--trust-proxy']);
    /** The part of 1000 clients that b serves, in percent. */
    async function measure(): Promise<number> {
      const before = b.asked;
      for (let client = 0; client < 1000; client += 20) {
        const batch = Array.from({ length: 20 }, (_, index) => client + index);
        await Promise.all(
          batch.map((each) =>
            ask(origins[each % 2] ?? '', '/a', {
              headers: { 'x-forwarded-for': `10.0.${each >> 8}.${each & 255}` },
            }),
          ),
        );
      }
      return (b.asked - before) / 10;
    }
    expect(await measure()).toBe(0);
    for (const percent of [10, 50]) {
      expect(await switchTo(b.origin, '--watch', '0', '--percent', String(percent))).toMatchObject({
        code: 0,
      });
      expect(await read()).toContain(
        `    to: [{ url: ${a.origin}, weight: ${100 - percent} }, { url: ${b.origin}, weight: ${percent} }]      # the one line\n`,
      );
      const share = await measure();
      expect(Math.abs(share - percent)).toBeLessThan(5);
    }
    expect(await switchTo(b.origin, '--watch', '0', '--percent', '100')).toMatchObject({ code: 0 });
    expect(await read()).toBe(rulesFor(b.origin));
    expect(await measure()).toBe(100);
  });

  test('writes nothing when the new rules are wrong, and says everything that is', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesFor('a.example') });
    const wrong = await run(['switch', 'files', 'https://b.example/:version', ...ARGS], { cwd });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^turnout\.yaml:6:9 unknown_parameter: .*\nturnout: 1 mistake in the rules\.\n$/,
    );
    for (const to of ['ftp://b.example', 'https://user:secret@b.example', 'b.example\n    at: /x', ''])
      expect((await run(['switch', 'files', to, ...ARGS], { cwd })).code, to).toBe(2);
    expect((await run(['switch', 'fils', 'b.example', ...ARGS], { cwd })).stderr).toBe(
      'turnout: There is no rule `fils`; did you mean `files`?\n',
    );
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(rulesFor('a.example'));
  });

  test('writes what a link leads to, with its permissions', async () => {
    const cwd = await makeFolder({ 'real.yaml': rulesFor('a.example') });
    await symlink('real.yaml', join(cwd, 'turnout.yaml'));
    const { mode } = await stat(join(cwd, 'real.yaml'));
    expect(await run(['switch', 'files', 'b.example', ...ARGS], { cwd })).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, 'real.yaml'), 'utf8')).toBe(rulesFor('b.example'));
    expect((await stat(join(cwd, 'real.yaml'))).mode).toBe(mode);
    expect(
      (await readdir(cwd, { withFileTypes: true })).map((entry) => [entry.name, entry.isSymbolicLink()]),
    ).toEqual([
      ['real.yaml', false],
      ['turnout.yaml', true],
    ]);
  });

  test('overwrites nothing that somebody has changed meanwhile', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesFor('a.example') });
    const at = new Date(Date.now() + 2000).toISOString();
    const waiting = start(['switch', 'files', 'b.example', ...ARGS, '--at', at], { cwd });
    await waiting.printed(/^Waiting until .*\.$/m);
    await writeFile(join(cwd, 'turnout.yaml'), rulesFor('theirs.example'));
    const { code, stderr } = await waiting.ended;
    expect([code, stderr]).toEqual([2, 'turnout: `turnout.yaml` has been changed meanwhile.\n']);
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(rulesFor('theirs.example'));
  });

  test('waits until its time, and leaves no trace when it is interrupted before', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesFor('a.example') });
    const later = start(['switch', 'files', 'b.example', ...ARGS, '--at', '2126-12-01T08:00:00Z'], { cwd });
    await later.printed(/^Waiting until 2126-12-01T08:00:00\.000Z\.$/m);
    later.child.kill('SIGINT');
    await later.ended;
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(rulesFor('a.example'));
    const at = new Date(Date.now() + 1500).toISOString();
    const soon = await run(['switch', 'files', 'b.example', ...ARGS, '--at', at, '--json'], { cwd });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(at));
    const steps = soon.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(steps.map(({ type }) => type)).toEqual(['plan', 'waiting', 'blind', 'written']);
    expect(steps[0]).toMatchObject({
      rule: 'files',
      from: ['a.example'],
      to: ['b.example'],
      reachedBy: 'gateway',
      line: 6,
    });
    expect(await readdir(cwd)).toEqual(['turnout.yaml']);
  });

  test('that is interrupted while it watches says what stays', async () => {
    const [a, b] = [await startUpstream('a'), await startUpstream('b')];
    const { begin, read } = await servePair(a.origin);
    const watching = begin(b.origin);
    await watching.printed(/^Watching for 30 seconds\.$/m);
    watching.child.kill('SIGINT');
    const { code, stdout } = await watching.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(
      /^Interrupted: turnout\.yaml stays at revision [\da-f]{12}, and is no longer watched\.$/m,
    );
    expect(await read()).toBe(rulesFor(b.origin));
  });

  test('does not need the secrets of the gateway, and warns where a credential would go', async () => {
    const text = `${rulesFor('a.example')}    auth: { token: "\${TOKEN}" }\n`;
    const cwd = await makeFolder({ 'turnout.yaml': text });
    const { code, stdout } = await run(['switch', 'files', 'b.example', ...ARGS], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain(
      '  A credential of this rule will be sent to b.example: see that it is the right one.\n',
    );
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(text.replace('a.example', 'b.example'));
  });

  test('does nothing when an instance is not there', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesFor('a.example') });
    const ended = await run(['switch', 'files', 'b.example', ...ARGS, '--instance', '127.0.0.1:1'], { cwd });
    expect(ended.stderr).toMatch(/^turnout: http:\/\/127\.0\.0\.1:1 does not answer: /);
    expect(ended.code).toBe(2);
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(rulesFor('a.example'));
  });

  test.each([
    ['--percent', '0', 'from 1 to 100'],
    ['--percent', '101', 'from 1 to 100'],
    ['--upstream', '0', 'from 1'],
    ['--watch', 'x', 'seconds'],
    ['--guard', '101', 'from 0 to 100'],
    ['--at', '2020-01-01T00:00:00Z', 'past'],
    ['--at', 'tomorrow', 'Write a time'],
    ['--instance', 'a b', 'admin address'],
  ])('refuses %s %s', async (option, value, message) => {
    const { code, stderr } = await run(['switch', 'a', 'b.example', option, value]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

test('the admin address counts what becomes of requests at upstreams', async () => {
  const a = await startUpstream('a');
  const gateway: Serving = await serve(rulesFor(a.origin), { args: ['--log', 'off'] });
  for (const status of [200, 404, 503]) {
    a.status = status;
    await ask(gateway.origin, '/a');
  }
  const labels = `{rule="files",upstream="${a.origin}"}`;
  const metrics = async () => (await ask(gateway.admin, '/metrics')).body;
  await expect.poll(metrics).toContain(`turnout_upstream_requests_total${labels} 3\n`);
  expect(await metrics()).toContain(`turnout_upstream_errors_total${labels} 1\n`);
  expect(await metrics()).toContain(`turnout_upstream_refusals_total${labels} 1\n`);
});

describe('verifying before the switch', () => {
  const literal = (to: string): string => `rules:
  - { name: files, protocol: file, mode: proxy, match: /a, to: "${to}/a" }
`;

  test.each([
    ['the same', 'same', 'same', 0, /Verified: it serves the same/],
    ['something else', 'old', 'new', 1, /Not the same; nothing was written/],
  ])('what serves %s', async (_, old, other, code, said) => {
    const [before, after] = [await startUpstream(old), await startUpstream(other)];
    const cwd = await makeFolder({ 'turnout.yaml': literal(before.origin) });
    const ended = await run(['switch', 'files', `${after.origin}/a`, '--yes', '--watch', '0'], { cwd });
    expect(ended.stdout + ended.stderr).toMatch(said);
    expect(ended.code).toBe(code);
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(
      literal(code === 0 ? after.origin : before.origin),
    );
  });

  test('what cannot be told is said, and nothing is written', async () => {
    const before = await startUpstream('old');
    const cwd = await makeFolder({ 'turnout.yaml': rulesFor(before.origin) });
    const ended = await run(['switch', 'files', 'http://127.0.0.1:1', '--yes'], { cwd });
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Say what to verify'),
    });
    expect(await readFile(join(cwd, 'turnout.yaml'), 'utf8')).toBe(rulesFor(before.origin));
    const dead = await run(['switch', 'files', 'http://127.0.0.1:1', '--yes', '--name', '/a'], { cwd });
    expect(dead).toMatchObject({ code: 2, stderr: expect.stringContaining('--no-verify') });
  });
});
