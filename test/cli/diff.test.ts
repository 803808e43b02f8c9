import { expect, test } from 'vitest';

import { bundleProgram, makeFolder, run } from './program.ts';

bundleProgram();

const rules = (registry: string, more = '') => `rules:
  - name: images
    host: get.acme.dev
    protocol: oci
    match: acme/*image
    to: ${registry}
  - name: jars
    host: get.acme.dev
    at: /maven/
    protocol: maven
    match: com.acme/*
    to: https://maven.example/\${SECRET}
${more}`;

const added = `  - name: debian
    host: deb.acme.dev
    protocol: apt
    to: https://deb.example
`;

async function diff(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const cwd = await makeFolder(files);
  const env = { SECRET: 'planted-secret-1' };
  const ended = await run(['diff', 'old.yaml', 'new.yaml', ...args], { cwd, env });
  expect(ended.stdout).not.toContain(env.SECRET);
  return ended;
}

test('what is different is told in terms of those who have to live with it', async () => {
  const files = { 'old.yaml': rules('registry.example'), 'new.yaml': rules('other.example', added) };
  const { code, stdout, stderr } = await diff(files);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    'Rules',
    '  + debian',
    '  ~ images',
    '      to: registry.example → other.example',
    'Hosts that clients ask here',
    '  + deb.acme.dev (debian)',
    'Hosts to which clients may be sent',
    '  + other.example (images)',
    '  + deb.example (debian)',
    '  - registry.example (images)',
    'Hosts that the gateway may ask',
    '  + other.example (images)',
    '  + deb.example (debian)',
    '  - registry.example (images)',
    'What leads elsewhere, by example',
    '  GET https://get.acme.dev/v2/acme/example/manifests/latest',
    '      proxy to registry.example by images → proxy to other.example by images',
    expect.stringMatching(/^ {2}GET https:\/\/get\.acme\.dev\/v2\/acme\/example\/blobs\/sha256:0+$/),
    '      proxy to registry.example by images → proxy to other.example by images',
    '  GET https://deb.acme.dev/dists/example/InRelease',
    expect.stringMatching(/^ {6}no rule → \w+ .*to deb\.example by debian$/),
    expect.stringMatching(/Packages\.xz$/),
    expect.stringMatching(/ by debian$/),
    '',
  ]);
});

test('one line of JSON says the same', async () => {
  const other = {
    'old.yaml': rules('registry.example'),
    'new.yaml': rules('registry.example').replace('example/$', 'example/x/$'),
  };
  const { code, stdout } = await diff(other, '--json', '--at', '2026-12-01T00:00:00Z');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(stdout)).toMatchObject({
    rules: { changed: [{ rule: 'jars', keys: [{ key: 'to', before: 'https://maven.example/${SECRET}' }] }] },
    decisions: [
      {
        request: expect.stringMatching(/^GET https:\/\/get\.acme\.dev\/maven\/com\/acme\/example\//),
        before: { address: expect.stringContaining('https://maven.example/${SECRET}/com/acme/example/') },
        after: { address: expect.stringContaining('https://maven.example/x/${SECRET}/com/acme/example/') },
      },
    ],
  });
});

test('a change of the address and of a credential alone are told', async () => {
  const text = (token: string, folder: string) =>
    `networks: { a: [10.0.0.0/8, ${token === 'a' ? '::1' : '::2'}] }\nrules:\n  - { name: f, protocol: file, match: /a, to: a.example/${folder}, auth: { token: ${token} }, mode: redirect }\n`;
  const { stdout } = await diff({ 'old.yaml': text('a', 'x'), 'new.yaml': text('b', 'y') });
  expect(stdout).toContain('      auth: another\n');
  expect(stdout).toContain('Lists of networks\n  ~ a\n');
  expect(stdout).toContain('  GET https://any.example/a\n      https://a.example/x → https://a.example/y\n');
});

test('nothing different is nothing to tell', async () => {
  const files = { 'old.yaml': rules('a.example'), 'new.yaml': `# the same\n${rules('a.example')}` };
  expect(await diff(files)).toMatchObject({ code: 0, stdout: 'Nothing is different.\n' });
});

test.each([
  ['a file that is missing', { 'old.yaml': rules('a.example') }, /^turnout: .*new\.yaml/],
  [
    'a mistake',
    { 'old.yaml': rules('a.example'), 'new.yaml': 'rules: []' },
    /^new\.yaml:1:\d+ empty_rule_set: /,
  ],
])('%s is told on stderr', async (_, files, expected) => {
  const { code, stdout, stderr } = await diff(files as Record<string, string>);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(expected);
});
