import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { explain } from '../../src/core/explain.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { contextOf, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

testProtocol(file, [
  {
    title: 'a file',
    path: '/cli/v1.2.3/acme-linux.tar.gz',
    resource: { type: 'file', path: '/cli/v1.2.3/acme-linux.tar.gz' },
  },
  { title: 'a file by HEAD', method: 'HEAD', path: '/a', resource: { type: 'file', path: '/a' } },
  {
    title: 'a file with a query',
    path: '/dl',
    query: 'os=linux&v=1',
    resource: { type: 'file', path: '/dl', query: 'os=linux&v=1' },
  },
  {
    title: 'an empty query',
    path: '/dl',
    query: '',
    canonical: '/dl?',
    resource: { type: 'file', path: '/dl', query: '' },
  },
  { title: 'the root', path: '/', resource: { type: 'file', path: '/' } },
  { title: 'empty segments', path: '//a//', resource: { type: 'file', path: '//a//' } },
  {
    title: 'escapes, as they are',
    path: '/%2F%C3%A9%2e.',
    resource: { type: 'file', path: '/%2F%C3%A9%2e.' },
  },
  { title: 'capitals, as they are', path: '/PUBLIC/x', resource: { type: 'file', path: '/PUBLIC/x' } },
  {
    title: 'a checksum',
    path: '/cli/acme.tar.gz.sha256',
    resource: { type: 'side', path: '/cli/acme.tar.gz.sha256' },
  },
  {
    title: 'a signature with a query',
    path: '/acme.zip.asc',
    query: 'v=1',
    resource: { type: 'side', path: '/acme.zip.asc', query: 'v=1' },
  },
  { title: 'a certificate of its own', path: '/ca.pem', resource: { type: 'file', path: '/ca.pem' } },
  {
    title: 'a folder with a dot',
    path: '/v1.0/ca.pem',
    resource: { type: 'file', path: '/v1.0/ca.pem' },
  },
  { title: 'a signed program', path: '/acme-linux.sig', resource: { type: 'side', path: '/acme-linux.sig' } },
  {
    title: 'a bundle of cosign',
    path: '/acme.cosign.bundle',
    resource: { type: 'side', path: '/acme.cosign.bundle' },
  },
  {
    title: 'a certificate for a file',
    path: '/acme.zip.pem',
    resource: { type: 'side', path: '/acme.zip.pem' },
  },
  {
    title: 'the checksums of several',
    path: '/v1/SHA256SUMS',
    resource: { type: 'side', path: '/v1/SHA256SUMS' },
  },
  {
    title: 'the checksums of a release',
    path: '/acme_1.0_checksums.txt',
    resource: { type: 'side', path: '/acme_1.0_checksums.txt' },
  },
  { title: 'a hidden file', path: '/a/.asc', resource: { type: 'file', path: '/a/.asc' } },
  { title: 'JSON', path: '/a.b.json', resource: { type: 'file', path: '/a.b.json' } },
  {
    title: 'a write',
    method: 'PUT',
    path: '/a',
    query: 'x=1',
    canonical: '/a',
    resource: { type: 'write', path: '/a' },
  },
  { title: 'a form', method: 'POST', path: '/a', resource: { type: 'write', path: '/a' } },
  {
    title: 'a question of a browser',
    method: 'OPTIONS',
    path: '/a',
    resource: { type: 'question', path: '/a' },
  },
  { title: 'a method in lower case', method: 'get', path: '/a', resource: { type: 'write', path: '/a' } },
  { title: 'no path', path: '*', resource: undefined },
  { title: 'nothing', path: '', resource: undefined },
]);

describe('a file is delivered', () => {
  test.each(['auto', 'redirect', 'proxy'] as const)(
    'by 302, which every client follows, if the rule lets it: %s',
    (mode) => {
      expect(
        showDelivery(
          file.deliver({ type: 'file', path: '/a' }, contextOf(mode, upstreamOf('https://cdn.example'))),
        ),
      ).toBe('302');
    },
  );
});

const host = 'get.acme.example';

/** What becomes of a request by rules: a status and an address, or a status alone. */
function show(configs: readonly RuleConfig[], target: string, method = 'GET'): string {
  const [path = '', ...query] = target.split('?');
  const request = { method, scheme: 'https', host, path, query: query.length ? query.join('?') : undefined };
  const rules = compileRules(configs.map((config) => rule(file, config)));
  const decision = decide(rules, request as Parameters<typeof decide>[1]);
  if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
  if (decision.type === 'proxy') return `${decision.delivery} ${decision.target}`;
  return decision.type === 'respond' ? String(decision.status) : decision.type;
}

