import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Protocol } from '../../src/core/protocol.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { createCollector, type Finding, formatReport, type Journal, verify } from '../../src/verify/index.ts';
import { npmPages, registryPages } from './pages.ts';
import { type Answer, type Pages, rulesOf, type Site, siteOf, transportTo, verifySites } from './sites.ts';

const image = registryPages('acme/app', { '1.0': ['base', 'one'], '1.1': ['base', 'two'] });
const registry = siteOf(image);
const registryRule = { protocol: oci as Protocol, names: ['acme/app'] };
const oneTag = '/v2/acme/app/manifests/1.1';

/** The site with another answer at some paths. */
function answering(
  site: Site,
  matches: (method: string, path: string) => boolean,
  answer: ReturnType<Site>,
): Site {
  return (request) => (matches(request.method, request.path) ? answer : site(request));
}

function journalOf(done: Map<string, readonly Finding[]>): Journal {
  return { has: (name) => done.has(name), finish: (name, findings) => void done.set(name, findings) };
}

describe('a second upstream that', () => {
  const status = (code: number): Answer => ({ status: code, body: '' });
  test.each<[title: string, answer: ReturnType<Site>, reason: RegExp]>([
    ['answers 401', status(401), /^B answers 401$/],
    ['answers 403', status(403), /^B answers 403$/],
    ['answers 429 and goes on to', status(429), /^B answers 429$/],
    [
      'answers 429 and wants a long pause',
      { status: 429, headers: { 'retry-after': '3600' } },
      /^B answers 429$/,
    ],
    ['answers 500', status(500), /^B answers 500$/],
    ['breaks off', { body: '{"schema', broken: true }, /^B breaks its answer off$/],
    [
      'answers with what is no manifest',
      { body: 'Please log in.' },
      /^B answers with what is no JSON object$/,
    ],
    ['redirects to no address', { status: 302, headers: { location: 'https://[' } }, /^B /],
    ['redirects in a circle', { status: 302, headers: { location: oneTag } }, /^B /],
    ['hangs', 'hang', /^B does not answer in time$/],
    ['refuses connections', 'refuse', /^B does not answer: https:\/\/b\.example: connect ECONNREFUSED$/],
  ])('%s is not the same, and is said why', async (_, answer, reason) => {
    const b = answering(registry, (_method, path) => path === oneTag, answer);
    const verified = await verifySites({
      ...registryRule,
      a: registry,
      b,
      timeout: 100,
      longestWait: 20,
    });
    expect(verified.told).toEqual(['unchecked acme/app:1.1: all']);
    expect(verified.findings[0]).toMatchObject({ reason: expect.stringMatching(reason) });
    expect(verified.checked).toHaveLength(2);
  });

  test.each(['0', 'Mon, 23 Nov 2026 08:00:00 GMT', 'soon'])(
    'answers 429 once is asked again after the pause that it wants: %s',
    async (after) => {
      let refused = 0;
      const b: Site = (request) =>
        request.path === oneTag && refused++ === 0
          ? { status: 429, headers: { 'retry-after': after } }
          : registry(request);
      const { told } = await verifySites({ ...registryRule, a: registry, b, longestWait: 1000 });
      expect(told).toEqual([]);
      expect(refused).toBeGreaterThan(1);
    },
  );

  test.each([405, 403, 501])('refuses HEAD of blobs with %i is asked with GET', async (code) => {
    const b = answering(
      registry,
      (method, path) => method === 'HEAD' && path.includes('/blobs/'),
      status(code),
    );
    const { told } = await verifySites({ ...registryRule, a: registry, b });
    expect(told).toEqual([]);
  });

  test('refuses HEAD of manifests does not answer HEAD and GET alike', async () => {
    const b = answering(registry, (method, path) => method === 'HEAD' && path === oneTag, status(405));
    const { findings } = await verifySites({ ...registryRule, a: registry, b });
    expect(findings).toEqual([
      {
        type: 'differs',
        name: 'acme/app:1.1',
        what: 'HEAD of the manifest',
        a: 'GET 200',
        b: 'HEAD 405',
      },
    ]);
  });

  test('is not there at all ends the verification before all of it is tried', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `/${index}`);
    const a = () => ({ body: 'x' });
    const { ending, checked } = await verifySites({ a, b: () => 'refuse', names });
    expect(ending.stopped).toBe('unreachable');
    expect(checked.length).toBeLessThan(40);
  });

  test('redirects is followed where its rule allows it', async () => {
    const moved = (host: string) => () => ({
      status: 302,
      headers: { location: `https://${host}/x?sig=secret` },
    });
    const others = { 'https://cdn.example': siteOf({ '/x': 'one' }) };
    const a = siteOf({ '/x': 'one' });
    const good = await verifySites({ a, b: moved('cdn.example'), names: ['/x'], others });
    // The query that was signed is no path of the site's.
    expect(good.told).toEqual([]);
    const bad = await verifySites({ a, b: moved('10.0.0.1'), names: ['/x'], others });
    expect(bad.findings).toMatchObject([{ reason: 'B leads to 10.0.0.1, which the rule does not allow' }]);
  });
});

