import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Circumstances, orderUpstreams, share } from '../../src/core/choice.ts';
import { type CompileOptions, compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import type { RequestDescriptor } from '../../src/core/request.ts';
import { type RuleConfig, rule, type UpstreamConfig } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import type { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';

const request = (change: Partial<RequestDescriptor> = {}): RequestDescriptor => ({
  method: 'GET',
  scheme: 'https',
  host: 'get.acme.dev',
  path: '/a',
  ...change,
});

const address = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;

function order(
  to: readonly (string | UpstreamConfig)[],
  change: Partial<RequestDescriptor> = {},
  circumstances: Partial<Circumstances> = {},
  options: CompileOptions = {},
): readonly number[] {
  const { rules } = compileRules([rule(file, { name: 'r', to })], options);
  return orderUpstreams(rules[0]!, request(change), '', {
    now: Date.UTC(2026, 11, 1),
    isFit: () => true,
    ...circumstances,
  });
}

const a = { url: 'a.example' };
const b = { url: 'b.example' };
const c = { url: 'c.example' };

describe('weights', () => {
  test('each client stays with its upstream, and the shares are those of the weights', () => {
    const { rules } = compileRules([
      rule(file, {
        to: [
          { ...a, weight: 90 },
          { ...b, weight: 10 },
        ],
      }),
    ]);
    let toB = 0;
    for (let number = 0; number < 100_000; number++) {
      const asked = request({ ip: address(number) });
      const [first] = orderUpstreams(rules[0]!, asked, '', { now: 0, isFit: () => true });
      if (first === 1) toB++;
    }
    expect(toB / 100_000).toBeGreaterThan(0.095);
    expect(toB / 100_000).toBeLessThan(0.105);
  });

  test('who has moved stays there when more move', () => {
    for (let number = 0; number < 5000; number++) {
      const change = { ip: address(number) };
      const [few] = order(
        [
          { ...a, weight: 9 },
          { ...b, weight: 1 },
        ],
        change,
      );
      const [more] = order(
        [
          { ...a, weight: 7 },
          { ...b, weight: 3 },
        ],
        change,
      );
      if (few === 1) expect(more).toBe(1);
    }
  });

  test('with 0 nobody is led there, and nobody falls back to it', () => {
    expect(order([{ ...a, weight: 0 }, { ...b, weight: 1 }, c])).toEqual([1, 2]);
    expect(order([{ ...a, weight: 0 }])).toEqual([]);
  });

  test('an upstream without a weight is only fallen back to', () => {
    for (let number = 0; number < 100; number++)
      expect(order([c, { ...a, weight: 1 }], { ip: address(number) })).toEqual([1, 0]);
  });

  test('a schedule counts from its times on', () => {
    const ramp = [
      { at: '2026-12-01T08:00:00Z', weight: 10 },
      { at: '2026-12-02T08:00:00+01:00', weight: 100 },
    ];
    const shareAt = (now: number): number => {
      const list = [
        { ...a, weight: 100 },
        { ...b, ramp },
      ];
      const firsts = Array.from(
        { length: 2000 },
        (_, number) => order(list, { ip: address(number) }, { now })[0],
      );
      return firsts.filter((first) => first === 1).length / 2000;
    };
    expect(shareAt(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(shareAt(Date.UTC(2026, 11, 1, 7, 59))).toBe(0);
    expect(shareAt(Date.UTC(2026, 11, 1, 8))).toBeCloseTo(1 / 11, 1);
    expect(shareAt(Date.UTC(2026, 11, 2, 7))).toBeCloseTo(0.5, 1);
  });

  test('what is read together comes from one upstream', () => {
    const to = [
      { ...a, weight: 1 },
      { ...b, weight: 1 },
    ];
    const targetOf = (protocol: typeof oci | typeof npm | typeof file, path: string, ip: string): string => {
      const decision = decide(compileRules([rule(protocol as typeof oci, { to })]), request({ path, ip }));
      if (decision.type === 'redirect') return new URL(decision.location).host;
      return decision.type === 'proxy' ? new URL(decision.target).host : decision.type;
    };
    const digest = `sha256:${'a'.repeat(64)}`;
    for (let number = 0; number < 200; number++) {
      const ip = address(number);
      const host = targetOf(oci, '/v2/app/manifests/latest', ip);
      for (const path of [
        `/v2/app/manifests/${digest}`,
        `/v2/app/blobs/${digest}`,
        `/v2/app/referrers/${digest}`,
      ])
        expect(targetOf(oci, path, ip)).toBe(host);
      expect(targetOf(file, '/a', ip)).toBe(targetOf(file, '/a.sha256', ip));
    }
    const hosts = new Set(
      Array.from({ length: 50 }, (_, n) => targetOf(oci, `/v2/app${n}/manifests/1`, '192.0.2.1')),
    );
    expect(hosts.size).toBe(2);
  });

  test('a hash of texts is even and always the same', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(share(text)).toBeGreaterThanOrEqual(0);
        expect(share(text)).toBeLessThan(1);
      }),
    );
    expect(share('images\0acme/app\x00192.0.2.1')).toBe(share('images\0acme/app\x00192.0.2.1'));
  });
});

