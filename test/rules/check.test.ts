import { expect, test } from 'vitest';
import { issuesOf } from './_fixtures.ts';

const rule = (text: string): string => `rules: [{ protocol: file, to: a.example, ${text} }]`;
const auth = (text: string): string => rule(`auth: ${text}`);

/** What is said of each mistake; the position is that of `^` in front of what is marked. */
const cases: readonly (readonly [marked: string, message: string])[] = [
  ['^[]', 'A rule file must be a mapping with the key `rules`; it is empty.'],
  ['^text', 'A rule file must be a mapping with the key `rules`.'],
  ['^- protocol: oci', 'A rule file must be a mapping with the key `rules`; this is a list.'],
  ['^{}', '`rules` is missing here; write `rules:` with a list of rules.'],
  ['^rule: []', 'There is no key `rule`; did you mean `rules`?'],
  ['rules: ^{ name: a }', '`rules` must be a list of rules; this is a mapping.'],
  ['rules: [^a]', 'A rule must be a mapping.'],
  ['rules: [^{ to: a }]', '`protocol` is missing here; write `protocol:` with `file`, `npm` or `oci`.'],
  [
    'rules: [{ ^type: oci, protocol: oci, to: a.example }]',
    'There is no key `type`; the keys are `name`, `host`, `at`, `protocol`, `match`, `to`, `mode`, `status`, `downgrade`, `query`, `auth` and `notice`.',
  ],
  ['rules: [{ ^Protocoll: oci }]', 'There is no key `Protocoll`; did you mean `protocol`?'],
  ['rules: [{ protocol: ^OCI }]', 'There is no protocol `OCI`; did you mean `oci`?'],
  ['rules: [{ protocol: ^fortran }]', 'There is no protocol `fortran`; write `file`, `npm` or `oci`.'],
  ['rules: [{ protocol: ^[oci] }]', '`protocol` must be the name of a protocol; this is a list.'],
  [rule('name: ^2024'), '`name` must be text; put it in quotes.'],
  [rule('name: ^""'), '`name` must be text; it is empty.'],
  [rule('host: ^8080'), '`host` must be a host, or a list of hosts; put it in quotes.'],
  [rule('host: [a.example, ^true]'), 'An entry of `host` must be a host; put it in quotes.'],
  [rule('^at:'), '`at` must be a path such as `/pypi/`; it is empty.'],
  [
    rule('match: ^{v}'),
    '`match` must be a pattern such as `acme/*image`; this is a mapping, so put it in quotes if it is meant as text.',
  ],
  [rule('mode: ^redirekt'), '`mode` must be `auto`, `redirect` or `proxy`; did you mean `redirect`?'],
  [
    rule('status: ^"307"'),
    '`status` must be `301`, `302`, `303`, `307` or `308`; write the number itself, not text.',
  ],
  [rule('status: ^304'), '`status` must be `301`, `302`, `303`, `307` or `308`.'],
  [rule('downgrade: ^yes'), '`downgrade` must be `true` or `false`.'],
  [rule('query: ^false'), '`query` must be `keep` or `drop`.'],
  [
    'rules: [{ protocol: file, to: ^{} }]',
    '`url` is missing here; write `url:` with the address of an upstream.',
  ],
  [
    'rules: [{ protocol: file, to: { url: a.example, ^weight: 3 } }]',
    'There is no key `weight`; the keys are `url`, `auth` and `allow`.',
  ],
  [
    'rules: [{ protocol: file, to: [a.example, { ^URI: b.example }] }]',
    'There is no key `URI`; did you mean `url`?',
  ],
  [
    'rules: [{ protocol: file, to: [a.example, ^[b.example]] }]',
    'An entry of `to` must be an address, or a mapping with `url`; this is a list.',
  ],
  [
    'rules: [{ protocol: file, to: { url: a.example, allow: ^b.example } }]',
    '`allow` must be a list of hosts.',
  ],
  [auth('^secret'), '`auth` must be a mapping with `username` and `password`, or with `token`.'],
  [auth('^{}'), '`auth` must be a mapping with `username` and `password`, or with `token`; it is empty.'],
  [auth('^{ username: a }'), '`password` is missing here; write `password:` with text.'],
  [auth('{ ^user: a, password: b }'), 'There is no key `user`; did you mean `username`?'],
  [
    auth('{ username: a, password: b, ^token: c }'),
    '`token` cannot stand beside `username` and `password`; write the one or the other.',
  ],
  [auth('{ username: ^a:b, password: b }'), '`username` must be text in one line, without a colon.'],
  [auth('{ username: a, password: ^"b\\n" }'), '`password` must be text in one line.'],
  [auth('{ token: ^"a b" }'), '`token` must be one word, without spaces and line breaks.'],
  [auth('{ token: ^123 }'), '`token` must be a token; put it in quotes.'],
];

test.each(cases)('%s', (marked, message) => {
  const [issue, ...more] = issuesOf(marked.replace('^', ''));
  expect(issue?.message.replace(/`file`, .* or (`\w+`)/, '`file`, `npm` or `oci`')).toBe(message);
  expect(issue?.position).toEqual({ file: 'turnout.yaml', line: 1, column: marked.indexOf('^') + 1 });
  expect(more).toEqual([]);
});

test('thousands of mistakes of one kind take no longer than thousands of rules', () => {
  const rules = Array.from({ length: 5000 }, () => ({ protcol: 'oci', to: 'ghcr.io' }));
  const start = performance.now();
  expect(issuesOf(JSON.stringify({ rules }))).toHaveLength(5000);
  expect(performance.now() - start).toBeLessThan(5000);
});
