import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, type Handler, startUpstream } from '../gateway/upstream.ts';
import { bundleProgram, makeFolder, run, start } from './program.ts';

bundleProgram();

/** A server of small files. */
const files =
  (pages: Readonly<Record<string, string>>): Handler =>
  (request, response) => {
    const body = pages[request.url ?? ''];
    if (body === undefined) response.writeHead(404).end();
    else if (request.headers.range === undefined)
      response.writeHead(200, { 'content-length': body.length }).end(request.method === 'HEAD' ? '' : body);
    else response.writeHead(206, { 'content-length': 1 }).end(body[0]);
  };

async function rulesTo(to: string, more = ''): Promise<string> {
  const text = `rules:\n  - name: files\n    host: get.acme.dev\n    at: /dl/\n    protocol: file\n    to: ${to}\n${more}`;
  return makeFolder({ 'turnout.yaml': text });
}

test('what is the same ends with 0, and with --json as a document', async () => {
  const [a, b] = [
    await startUpstream(files({ '/x': 'x' })),
    await startUpstream(files({ '/x': 'x' }), '127.0.0.3'),
  ];
  const cwd = await rulesTo(`[${a.origin}, ${b.origin}]`);
  const { code, stdout, stderr } = await run(['verify', '--rule', 'files', '--name', '/x', '--json'], {
    cwd,
  });
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({
    version: 1,
    result: 'same',
    rule: 'files',
    a: a.origin,
    b: b.origin,
    counts: {
      checked: 1,
      same: 1,
      missing: 0,
      differs: 0,
      unchecked: 0,
      resumed: 0,
      requestsA: 3,
      requestsB: 3,
    },
    findings: [],
    omitted: 0,
  });
});

test('what differs ends with 1, in every report', async () => {
  const a = await startUpstream(files({ '/x': 'x', '/y': 'y', '/z': 'z' }));
  const b = await startUpstream(files({ '/x': 'x', '/y': 'Y' }), '127.0.0.3');
  const cwd = await rulesTo(a.origin);
  await writeFile(join(cwd, 'names'), '/x\n\n/y\r\n/z\n');
  const log = ['/dl/z', '/dl/z', '/dl/y'].map((path) =>
    JSON.stringify({ method: 'GET', path, status: 302, rule: 'files' }),
  );
  await writeFile(join(cwd, 'access.log'), `${log.join('\n')}\n`);
  const named = ['--names', 'names', '--log', 'access.log', '--junit', 'out.xml', '--report', 'found'];
  const { code, stdout } = await run(['verify', '--rule', 'files', '--to', b.origin, ...named], { cwd });
  expect(code).toBe(1);
  expect(stdout).toContain('  /z: file [2 downloads]\n');
  expect(stdout).toContain('3 of 3 logged downloads (100.0 %)');
  expect(await readFile(join(cwd, 'out.xml'), 'utf8')).toContain('tests="3" failures="2" errors="0"');
  const found = (await readFile(join(cwd, 'found'), 'utf8')).trim().split('\n');
  expect(found.map((line) => JSON.parse(line).name).toSorted()).toEqual(['/y', '/z']);
  expect((await stat(join(cwd, 'found'))).mode & 0o777).toBe(0o600);
});

test('names come from an access log', async () => {
  const a = await startUpstream(files({ '/x': 'x' }));
  const b = await startUpstream(files({}), '127.0.0.3');
  const cwd = await rulesTo(a.origin);
  await writeFile(join(cwd, 'access.log'), '{"method":"GET","path":"/dl/x","status":200,"rule":"files"}\n');
  const { code, stdout } = await run(['verify', '--rule', 'files', '--to', b.origin, '--log', 'access.log'], {
    cwd,
  });
  expect(code).toBe(1);
  expect(stdout).toContain('/x: file [1 downloads]');
});