test('the first upstream that has no such name is no proof of anything', async () => {
  const { told } = await verifySites({
    ...registryRule,
    a: siteOf({}),
    b: registry,
    names: ['acme/app'],
  });
  expect(told).toEqual(['unchecked acme/app: tags']);
});

test('what another rule takes is not verified', async () => {
  const own = {
    name: 'acme',
    host: 'get.acme.dev',
    at: '/dl/',
    to: ['https://a.example', 'https://b.example'],
  };
  const a = siteOf({ '/x': 'one' });
  const { told } = await verifySites({ config: { ...own, match: '/only' }, a, b: a, names: ['/x'] });
  expect(told).toEqual(['unchecked /x: file']);
});

test('a rule that has nothing to list wants names', async () => {
  await expect(verifySites({ a: registry, b: registry })).rejects.toThrow(/Say what to verify: paths/);
});

test('credentials of the rule go to the upstreams that they are for, and into no finding', async () => {
  const seen: unknown[] = [];
  const asking =
    (name: string): Site =>
    ({ headers }) => {
      seen.push([name, headers.authorization]);
      return { status: headers.authorization ? 200 : 401, body: name };
    };
  const to = [
    { url: 'https://a.example', auth: { username: 'joe', password: 'secret-a' } },
    { url: 'https://b.example', auth: { token: 'secret-b' } },
  ];
  const { findings } = await verifySites({ config: { to }, a: asking('a'), b: asking('b'), names: ['/x'] });
  expect(findings).toMatchObject([{ what: 'content' }]);
  expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(
    new Set([`["a","Basic ${btoa('joe:secret-a')}"]`, '["b","Bearer secret-b"]']),
  );
  expect(JSON.stringify(findings)).not.toContain('secret');
});

test('what a client would show goes to upstreams that want it, and along no redirect', async () => {
  const seen: unknown[] = [];
  const a: Site = ({ headers }) => {
    seen.push(headers.authorization);
    return { status: 302, headers: { location: 'https://cdn.example/x' } };
  };
  const cdn: Site = ({ headers }) => {
    expect(headers.authorization).toBeUndefined();
    return { body: 'x' };
  };
  const authorization = `Basic ${btoa('joe:secret')}`;
  const config = { auth: 'client' as const };
  const others = { 'https://cdn.example': cdn };
  const { told } = await verifySites({ config, a, b: a, others, names: ['/x'], authorization });
  expect(told).toEqual([]);
  expect(new Set(seen)).toEqual(new Set([authorization]));
});

test('a host with its own port is asked with it', async () => {
  const packument = npmPages('https://a.example', 'cli', ['1.0.0']);
  const other = npmPages('https://b.example', 'cli', ['1.0.0']);
  for (const host of ['get.acme.dev:443', 'get.acme.dev:8443', '*.acme.dev', '[::1]']) {
    const config = { host, at: '/npm/' };
    const sites = { a: siteOf(packument), b: siteOf(other) };
    const verified = await verifySites({ protocol: npm as Protocol, config, names: ['cli'], ...sites });
    expect([host, verified.told, verified.checked.length]).toEqual([host, [], 2]);
  }
});

test('a budget that is used up ends it with what is known', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `/${index}`);
  const a: Site = () => ({ body: 'x' });
  const { ending, checked } = await verifySites({ a, b: a, names, budget: 60, concurrency: 2 });
  expect(ending.stopped).toBe('budget');
  expect(ending.requests.a + ending.requests.b).toBe(60);
  expect(checked.length).toBeGreaterThan(5);
  expect(checked.length).toBeLessThan(11);
});

test('an interruption ends it with what is known', async () => {
  const controller = new AbortController();
  let requests = 0;
  const a: Site = () => {
    if (++requests === 40) controller.abort();
    return requests > 40 ? 'hang' : { body: 'x' };
  };
  const names = Array.from({ length: 50 }, (_, index) => `/${index}`);
  const { ending, checked } = await verifySites({ a, b: a, names, signal: controller.signal });
  expect(ending.stopped).toBe('interrupted');
  expect(checked.flatMap(({ findings }) => findings)).toEqual([]);
});

