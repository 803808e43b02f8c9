import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { convertScarf } from '../../src/convert/index.ts';
import type { RuleSet } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { importRules } from '../../src/rules/import.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { regexp } from '../../src/rules/regexp.ts';
import { ask, load, type ManifestRule, mistakesOf, show } from './manifest.ts';

const id = { 'package-id': 'a1b331fa-1539-49e5-bdc4-dc8a48e586d1' };
const domain = 'get.acme.example';
const docker = (image: string, registry: string, more?: ManifestRule): ManifestRule => ({
  ...{ type: 'docker-v1', ...id, domain, registry, 'repository-name': image },
  ...more,
});
const glob = (pattern: string, registry: string, more?: ManifestRule): ManifestRule => ({
  ...{ type: 'docker-v2', 'rule-id': 'rule-1', domain, registry, pattern },
  ...more,
});
const file = (path: string, to?: string | null, type = 'file-v1'): ManifestRule => ({
  ...{ type, ...id, domain, 'incoming-path': path },
  ...(to !== undefined && { 'outgoing-url': to }),
});
const expression = (path: string, to?: string | null): ManifestRule => file(path, to, 'file-v2');
const everything = (target?: string): ManifestRule => ({
  ...{ type: 'catch-all-v1', ...id, domain },
  ...(target !== undefined && { 'redirect-target-domain': target }),
});
const python = (name: string, filename: string, url: string, more?: ManifestRule): ManifestRule => ({
  ...{ type: 'python-v1', ...id, domain, 'package-name': name, 'file-name': filename, version: '1' },
  ...{ 'backend-url': url, ...more },
});
const telemetry = (path: string, more?: ManifestRule): ManifestRule => ({
  ...{ type: 'telemetry-v1', ...id, domain, 'incoming-path': path },
  ...more,
});

type Case = readonly [
  title: string,
  rules: readonly ManifestRule[],
  answers: Readonly<Record<string, string>>,
];

const hub = 'registry-1.docker.io';
const manifest = (image: string, host = 'ghcr.io'): string => `proxy https://${host}/v2/${image}/manifests/1`;

