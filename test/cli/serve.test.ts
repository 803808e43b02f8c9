import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';

import { ask } from '../gateway/client.ts';
import { unusedOrigin } from '../gateway/upstream.ts';
import { bundleProgram, makeFolder, proxied, rulesTo, run, serve } from './program.ts';

bundleProgram();

describe('when it is ready', () => {
  test('it says where, how many rules, and how to try each', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    expect(gateway.stdout).toMatch(
      /^files: file \/dl\/\*path → https:\/\/cdn\.example\n {2}curl -fLO 'http:\/\/127\.0\.0\.1:\d+\/dl\/<path>'\n\nturnout ready at http:\/\/127\.0\.0\.1:\d+, admin at http:\/\/127\.0\.0\.1:\d+, 1 rule, revision [\da-f]{12}\n$/,
    );
    expect(gateway.stderr).toBe('');
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({
      status: 302,
      headers: { location: 'https://cdn.example/a' },
    });
  });

  test('it has told what is doubtful', async () => {
    const gateway = await serve(
      `${rulesTo('https://a.example')}  - protocol: file\n    match: /dl/*other\n    to: https://b.example\n`,
    );
    expect(gateway.stderr).toMatch(/turnout\.yaml:\d+:\d+ unreachable_rule: .* \(warning\)\n/);
  });

  test('it does without an admin address', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), { args: ['--admin', 'off'] });
    expect(gateway.admin).toBe('');
    expect(await ask(gateway.origin, '/dl/a')).toMatchObject({ status: 302 });
  });

  test('it listens on IPv6', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'), {
      args: ['--host', '::1', '--admin', '[::1]:0'],
    });
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
    expect(stderr).toBe(
      `turnout: 127.0.0.1:${port} is taken by another program; choose another with --port or --admin.\n`,
    );
  });

  test.each([
    ['its rule file is missing', undefined, [], /^turnout: .*turnout\.yaml/],
    [
      'its rules are wrong',
      'rules:\n  - protocol: oic\n    to: x.example\n',
      [],
      /^turnout\.yaml:2:\d+ unknown_protocol: .*\nturnout: 1 mistake in the rules\.\n$/,
    ],
    [
      'a secret is not in the environment',
      'rules:\n  - protocol: oci\n    to: ghcr.io\n    auth: { token: "${NOT_THERE}" }\n',
      [],
      /^turnout\.yaml:4:\d+ missing_variable: .*NOT_THERE/,
    ],
    [
      'its address is not of this machine',
      rulesTo('https://a.example'),
      ['--host', '192.0.2.1'],
      /^turnout: 192\.0\.2\.1 is no address of this machine; /,
    ],
    [
      'its host is a name that there is not',
      rulesTo('https://a.example'),
      ['--host', 'absent.invalid'],
      /^turnout: .*absent\.invalid/,
    ],
    [
      'a network that it is to trust is none',
      rulesTo('https://a.example'),
      ['--trust-proxy', '10.0.0.0/99'],
      /^turnout: trustProxy: `10\.0\.0\.0\/99` is neither/,
    ],
    [
      'its public origin is none',
      rulesTo('https://a.example'),
      ['--public-origin', 'get.acme.dev'],
      /^turnout: publicOrigin: `get\.acme\.dev` is not an origin/,
    ],
  ])('when %s, and says so', async (_, rules, args, expected) => {
    const cwd = await makeFolder(rules === undefined ? {} : { 'turnout.yaml': rules });
    const { code, stdout, stderr } = await run(['serve', '--port', '0', '--admin', '0', ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

test('an upstream that fails is told of on stderr', async () => {
  const gateway = await serve(proxied(await unusedOrigin()));
  expect(await ask(gateway.origin, '/a')).toMatchObject({ status: 502 });
  await gateway.printed(/^turnout: rule files: http:\/\/127\.0\.0\.2:\d+: .*ECONNREFUSED.*$/m);
});

describe('the admin address', () => {
  test('tells whether it runs and wants requests', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    for (const path of ['/healthz', '/readyz', '/readyz?x']) {
      const { status, headers, body } = await ask(gateway.admin, path);
      expect(status).toBe(200);
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
      expect(JSON.parse(body)).toEqual({
        status: 'ok',
        draining: false,
        revision: expect.any(String),
        rules: 1,
        source: {
          name: 'turnout.yaml',
          ok: true,
          since: expect.any(String),
          lastSuccess: expect.any(String),
          acceptedAt: expect.any(String),
          from: 'store',
        },
      });
    }
    expect(await ask(gateway.admin, '/other')).toMatchObject({ status: 404 });
    expect(await ask(gateway.admin, '/dl/a')).toMatchObject({ status: 404 });
  });

  test('has metrics for Prometheus', async () => {
    const gateway = await serve(rulesTo('https://cdn.example'));
    const { revision } = JSON.parse((await ask(gateway.admin, '/readyz')).body);
    const { headers, body } = await ask(gateway.admin, '/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = body.split('\n').filter((line) => !line.startsWith('#'));
    expect(lines).toEqual([
      'turnout_rules 1',
      `turnout_rules_revision{revision="${revision}"} 1`,
      'turnout_rules_last_reload_success 1',
      expect.stringMatching(/^turnout_rules_last_reload_timestamp_seconds 1\d{9}(\.\d+)?$/),
      expect.stringMatching(/^turnout_rules_last_seen_timestamp_seconds 1\d{9}(\.\d+)?$/),
      '',
    ]);
    for (const name of ['turnout_rules', 'turnout_rules_revision'])
      expect(body).toContain(`# TYPE ${name} gauge\n`);
  });
});
