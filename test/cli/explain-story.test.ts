import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

const env = { SECRET: 'planted-secret-1', PASSWORD: 'planted-secret-2' };

const rules = `rules:
  - name: images
    host: get.acme.dev
    protocol: oci
    match: acme/*image
    to: ghcr.io/acme-inc/*image
    notice: We move on Monday.
  - name: python
    host: get.acme.dev
    at: /pypi/
    protocol: pypi
    to: https://pypi.org
  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/*path
    to:
      - { url: 'https://a.example/*path', weight: 1, when: { networks: ['10.0.0.0/8'] } }
      - { url: 'https://b.example/*path?key=\${SECRET}', ramp: [{ at: '2026-12-01T00:00:00Z', weight: 1 }] }
`;

async function explain(args: readonly string[], text = rules) {
  const cwd = await makeFolder({ 'turnout.yaml': text });
  const ended = await run(['explain', ...args], { cwd, env });
  expect(ended.stdout).not.toContain(env.PASSWORD);
  return ended;
}

test('the choice among upstreams is told, with the share of the client, its network and the time', async () => {
  const url = 'https://get.acme.dev/cli/1.0';
  const before = await explain([url, '--at', '2026-11-30T00:00:00Z', '--ip', '10.1.2.3']);
  expect(before.stdout).toContain(
    "  1 https://a.example: It has 100 % of the clients, numbers from 0.000 to 1.000, and this client's is 0.",
  );
  const after = await explain([url, '--at', '2026-12-02T00:00:00Z', '--ip', '192.0.2.1']);
  expect(after.stdout).toContain(
    '  – https://a.example: It is for clients of other networks than that of 192.0.2.1.\n',
  );
  expect(after.stdout).toMatch(
    / {2}1 https:\/\/b\.example: It has 100 % of the clients by the step of 2026-12-01T00:00:00Z \(weight 1\), /,
  );
  expect(after.stdout).toContain('redirect 302 to https://b.example/1.0?key=${SECRET}\n');
  expect(after.stdout).not.toContain(env.SECRET);
});