const cases: readonly Case[] = [
  [
    'an image',
    [docker('acme/app', 'ghcr.io'), docker('acme/old', 'registry.hub.docker.com')],
    {
      '/v2/acme/app/manifests/1': manifest('acme/app'),
      '/v2/acme/old/manifests/1': manifest('acme/old', hub),
      '/v2/acme/other/manifests/1': '404',
      '/v2/acme/app/x/manifests/1': '404',
      '/v2/acme/app/tags/list?n=2&last=b': 'proxy https://ghcr.io/v2/acme/app/tags/list?n=2&last=b',
      '/v2/_catalog': '404',
      '/v2/': '200',
    },
  ],
  [
    'images by a glob',
    [glob('acme/*', 'ghcr.io'), glob('*/tool', 'quay.io'), glob('x{a,b{c,d}}-*/y', 'quay.io')],
    {
      '/v2/acme/app/manifests/1': manifest('acme/app'),
      '/v2/acme/app/x/manifests/1': '404',
      '/v2/other/tool/manifests/1': manifest('other/tool', 'quay.io'),
      '/v2/xa-1/y/manifests/1': manifest('xa-1/y', 'quay.io'),
      '/v2/xbd-1/y/manifests/1': manifest('xbd-1/y', 'quay.io'),
      '/v2/xb-1/y/manifests/1': '404',
    },
  ],
  [
    'a star beside text, which may stand for nothing',
    [glob('acme/app*', 'ghcr.io'), glob('b*-*z/*', 'quay.io')],
    {
      '/v2/acme/app/manifests/1': manifest('acme/app'),
      '/v2/acme/app-x/manifests/1': manifest('acme/app-x'),
      '/v2/acme/xapp/manifests/1': '404',
      '/v2/b1-2z/c/manifests/1': manifest('b1-2z/c', 'quay.io'),
      '/v2/b-z/c/manifests/1': manifest('b-z/c', 'quay.io'),
      '/v2/bz/c/manifests/1': '404',
    },
  ],
  [
    'a name and a glob: the name wins, wherever it stands',
    [glob('acme/app', 'quay.io'), glob('acme/*', 'quay.io'), docker('acme/app', 'ghcr.io')],
    {
      '/v2/acme/app/manifests/1': manifest('acme/app'),
      '/v2/acme/b/manifests/1': manifest('acme/b', 'quay.io'),
    },
  ],
  [
    'one image twice: the last counts',
    [docker('acme/app', 'ghcr.io'), docker('acme/app', 'quay.io')],
    { '/v2/acme/app/manifests/1': manifest('acme/app', 'quay.io') },
  ],
  [
    'images, and everything else elsewhere',
    [docker('acme/app', 'ghcr.io'), everything('cr.acme.example')],
    {
      '/v2/acme/app/manifests/1': manifest('acme/app'),
      '/v2/acme/b/manifests/1': manifest('acme/b', 'cr.acme.example'),
      '/x': '302 https://cr.acme.example/x',
    },
  ],
  [
    'a file without variables',
    [
      file('/data', 'https://a.example/api/data'),
      file('/home', 'https://a.example'),
      file('/slash/', 'https://a.example/'),
    ],
    {
      '/data': '302 https://a.example/api/data',
      '/data?a=b': '302 https://a.example/api/data?a=b',
      '/data/': 'pass',
      '/home': '302 https://a.example/',
      '/slash/': '302 https://a.example/',
      'POST /data': '405',
    },
  ],
  [
    'a file with variables',
    [
      file('/minikube-{platform}-{version}.tar.gz', 'https://a.example/{version}/{platform}.tgz'),
      file('/{identifer}@{version}', 'https://deno.land/x/{identifer}@{version}'),
      file('/docs/{+rest}', 'https://b.example/landing'),
    ],
    {
      '/minikube-linux-1.2.tar.gz': '302 https://a.example/1.2/linux.tgz',
      '/std@1.2.0': '302 https://deno.land/x/std@1.2.0',
      '/docs/a/b': '302 https://b.example/landing',
    },
  ],
  [
    'a variable that stands twice has one value',
    [file('/{v}/app-{v}.tgz', 'https://a.example/app-{v}.tgz'), everything('else.example')],
    {
      '/1.2/app-1.2.tgz': '302 https://a.example/app-1.2.tgz',
      '/1.2/app-1.3.tgz': '302 https://else.example/1.2/app-1.3.tgz',
    },
  ],
  [
    'variables in the query, in any order',
    [file('/{what}?v={v}&os=linux', 'https://a.example/api?what={what}&v={v}')],
    {
      '/x?v=1&os=linux': '302 https://a.example/api?what=x&v=1&os=linux',
      '/x?os=linux&b=c&v=1': '302 https://a.example/api?what=x&v=1&os=linux&b=c',
      '/x?os=linux': 'pass',
      '/x?v=1&os=mac': 'pass',
    },
  ],
  [
    "the request's query behind the target's own, of which the first counts",
    [file('/f', 'https://a.example/f?ref=gate&utm=1')],
    { '/f?utm=2&a=b&ref=x': '302 https://a.example/f?ref=gate&utm=1&a=b' },
  ],
  [
    'a longer template before a shorter, and everything else last',
    [
      everything('else.example'),
      file('/{+path}', 'https://c.example/{+path}'),
      file('/a/{x}', 'https://a.example/{x}'),
      file('/a/b', 'https://b.example/b'),
    ],
    {
      '/a/b': '302 https://b.example/b',
      '/a/c': '302 https://a.example/c',
      '/a/c/d': '302 https://c.example/a/c/d',
      '/': '302 https://else.example/',
    },
  ],
  [
    'a path without a target',
    [file('/collect', null), file('/v/{version}', null), expression('^/e/(?<x>.+)$')],
    {
      '/collect?a=b': '200',
      '/v/1': '200',
      '/e/1': '200',
      'POST /v/1': 'carried by telemetry',
      '/other': 'pass',
    },
  ],
  [
    'an expression, which is searched for',
    [
      expression('/(?<a>.*)/(?<b>.*)', 'https://a.example/{a}/{b}'),
      expression('^/exact-(?<v>[0-9]+)$', 'https://b.example/v{v}beta'),
      expression('/pkg/(?<name>.*)-(?<version>[0-9].*)', 'https://c.example/{name}/{version}?v={version}'),
      expression('^/root', 'https://d.example'),
    ],
    {
      '/api/data': '302 https://a.example/api/data',
      '/x/api/data?q=1': '302 https://a.example/x/api/data?q=1',
      '/exact-12': '302 https://b.example/v12beta',
      '/exact-12x': 'pass',
      '/root-and-more': '302 https://d.example/',
    },
  ],
  [
    'a file before an expression before everything else',
    [
      everything('else.example'),
      expression('/a.*', 'https://e.example/e'),
      file('/a{x}', 'https://f.example/f'),
    ],
    {
      '/a1': '302 https://f.example/f',
      '/a/1': '302 https://e.example/e',
      '/b': '302 https://else.example/b',
    },
  ],
  [
    'everything, without a target',
    [everything(), file('/f', 'https://a.example/f')],
    { '/x/y?z': '200', '/f': '302 https://a.example/f' },
  ],
  [
    'files of Python',
    [
      python('numpy', 'numpy-1.3.0.tar.gz', 'https://files.example/ab/numpy-1.3.0.tar.gz#sha256=ab12'),
      python('numpy', 'numpy-1.4.0.tar.gz', 'https://files.example/cd/numpy-1.4.0.tar.gz', {
        'gpg-sig': true,
      }),
      python(
        'Foo_Bar',
        'foo_bar-1+x-py3-none-any.whl',
        'https://other.example/foo_bar-1%2Bx-py3-none-any.whl?a=b',
      ),
      everything('else.example'),
    ],
    {
      '/simple/': 'carried by pyindex',
      '/simple': `302 https://${domain}/simple/`,
      '/simple/numpy/': 'carried by pyindex',
      '/simple/foo-bar/': 'carried by pyindex',
      '/simple/Foo_Bar/': `302 https://${domain}/simple/foo-bar/`,
      '/simple/numpy/numpy-1.3.0.tar.gz': '302 https://files.example/ab/numpy-1.3.0.tar.gz',
      '/simple/numpy/numpy-1.3.0.tar.gz.asc': '404',
      '/simple/numpy/numpy-1.4.0.tar.gz.asc': '302 https://files.example/cd/numpy-1.4.0.tar.gz.asc',
      '/simple/foo-bar/foo_bar-1+x-py3-none-any.whl':
        '302 https://other.example/foo_bar-1%2Bx-py3-none-any.whl?a=b',
      '/simple/foo-bar/foo_bar-1%2Bx-py3-none-any.whl':
        '302 https://other.example/foo_bar-1%2Bx-py3-none-any.whl?a=b',
      '/simple/other/': '302 https://else.example/simple/other/',
      'POST /simple/numpy/': '405',
    },
  ],
  [
    'telemetry, a pixel, and installs',
    [telemetry('/events:all'), { type: 'pixel-v1', domain }, { type: 'package-event-v1', domain }],
    {
      'POST /events:all': 'carried by telemetry',
      '/events:all': 'pass',
      'POST /events': 'pass',
      '/a.png?x-pxid=1': 'carried by pixel',
      'POST /package-event/install': 'carried by installs',
      'POST /package-event/install/id': 'carried by installs',
      '/package-event/install': '405',
    },
  ],
];

