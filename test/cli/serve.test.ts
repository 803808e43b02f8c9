import { once } from 'node:events';
import { createServer } from 'node:http';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

import { ask, open, send } from '../gateway/client.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import { bundleProgram, makeFolder, run, serve, start } from './program.ts';

bundleProgram();

const rulesTo = (to: string): string => `rules:
  - name: files
    protocol: file
    match: /dl/*path
    to: ${to}/*path
`;

const proxied = (to: string): string => `rules:
  - name: files
    protocol: file
    mode: proxy
    to: ${to}
`;

describe('when it is ready', () => {
  test('it says where, how many rules, and how to try each', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    expect(gateway.stdout).toMatch(
      /^files: file \/dl\/\*path → https:\/\/cdn\.example\n {2}curl -fLO http:\/\/127\.0\.0\.1:\d+\/dl\/<path>\n\nturnout ready at http:\/\/127\.0\.0\.1:\d+, admin at http:\/\/127\.0\.0\.1:\d+, 1 rule, revision [\da-f]{12}\n$/,
    );
    expect(gateway.stderr).toBe('');
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({ status: 302, headers: { location: 'https://cdn.example/a' } });
  });

  test('it has told what is doubtful', async () => {
    const gateway = await serve(`${rulesTo('https://a.example')}  - protocol: file\n    match: /dl/*other\n    to: https://b.example\n`);
    expect(gateway.stderr).toMatch(/turnout\.yaml:\d+:\d+ unreachable_rule: .* \(warning\)\n/);
  });

  test('it does without an admin address', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--admin', 'off'] });
    expect(gateway.admin).toBe('');
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({ status: 302 });
  });

  test('it listens on IPv6', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--host', '::1', '--admin', '[::1]:0'] });
    expect(gateway.origin).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(gateway.admin).toMatch(/^http:\/\/\[::1\]:\d+$/);
  });
});

