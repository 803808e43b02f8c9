import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide, refuseUnmatched, route } from '../../src/core/decide.ts';
import type { Decision, RedirectDecision } from '../../src/core/decision.ts';
import type { RequestDescriptor } from '../../src/core/request.ts';
import { type Rule, type RuleConfig, rule } from '../../src/core/rule.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';

/** Reads an address without changing it, as a URL parser would. */
function request(url: string, more: Partial<RequestDescriptor> = {}): RequestDescriptor {
  const [, scheme, host = '', path = '', query] = /^(https?):\/\/([^/]*)([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
  return { method: 'GET', scheme: scheme as 'https', host, path, query, ...more };
}

/** A decision in a word: `302 https://…`, `relay https://…`, `404`, `pass`. */
function show(decision: Decision): string {
  if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
  if (decision.type === 'proxy') return `${decision.delivery} ${decision.target}`;
  return decision.type === 'respond' ? `${decision.status}` : 'pass';
}

const decideShown = (rules: readonly Rule[], url: string, more?: Partial<RequestDescriptor>) =>
  show(decide(compileRules(rules), request(url, more)));

/** The name of the rule that a request follows. */
function ruleFor(rules: readonly Rule[], url: string): string | undefined {
  const decision = decide(compileRules(rules), request(url));
  return decision.type === 'pass' ? undefined : decision.rule;
}

describe('the host of a rule', () => {
  const hosts = [
    'get.acme.example',
    '*.acme.example',
    '*.get.acme.example',
    'get.acme.example:8080',
    '[::1]',
    '127.0.0.1:1',
    '*.b.example',
  ];
  const rules = hosts.map((host) => rule(file, { name: host, host, to: 'https://cdn.example' }));

  test.each<[host: string, rule: string | undefined]>([
    ['get.acme.example', 'get.acme.example'],
    ['GET.Acme.EXAMPLE', 'get.acme.example'],
    ['get.acme.example.', 'get.acme.example'],
    ['get.acme.example:443', 'get.acme.example'],
    ['get.acme.example:8081', 'get.acme.example'],
    ['get.acme.example.:8080', 'get.acme.example:8080'],
    ['GET.acme.example:8080', 'get.acme.example:8080'],
    ['other.acme.example', '*.acme.example'],
    ['OTHER.acme.example.:99', '*.acme.example'],
    ['a.b.acme.example', '*.acme.example'],
    ['a.get.acme.example', '*.get.acme.example'],
    ['a.b.get.acme.example', '*.get.acme.example'],
    ['[::1]', '[::1]'],
    ['[::1]:3000', '[::1]'],
    ['127.0.0.1:1', '127.0.0.1:1'],
    ['127.0.0.1', undefined],
    ['acme.example', undefined],
    ['b.example', undefined],
    ['evilget.acme.example.evil', undefined],
    ['notacme.example', undefined],
    ['xacme.example', undefined],
    ['get.acme.example.evil.test', undefined],
    ['example', undefined],
  ])('%s follows %s', (host, name) => {
    expect(ruleFor(rules, `https://${host}/x`)).toBe(name);
  });

  test('left out is any host, behind all others', () => {
    const any = rule(file, { name: 'any', to: 'https://any.example' });
    expect(ruleFor([any, ...rules], 'https://other.test/x')).toBe('any');
    expect(ruleFor([any, ...rules], 'https://get.acme.example/x')).toBe('get.acme.example');
  });

  test('is tried before a less specific one, which takes what it does not', () => {
    const some = [
      rule(file, { name: 'exact', host: 'get.acme.example', match: '/a', to: 'https://cdn.example' }),
      rule(file, { name: 'wildcard', host: '*.acme.example', match: '/:x', to: 'https://cdn.example' }),
      rule(file, { name: 'any', to: 'https://cdn.example' }),
    ];
    const names = ['a', 'b', 'b/c'].map((path) => ruleFor(some, `https://get.acme.example/${path}`));
    expect(names).toEqual(['exact', 'wildcard', 'any']);
  });

  test('may be several', () => {
    const list = [rule(file, { name: 'x', host: ['a.example', 'B.example'], to: 'https://cdn.example' })];
    expect(['a', 'b', 'c'].map((name) => ruleFor(list, `https://${name}.example/`))).toEqual([
      'x',
      'x',
      undefined,
    ]);
  });
});

describe('the mount of a rule', () => {
  const rules = [
    rule(file, { name: 'root', match: '/*rest', to: 'https://root.example' }),
    rule(file, { name: 'a', at: '/a/', to: 'https://a.example' }),
    rule(file, { name: 'ab', at: '/a/b', match: '/:one', to: 'https://ab.example' }),
    rule(npm, { name: 'npm', at: '/npm/', to: 'https://npm.example/registry/' }),
  ];
  test.each<[path: string, shown: string]>([
    ['/x', '302 https://root.example/x'],
    ['/', 'pass'],
    ['/a', '302 https://root.example/a'],
    ['/a/', '302 https://a.example/'],
    ['/a/x', '302 https://a.example/x'],
    ['/a/bc', '302 https://a.example/bc'],
    ['/a/b', '302 https://a.example/b'],
    ['/a/b/c', '302 https://ab.example/c'],
    ['/a/b/c/d', '302 https://a.example/b/c/d'],
    ['/A/x', '302 https://root.example/A/x'],
    ['/npm/left', 'rewrite https://npm.example/registry/left'],
    ['/npm/@acme%2fcli', 'rewrite https://npm.example/registry/@acme%2fcli'],
    ['/npm/-/package/left/dist-tags', '302 https://npm.example/registry/-/package/left/dist-tags'],
    ['/npm/-/ping', '302 https://npm.example/registry/-/ping'],
    ['/npm/a/b/c', '302 https://root.example/npm/a/b/c'],
    ['/npm', '302 https://root.example/npm'],
  ])('%s: %s', (path, shown) => {
    expect(decideShown(rules, `https://get.acme.example${path}`)).toBe(shown);
  });

  test('the protocol that reads any path is asked last, whatever the order', () => {
    const both = [
      rule(file, { name: 'file', to: 'https://f.example' }),
      rule(oci, { name: 'oci', to: 'ghcr.io' }),
    ];
    for (const order of [both, [...both].reverse()]) {
      expect(ruleFor(order, 'https://a.example/v2/acme/app/manifests/1')).toBe('oci');
      expect(ruleFor(order, 'https://a.example/v1/x')).toBe('file');
    }
  });
});

describe('the most specific rule wins', () => {
  const patterns = [
    '/cli/v1.tgz',
    '/cli/v:v.tgz',
    '/cli/v:v',
    '/cli/:v',
    '/cli/v*rest',
    '/cli/*rest',
    '/:dir/v1.tgz',
    '/*rest/v1.tgz',
    '/*rest',
    undefined,
  ];
  const rules = patterns.map((match) =>
    rule(file, { name: match ?? 'everything', match, to: 'https://cdn.example' }),
  );

  test('and each in turn, once those before it are gone', () => {
    for (const [index, match] of patterns.entries()) {
      expect(ruleFor(rules.slice(index), 'https://a.example/cli/v1.tgz')).toBe(match ?? 'everything');
      expect(ruleFor(rules.slice(index).reverse(), 'https://a.example/cli/v1.tgz')).toBe(
        match ?? 'everything',
      );
    }
  });

  test('of the same pattern, the first', () => {
    const same = [
      rule(file, { name: '1', match: '/:a', to: 'a.example' }),
      rule(file, { name: '2', match: '/:b', to: 'a.example' }),
    ];
    expect(ruleFor(same, 'https://a.example/x')).toBe('1');
  });

  test.each<[query: string, rule: string]>([
    ['os=linux&arch=arm', '/dl?os=linux&arch=:arch'],
    ['arch=arm&os=linux', '/dl?os=linux&arch=:arch'],
    ['arch=x&os=mac', '/dl?os=:os&arch=:arch'],
    ['os=linux', '/dl?os=linux'],
    ['os=lin', '/dl?os=l:rest'],
    ['os=mac', '/dl?os=:os'],
    ['x=1&latest', '/dl?latest'],
    ['latest=', '/dl?latest'],
    ['latest=1', '/dl'],
    ['', '/dl'],
    ['OS=linux', '/dl'],
    ['os=', '/dl'],
  ])('of the same path, the one that asks most of the query: %s follows %s', (query, name) => {
    const asked = [
      '/dl?os=:os',
      '/dl',
      '/dl?latest',
      '/dl?os=linux',
      '/dl?os=l:rest',
      '/dl?os=:os&arch=:arch',
      '/dl?os=linux&arch=:arch',
    ];
    for (const order of [asked, [...asked].reverse()]) {
      expect(
        ruleFor(
          order.map((match) => rule(file, { name: match, match, to: 'https://cdn.example' })),
          `https://a.example/dl?${query}`,
        ),
      ).toBe(name);
    }
  });
});

/** What a rule of files is, what is asked, and where that leads. */
type Lead = readonly [match: string | undefined, to: string, path: string, target: string];

const leads: Readonly<Record<string, readonly Lead[]>> = {
  'a bare host keeps the path': [
    ['/a/:b', 'cdn.example', '/a/x', 'https://cdn.example/a/x'],
    ['/a/*b', 'https://cdn.example/', '/a/x/y', 'https://cdn.example/a/x/y'],
    [undefined, 'http://localhost:5000', '/a', 'http://localhost:5000/a'],
    [undefined, 'http://[::1]:5000', '/a', 'http://[::1]:5000/a'],
  ],
  'everything is below a base': [
    [undefined, 'https://cdn.example/base', '/a/x', 'https://cdn.example/base/a/x'],
    [undefined, 'https://cdn.example/base//', '/a/', 'https://cdn.example/base/a/'],
  ],
  'the rest is below a base': [
    ['/dl/*rest', 'https://cdn.example/base/', '/dl/a/x', 'https://cdn.example/base/a/x'],
  ],
  'variables are filled in': [
    ['/:v/a-:p.tgz', 'https://cdn.example/v:v/a-:p', '/1/a-linux.tgz', 'https://cdn.example/v1/a-linux'],
    ['/dl/*rest', 'https://cdn.example/x/*rest', '/dl/a/b', 'https://cdn.example/x/a/b'],
    ['/dl/*', 'https://cdn.example/x/*', '/dl/a/b', 'https://cdn.example/x/a/b'],
    ['/:"my version"', 'https://cdn.example/:"my version"', '/1', 'https://cdn.example/1'],
  ],
  'a constant stays': [
    ['/install', 'https://cdn.example/install.sh', '/install', 'https://cdn.example/install.sh'],
    ['/:any', 'https://cdn.example/x', '/y', 'https://cdn.example/x'],
    // A wildcard that may be missing is no rest.
    ['/a{/*rest}', 'https://cdn.example/x', '/a/b', 'https://cdn.example/x'],
    ['/a{/*rest}', 'https://cdn.example/x', '/a', 'https://cdn.example/x'],
  ],
  'the slash at the end of one address stays': [
    ['/docs/:p/', 'https://cdn.example/:p/', '/docs/x/', 'https://cdn.example/x/'],
    ['/docs', 'https://cdn.example/docs/', '/docs', 'https://cdn.example/docs/'],
  ],
  'an optional group is there when its variables are': [
    ['/a{/:b}', 'https://cdn.example/x{/:b}/y', '/a/1', 'https://cdn.example/x/1/y'],
    ['/a{/:b}', 'https://cdn.example/x{/:b}/y', '/a', 'https://cdn.example/x/y'],
    ['/a{/:b{/:c}}', 'https://cdn.example/x{/:b{/:c}}', '/a', 'https://cdn.example/x'],
    ['/a{/:b{/:c}}', 'https://cdn.example/x{/:b{/:c}}', '/a/1', 'https://cdn.example/x/1'],
    ['/a{/:b{/:c}}', 'https://cdn.example/x{/:b{/:c}}', '/a/1/2', 'https://cdn.example/x/1/2'],
    ['/a{/:constructor}', 'https://cdn.example/x{/:constructor}', '/a', 'https://cdn.example/x'],
    ['/a{/:v}', 'https://cdn.example/x?t=1{&v=:v}', '/a/2', 'https://cdn.example/x?t=1&v=2'],
    ['/a{/:v}', 'https://cdn.example/x?t=1{&v=:v}', '/a', 'https://cdn.example/x?t=1'],
  ],
  'what was sent stays as it is, and what is written is encoded as clients would': [
    ['/:a', 'https://cdn.example/x/:a', '/%2F%3f%C3%A9%25', 'https://cdn.example/x/%2F%3f%C3%A9%25'],
    ['/é', 'https://cdn.example/ü b', '/%C3%A9', 'https://cdn.example/%C3%BC%20b'],
  ],
  'a query is carried over': [
    [undefined, 'https://cdn.example', '/a?b=%2f&b=2&&c', 'https://cdn.example/a?b=%2f&b=2&&c'],
    ['/:a', 'https://cdn.example/:a', '/a?next=/x/../y', 'https://cdn.example/a?next=/x/../y'],
    ['/:a', 'https://cdn.example/:a', '/a?', 'https://cdn.example/a?'],
  ],
  "the target's own query comes first, and wins": [
    [undefined, 'https://cdn.example/y?x=1', '/a', 'https://cdn.example/y/a?x=1'],
    [undefined, 'https://cdn.example/y?x=1', '/a?b=1', 'https://cdn.example/y/a?x=1&b=1'],
    [undefined, 'https://cdn.example/?x=1&y', '/a?y=2&%78=3&z=4', 'https://cdn.example/a?x=1&y&z=4'],
  ],
  'a variable of the path may be in the query, where it adds no parameter': [
    ['/:a', 'https://cdn.example/x?a=:a', '/1', 'https://cdn.example/x?a=1'],
    ['/:a', 'https://cdn.example/x?a=:a', '/1&b=2+3', 'https://cdn.example/x?a=1%26b=2%2B3'],
    ['/dl/*rest', 'https://cdn.example/get?file=*rest', '/dl/a/b', 'https://cdn.example/get?file=a/b'],
  ],
};

/** The same, for patterns that ask for a query; it is dropped, so that it shows what became of the variables. */
const queryLeads: Readonly<Record<string, readonly Lead[]>> = {
  'variables of the query are found in any order': [
    ['/dl?os=:os&v=:v', 'https://cdn.example/:v/:os', '/dl?v=1&x=2&os=linux', 'https://cdn.example/1/linux'],
    ['/dl?f=:a-:b.tgz', 'https://cdn.example/:a/:b', '/dl?f=x-1.2.tgz', 'https://cdn.example/x/1.2'],
    ['/dl?f\\[a\\]=:f', 'https://cdn.example/:f', '/dl?f[a]=1', 'https://cdn.example/1'],
  ],
  'a pattern is not matched by another query': [
    ['/dl?os=linux', 'https://cdn.example/x', '/dl?os=linux', 'https://cdn.example/x'],
    ['/dl?os=linux', 'https://cdn.example/x', '/dl?os=mac', 'pass'],
    ['/dl?os=:os', 'https://cdn.example/:os', '/dl', 'pass'],
    ['/dl?os=:os', 'https://cdn.example/:os', '/dl?os=', 'pass'],
  ],
  'a value of the query is one segment of a path, with what no path has raw encoded': [
    ['/dl?f=:f', 'https://cdn.example/x/:f', '/dl?f=a/b?c', 'https://cdn.example/x/a%2Fb%3Fc'],
    [
      '/dl?f=:f',
      'https://cdn.example/x/:f',
      '/dl?f="<\\^`{}>',
      'https://cdn.example/x/%22%3C%5C%5E%60%7B%7D%3E',
    ],
    ['/dl?f=:f', 'https://cdn.example/x/:f', '/dl?f=%zz%2f%', 'https://cdn.example/x/%25zz%2f%25'],
  ],
  'a value of the query stays as it is in a query': [
    ['/dl?f=:f', 'https://cdn.example/x?g=:f', '/dl?f=a/b%26+c', 'https://cdn.example/x?g=a/b%26+c'],
  ],
  'only the query of the request is dropped': [
    ['/a', 'https://cdn.example/a?x=1', '/a?b=1', 'https://cdn.example/a?x=1'],
    ['/a', 'https://cdn.example/a', '/a?b=1', 'https://cdn.example/a'],
    ['/a', 'https://cdn.example/a', '/a', 'https://cdn.example/a'],
  ],
};

const rowsOf = (table: Readonly<Record<string, readonly Lead[]>>, query: 'keep' | 'drop') =>
  Object.entries(table).flatMap(([title, rows]) =>
    rows.map(([match, to, path, target]) => ({ title, config: { match, to, query }, path, target })),
  );

describe('where a rule of files leads', () => {
  test.each([...rowsOf(leads, 'keep'), ...rowsOf(queryLeads, 'drop')])(
    '$title: $config.to, $path',
    ({ config, path, target }) => {
      // Over http, so that http targets are redirected to as well.
      const url = `http://get.acme.example${path}`;
      expect(decideShown([rule(file, config)], url)).toBe(target === 'pass' ? 'pass' : `302 ${target}`);
      expect(decideShown([rule(file, { ...config, mode: 'proxy' })], url)).toBe(
        target === 'pass' ? 'pass' : `stream ${target}`,
      );
    },
  );
});

describe('where a rule of names leads', () => {
  test.each<[config: RuleConfig, name: string, target: string]>([
    [{ match: 'acme/*image', to: 'ghcr.io' }, 'acme/app', 'https://ghcr.io/v2/acme/app'],
    [{ match: 'acme/*image', to: 'ghcr.io/acme-inc' }, 'acme/a/b', 'https://ghcr.io/v2/acme-inc/a/b'],
    [{ match: 'acme/*image', to: 'ghcr.io/acme-inc/' }, 'acme/app', 'https://ghcr.io/v2/acme-inc/app'],
    [
      { match: 'acme/*image', to: 'ghcr.io/acme-inc/x-*image' },
      'acme/app',
      'https://ghcr.io/v2/acme-inc/x-app',
    ],
    [{ match: 'acme/:image', to: 'ghcr.io/:image/:image/' }, 'acme/app', 'https://ghcr.io/v2/app/app'],
    [{ match: 'acme/*', to: 'ghcr.io/x/*' }, 'acme/app', 'https://ghcr.io/v2/x/app'],
    [{ to: 'ghcr.io/acme' }, 'app', 'https://ghcr.io/v2/acme/app'],
    [{ to: 'http://localhost:5000' }, 'app', 'http://localhost:5000/v2/app'],
    [{ match: 'app', to: 'ghcr.io/acme/app2' }, 'app', 'https://ghcr.io/v2/acme/app2'],
    [{ match: 'a{/:b}', to: 'ghcr.io/x{/:b}' }, 'a', 'https://ghcr.io/v2/x'],
    [{ match: 'a{/:b}', to: 'ghcr.io/x{/:b}' }, 'a/b', 'https://ghcr.io/v2/x/b'],
  ])('%j: %s', (config, name, target) => {
    const rules = [rule(oci, { ...config, mode: 'redirect' })];
    expect(decideShown(rules, `http://get.acme.example/v2/${name}/manifests/1`)).toBe(
      `307 ${target}/manifests/1`,
    );
  });
});

describe('what is done', () => {
  const auth = { token: 'x' };
  test.each<[title: string, config: RuleConfig, more: Partial<RequestDescriptor>, shown: string]>([
    ['auto redirects', { to: 'cdn.example' }, {}, '302 https://cdn.example/x'],
    ['redirect redirects', { to: 'cdn.example', mode: 'redirect' }, {}, '302 https://cdn.example/x'],
    ['proxy streams', { to: 'cdn.example', mode: 'proxy' }, {}, 'stream https://cdn.example/x'],
    ['HEAD is as GET', { to: 'cdn.example' }, { method: 'HEAD' }, '302 https://cdn.example/x'],
    ['a write is refused', { to: 'cdn.example' }, { method: 'PUT' }, '405'],
    ['a status of the rule', { to: 'cdn.example', status: 308 }, {}, '308 https://cdn.example/x'],
    [
      'a status with redirect',
      { to: 'b.example', status: 301, mode: 'redirect' },
      {},
      '301 https://b.example/x',
    ],
    [
      'a status is none of a proxy',
      { to: 'b.example', status: 301, mode: 'proxy' },
      {},
      'stream https://b.example/x',
    ],
    ['a credential is not redirected', { to: 'cdn.example', auth }, {}, 'relay https://cdn.example/x'],
    ["nor is an upstream's", { to: { url: 'cdn.example', auth } }, {}, 'relay https://cdn.example/x'],
    ['a credential with proxy', { to: 'b.example', auth, mode: 'proxy' }, {}, 'stream https://b.example/x'],
    [
      'a credential with redirect',
      { to: 'b.example', auth, mode: 'redirect' },
      {},
      '302 https://b.example/x',
    ],
    ['from https not to http', { to: 'http://b.example' }, {}, 'stream http://b.example/x'],
    ['nor with redirect', { to: 'http://b.example', mode: 'redirect' }, {}, 'stream http://b.example/x'],
    ['from http to http', { to: 'http://b.example' }, { scheme: 'http' }, '302 http://b.example/x'],
    ['from http to https', { to: 'https://b.example' }, { scheme: 'http' }, '302 https://b.example/x'],
    [
      'to http where the rule says so',
      { to: 'http://b.example', downgrade: true },
      {},
      '302 http://b.example/x',
    ],
    ['no target', {}, {}, '200'],
    ['no target with proxy', { mode: 'proxy' }, {}, '200'],
    ['a bad path', { to: 'cdn.example' }, { path: '/../x' }, '400'],
    ['a bad host', { to: 'cdn.example' }, { host: 'a@b' }, '400'],
    ['a long path', { to: 'cdn.example' }, { path: `/${'x'.repeat(9000)}` }, '414'],
  ])('%s', (_, config, more, shown) => {
    expect(decideShown([rule(file, config)], 'https://get.acme.example/x', more)).toBe(shown);
  });

  test('a status of the rule leaves alone what is no GET or HEAD', () => {
    const rules = [rule(npm, { to: 'https://npm.example', status: 301 })];
    expect(decideShown(rules, 'https://a.example/-/npm/v1/keys')).toBe(
      '301 https://npm.example/-/npm/v1/keys',
    );
    const audit = 'https://a.example/-/npm/v1/security/advisories/bulk';
    expect(decideShown(rules, audit, { method: 'POST' })).toBe(
      '307 https://npm.example/-/npm/v1/security/advisories/bulk',
    );
  });

  test('an answer without a target is an empty text', () => {
    expect(
      decide(
        compileRules([rule(file, { name: 'pixel', match: '/ping/:id' })]),
        request('https://a.example/ping/1'),
      ),
    ).toMatchObject({
      type: 'respond',
      status: 200,
      body: '',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      rule: 'pixel',
      params: { id: '1' },
    });
  });
});

describe('a dot segment that a variable would make is refused', () => {
  test.each<[match: string, to: string, path: string]>([
    ['/v:a', 'https://cdn.example/pub/:a', '/v..'],
    ['/v:a', 'https://cdn.example/pub/:a', '/v..?x=1'],
    ['/v:a', 'https://cdn.example/pub/:a/x', '/v%2e%2E'],
    ['/v:a', 'https://cdn.example/pub/.:a', '/v.'],
    ['/v:a', 'https://cdn.example/pub/:a?y=1', '/v.?x=1'],
    ['/v*a', 'https://cdn.example/pub/*a', '/v../x'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=..'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=%2e%2e'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=../../x'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=..\\..\\x'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=..%5c..%5cx'],
    ['/a?f=:f', 'https://cdn.example/pub/:f', '/a?f=x%2f..%2f..'],
  ])('%s to %s: %s', (match, to, path) => {
    const ruleSet = compileRules([rule(file, { match, to })]);
    for (const method of ['GET', 'HEAD']) {
      expect(decide(ruleSet, request(`https://a.example${path}`, { method }))).toMatchObject({
        type: 'respond',
        status: 400,
        rule: 'rules[0]',
      });
    }
  });
});

describe('where a decision comes from', () => {
  const ruleSet = compileRules([
    rule(oci, {
      name: 'images',
      host: 'get.acme.example',
      match: 'acme/*image',
      to: 'quay.io/acme-inc/*image',
    }),
    rule(npm, { host: 'npm.acme.example', match: '@acme/*', to: 'https://npm.example' }),
  ]);
  test.each<[url: string, decision: object]>([
    [
      'https://get.acme.example/v2/acme/app/blobs/sha256:abababababababababababababababababababababababababababababababab',
      {
        type: 'redirect',
        status: 307,
        location:
          'https://quay.io/v2/acme-inc/app/blobs/sha256:abababababababababababababababababababababababababababababababab',
        rule: 'images',
        protocol: 'oci',
        resource: {
          type: 'blob',
          name: 'acme/app',
          digest: 'sha256:abababababababababababababababababababababababababababababababab',
        },
        params: { image: 'app' },
      },
    ],
    [
      'https://npm.acme.example/@acme%2Fcli',
      {
        type: 'proxy',
        target: 'https://npm.example/@acme%2fcli',
        delivery: 'rewrite',
        rule: 'rules[1]',
        protocol: 'npm',
        resource: { type: 'packument', name: '@acme/cli' },
        params: { 0: 'cli' },
        purl: 'pkg:npm/%40acme/cli',
      },
    ],
    ['https://npm.acme.example/left', { type: 'pass' }],
    ['https://other.test/', { type: 'pass' }],
  ])('%s', (url, expected) => {
    const decision = decide(ruleSet, request(url)) as RedirectDecision;
    expect(decision).toEqual(expected);
    expect(decision.params).toStrictEqual((expected as RedirectDecision).params);
  });

  test('an answer for the whole mount, or for a name that no rule has, names the protocol but no rule', () => {
    for (const path of ['/v2/', '/v2/_catalog', '/v2/other/app/manifests/1']) {
      expect(decide(ruleSet, request(`https://get.acme.example${path}`))).toMatchObject({
        type: 'respond',
        protocol: 'oci',
        rule: undefined,
      });
    }
  });

  test.each<[title: string, more: Partial<RequestDescriptor>, publicUrl: string]>([
    ['the address that was asked', {}, 'https://Get.acme.example:8443/x'],
    ['another origin', { origin: 'https://public.example' }, 'https://public.example/x'],
    ['a base of the host application', { base: '/app' }, 'https://Get.acme.example:8443/app/x'],
    ['both', { origin: 'http://public.example', base: '/app' }, 'http://public.example/app/x'],
  ])('a protocol is told the public address: %s', (_, more, publicUrl) => {
    const found = route(
      compileRules([rule(npm, { name: 'n', at: '/x/', to: 'https://npm.example', mode: 'proxy' })]),
      request('https://Get.acme.example:8443/x/left', more),
    );
    expect(found.context).toMatchObject({
      publicUrl,
      rule: 'n',
      mode: 'proxy',
      method: 'GET',
      upstream: { host: 'npm.example' },
    });
  });

  test.each([
    ['https://get.acme.example/v2/acme/app/manifests/1', 'acme-inc/app', 'oci', 'images', 'quay.io'],
    ['https://get.acme.example/v2/', '', 'oci', 'images', 'quay.io'],
    ['https://npm.acme.example/@acme%2fcli', '', 'npm', 'rules[1]', 'npm.example'],
  ])(
    'the place of %s is the name that the upstream knows, if it knows another: %j',
    (url, place, protocol, name, host) => {
      expect(route(ruleSet, request(url))).toMatchObject({
        place,
        protocol: { name: protocol },
        rule: { name },
        upstream: { host },
      });
    },
  );
});

describe('upstreams in the order of fallback', () => {
  const ruleSet = compileRules([
    rule(file, {
      match: '/:a',
      to: [
        'https://one.example/:a',
        { url: 'http://two.example/x/:a', auth: { token: 'x' } },
        'three.example',
      ],
    }),
  ]);
  test.each([
    [0, '302 https://one.example/a'],
    [1, 'relay http://two.example/x/a'],
    [2, '302 https://three.example/a'],
  ])('the upstream %i: %s', (number, shown) => {
    expect(show(route(ruleSet, request('https://a.example/a'), undefined, number).decision)).toBe(shown);
  });

  test.each([
    [file, '/a'],
    [npm, '/a'],
    [oci, '/v2/a/manifests/1'],
  ])('when all have failed, nothing is made up (%#)', (protocol, path) => {
    const two = compileRules([
      rule(protocol as typeof file, { to: ['https://one.example', 'https://two.example'] }),
    ]);
    for (const number of [2, 3])
      expect(show(route(two, request(`https://a.example${path}`), undefined, number).decision)).toBe('404');
  });
});

describe('a protocol of its own paths', () => {
  const rules = [
    rule(oci, { name: 'acme', host: 'get.acme.example', match: 'acme/*image', to: 'ghcr.io' }),
    rule(file, { name: 'file', host: 'get.acme.example', to: 'https://cdn.example' }),
    rule(oci, { name: 'any', match: 'any/*image', to: 'ghcr.io' }),
    rule(file, { name: 'other', to: 'https://cdn.example' }),
  ];
  test.each<[path: string, name: string | undefined, shown: RegExp]>([
    ['/v2/acme/app/tags/list', 'acme', /^rewrite/],
    ['/v2/any/app/tags/list', 'any', /^rewrite/],
    ['/v2/none/app/tags/list', undefined, /^404/],
    ['/v2/Acme/app/tags/list', undefined, /^404/],
    ['/v3/', 'file', /^302/],
  ])('%s follows %s', (path, name, shown) => {
    expect(ruleFor(rules, `https://get.acme.example${path}`)).toBe(name);
    expect(decideShown(rules, `https://get.acme.example${path}`)).toMatch(shown);
  });

  test('what nobody takes is refused in its form', () => {
    const ruleSet = compileRules([
      rules[0]!,
      rule(npm, { host: 'get.acme.example', at: '/npm', match: '@acme/*', to: 'https://npm.example' }),
    ]);
    const refused = (url: string) => refuseUnmatched(ruleSet, request(url));
    expect(refused('https://get.acme.example/v2/x/manifests/1').body).toContain('NAME_UNKNOWN');
    expect(refused('https://get.acme.example/npm/left')).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/json' },
    });
    expect(refused('https://get.acme.example/npm/a/b/c/d')).toMatchObject({
      status: 404,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    expect(refused('https://other.test/x').body).toBe('No rule has this address.\n');
  });
});

describe('requests for a whole mount', () => {
  const ping = 'https://a.example/-/ping';
  test('follow the rule without a pattern, whatever the order', () => {
    const some = [
      rule(npm, { match: '@acme/*', to: 'https://acme.example' }),
      rule(npm, { name: 'rest', to: 'https://rest.example' }),
    ];
    for (const order of [some, [...some].reverse()]) expect(ruleFor(order, ping)).toBe('rest');
  });

  test('follow the first rule when all have patterns', () => {
    const some = ['@acme/*', '@other/*'].map((match) =>
      rule(npm, { name: match, match, to: 'https://acme.example' }),
    );
    expect(ruleFor(some, ping)).toBe('@acme/*');
  });

  test('have no variables, so that those of a target are empty', () => {
    const template = rule(npm, {
      match: '@acme/:constructor',
      to: 'https://acme.example/:constructor?x=:constructor',
    });
    expect(decideShown([template], ping)).toBe('302 https://acme.example//-/ping?x=');
  });
});

test('a protocol may have no more than the interface demands', () => {
  // No rename, no purl, no locate: names stay, and `to` is the address of a mount.
  const bare = { ...file, name: 'bare', general: false };
  const { rename: _, purl: __, ...least } = bare;
  const rules = [rule<FileResource>(least, { at: '/x', match: '/:a', to: 'https://cdn.example/base/' })];
  expect(decideShown(rules, 'https://a.example/x/y?z=1')).toBe('302 https://cdn.example/base/y?z=1');
});