describe('a manifest decides', () => {
  test.each(cases)('%s', (_, rules, answers) => {
    const ruleSet = load(...rules);
    const given = Object.fromEntries(
      Object.keys(answers).map((request) => [
        request,
        show(ask(ruleSet, request.replace(/^([A-Z]+ )?/, `$1${domain}`))),
      ]),
    );
    expect(given).toEqual(answers);
  });

  test.each(['docker-v1', 'docker-v2'])('that %s goes through the gateway, byte for byte', (type) => {
    const make = type === 'docker-v1' ? docker : glob;
    const [rule] = load(make('acme/app', 'ghcr.io', { 'always-proxy': true })).rules;
    expect(rule?.mode).toBe('proxy');
    expect(load(make('acme/app', 'ghcr.io', { 'always-proxy': false })).rules[0]?.mode).toBe('auto');
  });

  test.each(['/%7Ea~b+c%2Bd%25e%20f%C3%A4%2Fg', '/a:b@c=d;e,f!g$h&i(j)k*l', '/a[b]|c'])(
    'that the bytes of %s stay',
    (path) => {
      const query = "q=a+b%20c~%7E%25&r='%C3%A4'&s=/?:@&s=2&t";
      const passed = load(everything('t.example'));
      expect(show(ask(passed, `${domain}${path}?${query}`))).toBe(`302 https://t.example${path}?${query}`);
      const filled = load(file('/d{+rest}', 'https://t.example/x{+rest}'));
      expect(show(ask(filled, `${domain}/d${path}?${query}`))).toBe(
        `302 https://t.example/x${path}?${query}`,
      );
      const found = load(expression('^/d/(?<rest>.*)$', 'https://t.example/{rest}'));
      expect(show(ask(found, `${domain}/d${path}?${query}`))).toBe(`302 https://t.example${path}?${query}`);
    },
  );
});

