import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { describe, expect, test } from 'vitest';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import {
  type Checked,
  createCollector,
  differs,
  type Ending,
  findInventory,
  formatJunit,
  formatReport,
  inventories,
  missing,
  type Report,
  readDemand,
  splitRules,
  unchecked,
} from '../../src/verify/index.ts';
import { inParallel } from '../../src/verify/pool.ts';
import { escapeXml } from '../../src/verify/report-junit.ts';
import { createSeen } from '../../src/verify/seen.ts';
import { siteOf, verifySites } from './sites.ts';

const about = { rule: 'acme', a: 'https://a.example', b: 'https://b.example' };
const whole: Ending = { requests: { a: 3, b: 4 }, resumed: 0, stopped: undefined };
const same: Checked = { name: '/same', findings: [] };
const gone: Checked = { name: '/gone', findings: [missing('/gone', 'file')] };
const other: Checked = { name: '/other', findings: [differs('/other', 'size', 1, 2, 'a note')] };
const unclear: Checked = { name: '/x', findings: [unchecked('/x', 'file', 'B answers 500')] };

function reportOf(checked: readonly Checked[], ending: Partial<Ending> = {}, most?: number): Report {
  const collector = createCollector(most);
  for (const each of checked) collector.add(each);
  return collector.report(about, { ...whole, ...ending });
}

test.each([
  ['same', [same], {}],
  ['differs', [same, gone], {}],
  ['differs', [other, unclear], { stopped: 'budget' }],
  ['unknown', [same, unclear], {}],
  ['unknown', [same], { stopped: 'interrupted' }],
  ['unknown', [], {}],
] as const)('the result is %s', (result, checked, ending) => {
  expect(reportOf(checked, ending).result).toBe(result);
});

test('a report counts everything, and keeps as many findings as it may, the most demanded ones', () => {
  const many = Array.from({ length: 100 }, (_, demand): Checked => {
    return { name: `/${demand}`, demand, findings: [{ ...missing(`/${demand}`, 'file'), demand }] };
  });
  const { counts, findings, omitted } = reportOf(many, {}, 3);
  expect(counts.missing).toBe(100);
  expect(findings.map(({ name }) => name)).toEqual(['/99', '/98', '/97']);
  expect(omitted).toBe(97);
});

test('people read what is missing, what differs with both values, and what could not be checked', () => {
  const collector = createCollector();
  collector.add({ ...gone, demand: 30, findings: [{ ...missing('/gone', 'file'), demand: 30 }] });
  for (const checked of [same, other, unclear]) collector.add(checked);
  const text = formatReport(collector.report(about, { ...whole, stopped: 'budget', resumed: 2 }, 60));
  expect(text).toBe(`acme: A is https://a.example, B is https://b.example
4 checked, 1 the same, 1 missing, 1 different, 1 not checked; 7 requests
2 of them were checked before.
30 of 60 logged downloads (50.0 %) are of names with a finding.

Missing at B:
  /gone: file [30 downloads]

Different:
  /other: size
      A 1
      B 2
      a note

Could not be checked:
  /x: file: B answers 500

It ended early: the budget of requests is used up.
B does not serve what A serves.
`);
});

test('what an upstream writes cannot steer a terminal', () => {
  const text = formatReport(reportOf([{ name: 'x', findings: [differs('x', 'etag', '\u001b[2J', 'a\nb')] }]));
  expect(text).not.toContain('\u001b');
  expect(text).toContain('B a\u{fffd}b');
});

