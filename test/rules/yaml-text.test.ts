import { expect, test } from 'vitest';
import { issuesOf } from './_fixtures.ts';

test.each([
  [
    'host: *.acme.dev',
    '1:7',
    'There is no anchor `&.acme.dev` before this alias; if it is text, put it in quotes: `"*.acme.dev"`.',
  ],
  ['match: @acme/*', '1:8', 'Plain value cannot start with reserved character @; put the value in quotes.'],
  [
    'name: a: b',
    '1:7',
    'Nested mappings are not allowed in compact mappings; put a value that has a colon in quotes.',
  ],
  ['rules:\n\t- a', '2:1', 'Tabs are not allowed as indentation; indent with spaces.'],
  ['name: "a', '1:9', 'Missing closing "quote.'],
  ['token: !env A', '1:8', 'Unresolved tag: !env; put a value that starts with `!` in quotes.'],
  [
    'token: !!binary YQ==',
    '1:8',
    'Unresolved tag: tag:yaml.org,2002:binary; put a value that starts with `!` in quotes.',
  ],
  ['? [a]\n: b', '1:3', 'All keys must be strings; write a word as the key.'],
  ['rules: []\n---\nrules: []', '2:1', 'A rule file is one document; leave `---` out here.'],
])('%j is no YAML of ours', (text, place, message) => {
  const [issue, ...more] = issuesOf(text);
  expect(issue).toMatchObject({ code: 'invalid_syntax', message });
  expect(`${issue?.position?.line}:${issue?.position?.column}`).toBe(place);
  expect(more).toEqual([]);
});

test('syntax errors of several lines are told at once', () => {
  const text = 'rules:\n  - host: *.acme.dev\n    match: @acme/*\n    to: "a\n';
  expect(issuesOf(text).map(({ position }) => position?.line)).toEqual([2, 3, 5]);
});

test.each(['rules: []\nrules: []', '{ "rules": [], "rules": [] }', '{ "rules": [], "r\\u0075les": [] }'])(
  '%j has a key twice',
  (text) => {
    const found = issuesOf(text).filter(({ code }) => code === 'duplicate_key');
    expect(found).toMatchObject([
      { path: ['rules'], message: 'The key `rules` stands here twice; keep one of them.' },
    ]);
  },
);

test('a key that stands three times has two mistakes', () => {
  const text = 'rules:\n  - protocol: oci\n    to: ghcr.io\n    to: ghcr.io\n    to: ghcr.io\n';
  expect(issuesOf(text).map(({ position }) => position?.line)).toEqual([4, 5]);
});

test('lines are counted the same with a byte-order mark and with CRLF', () => {
  expect(issuesOf('\uFEFFrules:\r\n  - protocol: oci\r\n    too: ghcr.io\r\n')[0]?.position).toEqual({
    file: 'turnout.yaml',
    line: 3,
    column: 5,
  });
  expect(issuesOf('\uFEFF{"rul": []}')[0]?.position).toEqual({ file: 'turnout.yaml', line: 1, column: 2 });
});
