import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide, refuseUnmatched } from '../../src/core/decide.ts';
import { formatIssue, isRuleError } from '../../src/core/errors.ts';
import { explain } from '../../src/core/explain.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { link } from '../../src/protocols/link.ts';
import { npm } from '../../src/protocols/npm.ts';
import { vanity } from '../../src/protocols/vanity.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { testProtocol } from './test-protocol.ts';

testProtocol(link, [
  { title: 'a name', path: '/docs', resource: { type: 'link', name: 'docs' } },
  { title: 'a name with a slash', path: '/team/chat', resource: { type: 'link', name: 'team/chat' } },
  {
    title: 'a slash at its end, which people type',
    path: '/docs/',
    canonical: '/docs',
    resource: { type: 'link', name: 'docs' },
  },
  {
    title: 'a query, which is none of the name',
    path: '/a',
    query: 'b',
    canonical: '/a',
    resource: { type: 'link', name: 'a' },
  },
  { title: 'escapes, as they are', path: '/%C3%A9%2F', resource: { type: 'link', name: '%C3%A9%2F' } },
  { title: 'HEAD', method: 'HEAD', path: '/a', resource: { type: 'link', name: 'a' } },
  { title: 'the root', path: '/', resource: undefined },
  { title: 'empty segments', path: '//a', resource: undefined },
  { title: 'empty segments at its end', path: '/a//', resource: undefined },
  { title: 'a form', method: 'POST', path: '/a', resource: undefined },
  { title: 'nothing', path: '', resource: undefined },
]);

const host = 'acme.example';
const links = {
  docs: 'https://docs.acme.example/start?v=2#top',
  chat: 'https://chat.acme.example',
  'team/chat': 'http://chat.acme.example:8065/join',
  'a+b (c)': 'https://x.example/1',
  café: 'https://x.example/2',
  constructor: 'https://x.example/3',
};

function show(rules: readonly Rule[], target: string, method = 'GET'): string {
  const mark = target.indexOf('?');
  const [path, query] = mark === -1 ? [target] : [target.slice(0, mark), target.slice(mark + 1)];
  const decision = decide(compileRules(rules), { method, scheme: 'https', host, path: path ?? '', query });
  if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
  return decision.type === 'respond' ? String(decision.status) : decision.type;
}

describe('a name leads', () => {
  const rules = [rule(link, { options: { links } })];

  test.each([
    ['/docs', '302 https://docs.acme.example/start?v=2#top'],
    ['/docs/', '302 https://docs.acme.example/start?v=2#top'],
    ['/docs?a=%2f', '302 https://docs.acme.example/start?v=2&a=%2f#top'],
    ['/docs?v=3&a', '302 https://docs.acme.example/start?v=2&a#top'],
    ['/chat', '302 https://chat.acme.example'],
    ['/chat?a', '302 https://chat.acme.example?a'],
    ['/team/chat', '302 http://chat.acme.example:8065/join'],
    ['/a+b%20(c)', '302 https://x.example/1'],
    ['/caf%C3%A9', '302 https://x.example/2'],
    ['/constructor', '302 https://x.example/3'],
  ])('where its rule says: %s', (target, expected) => {
    expect(show(rules, target)).toBe(expected);
  });

  test.each([
    ...[
      '/',
      '/doc',
      '/docs2',
      '/Docs',
      '/docs/x',
      '/team',
      '/team%2fchat',
      '/toString',
      '/__proto__',
      '/%E9',
    ],
    ...['//evil.example', '/https://evil.example', '/docs//', '/docs%00', '/docs\\', '/docs/../chat'],
  ])('and no other name leads anywhere: %s', (target) => {
    expect(show(rules, target)).toMatch(/^(?:pass|400)$/);
  });

  test('only where it is followed', () => {
    expect(show(rules, '/docs', 'HEAD')).toBe('302 https://docs.acme.example/start?v=2#top');
    expect(show(rules, '/docs', 'POST')).toBe('pass');
  });

  test('with a status and a query of the rule’s choice, and its notice', () => {
    const own = rule(link, { options: { links }, status: 301, query: 'drop', notice: 'It moves.' });
    expect(show([own], '/docs?a=1')).toBe('301 https://docs.acme.example/start?v=2#top');
    const request = { method: 'GET', scheme: 'https', host, path: '/chat' } as const;
    expect(decide(compileRules([own]), request)).toMatchObject({
      headers: { warning: '299 - "It moves."' },
      rule: 'rules[0]',
      protocol: 'link',
      resource: { type: 'link', name: 'chat' },
    });
  });

  test('in every mode', () => {
    expect(show([rule(link, { options: { links }, mode: 'proxy' })], '/chat')).toBe(
      '302 https://chat.acme.example',
    );
  });

  test('below a mount', () => {
    const mounted = rule(link, { at: '/go', options: { links } });
    expect(show([mounted], '/go/chat')).toBe('302 https://chat.acme.example');
    expect(show([mounted], '/chat')).toBe('pass');
  });

  test('with `match` for some of the names', () => {
    const some = rule(link, { match: 'team/*', options: { links } });
    expect(show([some], '/team/chat')).toMatch(/^302 /);
    expect(show([some], '/team/docs')).toBe('pass');
    expect(show([some], '/docs')).toBe('pass');
  });
});

