import { describe, expect, test } from 'vitest';

import { CALM } from '../../src/core/choice.ts';
import { type DiffSide, diffRules } from '../../src/rules/diff.ts';
import { readDocument } from '../../src/rules/document.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { RuleFile } from '../../src/rules/rule-file.ts';

const env = { TOKEN: 'planted-secret-1' };

function side(text: string): DiffSide {
  const { rules, networks } = readDocument(text, 'x').data as RuleFile;
  return { ruleSet: parseRules(text, { file: 'x', env }), entries: rules, networks };
}

function diff(before: string, after: string) {
  return diffRules(side(before), side(after), { circumstances: CALM });
}

const file = (name: string, to: string, more = '') =>
  `  - { name: ${name}, host: get.acme.dev, protocol: file, match: '/${name}/:version', to: ${to}${more} }\n`;

describe('rules', () => {
  test.each<[title: string, before: string, after: string, expected: object]>([
    [
      'came, went and changed',
      `rules:\n${file('a', 'a.example')}${file('b', 'b.example')}`,
      `rules:\n${file('c', 'c.example')}${file('b', 'x.example', ', status: 307')}`,
      {
        added: ['c'],
        removed: ['a'],
        changed: [
          {
            rule: 'b',
            keys: [
              { key: 'to', before: 'b.example', after: 'x.example' },
              { key: 'status', before: undefined, after: 307 },
            ],
          },
        ],
      },
    ],
    [
      'got another name',
      `rules:\n${file('a', 'a.example')}`,
      `rules:\n${file('a', 'a.example').replace('name: a', 'name: z')}`,
      { added: [], removed: [], changed: [{ rule: 'z', keys: [{ key: 'name', before: 'a', after: 'z' }] }] },
    ],
    [
      'without names moved',
      'rules:\n  - { protocol: oci, to: a.example }\n',
      'rules:\n  - { protocol: npm, to: n.example }\n  - { to: b.example, protocol: oci }\n',
      {
        added: ['rules[0]'],
        removed: [],
        changed: [{ rule: 'rules[1]', keys: [{ key: 'to', before: 'a.example', after: 'b.example' }] }],
      },
    ],
    [
      'are written in another order',
      'rules:\n  - { protocol: oci, to: { url: a.example, weight: 1 } }\n',
      'rules:\n  - { to: { weight: 1, url: a.example }, protocol: oci }\n',
      { added: [], removed: [], changed: [] },
    ],
    [
      'got another credential, of which nothing is told',
      'rules:\n  - { name: a, protocol: npm, to: [{ url: a.example, auth: { token: one-1 } }], auth: client }\n',
      "rules:\n  - { name: a, protocol: npm, to: [{ url: a.example, auth: { token: '${TOKEN}' } }], auth: { token: two-2 } }\n",
      {
        changed: [
          {
            rule: 'a',
            keys: [
              {
                key: 'to',
                before: [{ url: 'a.example', auth: '…' }],
                after: [{ url: 'a.example', auth: '…' }],
              },
              { key: 'auth', before: 'client', after: '…' },
            ],
          },
        ],
      },
    ],
  ])('that %s', (_, before, after, expected) => {
    const { rules } = diff(before, after);
    expect(rules).toMatchObject(expected);
    expect(JSON.stringify(rules)).not.toMatch(/planted-secret|one-1|two-2/);
  });

  test('lists of networks that changed are named', () => {
    const text = (network: string) =>
      `networks: { office: [${network}], home: [::1] }\nrules:\n${file('a', 'a.example')}`;
    expect(diff(text('10.0.0.0/8'), text('10.0.0.0/9')).networks).toEqual(['office']);
  });
});

