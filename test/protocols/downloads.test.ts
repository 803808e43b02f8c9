import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { formatIssue, isRuleError } from '../../src/core/errors.ts';
import type { CarriedAnswer, Neighbour } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { downloads } from '../../src/protocols/downloads.ts';
import { file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { contextOf, noTools, testProtocol } from './test-protocol.ts';

testProtocol(downloads, [
  { title: 'the page', path: '/', resource: { type: 'page' } },
  { title: 'the page by HEAD', method: 'HEAD', path: '/', resource: { type: 'page' } },
  { title: 'HTML', path: '/index.html', resource: { type: 'page', form: 'html' } },
  { title: 'JSON', path: '/index.json', resource: { type: 'page', form: 'json' } },
  {
    title: 'a query, which changes nothing',
    path: '/',
    query: 'a',
    canonical: '/',
    resource: { type: 'page' },
  },
  { title: 'a form', method: 'POST', path: '/', resource: undefined },
  { title: 'anything else', path: '/x', resource: undefined },
  { title: 'another form', path: '/index.xml', resource: undefined },
  { title: 'nothing', path: '', resource: undefined },
]);

const items = [
  {
    title: 'Acme CLI',
    version: '1.2.0',
    platforms: ['Linux x86-64', 'Linux arm64'],
    file: '/cli/1.2.0/acme-linux.tar.gz',
    sha256: 'ab'.repeat(32),
    install: 'curl -fsSL https://get.acme.example/install.sh | sh',
    rule: 'cli',
  },
  {
    title: 'Acme for Mac',
    platforms: ['macOS'],
    url: 'https://apps.example/acme',
    description: 'From the shop.',
  },
  { title: 'Acme for Windows', platforms: ['Windows'], file: '/acme.msi' },
];

const neighbour: Neighbour = {
  rule: 'cli',
  protocol: 'file',
  publicUrl: 'https://get.acme.example/files',
  match: ['/cli/:version'],
  notice: 'It moves on 1 March.',
  usage: "curl -fLO 'https://get.acme.example/files/cli/<version>'",
  options: { secret: 'not shown' },
};

const context = { ...contextOf('auto', undefined), publicUrl: 'https://get.acme.example/downloads' };

async function show(
  options: Readonly<Record<string, unknown>>,
  more: { readonly accept?: string; readonly userAgent?: string; readonly form?: 'html' | 'json' } = {},
  neighbours: readonly Neighbour[] = [neighbour, { ...neighbour, rule: 'rule', protocol: 'downloads' }],
): Promise<CarriedAnswer> {
  const { form, ...said } = more;
  const resource = { type: 'page', ...(form && { form }) } as const;
  const answer = await downloads.carry?.(
    resource,
    { ...context, ...said, options },
    { ...noTools, neighbours },
  );
  if (!answer || 'url' in answer) throw new Error('no answer');
  return answer;
}

async function listOf(...args: Parameters<typeof show>) {
  return JSON.parse((await show(args[0], { ...args[1], form: 'json' }, args[2])).body);
}

describe('the page as data', () => {
  test('has the files with their addresses, and the rules of the host besides itself', async () => {
    expect(await listOf({ title: 'Acme', description: 'All of it.', items })).toEqual({
      title: 'Acme',
      description: 'All of it.',
      items: [
        {
          title: 'Acme CLI',
          version: '1.2.0',
          platforms: ['Linux x86-64', 'Linux arm64'],
          suggested: false,
          url: 'https://get.acme.example/cli/1.2.0/acme-linux.tar.gz',
          sha256: 'ab'.repeat(32),
          install: 'curl -fsSL https://get.acme.example/install.sh | sh',
          notice: 'It moves on 1 March.',
        },
        {
          title: 'Acme for Mac',
          description: 'From the shop.',
          platforms: ['macOS'],
          suggested: false,
          url: 'https://apps.example/acme',
        },
        {
          title: 'Acme for Windows',
          platforms: ['Windows'],
          suggested: false,
          url: 'https://get.acme.example/acme.msi',
        },
      ],
      rules: [
        {
          rule: 'cli',
          protocol: 'file',
          url: 'https://get.acme.example/files',
          match: ['/cli/:version'],
          usage: "curl -fLO 'https://get.acme.example/files/cli/<version>'",
          notice: 'It moves on 1 March.',
        },
      ],
    });
  });

  test('has a title and nothing else by itself', async () => {
    expect(await listOf({}, {}, [])).toEqual({ title: 'Downloads', items: [], rules: [] });
  });

  test.each([
    [
      ['b', 'a'],
      ['b', 'a'],
    ],
    [['a', 'none'], ['a']],
    [[], []],
    [undefined, ['a', 'b']],
  ])('has the rules %j that it names, in their order', async (rules, expected) => {
    const others = ['a', 'b'].map((name) => ({ ...neighbour, rule: name }));
    const list = await listOf({ ...(rules && { rules }) }, {}, others);
    expect(list.rules.map((each: { rule: string }) => each.rule)).toEqual(expected);
  });
});

describe('a file for the client’s system comes first', () => {
  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Acme CLI'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15', 'Acme for Mac'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140 Safari/537.36',
      'Acme for Windows',
    ],
    ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140 Mobile', undefined],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', undefined],
    ['curl/8.0', undefined],
    [undefined, undefined],
  ])('%s', async (userAgent, expected) => {
    const list = await listOf({ items }, userAgent === undefined ? {} : { userAgent });
    const suggested = list.items.filter((item: { suggested: boolean }) => item.suggested);
    expect(suggested.map((item: { title: string }) => item.title)).toEqual(expected ? [expected] : []);
    // None is hidden.
    expect(list.items).toHaveLength(3);
    if (expected) expect(list.items[0].title).toBe(expected);
  });
});