test.each([
  [['--rule', 'flies'], /There is no rule `flies`; there is `files`/],
  [['--rule', 'files'], /has one upstream; say with --to/],
  [['--rule', 'files', '--to', 'http://127.0.0.3:1'], /Say what to verify: paths below the mount/],
  [['--rule', 'files', '--to', 'ht!tp://x', '--name', '/x'], /invalid_target/],
  [
    ['--rule', 'files', '--to', 'http://127.0.0.3:1', '--as', 'ocy'],
    /no way to verify `ocy`; there is apt, /,
  ],
  [['--rule', 'files', '--concurrency', '0'], /Write a number above 0/],
  [[], /required option '--rule <name>'/],
])('what cannot be done ends with 2: %s', async (args, message) => {
  const cwd = await rulesTo('http://127.0.0.2:1');
  const { code, stderr } = await run(['verify', ...args], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test('an upstream that is not there ends with 2, and no output has a secret', async () => {
  const secrets = {
    TOKEN: 'planted-token-1',
    FOLDER: 'planted-folder-2',
    TURNOUT_CLIENT_AUTHORIZATION: 'planted-3',
  };
  const reflecting: Handler = (request, response) => {
    const { authorization, range } = request.headers;
    response.writeHead(request.url?.startsWith('/y') ? 200 : 500, { 'content-type': 'text/plain' });
    response.end(`${authorization}${range}`);
  };
  const a = await startUpstream(files({ '/planted-folder-2/x': 'x' }));
  const b = await startUpstream(reflecting, '127.0.0.3');
  const cwd = await rulesTo(
    `["${a.origin}/\${FOLDER}", "${b.origin}/?key=\${TOKEN}"]`,
    '    auth: { token: "${TOKEN}" }\n',
  );
  const args = ['--name', '/x', '--junit', 'out.xml', '--report', 'found', '--resume', 'journal', '--json'];
  const { code, stdout, stderr } = await run(['verify', '--rule', 'files', ...args], { cwd, env: secrets });
  expect([code, stdout]).toEqual([2, expect.stringContaining('B answers 500')]);
  const written = await Promise.all(
    ['out.xml', 'found', 'journal'].map((name) => readFile(join(cwd, name), 'utf8')),
  );
  for (const text of [stdout, stderr, ...written]) expect(text).not.toContain('planted');
});

test('a journal goes on where the program was killed, half a line or not', async () => {
  const pages = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`/${index}`, 'x']));
  const a = await startUpstream(files(pages));
  let stuck = true;
  const other = files({ ...pages, '/2': 'y' });
  const b = await startUpstream((request, response, count) => {
    if (!stuck || !/^\/(?:7|8|9|1\d)$/.test(request.url ?? '')) other(request, response, count);
  }, '127.0.0.3');
  const cwd = await rulesTo(a.origin);
  await writeFile(join(cwd, 'names'), Object.keys(pages).join('\n'));
  const args = ['verify', '--rule', 'files', '--to', b.origin, '--names', 'names', '--resume', 'journal'];
  const killed = start([...args, '--concurrency', '1'], { cwd });
  await eventually(() => b.paths.includes('/7'), 5000).toBe(true);
  killed.child.kill('SIGKILL');
  await killed.ended;
  await appendFile(join(cwd, 'journal'), '{"name":"/1');
  stuck = false;
  const before = b.paths.length;
  const { code, stdout } = await run([...args, '--json'], { cwd });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    counts: { checked: 20, same: 19, differs: 1, resumed: 7 },
    findings: [{ name: '/2' }],
  });
  expect(b.paths.slice(before)).not.toContain('/2');
  // Again, it has nothing left to do.
  expect(JSON.parse((await run([...args, '--json'], { cwd })).stdout)).toMatchObject({
    counts: { checked: 20, differs: 1, resumed: 20, requestsA: 0, requestsB: 0 },
  });
  const wrong = await run([...args.slice(0, 3), '--to', a.origin, '--name', '/1', '--resume', 'journal'], {
    cwd,
  });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('is not the journal of this')]);
});

test('SIGINT ends it with what is known', async () => {
  const a = await startUpstream(files({ '/x': 'x', '/y': 'y' }));
  const other = files({ '/x': 'X' });
  const b = await startUpstream((request, response, count) => {
    if (request.url !== '/y') other(request, response, count);
  }, '127.0.0.3');
  const cwd = await rulesTo(a.origin);
  const running = start(
    ['verify', '--rule', 'files', '--to', b.origin, '--name', '/x', '/y', '--concurrency', '1'],
    { cwd },
  );
  await eventually(() => b.paths.includes('/y'), 5000).toBe(true);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.ended;
  expect(code).toBe(1);
  expect(stdout).toContain('  /x: sha256');
  expect(stdout).toContain('It ended early: it was interrupted.');
});
