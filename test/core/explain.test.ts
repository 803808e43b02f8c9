import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { explain } from '../../src/core/explain.ts';
import type { RequestDescriptor } from '../../src/core/request.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';

const chosen = 'It is the most specific rule that takes the request.';
const less = 'A more specific rule, or an earlier one that is as specific, takes the request.';
const alone = 'The path is one of the protocol oci alone.';
const unnamed = 'The request names nothing that a rule could match, and is answered here.';

const ruleSet = compileRules([
  rule(oci, {
    name: 'acme',
    host: ['get.acme.example', 'get.acme.example:8080'],
    match: 'acme/*image',
    to: 'ghcr.io',
  }),
  rule(oci, { name: 'images', host: '*.acme.example', to: 'ghcr.io' }),
  rule(file, { name: 'linux', host: 'get.acme.example', match: '/dl?os=linux', to: 'https://cdn.example' }),
  rule(file, { name: 'dl', match: '/:file', to: 'https://cdn.example' }),
  rule(npm, { name: 'npm', at: '/npm/', match: '@acme/*', to: 'https://npm.example' }),
]);

function ask(host: string, path: string, query?: string): RequestDescriptor {
  return { method: 'GET', scheme: 'https', host, path, query };
}

describe('every rule has a reason', () => {
  test.each<[title: string, request: RequestDescriptor, reasons: readonly string[]]>([
    [
      'for an image',
      ask('get.acme.example', '/v2/acme/app/manifests/1'),
      [chosen, less, alone, alone, 'It is mounted at /npm/.'],
    ],
    [
      'for an image of another name',
      ask('get.acme.example:8080', '/v2/other/manifests/1'),
      ['Its pattern acme/*image does not match other.', chosen, alone, alone, 'It is mounted at /npm/.'],
    ],
    [
      'for an image on another host',
      ask('x.acme.example', '/v2/acme/app/manifests/1'),
      [
        "Its host is get.acme.example, get.acme.example:8080, the request's x.acme.example.",
        chosen,
        "Its host is get.acme.example, the request's x.acme.example.",
        alone,
        'It is mounted',
      ],
    ],
    [
      'for a file',
      ask('GET.acme.example.', '/dl', 'os=mac'),
      [
        'The path is none of the protocol oci.',
        'The path is none of the protocol oci.',
        'Its pattern /dl?os=linux does not match /dl?os=mac.',
        chosen,
        'It is mounted',
      ],
    ],
    [
      'for a package',
      ask('other.test', '/npm/left'),
      [
        'Its host is',
        "Its host is *.acme.example, the request's other.test.",
        'Its host is',
        'Its pattern /:file does not match /npm/left.',
        'Its pattern @acme/* does not match left.',
      ],
    ],
    [
      'for the root of a registry',
      ask('other.test', '/npm/'),
      ['Its host', 'Its host', 'Its host', 'Its pattern /:file', 'Its pattern @acme/* does not match /npm/.'],
    ],
    [
      'for a service of a registry',
      ask('other.test', '/npm/-/ping'),
      ['Its host', 'Its host', 'Its host', 'Its pattern', chosen],
    ],
    ['for a ping', ask('get.acme.example', '/v2/'), [unnamed, unnamed, alone, alone, 'It is mounted']],
    [
      'for the parent of a host',
      ask('acme.example', '/x'),
      ['Its host', 'Its host is *.acme.example', 'Its host', chosen, 'It is mounted'],
    ],
    [
      'for a request that is none',
      ask('get.acme.example', '/a/../b'),
      Array.from({ length: 5 }, () => 'The request is not valid.'),
    ],
  ])('%s', (_, request, reasons) => {
    const { decision, considered } = explain(ruleSet, request);
    expect(decision).toEqual(decide(ruleSet, request));
    expect(considered.map(({ rule: name }) => name)).toEqual(['acme', 'images', 'linux', 'dl', 'npm']);
    considered.forEach(({ reason }, index) => {
      expect(reason).toContain(reasons[index]);
      expect(reason).toMatch(/^[A-Z].*\.$/);
    });
    // The rule that is said to be chosen is the one that the decision names.
    const named = decision.type === 'pass' || decision.rule === undefined ? [] : [decision.rule];
    expect(considered.filter((each) => each.chosen).map(({ rule: name }) => name)).toEqual(named);
  });
});

test('of two rules that are the same, the second is said to come later', () => {
  const two = compileRules([
    rule(npm, { name: '1', to: 'https://npm.example' }),
    rule(npm, { name: '2', to: 'https://npm.example' }),
  ]);
  expect(explain(two, ask('a.example', '/left')).considered.map(({ reason }) => reason)).toEqual([
    chosen,
    less,
  ]);
  expect(explain(two, ask('a.example', '/-/ping')).considered.map(({ reason }) => reason)).toEqual([
    chosen,
    less,
  ]);
});