describe('what a client reads decides on the form', () => {
  test.each([
    [undefined, 'text/html'],
    ['', 'text/html'],
    ['*/*', 'text/html'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html'],
    ['application/json', 'application/json'],
    ['application/json, */*', 'application/json'],
    ['text/html;q=0.5, application/json', 'application/json'],
    ['text/html, application/json;q=0.9', 'text/html'],
    ['APPLICATION/JSON; q=1', 'application/json'],
    ['image/png', 'text/html'],
    ['application/json;q=nothing', 'application/json'],
    ['application/json;q=., text/html', 'text/html'],
  ])('%s', async (accept, expected) => {
    const answer = await show({}, accept === undefined ? {} : { accept });
    expect(answer.headers['content-type']).toMatch(`${expected}`);
    expect(answer.headers).toMatchObject({ vary: 'accept, user-agent', 'cache-control': 'no-cache' });
  });

  test('unless the address says it', async () => {
    const html = await show({}, { form: 'html', accept: 'application/json' });
    expect(html.headers['content-type']).toMatch(/^text\/html/);
  });
});

describe('the page as HTML', () => {
  const HOSTILE = `"><script>alert(1)</script><a href='x'>&amp;`;

  test('lets no text of a rule be anything but text', async () => {
    const item = {
      title: HOSTILE,
      version: HOSTILE,
      platforms: [HOSTILE],
      description: HOSTILE,
      file: '/"onclick="x',
      install: HOSTILE,
      sha256: HOSTILE,
      rule: 'x',
    };
    const all = {
      ...neighbour,
      rule: 'x',
      protocol: HOSTILE,
      publicUrl: `https://${HOSTILE}`,
      usage: HOSTILE,
    };
    const { body } = await show({ title: HOSTILE, description: HOSTILE, items: [item] }, {}, [
      { ...all, notice: HOSTILE },
    ]);
    expect(body).not.toMatch(/<script|<a href='|"onclick=|&amp;/);
    const names = new Set([...body.matchAll(/<\/?([a-z\d]+)/g)].map(([, name]) => name));
    expect([...names].sort()).toEqual(
      [
        'a',
        'body',
        'code',
        'div',
        'h1',
        'h2',
        'h3',
        'head',
        'html',
        'li',
        'main',
        'meta',
        'p',
        'pre',
        'section',
      ]
        .concat(['span', 'style', 'title', 'ul'])
        .sort(),
    );
  });

  test('may have its own style, and nothing of anywhere else', async () => {
    const { body, headers } = await show({ items });
    const style = /<style>([^<]*)<\/style>/.exec(body)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(body).not.toMatch(/<script|<link|<img|style=|url\(|@import/);
    expect(body.length).toBeLessThan(8000);
  });

  test('has what a reader needs to find its way', async () => {
    const { body } = await show({ title: 'Acme', items }, { userAgent: 'Windows' });
    expect(body).toContain('<html lang="en">');
    expect(body).toContain('<h1>Acme</h1>');
    expect(body).toContain('aria-label="Download Acme CLI 1.2.0, Linux x86-64, Linux arm64">Download</a>');
    expect(body).toContain('<pre tabindex="0" aria-label="Command"><code>curl -fsSL https://');
    expect(body.match(/for your system/g)).toHaveLength(1);
    const ids = [...body.matchAll(/ id="([a-z]+)"/g)].map(([, id]) => id);
    expect([...body.matchAll(/aria-labelledby="([a-z]+)"/g)].map(([, id]) => id)).toEqual(ids);
  });

  test('leaves out what there is none of', async () => {
    const { body } = await show({}, {}, []);
    expect(body).not.toMatch(/<section|undefined/);
    expect((await show({ items: [{ title: 'A' }] }, {}, [])).body).not.toMatch(/undefined|<a /);
  });
});

describe('the page of a gateway', () => {
  const rules = [
    rule(downloads, { at: '/downloads/', options: { title: 'Acme', items } }),
    rule(file, { name: 'cli', match: '/cli/:version', to: 'cdn.example', notice: 'It moves.' }),
    rule(oci, { name: 'images', match: 'acme/*image', to: 'ghcr.io' }),
    rule(file, { name: 'others', host: 'other.example', to: 'cdn.example' }),
  ];

  test('lists what its host has', async () => {
    const { origin } = await serve(rules);
    const { status, body } = await ask(origin, '/downloads/index.json');
    expect(status).toBe(200);
    const list = JSON.parse(body);
    expect(list.rules).toMatchObject([
      { rule: 'cli', protocol: 'file', url: origin, notice: 'It moves.' },
      { rule: 'images', protocol: 'oci', usage: expect.stringContaining('acme/<image>') },
    ]);
    expect(list.items[0].url).toBe(`${origin}/cli/1.2.0/acme-linux.tar.gz`);
  });

  test('is not sent again to who has it, and has no body for HEAD', async () => {
    const { origin } = await serve(rules);
    const page = await ask(origin, '/downloads/');
    const etag = page.headers.etag ?? '';
    expect(etag).toMatch(/^"[\w+/]{27}"$/);
    for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await ask(origin, '/downloads/', { headers: { 'if-none-match': condition } });
      expect(again).toMatchObject({ status: 304, body: '', headers: { etag, vary: 'accept, user-agent' } });
      expect(again.headers).not.toHaveProperty('content-type');
    }
    const changed = await ask(origin, '/downloads/', { headers: { 'if-none-match': '"x", y' } });
    expect(changed).toMatchObject({ status: 200, body: page.body });
    const head = await ask(origin, '/downloads/', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '', headers: { etag } });
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(page.body)));
    const other = await ask(origin, '/downloads/', { headers: { 'user-agent': 'Windows' } });
    expect(other.headers.etag).not.toBe(etag);
  });

  test('is read, and nothing else', async () => {
    const { origin } = await serve(rules);
    expect(await ask(origin, '/downloads/', { method: 'POST' })).toMatchObject({ status: 404 });
    expect(await ask(origin, '/downloads/x')).toMatchObject({ status: 404 });
  });
});

