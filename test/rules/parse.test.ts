import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { credentialOf } from '../../src/core/credential.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { protocols } from '../../src/protocols/index.ts';
import { parseRules } from '../../src/rules/index.ts';
import { example, exampleEnv, exampleProtocols, issuesOf, placesOf } from './_fixtures.ts';

const options = { file: 'turnout.yaml', env: exampleEnv, protocols: exampleProtocols };

test('a rule file becomes a rule set', () => {
  const { rules, warnings } = parseRules(example, options);
  expect(warnings).toEqual([]);
  expect(rules.map(({ name, protocol }) => [name, protocol.name])).toEqual([
    ['images', 'oci'],
    ['cli', 'file'],
    ['packages', 'npm'],
    ['python', 'pypi'],
    ['debian', 'apt'],
  ]);
  expect(rules[3]).toMatchObject({ hosts: ['get.acme.dev', '*.acme.dev'], at: '/pypi/' });
  expect(rules[4]).toMatchObject({ mode: 'proxy', status: 307, downgrade: true, dropQuery: true });
  expect(rules[3]?.upstreams.map(({ allow }) => allow)).toEqual([['files.internal:8443']]);
  expect(rules[3]?.upstreams.map(credentialOf)).toEqual([{ token: 't0ken' }]);
  expect(rules[4]?.upstreams.map(({ host }) => host)).toEqual(['packages.acme.example', 'mirror.example']);
  expect(rules[4]?.upstreams.map(credentialOf)).toEqual(
    Array(2).fill({ username: 'acme', password: 'pass word' }),
  );
});

test('every mistake of a file is told at once, each once and at its place, in their order', () => {
  const text = `rule_version: 1
rules:
  - name: typing
    protcol: oci
    to: ghcr.io
  - host: get.acme.dev
    to: ghcr.io
  - protocol: docker
    to: ghcr.io
  - protocol: oci
    host: 443
    status: 300
    mode: prxy
    to:
      - ghcr.io
      - url: quay.io
        auth: { user: acme, password: x }
  - protocol: file
    name: cli
    match: cli/:version
    to: https://:version.example/x
  - protocol: oci
    to: \${UPSTREAM}
  - protocol: file
    name: cli
    host: [get.acme.dev, "http://b.example"]
    match: /:a/:a
    to: user@host.example/:b
  - protocol: oci
    at: /v1
    to: ghcr.io
    to: quay.io
  - protocol: npm
`;
  expect(placesOf(issuesOf(text))).toEqual([
    '1:1 unknown_key',
    '4:5 unknown_key',
    '6:5 missing_key',
    '8:15 unknown_protocol',
    '11:11 invalid_value',
    '12:13 invalid_value',
    '13:11 invalid_value',
    '17:17 unknown_key',
    '20:12 invalid_match',
    '21:9 variable_in_authority',
    '23:9 missing_variable',
    '25:11 duplicate_name',
    '26:26 invalid_host',
    '27:12 conflicting_parameter',
    '28:9 credentials_in_url',
    '32:5 duplicate_key',
    '33:5 missing_target',
  ]);
  expect(issuesOf(text).map(({ path }) => path.join('.'))).toEqual([
    'rule_version',
    'rules.0.protcol',
    'rules.1.protocol',
    'rules.2.protocol',
    'rules.3.host',
    'rules.3.status',
    'rules.3.mode',
    'rules.3.to.1.auth.user',
    'rules.4.match',
    'rules.4.to',
    'rules.5.to',
    'rules.6.name',
    'rules.6.host.1',
    'rules.6.match',
    'rules.6.to',
    'rules.7.to',
    'rules.8',
  ]);
});

test('a name that a faulty rule has too is found, and counted with all rules', () => {
  const text = 'rules:\n  - { name: a, protocol: x }\n  - { name: a, protocol: file, to: b.example }\n';
  expect(placesOf(issuesOf(text))).toEqual(['2:26 unknown_protocol', '3:13 duplicate_name']);
  expect(issuesOf(text)[1]?.message).toContain('the 1st');
});

test('warnings have positions', () => {
  const rule = '{ "protocol": "file", "match": "/:a/:b",\n "to": "x.example/:a" }';
  const place = { code: 'unused_parameter', position: { file: 'turnout.yaml', line: 3, column: 8 } };
  for (const text of [`{ "rules": [\n${rule}] }`, `{ "rules": [\n${rule}], # YAML\n}`]) {
    expect(parseRules(text, { file: 'turnout.yaml' }).warnings).toMatchObject([place]);
  }
});

