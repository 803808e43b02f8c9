import fc from 'fast-check';
import { stringify, TokenData } from 'path-to-regexp';
import { describe, expect, test, vi } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { ISSUE_CODES, type IssueCode, isRuleError, type RuleIssue } from '../../src/core/errors.ts';
import { compileMatcher, matchElements } from '../../src/core/matcher.ts';
import type { PatternToken } from '../../src/core/pattern.ts';
import { type Rule, type RuleConfig, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { rubygems } from '../../src/protocols/rubygems.ts';
import { fill, filling, isCompilable, pathPattern } from './arbitraries.ts';
import { hostilePath, hostileText } from './hostile.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

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

const files = (config: RuleConfig): Rule => rule(file, { to, ...config });
const images = (config: RuleConfig): Rule => rule(oci, { to: 'ghcr.io', ...config });

/** What is written, where in its last rule it is reported, and what the message has. */
type Mistake = readonly [rules: Rule | readonly Rule[], key: string, ...fragments: string[]];

const mistakes: Partial<Record<IssueCode, readonly Mistake[]>> = {
  invalid_host: [
    [files({ host: 'a..example' }), 'host', '`a..example` is not a host', '`get.acme.dev`'],
    [files({ host: 'bücher.example' }), 'host', 'in its ASCII form'],
    [files({ host: 'https://a.example' }), 'host', 'more than a host', '`at`'],
    [files({ host: 'a.example/x' }), 'host', 'more than a host'],
    [files({ host: '*' }), 'host', 'not a host pattern', '`*.acme.dev`'],
    [files({ host: 'a.*.example' }), 'host', 'not a host pattern'],
    [files({ host: '*a.example' }), 'host', 'not a host pattern'],
    [files({ host: '*.a.example:80' }), 'host', 'without a port'],
    [files({ host: '*.' }), 'host', 'not a host pattern'],
    [files({ host: '' }), 'host', 'not a host'],
    [files({ host: ['a.example', 'b c'] }), 'host.1', '`b c` is not a host'],
    [files({ host: [] }), 'host', 'The list of hosts is empty'],
    [files({ to: { url: to, allow: ['a.example', 'http://b'] } }), 'to.allow.1', '`http://b` is not a host'],
    [files({ to: [to, { url: to, allow: ['*.a'] }] }), 'to.1.allow.0', '`*.a` is not a host'],
  ],
  merge_not_supported: [
    [
      rule(npm, { to: [to, 'https://b.example'], merge: true }),
      'merge',
      'cannot be merged',
      'a rule with the names',
    ],
  ],
  invalid_notice: [
    [images({ notice: '' }), 'notice', 'one line of at most 1000 printable ASCII characters'],
    [images({ notice: 'two\nlines' }), 'notice', 'one line'],
    [images({ notice: 'Wir ziehen um: häufige Fragen' }), 'notice', 'ASCII'],
    [images({ notice: 'x'.repeat(1001) }), 'notice', 'at most 1000'],
  ],
  invalid_mount: [
    [files({ at: 'pypi' }), 'at', '`pypi` is not a mount path', 'starts with a slash'],
    [files({ at: '' }), 'at', 'not a mount path'],
    [files({ at: '/a//b' }), 'at', 'not a mount path'],
    [files({ at: '/a b' }), 'at', 'not a mount path'],
    [files({ at: '/a?b' }), 'at', 'not a mount path'],
    [files({ at: '/a%' }), 'at', 'not a mount path'],
    [files({ at: '/a/../b' }), 'at', 'not a mount path'],
    [files({ at: '/a/%2e/' }), 'at', 'not a mount path'],
  ],
  status_not_supported: [
    [rule(rubygems, { to, status: 308 }), 'status', '`rubygems` stop at 308', '302 or 301 or 303 or 307'],
  ],
  mount_not_supported: [[images({ at: '/images/' }), 'at', '`oci`', 'leave `at` out']],
  invalid_match: [
    [files({ match: 'a' }), 'match', 'matched on the path', '`/a`'],
    [files({ match: '' }), 'match', 'matched on the path'],
    [files({ match: '*rest' }), 'match', '`/*rest`'],
    [images({ match: '/acme/*image' }), 'match', 'matched on a name', '`acme/*image`'],
    [images({ match: '{/acme}/x' }), 'match', '`{acme}/x`'],
    [rule(npm, { match: '', to }), 'match', 'The pattern is empty', 'leave `match` out'],
    [files({ match: '/(.*)' }), 'match', '`/(.*)` is not a pattern', 'write `\\(`'],
    [files({ match: '/:a:b' }), 'match', 'there must be text between `b` and'],
    [files({ match: '/**' }), 'match', 'there must be text between `1` and'],
    [files({ match: '/:a{:b}' }), 'match', 'there must be text between `b` and'],
    [files({ match: `/${'{a}'.repeat(9)}`, to }), 'match', 'more than 256 combinations'],
    [files({ match: `/${'a/'.repeat(20_000)}` }), 'match', 'longer than 4096 characters'],
    [files({ match: '/\ud800' }), 'match', 'a lone surrogate'],
    [files({ match: '/:__proto__' }), 'match', '`__proto__`'],
    [files({ match: '/a?=1' }), 'match', 'a query parameter has no name'],
    [files({ match: '/a?b={c}' }), 'match', 'a query parameter cannot have an optional group'],
    [files({ match: '/a?b=:c:d' }), 'match', 'there must be text between'],
    [files({ match: '/a?:b=c' }), 'match', 'the name of a query parameter cannot be a variable'],
    // What other syntaxes mean by a question mark is not taken for a query.
    [files({ match: '/cli/:file?' }), 'match', 'a query parameter has no name', '`{…}`'],
    [files({ match: '/{a}?{b}?' }), 'match', 'write `\\?`'],
    [files({ match: '/a?b&' }), 'match', 'a query parameter has no name'],
    [images({ match: 'acme/app?x=:' }), 'match', 'is not a pattern'],
  ],
  conflicting_parameter: [
    [files({ match: '/:a/:a' }), 'match', '`a` stands twice'],
    [files({ match: '/:a{/:a}' }), 'match', '`a` stands twice'],
    [files({ match: '/:a?b=:a' }), 'match', '`a` stands twice'],
    [files({ match: '/*"0"/*' }), 'match', '`0` stands twice'],
  ],
  missing_target: [
    [rule(oci, {}), '', 'leads nowhere', '`to:`'],
    [rule(npm, { match: 'x' }), '', 'leads nowhere'],
    [files({ to: [] }), 'to', 'The list of upstreams is empty'],
  ],
  invalid_target: [
    [files({ to: 'ftp://a.example' }), 'to', '`ftp:` is not a scheme'],
    [files({ to: { url: '' } }), 'to.url', 'no host'],
    [files({ to: [to, 'https://a b'] }), 'to.1', 'is not a host'],
    [files({ to: [to, { url: 'a#b' }] }), 'to.1.url', 'no fragment'],
  ],
  credentials_in_url: [[files({ to: 'https://u:p@a.example' }), 'to', '`auth:`']],
  variable_in_authority: [
    [files({ match: '/:a', to: 'https://:a.example' }), 'to', 'one rule for each host'],
  ],
  unknown_parameter: [
    [
      files({ match: '/:version', to: 'a.example/:verison' }),
      'to',
      'no variable `verison`',
      'did you mean `version`?',
    ],
    [files({ match: '/:a/:b', to: 'a.example/:something' }), 'to', 'it has `a`, `b`.'],
    [files({ match: '/x', to: 'a.example/:something' }), 'to', 'it has none.'],
    [files({ to: 'a.example/:something' }), 'to', 'it has none.'],
    [files({ match: '/x', to: 'a.example/?x={:something}' }), 'to', '`something`'],
    [rule(oci, { match: 'acme/*image', to: 'ghcr.io/acme/*' }), 'to', 'no variable `0`', '`image`'],
  ],
  optional_parameter: [
    [files({ match: '/a{/:b}', to: 'a.example/:b' }), 'to', '`b` is optional', 'in braces'],
    [files({ match: '/a{/:b}', to: 'a.example/?b=:b' }), 'to', '`b` is optional'],
  ],
  duplicate_name: [
    [[files({ name: 'a' }), files({ name: 'a', match: '/x' })], 'name', 'the 1st, is called `a` too'],
    [[files({ to }), files({ name: 'rules[0]', match: '/x' })], 'name', 'the 1st, is called `rules[0]` too'],
  ],
};

const doubts: Partial<Record<IssueCode, readonly Mistake[]>> = {
  missing_credentials: [
    [rule(oci, { to: 'docker.io/acme' }), 'to', 'counts the pulls of all your users', '`auth:`'],
    [
      rule(oci, { to: ['ghcr.io', { url: '123456789012.dkr.ecr.eu-central-1.amazonaws.com' }] }),
      'to.1.url',
      '`auth: ecr`',
    ],
  ],
  unused_parameter: [
    [files({ match: '/:a/:b', to: 'a.example/:a' }), 'to', '`b`'],
    [files({ match: '/:a/:b', to: ['a.example/:a/:b', 'b.example/x'] }), 'to.1', '`a`, `b`'],
    [files({ match: '/a?v=:v', to: { url: 'a.example/a' } }), 'to.url', '`v`'],
    [rule(oci, { match: 'a/:b/*c', to: 'ghcr.io/x' }), 'to', '`b`'],
  ],
  self_target: [
    [files({ host: 'a.example', to: 'https://A.example/x' }), 'to', '`a.example`, a host of this rule'],
    [files({ host: 'a.example:80', to: 'http://a.example:81/x' }), 'to', '`a.example`'],
    [files({ host: ['b.example', '*.a.example'], to: 'https://x.a.example' }), 'to', '`x.a.example`'],
  ],
  insecure_credentials: [
    [files({ to: 'http://a.example', auth: token }), 'to', 'without encryption'],
    [files({ to: [{ url: 'http://127.evil.example', auth: token }] }), 'to.0.url', 'without encryption'],
  ],
  redirect_without_credentials: [
    [files({ to, auth: token, mode: 'redirect' }), 'to', 'A redirect cannot carry the credential'],
  ],
  downgrade: [[files({ to: 'http://a.example', mode: 'redirect' }), 'to', '`downgrade: true`']],
  unreachable_rule: [
    [
      [files({ match: '/:a', to: 'a.example' }), files({ match: '/:b', to: 'b.example' })],
      'match',
      'never reached',
    ],
    [[files({ to }), files({ to: 'b.example' })], '', 'never reached'],
  ],
};

/** The rows of a table, with a title of each. */
function cases(table: Partial<Record<IssueCode, readonly Mistake[]>>) {
  return Object.entries(table).flatMap(([code, rows]) =>
    rows.map(([written, key, ...fragments]) => {
      const rules: readonly Rule[] = Array.isArray(written) ? written : [written];
      const { protocol, name: _, ...config } = rules.at(-1) as Rule;
      const title = `${protocol.name} ${JSON.stringify(config).slice(0, 70)}`;
      return { code, title, rules, key: [rules.length - 1, key].join('.').replace(/\.$/, ''), fragments };
    }),
  );
}

test.each(cases(mistakes))('$code: $title', ({ code, rules, key, fragments }) => {
  const issues = errorsOf(rules);
  expect(issues.map((issue) => `${issue.code} ${issue.path.join('.')}`)).toEqual([`${code} rules.${key}`]);
  for (const fragment of fragments) expect(issues[0]?.message).toContain(fragment);
  // Each says in whole sentences what is wrong and what to write.
  expect(issues[0]?.message).toMatch(/^[A-Z`].*[.?]$/s);
});

test.each(cases(doubts))('$code, a warning: $title', ({ code, rules, key, fragments }) => {
  const { warnings } = compileRules(rules);
  expect(warnings.map((issue) => `${issue.code} ${issue.path.join('.')}`)).toEqual([`${code} rules.${key}`]);
  for (const fragment of fragments) expect(warnings[0]?.message).toContain(fragment);
  expect(warnings[0]?.message).toMatch(/^[A-Z`].*\.$/s);
});

test('every code has a case, but for those of rule files', () => {
  const ofFiles: readonly IssueCode[] = [
    'command_not_allowed',
    'duplicate_key',
    'empty_rule_set',
    'invalid_syntax',
    'invalid_value',
    'missing_key',
    'missing_variable',
    'unknown_key',
    'unknown_protocol',
  ];
  const covered = [...ofFiles, ...Object.keys(mistakes), ...Object.keys(doubts)];
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
    match: [],
    syntax: 'path-to-regexp',
    mode: 'auto',
    status: undefined,
    downgrade: false,
    dropQuery: false,
    merge: false,
    seeksMissing: false,
    checks: false,
    plain: true,
    options: {},
    notice: undefined,
    noticeText: undefined,
  });
  expect(rules[1]).toMatchObject({
    name: 'b',
    order: 1,
    hosts: ['b.example', '*.c.example'],
    at: '/n/',
    match: ['@acme/*'],
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
