import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { CALM } from '../../src/core/choice.ts';
import { compileRules, type RuleSet } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import type { LogEntry } from '../../src/logs/entry.ts';
import { createLogReader } from '../../src/logs/reader.ts';
import { createReplay, type ReplayOptions } from '../../src/logs/replay.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';

const host = 'get.acme.example';
const old = compileRules([
  rule(oci, { name: 'images', host, match: 'acme/*image', to: 'ghcr.io' }),
  rule(file, { name: 'cli', host, match: '/cli/*path', to: 'https://a.example/*path' }),
  rule(npm, { name: 'npm', host, at: '/npm/', to: 'https://npm.example', auth: 'client' }),
  rule(file, { name: 'spread', host, match: '/s/*path', to: ['https://a.example', 'https://b.example'] }),
]);

function entry(path: string, more: Partial<LogEntry> = {}): LogEntry {
  const [before = '', query] = path.split('?');
  return {
    method: 'GET',
    scheme: undefined,
    host,
    path: before,
    query,
    ip: '192.0.2.1',
    userAgent: 'curl/8',
    status: 302,
    ...more,
  };
}

function replay(entries: readonly LogEntry[], options: Partial<ReplayOptions> & { readonly rules: RuleSet }) {
  const run = createReplay({ circumstances: CALM, ...options });
  for (const each of entries) run.add(each);
  return run.result();
}

describe('against other rules', () => {
  const next = compileRules([
    rule(oci, { name: 'images', host, match: 'acme/*image', to: 'quay.io' }),
    rule(file, { name: 'cli', host, match: '/cli/*path', to: 'https://a.example/new/*path' }),
    rule(file, { name: 'all', host, match: '/s/*path', to: 'https://a.example/*path', status: 307 }),
  ]);

  test('each change is told once, the most frequent first, with its requests', () => {
    const { requests, changed, changes } = replay(
      [
        entry('/v2/acme/app/manifests/1'),
        entry('/cli/1?x'),
        entry('/cli/2'),
        entry('/cli/2'),
        entry('/npm/left'),
        entry('/other'),
      ],
      { rules: next, against: old },
    );
    expect({ requests, changed }).toEqual({ requests: 6, changed: 5 });
    expect(changes).toMatchObject([
      {
        count: 3,
        before: { type: 'redirect', status: 302, host: 'a.example', rule: 'cli' },
        after: { type: 'redirect', status: 302, host: 'a.example', rule: 'cli' },
        requests: [
          {
            request: `GET https://${host}/cli/2`,
            count: 2,
            from: 'https://a.example/2',
            to: 'https://a.example/new/2',
          },
          { request: `GET https://${host}/cli/1?x`, count: 1 },
        ],
      },
      {
        count: 1,
        before: { type: 'proxy', host: 'ghcr.io', rule: 'images' },
        after: { type: 'proxy', host: 'quay.io' },
      },
      { count: 1, before: { rule: 'npm' }, after: { type: 'pass' } },
    ]);
  });

  test('what is not known of a client is told as shares', () => {
    const shared = compileRules([
      rule(file, {
        name: 'cli',
        host,
        match: '/cli/*path',
        to: [
          { url: 'https://a.example/*path', weight: 95 },
          { url: 'https://b.example/*path', weight: 5 },
          { url: 'https://b.example/*path', weight: 0 },
        ],
      }),
    ]);
    const [change] = replay([entry('/cli/1', { ip: undefined })], { rules: shared, against: old }).changes;
    expect(change?.after.host).toBe('a.example 95 %, b.example 5 %');
    const known = replay([entry('/cli/1')], { rules: shared, against: shared });
    expect(known.changed).toBe(0);
  });

  test('a request without a host gets the one that is given, or is left out', () => {
    const entries = [entry('/cli/1', { host: undefined })];
    expect(replay(entries, { rules: next, against: old })).toMatchObject({ requests: 0, withoutHost: 1 });
    expect(replay(entries, { rules: next, against: old, host })).toMatchObject({ requests: 1, changed: 1 });
  });

  test('a scheme counts', () => {
    const secure = compileRules([
      rule(file, { name: 'cli', host, match: '/cli/*path', to: 'http://a.example' }),
    ]);
    const [over] = replay([entry('/cli/1')], { rules: secure, against: old }).changes;
    expect(over?.after.type).toBe('proxy');
    const [plain] = replay([entry('/cli/1')], { rules: secure, against: old, scheme: 'http' }).changes;
    expect(plain?.after.type).toBe('redirect');
  });

  test('what is told apart is bounded; the rest is counted', () => {
    const entries = Array.from({ length: 10_500 }, (_, number) =>
      entry(`/cli/${number}${'x'.repeat(number === 0 ? 600 : 0)}`),
    );
    const { changed, changes } = replay(entries, { rules: next, against: old });
    expect(changed).toBe(10_500);
    expect(changes[0]).toMatchObject({ count: 10_500, more: 500 });
    expect(changes[0]?.requests).toHaveLength(10_000);
    expect(changes[0]?.requests[0]?.request).toHaveLength(501);
  });

  test('hosts of a log that could be anything fill no memory', () => {
    const entries = Array.from({ length: 1200 }, (_, number) =>
      entry('/cli/1', {
        decision: { type: 'redirect', rule: 'cli', address: `https://${number}.example/` },
      }),
    );
    const { changes } = replay(entries, { rules: old });
    expect(changes).toHaveLength(1001);
    expect(changes[0]).toMatchObject({ count: 200, before: {} });
  });
});

