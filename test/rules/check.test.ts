import { expect, test } from 'vitest';
import { protocols } from '../../src/protocols/index.ts';
import { issuesOf } from './_fixtures.ts';

const rule = (text: string): string => `rules: [{ protocol: file, to: a.example, ${text} }]`;
const auth = (text: string): string => rule(`auth: ${text}`);

const forms =
  '`client`, `ecr`, or a mapping with `username` and `password`, with `token`, with `ecr`, or with `command`';
const command = 'a list of a program and its arguments, such as `[aws, ecr, get-login-password]`';
const lifetime = 'a number with its unit, such as `45m` or `12h`';

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
    'There is no key `type`; the keys are `name`, `host`, `at`, `protocol`, `match`, `syntax`, `to`, `mode`, `status`, `downgrade`, `query`, `auth`, `merge`, `missing`, `check`, `options` and `notice`.',
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
    '`match` must be a pattern such as `acme/*image`, or a list of patterns; this is a mapping, so put it in quotes if it is meant as text.',
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
    'rules: [{ protocol: file, to: { url: a.example, ^height: 3 } }]',
    'There is no key `height`; did you mean `weight`?',
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
  [auth('^secret'), `\`auth\` must be ${forms}.`],
  [auth('^clients'), `\`auth\` must be ${forms}; did you mean \`client\`?`],
  [auth('^ECR'), `\`auth\` must be ${forms}; did you mean \`ecr\`?`],
  [auth('^{}'), `\`auth\` must be ${forms}; it is empty.`],
  [auth('^""'), `\`auth\` must be ${forms}; it is empty.`],
  [auth('^[client]'), `\`auth\` must be ${forms}; this is a list.`],
  [auth('^12'), `\`auth\` must be ${forms}.`],
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
  [
    auth('{ ^client: true }'),
    'There is no key `client`; the keys are `username`, `password`, `token`, `ecr`, `command` and `lifetime`.',
  ],
  [auth('{ ecr: ^eu-central-1 }'), '`ecr` must be a mapping with `region`.'],
  [auth('{ ^ecr: }'), '`ecr` must be a mapping with `region`; it is empty.'],
  [auth('{ ecr: { ^regio: eu-central-1 } }'), 'There is no key `regio`; did you mean `region`?'],
  [auth('{ ecr: { region: ^EU (Frankfurt) } }'), '`region` must be a region such as `eu-central-1`.'],
  [auth('{ ecr: {}, ^username: AWS }'), '`username` cannot stand beside `ecr`; write the one or the other.'],
  [auth('{ command: ^aws }'), `\`command\` must be ${command}.`],
  [auth('{ command: ^[] }'), `\`command\` must be ${command}; it is empty.`],
  [auth('{ command: [^""] }'), 'An entry of `command` must be the name of a program; it is empty.'],
  [auth('{ command: [aws, ^12] }'), 'An entry of `command` must be text; put it in quotes.'],
  [auth('{ command: [aws, ^"a\\nb"] }'), 'An entry of `command` must be text in one line.'],
  [auth('{ ^comand: [aws] }'), 'There is no key `comand`; did you mean `command`?'],
  [
    auth('^{ username: AWS, lifetime: 12h }'),
    `\`command\` is missing here; write \`command:\` with ${command}.`,
  ],
  [
    auth('{ command: [aws], ^password: x }'),
    '`password` cannot stand beside `command`; write the one or the other.',
  ],
  [auth('{ command: [aws], username: ^a:b }'), '`username` must be text in one line, without a colon.'],
  [auth('{ command: [aws], ^life: 1h }'), 'There is no key `life`; did you mean `lifetime`?'],
  [auth('{ command: [aws], lifetime: ^12 h }'), `\`lifetime\` must be ${lifetime}.`],
  [auth('{ command: [aws], lifetime: ^0m }'), `\`lifetime\` must be ${lifetime}.`],
  [auth('{ command: [aws], lifetime: ^3600 }'), `\`lifetime\` must be ${lifetime}; put it in quotes.`],
  [
    'rules: [{ protocol: file, to: [a.example, { url: b.example, auth: ^clients }] }]',
    `\`auth\` must be ${forms}; did you mean \`client\`?`,
  ],
];

const names = protocols.map(({ name }) => `\`${name}\``);
const everyProtocol = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

test.each(cases)('%s', (marked, message) => {
  const [issue, ...more] = issuesOf(marked.replace('^', ''), { commands: true });
  expect(issue?.message.replace(everyProtocol, '`file`, `npm` or `oci`')).toBe(message);
  expect(issue?.position).toEqual({ file: 'turnout.yaml', line: 1, column: marked.indexOf('^') + 1 });
  expect(more).toEqual([]);
});

test('the time for mistakes of one kind grows with their number, not with its square', () => {
  const time = (length: number): number => {
    const rules = Array.from({ length }, () => ({ protcol: 'oci', to: 'ghcr.io' }));
    const start = performance.now();
    expect(issuesOf(JSON.stringify({ rules }))).toHaveLength(length);
    return performance.now() - start;
  };
  const few = Math.min(time(500), time(500));
  // The square would be a hundred times as long.
  expect(Math.min(time(5000), time(5000)) / few).toBeLessThan(50);
}, 60_000);