describe('a mistake is told with its place', () => {
  test.each([
    ['title: 5', '5:14 invalid_value: Write text in one line; put numbers in quotes.'],
    [
      'items: [{ file: /a }]',
      '5:15 missing_key: The option `title` is missing; write text in one line; put numbers in quotes.',
    ],
    [
      'items: [{ title: A, version: 1.2 }]',
      '5:36 invalid_value: Write text in one line; put numbers in quotes.',
    ],
    ['items: [{ title: A, file: a.zip }]', '5:33 invalid_value: Write a path that starts with a slash.'],
    [
      'items: [{ title: A, url: "javascript:x" }]',
      '5:32 invalid_value: Write an address with its scheme, such as `https://acme.example/cli`.',
    ],
    [
      'items: [{ title: A, sha256: abc }]',
      '5:35 invalid_value: Write the 64 hexadecimal digits of its SHA-256.',
    ],
    [
      'items: [{ title: A, platform: x }]',
      '5:27 unknown_key: There is no option `platform`; did you mean `platforms`?',
    ],
  ])('%s', (option, expected) => {
    const text = `rules:\n  - protocol: downloads\n    name: page\n    options:\n      ${option}\n`;
    try {
      parseRules(text, { file: 'turnout.yaml' });
      expect.unreachable();
    } catch (error) {
      if (!isRuleError(error)) throw error;
      const told = error.issues.map(formatIssue);
      expect(told).toHaveLength(1);
      expect(told[0]?.replace(/^\S+ /, '')).toBe(expected.replace(/^\S+ /, ''));
      expect(told[0]).toMatch(/^turnout\.yaml:5:\d+ /);
    }
  });

  test('and so is an address', () => {
    const { warnings } = parseRules('rules:\n  - protocol: downloads\n    to: https://x.example\n', {
      file: 'turnout.yaml',
    });
    expect(warnings.map(({ message }) => message)).toEqual([
      'A page of downloads leads nowhere; leave `to` out.',
    ]);
  });
});