describe('beside other rules', () => {
  const shared = [
    rule(file, { to: 'cdn.example' }),
    rule(link, { options: { links: { docs: 'https://docs.acme.example' } } }),
    rule(link, { options: { links: { chat: 'https://chat.acme.example' } }, status: 307 }),
  ];

  test.each([
    ['/docs', '302 https://docs.acme.example'],
    ['/chat', '307 https://chat.acme.example'],
    ['/cli.tgz', '302 https://cdn.example/cli.tgz'],
    ['/docs/cli.tgz', '302 https://cdn.example/docs/cli.tgz'],
  ])('a name is asked for before files: %s', (path, expected) => {
    expect(show(shared, path)).toBe(expected);
    expect(show(shared.toReversed(), path)).toBe(expected);
  });

  test('a package comes before a name', () => {
    const packages = rule(npm, { match: 'docs', to: 'npm.example' });
    expect(show([...shared, packages], '/docs')).toBe('proxy');
    expect(show([...shared, rule(vanity, { match: 'cli', to: 'github.com/acme' })], '/docs')).toBe(
      '302 https://docs.acme.example',
    );
  });

  test('a name that stands in an earlier rule is never reached in another', () => {
    const again = [...shared, rule(link, { options: { links: { docs: 'https://other.example' } } })];
    expect(compileRules(again).warnings.map(({ code, path }) => [code, path[1]])).toEqual([
      ['unreachable_rule', 3],
    ]);
    expect(compileRules(shared).warnings).toEqual([]);
  });
});

test('a name that there is not is answered so', () => {
  const request = { method: 'GET', scheme: 'https', host, path: '/x' } as const;
  expect(refuseUnmatched(compileRules([rule(link, { options: { links } })]), request)).toMatchObject({
    status: 404,
    body: 'No rule has this address.\n',
  });
});

test('`explain` says which names there are', () => {
  const ruleSet = compileRules([rule(link, { options: { links: { docs: 'https://x.example' } } })]);
  const request = { method: 'GET', scheme: 'https', host, path: '/x' } as const;
  expect(explain(ruleSet, request).considered[0]?.reason).toBe('Its pattern docs does not match x.');
});

test('where a rule has no names, nothing is led anywhere', () => {
  expect(show([rule(link, { options: { links: {} } })], '/docs')).toBe('pass');
});

describe('a mistake is told with its place', () => {
  const address =
    'Write an address with its scheme, such as `https://docs.acme.example/start`, and what is not ASCII percent-encoded.';
  const name = 'Write a path without a slash at its ends, such as `docs` or `team/chat`.';

  test.each([
    ['docs: docs.acme.example', `6:15 invalid_value: ${address}`],
    ['docs: //docs.acme.example', `6:15 invalid_value: ${address}`],
    ['docs: /start', `6:15 invalid_value: ${address}`],
    ['docs: "javascript:alert(1)"', `6:15 invalid_value: ${address}`],
    ['docs: "mailto:a@acme.example"', `6:15 invalid_value: ${address}`],
    ['docs: "https://user@acme.example"', `6:15 invalid_value: ${address}`],
    ['docs: "https://acme.example/é"', `6:15 invalid_value: ${address}`],
    ['docs: "https://acme.example/a b"', `6:15 invalid_value: ${address}`],
    ['docs: "https://acme.example/\\r\\nx: y"', `6:15 invalid_value: ${address}`],
    ['docs: "https:\\\\\\\\acme.example"', `6:15 invalid_value: ${address}`],
    ['docs: 5', `6:15 invalid_value: ${address}`],
    ['/docs: https://docs.acme.example', `6:16 invalid_value: \`/docs\` cannot stand here. ${name}`],
    ['docs/: https://docs.acme.example', `6:16 invalid_value: \`docs/\` cannot stand here. ${name}`],
    ['a//b: https://docs.acme.example', `6:15 invalid_value: \`a//b\` cannot stand here. ${name}`],
    ['a/../b: https://docs.acme.example', `6:17 invalid_value: \`a/../b\` cannot stand here. ${name}`],
    ['a?b: https://docs.acme.example', `6:14 invalid_value: \`a?b\` cannot stand here. ${name}`],
    ['"": https://docs.acme.example', `6:13 invalid_value: \`\` cannot stand here. ${name}`],
  ])('%s', (entry, expected) => {
    const text = `rules:
  - protocol: link
    options:
      # Names of ours.
      links:
        ${entry}
`;
    expect(issuesOf(text)).toEqual([`turnout.yaml:${expected}`]);
  });

  test('and so are names that are missing, and an address in the wrong place', () => {
    expect(issuesOf('rules:\n  - protocol: link\n')).toEqual([
      expect.stringMatching(/^turnout\.yaml:2:\d+ missing_key: The option `links` is missing; write /),
    ]);
    const { warnings } = parseRules(
      'rules:\n  - protocol: link\n    to: https://x.example\n    options: { links: { a: "https://a.example" } }\n',
      { file: 'turnout.yaml' },
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      'A rule of links leads where its `links` say, and nowhere else; leave `to` out.',
    ]);
  });
});

function issuesOf(text: string): readonly string[] {
  try {
    parseRules(text, { file: 'turnout.yaml' });
    return [];
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues.map(formatIssue);
  }
}