describe('hosts', () => {
  const rule = (more: string) => `rules:\n  - { name: i, host: get.acme.dev, protocol: oci, ${more} }\n`;

  test.each<[title: string, after: string, reached: readonly string[], fetched: readonly string[]]>([
    [
      'that clients are sent to',
      rule('to: quay.io'),
      ['quay.io', expect.stringContaining('quay.io')],
      ['quay.io'],
    ],
    ['that only the gateway asks', rule('to: quay.io, mode: proxy'), [], ['quay.io']],
    [
      'that an upstream may lead to',
      rule("to: { url: r.example, allow: ['10.0.0.1:80'] }"),
      ['r.example'],
      ['r.example', '10.0.0.1:80'],
    ],
    ['that want a credential', rule("to: r.example, auth: { token: '${TOKEN}' }"), [], ['r.example']],
    [
      'that clients are sent to regardless',
      rule("to: r.example, mode: redirect, auth: { token: '${TOKEN}' }"),
      ['r.example'],
      ['r.example'],
    ],
  ])('%s', (_, after, reached, fetched) => {
    const found = diff(rule('to: ghcr.io'), after);
    const names = (list: readonly { readonly host: string }[]) => list.map(({ host }) => host);
    expect(names(found.reached.added).slice(0, 2)).toEqual(reached);
    expect(names(found.reached.removed)).toContain('ghcr.io');
    expect(names(found.fetched.added)).toEqual(fetched);
    expect(found.fetched.removed).toEqual([{ host: 'ghcr.io', rules: ['i'] }]);
    expect(found.asked).toEqual({ added: [], removed: [] });
  });

  test('that clients ask', () => {
    const { asked } = diff(rule('to: a.example'), rule('to: a.example').replace('get.', 'dl.'));
    expect(asked).toEqual({
      added: [{ host: 'dl.acme.dev', rules: ['i'] }],
      removed: [{ host: 'get.acme.dev', rules: ['i'] }],
    });
  });

  test('that the options of a rule name', () => {
    const link = (to: string) =>
      `rules:\n  - { name: l, host: get.acme.dev, protocol: link, options: { links: { docs: '${to}' } } }\n`;
    expect(diff(link('https://a.example/'), link('https://b.example/')).reached).toEqual({
      added: [{ host: 'b.example', rules: ['l'] }],
      removed: [{ host: 'a.example', rules: ['l'] }],
    });
  });

  test('that several rules lead to are told once', () => {
    const before = `rules:\n${file('a', 'a.example')}${file('b', 'a.example')}`;
    const after = `rules:\n${file('a', 'b.example')}${file('b', 'b.example')}`;
    expect(diff(before, after).reached.added).toEqual([{ host: 'b.example', rules: ['a', 'b'] }]);
  });
});

describe('what leads elsewhere', () => {
  const rule = (to: string) =>
    `rules:\n  - { name: a, host: [a.example, '*.b.example'], at: /d/, protocol: file, match: ['/x/:v', '/y?os=:os'], to: ${to} }\n`;

  test('is told by an example of each pattern, on each host', () => {
    const { decisions } = diff(rule('one.example'), rule('two.example'));
    expect(decisions.map(({ request }) => request)).toEqual([
      'GET https://a.example/d/x/example',
      'GET https://a.example/d/y?os=example',
      'GET https://any.b.example/d/x/example',
      'GET https://any.b.example/d/y?os=example',
    ]);
    expect(decisions[0]).toMatchObject({
      before: { type: 'redirect', host: 'one.example', rule: 'a' },
      after: { type: 'redirect', host: 'two.example', address: 'https://two.example/x/example' },
    });
  });

  test('is nothing between a file and itself', () => {
    expect(diff(rule('one.example'), rule('one.example'))).toEqual({
      rules: { added: [], removed: [], changed: [] },
      networks: [],
      asked: { added: [], removed: [] },
      reached: { added: [], removed: [] },
      fetched: { added: [], removed: [] },
      decisions: [],
    });
  });

  test('counts for names too, where it is known how clients ask', () => {
    const text = (to: string) => `rules:\n  - { name: i, protocol: oci, match: 'acme/*image', to: ${to} }\n`;
    const requestsFor = (_: unknown, name: string) => [`/v2/${name}/manifests/1`];
    const found = diffRules(side(text('a.example')), side(text('b.example')), {
      circumstances: CALM,
      requestsFor,
    });
    expect(found.decisions).toMatchObject([
      { request: 'GET https://any.example/v2/acme/example/manifests/1' },
    ]);
    expect(diff(text('a.example'), text('b.example')).decisions).toEqual([]);
  });

  test('counts for rules that went', () => {
    const before = `rules:\n${file('a', 'a.example')}${file('b', 'b.example')}`;
    expect(diff(before, `rules:\n${file('a', 'a.example')}`).decisions).toMatchObject([
      {
        request: 'GET https://get.acme.dev/b/example',
        before: { type: 'redirect' },
        after: { type: 'pass' },
      },
    ]);
  });
});