describe('it ends at once', () => {
  test.each([
    ['its port', 0],
    ['its admin port', 1],
  ])('when %s is taken, and says so', async (_, which) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const cwd = await makeFolder({ 'turnout.yaml': rulesTo('https://cdn.example') });
    const ports = which === 0 ? ['--port', `${port}`, '--admin', '0'] : ['--port', '0', '--admin', `${port}`];
    const { code, stdout, stderr } = await run(['serve', ...ports], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`turnout: 127.0.0.1:${port} is taken by another program; choose another with --port or --admin.\n`);
  });

  test.each([
    ['its rule file is missing', undefined, [], /^turnout: .*turnout\.yaml/],
    ['its rules are wrong', 'rules:\n  - protocol: oic\n    to: x.example\n', [], /^turnout\.yaml:2:\d+ unknown_protocol: .*\nturnout: 1 mistake in the rules\.\n$/],
    ['a secret is not in the environment', 'rules:\n  - protocol: oci\n    to: ghcr.io\n    auth: { token: "${NOT_THERE}" }\n', [], /^turnout\.yaml:4:\d+ missing_variable: .*NOT_THERE/],
    ['its address is not of this machine', rulesTo('https://a.example'), ['--host', '192.0.2.1'], /^turnout: 192\.0\.2\.1 is no address of this machine; /],
    ['its host is a name that there is not', rulesTo('https://a.example'), ['--host', 'absent.invalid'], /^turnout: .*absent\.invalid/],
    ['a network that it is to trust is none', rulesTo('https://a.example'), ['--trust-proxy', '10.0.0.0/99'], /^turnout: trustProxy: `10\.0\.0\.0\/99` is neither/],
    ['its public origin is none', rulesTo('https://a.example'), ['--public-origin', 'get.acme.dev'], /^turnout: publicOrigin: `get\.acme\.dev` is not an origin/],
  ])('when %s, and says so', async (_, rules, args, expected) => {
    const cwd = await makeFolder(rules === undefined ? {} : { 'turnout.yaml': rules });
    const { code, stdout, stderr } = await run(['serve', '--port', '0', '--admin', '0', ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

describe('its log', () => {
  test('has one line of JSON for each request', async () => {
    const upstream = await startUpstream((_, response) => void response.end('bytes'));
    const gateway = await serve(`${rulesTo('https://cdn.example')}  - name: all\n    protocol: file\n    mode: proxy\n    to: ${upstream.origin}\n`);
    const headers = { host: 'get.acme.dev', 'user-agent': '\u001b[31mred', authorization: 'Bearer of-a-client', cookie: 'of-a-client' };
    await ask(gateway.origin, '/dl/a?b', { headers });
    await ask(gateway.origin, '/x?y', { headers });
    await ask(gateway.origin, '/x/../y', { headers });
    await gateway.printed(/"status":400/);
    const common = { time: expect.stringMatching(/^\d{4}-.*Z$/), method: 'GET', host: 'get.acme.dev', ms: expect.any(Number), userAgent: '\u001b[31mred' };
    expect(gateway.access).toEqual([
      { ...common, path: '/dl/a?b', status: 302, type: 'redirect', rule: 'files', protocol: 'file', location: 'https://cdn.example/a?b' },
      { ...common, path: '/x?y', status: 200, type: 'proxy', rule: 'all', protocol: 'file', target: expect.stringMatching(/\/x/) },
      { ...common, path: '/x/../y', status: 400, type: 'respond' },
    ]);
    // No escape sequence reaches a terminal, no credential and no address of a client the log.
    expect(gateway.stdout).not.toContain('\u001b');
    expect(gateway.stdout).not.toContain('of-a-client');
    expect(gateway.stdout.slice(gateway.stdout.indexOf('{'))).not.toMatch(/"127\.0\.0\.1"/);
  });

  test('tells of a download that broke off', async () => {
    const upstream = await startUpstream((_, response) => void response.write('first'));
    const gateway = await serve(proxied(upstream.origin));
    const response = await open(gateway.origin, '/a');
    await once(response, 'data');
    response.destroy();
    await gateway.printed(/"complete":false/);
    expect(gateway.access).toMatchObject([{ path: '/a', status: 200, complete: false }]);
  });

  test('is for people, too', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--log', 'text'] });
    await ask(gateway.origin, '/dl/a', { headers: { 'user-agent': 'x\u001b[31m' } });
    await ask(gateway.origin, '/y');
    await gateway.printed(/ 404 GET /);
    expect(gateway.stdout).toMatch(/^\d\d:\d\d:\d\d 302 GET 127\.0\.0\.1:\d+\/dl\/a → https:\/\/cdn\.example\/a files \d+ ms$/m);
    expect(gateway.stdout).not.toContain('\u001b');
  });

  test.each([
    ['a host', ['GET /dl/a HTTP/1.1', 'Host: \u001b[31m']],
    ['a path', ['GET /\u001b[31m HTTP/1.1', 'Host: a']],
    ['a method', ['\u001b[31m / HTTP/1.1', 'Host: a']],
  ])('shows no escape sequence of %s to a terminal', async (_, lines) => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--log', 'text'] });
    const client = send(gateway.port, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    await new Promise((resolve) => client.once('close', resolve).resume());
    await ask(gateway.origin, '/dl/last');
    await gateway.printed(/dl\/last/);
    expect(gateway.stdout).not.toContain('\u001b');
  });

  test('can be off', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--log', 'off'] });
    const before = gateway.stdout;
    await ask(gateway.origin, '/dl/a');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(gateway.stdout).toBe(before);
  });

  test('that nobody reads any more ends no download', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    gateway.child.stdout?.destroy();
    gateway.child.stderr?.destroy();
    for (let count = 0; count < 5; count++) {
      expect(await ask(gateway.origin, '/dl/a')).toMatchObject({ status: 302 });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(gateway.child.exitCode).toBeNull();
  });
});

test('an upstream that fails is told of on stderr', async () => {
  const gateway = await serve(proxied(await unusedOrigin()));
  expect(await ask(gateway.origin, '/a')).toMatchObject({ status: 502 });
  await gateway.printed(/^turnout: rule files: http:\/\/127\.0\.0\.2:\d+: .*ECONNREFUSED.*$/m);
});

describe('secrets', () => {
  test('are on no output, whatever happens', async () => {
    const secrets = { USER: 'planted-user', PASSWORD: 'planted-pass', TOKEN: 'planted-token', SIGNATURE: 'planted-signature' };
    const upstream = await startUpstream((request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else response.writeHead(request.url?.startsWith('/ok') ? 200 : 500).end('x');
    });
    const closed = await unusedOrigin();
    const rules = `rules:
  - { name: images, protocol: oci, to: "${upstream.origin}", auth: { username: "\${USER}", password: "\${PASSWORD}" } }
  - { name: signed, protocol: file, mode: proxy, match: /s/*path, to: "${upstream.origin}/ok/*path?sig=\${SIGNATURE}" }
  - { name: down, protocol: file, match: /d/*path, to: "${closed}/*path?sig=\${SIGNATURE}", auth: { token: "\${TOKEN}" } }
  - { name: files, protocol: file, to: "${upstream.origin}", auth: { token: "\${TOKEN}" } }
`;
    for (const format of ['json', 'text']) {
      const gateway = await serve(rules, { env: secrets, args: ['--log', format] });
      for (const path of ['/v2/app/manifests/1', '/ok/a', '/bad', '/s/a', '/d/a', '/', '/%']) await ask(gateway.origin, path);
      expect((await ask(gateway.admin, '/readyz')).body).not.toContain('planted');
      await writeFile(gateway.file, rules.replace('protocol: oci', 'protocol: ${TOKEN}'));
      await gateway.printed(/is not usable/);
      expect((await ask(gateway.admin, '/readyz')).body).not.toContain('planted');
      gateway.child.kill('SIGTERM');
      const { stdout, stderr } = await gateway.ended;
      expect(stdout + stderr).not.toContain('planted');
      expect(upstream.requests.some(({ headers }) => headers.authorization === 'Bearer planted-token')).toBe(true);
    }
  });
});

describe('a change of the rule file', () => {
  const location = async (origin: string) => (await ask(origin, '/dl/a')).headers.location;

  test.each<readonly [string, (file: string, text: string) => Promise<void>]>([
    ['that is written', (file, text) => writeFile(file, text)],
    [
      'that is renamed into place',
      async (file, text) => {
        const next = join(dirname(file), 'next.yaml');
        await writeFile(next, text);
        await rename(next, file);
      },
    ],
  ])('%s serves the next request', async (_, change) => {
    const gateway = await serve(rulesTo('https://old.example'));
    expect(await location(gateway.origin)).toBe('https://old.example/a');
    await change(gateway.file, rulesTo('https://new.example'));
    const [line] = await gateway.printed(/^\{.*"msg":"rules reloaded".*\}$/m);
    expect(JSON.parse(line)).toEqual({
      time: expect.any(String),
      msg: 'rules reloaded',
      revision: expect.stringMatching(/^[\da-f]{12}$/),
      rules: 1,
    });
    expect(await location(gateway.origin)).toBe('https://new.example/a');
  });

  test('that is a mistake changes nothing, and is told of with its place until it is mended', async () => {
    const gateway = await serve(rulesTo('https://old.example'));
    await writeFile(gateway.file, rulesTo('ftp://new.example'));
    await gateway.printed(/turnout\.yaml:5:\d+ invalid_target: .*\nturnout: turnout\.yaml is not usable; the rules of before still serve\.\n/);
    expect(await location(gateway.origin)).toBe('https://old.example/a');
    const broken = JSON.parse((await ask(gateway.admin, '/readyz')).body);
    expect(broken).toMatchObject({ status: 'ok', failure: expect.stringMatching(/^turnout\.yaml:5:\d+ invalid_target: /) });

    await writeFile(gateway.file, rulesTo('https://new.example'));
    await gateway.printed(/"rules reloaded"/);
    expect(await location(gateway.origin)).toBe('https://new.example/a');
    expect(JSON.parse((await ask(gateway.admin, '/readyz')).body)).not.toHaveProperty('failure');
  });

  test('that is taken back leaves no failure behind', async () => {
    const gateway = await serve(rulesTo('https://old.example'));
    const before = await readFile(gateway.file, 'utf8');
    await writeFile(gateway.file, 'rules: [');
    await gateway.printed(/is not usable/);
    await writeFile(gateway.file, before);
    await expect
      .poll(async () => JSON.parse((await ask(gateway.admin, '/readyz')).body).failure, { timeout: 5000 })
      .toBeUndefined();
  });

  test('is not taken up with --no-watch', async () => {
    const gateway = await serve(rulesTo('https://old.example'), { args: ['--no-watch'] });
    await writeFile(gateway.file, rulesTo('https://new.example'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await location(gateway.origin)).toBe('https://old.example/a');
  });
});

describe('the admin address', () => {
  test('tells whether it runs and wants requests', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    for (const path of ['/healthz', '/readyz', '/readyz?x']) {
      const { status, headers, body } = await ask(gateway.admin, path);
      expect(status).toBe(200);
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
      expect(JSON.parse(body)).toEqual({ status: 'ok', draining: false, revision: expect.any(String), rules: 1 });
    }
    expect(await ask(gateway.admin, '/other')).toMatchObject({ status: 404 });
    expect(await ask(gateway.admin, '/dl/a')).toMatchObject({ status: 404 });
  });
});

describe('a signal', () => {
  async function startDownload(args: readonly string[] = []) {
    let finish = (): void => {};
    const upstream = await startUpstream((_, response) => {
      response.write('first, ');
      finish = () => void response.end('last');
    });
    const gateway = await serve(proxied(upstream.origin), { args });
    const response = await open(gateway.origin, '/a', { headers: { connection: 'keep-alive' } });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('error', () => {});
    await once(response, 'data');
    return { gateway, response, text: () => text, finish: () => finish() };
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s lets a download end, takes no more, and ends with 0', async (signal) => {
    const { gateway, response, text, finish } = await startDownload();
    gateway.child.kill(signal);
    await gateway.printed(/finishing what is under way/);
    await expect(ask(gateway.origin, '/b')).rejects.toThrow('ECONNREFUSED');
    expect(await ask(gateway.admin, '/readyz')).toMatchObject({ status: 503, body: expect.stringContaining('"draining":true') });
    expect(await ask(gateway.admin, '/healthz')).toMatchObject({ status: 200 });
    finish();
    await once(response, 'end');
    expect(text()).toBe('first, last');
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect(gateway.access).toMatchObject([{ path: '/a', status: 200 }]);
  });

  test('ends it at once when nothing is under way, though clients keep connections', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    const client = send(gateway.port, 'GET /dl/a HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'data');
    const started = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('cuts a download off when its time is over, and ends with 1', async () => {
    const { gateway, response } = await startDownload(['--grace', '0.3']);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 1 });
    expect(response.complete).toBe(false);
  });

  test('that comes a second time ends it at once', async () => {
    const { gateway } = await startDownload();
    gateway.child.kill('SIGTERM');
    await gateway.printed(/finishing what is under way/);
    const started = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 1 });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('that comes before it is ready ends it', async () => {
    const cwd = await makeFolder({ 'turnout.yaml': rulesTo('https://cdn.example') });
    const running = start(['serve', '--port', '0', '--admin', 'off'], { cwd });
    await new Promise((resolve) => setTimeout(resolve, 30));
    running.child.kill('SIGTERM');
    await running.ended;
  });
});
