import fc from 'fast-check';
import { stringify, TokenData } from 'path-to-regexp';
import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { ISSUE_CODES, type IssueCode, isRuleError, type RuleIssue } from '../../src/core/errors.ts';
import { compileMatcher, matchElements } from '../../src/core/matcher.ts';
import type { PatternToken } from '../../src/core/pattern.ts';
import { type Rule, type RuleConfig, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { fill, filling, isCompilable, pathPattern } from './arbitraries.ts';
import { hostilePath, hostileText } from './hostile.ts';

const to = 'https://cdn.example/x';
const token = { token: 'secret' };

function errorsOf(rules: readonly Rule[]): readonly RuleIssue[] {
  try {
    compileRules(rules);
    return [];
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues;
  }
}

/** A mistake: what is written, where it is reported below `rules[0]` (or where it says), and what the message has. */
type Mistake = readonly [
  code: IssueCode,
  rules: Rule | readonly Rule[],
  path: readonly (string | number)[],
  ...fragments: string[],
];

const mistakes: readonly Mistake[] = [
  [
    'invalid_host',
    rule(file, { host: 'a..example', to }),
    ['rules', 0, 'host'],
    '`a..example` is not a host',
    '`get.acme.dev`',
  ],
  ['invalid_host', rule(file, { host: 'bücher.example', to }), ['rules', 0, 'host'], 'in its ASCII form'],
  [
    'invalid_host',
    rule(file, { host: 'https://a.example', to }),
    ['rules', 0, 'host'],
    'more than a host',
    '`at`',
  ],
  ['invalid_host', rule(file, { host: 'a.example/x', to }), ['rules', 0, 'host'], 'more than a host'],
  ['invalid_host', rule(file, { host: '*', to }), ['rules', 0, 'host'], 'not a host pattern', '`*.acme.dev`'],
  ['invalid_host', rule(file, { host: 'a.*.example', to }), ['rules', 0, 'host'], 'not a host pattern'],
  ['invalid_host', rule(file, { host: '*a.example', to }), ['rules', 0, 'host'], 'not a host pattern'],
  ['invalid_host', rule(file, { host: '*.a.example:80', to }), ['rules', 0, 'host'], 'without a port'],
  ['invalid_host', rule(file, { host: '*.', to }), ['rules', 0, 'host'], 'not a host pattern'],
  ['invalid_host', rule(file, { host: '', to }), ['rules', 0, 'host'], 'not a host'],
  [
    'invalid_host',
    rule(file, { host: ['a.example', 'b c'], to }),
    ['rules', 0, 'host', 1],
    '`b c` is not a host',
  ],
  ['invalid_host', rule(file, { host: [], to }), ['rules', 0, 'host'], 'The list of hosts is empty'],
  [
    'invalid_host',
    rule(file, { to: { url: to, allow: ['a.example', 'http://b'] } }),
    ['rules', 0, 'to', 'allow', 1],
    '`http://b` is not a host',
  ],
  [
    'invalid_host',
    rule(file, { to: [to, { url: to, allow: ['*.a'] }] }),
    ['rules', 0, 'to', 1, 'allow', 0],
    '`*.a` is not a host',
  ],
  [
    'invalid_mount',
    rule(file, { at: 'pypi', to }),
    ['rules', 0, 'at'],
    '`pypi` is not a mount path',
    'starts with a slash',
  ],
  ['invalid_mount', rule(file, { at: '', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a//b', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a b', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a?b', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a%', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a/../b', to }), ['rules', 0, 'at'], 'not a mount path'],
  ['invalid_mount', rule(file, { at: '/a/%2e/', to }), ['rules', 0, 'at'], 'not a mount path'],
  [
    'mount_not_supported',
    rule(oci, { at: '/images/', to: 'ghcr.io' }),
    ['rules', 0, 'at'],
    '`oci`',
    'leave `at` out',
  ],
  ['invalid_match', rule(file, { match: 'a', to }), ['rules', 0, 'match'], 'matched on the path', '`/a`'],
  ['invalid_match', rule(file, { match: '', to }), ['rules', 0, 'match'], 'matched on the path'],
  ['invalid_match', rule(file, { match: '*rest', to }), ['rules', 0, 'match'], '`/*rest`'],
  [
    'invalid_match',
    rule(oci, { match: '/acme/*image', to: 'ghcr.io' }),
    ['rules', 0, 'match'],
    'matched on a name',
    '`acme/*image`',
  ],
  ['invalid_match', rule(oci, { match: '{/acme}/x', to: 'ghcr.io' }), ['rules', 0, 'match'], '`{acme}/x`'],
  [
    'invalid_match',
    rule(npm, { match: '', to }),
    ['rules', 0, 'match'],
    'The pattern is empty',
    'leave `match` out',
  ],
  [
    'invalid_match',
    rule(file, { match: '/(.*)', to }),
    ['rules', 0, 'match'],
    '`/(.*)` is not a pattern',
    'write `\\(`',
  ],
  [
    'invalid_match',
    rule(file, { match: '/:a:b', to }),
    ['rules', 0, 'match'],
    'there must be text between `b` and',
  ],
  [
    'invalid_match',
    rule(file, { match: '/**', to }),
    ['rules', 0, 'match'],
    'there must be text between `1` and',
  ],
  [
    'invalid_match',
    rule(file, { match: '/:a{:b}', to }),
    ['rules', 0, 'match'],
    'there must be text between `b` and',
  ],
  [
    'invalid_match',
    rule(file, { match: `/${'{a}'.repeat(9)}`, to }),
    ['rules', 0, 'match'],
    'more than 256 combinations',
  ],
  [
    'invalid_match',
    rule(file, { match: `/${'a/'.repeat(20_000)}`, to }),
    ['rules', 0, 'match'],
    'longer than 4096 characters',
  ],
  ['invalid_match', rule(file, { match: '/\ud800', to }), ['rules', 0, 'match'], 'a lone surrogate'],
  ['invalid_match', rule(file, { match: '/:__proto__', to }), ['rules', 0, 'match'], '`__proto__`'],
  [
    'invalid_match',
    rule(file, { match: '/a?=1', to }),
    ['rules', 0, 'match'],
    'a query parameter has no name',
  ],
  [
    'invalid_match',
    rule(file, { match: '/a?b={c}', to }),
    ['rules', 0, 'match'],
    'a query parameter cannot have an optional group',
  ],
  [
    'invalid_match',
    rule(file, { match: '/a?b=:c:d', to }),
    ['rules', 0, 'match'],
    'there must be text between',
  ],
  [
    'invalid_match',
    rule(file, { match: '/a?:b=c', to }),
    ['rules', 0, 'match'],
    'the name of a query parameter cannot be a variable',
  ],
  // What other syntaxes mean by a question mark is not taken for a query.
  [
    'invalid_match',
    rule(file, { match: '/cli/:file?', to }),
    ['rules', 0, 'match'],
    'a query parameter has no name',
    '`{…}`',
  ],
  ['invalid_match', rule(file, { match: '/{a}?{b}?', to }), ['rules', 0, 'match'], 'write `\\?`'],
  [
    'invalid_match',
    rule(file, { match: '/a?b&', to }),
    ['rules', 0, 'match'],
    'a query parameter has no name',
  ],
  [
    'invalid_match',
    rule(oci, { match: 'acme/app?x=1', to: 'ghcr.io' }),
    ['rules', 0, 'match'],
    '`?` has a meaning of its own',
  ],
  ['conflicting_parameter', rule(file, { match: '/:a/:a', to }), ['rules', 0, 'match'], '`a` stands twice'],
  ['conflicting_parameter', rule(file, { match: '/:a{/:a}', to }), ['rules', 0, 'match'], '`a` stands twice'],
  ['conflicting_parameter', rule(file, { match: '/:a?b=:a', to }), ['rules', 0, 'match'], '`a` stands twice'],
  ['conflicting_parameter', rule(file, { match: '/*"0"/*', to }), ['rules', 0, 'match'], '`0` stands twice'],
  ['missing_target', rule(oci, {}), ['rules', 0], 'leads nowhere', '`to:`'],
  ['missing_target', rule(npm, { match: 'x' }), ['rules', 0], 'leads nowhere'],
  ['missing_target', rule(file, { to: [] }), ['rules', 0, 'to'], 'The list of upstreams is empty'],
  ['invalid_target', rule(file, { to: 'ftp://a.example' }), ['rules', 0, 'to'], '`ftp:` is not a scheme'],
  ['invalid_target', rule(file, { to: { url: '' } }), ['rules', 0, 'to', 'url'], 'no host'],
  ['invalid_target', rule(file, { to: [to, 'https://a b'] }), ['rules', 0, 'to', 1], 'is not a host'],
  ['invalid_target', rule(file, { to: [to, { url: 'a#b' }] }), ['rules', 0, 'to', 1, 'url'], 'no fragment'],
  ['credentials_in_url', rule(file, { to: 'https://u:p@a.example' }), ['rules', 0, 'to'], '`auth:`'],
  [
    'variable_in_authority',
    rule(file, { match: '/:a', to: 'https://:a.example' }),
    ['rules', 0, 'to'],
    'one rule for each host',
  ],
  [
    'unknown_parameter',
    rule(file, { match: '/:version', to: 'a.example/:verison' }),
    ['rules', 0, 'to'],
    'no variable `verison`',
    'did you mean `version`?',
  ],
  [
    'unknown_parameter',
    rule(file, { match: '/:a/:b', to: 'a.example/:something' }),
    ['rules', 0, 'to'],
    'it has `a`, `b`.',
  ],
  [
    'unknown_parameter',
    rule(file, { match: '/x', to: 'a.example/:something' }),
    ['rules', 0, 'to'],
    'it has none.',
  ],
  ['unknown_parameter', rule(file, { to: 'a.example/:something' }), ['rules', 0, 'to'], 'it has none.'],
  [
    'unknown_parameter',
    rule(file, { match: '/x', to: 'a.example/?x={:something}' }),
    ['rules', 0, 'to'],
    '`something`',
  ],
  [
    'unknown_parameter',
    rule(oci, { match: 'acme/*image', to: 'ghcr.io/acme/*' }),
    ['rules', 0, 'to'],
    'no variable `0`',
    '`image`',
  ],
  [
    'optional_parameter',
    rule(file, { match: '/a{/:b}', to: 'a.example/:b' }),
    ['rules', 0, 'to'],
    '`b` is optional',
    'in braces',
  ],
  [
    'optional_parameter',
    rule(file, { match: '/a{/:b}', to: 'a.example/?b=:b' }),
    ['rules', 0, 'to'],
    '`b` is optional',
  ],
  [
    'duplicate_name',
    [rule(file, { name: 'a', to }), rule(file, { name: 'a', match: '/x', to })],
    ['rules', 1, 'name'],
    'the 1st, is called `a` too',
  ],
  [
    'duplicate_name',
    [rule(file, { to }), rule(file, { name: 'rules[0]', match: '/x', to })],
    ['rules', 1, 'name'],
    'the 1st, is called `rules[0]` too',
  ],
];

const doubts: readonly Mistake[] = [
  ['unused_parameter', rule(file, { match: '/:a/:b', to: 'a.example/:a' }), ['rules', 0, 'to'], '`b`'],
  [
    'unused_parameter',
    rule(file, { match: '/:a/:b', to: ['a.example/:a/:b', 'b.example/x'] }),
    ['rules', 0, 'to', 1],
    '`a`, `b`',
  ],
  [
    'unused_parameter',
    rule(file, { match: '/a?v=:v', to: { url: 'a.example/a' } }),
    ['rules', 0, 'to', 'url'],
    '`v`',
  ],
  ['unused_parameter', rule(oci, { match: 'a/:b/*c', to: 'ghcr.io/x' }), ['rules', 0, 'to'], '`b`'],
  [
    'self_target',
    rule(file, { host: 'a.example', to: 'https://A.example/x' }),
    ['rules', 0, 'to'],
    '`a.example`, a host of this rule',
  ],
  [
    'self_target',
    rule(file, { host: 'a.example:80', to: 'http://a.example:81/x' }),
    ['rules', 0, 'to'],
    '`a.example`',
  ],
  [
    'self_target',
    rule(file, { host: ['b.example', '*.a.example'], to: 'https://x.a.example' }),
    ['rules', 0, 'to'],
    '`x.a.example`',
  ],
  [
    'insecure_credentials',
    rule(file, { to: 'http://a.example', auth: token }),
    ['rules', 0, 'to'],
    'without encryption',
  ],
  [
    'insecure_credentials',
    rule(file, { to: [{ url: 'http://127.evil.example', auth: token }] }),
    ['rules', 0, 'to', 0, 'url'],
    'without encryption',
  ],
  [
    'redirect_without_credentials',
    rule(file, { to, auth: token, mode: 'redirect' }),
    ['rules', 0, 'to'],
    'A redirect cannot carry the credential',
  ],
  [
    'downgrade',
    rule(file, { to: 'http://a.example', mode: 'redirect' }),
    ['rules', 0, 'to'],
    '`downgrade: true`',
  ],
  [
    'unreachable_rule',
    [rule(file, { match: '/:a', to: 'a.example' }), rule(file, { match: '/:b', to: 'b.example' })],
    ['rules', 1, 'match'],
    'never reached',
  ],
  ['unreachable_rule', [rule(file, { to }), rule(file, { to: 'b.example' })], ['rules', 1], 'never reached'],
];

const shown = (list: readonly Mistake[]) =>
  list.map((mistake) => {
    const rules: readonly Rule[] = [mistake[1]].flat() as readonly Rule[];
    const { protocol, name: _, ...config } = rules.at(-1) as Rule;
    return [
      mistake[0],
      `${protocol.name} ${JSON.stringify(config).slice(0, 70)}`,
      rules,
      mistake[2],
      mistake.slice(3) as string[],
    ] as const;
  });

test.each(shown(mistakes))('%s: %s', (code, _, rules, path, fragments) => {
  const issues = errorsOf(rules);
  expect(issues.map((issue) => [issue.code, issue.path])).toEqual([[code, path]]);
  for (const fragment of fragments) expect(issues[0]?.message).toContain(fragment);
  // Each says in whole sentences what is wrong and what to write.
  expect(issues[0]?.message).toMatch(/^[A-Z`][^]*[.?]$/);
});

test.each(shown(doubts))('%s, a warning: %s', (code, _, rules, path, fragments) => {
  const { warnings } = compileRules(rules);
  expect(warnings.map((issue) => [issue.code, issue.path])).toEqual([[code, path]]);
  for (const fragment of fragments) expect(warnings[0]?.message).toContain(fragment);
  expect(warnings[0]?.message).toMatch(/^[A-Z`][^]*\.$/);
});

test('every code has a case, but for those of rule files', () => {
  const files: readonly IssueCode[] = [
    'duplicate_key',
    'empty_rule_set',
    'invalid_syntax',
    'invalid_value',
    'missing_key',
    'missing_variable',
    'unknown_key',
    'unknown_protocol',
  ];
  const covered = [...files, ...mistakes.map(([code]) => code), ...doubts.map(([code]) => code)];
  expect([...new Set(covered)].sort()).toEqual([...ISSUE_CODES]);
});

describe('no warning', () => {
  test.each<[title: string, rules: readonly Rule[]]>([
    ['for a constant target of a constant pattern', [rule(file, { match: '/a', to })]],
    ['for a bare host, which uses the whole name', [rule(oci, { match: 'a/:b', to: 'ghcr.io' })]],
    ['for a wildcard that a base is followed by', [rule(oci, { match: 'a/*b', to: 'ghcr.io/x' })]],
    ['for a variable used in the query', [rule(file, { match: '/:a', to: 'a.example/x?a=:a' })]],
    ['for a variable used in a group', [rule(file, { match: '/a{/:b}', to: 'a.example/x{/:b}' })]],
    [
      'for a credential over http within the machine',
      [rule(file, { to: ['http://localhost:1', 'http://127.0.0.1', 'http://[::1]:1'], auth: token })],
    ],
    [
      'for http where the rule allows it',
      [rule(file, { to: 'http://a.example', mode: 'redirect', downgrade: true })],
    ],
    ['for http that is not redirected to', [rule(file, { to: 'http://a.example' })]],
    [
      'for the parent of its own host',
      [rule(file, { host: ['get.a.example', '*.get.a.example'], to: 'https://a.example' })],
    ],
    [
      'for the same pattern of another host',
      [rule(file, { host: 'a.example', to }), rule(file, { host: 'b.example', to })],
    ],
    ['for the same pattern of another mount', [rule(file, { at: '/a', to }), rule(file, { at: '/b', to })]],
    ['for the same pattern of another protocol', [rule(file, { to }), rule(npm, { to })]],
    [
      'for the same pattern with another query',
      [
        rule(file, { match: '/a?b=1', to }),
        rule(file, { match: '/a?b=2', to }),
        rule(file, { match: '/a', to }),
      ],
    ],
    [
      'for a pattern with one alternative of its own',
      [rule(file, { match: '/a', to }), rule(file, { match: '/a{/b}', to })],
    ],
    [
      'for a rule with one host of its own',
      [rule(file, { host: 'a.example', to }), rule(file, { host: ['a.example', 'b.example'], to })],
    ],
    [
      'for patterns that only look alike',
      [rule(file, { match: '/:a-*b', to: 'c.example' }), rule(file, { match: '/*a-:b', to: 'd.example' })],
    ],
    ['for a name that nobody else has', [rule(file, { name: 'a', to }), rule(file, { match: '/b', to })]],
  ])('%s', (_, rules) => {
    expect(compileRules(rules).warnings).toEqual([]);
  });
});

describe('rules that are never reached', () => {
  test.each<[title: string, rules: readonly RuleConfig[], unreachable: readonly number[]]>([
    ['the same hosts in another spelling', [{ host: 'A.example' }, { host: 'a.example.' }], [1]],
    [
      'all hosts of a list, taken by several rules',
      [{ host: 'a.example' }, { host: 'b.example' }, { host: ['b.example', 'a.example'] }],
      [2],
    ],
    ['the same mount without its slash', [{ at: '/a' }, { at: '/a/' }], [1]],
    [
      'all alternatives of a pattern',
      [{ match: '/a{/b}' }, { match: '/a' }, { match: '/a/b' }, { match: '/a/c' }],
      [1, 2],
    ],
    ['the same query in another order', [{ match: '/a?b=:x&c=1' }, { match: '/a?c=1&b=:y' }], [1]],
    ['a pattern in another spelling', [{ match: '/a b' }, { match: '/a%20b' }], [1]],
    ['a third of the same', [{}, {}, {}], [1, 2]],
    ['a list with the same host twice is no reason', [{ host: ['a.example', 'A.example'] }], []],
  ])('%s', (_, configs, unreachable) => {
    const { warnings } = compileRules(configs.map((config) => rule(file, config)));
    expect(warnings.map(({ code, path }) => [code, path[1]])).toEqual(
      unreachable.map((index) => ['unreachable_rule', index]),
    );
  });
});

test('every mistake of every rule is reported, in the order of the rules', () => {
  const issues = errorsOf([
    rule(file, {
      name: 'x',
      host: ['a b', 'ok.example', 'c/d'],
      at: 'x',
      match: 'y',
      to: ['ftp://a', 'https://u@b'],
    }),
    rule(file, { to }),
    rule(oci, { name: 'x', at: '/y', match: ':a', to: { url: 'c.example/:d', allow: ['/'] } }),
    // Of the variables of a pattern that is none, nothing is known.
    rule(oci, { match: ':a:b', to: 'c.example/:d' }),
  ]);
  expect(issues.map(({ code, path }) => `${path.join('.')} ${code}`)).toEqual([
    'rules.0.match invalid_match',
    'rules.0.host.0 invalid_host',
    'rules.0.host.2 invalid_host',
    'rules.0.at invalid_mount',
    'rules.0.to.0 invalid_target',
    'rules.0.to.1 credentials_in_url',
    'rules.2.name duplicate_name',
    'rules.2.at mount_not_supported',
    'rules.2.to.url unknown_parameter',
    'rules.2.to.allow.0 invalid_host',
    'rules.3.match invalid_match',
  ]);
});

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [12, '12th'],
  [13, '13th'],
  [21, '21st'],
  [111, '111th'],
])('the earlier rule of a name is counted: %i is the %s', (number, ordinal) => {
  const rules = Array.from({ length: number + 1 }, (_, index) =>
    rule(file, { name: index < number - 1 ? `n${index}` : 'same', match: `/${index}`, to }),
  );
  expect(errorsOf(rules)[0]?.message).toContain(`the ${ordinal}, is called \`same\` too`);
});

test('a rule set has its rules as written, with what is left out', () => {
  const { rules } = compileRules([
    rule(file, { to }),
    rule(npm, {
      name: 'b',
      host: ['B.example.', '*.C.example'],
      at: '/n',
      match: '@acme/*',
      to: [{ url: 'd.example', allow: ['E.example:1'] }],
      mode: 'proxy',
      status: 307,
      downgrade: true,
      query: 'drop',
    }),
  ]);
  const { protocol: _, upstreams: __, ...first } = rules[0]!;
  expect(first).toEqual({
    name: 'rules[0]',
    order: 0,
    hosts: [],
    at: '/',
    match: undefined,
    mode: 'auto',
    status: undefined,
    downgrade: false,
    dropQuery: false,
  });
  expect(rules[1]).toMatchObject({
    name: 'b',
    order: 1,
    hosts: ['b.example', '*.c.example'],
    at: '/n/',
    match: '@acme/*',
    mode: 'proxy',
    status: 307,
    downgrade: true,
    dropQuery: true,
    upstreams: [
      { origin: 'https://d.example', host: 'd.example', authenticated: false, allow: ['e.example:1'] },
    ],
  });
});

test('no rules are no mistake', () => {
  expect(decide(compileRules([]), { method: 'GET', scheme: 'https', host: 'a.example', path: '/' })).toEqual({
    type: 'pass',
  });
});

test('whatever is written, rules compile or are refused', () => {
  const text = fc.oneof(
    hostileText,
    fc.string({ unit: fc.constantFrom(...':*{}()?+!\\"/-&=a@%', 'é'), maxLength: 12 }),
  );
  const path = text.map((value) => `/${value}`);
  const config = fc.record(
    {
      name: text,
      host: fc.oneof(text, fc.array(text, { maxLength: 2 })),
      at: fc.oneof(text, path),
      match: fc.oneof(text, path),
      to: fc.oneof(
        text,
        path.map((value) => `cdn.example${value}`),
        path.map((url) => ({ url: `https://cdn.example${url}`, allow: ['a'] })),
      ),
    },
    { requiredKeys: [] },
  );
  const request = { method: 'GET', scheme: 'https', host: 'get.acme.example' } as const;
  fc.assert(
    fc.property(config, fc.constantFrom(file, npm, oci), hostilePath, (written, protocol, at) => {
      const rules = [rule(protocol as typeof file, written)];
      if (errorsOf(rules).length === 0) decide(compileRules(rules), { ...request, path: at });
    }),
    { numRuns: 3000 },
  );
});

/** A rule of the file protocol; rules of one shape match the same requests. */
interface Written {
  readonly host: string | undefined;
  readonly at: string;
  readonly tokens: readonly PatternToken[] | undefined;
}

const HOSTS = ['get.acme.example', '*.acme.example', '*.example', 'get.acme.example:8080', undefined];
const MOUNTS = ['/', '/a/', '/a/b/', '/-/'];
const written: fc.Arbitrary<Written> = fc.record({
  host: fc.constantFrom(...HOSTS),
  at: fc.constantFrom(...MOUNTS),
  tokens: fc.oneof(
    { weight: 6, arbitrary: pathPattern.filter(isCompilable) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
});
const distinct = fc.uniqueArray(written, {
  selector: ({ host, at, tokens }) => JSON.stringify([host, at, tokens && compileMatcher(tokens)]),
  minLength: 1,
  maxLength: 12,
});

const writeRule = ({ host, at, tokens }: Written) =>
  rule(file, {
    name: JSON.stringify([host, at, tokens]),
    host,
    at,
    match: tokens && stringify(new TokenData([...tokens])),
    to: 'https://cdn.example',
  });

const requests = (rules: readonly Written[]) =>
  fc.array(
    fc.record({
      host: fc.constantFrom(
        'get.acme.example',
        'GET.acme.example.',
        'get.acme.example:8080',
        'get.acme.example:1',
        'x.acme.example',
        'a.b.example',
        'acme.example',
        'other.test',
      ),
      path: fc
        .tuple(fc.constantFrom(...rules), fc.constantFrom(...MOUNTS), fc.boolean(), filling)
        .map(
          ([{ at, tokens }, mount, own, each]) =>
            (own ? at : mount).slice(0, -1) + fill(tokens ?? [{ type: 'text', value: '/' }], each),
        ),
    }),
    { minLength: 5, maxLength: 5 },
  );

const decisionsOf = (rules: readonly Written[], asked: readonly { host: string; path: string }[]) => {
  const ruleSet = compileRules(rules.map(writeRule));
  return asked.map((request) => decide(ruleSet, { method: 'GET', scheme: 'https', ...request }));
};

test('the order of different rules changes no decision', () => {
  fc.assert(
    fc.property(
      distinct.chain((rules) =>
        fc.tuple(
          fc.constant(rules),
          fc.shuffledSubarray(rules, { minLength: rules.length }),
          requests(rules),
        ),
      ),
      ([rules, shuffled, asked]) => {
        expect(decisionsOf(shuffled, asked)).toEqual(decisionsOf(rules, asked));
      },
    ),
    { numRuns: 400 },
  );
});

test('a rule of one host changes nothing on another', () => {
  fc.assert(
    fc.property(
      distinct.chain((rules) => fc.tuple(fc.constant(rules), written, requests(rules))),
      ([rules, more, asked]) => {
        const elsewhere = { ...more, host: 'b.test' };
        expect(decisionsOf([elsewhere, ...rules], asked)).toEqual(decisionsOf(rules, asked));
        expect(decisionsOf([...rules, elsewhere], asked)).toEqual(decisionsOf(rules, asked));
      },
    ),
    { numRuns: 500 },
  );
});

test('a rule is chosen by its host, then its mount, as trying them one by one does', () => {
  const hostRank = (pattern: string | undefined, host: string): number => {
    const name = host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
    if (pattern === undefined) return 0;
    if (pattern.startsWith('*.')) return name.endsWith(pattern.slice(1)) ? pattern.length : -1;
    if (pattern === host.toLowerCase()) return pattern.includes(':') ? 1001 : 1000;
    return pattern === name ? 1000 : -1;
  };
  fc.assert(
    fc.property(
      distinct.chain((rules) => fc.tuple(fc.constant(rules), requests(rules))),
      ([rules, asked]) => {
        decisionsOf(rules, asked).forEach((decision, index) => {
          const { host, path } = asked[index]!;
          const takes = ({ at, tokens }: Written) => {
            const below = path.slice(at.length - 1);
            return (
              path.startsWith(at) &&
              (!tokens || matchElements(compileMatcher(tokens), 0, below, 0, below.length, []))
            );
          };
          const places = rules
            .filter((each) => hostRank(each.host, host) >= 0 && takes(each))
            .map((each) => [hostRank(each.host, host), each.at.length] as const);
          const best = places.sort((a, b) => b[0] - a[0] || b[1] - a[1])[0];
          // Refused requests are no rule's; of the pattern, the test of the trie tells.
          if (decision.type === 'respond' && decision.rule === undefined) return;
          const chosen =
            'rule' in decision ? (JSON.parse(decision.rule!) as [string | null, string]) : undefined;
          expect(chosen && [hostRank(chosen[0] ?? undefined, host), chosen[1].length]).toEqual(best);
        });
      },
    ),
    { numRuns: 500 },
  );
});
