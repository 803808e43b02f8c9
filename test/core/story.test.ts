import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { explain } from '../../src/core/explain.ts';
import { explainChoice } from '../../src/core/explain-choice.ts';
import type { Protocol } from '../../src/core/protocol.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { tellStory } from '../../src/core/story.ts';
import { apt } from '../../src/protocols/apt.ts';
import { downloads } from '../../src/protocols/downloads.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';

const secret = 'planted-secret-1';

function tell(one: Rule, path: string, more: object = {}) {
  const ruleSet = compileRules([one]);
  const request = { method: 'GET', scheme: 'https', host: 'get.acme.example', path, ...more } as const;
  const story = tellStory(ruleSet, request);
  expect(story.decision).toEqual(decide(ruleSet, request));
  expect(story).toMatchObject(explain(ruleSet, request));
  expect(JSON.stringify(story)).not.toContain(secret);
  for (const sentence of [...story.delivery, ...story.credential]) expect(sentence).toMatch(/^[A-Z`].*\.$/s);
  return story;
}

const files = (config: object = {}) => rule(file, { to: 'https://cdn.example', ...config });
const images = (config: object = {}) => rule(oci, { to: 'https://registry.example', ...config });

describe('why it is delivered so', () => {
  test.each<[title: string, one: Rule, path: string, more: object, expected: RegExp]>([
    ['a redirect', files(), '/a', {}, /^Clients follow a redirect of `file` of file, /],
    [
      'a redirect with a status of its own',
      files({ status: 307 }),
      '/a',
      {},
      /The rule sets the status 307\.$/,
    ],
    ['mode: proxy', files({ mode: 'proxy' }), '/a', {}, /but the rule has `mode: proxy`\.$/],
    ['a credential', files({ auth: { token: secret } }), '/a', {}, /but the upstream wants a credential, /],
    [
      'https to http',
      files({ to: 'http://cdn.example' }),
      '/a',
      {},
      /but the client asked over https and the upstream is http, /,
    ],
    ['an answer', files(), '/a', { method: 'PUT' }, /^The answer to `\w+` of file is made here, /],
    [
      'a document for redirects only',
      images(),
      '/v2/acme/app/manifests/1',
      {},
      /^The gateway fetches `manifest` of oci\. With `mode: redirect` it would/,
    ],
    [
      'a document of everybody',
      rule(npm, { to: 'https://npm.example' }),
      '/left',
      {},
      /In no mode is it redirected: /,
    ],
    ['a method', rule(npm, { to: 'https://npm.example' }), '/left', { method: 'PUT' }, /./],
  ])('%s', (_, one, path, more, expected) => {
    expect(tell(one, path, more).delivery.join(' ')).toMatch(expected);
  });

  test.each<[title: string, deliver: Protocol['deliver'], config: object, expected: RegExp]>([
    [
      'a document that names the address',
      () => ({ type: 'refer', answer: (target) => ({ status: 200, headers: {}, body: target }) }),
      {},
      /is a document made here, which names the address at the upstream\.$/,
    ],
    [
      'an address of the options',
      () => ({ type: 'redirect', status: 302, to: 'https://acme.example/' }),
      { mode: 'proxy' },
      /^The options of the rule say where /,
    ],
    [
      'a protocol that keeps to the mode',
      (_, { mode }) =>
        mode === 'proxy' ? { type: 'proxy', delivery: 'stream' } : { type: 'redirect', status: 302 },
      { mode: 'proxy' },
      /It would be redirected without `mode: proxy`\.$/,
    ],
    [
      'a protocol that minds the credential',
      (_, { upstream }) =>
        upstream?.authenticated ? { type: 'proxy', delivery: 'stream' } : { type: 'redirect', status: 302 },
      { auth: { token: secret } },
      /Without the credential that the upstream wants, it would be redirected\.$/,
    ],
    ['a request of its own', () => ({ type: 'carry' }), {}, /^The gateway makes the answer for /],
    [
      'an address that lacks a variable',
      () => ({ type: 'redirect', status: 302 }),
      { to: 'https://cdn.example/:tag' },
      /^The address of the upstream cannot be written for this request\.$/,
    ],
  ])('%s', (_, deliver, config, expected) => {
    const stub: Protocol = { ...(file as Protocol), variables: ['tag'], values: () => ({}), deliver };
    expect(tell(rule(stub, { to: 'https://cdn.example', ...config }), '/a').delivery.join(' ')).toMatch(
      expected,
    );
  });

  test('no upstream is for the request', () => {
    const one = files({ to: [{ url: 'https://cdn.example', when: { networks: ['10.0.0.0/8'] } }] });
    const { delivery, choice } = tell(one, '/a');
    expect(delivery).toEqual(['The rule has no upstream for this request.']);
    expect(choice?.upstreams).toMatchObject([
      {
        turn: undefined,
        reason: 'It is for clients of some networks, and the address of this one is not known.',
      },
    ]);
  });
});

describe('who proves what to whom', () => {
  test.each<[title: string, one: Rule, path: string, more: object, expected: RegExp]>([
    ['nobody needs to', files(), '/a', {}, /^$/],
    [
      'the rule, at once',
      files({ auth: { token: secret } }),
      '/a',
      {},
      /proves itself at https:\/\/cdn\.example with the credential of the rule, with the first request\.$/,
    ],
    [
      'the rule, when asked',
      images({ auth: { username: 'x', password: secret } }),
      '/v2/acme/app/manifests/1',
      {},
      /the token server \(realm\) and for the scope that the upstream names for `acme\/app`\.$/,
    ],
    [
      'anybody, by the gateway',
      images(),
      '/v2/acme/app/manifests/1',
      {},
      /^If https:\/\/registry\.example wants a token, the gateway fetches one for anybody for `acme\/app`, /,
    ],
    [
      'anybody, by the client',
      images({ mode: 'redirect' }),
      '/v2/acme/app/manifests/1',
      {},
      /^At registry\.example the client itself asks for a token/,
    ],
    [
      'the client, at the ping',
      images({ auth: 'client' }),
      '/v2/',
      {},
      /no other\. A client that shows none is asked to: Bearer realm="https:\/\/get\.acme\.example/,
    ],
    [
      'the client',
      images({ auth: 'client' }),
      '/v2/acme/app/manifests/1',
      {},
      /which goes to https:\/\/registry\.example and to no other\. .*scope="repository:acme\/app:pull"/,
    ],
    [
      'a client that does',
      images({ auth: 'client' }),
      '/v2/acme/app/manifests/1',
      { headers: { authorization: 'Bearer x' } },
      /and to no other\.$/,
    ],
  ])('%s', (_, one, path, more, expected) => {
    expect(tell(one, path, more).credential.join(' ')).toMatch(expected);
  });
});

describe('what hangs together', () => {
  const to = ['https://a.example', 'https://b.example'];
  test.each<[one: Rule, path: string, expected: RegExp]>([
    [
      rule(apt, { to }),
      `/dists/stable/main/binary-amd64/by-hash/SHA256/${'0'.repeat(64)}`,
      /^It is known by what it contains: /,
    ],
    [rule(apt, { to }), '/dists/stable/InRelease', /^It opens the snapshot `\/dists\/stable`: /],
    [rule(apt, { to }), '/dists/stable/main/binary-amd64/Packages.xz', /^It belongs to the snapshot /],
    [rule(file, { to }), '/a', /^It is a name of its own: /],
  ])('%#', (one, path, expected) => expect(tell(one, path).tie).toMatch(expected));

  test('a single upstream is all there is', () => expect(tell(files(), '/a').tie).toBeUndefined());
});

test('users are told what the rule says', () => {
  expect(tell(files({ notice: 'We move.' }), '/a').notice).toBe('We move.');
});

test('a request that no rule takes has nothing to tell', () => {
  expect(tell(files({ match: '/b' }), '/a')).toMatchObject({ delivery: [], credential: [] });
});

test('a rule without an upstream has no choice', () => {
  const { choice, delivery, credential } = tell(rule(downloads, {}), '/');
  expect({ choice, credential }).toEqual({ choice: undefined, credential: [] });
  expect(delivery).toHaveLength(1);
});

test('at a ping, clients are asked for the credential that another rule wants', () => {
  const ruleSet = compileRules([
    images(),
    rule(oci, { match: 'own/*', to: 'https://own.example', auth: 'client' }),
  ]);
  const request = { method: 'GET', scheme: 'https', host: 'get.acme.example', path: '/v2/' } as const;
  expect(tellStory(ruleSet, request).credential[0]).toBe(
    'Clients show their own credential here, because a rule on this host has `auth: client`.',
  );
});

describe('which of several upstreams', () => {
  const now = Date.parse('2026-12-01T12:00:00Z');
  const calm = { now, isFit: () => true };
  const ask = {
    method: 'GET',
    scheme: 'https',
    host: 'get.acme.example',
    path: '/a',
    ip: '192.0.2.1',
  } as const;

  function choose(to: Rule['to'], more: object = {}, circumstances = calm as object, config: object = {}) {
    const [compiled] = compileRules([rule(file, { name: 'r', to, ...config })]).rules;
    return explainChoice(compiled!, { ...ask, ...more }, '', { ...calm, ...circumstances });
  }
  const reasons = (...args: Parameters<typeof choose>) =>
    choose(...args).upstreams.map(({ reason }) => reason);
  const two = ['https://a.example', 'https://b.example'];

  test('the only one', () => {
    expect(choose('https://a.example')).toEqual({
      client: undefined,
      upstreams: [
        { origin: 'https://a.example', turn: 1, part: undefined, reason: 'It is the only upstream.' },
      ],
    });
  });

  test('the order of fallback', () => {
    expect(choose(two).upstreams).toMatchObject([
      { turn: 1, reason: 'It is the first in the order of fallback.' },
      { turn: 2, reason: 'It is asked when those before it cannot answer.' },
    ]);
  });

  test('the share of the weights and the number of the client', () => {
    const { client, upstreams } = choose([
      { url: 'https://a.example', weight: 75 },
      { url: 'https://b.example', weight: 25 },
      { url: 'https://c.example', weight: 0 },
      'https://d.example',
    ]);
    expect(client).toBeGreaterThanOrEqual(0);
    const first = (client ?? 0) < 0.75;
    const own = `and this client's is ${client?.toFixed(3)}.`;
    const other = 'and is asked when those before it cannot answer.';
    expect(upstreams).toMatchObject([
      {
        part: 0.75,
        turn: first ? 1 : 2,
        reason: `It has 75 % of the clients, numbers from 0.000 to 0.750, ${first ? own : other}`,
      },
      {
        part: 0.25,
        turn: first ? 2 : 1,
        reason: `It has 25 % of the clients, numbers from 0.750 to 1.000, ${first ? other : own}`,
      },
      { part: 0, turn: undefined, reason: 'It has 0 % of the clients, and nobody falls back to it.' },
      { part: undefined, turn: 3, reason: 'It has no weight, and is only fallen back to.' },
    ]);
  });

  test('the step of a schedule', () => {
    const ramp = [
      { at: '2026-12-01T00:00:00Z', weight: 10 },
      { at: '2026-12-02T00:00:00Z', weight: 50 },
    ];
    const to = [
      { url: 'https://a.example', weight: 90 },
      { url: 'https://b.example', ramp },
    ];
    expect(reasons(to)[1]).toMatch(
      /^It has 10 % of the clients by the step of 2026-12-01T00:00:00Z \(weight 10\), until it has the weight 50 on 2026-12-02T00:00:00Z, /,
    );
    expect(reasons(to, {}, { now: now - 86_400_000 })[1]).toMatch(
      /before its schedule begins \(weight 0\), until /,
    );
    expect(reasons(to, {}, { now: now + 86_400_000 })[1]).toMatch(
      /2026-12-02T00:00:00Z \(weight 50\), numbers/,
    );
  });

  test.each<[title: string, when: object, more: object, expected: string]>([
    [
      'another network',
      { networks: ['10.0.0.0/8'] },
      {},
      'It is for clients of other networks than that of 192.0.2.1.',
    ],
    [
      'a field',
      { headers: { 'CF-IPCountry': ['DE', 'FR'] } },
      { headers: { 'cf-ipcountry': 'US' } },
      'It is for requests whose `cf-ipcountry` is `DE` or `FR`.',
    ],
    [
      'a field that came twice',
      { headers: { x: 'a' } },
      { headers: { x: ['a', 'b'] } },
      'It is for requests whose `x` is `a`.',
    ],
    [
      'too early',
      { from: '2026-12-24T00:00:00Z' },
      {},
      'It is for requests from 2026-12-24T00:00:00.000Z on.',
    ],
    [
      'too late',
      { until: '2026-11-24T00:00:00Z' },
      {},
      'It was for requests until 2026-11-24T00:00:00.000Z.',
    ],
  ])('a condition that does not hold: %s', (_, when, more, expected) => {
    expect(choose([{ url: 'https://a.example', when }, 'https://b.example'], more).upstreams).toMatchObject([
      { turn: undefined, part: undefined, reason: expected },
      { turn: 1 },
    ]);
  });

  test('one that is out of order', () => {
    const isFit = ({ host }: { host: string }) => host !== 'a.example';
    expect(choose(two, {}, { isFit }).upstreams).toMatchObject([
      { turn: 2, reason: 'It is out of order, and asked after those that are in order.' },
      { turn: 1 },
    ]);
  });

  test('one that has lost its share', () => {
    const isHeld = ({ host }: { host: string }) => host === 'a.example';
    const weighted = two.map((url) => ({ url, weight: 1 }));
    expect(reasons(weighted, {}, { isHeld })[0]).toBe(
      'It has lost its share, because requests to it failed.',
    );
    expect(reasons(weighted, {}, { isHeld: () => true })[1]).toMatch(/lost its share/);
  });

  test('weights that are all nothing', () => {
    const none = two.map((url) => ({ url, weight: 0 }));
    expect(choose(none)).toMatchObject({ client: undefined, upstreams: [{ part: 0 }, { part: 0 }] });
  });

  test('indexes that are one', () => {
    const [compiled] = compileRules([rule(npm, { to: two })]).rules;
    const merged = { ...compiled!, merge: true };
    expect(explainChoice(merged, ask, '').upstreams[0]?.reason).toMatch(
      /^Its index is one with those of the others/,
    );
  });
});