test('files of Python keep what is known of them, below the host that most of them have', () => {
  const hash = 'AB12'.repeat(16);
  const conversion = convertScarf({
    rules: [
      python('a', 'a-1.zip', 'https://one.example/a-1.zip#md5=0f'),
      python('a', 'a-2.zip', 'https://two.example/x/a-2.zip?s=1', {
        'hash-value': { type: 'sha256', hash },
        'requires-python': '>=3.9',
        'gpg-sig': false,
        'backend-simple-index': 'https://pypi.org/simple/',
      }),
      python('A', 'a-3.zip', 'https://two.example/a-3.zip', { 'hash-value': null, owner: '' }),
      python('a', 'a-3.zip', 'https://two.example/a-3.zip#egg=a'),
    ],
  });
  expect(conversion?.mistakes).toEqual([]);
  expect(conversion?.file.rules).toEqual([
    {
      name: 'python',
      host: domain,
      protocol: 'pyindex',
      match: 'a',
      to: 'https://two.example',
      options: {
        files: [
          { project: 'a', filename: 'a-1.zip', url: 'https://one.example/a-1.zip', hashes: { md5: '0f' } },
          {
            ...{ project: 'a', filename: 'a-2.zip', url: '/x/a-2.zip?s=1' },
            hashes: { sha256: hash.toLowerCase() },
            ...{ 'requires-python': '>=3.9', 'gpg-sig': false },
          },
          { project: 'a', filename: 'a-3.zip', url: '/a-3.zip' },
        ],
      },
    },
  ]);
  const trace = (...path: (string | number)[]) => conversion?.trace(['rules', 0, ...path]);
  expect(trace('options', 'files', 1, 'hashes', 'sha256')).toEqual(['rules', 1, 'hash-value']);
  expect(trace('to')).toEqual(['rules', 0, 'backend-url']);
  expect(trace('host')).toEqual(['rules', 0, 'domain']);
  expect(trace('match')).toEqual(['rules', 3, 'package-name']);
  expect(trace()).toEqual(['rules', 0]);
  expect(conversion?.trace([])).toEqual(['rules']);
});