describe('without other rules, what a log says is compared', () => {
  test.each<[path: string, status: number, same: boolean, title: string]>([
    ['/cli/1', 302, true, 'a redirect'],
    ['/cli/1', 301, false, 'another redirect'],
    ['/cli/1', 200, false, 'a download, and now a redirect'],
    ['/cli/1', 404, false, 'nothing, and now a redirect'],
    ['/cli/1', 503, true, 'an outage'],
    ['/cli/1', 0, true, 'a client that left'],
    ['/v2/acme/app/manifests/1', 200, true, 'a document'],
    ['/v2/acme/app/manifests/1', 404, true, 'a document that was not there'],
    ['/v2/acme/app/manifests/1', 302, false, 'a redirect, and now a proxied document'],
    [
      '/v2/acme/app/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000',
      307,
      true,
      'a relay',
    ],
    ['/v2/', 200, true, 'a ping'],
    ['/v2/', 304, true, 'a ping that had not changed'],
    ['/v2/', 404, false, 'no registry'],
    ['/v2/', 429, true, 'too many'],
    ['/other', 404, true, 'nothing'],
    ['/other', 200, false, 'something, and now nothing'],
    ['/npm/left', 401, true, 'a document for which clients need a credential'],
  ])('%s with %i: %s (%s)', (path, status, same) => {
    expect(replay([entry(path, { status })], { rules: old }).changed).toBe(same ? 0 : 1);
  });

  test.each<[title: string, path: string, decision: LogEntry['decision'], status: number, same: boolean]>([
    ['the same', '/cli/1', { type: 'redirect', rule: 'cli', address: 'https://a.example/1' }, 302, true],
    ['no answer', '/cli/1', { type: 'redirect', rule: 'cli', address: 'https://a.example/1' }, 0, true],
    [
      'another address',
      '/cli/1',
      { type: 'redirect', rule: 'cli', address: 'https://a.example/2' },
      302,
      false,
    ],
    ['another host', '/cli/1', { type: 'redirect', rule: 'cli', address: 'https://b.example/1' }, 302, false],
    ['no address', '/cli/1', { type: 'redirect', rule: 'cli', address: undefined }, 302, false],
    [
      'another status',
      '/cli/1',
      { type: 'redirect', rule: 'cli', address: 'https://a.example/1' },
      307,
      false,
    ],
    ['another type', '/cli/1', { type: 'proxy', rule: 'cli', address: 'https://a.example/1' }, 200, false],
    ['another rule', '/cli/1', { type: 'redirect', rule: 'x', address: 'https://a.example/1' }, 302, false],
    [
      'one of several upstreams',
      '/s/1',
      { type: 'redirect', rule: 'spread', address: 'https://b.example/s/1' },
      302,
      true,
    ],
    [
      'none of several upstreams',
      '/s/1',
      { type: 'redirect', rule: 'spread', address: 'https://c.example/s/1' },
      302,
      false,
    ],
    ['no rule', '/other', { type: 'pass', rule: undefined, address: undefined }, 404, true],
    [
      'a rule, and now none',
      '/other',
      { type: 'redirect', rule: 'x', address: 'https://b.example/' },
      302,
      false,
    ],
    ['a ping', '/v2/', { type: 'respond', rule: undefined, address: undefined }, 304, true],
    [
      'a client with a credential',
      '/npm/left',
      { type: 'proxy', rule: 'npm', address: 'https://npm.example/left' },
      200,
      true,
    ],
  ])('%s', (_, path, decision, status, same) => {
    expect(replay([entry(path, { status, decision })], { rules: old }).changed).toBe(same ? 0 : 1);
  });
});

test('a log changes nothing against the rules that it is of', () => {
  const target = fc.oneof(
    fc.webPath(),
    fc.constantFrom('/v2/', '/v2/acme/app/manifests/1', '/cli/1', '/npm/left', '/s/1', '/npm/-/ping', '*'),
  );
  const line = fc
    .record({
      path: target,
      method: fc.constantFrom('GET', 'HEAD', 'PUT', 'OPTIONS'),
      host: fc.constantFrom(host, `${host}:443`, 'other.example'),
      status: fc.constantFrom(200, 206, 302, 404, 503),
      ip: fc.oneof(fc.ipV4(), fc.ipV6()),
    })
    .map(
      ({ path, method, host: name, status, ip }) =>
        `${name} ${ip} - - [10/Oct/2026:13:55:36 +0000] "${method} ${path} HTTP/1.1" ${status} 1 "-" "x"`,
    );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const read = createLogReader();
      const run = createReplay({ rules: old, against: old, circumstances: CALM });
      for (const each of lines.map(read)) if (typeof each !== 'string') run.add(each);
      expect(run.result()).toMatchObject({ changed: 0, changes: [] });
    }),
    { numRuns: 300 },
  );
});