test('a client sends its own fields, which others replace', async () => {
  const { stdout } = await explain([
    'https://get.acme.dev/pypi/simple/numpy/',
    '--as',
    'pip',
    '--json',
    '--all',
    '-H',
    'User-Agent: mine',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({
    decision: { rule: 'python' },
    request: expect.stringMatching(/^GET /),
  });
});

describe('the requests of a client for a name', () => {
  test.each<[args: readonly string[], requests: readonly string[]]>([
    [
      ['get.acme.dev/acme/app:1.0', '--as', 'docker'],
      [
        'GET https://get.acme.dev/v2/ ',
        'HEAD https://get.acme.dev/v2/acme/app/manifests/1.0 ',
        'GET https://get.acme.dev/v2/acme/app/manifests/sha256:0',
        'GET https://get.acme.dev/v2/acme/app/blobs/sha256:0',
      ],
    ],
    [
      ['docker://get.acme.dev/acme/app', '--as', 'skopeo'],
      ['GET https://get.acme.dev/v2/ ', 'GET https://get.acme.dev/v2/acme/app/manifests/latest ', 'GET '],
    ],
    [
      ['--as', 'pip', 'get.acme.dev/pypi', 'numpy', 'Acme_CLI==1'],
      ['GET https://get.acme.dev/pypi/simple/numpy/ ', 'GET https://get.acme.dev/pypi/simple/acme-cli/ '],
    ],
    [
      ['get.acme.dev/v2/acme/app/tags/list', '--as', 'docker'],
      ['GET https://get.acme.dev/v2/acme/app/tags/list\n'],
    ],
    [['get.acme.dev/cli', '--as', 'go'], ['GET https://get.acme.dev/cli?go-get=1\n']],
    [['http://get.acme.dev/', 'cli/1.0', '--as', 'curl'], ['GET http://get.acme.dev/cli/1.0 ']],
  ])('%j', async (args, requests) => {
    const { code, stdout, stderr } = await explain(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const asked = stdout.split('\n').filter((line) => /^[A-Z]+ https?:/.test(line));
    expect(asked).toHaveLength(requests.length);
    asked.forEach((line, index) => {
      expect(`${line}\n`).toContain(requests[index]);
    });
  });

  test('each has its line of JSON, the decision first', async () => {
    const args = ['get.acme.dev/acme/app:1.0', '--as', 'docker', '--json'];
    const plain = (await explain(args)).stdout.trimEnd().split('\n');
    const all = (await explain([...args, '--all'])).stdout.trimEnd().split('\n');
    expect(plain).toHaveLength(4);
    all.forEach((line, index) => {
      expect(line.startsWith(`{"decision":${plain[index]},`)).toBe(true);
    });
    expect(JSON.parse(all[1] ?? '')).toMatchObject({
      decision: { type: 'proxy', rule: 'images' },
      request: 'HEAD https://get.acme.dev/v2/acme/app/manifests/1.0',
      purpose: 'asks which digest the name has',
      considered: [{ rule: 'images', chosen: true }, { rule: 'python' }, { rule: 'cli' }],
      choice: { upstreams: [{ origin: 'https://ghcr.io', turn: 1 }] },
      delivery: [expect.any(String), expect.any(String)],
      credential: [expect.stringMatching(/token server/)],
      notice: 'We move on Monday.',
    });
  });

  test('a person is told what is known of the rest, and the reasons once', async () => {
    const { stdout } = await explain(['get.acme.dev/acme/app:1.0', '--as', 'docker']);
    expect(stdout.endsWith('\n\nThe digests of zeros stand for those that the answers name.\n')).toBe(true);
    expect(stdout.match(/^→ images: /gm)).toHaveLength(1);
    expect(stdout).toContain('  Users are told: We move on Monday.\n');
  });

  test.each([
    [
      'a client that nobody knows',
      ['get.acme.dev/x', '--as', 'dcoker'],
      /^turnout: There is no client `dcoker` here; there are apk, /,
    ],
    ['a name without a client', ['get.acme.dev/pypi', 'numpy'], /say with --as/],
    [
      'a name that is none',
      ['get.acme.dev', 'A/B', '--as', 'docker'],
      /^turnout: `A\/B` is no name for docker; write get\.acme/,
    ],
    ['a method of ours', ['get.acme.dev/acme/app', '--as', 'docker', '-X', 'PUT'], /leave --request out/],
    ['a time that is none', ['get.acme.dev', '--at', 'noon'], /`noon` is not a time/],
    [
      'following with another method',
      ['get.acme.dev', '-X', 'PUT', '--follow'],
      /--follow asks with GET and HEAD alone/,
    ],
  ])('%s is a mistake', async (_, args, expected) => {
    const { code, stdout, stderr } = await explain(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });
});

describe('--follow', () => {
  async function listen(
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<{ readonly origin: string; readonly asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  const to = (origin: string, mode = 'auto', more = '') => `rules:
  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/*path
    mode: ${mode}
    to: { url: '${origin}/*path?key=\${SECRET}' ${more} }
`;

  test('asks, and tells each answer up to the last, without what is secret', async () => {
    const upstream = await listen((request, response) => {
      if (request.url?.startsWith('/1.0'))
        response.writeHead(302, { location: '/2.0?X-Signature=sgn123' }).end();
      else
        response
          .writeHead(200, { 'content-type': 'application/gzip', etag: '"x"', 'set-cookie': 'a=b' })
          .end('body of it');
    });
    const args = ['http://get.acme.dev/cli/1.0?os=linux', '--follow'];
    const { code, stdout, stderr } = await explain(args, to(upstream.origin));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(upstream.asked).toEqual([`GET /1.0?key=${env.SECRET}&os=linux`, 'GET /2.0?X-Signature=sgn123']);
    for (const hidden of [env.SECRET, 'sgn123', 'set-cookie', 'body of it'])
      expect(stdout).not.toContain(hidden);
    expect(stdout.split('\n').filter((line) => line.includes('client: '))).toEqual([
      '  client: GET http://get.acme.dev/cli/1.0?os=linux → 302',
      `  client: GET ${upstream.origin}/1.0?key=…&os=linux → 302`,
      `  client: GET ${upstream.origin}/2.0?X-Signature=… → 200`,
    ]);
    expect(stdout).toContain(`    location: ${upstream.origin}/1.0?key=…&os=linux\n`);
    expect(stdout).toContain('    content-type: application/gzip\n');
  });

  test('tells what the gateway asks for the client, too', async () => {
    const upstream = await listen((request, response) => {
      if (request.headers.authorization === `Bearer ${env.PASSWORD}`) response.writeHead(404).end();
      else response.writeHead(401, { 'www-authenticate': 'Bearer realm="x"' }).end();
    });
    const text = to(upstream.origin, 'proxy', ", auth: { token: '${PASSWORD}' }");
    const { stdout } = await explain(['get.acme.dev/cli/x', '--follow', '--json', '--all'], text);
    expect(JSON.parse(stdout)).toMatchObject({
      decision: { type: 'proxy' },
      chain: [
        { by: 'gateway', method: 'GET', url: `${upstream.origin}/x?key=…`, status: 404 },
        { by: 'client', method: 'GET', url: 'https://get.acme.dev/cli/x', status: 404 },
      ],
    });
  });

  test('a circle ends, and one that leads back here is asked here', async () => {
    const upstream = await listen((request, response) => {
      const location = request.url?.startsWith('/back') ? 'http://get.acme.dev/cli/round' : '/round';
      response.writeHead(302, { location }).end();
    });
    const { code, stdout } = await explain(['http://get.acme.dev/cli/back', '--follow'], to(upstream.origin));
    expect(code).toBe(0);
    expect(stdout).toContain('  client: GET http://get.acme.dev/cli/round → 302\n');
    expect(stdout).toContain('→ more than 10 redirects\n');
    expect(upstream.asked.length).toBeLessThan(12);
  });

  test.each([
    ['a private address', 'http://10.0.0.1/latest/meta-data', /not asked, since the address is not public/],
    ['a reserved address', 'http://169.254.169.254/latest', /not asked, since the address is not public/],
  ])('%s that an upstream names is not asked', async (_, location, expected) => {
    const upstream = await listen((_request, response) => void response.writeHead(302, { location }).end());
    const { code, stdout } = await explain(['http://get.acme.dev/cli/x', '--follow'], to(upstream.origin));
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
  });

  test('an upstream that is down is told of', async () => {
    const { code, stdout } = await explain(
      ['http://get.acme.dev/cli/x', '--follow'],
      to('http://127.0.0.1:1'),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/client: GET http:\/\/127\.0\.0\.1:1\/x\?key=… → .*ECONNREFUSED/);
  });

  test('what no rule takes is refused here', async () => {
    const { stdout } = await explain(['http://get.acme.dev/x', '--follow'], to('http://127.0.0.1:1'));
    expect(stdout).toContain('  client: GET http://get.acme.dev/x → 404\n');
  });

  test('a client that pulls is followed request by request', async () => {
    const upstream = await listen(
      (_request, response) => void response.writeHead(200, { 'docker-content-digest': 'sha256:1' }).end(),
    );
    const text = `rules:\n  - { name: images, host: get.acme.dev, protocol: oci, to: '${upstream.origin}' }\n`;
    const { code, stdout } = await explain(
      ['get.acme.dev/acme/app:1', '--as', 'containerd', '--follow'],
      text,
    );
    expect(code).toBe(0);
    expect(upstream.asked.map((line) => line.slice(0, 30))).toEqual([
      'HEAD /v2/acme/app/manifests/1',
      'GET /v2/acme/app/manifests/sha',
      'GET /v2/acme/app/blobs/sha256:',
    ]);
    expect(stdout).toContain('      docker-content-digest: sha256:1\n');
  });
});