test('without protocols every rule names one that there is not', () => {
  expect(placesOf(issuesOf('rules: [{ protocol: oci }]', { protocols: [] }))).toEqual([
    '1:21 unknown_protocol',
  ]);
});

test.each([
  ['', '1:1'],
  ['# nothing\n', '1:1'],
  ['---\n', '1:4'],
  ['null', '1:1'],
  ['rules:\n', '1:1'],
  ['# none\nrules: []\n', '2:8'],
  ['{ "rules": [] }', '1:12'],
])('%j has no rules', (text, place) => {
  expect(placesOf(issuesOf(text))).toEqual([`${place} empty_rule_set`]);
});

describe('a file that is not whole', () => {
  const data = {
    rules: [
      { protocol: 'oci', to: 'ghcr.io' },
      { protocol: 'file', to: ['a.example', 'b.example'] },
    ],
  };
  const json = JSON.stringify(data, null, 2);

  test.each([
    ['YAML', example, 5],
    ['JSON', json, 2],
  ])('%s is a rule set or a RuleError wherever it ends', { timeout: 30_000 }, (_, text, most) => {
    for (let length = 0; length < text.length; length++) {
      const outcome = attempt(text.slice(0, length));
      expect(typeof outcome === 'number' ? outcome : 1).toBeLessThanOrEqual(most);
    }
    expect(attempt(text)).toBe(most);
  });

  test('JSON is nothing until its last bracket', () => {
    for (let length = 0; length < json.length; length++) {
      expect(attempt(json.slice(0, length))).toBe('RuleError');
    }
  });
});

test('no text makes anything but a rule set or a RuleError', () => {
  const pieces = fc.constantFrom(
    '\0',
    '\t',
    '&a ',
    '*a',
    '${A}',
    '? ',
    '- ',
    '[',
    '{',
    '"',
    '|\n',
    '<<: ',
    '!x ',
    '%',
    '---\n',
    '\r',
    '\u2028',
    '\ud800',
  );
  const edit = fc.record({
    at: fc.nat(example.length),
    remove: fc.nat(40),
    insert: fc.oneof(pieces, fc.string()),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const text = edits.reduce(
        (all, { at, remove, insert }) => all.slice(0, at) + insert + all.slice(at + remove),
        example,
      );
      attempt(text);
    }),
    { numRuns: 100 },
  );
});

test.each([
  ['nested flow lists', '['.repeat(50_000)],
  ['nested and closed flow lists', `rules: ${'['.repeat(5000)}${']'.repeat(5000)}`],
  ['nested block lists', '- '.repeat(50_000)],
  ['nested JSON', `{"rules":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ['a list that has itself', 'rules: &x [*x]'],
  [
    'aliases that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(9)}]`).join('\n')}`,
  ],
  ['a thousand and one aliases', `a: &a x\nrules: [${'*a, '.repeat(1001)}]`],
  ['more than 16 MiB', ' '.repeat(16 * 1024 * 1024 + 1)],
  ['NUL bytes', '\0'.repeat(1000)],
])('%s are refused', (_, text) => {
  const issues = issuesOf(text);
  expect(issues).toHaveLength(1);
  expect(['invalid_syntax', 'invalid_value']).toContain(issues[0]?.code);
});

test('aliases stand for what they refer to, and a mistake in that is told once', () => {
  const text = (upstream: string) => `rules:
  - { protocol: file, host: a.example, to: &mirrors [a.acme.dev, ${upstream}] }
  - { protocol: file, host: b.example, to: *mirrors }
`;
  const { rules } = parseRules(text('b.acme.dev'), { file: 'turnout.yaml' });
  expect(rules[1]?.upstreams.map(({ host }) => host)).toEqual(['a.acme.dev', 'b.acme.dev']);
  expect(placesOf(issuesOf(text('ftp://b')))).toEqual(['2:66 invalid_target']);
});

/** The number of rules, or the name of the error that there may be. */
function attempt(text: string): number | string {
  try {
    return parseRules(text, options).rules.length;
  } catch (error) {
    if (!isRuleError(error)) throw error;
    if (!error.issues.every(({ position }) => position && position.line > 0)) throw error;
    return error.name;
  }
}

test('the protocols of this package are the default', () => {
  for (const { name } of protocols) {
    expect(placesOf(issuesOf(`rules: [{ protocol: ${name}, to: a.example, status: 1 }]`))).toHaveLength(1);
  }
});
