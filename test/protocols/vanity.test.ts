import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type VanityPage, vanity } from '../../src/protocols/vanity.ts';
import { contextOf, type ProtocolCase, parsePurl, showDelivery, testProtocol } from './test-protocol.ts';

const page = (
  title: string,
  path: string,
  module: string,
  rest = '',
  canonical = path,
): ProtocolCase<VanityPage> => ({ title, path, canonical, resource: { type: 'page', module, path: rest } });
const imported = (
  title: string,
  path: string,
  query: string,
  module: string,
  rest = '',
): ProtocolCase<VanityPage> => ({
  title,
  path,
  query,
  canonical: `/${module}${rest}?go-get=1`,
  resource: { type: 'import', module, path: rest },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<VanityPage> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(vanity, [
  imported('a module, as go asks', '/cli', 'go-get=1', 'cli'),
  imported('a package, as go asks', '/cli/cmd/acme', 'go-get=1', 'cli', '/cmd/acme'),
  imported('a second major version', '/cli/v2', 'go-get=1', 'cli', '/v2'),
  imported('a package with a dot', '/x.y/yaml.v3', 'go-get=1', 'x.y', '/yaml.v3'),
  imported('a package with more in the query', '/cli', 'a=b&go-get=1', 'cli'),
  page('a module in a browser', '/cli', 'cli'),
  page('a module with a slash behind', '/cli/', 'cli', '', '/cli'),
  page('a package in a browser', '/cli/cmd', 'cli', '/cmd'),
  page('capitals', '/CLI', 'CLI'),
  {
    title: 'a query that go does not send',
    path: '/cli',
    query: 'go-get=0&tab=doc',
    canonical: '/cli',
    resource: { type: 'page', module: 'cli', path: '' },
  },
  none('the root', '/'),
  none('two slashes', '//cli'),
  none('two slashes in a package', '/cli//cmd'),
  none('a name that starts with a dot', '/.cli'),
  none('a name that ends with a dot', '/cli./cmd'),
  none('a package that starts with a dot', '/cli/.git'),
  none('an escape', '/c%6ci'),
  none('a version', '/cli@v1.0.0'),
  none('markup', '/<b>'),
  none('something that is posted', '/cli', 'POST'),
  none('no path', ''),
]);

const go = 'go-get=1';

/** What is answered at `https://go.acme.example`: the status, and what of it counts. */
function answer(config: RuleConfig, path: string, query?: string): string {
  const ruleSet = compileRules([rule(vanity, { host: 'go.acme.example', ...config })]);
  const decision = decide(ruleSet, { method: 'GET', scheme: 'https', host: 'go.acme.example', path, query });
  if (decision.type !== 'respond') return decision.type;
  const meta = [...decision.body.matchAll(/<meta name="go-import" content="(.*)">/g)].map(
    ([, content]) => content,
  );
  return [decision.status, decision.headers.location, ...meta].filter(Boolean).join(' ');
}

describe('what go is told', () => {
  test.each<[title: string, config: RuleConfig, path: string, told: string]>([
    [
      'every module below one place',
      { to: 'https://github.com/acme-inc' },
      '/cli',
      '200 go.acme.example/cli git https://github.com/acme-inc/cli',
    ],
    [
      'a package, the repository is that of its module',
      { to: 'github.com/acme-inc' },
      '/cli/cmd/acme',
      '200 go.acme.example/cli git https://github.com/acme-inc/cli',
    ],
    [
      'a module under another name',
      { match: 'cli', to: 'github.com/acme-inc/cmdline' },
      '/cli/v2',
      '200 go.acme.example/cli git https://github.com/acme-inc/cmdline',
    ],
    [
      'modules by a template',
      { match: ':name', to: 'https://git.example/go-:name.git' },
      '/cli',
      '200 go.acme.example/cli git https://git.example/go-cli.git',
    ],
    [
      'a module below a path',
      { at: '/tools/', to: 'github.com/acme-inc' },
      '/tools/cli/cmd',
      '200 go.acme.example/tools/cli git https://github.com/acme-inc/cli',
    ],
    [
      'another version control system',
      { to: 'https://hg.example/?vcs=hg' },
      '/cli',
      '200 go.acme.example/cli hg https://hg.example/cli',
    ],
    [
      'a module proxy',
      { to: 'https://goproxy.example?vcs=mod' },
      '/cli/cmd',
      '200 go.acme.example/cli mod https://goproxy.example',
    ],
    [
      'a module proxy below a path',
      { match: 'cli', to: 'https://a.example/go?vcs=mod' },
      '/cli',
      '200 go.acme.example/cli mod https://a.example/go',
    ],
    ['what go does not know', { to: 'https://a.example?vcs=cvs' }, '/cli', '500'],
    ['a module that no rule has', { match: 'cli', to: 'https://a.example' }, '/other', 'pass'],
  ])('of %s', (_, config, path, told) => {
    expect(answer(config, path, go)).toBe(told);
  });
});

describe('where a browser is led', () => {
  test.each<[to: string, path: string, place: string]>([
    ['github.com/acme-inc', '/cli', 'https://pkg.go.dev/go.acme.example/cli'],
    ['github.com/acme-inc', '/cli/cmd/', 'https://pkg.go.dev/go.acme.example/cli/cmd'],
    ['github.com/acme-inc?docs=docs.acme.example/go', '/cli/cmd', 'https://docs.acme.example/go'],
    ['github.com/acme-inc?docs=docs.acme.example/', '/cli', 'https://docs.acme.example/go.acme.example/cli'],
    ['a.example?vcs=mod', '/cli', 'https://pkg.go.dev/go.acme.example/cli'],
  ])('with %s, from %s: %s', (to, path, place) => {
    expect(answer({ to }, path)).toBe(`302 ${place}`);
  });

  test('by variables of the pattern', () => {
    const to = 'github.com/acme-inc/:name?docs=github.com/acme-inc/:name';
    expect(answer({ match: ':name', to }, '/cli/cmd')).toBe('302 https://github.com/acme-inc/cli');
  });

  test('in every mode, since no bytes of a repository are here', () => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const { answer: made, ...delivery } = vanity.deliver(
        { type: 'page', module: 'cli', path: '' },
        contextOf(mode, undefined),
      ) as { type: string; answer: () => unknown };
      expect(delivery).toEqual({ type: 'refer' });
      expect(made).toBeTypeOf('function');
    }
    const delivery = vanity.deliver(
      { type: 'import', module: 'cli', path: '' },
      contextOf('auto', undefined),
    );
    expect(showDelivery(delivery)).toBe('200 answered');
  });
});

test('the page is whole, and nothing in it is markup of a rule', () => {
  const context = { ...contextOf('auto', undefined), publicUrl: 'https://go.acme.example' };
  const delivery = vanity.deliver({ type: 'import', module: 'cli', path: '/cmd' }, context);
  expect(
    delivery.type === 'refer' && delivery.answer(`https://a.example/"<x>'&amp;`).body,
  ).toBe(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="go-import" content="go.acme.example/cli git https://a.example/&#34;&#60;x&#62;&#39;&#38;amp;">
<title>go.acme.example/cli/cmd</title>
</head>
<body>
<p><a href="https://pkg.go.dev/go.acme.example/cli/cmd">go.acme.example/cli/cmd</a></p>
</body>
</html>
`);
});

test('a package URL is that of the module', () => {
  const purl = vanity.purl?.({ type: 'page', module: 'CLI', path: '/cmd' }, 'https://go.acme.example:8443/x');
  expect(purl).toBe('pkg:golang/go.acme.example%3A8443/x/cli');
  expect(parsePurl(purl ?? '').name).toBe('go.acme.example:8443/x/cli');
});