describe('health', () => {
  test('what is out of order is asked last, whatever its weight', () => {
    const isFit = ({ host }: { host: string }): boolean => host !== 'a.example';
    expect(order(['a.example', 'b.example', 'c.example'], {}, { isFit })).toEqual([1, 2, 0]);
    expect(order([{ ...a, weight: 1 }, b], {}, { isFit })).toEqual([1, 0]);
    expect(order(['a.example', 'b.example'], {}, { isFit: () => false })).toEqual([0, 1]);
  });
});

describe('conditions', () => {
  const networks = { office: ['192.0.2.0/24', '2001:db8::/32'] };
  test.each<[when: UpstreamConfig['when'], change: Partial<RequestDescriptor>, holds: boolean]>([
    [{ networks: ['10.0.0.0/8'] }, { ip: '10.1.2.3' }, true],
    [{ networks: ['10.0.0.0/8'] }, { ip: '::ffff:10.1.2.3' }, true],
    [{ networks: ['10.0.0.0/8'] }, { ip: '11.1.2.3' }, false],
    [{ networks: ['10.0.0.0/8'] }, {}, false],
    [{ networks: ['10.0.0.1', 'office'] }, { ip: '192.0.2.9' }, true],
    [{ networks: ['office'] }, { ip: '2001:db8::1' }, true],
    [{ headers: { 'CF-IPCountry': ['DE', 'AT'] } }, { headers: { 'cf-ipcountry': 'AT' } }, true],
    [{ headers: { 'cf-ipcountry': 'DE' } }, { headers: { 'cf-ipcountry': 'FR' } }, false],
    [{ headers: { 'cf-ipcountry': 'DE' } }, {}, false],
    [{ headers: { 'x-a': 'b, c' } }, { headers: { 'x-a': ['b', 'c'] } }, true],
    [{ from: '2026-12-01T00:00:00Z' }, {}, true],
    [{ from: '2026-12-01T00:00:01Z' }, {}, false],
    [{ until: '2026-12-01T00:00:00Z' }, {}, false],
    [{ until: '2026-12-01T00:00:01Z' }, {}, true],
    [{ networks: ['office'], headers: { 'x-a': '1' } }, { ip: '192.0.2.9' }, false],
    [{}, {}, true],
  ])('%j and %j: %s', (when, change, holds) => {
    expect(order([{ ...a, when }, b], change, {}, { networks })).toEqual(holds ? [0, 1] : [1]);
  });

  test('when no upstream is for a request, it is refused', () => {
    const rules = compileRules([rule(file, { to: { ...a, when: { networks: ['10.0.0.0/8'] } } })]);
    expect(decide(rules, request())).toMatchObject({ type: 'respond', status: 404, rule: 'rules[0]' });
    expect(decide(rules, request({ ip: '10.0.0.1' }))).toMatchObject({ type: 'redirect' });
  });

  test('without a clock, no time has come', () => {
    const to = [{ ...a, when: { from: '2020-01-01T00:00:00Z' } }, b];
    expect(decide(compileRules([rule(file, { to })]), request())).toMatchObject({
      location: 'https://b.example/a',
    });
  });
});

test.each<[config: RuleConfig, options: CompileOptions, issue: string]>([
  [{ to: { ...a, weight: -1 } }, {}, 'to.weight: A weight is a number from 0 on.'],
  [{ to: [{ ...a, weight: Number.NaN }] }, {}, 'to.0.weight: A weight is a number from 0 on.'],
  [
    { to: { ...a, ramp: [{ at: 'soon', weight: 1 }] } },
    {},
    'to.ramp.0.at: `soon` is not a time; write it as `2026-12-01T08:00:00Z`.',
  ],
  [
    {
      to: {
        ...a,
        ramp: [
          { at: '2026-12-02T00:00:00Z', weight: 1 },
          { at: '2026-12-01T00:00:00Z', weight: 2 },
        ],
      },
    },
    {},
    'to.ramp.1.at: The steps of a schedule come in the order of their times.',
  ],
  [
    { to: { ...a, probe: 'healthz' } },
    {},
    'to.probe: A probe is a path of the upstream; write it with its slash, as in `/healthz`.',
  ],
  [
    { to: { ...a, when: { from: '2026-13-01T00:00:00Z' } } },
    {},
    'to.when.from: `2026-13-01T00:00:00Z` is not a time; write it as `2026-12-01T08:00:00Z`.',
  ],
  [
    { to: { ...a, when: { headers: { 'a b': 'c' } } } },
    {},
    'to.when.headers.a b: `a b` is not the name of a header field.',
  ],
  [
    { to: { ...a, when: { networks: ['ofice'] } } },
    { networks: { office: [] } },
    'to.when.networks.0: `ofice` is neither an address nor a network; did you mean `office`?',
  ],
  [
    { to: { ...a, when: { networks: ['10.0.0'] } } },
    {},
    'to.when.networks.0: `10.0.0` is neither an address nor a network; write `10.0.0.0/8`, or the name of a list of `networks`.',
  ],
])('%j is a mistake', (config, options, message) => {
  expect(issuesOf(config, options)).toEqual([`rules.0.${message}`]);
});

test('a list of networks is checked', () => {
  expect(issuesOf({ to: 'a.example' }, { networks: { office: ['10.0.0.0/8', 'x'] } })).toEqual([
    'networks.office.1: `x` is neither an address nor a network; write `10.0.0.0/8` or `::1`.',
  ]);
});

function issuesOf(config: RuleConfig, options: CompileOptions): readonly string[] {
  try {
    compileRules([rule(file, config)], options);
    return [];
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}
