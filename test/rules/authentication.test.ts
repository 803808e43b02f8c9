import { expect, test } from 'vitest';
import { type CredentialProvider, credentialOf } from '../../src/core/credential.ts';
import { type ParseOptions, parseRules } from '../../src/rules/index.ts';
import { issuesOf, placesOf } from './_fixtures.ts';

const upstream = { origin: 'https://registry.example', host: 'registry.example' };

function upstreamsOf(text: string, options: Partial<ParseOptions> = {}) {
  const { rules } = parseRules(text, { file: 'turnout.yaml', commands: true, ...options });
  return rules.flatMap((rule) => rule.upstreams);
}

/** What the first upstream of a rule with this `auth` holds. */
function heldBy(auth: unknown, env: Readonly<Record<string, string>> = {}) {
  const rules = [{ protocol: 'oci', to: 'registry.example', auth }];
  const [first] = upstreamsOf(JSON.stringify({ rules }), { env });
  return first && credentialOf(first);
}

function providerOf(auth: unknown, env?: Readonly<Record<string, string>>): CredentialProvider {
  const held = heldBy(auth, env);
  if (typeof held !== 'function') throw new Error('There is no provider.');
  return held;
}

test('`client` stands for the credential of the client', () => {
  const [upstream] = upstreamsOf('rules: [{ protocol: oci, to: a.example, auth: client }]');
  expect(upstream).toMatchObject({ authenticated: true, delegated: true });
  expect(upstream && credentialOf(upstream)).toBeUndefined();
});

test('an upstream has its own before that of its rule', () => {
  const text = `rules:
  - protocol: oci
    auth: ecr
    to:
      - a.example
      - { url: b.example, auth: client }
      - { url: c.example, auth: { token: x } }
      - { url: d.example, auth: { ecr: { region: eu-central-1 } } }
      - { url: e.example, auth: { command: [print-token] } }
  - { protocol: npm, to: { url: f.example, auth: ecr } }
`;
  expect(upstreamsOf(text).map((each) => typeof (credentialOf(each) ?? each.delegated))).toEqual([
    'function',
    'boolean',
    'object',
    'function',
    'function',
    'function',
  ]);
});

test('the same words make the same provider, so that a reload fetches nothing anew', () => {
  const command = { command: ['print-token', '--all'], username: 'a', lifetime: '1h' };
  expect(providerOf(command)).toBe(providerOf({ ...command }));
  expect(providerOf(command)).not.toBe(providerOf({ ...command, command: ['print-token'] }));
  expect(providerOf(command)).not.toBe(providerOf({ ...command, username: 'b' }));
  expect(providerOf(command)).not.toBe(providerOf({ ...command, lifetime: '2h' }));
  expect(providerOf('ecr')).toBe(providerOf({ ecr: {} }));
  expect(providerOf('ecr')).not.toBe(providerOf({ ecr: { region: 'eu-central-1' } }));
});

test('a command is run as it is written, with what its variables stand for', async () => {
  const { execPath } = process;
  const code = 'console.log(process.argv[1] + process.env.TURNOUT_TEST)';
  const command = [execPath, '-e', code, '${SECRET}; $HOME'];
  const provider = providerOf({ command, username: 'acme', lifetime: '45m' }, { SECRET: 'hunter2' });
  const before = Date.now();
  const { expiresAt, ...credential } = await provider(upstream);
  expect(credential).toEqual({ username: 'acme', password: 'hunter2; $HOMEundefined' });
  expect((expiresAt?.getTime() ?? 0) - before).toBeGreaterThanOrEqual(45 * 60_000);
  expect((expiresAt?.getTime() ?? 0) - before).toBeLessThan(46 * 60_000);
});

test.each([
  ['90s', 90],
  ['45m', 2700],
  ['12h', 43_200],
])('%s is %d seconds', async (lifetime, seconds) => {
  const before = Date.now();
  const { expiresAt } = await providerOf({ command: ['echo', 't'], lifetime })(upstream);
  expect(Math.floor(((expiresAt?.getTime() ?? 0) - before) / 10_000) * 10).toBe(
    Math.floor(seconds / 10) * 10,
  );
});

const commands = `rules:
  - protocol: oci
    to: a.example
    auth: { command: [print-token, hunter2] }
  - protocol: npm
    to: { url: b.example, auth: { command: [x] } }
  - protocol: file
    to:
      - c.example
      - { url: d.example, auth: { username: a, command: [x] } }
`;

test('a text that anybody may have written runs no programs', () => {
  const issues = issuesOf(commands);
  expect(placesOf(issues)).toEqual([
    '4:13 command_not_allowed',
    '6:35 command_not_allowed',
    '10:48 command_not_allowed',
  ]);
  expect(issues[0]?.message).toBe(
    'These rules may not run programs, since it is not known who wrote them; have them in a file of this machine that `loadRules` reads, or allow it with `commands: true`.',
  );
  expect(issuesOf(commands, { commands: true })).toEqual([]);
});

test('a command that is wrong is not allowed either', () => {
  const codes = issuesOf('rules: [{ protocol: oci, to: a.example, auth: { command: aws } }]').map(
    ({ code }) => code,
  );
  expect(codes).toContain('command_not_allowed');
});