describe('a rule for a file', () => {
  const archive: RuleConfig = {
    match: '/cli/:version/acme-:os.tar.gz',
    to: 'cdn.example/v:version/acme_:os.tgz',
  };

  test.each([
    ['/cli/1.0/acme-linux.tar.gz', '302 https://cdn.example/v1.0/acme_linux.tgz'],
    ['/cli/1.0/acme-linux.tar.gz.sha256', '302 https://cdn.example/v1.0/acme_linux.tgz.sha256'],
    ['/cli/1.0/acme-linux.tar.gz.sha512', '302 https://cdn.example/v1.0/acme_linux.tgz.sha512'],
    ['/cli/1.0/acme-linux.tar.gz.md5', '302 https://cdn.example/v1.0/acme_linux.tgz.md5'],
    ['/cli/1.0/acme-linux.tar.gz.sig', '302 https://cdn.example/v1.0/acme_linux.tgz.sig'],
    ['/cli/1.0/acme-linux.tar.gz.asc', '302 https://cdn.example/v1.0/acme_linux.tgz.asc'],
    ['/cli/1.0/acme-linux.tar.gz.minisig', '302 https://cdn.example/v1.0/acme_linux.tgz.minisig'],
    ['/cli/1.0/acme-linux.tar.gz.pem', '302 https://cdn.example/v1.0/acme_linux.tgz.pem'],
    ['/cli/1.0/acme-linux.tar.gz.sigstore.json', '302 https://cdn.example/v1.0/acme_linux.tgz.sigstore.json'],
    ['/cli/1.0/acme-linux.tar.gz.cosign.bundle', '302 https://cdn.example/v1.0/acme_linux.tgz.cosign.bundle'],
    ['/cli/1.0/acme-linux.tar.gz.spdx.json', '302 https://cdn.example/v1.0/acme_linux.tgz.spdx.json'],
    ['/cli/1.0/acme-linux.tar.gz.intoto.jsonl', '302 https://cdn.example/v1.0/acme_linux.tgz.intoto.jsonl'],
    ['/cli/1.0/acme-linux.tar.gz.zsync', '302 https://cdn.example/v1.0/acme_linux.tgz.zsync'],
    ['/cli/1.0/acme-linux.tar.gz.torrent', '302 https://cdn.example/v1.0/acme_linux.tgz.torrent'],
    ['/cli/1.0/acme-linux.tar.gz.sha256.asc', '302 https://cdn.example/v1.0/acme_linux.tgz.sha256.asc'],
    ['/cli/1.0/acme-linux.tar.gz.sha256?a=%2f', '302 https://cdn.example/v1.0/acme_linux.tgz.sha256?a=%2f'],
    ['/cli/1.0/acme-linux.tar.gz.exe', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz.json', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz.sha256.exe', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz.SHA256', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz.', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz/.sha256', 'pass'],
    ['/cli/1.0/acme-linux.tar.gz%2esha256', 'pass'],
    [`/cli/1.0/acme-linux.tar.gz${'.asc'.repeat(12)}`, expect.stringMatching(/^302 .*tgz(\.asc){12}$/)],
    [`/cli/1.0/acme-linux.tar.gz${'.asc'.repeat(13)}`, 'pass'],
    ['/cli/1.0/.sha256', 'pass'],
  ])('takes what stands beside it: %s', (path, expected) => {
    expect(show([archive], path)).toEqual(expected);
  });

  test('leaves it to a rule of its own, also to one for everything', () => {
    const own = { match: '/cli/:version/acme-:os.tar.gz.sha256', to: 'sums.example/:version/:os' };
    expect(show([archive, own], '/cli/1.0/acme-linux.tar.gz.sha256')).toBe(
      '302 https://sums.example/1.0/linux',
    );
    expect(show([archive, { to: 'old.example' }], '/cli/1.0/acme-linux.tar.gz.asc')).toBe(
      '302 https://old.example/cli/1.0/acme-linux.tar.gz.asc',
    );
    expect(show([archive, { host: '*.example', to: 'old.example' }], '/cli/1/acme-l.tar.gz.asc')).toBe(
      '302 https://old.example/cli/1/acme-l.tar.gz.asc',
    );
    expect(
      show(
        [
          { ...archive, host },
          { host: '*.example', to: 'old.example' },
        ],
        '/cli/1/acme-l.tar.gz.asc',
      ),
    ).toBe('302 https://cdn.example/v1/acme_l.tgz.asc');
  });

  test.each([
    [[], '/cli/1/acme-l.tar.gz.asc', 'pass'],
    [['.asc'], '/cli/1/acme-l.tar.gz.asc', '302 https://cdn.example/v1/acme_l.tgz.asc'],
    [['.asc'], '/cli/1/acme-l.tar.gz.sha256', 'pass'],
    [['.notes.txt'], '/cli/1/acme-l.tar.gz.notes.txt', '302 https://cdn.example/v1/acme_l.tgz.notes.txt'],
    [['.notes.txt'], '/cli/1/acme-l.tar.gz.txt', 'pass'],
  ])('takes the suffixes %j that it names: %s', (sideFiles, path, expected) => {
    expect(show([{ ...archive, options: { sideFiles } }], path)).toBe(expected);
  });

  test('sends what stands beside it with the query that the address has', () => {
    expect(show([{ match: '/a.zip', to: 'cdn.example/a.zip?ref=site' }], '/a.zip.sig?x=1')).toBe(
      '302 https://cdn.example/a.zip.sig?ref=site&x=1',
    );
  });

  test('proxies what stands beside it where it proxies', () => {
    expect(show([{ ...archive, mode: 'proxy' }], '/cli/1.0/acme-l.tar.gz.sha256')).toBe(
      'stream https://cdn.example/v1.0/acme_l.tgz.sha256',
    );
  });

  test.each([
    ['POST', {}],
    ['PUT', {}],
    ['PATCH', {}],
    ['DELETE', {}],
    ['OPTIONS', {}],
    ['PROPFIND', {}],
    ['POST', { to: 'cdn.example' }],
    ['OPTIONS', { to: 'cdn.example' }],
    ['POST', { to: 'cdn.example', mode: 'proxy' as const }],
    ['POST', { options: { cors: ['*'] } }],
  ])('is read, and nothing else: %s %j', (method, config) => {
    expect(show([config], '/a', method)).toBe('405');
    expect(show([{ match: '/a', ...config }], '/b', method)).toBe('pass');
  });

  test('without an address answers with nothing', () => {
    expect(show([{}], '/a')).toBe('200');
    expect(show([{}], '/a', 'HEAD')).toBe('200');
  });
});

test('the answer to a write says what may be done', () => {
  expect(file.deliver({ type: 'write', path: '/a' }, contextOf('auto', undefined))).toEqual({
    type: 'respond',
    answer: {
      status: 405,
      headers: { 'content-type': 'text/plain; charset=utf-8', allow: 'GET, HEAD' },
      body: 'Files are only read here.\n',
    },
  });
});

test('`explain` knows the rule of what stands beside a file', () => {
  const rules = compileRules([rule(file, { name: 'cli', match: '/a.zip', to: 'cdn.example' })]);
  const request = { method: 'GET', scheme: 'https', host, path: '/a.zip.asc' } as const;
  expect(explain(rules, request).considered).toMatchObject([{ rule: 'cli', chosen: true }]);
  expect(explain(rules, { ...request, path: '/a.zip.exe' }).considered).toMatchObject([
    { chosen: false, reason: 'Its pattern /a.zip does not match /a.zip.exe.' },
  ]);
});

describe('scripts of other sites', () => {
  const site = 'https://www.acme.example';

  function headersFor(cors: readonly string[], origin?: string, method = 'GET', mode?: 'proxy') {
    const rules = compileRules([
      rule(file, { to: 'cdn.example', options: { cors }, ...(mode && { mode }), notice: 'It moves.' }),
    ]);
    const headers = origin === undefined ? {} : { origin };
    const decision = decide(rules, { method, scheme: 'https', host, path: '/a', headers });
    return decision.type === 'pass' || decision.type === 'carry' ? undefined : decision.headers;
  }

  test.each([
    [[], site, undefined],
    [['*'], site, '*'],
    [['*'], undefined, '*'],
    [[site], site, site],
    [['https://other.example', site], site, site],
    // Another site than that which asks: a browser keeps it from its script.
    [[site], 'https://evil.example', site],
    [[site], 'null', site],
    [[site], undefined, site],
    [[site], `${site}.evil.example`, site],
  ])('of %j read what a page of %s asks for: %s', (cors, origin, expected) => {
    for (const mode of [undefined, 'proxy'] as const) {
      const headers = headersFor(cors, origin, 'GET', mode);
      expect(headers?.['access-control-allow-origin']).toBe(expected);
      expect(headers?.vary).toBe(expected === site ? 'origin' : undefined);
      expect(headers?.warning).toBe('299 - "It moves."');
    }
  });

  test('may send what they want to, where they may read', () => {
    expect(headersFor([site], site, 'OPTIONS')).toMatchObject({
      allow: 'GET, HEAD, OPTIONS',
      'access-control-allow-origin': site,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': '*',
      'access-control-max-age': '600',
      vary: 'origin',
    });
    expect(headersFor(['*'], site, 'PUT')).toMatchObject({ allow: 'GET, HEAD, OPTIONS' });
  });
});

describe('a file has a package URL', () => {
  const config = { match: '/dl/:name/:version/:file', to: 'cdn.example/:name/:version/:file' };

  test.each([
    ['/dl/acme/1.2.0/acme.zip', 'pkg:generic/acme@1.2.0'],
    ['/dl/a%2Bb/1.0+x/acme.zip', 'pkg:generic/a%2Bb@1.0%2Bx'],
    ['/dl/a%2Fb/1.0/acme.zip', 'pkg:generic/a/b@1.0'],
    ['/dl/%2F/1.0/acme.zip', undefined],
    ['/dl/%C3%A9/1/a', 'pkg:generic/%C3%A9@1'],
    ['/dl/a/1%2F2/b', 'pkg:generic/a@1%2F2'],
    ['/dl/%E9/1/a', undefined],
    ['/dl/acme/1.2.0/acme.zip.sha256', undefined],
  ])('where its variables say what it is: %s', (path, expected) => {
    const rules = compileRules([rule(file, config)]);
    expect(decide(rules, { method: 'GET', scheme: 'https', host, path })).toMatchObject({ purl: expected });
  });

  test.each(['/:name/:file', '/:version/:file', '/*path'])('and nowhere else: %s', (match) => {
    const rules = compileRules([rule(file, { match, to: 'cdn.example' })]);
    expect(decide(rules, { method: 'GET', scheme: 'https', host, path: '/a/b' })).toMatchObject({
      purl: undefined,
    });
  });
});

describe('an option that is wrong', () => {
  test.each([
    ['sideFiles: [sha256]', '4:25 invalid_value: Write a suffix with its dot, such as `.sha256`.'],
    [
      'sideFiles: .sha256',
      '4:24 invalid_value: Write a list of suffixes, such as `[.sha256, .sig]`, or `[]` for none.',
    ],
    [
      'cors: "*"',
      '4:19 invalid_value: Write a list of origins, such as `["https://www.acme.dev"]`, or `["*"]`.',
    ],
    [
      'cors: [www.acme.dev]',
      '4:20 invalid_value: Write the origin of a site, such as `https://www.acme.dev`, or `*` for every one.',
    ],
    [
      'cors: ["https://www.acme.dev/"]',
      '4:20 invalid_value: Write the origin of a site, such as `https://www.acme.dev`, or `*` for every one.',
    ],
    ['sidefiles: []', '4:13 unknown_key: There is no option `sidefiles`; did you mean `sideFiles`?'],
  ])('is told with its place: %s', (option, expected) => {
    const text = `rules:\n  - protocol: file\n    to: cdn.example\n    options: { ${option} }\n`.replace(
      '    options: { ',
      '    options:\n      ',
    );
    try {
      parseRules(text.replace(' }\n', '\n'), { file: 'turnout.yaml' });
      expect.unreachable();
    } catch (error) {
      if (!isRuleError(error)) throw error;
      const [issue] = error.issues;
      expect(`${issue?.code}: ${issue?.message}`).toBe(expected.replace(/^\S+ /, ''));
      expect(issue?.position?.line).toBe(5);
    }
  });
});

test('a rule is tried with curl, in quotes', () => {
  expect(file.usage('/cli?os=<os>', 'https://get.acme.example')).toBe(
    "curl -fLO 'https://get.acme.example/cli?os=<os>'",
  );
});