test('what a journal has is not asked for again, and what could not be checked is', async () => {
  const done = new Map<string, readonly Finding[]>();
  const journal = journalOf(done);
  const pages = { '/0': 'x', '/1': 'x', '/2': 'x', '/3': 'x' };
  const names = Object.keys(pages);
  const broken = answering(siteOf(pages), (_, path) => path === '/2', { status: 500 });
  const first = await verifySites({
    a: siteOf(pages),
    b: broken,
    names,
    journal,
    budget: 14,
    concurrency: 1,
  });
  expect(first.ending.stopped).toBe('budget');
  expect([...done.keys()]).toEqual(['/0', '/1']);
  const asked: string[] = [];
  const b: Site = (request) => {
    asked.push(request.path);
    return siteOf({ ...pages, '/3': 'y' })(request);
  };
  const second = await verifySites({ a: siteOf(pages), b, names, journal });
  expect(second.ending).toMatchObject({ resumed: 2, stopped: undefined });
  expect(second.told).toEqual(['differs /3: sha256']);
  expect(new Set(asked)).toEqual(new Set(['/2', '/3']));
});

/** A mutation of one element, and what is then found. */
type Mutation = (
  images: Record<string, readonly string[]>,
  tag: string,
) => readonly [pages: Pages, told: string];

const mutations: readonly Mutation[] = [
  (images, tag) => {
    const pages: Record<string, Pages[string]> = registryPages('acme/app', images);
    delete pages[`/v2/acme/app/manifests/${tag}`];
    return [pages, `missing acme/app:${tag}: tag`];
  },
  (images, tag) => [
    registryPages('acme/app', { ...images, [tag]: [...(images[tag] ?? []), 'one more'] }),
    `differs acme/app:${tag}: digest`,
  ],
];

test('equal registries have no findings, and one changed element is the one finding', async () => {
  const images = fc.dictionary(
    fc.stringMatching(/^[a-z][\w.-]{0,10}$/),
    fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
    { minKeys: 1, maxKeys: 6, noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(images, fc.nat(), fc.constantFrom(...mutations), async (content, choice, mutate) => {
      const tags = Object.keys(content);
      const tag = tags[choice % tags.length] ?? '';
      const a = siteOf(registryPages('acme/app', content));
      const equal = await verifySites({ ...registryRule, a, b: a });
      expect(equal.told).toEqual([]);
      expect(equal.checked).toHaveLength(tags.length);
      const [pages, told] = mutate(content, tag);
      const mutated = await verifySites({ ...registryRule, a, b: siteOf(pages) });
      expect(mutated.told).toEqual([told]);
    }),
    { numRuns: 40 },
  );
});

test('equal files have no findings, and one changed file is the one finding', async () => {
  const files = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string(), {
    minKeys: 1,
    maxKeys: 10,
    noNullPrototype: true,
  });
  await fc.assert(
    fc.asyncProperty(files, fc.nat(), fc.boolean(), async (content, choice, gone) => {
      const pages = Object.fromEntries(Object.entries(content).map(([name, body]) => [`/${name}`, body]));
      const names = Object.keys(pages);
      const name = names[choice % names.length] ?? '';
      const a = siteOf(pages);
      expect((await verifySites({ a, b: a, names })).told).toEqual([]);
      const other: Record<string, string> = { ...pages, [name]: `${pages[name]}!` };
      if (gone) delete other[name];
      const { told } = await verifySites({ a, b: siteOf(other), names });
      expect(told).toEqual([gone ? `missing ${name}: file` : `differs ${name}: size`]);
    }),
    { numRuns: 40 },
  );
});

test('among 10,000 artifacts the one that differs is found, and memory does not grow with their number', async () => {
  const count = 10_000;
  const odd = 7321;
  const answer = (body: string): Answer => ({ headers: { 'content-length': String(body.length) }, body });
  const site =
    (changed: boolean): Site =>
    ({ path }) =>
      answer(changed && path === `/file-${odd}` ? 'y' : 'x');
  async function* names() {
    for (let index = 0; index < count; index++) yield `/file-${index}`;
  }
  const transport = transportTo({ 'https://a.example': site(false), 'https://b.example': site(true) });
  const collector = createCollector(10);
  const running = verify({ ...rulesOf({}), transport, names: names() });
  const heaps: number[] = [];
  let step = await running.next();
  for (let checked = 1; !step.done; checked++, step = await running.next()) {
    collector.add(step.value);
    if (checked % 500 === 0) heaps.push(process.memoryUsage().heapUsed);
  }
  const report = collector.report({ rule: 'acme', a: 'A', b: 'B' }, step.value);
  expect(report.counts).toMatchObject({
    checked: count,
    same: count - 1,
    differs: 1,
    missing: 0,
    unchecked: 0,
  });
  expect(report.findings).toMatchObject([{ name: `/file-${odd}`, what: 'sha256' }]);
  expect(formatReport(report)).toContain('B does not serve what A serves.');
  // The least of the later half against the least of the first: what is left after a collection.
  const half = heaps.length / 2;
  const ratio = Math.min(...heaps.slice(half)) / Math.min(...heaps.slice(0, half));
  expect(ratio).toBeLessThan(1.5);
});