describe('a manifest with a mistake', () => {
  const types =
    '`docker-v1`, `docker-v2`, `file-v1`, `file-v2`, `python-v1`, `catch-all-v1`, `telemetry-v1`, `pixel-v1` or `package-event-v1`';
  const line = (rule: string): string =>
    `{"rules": [\n{"type": "catch-all-v1", "domain": "a.example"},\n${rule}\n]}`;

  test.each<[rule: string, ...mistakes: string[]]>([
    [
      '{"type": "docker-v3", "domain": "d"}',
      '3:10 invalid_value: There is no rule type `docker-v3`; did you mean `docker-v1`?',
    ],
    ['{"type": "x", "domain": "d"}', `3:10 invalid_value: There is no rule type \`x\`; write ${types}.`],
    ['{"domain": "d"}', `3:1 missing_key: \`type\` is missing here; write ${types}.`],
    ['{"type": 1}', `3:10 invalid_value: There is no such rule type; write ${types}.`],
    ['17', '3:1 invalid_value: A rule of a manifest is a mapping with `type` and `domain`.'],
    [
      '{"type": "file-v1", "domain": "d", "incoming-pat": "/x"}',
      '3:36 unknown_key: A rule of type `file-v1` has no field `incoming-pat`; did you mean `incoming-path`?',
    ],
    [
      '{"type": "docker-v1", "domain": "d", "repository-name": "a/b", "backend-registry": "ghcr.io"}',
      '3:64 unknown_key: A rule of type `docker-v1` has no field `backend-registry`; did you mean `registry`?',
    ],
    [
      '{"type": "pixel-v1", "domain": "d", "something": 1}',
      '3:37 unknown_key: A rule of type `pixel-v1` has no field `something`; there is `type`, `domain`, `package-id`, `package-name` and `owner`.',
    ],
    [
      '{"type": "file-v1", "domain": "d"}',
      '3:1 missing_key: `incoming-path` is missing here; write `incoming-path` with a path, as an RFC 6570 template.',
    ],
    [
      '{"type": "catch-all-v1", "domain": ["d"]}',
      '3:36 invalid_value: `domain` must be the host that people use.',
    ],
    [
      '{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "a/{b"}',
      '3:66 invalid_match: `a/{b` cannot be read: a brace is not closed.',
    ],
    [
      '{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "a//b"}',
      '3:66 invalid_match: `a//b` cannot be read: a segment of it is empty.',
    ],
    [
      '{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "a/b,c"}',
      '3:66 invalid_match: `a/b,c` cannot be read: `,` has nothing that it closes.',
    ],
    [
      String.raw`{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "a/\\b"}`,
      '3:66 invalid_match: `a/\\b` cannot be read: `\\` stands before `*`, `{`, `}` or `,` alone.',
    ],
    [
      '{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "{a,}"}',
      '3:66 invalid_match: `{a,}` cannot be read: a choice in braces is empty.',
    ],
    [
      '{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "{a/b,c}"}',
      '3:66 invalid_match: `{a/b,c}` cannot be read: a choice in braces has a slash; write a rule for each.',
    ],
    [
      `{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "${'{a,b}'.repeat(9)}"}`,
      `3:66 invalid_match: \`${'{a,b}'.repeat(9)}\` cannot be read: its choices make more than 256 patterns; write several rules.`,
    ],
    [
      `{"type": "docker-v2", "domain": "d", "registry": "r", "pattern": "${'{'.repeat(9)}a${'}'.repeat(9)}"}`,
      `3:66 invalid_match: \`${'{'.repeat(9)}a${'}'.repeat(9)}\` cannot be read: its braces are nested too deeply.`,
    ],
    [
      '{"type": "docker-v1", "domain": "d", "repository-name": "a/b", "registry": "gh cr"}',
      '3:76 invalid_target: `gh cr` is not a host; write a host name, such as `ghcr.io`.',
    ],
    [
      '{"type": "docker-v1", "domain": "a b", "repository-name": "a/b", "registry": "ghcr.io"}',
      '3:33 invalid_host: `a b` is not a host; write a name such as `get.acme.dev`, in its ASCII form.',
    ],
    [
      '{"type": "file-v1", "domain": "d", "incoming-path": "/{a}", "outgoing-url": "https://e.example/{b}"}',
      '3:77 unknown_parameter: `match` has no variable `b`; did you mean `a`?',
    ],
    [
      '{"type": "docker-v1", "domain": "d", "repository-name": "a/b", "registry": "https://e.example/c"}',
      '3:76 invalid_value: `registry` must be the host of a registry.',
    ],
    [
      '{"type": "file-v2", "domain": "d", "incoming-path": "/(a", "outgoing-url": "https://e.example/b"}',
      "3:53 invalid_match: `/(a` is not a regular expression: missing closing ): '/(a'.",
    ],
    [
      '{"type": "file-v2", "domain": "d", "incoming-path": "/(?<a>b)", "outgoing-url": "https://e.example/{a*}"}',
      '3:81 invalid_target: `https://e.example/{a*}` cannot be read: `{a*}` cannot be filled in; write `{name}` or `{+name}`.',
    ],
    [
      '{"type": "telemetry-v1", "domain": "d", "incoming-path": "/e", "access-tokens": "secret"}',
      '3:81 invalid_value: `access-tokens` must be a list of tokens.',
    ],
    [
      '{"type": "telemetry-v1", "domain": "d", "incoming-path": "/e", "access-tokens": ["ok", "no token"]}',
      '3:88 invalid_value: Write a token: letters, digits and `-._~+/`.',
    ],
    [
      '{"type": "telemetry-v1", "domain": "d", "incoming-path": "/e", "max-events": 0}',
      '3:78 invalid_value: `max-events` must be a number.',
    ],
    [
      '{"type": "python-v1", "domain": "d", "package-name": "n", "file-name": "n-1.zip", "backend-url": "ftp://x"}',
      '3:98 invalid_value: Write an address, or a path below `to` that starts with a slash, without a fragment.',
    ],
    [
      '{"type": "python-v1", "domain": "d", "package-name": "n", "file-name": "a b", "backend-url": "https://e.example/n", "hash-value": {"type": "sha256"}}',
      '3:131 invalid_value: `hash-value` must be a mapping with `type` and `hash`.',
    ],
    [
      '{"type": "python-v1", "domain": "d", "package-name": "n", "file-name": "a b", "backend-url": "https://e.example/n"}',
      '3:72 invalid_value: Write the name of a file.',
    ],
  ])('%s', (rule, ...mistakes) => {
    expect(mistakesOf(line(rule))).toEqual(mistakes);
  });

  test('tells all of them at once, in the order of the text', () => {
    const rules = [
      '{"type": "file-v1", "domain": "a b", "incoming-path": "x"}',
      '{"type": "fil-v1"}',
      '{"type": "pixel-v1"}',
    ];
    expect(mistakesOf(line(rules.join(',\n'))).map((each) => each.split(':', 2).join(':'))).toEqual([
      '3:31 invalid_host',
      '3:55 invalid_match',
      '4:10 invalid_value',
      '5:1 missing_key',
    ]);
  });

  test('is one with another key, too', () => {
    expect(mistakesOf('{"rules": [{"type": "pixel-v1", "domain": "d"}], "networks": {}}')).toEqual([
      '1:50 unknown_key: A manifest has no key `networks`; there is `rules`.',
    ]);
  });

  test('warns at the places of the manifest', () => {
    const rules = parseRules(
      line(
        '{"type": "file-v1", "domain": "d", "incoming-path": "/{a}", "outgoing-url": "https://e.example/x"}',
      ),
      {
        file: 'manifest.json',
      },
    );
    expect(rules.warnings.map(({ code, position }) => [code, position?.line, position?.column])).toEqual([
      ['unused_parameter', 3, 77],
    ]);
  });

  test('has nothing to say of what is no manifest', () => {
    for (const data of [
      undefined,
      1,
      [],
      {},
      { rules: {} },
      { rules: [] },
      { rules: [{ protocol: 'file', type: 'x' }] },
    ])
      expect(convertScarf(data)).toBeUndefined();
  });

  test('leaves what looks like a variable of the environment as it is', () => {
    const rules = load(file('/x', 'https://a.example/y?a=$'), telemetry('/e', { 'access-tokens': ['a'] }));
    expect(rules.rules).toHaveLength(2);
  });
});

