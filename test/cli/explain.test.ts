import { expect, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

const rules = `rules:
  - name: images
    host: get.acme.dev
    protocol: oci
    match: acme/*image
    to: ghcr.io/acme-inc/*image
  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/:version/acme-:platform.tar.gz
    to: https://github.com/acme/cli/releases/download/v:version/acme-:platform.tar.gz
  - name: packages
    host: npm.acme.dev
    protocol: npm
    match: "@acme/*"
    to: https://npm.pkg.github.com
    auth: { token: "\${NPM_TOKEN}" }
`;

const env = { NPM_TOKEN: 'planted-secret-1' };

async function explain(...args: readonly string[]) {
  const cwd = await makeFolder({ 'turnout.yaml': rules });
  return run(['explain', ...args], { cwd, env });
}

test.each([
  [
    ['https://get.acme.dev/v2/acme/app/manifests/1.0'],
    {
      type: 'proxy',
      target: 'https://ghcr.io/v2/acme-inc/app/manifests/1.0',
      delivery: 'stream',
      rule: 'images',
      protocol: 'oci',
      resource: { type: 'manifest', name: 'acme/app', reference: '1.0' },
      params: { image: 'app' },
      purl: 'pkg:oci/app?repository_url=get.acme.dev/acme/app&tag=1.0',
    },
  ],
  [
    ['https://get.acme.dev/v2/'],
    { type: 'respond', status: 200, body: '{}', protocol: 'oci', resource: { type: 'ping' } },
  ],
  [['https://get.acme.dev/v2/other/manifests/1'], { type: 'respond', status: 404, protocol: 'oci' }],
  [
    ['get.acme.dev/cli/1.2/acme-linux.tar.gz?x=1'],
    {
      type: 'redirect',
      status: 302,
      location: 'https://github.com/acme/cli/releases/download/v1.2/acme-linux.tar.gz?x=1',
      rule: 'cli',
      protocol: 'file',
      resource: { type: 'file', path: '/cli/1.2/acme-linux.tar.gz', query: 'x=1' },
      params: { version: '1.2', platform: 'linux' },
    },
  ],
  [
    ['https://get.acme.dev/cli/1.2/acme-linux.tar.gz', '-X', 'put'],
    { type: 'respond', status: 405, rule: 'cli' },
  ],
  [
    ['https://npm.acme.dev/@acme%2fcli'],
    {
      type: 'proxy',
      delivery: 'rewrite',
      target: 'https://npm.pkg.github.com/@acme%2fcli',
      purl: 'pkg:npm/%40acme/cli',
    },
  ],
  [['https://10.0.0.1:8080/@acme%2fcli', '-H', 'Host: npm.acme.dev'], { type: 'proxy', delivery: 'rewrite' }],
  [
    ['https://10.0.0.1/', '-H', 'hOST:npm.acme.dev', '-H', 'Accept: */*', '--ip', '203.0.113.9'],
    { type: 'pass' },
  ],
  [['https://get.acme.dev/cli/../x'], { type: 'respond', status: 400 }],
] as const)('the decision on %j, as one line of JSON', async (args, expected) => {
  const { code, stdout, stderr } = await explain(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(stdout)).toMatchObject(expected);
  if (expected.type !== 'respond' && 'purl' in expected && 'resource' in expected)
    expect(JSON.parse(stdout)).toEqual(expected);
  expect(stdout).not.toContain(env.NPM_TOKEN);
});

test('a person is told what happens, by which rule, and why not by the others', async () => {
  const { code, stdout, stderr } = await explain('https://get.acme.dev/cli/1.2/acme-linux.tar.gz');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    'GET https://get.acme.dev/cli/1.2/acme-linux.tar.gz',
    '  redirect 302 to https://github.com/acme/cli/releases/download/v1.2/acme-linux.tar.gz',
    '  by rule cli (file)',
    '    version = 1.2',
    '    platform = linux',
    '  Clients follow a redirect of `file` of file, so its bytes take the short way.',
    '',
    expect.stringMatching(/^ {2}images: .*oci/),
    expect.stringMatching(/^→ cli: /),
    expect.stringMatching(/^ {2}packages: .*npm\.acme\.dev/),
    '',
  ]);
});

test.each([
  [
    'a proxied document',
    ['https://npm.acme.dev/@acme%2fcli'],
    /^ {2}proxy https:\/\/npm\.pkg\.github\.com\/@acme%2fcli\n.*\n {2}by rule packages \(npm\)\n[\s\S]*pkg:npm\/%40acme\/cli\n/m,
  ],
  ['a refusal', ['https://get.acme.dev/v2/x/manifests/1'], /^ {2}answer 404: \{"errors":/m],
  ['nothing', ['https://get.acme.dev/x'], /^ {2}pass: no rule takes it\n/m],
])('a person is told of %s', async (_, args, expected) => {
  const { code, stdout } = await explain(...args);
  expect(code).toBe(0);
  expect(stdout).toMatch(expected);
});

test.each([
  ['no host', ['/cli/1.0'], /^turnout: `\/cli\/1\.0` has no host; /],
  [
    'a field that is none',
    ['https://a.example/', '-H', 'nonsense'],
    /^turnout: `nonsense` is not a header field; /,
  ],
  ['no rule file', ['https://a.example/', '--rules', 'absent.yaml'], /^turnout: .*absent\.yaml/],
  ['no address', [], /^error: missing required argument 'url'/],
])('%s is a mistake on stderr', async (_, args, expected) => {
  const { code, stdout, stderr } = await explain(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(expected);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test('rules that are wrong are told of as by check', async () => {
  const cwd = await makeFolder({ 'other.yaml': 'rules:\n  - protocol: oci\n    to: ftp://x\n' });
  const { code, stdout, stderr } = await run(
    ['explain', 'https://a.example/', '--rules', 'other.yaml', '--json'],
    { cwd },
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^other\.yaml:3:\d+ invalid_target: .*\n(.*\n)?turnout: 1 mistake in the rules\.\n$/,
  );
});
