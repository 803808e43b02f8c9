import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type PyindexResource, pyindex } from '../../src/protocols/pyindex.ts';
import { type Sent, send } from './events.ts';
import {
  contextOf,
  noTools,
  type ProtocolCase,
  parsePurl,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const is = (
  title: string,
  path: string,
  resource: PyindexResource | undefined,
  canonical = path,
): ProtocolCase<PyindexResource> => ({
  ...{ title, path, canonical, resource },
});
const file = (title: string, name: string, canonical = name): ProtocolCase<PyindexResource> =>
  is(
    title,
    `/simple/acme-cli/${name}`,
    { type: 'file', project: 'acme-cli', file: canonical },
    `/simple/acme-cli/${canonical}`,
  );

testProtocol(pyindex, [
  is('all projects', '/simple/', { type: 'root' }),
  is('all projects without the slash', '/simple', { type: 'alias', path: '/simple' }),
  is('a project', '/simple/acme-cli/', { type: 'page', project: 'acme-cli' }),
  is('a project without the slash', '/simple/acme-cli', {
    type: 'alias',
    path: '/simple/acme-cli',
    project: 'acme-cli',
  }),
  is('a project in another spelling', '/simple/Acme_.cli/', {
    type: 'alias',
    path: '/simple/Acme_.cli/',
    project: 'acme-cli',
  }),
  file('a wheel', 'acme_cli-1.0-py3-none-any.whl'),
  file('a signature', 'acme-cli-1.0.tar.gz.asc'),
  file('a local version', 'acme_cli-1.0+local-py3-none-any.whl'),
  file('an escape', 'acme_cli-1.0%2Blocal-py3-none-any.whl', 'acme_cli-1.0+local-py3-none-any.whl'),
  is(
    'a file of a project in another spelling',
    '/simple/Acme_Cli/a-1.zip',
    { type: 'file', project: 'acme-cli', file: 'a-1.zip' },
    '/simple/acme-cli/a-1.zip',
  ),
  is('no project', '/simple/-/', undefined),
  is('a file that starts with a dot', '/simple/a/.htaccess', undefined),
  is('a file with an escaped slash', '/simple/a/b%2Fc', undefined),
  is('a broken escape', '/simple/a/b%zz', undefined),
  is('something below a file', '/simple/a/b/c', undefined),
  is('another path', '/pypi/a/json', undefined),
  { title: 'an upload', method: 'POST', path: '/simple/', resource: undefined },
]);

const sha256 = 'ab'.repeat(32);
const files = [
  {
    project: 'Acme_Cli',
    filename: 'acme_cli-1.0-py3-none-any.whl',
    url: '/p/ab/acme_cli-1.0.whl',
    hashes: { sha256 },
    'requires-python': '>=3.8,<4',
  },
  {
    project: 'acme-cli',
    filename: 'acme-cli-1.0+x.tar.gz',
    url: 'https://other.example/a%2Bb.tgz?s=1',
    'gpg-sig': true,
    yanked: 'a "bug"',
  },
  { project: 'acme-cli', filename: 'acme-cli-1.0+x.tar.gz', url: '/never' },
  {
    project: 'base',
    filename: 'base-2.zip',
    url: 'http://plain.example/base-2.zip',
    hashes: { md5: 'ab' },
    'gpg-sig': false,
  },
];
const options = { files };
const get = (path: string, headers: Sent['headers'] = {}) =>
  send(pyindex, { method: 'GET', path, headers, options });

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html';

describe('a page', () => {
  test('of a project is HTML with relative links, digests and what else is known', async () => {
    const { answer } = await get('/simple/acme-cli/');
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', vary: 'Accept' });
    expect([...answer.body.matchAll(/<a .*<\/a>/g)].map(([link]) => link)).toEqual([
      `<a href="acme_cli-1.0-py3-none-any.whl#sha256=${sha256}" data-requires-python="&gt;=3.8,&lt;4">acme_cli-1.0-py3-none-any.whl</a>`,
      '<a href="acme-cli-1.0%2Bx.tar.gz" data-yanked="a &quot;bug&quot;" data-gpg-sig="true">acme-cli-1.0+x.tar.gz</a>',
    ]);
    expect(answer.body).toContain('<meta name="pypi:repository-version"');
  });

  test('of a project is JSON where that is asked for', async () => {
    const { answer } = await get('/simple/acme-cli/', { accept: JSON_TYPE });
    expect(answer.headers).toMatchObject({ 'content-type': JSON_TYPE, vary: 'Accept' });
    expect(JSON.parse(answer.body)).toEqual({
      meta: { 'api-version': '1.0' },
      name: 'acme-cli',
      files: [
        {
          filename: 'acme_cli-1.0-py3-none-any.whl',
          url: 'acme_cli-1.0-py3-none-any.whl',
          hashes: { sha256 },
          'requires-python': '>=3.8,<4',
        },
        {
          filename: 'acme-cli-1.0+x.tar.gz',
          url: 'acme-cli-1.0%2Bx.tar.gz',
          hashes: {},
          'gpg-sig': true,
          yanked: 'a "bug"',
        },
      ],
    });
  });

  test('of all projects lists them', async () => {
    const html = await get('/simple/');
    expect(html.answer.body).toMatch(/<a href="acme-cli\/">acme-cli<\/a><br\/>\s*<a href="base\/">base<\/a>/);
    const { answer } = await get('/simple/', { accept: JSON_TYPE });
    expect(JSON.parse(answer.body)).toEqual({
      meta: { 'api-version': '1.0' },
      projects: [{ name: 'acme-cli' }, { name: 'base' }],
    });
  });

  test.each<[accept: string | undefined, type: string]>([
    [undefined, 'text/html; charset=utf-8'],
    ['*/*', 'text/html; charset=utf-8'],
    ['text/*', 'text/html; charset=utf-8'],
    ['image/png', 'text/html; charset=utf-8'],
    [HTML_TYPE, HTML_TYPE],
    [`${JSON_TYPE}, ${HTML_TYPE};q=0.1, text/html;q=0.01`, JSON_TYPE],
    [`${JSON_TYPE};q=0, text/html;q=0.2`, 'text/html; charset=utf-8'],
    [`${JSON_TYPE};q=2, text/html;q=0.2`, 'text/html; charset=utf-8'],
    ['application/vnd.pypi.simple.latest+json', JSON_TYPE],
    ['application/vnd.pypi.simple.latest+html', HTML_TYPE],
  ])('for %s is %s', async (accept, type) => {
    const { answer } = await get('/simple/base/', accept === undefined ? {} : { accept });
    expect(answer.headers['content-type']).toBe(type);
  });

  test('is not sent again to a client that has it, until a file moves', async () => {
    const { answer } = await get('/simple/base/');
    const { etag = '' } = answer.headers;
    expect(etag).toMatch(/^"[\da-f]{32}"$/);
    for (const known of [etag, `"x", ${etag}`, `W/${etag}`, '*']) {
      const again = await get('/simple/base/', { 'if-none-match': known });
      expect([again.status, again.answer.body, again.answer.headers.etag]).toEqual([304, '', etag]);
    }
    const json = await get('/simple/base/', { 'if-none-match': etag, accept: JSON_TYPE });
    expect(json.status).toBe(200);
    const moved = files.map((each) => ({ ...each, url: each.url.replace('plain', 'new') }));
    const after = await send(pyindex, {
      method: 'GET',
      path: '/simple/base/',
      options: { files: moved },
      headers: { 'if-none-match': etag },
    });
    expect(after.status).toBe(200);
  });

  test('of a project without files is not there', async () => {
    expect((await get('/simple/other/')).status).toBe(404);
    expect((await send(pyindex, { method: 'GET', path: '/simple/other/' })).status).toBe(404);
  });
});

describe('a file', () => {
  const where = (config: RuleConfig, path: string, scheme: 'http' | 'https' = 'https'): string => {
    const rules = compileRules([rule(pyindex, { options, ...config })]);
    const decision = decide(rules, { method: 'GET', scheme, host: 'get.acme.example', path });
    if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
    if (decision.type === 'proxy') return `${decision.delivery} ${decision.target}`;
    return decision.type === 'respond' ? `${decision.status} ${decision.body}`.trim() : decision.type;
  };
  const wheel = '/simple/acme-cli/acme_cli-1.0-py3-none-any.whl';
  const source = '/simple/acme-cli/acme-cli-1.0+x.tar.gz';
  const plain = '/simple/base/base-2.zip';

  test.each<[config: RuleConfig, path: string, result: string]>([
    [{ to: 'https://files.example' }, wheel, '302 https://files.example/p/ab/acme_cli-1.0.whl'],
    [{ to: 'https://mirror.example/pypi/' }, wheel, '302 https://mirror.example/pypi/p/ab/acme_cli-1.0.whl'],
    [
      { to: 'https://files.example', mode: 'proxy' },
      wheel,
      'stream https://files.example/p/ab/acme_cli-1.0.whl',
    ],
    [
      { to: 'https://files.example', auth: { token: 't' } },
      wheel,
      'relay https://files.example/p/ab/acme_cli-1.0.whl',
    ],
    [{ to: 'http://files.example' }, wheel, 'stream http://files.example/p/ab/acme_cli-1.0.whl'],
    [{}, wheel, '502 The rule has no `to` that the path of this file is below.'],
    [{}, source, '302 https://other.example/a%2Bb.tgz?s=1'],
    [{ to: 'https://files.example' }, source, '302 https://other.example/a%2Bb.tgz?s=1'],
    [{ to: 'https://files.example', mode: 'proxy' }, source, 'carry'],
    [{}, `${source}.asc`, '302 https://other.example/a%2Bb.tgz.asc?s=1'],
    [{ to: 'https://files.example' }, `${wheel}.asc`, '404 No rule lists this file.'],
    [{ to: 'https://files.example' }, plain, 'carry'],
    [{}, plain, '302 http://plain.example/base-2.zip'],
    [{}, '/simple/base/base-3.zip', '404 No rule lists this file.'],
    [{ match: 'base' }, source, 'pass'],
  ])('by %j at %s: %s', (config, path, result) => {
    expect(where(config, path)).toBe(result);
  });

  test('is led to by another address of a page', () => {
    expect(where({}, '/simple/Acme_Cli/')).toBe('302');
  });

  test('with an address of its own is fetched from there where it must be', async () => {
    const context = { ...contextOf('proxy', upstreamOf('https://files.example')), options };
    const asked = (name: string) =>
      pyindex.carry?.({ type: 'file', project: 'base', file: name }, context, noTools);
    expect(await asked('base-2.zip')).toEqual({ url: 'http://plain.example/base-2.zip', status: 302 });
    expect(await asked('base-3.zip')).toMatchObject({ status: 404 });
  });

  test('is of any upstream that has it, since pip knows its digest', () => {
    expect(pyindex.tie?.({ type: 'file', project: 'a', file: 'b' })).toEqual({ type: 'content' });
    expect(pyindex.tie?.({ type: 'root' })).toBeUndefined();
  });

  test('has a package URL when its name tells the version', () => {
    const purl =
      pyindex.purl?.({ type: 'file', project: 'acme-cli', file: 'acme_cli-1.0+x-py3-none-any.whl' }, '') ??
      '';
    expect(parsePurl(purl)).toMatchObject({ type: 'pypi', name: 'acme-cli', version: '1.0+x' });
    expect(pyindex.purl?.({ type: 'file', project: 'acme-cli', file: 'x.bin' }, '')).toBeUndefined();
    expect(pyindex.purl?.({ type: 'root' }, '')).toBeUndefined();
  });
});
