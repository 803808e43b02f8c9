import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';

import { ask, open, send } from '../gateway/client.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import { bundleProgram, proxied, rulesTo, serve } from './program.ts';

bundleProgram();

describe('the access log', () => {
  test('has one line of JSON for each request', async () => {
    const upstream = await startUpstream((_, response) => void response.end('bytes'));
    const gateway = await serve(
      `${rulesTo('https://cdn.example')}  - name: all\n    protocol: file\n    mode: proxy\n    to: ${upstream.origin}\n`,
    );
    const headers = {
      host: 'get.acme.dev',
      'user-agent': 'a"\u00e9',
      authorization: 'Bearer of-a-client',
      cookie: 'of-a-client',
    };
    await ask(gateway.origin, '/dl/a?b', { headers });
    await ask(gateway.origin, '/x?y', { headers });
    await ask(gateway.origin, '/x/../y', { headers });
    await gateway.printed(/"status":400/);
    const common = {
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      method: 'GET',
      host: 'get.acme.dev',
      ms: expect.any(Number),
      userAgent: 'a"\u00e9',
    };
    expect(gateway.access).toEqual([
      {
        ...common,
        path: '/dl/a?b',
        status: 302,
        type: 'redirect',
        rule: 'files',
        protocol: 'file',
        location: 'https://cdn.example/a?b',
      },
      {
        ...common,
        path: '/x?y',
        status: 200,
        type: 'proxy',
        rule: 'all',
        protocol: 'file',
        target: expect.stringMatching(/\/x/),
      },
      { ...common, path: '/x/../y', status: 400, type: 'respond' },
    ]);
    // No credential of a client, and not its address.
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
    await ask(gateway.origin, '/dl/a');
    await ask(gateway.origin, '/y');
    await gateway.printed(/ 404 GET /);
    expect(gateway.stdout).toMatch(
      /^\d\d:\d\d:\d\d 302 GET 127\.0\.0\.1:\d+\/dl\/a → https:\/\/cdn\.example\/a files \d+ ms$/m,
    );
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

describe('secrets', () => {
  test('are on no output, whatever happens', async () => {
    const secrets = {
      USER: 'planted-user',
      PASSWORD: 'planted-pass',
      TOKEN: 'planted-token',
      SIGNATURE: 'planted-signature',
    };
    const upstream = await startUpstream((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
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
      for (const path of ['/v2/app/manifests/1', '/ok/a', '/bad', '/s/a', '/d/a', '/', '/%'])
        await ask(gateway.origin, path);
      expect((await ask(gateway.admin, '/readyz')).body).not.toContain('planted');
      await writeFile(gateway.file, rules.replace('protocol: oci', 'protocol: "${TOKEN}"'));
      await gateway.printed(/is not usable/);
      expect((await ask(gateway.admin, '/readyz')).body).not.toContain('planted');
      gateway.child.kill('SIGTERM');
      const { stdout, stderr } = await gateway.ended;
      expect(stdout + stderr).not.toContain('planted');
      expect(upstream.requests.some(({ headers }) => headers.authorization === 'Bearer planted-token')).toBe(
        true,
      );
    }
  });
});
