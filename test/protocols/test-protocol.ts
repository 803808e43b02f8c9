import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type {
  Answer,
  Delivery,
  Mode,
  Protocol,
  ProtocolRequest,
  Resource,
  RuleContext,
  Tools,
  UpstreamInfo,
} from '../../src/core/protocol.ts';
import { findRequestProblem } from '../../src/core/request.ts';

/** A request, and what a protocol reads in it. */
export interface ProtocolCase<R extends Resource = Resource> {
  /** What it is an example of. */
  readonly title: string;
  /** Default `GET`. */
  readonly method?: string;
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
  /** What `format` writes of it, with the query; default the path and query as they are. */
  readonly canonical?: string;
  /** What it is; `undefined` when it is none of the protocol. */
  readonly resource: R | undefined;
}

/** For thousands of runs, on a machine that may be busy. */
const busy = { timeout: 30_000 };
const origin = 'https://upstream.example';
const publicUrl = 'https://get.acme.example:8443/mount';
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', ''];

const hostileWords = [
  ...[
    '',
    '.',
    '..',
    '...',
    'a',
    'A',
    '-',
    '_',
    '@',
    '@a',
    '~',
    '*',
    'con',
    '__proto__',
    'constructor',
    'tags',
    'v2',
    '-rev',
    '1.0.0',
  ],
  ...[
    '%2e',
    '%2E%2e',
    '%2f',
    '%2F',
    '%5c',
    '%25',
    '%40',
    '%3A',
    '%3a',
    '%00',
    '%0d%0a',
    '%c0%ae',
    '%',
    '%zz',
    '%252f',
    'é',
    '😀',
    '\ud800',
  ],
  ...[
    '\\',
    ' ',
    '\t',
    '\r\n',
    '\0',
    '"',
    '<',
    '>',
    '^',
    '`',
    '{',
    '}',
    '|',
    '[',
    ']',
    '?',
    '#',
    ':',
    ';',
    '&',
    '=',
    '+',
    "'",
    '(',
    ')',
    '!',
    '$',
    ',',
  ],
  ...['//evil.example', 'https:', 'evil.example', 'a'.repeat(300)],
];

/** Requests made of the words of a protocol's own requests and of hostile ones. */
function requestsLike(cases: readonly ProtocolCase[]): fc.Arbitrary<ProtocolRequest> {
  const own = [
    ...new Set(cases.flatMap(({ path }) => [...path.split('/'), ...path.split(/(?<=[/@:.-])|(?=[/@:.-])/)])),
  ];
  const word = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...own) },
    { weight: 1, arbitrary: fc.constantFrom(...hostileWords) },
  );
  const segment = fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 1, arbitrary: fc.array(word, { maxLength: 3 }).map((words) => words.join('')) },
  );
  const built = fc.array(segment, { maxLength: 7 }).map((segments) => `/${segments.join('/')}`);
  // One of the cases, with one word in place of another.
  const changed = fc.tuple(fc.constantFrom(...cases), fc.nat(8), segment).map(([{ path }, at, word]) => {
    const segments = path.split('/');
    return segments.map((old, index) => (index > 0 && index === at ? word : old)).join('/');
  });
  const query = fc.oneof(
    fc.constantFrom(undefined, '', ...cases.flatMap((each) => each.query ?? [])),
    fc
      .array(
        fc.constantFrom('a=1', 'ns=a.example', '&', '=', 'n=1', 'last=b', ...hostileWords.slice(0, 60)),
        { maxLength: 4 },
      )
      .map((parts) => parts.join('')),
  );
  return fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', ...methods),
    path: fc.oneof(built, changed),
    query,
  });
}

/** Splits what `format` writes, as a request for it would arrive. */
function requestOf(formatted: string, method: string): ProtocolRequest {
  const mark = formatted.indexOf('?');
  return mark === -1
    ? { method, path: formatted }
    : { method, path: formatted.slice(0, mark), query: formatted.slice(mark + 1) };
}

/** What a protocol is told of a rule. */
export function contextOf(mode: Mode, upstream: UpstreamInfo | undefined, method = 'GET'): RuleContext {
  const delegated = upstream?.delegated ?? false;
  return {
    rule: 'rule',
    mode,
    method,
    upstream,
    publicUrl,
    delegated,
    authorized: false,
    merged: false,
    options: {},
  };
}

/** An upstream by its address. */
export function upstreamOf(address: string, authenticated = false): UpstreamInfo {
  return { origin: address, host: address.slice(address.indexOf('//') + 2), authenticated, delegated: false };
}

/** Tools of which none is lent; a test puts its own in their place. */
export const noTools: Tools = {
  fetch: () => notLent(),
  fetchAt: () => notLent(),
  locate: () => notLent(),
  keep: () => notLent(),
  others: [],
  neighbours: [],
  field: () => undefined,
  report: () => notLent(),
  forget: () => notLent(),
  readCredential: () => notLent(),
  readBody: () => notLent(),
  admit: () => notLent(),
  issue: () => notLent(),
};