/** Reads JUnit XML. */
function readJunit(xml: string) {
  const cases: { name: string; result: string; message: string }[] = [];
  const suites: Record<string, string>[] = [];
  const parser = new Parser(
    {
      onopentag(tag, attributes) {
        if (tag === 'testsuite') suites.push(attributes);
        if (tag === 'testcase') cases.push({ name: attributes.name ?? '', result: 'passed', message: '' });
        const last = cases.at(-1);
        if (last && (tag === 'failure' || tag === 'error'))
          Object.assign(last, { result: tag, message: attributes.message });
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return { cases, suite: suites[0] };
}

test('JUnit has a failure for what differs, and an error for what could not be told', () => {
  const { cases, suite } = readJunit(
    formatJunit(reportOf([same, gone, other, unclear], { stopped: 'budget' })),
  );
  expect(suite).toMatchObject({ name: 'turnout verify acme', tests: '5', failures: '2', errors: '2' });
  expect(cases).toEqual([
    { name: '1 names are the same', result: 'passed', message: '' },
    { name: '/gone: file', result: 'failure', message: 'missing at B' },
    { name: '/other: size', result: 'failure', message: 'A 1, B 2; a note' },
    { name: '/x: file', result: 'error', message: 'B answers 500' },
    { name: 'all of it', result: 'error', message: 'stopped: budget' },
  ]);
});

test('JUnit says that findings are left out', () => {
  const { cases, suite } = readJunit(formatJunit(reportOf([gone, other], {}, 1)));
  expect(suite).toMatchObject({ tests: '3', failures: '2', errors: '0' });
  expect(cases.at(-1)).toMatchObject({ result: 'failure', message: '1 findings more' });
});

test('any text is an attribute, and read back as it was where XML has its characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeXml(text);
      expect(escaped).not.toMatch(/[<>"'\t\n\r]|&(?!(?:amp|lt|gt|quot|apos|#\d+);)/);
      let read = '';
      const onopentag = (_: string, { value = '' }: { [name: string]: string }) => {
        read = value;
      };
      const parser = new Parser({ onopentag }, { xmlMode: true });
      parser.end(`<x value="${escaped}"/>`);
      const shown = text.replace(/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
      expect(read).toBe(shown);
    }),
  );
});

describe('an access log', () => {
  const line = (path: string, more: object = {}) =>
    JSON.stringify({ method: 'GET', path, status: 200, rule: 'acme', ...more });
  const lines = [
    line('/dl/a?token=secret'),
    line('/dl/a'),
    line('/dl/b', { status: 302 }),
    line('/dl/c', { status: 404 }),
    line('/dl/d', { rule: 'other' }),
    line('/dl/e', { method: 'HEAD' }),
    'turnout ready at http://127.0.0.1:8080',
    '{"half',
    'null',
  ];

  test('tells how often what was downloaded, and which names there are', async () => {
    const demand = await readDemand(lines, 'acme');
    expect(demand.total).toBe(3);
    expect(['/dl/a', '/dl/b', '/dl/c'].map((path) => demand.count(path))).toEqual([2, 1, 0]);
    expect(demand.names(findInventory('file'), '/dl/')).toEqual(['/a', '/b']);
  });

  test('weighs findings', async () => {
    const demand = await readDemand(lines, 'acme');
    const { findings } = await verifySites({
      config: { at: '/dl/' },
      a: siteOf({ '/a': 'a', '/b': 'b' }),
      b: siteOf({ '/b': 'B' }),
      names: demand.names(findInventory('file'), '/dl/'),
      demand,
    });
    expect(findings.map(({ name, demand }) => [name, demand])).toEqual([
      ['/a', 2],
      ['/b', 1],
    ]);
  });
});

test.each([
  ['oci', '/v2/acme/tags/manifests/1.0', 'acme/tags'],
  ['oci', '/v2/', undefined],
  ['npm', '/@acme%2fcli', '@acme/cli'],
  ['npm', '/@acme/cli/-/cli-1.0.0.tgz', '@acme/cli'],
  ['npm', '/-/ping', undefined],
  ['pypi', '/files/acme-cli/acme_cli-1.0.tar.gz', 'acme-cli'],
  ['pypi', '/simple/acme-cli/', 'acme-cli'],
  ['apt', '/dists/stable/InRelease', 'dists/stable'],
  ['rpm', '/el/9/repodata/repomd.xml', '/el/9'],
  ['helm', '/charts/server/1.0.0/server-1.0.0.tgz', 'server'],
  ['maven', '/dev/acme/cli/1.0/cli-1.0.jar', 'dev.acme:cli'],
  ['maven', '/dev/acme/cli/maven-metadata.xml', undefined],
  ['nix', `/${'a'.repeat(32)}.narinfo`, 'a'.repeat(32)],
  ['cargo', '/any/path', '/any/path'],
])('of %s, %s belongs to %s', (protocol, path, name) => {
  expect(findInventory(protocol).nameOf?.(path)).toBe(name);
});

test('every inventory says what its names are', () => {
  for (const { name, names } of inventories)
    expect([name, names]).toEqual([name, expect.stringMatching(/\w/)]);
});

describe('the rules of both sides', () => {
  const acme = rule(file, {
    name: 'acme',
    to: [
      { url: 'https://a.example', weight: 1, auth: { token: 'abc' } },
      { url: 'https://b.example', weight: 0 },
    ],
  });
  const another = rule(file, { host: 'other.dev', to: 'https://c.example' });

  test('lead to the first upstream and the second, for everybody', () => {
    const { a, b } = splitRules([acme, another], 'acme');
    expect([a[0]?.to, b[0]?.to]).toEqual([
      { url: 'https://a.example', auth: { token: 'abc' }, allow: undefined },
      { url: 'https://b.example', auth: undefined, allow: undefined },
    ]);
    expect([a[1], b[1]]).toEqual([another, another]);
  });

  test('lead to another address without the credential of the first', () => {
    expect(splitRules([acme], 'acme', 'https://d.example').b[0]?.to).toMatchObject({
      url: 'https://d.example',
      auth: undefined,
    });
  });

  test.each([
    ['acne', undefined, /There is no rule `acne`; there is `acme`, `rules\[1\]`/],
    ['rules[1]', undefined, /has one upstream; say with --to/],
  ])('are not made of %s', (name, to, message) => {
    expect(() => splitRules([acme, another], name, to)).toThrow(message);
  });

  test('are not made of a rule that leads nowhere', () => {
    expect(() => splitRules([rule(file, { name: 'here' })], 'here')).toThrow(/leads nowhere/);
  });
});

test('what was seen is remembered, and the oldest of it forgotten', () => {
  const seen = createSeen(4);
  const all = ['a', 'b', 'a', 'c', 'd', 'e', 'a'];
  expect(all.map((name) => seen.isNew(name))).toEqual([true, true, false, true, true, true, true]);
});

test('so much is worked on at a time, and a mistake ends it when all of it has ended', async () => {
  let running = 0;
  let most = 0;
  async function* source() {
    for (let index = 0; index < 20; index++) yield index;
  }
  const work = async (index: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (index === 15) throw new Error('15');
    return index;
  };
  const done: number[] = [];
  const all = async () => {
    for await (const index of inParallel(source(), 3, work)) done.push(index);
  };
  await expect(all()).rejects.toThrow('15');
  expect(most).toBe(3);
  expect(running).toBe(0);
  expect(done.length).toBeGreaterThan(11);
});
