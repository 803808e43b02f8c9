import { describe, expect, test } from 'vitest';

import { createUpstreamCounts } from '../../src/cli/_upstream-counts.ts';
import { formatUpstreamMetrics, parseUpstreamMetrics } from '../../src/cli/_upstream-metrics.ts';
import type { Decision } from '../../src/core/decision.ts';
import { UpstreamError } from '../../src/gateway/transport.ts';
import { parseRules } from '../../src/rules/index.ts';

const rules = parseRules(
  `rules:
  - { name: "one \\"a\\\\", protocol: npm, at: /one, to: http://a.example:80 }
  - { name: two, protocol: npm, at: /two, to: [http://a.example:808, http://a.example:8080/x] }
`,
  { file: 'turnout.yaml' },
);

const one = 'one "a\\';
const proxied = (rule: string, target: string): Decision & { type: 'proxy' } => ({
  type: 'proxy',
  rule,
  target,
  delivery: 'stream',
});

/** Counts an answer. */
function answer(counts: ReturnType<typeof createUpstreamCounts>, decision: Decision, status: number): void {
  const request = { method: 'GET', scheme: 'https', host: 'get.acme.dev', path: '/' } as const;
  counts.onResponse({ request, decision, status, complete: true, duration: 1 });
}

describe('counts of upstreams', () => {
  test.each<readonly [string, Decision, number, object | undefined]>([
    [
      'an answer',
      proxied(one, 'http://a.example/x'),
      200,
      { rule: one, upstream: 'http://a.example', requests: 1, errors: 0 },
    ],
    ['a server error', proxied(one, 'http://a.example/x'), 502, { requests: 1, errors: 1, refusals: 0 }],
    ['too many requests', proxied(one, 'http://a.example/x'), 429, { requests: 1, errors: 1 }],
    ['what is not found', proxied(one, 'http://a.example/x'), 404, { requests: 1, errors: 0, refusals: 1 }],
    ['one port', proxied('two', 'http://a.example:808/y'), 200, { upstream: 'http://a.example:808' }],
    ['another port', proxied('two', 'http://a.example:8080/x/y'), 200, { upstream: 'http://a.example:8080' }],
    ['an address of no upstream', proxied('two', 'http://b.example/y'), 200, { upstream: '' }],
    [
      'a redirect',
      { type: 'redirect', rule: 'two', status: 302, location: 'http://a.example:808/y' },
      302,
      { upstream: 'http://a.example:808', requests: 0, redirects: 1 },
    ],
    [
      'what a protocol makes of one upstream',
      { type: 'carry', rule: one },
      200,
      { upstream: 'http://a.example' },
    ],
    ['what no rule takes', { type: 'pass' }, 404, undefined],
    [
      'an answer made here',
      { type: 'respond', rule: one, status: 200, headers: {}, body: '' },
      200,
      undefined,
    ],
    ['a client that has left', proxied(one, 'http://a.example/x'), 0, undefined],
  ])('have %s', (_, decision, status, expected) => {
    const counts = createUpstreamCounts(() => rules);
    answer(counts, decision, status);
    expect(counts.list()).toEqual(expected === undefined ? [] : [expect.objectContaining(expected)]);
  });

  test('have a failed request once, and one that another upstream served at both', () => {
    const counts = createUpstreamCounts(() => rules);
    const [first, second] = [
      proxied('two', 'http://a.example:808/y'),
      proxied('two', 'http://a.example:8080/x/y'),
    ];
    counts.onUpstreamError(new UpstreamError('http://a.example:808 does not answer.', 502), first);
    answer(counts, first, 502);
    counts.onUpstreamError(new UpstreamError('no', 502), { ...first });
    answer(counts, second, 200);
    counts.onUpstreamError(new UpstreamError('http://a.example:8080: no.', 502), {
      type: 'carry',
      rule: 'two',
    });
    expect(counts.list()).toEqual([
      expect.objectContaining({
        upstream: 'http://a.example:808',
        requests: 2,
        errors: 2,
        lastError: expect.any(Number),
      }),
      expect.objectContaining({ upstream: 'http://a.example:8080', requests: 2, errors: 1 }),
    ]);
  });

  test('are written for Prometheus, and read again', () => {
    const counts = createUpstreamCounts(() => rules);
    expect(formatUpstreamMetrics(counts)).toBe('');
    answer(counts, proxied(one, 'http://a.example/x'), 500);
    counts.onUpstreamError(new UpstreamError('no', 502), proxied(one, 'http://a.example/x'));
    counts.onGuardTrip({ rule: 'two', origin: 'http://a.example:808', asked: 1, failed: 1 });
    counts.onUpstreamChange('http://a.example', true);
    counts.onUpstreamChange('http://a.example:808', false);
    const text = formatUpstreamMetrics(counts);
    expect(text).toContain(
      `# TYPE turnout_upstream_errors_total counter\nturnout_upstream_errors_total{rule="one \\"a\\\\",upstream="http://a.example"} 2\n`,
    );
    expect(text).toMatch(/^turnout_upstream_last_error_timestamp_seconds\{.*\} 1\d{9}(?:\.\d+)?$/m);
    expect(text).toContain('turnout_upstream_in_order{upstream="http://a.example"} 1\n');
    const read = parseUpstreamMetrics(`turnout_rules 2\n${text}`);
    expect(read.outOfOrder).toEqual(['http://a.example:808']);
    expect(read.counts).toEqual(counts.list().map(({ lastError: _, ...count }) => count));
  });
});