function notLent(): never {
  throw new Error('not lent');
}

/** A delivery in a word: `307`, `stream`, `404 answered`. */
export function showDelivery(delivery: Delivery): string {
  if (delivery.type === 'redirect') return `${delivery.status}`;
  if (delivery.type === 'carry') return 'carried';
  if (delivery.type === 'refer') return `${delivery.answer('https://upstream.example/x').status} answered`;
  return delivery.type === 'proxy' ? delivery.delivery : `${delivery.answer.status} answered`;
}

function expectAnswer({ status, headers, body }: Answer): void {
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThan(600);
  expect(typeof body).toBe('string');
  expect(Object.keys(headers)).toContain('content-type');
  for (const [name, value] of Object.entries(headers)) {
    // RFC 9110 §5.1 and §5.5, in lower case.
    expect(name).toMatch(/^[a-z\d!#$%&'*+\-.^_`|~]+$/);
    expect(value).toMatch(/^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/);
  }
  if (headers['content-type']?.startsWith('application/json')) JSON.parse(body);
}

/** Reads a package URL, as far as it must be told apart: `pkg:type/name@version?qualifiers`. */
export function parsePurl(purl: string): {
  type: string;
  name: string;
  version?: string;
  qualifiers: Record<string, string>;
} {
  const parts = /^pkg:([a-z][a-z\d.+-]*)\/([^@?#]+)(?:@([^?#]+))?(?:\?([^#]+))?$/.exec(purl);
  if (!parts) throw new Error(`\`${purl}\` is no package URL.`);
  const [, type = '', name = '', version, query] = parts;
  const pairs = (query?.split('&') ?? []).map((pair) => {
    const [, key, value] = /^([a-z][a-z\d.\-_]*)=([^=]+)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined)
      throw new Error(`\`${pair}\` of \`${purl}\` is no qualifier.`);
    return [key, decodeURIComponent(value)] as const;
  });
  const keys = pairs.map(([key]) => key);
  if (String(keys) !== String([...new Set(keys)].sort()))
    throw new Error(`The qualifiers of \`${purl}\` are not sorted.`);
  const decoded = name.split('/').map(decodeURIComponent);
  if (decoded.some((segment) => segment === '')) throw new Error(`\`${purl}\` has an empty segment.`);
  return {
    type,
    name: decoded.join('/'),
    ...(version !== undefined && { version: decodeURIComponent(version) }),
    qualifiers: Object.fromEntries(pairs),
  };
}

/** Proves the laws that every protocol keeps, on its cases and on any request. */
export function testProtocol<R extends Resource>(
  protocol: Protocol<R>,
  cases: readonly ProtocolCase<R>[],
): void {
  const requests = requestsLike(cases);
  const upstream = upstreamOf(origin);

  /** What must hold of any resource that was read from a request. */
  function expectLaws(resource: R, method: string): void {
    const formatted = protocol.format(resource);
    expect(formatted).toMatch(/^\//);
    expect(protocol.parse(requestOf(formatted, method))).toEqual(resource);

    const subject = protocol.subject(resource);
    if (subject !== undefined && protocol.subjects === 'path') expect(subject).toMatch(/^\//);
    if (subject !== undefined && protocol.subjects === 'name') expect(subject).not.toMatch(/^\/|\/$|\/\//);
    if (subject !== undefined && protocol.rename) {
      const renamed = protocol.rename(resource, subject, upstream);
      expect(protocol.subject(renamed)).toBe(subject);
      expect(protocol.rename(renamed, subject, upstream)).toEqual(renamed);
      const other = `${subject}x`;
      expect(protocol.subject(protocol.rename(resource, other, upstream))).toBe(other);
    }

    for (let next = protocol.aside?.(resource), last = resource; next; next = protocol.aside?.(next)) {
      expect(protocol.format(next)).toBe(formatted);
      expect(protocol.subject(next)?.length).toBeLessThan(protocol.subject(last)?.length ?? 0);
      expect(protocol.takes?.(next, {})).toBeTypeOf('boolean');
      last = next;
    }

    const purl = protocol.purl?.(resource, publicUrl, { name: 'a', version: '1' });
    if (purl !== undefined) expect(parsePurl(purl).type).toMatch(/^[a-z]/);
  }

  const held = { ...upstream, authenticated: true };
  const own = { ...held, delegated: true };

  /** A delivery is one that can be carried out, in any mode. */
  function expectDeliveries(resource: R, method: string): void {
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const contexts = [undefined, upstream, held, own].flatMap((to) => {
        const context = contextOf(mode, to, method);
        return [context, { ...context, authorized: true }];
      });
      for (const context of contexts) {
        const delivery = protocol.deliver(resource, context);
        expectDelivery(delivery, method);
      }
    }
  }

  function expectDelivery(delivery: Delivery, method: string): void {
    if (delivery.type === 'redirect' && protocol.statuses)
      expect(protocol.statuses).toContain(delivery.status);
    if (delivery.type === 'respond') expectAnswer(delivery.answer);
    else if (delivery.type === 'refer') expectAnswer(delivery.answer(`${origin}/x?y=z`));
    else if (delivery.type === 'carry') expect(protocol.carry).toBeDefined();
    // RFC 9110 §15.4: only these keep the method.
    else if (delivery.type === 'redirect' && method !== 'GET' && method !== 'HEAD')
      expect([307, 308]).toContain(delivery.status);
    else if (delivery.type === 'proxy' && delivery.delivery === 'rewrite')
      expect(protocol.rewrite).toBeDefined();
  }

  describe(`${protocol.name}: a request`, () => {
    test.each(cases.map((each) => [each.title, each] as const))(
      'for %s',
      (_, { method = 'GET', path, query, canonical, resource }) => {
        expect(protocol.parse({ method, path, query })).toEqual(resource);
        if (resource === undefined) return;
        expect(protocol.format(resource)).toBe(canonical ?? (query ? `${path}?${query}` : path));
        expectLaws(resource, method);
        expectDeliveries(resource, method);
      },
    );
  });

  describe(`${protocol.name}: for any request`, () => {
    test('what is read is written in one form, which a URL parser leaves as it is', busy, () => {
      let read = 0;
      fc.assert(
        fc.property(requests, (request) => {
          if (findRequestProblem({ scheme: 'https', host: 'get.acme.example', ...request })) return;
          const resource = protocol.parse(request);
          if (!resource) return;
          read++;
          expectLaws(resource, request.method);
          expectDeliveries(resource, request.method);
          const formatted = protocol.format(resource);
          // In a query, a URL parser encodes what some clients send raw.
          const [path = '', ...query] = formatted.split('?');
          const encoded = query
            .join('?')
            .replace(/["<>']/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
          const url = new URL(origin + formatted);
          expect(url.origin).toBe(origin);
          expect(url.href).toBe(origin + path + (query.length > 0 ? `?${encoded}` : ''));
        }),
        { numRuns: 1500 },
      );
      expect(read).toBeGreaterThan(50);
    });

    test('nothing throws, not even on what is no request', busy, () => {
      const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string());
      const any = fc.oneof(
        requests,
        fc.record({
          method: fc.oneof(fc.constantFrom(...methods), text),
          path: fc.oneof(
            text,
            text.map((path) => `/${path}`),
          ),
          query: fc.option(text, { nil: undefined }),
        }),
      );
      fc.assert(
        fc.property(any, (request) => {
          const resource = protocol.parse(request);
          if (!resource) return;
          protocol.format(resource);
          const subject = protocol.subject(resource);
          if (subject !== undefined) protocol.rename?.(resource, subject, upstream);
          protocol.purl?.(resource, publicUrl, { name: request.path, version: request.path });
          protocol.aside?.(resource);
          protocol.deliver(resource, contextOf('auto', upstream, request.method));
        }),
        { numRuns: 500 },
      );
    });
  });

  describe(`${protocol.name}: a refusal`, () => {
    test.each([400, 401, 403, 404, 405, 414, 429, 500, 502, 503, 504])('of %i says why', (status) => {
      const refusal = {
        status,
        message: 'It is "so".',
        headers: { 'retry-after': '10', allow: 'GET, HEAD' },
      };
      const answer = protocol.refuse(refusal);
      expect(answer.status).toBe(status);
      expect(answer.headers).toMatchObject(refusal.headers);
      expect(answer.body).toMatch(/It is \\?"so\\?"\./);
      expectAnswer(answer);
      expectAnswer(protocol.refuse({ status, message: 'Without fields.' }));
    });
  });

  test(`${protocol.name}: how to use a rule is one line, with its name and where it is`, () => {
    const subject = protocol.subjects === 'path' ? '/cli/<version>' : 'acme/<name>';
    const line = protocol.usage(subject, publicUrl);
    expect(line).toContain(subject);
    expect(line).toContain(publicUrl.replace('https://', ''));
    expect(line).not.toMatch(/[\r\n]/);
  });

  test(`${protocol.name}: where an upstream is, is an origin, and found once`, () => {
    for (const address of [origin, 'http://localhost:5000', 'https://docker.io']) {
      const located = protocol.locate?.(address) ?? address;
      expect(new URL(located).origin).toBe(located);
      expect(protocol.locate?.(located) ?? located).toBe(located);
    }
  });
}