/** One place of a manifest may be that of several rules, of which the same is said once. */
function codesOf({ warnings }: RuleSet): ReadonlySet<string> {
  return new Set(warnings.map(({ code }) => code));
}

describe('what is imported', () => {
  const segment = fc.constantFrom('a', 'b', 'app', 'v1', '1.2', 'x-y', '%7E', 'a+b', '~', 'ä');
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  const template = fc
    .array(fc.oneof(segment, fc.constantFrom('{a}', '{b}', 'x-{c}', '{d}.tgz', ':e', '*', '$')), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => `/${parts.join('/')}`);
  const names = (text: string): readonly string[] => [...text.matchAll(/\{(\w)\}/g)].map(([name]) => name);
  const rule = fc.oneof(
    fc
      .tuple(fc.constantFrom('acme/app', 'b/c', 'x'), fc.constantFrom('ghcr.io', 'quay.io'))
      .map(([a, b]) => docker(a, b)),
    fc
      .tuple(fc.constantFrom('acme/*', '{a,b}/c*', '*/*', '*'), fc.constantFrom('ghcr.io', 'quay.io'))
      .map(([a, b]) => glob(a, b)),
    fc
      .tuple(template, fc.constantFrom('', '?v={v}', '?a=1'), fc.nat(3))
      .map(([text, query, kind]) =>
        file(text + query, kind === 0 ? null : `https://t${kind}.example/${names(text + query).join('/')}`),
      ),
    fc
      .constantFrom('/(?<a>.*)', '^/(?<a>[a-z]+)/(?<b>.*)$', 'app')
      .map((text) => expression(text, 'https://e.example/e')),
    path.map((text) => telemetry(text)),
    fc
      .constantFrom('n-1.zip', 'm-2.whl')
      .map((name) => python(name.charAt(0), name, `https://f.example/${name}`)),
    fc.constantFrom(everything('z.example'), everything()),
    fc.constant({ type: 'pixel-v1', domain }),
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
    path: fc.oneof(
      path,
      fc.constantFrom(
        '/',
        '/a.png',
        '/simple/n/',
        '/simple/n/n-1.zip',
        '/v2/',
        '/v2/acme/app/manifests/1',
        '/v2/a/cd/tags/list',
      ),
    ),
    query: fc.constantFrom(undefined, 'v=1', 'a=1&v=2', 'x-pxid=1'),
  });

  test('decides the same as its manifest for every request', { timeout: 60_000 }, () => {
    const same = fc.property(
      fc.array(rule, { minLength: 1, maxLength: 8 }),
      fc.array(request, { minLength: 1, maxLength: 10 }),
      (rules, requests) => {
        const source = JSON.stringify({ rules });
        const before = parseRules(source, { file: 'manifest.json', regexp });
        const { text } = importRules(source, 'manifest.json');
        const after = parseRules(text, { file: 'turnout.yaml', regexp });
        expect(codesOf(after)).toEqual(codesOf(before));
        for (const each of requests) {
          const asked = { ...each, scheme: 'https', host: domain } as const;
          expect(decide(after, asked)).toEqual(decide(before, asked));
        }
      },
    );
    fc.assert(same, { numRuns: 300 });
  });

  test('keeps what looks like a variable of the environment as text', () => {
    const source = JSON.stringify({ rules: [file('/x${HOME}/$${A}', 'https://a.example/y')] });
    const [before] = parseRules(source, { file: 'manifest.json' }).rules;
    const { text } = importRules(source, 'manifest.json');
    expect(parseRules(text, { file: 'turnout.yaml', env: { HOME: 'no', A: 'no' } }).rules[0]?.match).toEqual(
      before?.match,
    );
  });

  test('is refused when it is a rule file already', () => {
    expect(() => importRules('rules: [{ protocol: file }]', 'turnout.yaml')).toThrow(
      /^turnout\.yaml:1:1 invalid_value: This is no manifest/,
    );
  });

  test('has names of its own for each rule, those of the packages', () => {
    const named = (name: string): ManifestRule => ({ ...file(`/${name}/{x}`, null), 'package-name': 'app' });
    const { rules } = load(named('a'), named('b'), telemetry('/e', { 'package-name': 'app' }));
    expect(rules.map(({ name }) => name)).toEqual(['app-events', 'app-events-2', 'app', 'app-2', 'app-3']);
  });
});
